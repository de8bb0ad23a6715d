"""The ops of a pull, run by Dagster: each state of an execution, whenever it is seen.

The states are botocore's own, and one that it doesn't know: a new one fails until it is handled.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from cleanroom_pipeline.aws.appflow import AppFlow
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.external_runs import LONGEST_QUOTE
from cleanroom_pipeline.inbound.appflow import (
    PullSettings,
    start_appflow_run,
    wait_for_appflow_run,
)
from cleanroom_pipeline.inbound.appflow_execution import EXECUTION_STATES
from cleanroom_pipeline.inbound.appflow_start import RUN_KIND
from cleanroom_pipeline.ledger import Delivery, Ledger
from cleanroom_pipeline.model import CONNECTOR_TAG, SCHEDULED_TAG
from cleanroom_pipeline.notify.message import Outcome, build_message
from cleanroom_pipeline.notify.ops import facts_of
from cleanroom_pipeline_tests.e2e_in_process.chain import as_they_are
from cleanroom_pipeline_tests.inbound.appflow_stand_in import (
    NEW_STATE,
    STATES,
    Execution,
    MemoryAppFlow,
)
from cleanroom_pipeline_tests.inbound.gate import Gate
from cleanroom_pipeline_tests.inbound.stand_ins import MemoryTable

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TICK = {SCHEDULED_TAG: NOON.isoformat(), CONNECTOR_TAG: "shop"}
SETTINGS = PullSettings(
    connector="shop",
    secret="s",
    profile="shop",
    flow="shop-clicks",
    entity="ClickEvent",
    prefix="inbound/shop/",
    timeout_minutes=60,
)


@dg.graph
def pull_graph() -> None:
    """Start and wait."""
    # One attempt: a retry would wait for seconds, and do the same.
    start = start_appflow_run.with_retry_policy(dg.RetryPolicy(max_retries=0))
    wait_for_appflow_run(start())


@dg.op
def known_execution() -> str:
    """Stands for a start whose output is kept, as it is when only the wait is done again."""
    return "e1"


@dg.graph
def wait_graph() -> None:
    """Wait again."""
    wait_for_appflow_run(known_execution())


@dataclass
class Time:
    """A clock that moves only when somebody sleeps, and what happens as it does."""

    seconds: float = 0.0
    at_sleep: list[Callable[[], None]] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        if self.at_sleep:
            self.at_sleep.pop(0)()


@dataclass
class Desk:
    """A Dagster instance, AppFlow and a ledger in memory, and runs of the ops."""

    instance: dg.DagsterInstance
    time: Time
    storage: S3Storage

    def __post_init__(self) -> None:
        self.appflow = MemoryAppFlow(self.now)
        self.ledger = Ledger(table=MemoryTable.behind(Gate()))

    def now(self) -> datetime:
        # The ops ask the wall clock when they start; AppFlow's is not far from it.
        return datetime.now(UTC)

    def run(
        self, graph: dg.GraphDefinition = pull_graph, tags: dict[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        config = {"config": SETTINGS.model_dump()}
        names = {node.name for node in graph.nodes} - {known_execution.name}
        job = graph.to_job(
            name="shop__pull_job",
            config={"ops": dict.fromkeys(names, config)},
            tags=TICK,
        )
        return job.execute_in_process(
            resources=as_they_are(
                {
                    "appflow": self.appflow.resource,
                    "ledger": self.ledger,
                    "storage": self.storage,
                }
            ),
            instance=self.instance,
            tags=TICK if tags is None else tags,
            raise_on_error=False,
        )

    def outcome(self, result: dg.ExecuteInProcessResult) -> tuple[str, str]:
        """Return the class of the error that ended a run, and the text that people are told."""
        run = self.instance.get_run_by_id(result.run_id)
        assert run
        if result.success:
            return "", ""
        facts = facts_of(self.instance, run, Outcome.FAILED)
        assert facts.failure
        return facts.failure.error, build_message(facts).text

    @property
    def execution(self) -> Execution:
        (only,) = self.appflow.executions
        return only

    @property
    def delivered(self) -> list[Delivery]:
        return list(self.ledger.pending("shop").deliveries)

    @property
    def recorded_id(self) -> str | None:
        reference = f"{SETTINGS.flow} tick {NOON.isoformat()}"
        recorded = self.ledger.external_run("shop", RUN_KIND, reference)
        return recorded.external_id if recorded else None


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    time = Time()
    monkeypatch.setattr("cleanroom_pipeline.inbound.appflow.time", time)
    storage = S3Storage(
        session=AwsSession(region="us-east-1"),
        inbound_bucket="inbound",
        transformed_bucket="transformed",
        kms_key_arn="arn:aws:kms:us-east-1:123456789012:key/none",
    )
    with dg.DagsterInstance.ephemeral() as instance:
        yield Desk(instance, time, storage)


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


def turn(desk: Desk, state: str, put_failures: int) -> Callable[[], None]:
    """Return what gives the execution a state."""

    def do() -> None:
        execution = desk.execution
        execution.state, execution.put_failures = state, put_failures
        execution.message = "The limit was reached" if state == "Error" else ""

    return do


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
    error, text = desk.outcome(when(desk, turn(desk, state, put_failures)))
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
    turn(desk, state, 0)()
    desk.run()
    assert len(desk.appflow.executions) == 1
    assert len(desk.delivered) == (state == "Successful")


def test_a_pull_that_is_run_again_delivers_once(desk: Desk) -> None:
    desk.appflow.on_start = lambda execution: setattr(execution, "state", "Successful")
    assert desk.run().success
    assert desk.run().success
    assert len(desk.appflow.executions) == len(desk.delivered) == 1


def test_runs_that_no_schedule_made_are_pulls_of_their_own(desk: Desk) -> None:
    desk.appflow.on_start = lambda execution: setattr(execution, "state", "Successful")
    assert desk.run(tags={CONNECTOR_TAG: "shop", SCHEDULED_TAG: ""}).success
    assert desk.run(tags={CONNECTOR_TAG: "shop", SCHEDULED_TAG: ""}).success
    assert len(desk.appflow.executions) == 2


def test_a_failed_execution_is_told_of_before_another_is_started(desk: Desk) -> None:
    desk.run()
    turn(desk, "Error", 0)()
    desk.appflow.on_start = lambda execution: setattr(execution, "state", "Successful")
    result = desk.run()
    assert result.success
    assert [one.execution_id for one in desk.delivered] == ["e2"]
    logs = " ".join(entry.user_message for entry in desk.instance.all_logs(result.run_id))
    assert "execution e1 ended as Error, AppFlow said: The limit was reached" in logs


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
    desk.time.at_sleep = [lambda: turn(desk, "Successful", 0)()]
    result = desk.run()
    assert result.success
    assert len(desk.delivered) == 1
    logs = [entry.user_message for entry in desk.instance.all_logs(result.run_id)]
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
    turn(desk, "Successful", 0)()
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


def interrupt(desk: Desk, *, canceled: bool) -> Callable[[], None]:
    """Return what Dagster does to a worker: a signal, after a person's cancel or without one."""

    def do() -> None:
        if canceled:
            (run,) = desk.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
            desk.instance.report_run_canceling(run)
        raise dg.DagsterExecutionInterruptedError

    return do


