"""What an execution means for a pull, as pure functions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.aws.appflow import FlowExecution
from cleanroom_pipeline.inbound.appflow_execution import (
    CLOCKS_DIFFER,
    LISTED_WITHIN,
    TOKEN_KNOWN,
    Recorded,
    Step,
    client_token,
    failure_of,
    lost_execution,
    newest_in_progress,
    next_step,
    pull_reference,
)
from cleanroom_pipeline.local_aws.service_model import check
from cleanroom_pipeline.model import SCHEDULED_TAG
from cleanroom_pipeline_tests.inbound.appflow_stand_in import MODEL, NEW_STATE

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TICK = {SCHEDULED_TAG: "2026-11-24T12:00:00+00:00"}
SHAPE: Any = MODEL.model.shape_for("ClientToken")


def execution(
    state: str, *, name: str = "e1", at: datetime | None = NOON, failures: int = 0, said: str = ""
) -> FlowExecution:
    return FlowExecution(name, state, said, 0, 0, failures, at)


@given(reference=st.text(max_size=300), attempt=st.integers(1, 99))
def test_any_token_is_one_that_appflow_takes(reference: str, attempt: int) -> None:
    assert check(SHAPE, client_token(reference, attempt)) == []


@given(
    pulls=st.lists(st.tuples(st.text(max_size=20), st.integers(1, 99)), unique=True, max_size=20)
)
def test_other_pulls_and_other_attempts_have_other_tokens(pulls: list[tuple[str, int]]) -> None:
    assert len({client_token(*pull) for pull in pulls}) == len(pulls)


def test_runs_of_one_tick_are_one_pull_and_so_are_a_run_and_its_repetitions() -> None:
    by_tick = pull_reference("f", TICK, TICK, "run-1")
    assert by_tick == pull_reference("f", TICK, TICK, "run-2")
    # Whoever runs it again from the UI may leave out the tick's tag; the first run has it.
    assert by_tick == pull_reference("f", {}, TICK, "run-1")
    by_hand = pull_reference("f", {}, {}, "run-1")
    assert by_hand == pull_reference("f", {}, {}, "run-1")
    others = {
        pull_reference("f", {}, {}, "run-2"),
        pull_reference("g", TICK, {}, "run-1"),
        pull_reference("f", {SCHEDULED_TAG: "2026-11-24T13:00:00+00:00"}, {}, "run-1"),
    }
    assert len({by_tick, by_hand} | others) == 5


AGES = {"new": timedelta(0), "older": LISTED_WITHIN, "oldest": TOKEN_KNOWN}


@pytest.mark.parametrize(
    ("execution_id", "found", "age", "step"),
    [
        ("", None, "new", Step.START),
        ("", None, "older", Step.START),
        ("", None, "oldest", Step.FIND),
        ("e1", None, "new", Step.ATTACH),
        ("e1", None, "older", Step.START_AGAIN),
        ("e1", execution("InProgress"), "oldest", Step.ATTACH),
        ("e1", execution("CancelStarted"), "oldest", Step.ATTACH),
        ("e1", execution("Successful"), "oldest", Step.ATTACH),
        ("e1", execution(NEW_STATE), "oldest", Step.ATTACH),
        ("e1", execution("Successful", failures=1), "new", Step.START_AGAIN),
        ("e1", execution("Error"), "new", Step.START_AGAIN),
        ("e1", execution("Canceled"), "new", Step.START_AGAIN),
    ],
)
def test_what_is_recorded_decides_whether_a_pull_is_started(
    execution_id: str, found: FlowExecution | None, age: str, step: Step
) -> None:
    assert next_step(Recorded(execution_id, 1, NOON), found, NOON + AGES[age]) is step


def test_nothing_recorded_is_nothing_started() -> None:
    assert next_step(None, None, NOON) is Step.START


def test_a_lost_start_is_the_first_that_began_after_the_intent_and_did_not_fail() -> None:
    def at(minutes: int, state: str, name: str) -> FlowExecution:
        return execution(state, name=name, at=NOON + timedelta(minutes=minutes))

    early = execution("Successful", name="early", at=NOON - CLOCKS_DIFFER * 2)
    listed = [at(9, "InProgress", "b"), early, at(3, "Error", "x"), at(5, "Successful", "a")]
    found = lost_execution(listed, NOON)
    assert found
    assert found.execution_id == "a"
    assert lost_execution([early, execution("Successful", at=None)], NOON) is None
    # AppFlow's clock may be behind ours.
    assert lost_execution([execution("Successful", at=NOON - CLOCKS_DIFFER)], NOON)


def test_what_is_running_is_in_progress_and_not_being_cancelled() -> None:
    assert newest_in_progress([execution("CancelStarted"), execution("Successful")]) is None
    assert newest_in_progress([execution("InProgress", at=None)])


def test_a_failure_says_what_appflow_says_and_no_address() -> None:
    failure = failure_of(execution("Error", said="no\x1b[31m for jane@example.com"), "Execution e1")
    assert str(failure) == "Execution e1 ended as Error. AppFlow says: no?[31m for (address)"
