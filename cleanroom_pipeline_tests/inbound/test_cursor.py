from datetime import UTC, datetime

import pytest

from cleanroom_pipeline.inbound.cursor import Cursor
from cleanroom_pipeline.inbound.reconcile import Pass

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", [None, "", "garbage", "[]", '{"version": 1}', '{"version": 9}'])
def test_a_cursor_that_is_missing_older_or_damaged_is_a_new_one(text: str | None) -> None:
    assert Cursor.from_text(text) == Cursor()


@pytest.mark.parametrize(
    "cursor", [Cursor(), Cursor(None, NOON), Cursor(Pass("in/ä b.csv", NOON), NOON)]
)
def test_a_cursor_survives_dagster(cursor: Cursor) -> None:
    assert Cursor.from_text(cursor.to_text()) == cursor


def test_a_cursor_is_small_whatever_the_pass_has_seen() -> None:
    listing = Pass("k" * 1024, NOON, objects=10**9, recorded=10**9)
    assert len(Cursor(listing, NOON).to_text()) < 1300
