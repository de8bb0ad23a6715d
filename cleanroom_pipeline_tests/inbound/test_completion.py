from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.inbound.completion import (
    CompleteDelivery,
    Look,
    Nothing,
    Waiting,
    Whole,
    is_data,
    provider_run,
    quiet_period,
)
from cleanroom_pipeline.model import Arrival

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
QUIET = timedelta(minutes=5)


def arrival(key: str = "in/a.csv", at: datetime = NOON) -> Arrival:
    return Arrival(key, "v1", "etag", 1, at)


def after(**passed: float) -> datetime:
    return NOON + timedelta(**passed)


def test_nothing_pending_is_nothing_to_wait_for() -> None:
    assert isinstance(quiet_period(Look((), NOON, NOON), QUIET), Nothing)


def test_a_delivery_waits_until_the_quiet_period_after_its_newest_object_is_over() -> None:
    files = (arrival("in/a.csv"), arrival("in/b.csv", after(minutes=2)))
    waiting = quiet_period(Look(files, after(minutes=6, seconds=59), NOON), QUIET)
    assert isinstance(waiting, Waiting)
    assert waiting.until == after(minutes=7)
    assert quiet_period(Look(files, after(minutes=7), NOON), QUIET) == Whole(
        files, "Nothing changed from 12:02:00 to 12:07:00 UTC."
    )


def test_an_upload_that_began_long_ago_and_shows_now_is_not_yet_quiet() -> None:
    """A multipart upload carries the time at which it began as its LastModified."""
    look = Look((arrival(),), at=after(hours=1), unchanged_since=after(minutes=59))
    assert isinstance(quiet_period(look, QUIET), Waiting)


@given(
    ages=st.lists(st.integers(0, 3600), min_size=1, max_size=20),
    unchanged=st.integers(0, 3600),
    quiet=st.integers(1, 3600),
)
def test_no_batch_ever_holds_an_object_newer_than_the_quiet_period(
    ages: list[int], unchanged: int, quiet: int
) -> None:
    files = tuple(arrival(f"in/{number}", after(seconds=-age)) for number, age in enumerate(ages))
    look = Look(files, NOON, after(seconds=-unchanged))
    whole = quiet_period(look, timedelta(seconds=quiet))
    is_quiet = min(*ages, unchanged) >= quiet
    assert isinstance(whole, Whole) == is_quiet
    if isinstance(whole, Whole):
        assert whole.files == files


def test_an_execution_that_ended_makes_a_batch_of_its_own_files_alone() -> None:
    own, other = arrival("in/flow/e1/a"), arrival("in/flow/e2/a")
    decision = provider_run((own, other), [CompleteDelivery("e1", "in/flow/e1/", 7)])
    assert isinstance(decision, Whole)
    assert decision.files == (own,)


def test_files_of_an_execution_that_has_not_ended_wait() -> None:
    assert isinstance(provider_run((arrival("in/flow/e2/a"),), []), Waiting)


def test_a_delivery_whose_files_are_in_a_batch_already_makes_no_other() -> None:
    assert isinstance(provider_run((), [CompleteDelivery("e1", "in/flow/e1/", 7)]), Nothing)


def test_an_empty_delivery_makes_no_batch() -> None:
    assert isinstance(provider_run((), [CompleteDelivery("e1", "in/flow/e1/", 0)]), Nothing)


@pytest.mark.parametrize(
    "key",
    ["in/a.csv", "in/2026/a b.json", "in/part-00000", "in/customers-000000000000.parquet"],
)
def test_data_is_taken(key: str) -> None:
    assert is_data(key)


@pytest.mark.parametrize(
    "key",
    ["in/", "in/_SUCCESS", "in/.hidden", "in/a.csv.tmp", "in/_temporary/0/a.csv", "in/x.FILEPART"],
)
def test_markers_and_temporary_files_are_not_data(key: str) -> None:
    assert not is_data(key)