@pytest.mark.parametrize("canceled", [True, False])
def test_a_persons_cancel_cancels_the_execution_and_a_redeploy_does_not(
    desk: Desk, canceled: bool
) -> None:
    desk.time.at_sleep = [lambda: None, interrupt(desk, canceled=canceled)]
    assert not desk.run().success
    assert desk.execution.state == ("CancelStarted" if canceled else "InProgress")
    wanted: list[Any] = [{"flowName": "shop-clicks", "executionIds": ["e1"]}] if canceled else []
    assert desk.appflow.called("CancelFlowExecutions") == wanted


def test_after_a_redeploy_the_next_attempt_waits_for_the_same_execution(desk: Desk) -> None:
    desk.time.at_sleep = [interrupt(desk, canceled=False)]
    assert not desk.run().success
    turn(desk, "Successful", 0)()
    assert desk.run().success
    assert len(desk.appflow.executions) == len(desk.delivered) == 1


def test_the_interrupt_goes_on_where_the_execution_can_not_be_cancelled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> bool:
        raise ValueError("no")

    monkeypatch.setattr(AppFlow, "cancel", refuse)
    desk.time.at_sleep = [interrupt(desk, canceled=True)]
    assert not desk.run().success
    (run,) = desk.instance.get_runs()
    logs = " ".join(entry.user_message for entry in desk.instance.all_logs(run.run_id))
    assert "could not be stopped (ValueError): stop it by hand" in logs


def test_a_cancel_leaves_an_execution_that_another_run_may_wait_for(desk: Desk) -> None:
    @dg.job
    def shop__pull_job() -> None:
        known_execution()

    desk.instance.create_run_for_job(shop__pull_job, status=dg.DagsterRunStatus.STARTING)
    desk.time.at_sleep = [interrupt(desk, canceled=True)]
    result = desk.run()
    assert not result.success
    assert desk.execution.state == "InProgress"
    logs = " ".join(entry.user_message for entry in desk.instance.all_logs(result.run_id))
    assert "Another run goes on: execution e1 is left alone" in logs


def test_a_person_who_cancels_during_the_start_cancels_what_it_began(desk: Desk) -> None:
    desk.appflow.on_start = lambda _execution: interrupt(desk, canceled=True)()
    assert not desk.run().success
    assert desk.execution.state == "CancelStarted"


def test_a_deadline_counts_from_the_beginning_of_the_wait(desk: Desk) -> None:
    desk.run()
    assert desk.time.seconds == timedelta(minutes=60).total_seconds()
