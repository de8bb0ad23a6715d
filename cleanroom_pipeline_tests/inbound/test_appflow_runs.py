"""The ops of a pull, run by Dagster: each state of an execution, whenever it is seen.

The states are botocore's own, and one that it doesn't know: a new one fails until it is handled.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
import pytest

from cleanroom_pipeline.external_runs import LONGEST_QUOTE
from cleanroom_pipeline.inbound.appflow_execution import EXECUTION_STATES
from cleanroom_pipeline.inbound.appflow_start import RUN_KIND
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import CONNECTOR_TAG, SCHEDULED_TAG
from cleanroom_pipeline_tests.inbound.appflow_stand_in import NEW_STATE, STATES, Execution
from cleanroom_pipeline_tests.inbound.pull_desk import Desk, wait_graph


@dataclass(frozen=True)
class Expected:
    """How a pull ends: the class of its error, what is told of it, whether it is a delivery."""

    error: str
    told: str = ""
    delivered: bool = False


# Each state that an execution may be seen in, with failures of puts or without.
EXPECTED = {
    ("InProgress", 0): Expected("RunDeadlineError", "has not ended execution e1"),
    ("Successful", 0): Expected("", delivered=True),
    ("Successful", 2): Expected("PutFailuresError", "2 records could not be written"),
    ("Error", 0): Expected("RunFailedError", "ended as Error. AppFlow says: The limit was reached"),
    ("Error", 2): Expected("RunFailedError", "ended as Error. AppFlow says: The limit was reached"),
    ("CancelStarted", 0): Expected("RunCanceledError", "in CancelStarted for too long"),
    ("Canceled", 0): Expected("RunCanceledError", "ended as Canceled: somebody cancelled it"),
    (NEW_STATE, 0): Expected("UnknownStateError", f"reports the state '{NEW_STATE}'"),
}
CASES = [
    pytest.param(*case, expected, id=f"{case[0]}-{case[1]}") for case, expected in EXPECTED.items()
]


def test_every_state_of_botocores_model_has_its_expected_end() -> None:
    assert {state for state, _ in EXPECTED} == {*STATES, NEW_STATE}


def test_every_state_of_botocores_model_is_known_and_no_other() -> None:
    known = EXECUTION_STATES.going | EXECUTION_STATES.good | EXECUTION_STATES.bad
    assert known == set(STATES)


def at_the_first_poll(desk: Desk, change: Callable[[], None]) -> dg.ExecuteInProcessResult:
    desk.appflow.on_start = lambda _execution: change()
    return desk.run()


def at_a_later_poll(desk: Desk, change: Callable[[], None]) -> dg.ExecuteInProcessResult:
    desk.time.at_sleep = [lambda: None, lambda: None, change]
    return desk.run()


def after_a_retry(desk: Desk, change: Callable[[], None]) -> dg.ExecuteInProcessResult:
    """The first wait reaches its deadline; the wait alone is done again, as after a crash."""
    first = desk.run()
    assert desk.outcome(first)[0] == "RunDeadlineError"
    change()
    return desk.run(wait_graph)


@pytest.mark.parametrize("when", [at_the_first_poll, at_a_later_poll, after_a_retry])
@pytest.mark.parametrize(("state", "put_failures", "expected"), CASES)
def test_each_state_ends_a_pull_in_its_own_way_whenever_it_is_seen(
    desk: Desk,
    when: Callable[[Desk, Callable[[], None]], dg.ExecuteInProcessResult],
    state: str,
    put_failures: int,
    expected: Expected,
) -> None:
    error, text = desk.outcome(when(desk, desk.turn(state, put_failures)))
    assert error == expected.error
    assert expected.told in text
    assert ("launch shop__pull_job again" in text) == bool(expected.error)
    ids = [(one.execution_id, one.prefix, one.records) for one in desk.delivered]
    assert ids == ([("e1", "inbound/shop/shop-clicks/e1/", 3)] if expected.delivered else [])
    assert desk.recorded_id == "e1"
    assert len(desk.appflow.executions) == 1


@pytest.mark.parametrize("state", ["InProgress", "Successful", NEW_STATE])
def test_a_run_of_the_same_tick_attaches_to_what_is_not_known_to_have_failed(
    desk: Desk, state: str
) -> None:
    desk.run()
    desk.turn(state)()
    desk.run()
    assert len(desk.appflow.executions) == 1
    assert len(desk.delivered) == (state == "Successful")


def test_a_pull_that_is_run_again_delivers_once(desk: Desk) -> None:
    desk.appflow.on_start = lambda execution: setattr(execution, "state", "Successful")
    assert desk.run().success
    assert desk.run().success
    assert len(desk.appflow.executions) == len(desk.delivered) == 1


def test_a_pull_that_was_delivered_is_known_also_when_its_flow_is_gone(desk: Desk) -> None:
    desk.appflow.on_start = lambda execution: setattr(execution, "state", "Successful")
    assert desk.run().success
    desk.execution.listed = False
    desk.execution.started_at -= timedelta(days=1)
    assert desk.run().success
    assert desk.run(wait_graph).success
    assert len(desk.appflow.executions) == len(desk.delivered) == 1


def test_a_worker_that_ends_between_delivery_and_note_leaves_nothing_to_make_up_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_args: object) -> None:
        raise OSError("the worker ends")

    desk.appflow.on_start = lambda execution: setattr(execution, "state", "Successful")
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "settle_external_run", end)
        assert not desk.run().success
    assert [one.execution_id for one in desk.delivered] == ["e1"]
    assert desk.run().success
    assert desk.ledger.unsettled_runs("shop", RUN_KIND, "") == ()
    assert len(desk.appflow.executions) == len(desk.delivered) == 1


def test_runs_that_no_schedule_made_are_pulls_of_their_own(desk: Desk) -> None:
    desk.appflow.on_start = lambda execution: setattr(execution, "state", "Successful")
    assert desk.run(tags={CONNECTOR_TAG: "shop", SCHEDULED_TAG: ""}).success
    assert desk.run(tags={CONNECTOR_TAG: "shop", SCHEDULED_TAG: ""}).success
    assert len(desk.appflow.executions) == 2


def test_a_failed_execution_is_told_of_before_another_is_started(desk: Desk) -> None:
    desk.run()
    desk.turn("Error")()
    desk.appflow.on_start = lambda execution: setattr(execution, "state", "Successful")
    result = desk.run()
    assert result.success
    assert [one.execution_id for one in desk.delivered] == ["e2"]
    assert "execution e1 ended as Error, AppFlow said: The limit was reached" in desk.logs(result)


NEXT_TICK = {CONNECTOR_TAG: "shop", SCHEDULED_TAG: "2026-11-24T13:00:00+00:00"}


def test_what_an_earlier_pull_brought_after_its_deadline_is_delivered_before_the_next(
    desk: Desk,
) -> None:
    assert desk.outcome(desk.run())[0] == "RunDeadlineError"
    desk.turn("Successful")()
    desk.appflow.on_start = lambda execution: setattr(execution, "state", "Successful")
    result = desk.run(tags=NEXT_TICK)
    assert result.success
    assert [one.execution_id for one in desk.delivered] == ["e1", "e2"]
    assert "Execution e1 of an earlier pull has ended well" in desk.logs(result)
    assert "earlier pull" not in desk.logs(desk.run(tags=NEXT_TICK))


@pytest.mark.parametrize("state", ["Error", "Canceled"])
def test_of_an_earlier_pull_that_failed_nothing_is_delivered(desk: Desk, state: str) -> None:
    desk.run()
    desk.turn(state)()
    desk.appflow.on_start = lambda execution: setattr(execution, "state", "Successful")
    assert desk.run(tags=NEXT_TICK).success
    assert [one.execution_id for one in desk.delivered] == ["e2"]


def test_an_earlier_pull_that_still_goes_on_is_adopted_and_delivered_once(desk: Desk) -> None:
    desk.run()
    desk.time.at_sleep = [desk.turn("Successful")]
    assert desk.run(tags=NEXT_TICK).success
    assert [one.execution_id for one in desk.delivered] == ["e1"]
    desk.appflow.on_start = lambda execution: setattr(execution, "state", "Successful")
    assert desk.run(tags={**NEXT_TICK, SCHEDULED_TAG: "2026-11-24T14:00:00+00:00"}).success
    assert [one.execution_id for one in desk.delivered] == ["e1", "e2"]


def test_where_all_is_settled_a_start_lists_no_executions(desk: Desk) -> None:
    desk.appflow.on_start = lambda execution: setattr(execution, "state", "Successful")
    desk.run()
    desk.appflow.requests.clear()
    desk.run(tags=NEXT_TICK)
    asked = [operation for operation, _ in desk.appflow.requests]
    assert asked.index("StartFlow") < asked.index("DescribeFlowExecutionRecords")


@pytest.mark.parametrize("seen_before", [True, False])
def test_an_execution_that_is_not_listed_for_long_has_vanished(
    desk: Desk, seen_before: bool
) -> None:
    def vanish() -> None:
        desk.execution.listed = False

    if seen_before:
        desk.time.at_sleep = [vanish]
    else:
        desk.appflow.on_start = lambda execution: setattr(execution, "listed", False)
    error, text = desk.outcome(desk.run())
    assert error == "RunVanishedError"
    assert ("no longer lists" if seen_before else "never listed") in text
    assert 100 < desk.time.seconds < 200
    assert desk.delivered == []


def test_an_execution_that_is_listed_late_is_waited_for(desk: Desk) -> None:
    def appear() -> None:
        desk.execution.listed, desk.execution.state = True, "Successful"

    desk.appflow.on_start = lambda execution: setattr(execution, "listed", False)
    desk.time.at_sleep = [lambda: None, lambda: None, appear]
    assert desk.run().success
    assert len(desk.delivered) == 1


def test_a_cancellation_may_take_its_time(desk: Desk) -> None:
    desk.appflow.on_start = lambda execution: setattr(execution, "state", "CancelStarted")
    nothing: list[Callable[[], None]] = [lambda: None] * 5
    desk.time.at_sleep = [*nothing, lambda: setattr(desk.execution, "state", "Canceled")]
    error, text = desk.outcome(desk.run())
    assert (error, "ended as Canceled" in text) == ("RunCanceledError", True)


@pytest.mark.parametrize(
    "failure", [("ThrottlingException", 400), ("InternalServerException", 500)]
)
def test_calls_that_fail_in_passing_fail_no_pull(desk: Desk, failure: tuple[str, int]) -> None:
    desk.appflow.failures = [failure] * 7
    desk.time.at_sleep = [desk.turn("Successful")]
    result = desk.run()
    assert result.success
    assert len(desk.delivered) == 1
    logs = desk.logs(result).splitlines()
    told = [line for line in logs if f"{failure[0]} to DescribeFlowExecutionRecords" in line]
    assert len(told) == 7
    assert not any("jane" in line for line in logs)


def test_calls_that_never_do_else_than_fail_end_the_wait_and_leave_the_execution(
    desk: Desk,
) -> None:
    desk.appflow.failures = [("ThrottlingException", 400)] * 1000
    error, text = desk.outcome(desk.run())
    assert error == "RunDeadlineError"
    assert "nothing but failures" in text
    assert "ThrottlingException to DescribeFlowExecutionRecords, HTTP 400, request r-1" in text
    assert 900 <= desk.time.seconds < 1000
    assert desk.execution.state == "InProgress"
    desk.appflow.failures = []
    desk.turn("Successful")()
    assert desk.run().success
    assert len(desk.appflow.executions) == 1


def test_a_call_that_is_refused_for_good_ends_the_wait_at_once(desk: Desk) -> None:
    desk.appflow.failures = [("ValidationException", 400)]
    assert not desk.run().success
    assert desk.time.seconds == 0


def test_what_appflow_says_is_passed_on_without_addresses_and_in_bounds(desk: Desk) -> None:
    def fail(execution: Execution) -> None:
        execution.state, execution.message = "Error", "row of jane@example.com " + "x " * 1000

    desk.appflow.on_start = fail
    result = desk.run()
    _, text = desk.outcome(result)
    assert "row of (address) x x" in text
    logs = " ".join(str(entry.dagster_event) for entry in desk.instance.all_logs(result.run_id))
    assert "jane" not in text + logs
    assert len(text) < LONGEST_QUOTE + 1000


def test_an_empty_pull_is_a_delivery_without_records(desk: Desk) -> None:
    def end(execution: Execution) -> None:
        execution.state, execution.records = "Successful", 0

    desk.appflow.on_start = end
    assert desk.run().success
    assert [one.records for one in desk.delivered] == [0]


def test_a_deadline_counts_from_the_beginning_of_the_wait(desk: Desk) -> None:
    desk.run()
    assert desk.time.seconds == timedelta(minutes=60).total_seconds()
