from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.inbound.declared_steps import (
    OFFSET,
    unique_steps,
    utc_steps,
    with_steps_before,
)
from cleanroom_pipeline.recipe import RecipeError, parse_recipe
from cleanroom_pipeline.recipe.lineage import column_lineage
from cleanroom_pipeline.recipe.steps import Step
from cleanroom_pipeline_tests.recipe.running import run_csv

OWN = parse_recipe(
    """[

{"Action": {"Operation": "RENAME", "Parameters": {"sourceColumn": "at", "targetColumn": "time"}}}
]""",
    name="recipe.json",
)


def run(folder: Path, rows: list[Any], steps: tuple[Step, ...]) -> list[dict[str, Any]]:
    return run_csv(folder, rows, *(step.to_api() for step in steps))


@pytest.mark.parametrize(
    ("offset", "delivered", "utc"),
    [
        ("-06:00", "2024-01-15T20:30:00.250", "2024-01-16 02:30:00.250"),
        ("-06:00", "2024-07-15 20:30:00", "2024-07-16 02:30:00.000"),
        ("-06:00", "2024-12-31T18:00:00", "2025-01-01 00:00:00.000"),
        ("-06:00", "7/15/2024 8:30:00 PM", "2024-07-16 02:30:00.000"),
        ("+05:30", "2024-01-15T00:00:00", "2024-01-14 18:30:00.000"),
        ("-06:00", "2024-01-15T20:30:00Z", "2024-01-15 20:30:00.000"),
        ("-06:00", "2024-01-15T20:30:00+02:00", "2024-01-15 18:30:00.000"),
        ("-06:00", "no time", None),
        ("-06:00", "", None),
        ("-06:00", None, None),
    ],
)
def test_times_at_an_offset_become_utc_all_year_round(
    offset: str, delivered: str | None, utc: str | None, tmp_path: Path
) -> None:
    (row,) = run(tmp_path, [{"at": delivered, "n": "1"}], utc_steps(["at"], offset))
    assert row["at"] == utc


def test_columns_keep_their_names_and_places(tmp_path: Path) -> None:
    rows = [{"a": "1", "at": "2024-01-15", "b": "2", "seen": "2024-01-16", "c": "3"}]
    (row,) = run(tmp_path, rows, utc_steps(["at", "seen"], "-06:00"))
    assert list(row) == ["a", "at", "b", "seen", "c"]
    assert (row["at"], row["seen"]) == ("2024-01-15 06:00:00.000", "2024-01-16 06:00:00.000")


TIMES = st.datetimes(
    datetime(1971, 1, 1),  # noqa: DTZ001 - times without a zone are what is delivered
    datetime(2100, 1, 1),  # noqa: DTZ001
)


@given(at=TIMES, minutes=st.integers(-1080, 1080))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_time_moves_by_the_offset_to_the_millisecond(
    at: datetime, minutes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    rows = [{"at": at.isoformat(timespec="milliseconds")}]
    (row,) = run(tmp_path_factory.mktemp("utc"), rows, utc_steps(["at"], offset))
    assert datetime.fromisoformat(row["at"]) == at - timedelta(minutes=minutes)


def test_of_rows_with_the_same_key_the_first_is_kept(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "at": "x", "n": "first"},
        {"id": "2", "at": "x", "n": "other id"},
        {"id": "1", "at": "x", "n": "again"},
        {"id": "1", "at": "y", "n": "other time"},
        {"id": "1", "at": None, "n": "no time"},
        {"id": None, "at": "1", "n": "no id"},
        {"id": None, "at": "1", "n": "no id again"},
    ]
    kept = run(tmp_path, rows, unique_steps(["id", "at"]))
    assert [row["n"] for row in kept] == ["first", "other id", "other time", "no time", "no id"]
    assert list(kept[0]) == ["id", "at", "n"]


def test_no_key_is_no_step() -> None:
    assert unique_steps([]) == ()


def test_the_recipes_own_steps_follow_and_keep_their_lines() -> None:
    whole = with_steps_before(OWN, utc_steps(["at"], "-06:00"))
    assert [step.operation for step in whole.steps] == [
        "RENAME", "CONVERT_TIMEZONE", "MOVE_AFTER", "DELETE", "RENAME",
    ]  # fmt: skip
    assert [step.number for step in whole.steps] == [1, 2, 3, 4, 5]
    assert [step.line for step in whole.steps] == [None, None, None, None, 3]


def test_the_hash_and_the_lineage_cover_what_was_put_before() -> None:
    six, five = (with_steps_before(OWN, utc_steps(["at"], f"-0{n}:00")) for n in (6, 5))
    assert len({OWN.sha256, six.sha256, five.sha256}) == 3
    assert "at" in column_lineage(six, ["at", "n"])["time"].in_words
    assert six.check(["at", "n"]) == ()


@pytest.mark.parametrize(
    ("offset", "taken"),
    [("-06:00", True), ("+18:00", True), ("-18:01", False), ("06:00", False), ("-6:00", False)],
)
def test_an_offset_that_is_taken_is_one_that_the_language_knows(offset: str, taken: bool) -> None:
    assert bool(OFFSET.fullmatch(offset)) is taken
    if taken:
        assert with_steps_before(OWN, utc_steps(["at"], offset)).check() == ()


def test_a_step_that_can_not_be_right_is_refused() -> None:
    with pytest.raises(RecipeError, match="UTC-99:00' is no time zone"):
        with_steps_before(OWN, utc_steps(["at"], "-99:00"))


def test_more_steps_than_aws_allows_are_refused() -> None:
    with pytest.raises(RecipeError, match="holds 1 steps, and settings of the source add 100; AWS"):
        with_steps_before(OWN, utc_steps([str(n) for n in range(25)], "-06:00"))
