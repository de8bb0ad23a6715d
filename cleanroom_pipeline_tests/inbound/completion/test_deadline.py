import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.inbound.completion.deadline import Overdue, overdue
from cleanroom_pipeline.inbound.completion.decision import Decision, Empty, Nothing, Waiting, Whole
from cleanroom_pipeline_tests.inbound.completion.looks import NOON, after

SIX_HOURS = timedelta(hours=6)


def late(waiting: Waiting, *, since: float = 0, at: float = 7) -> Overdue:
    found = overdue(waiting, since=after(hours=since), at=after(hours=at), deadline=SIX_HOURS)
    assert found is not None
    return found


def test_a_delivery_is_overdue_from_its_deadline_on() -> None:
    waiting = Waiting("2 files are missing.", missing=("a", "b"))
    early = after(hours=6, microseconds=-1)
    assert overdue(waiting, since=NOON, at=early, deadline=SIX_HOURS) is None
    assert overdue(waiting, since=NOON, at=after(hours=6), deadline=SIX_HOURS) == Overdue(
        since=NOON,
        deadline=after(hours=6),
        waiting_for="2 files are missing.",
        missing=("a", "b"),
    )


def test_without_a_deadline_nothing_is_ever_overdue() -> None:
    assert overdue(Waiting("w"), since=NOON, at=after(days=99), deadline=None) is None


@pytest.mark.parametrize("decision", [Nothing("n"), Whole((), "w"), Empty("e")])
def test_only_what_waits_is_overdue(decision: Decision) -> None:
    assert overdue(decision, since=NOON, at=after(days=99), deadline=SIX_HOURS) is None


@given(
    at=st.floats(6, 1000),
    reason=st.text(),
    missing=st.permutations(["a", "b", "c"]),
    until=st.none() | st.just(NOON),
)
def test_people_are_told_once_while_the_same_thing_is_waited_for(
    at: float, reason: str, missing: list[str], until: None
) -> None:
    """Neither the clock, nor files that trickle in, nor the order of names is another state."""
    told = late(Waiting("3 objects wait.", missing=("a", "b", "c"))).state_id
    again = late(Waiting(reason, until=until, missing=tuple(missing)), at=at)
    assert again.state_id == told
    assert re.fullmatch(r"[0-9a-f]{12}", told)


def test_people_are_told_again_when_other_names_are_missing_or_another_delivery_is_the_oldest() -> (
    None
):
    told = late(Waiting("w", missing=("a", "b"))).state_id
    assert late(Waiting("w", missing=("a",))).state_id != told
    assert late(Waiting("w", missing=("a", "c"))).state_id != told
    assert late(Waiting("w", missing=("a", "b")), since=1).state_id != told
