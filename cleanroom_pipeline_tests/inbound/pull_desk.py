"""Runs of a pull's ops by Dagster, over AppFlow and a ledger in memory.

Here: the ops' surroundings. Not here: what is expected of them (`test_appflow_runs`,
`test_appflow_interrupts`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.inbound.appflow import (
    PullSettings,
    start_appflow_run,
    wait_for_appflow_run,
)
from cleanroom_pipeline.inbound.appflow_start import RUN_KIND
from cleanroom_pipeline.ledger import Delivery, Ledger
from cleanroom_pipeline.model import CONNECTOR_TAG, SCHEDULED_TAG
from cleanroom_pipeline.notify.message import Outcome, build_message
from cleanroom_pipeline.notify.ops import facts_of
from cleanroom_pipeline_tests.e2e_in_process.chain import as_they_are
from cleanroom_pipeline_tests.inbound.appflow_stand_in import Execution, MemoryAppFlow
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

    def logs(self, result: dg.ExecuteInProcessResult) -> str:
        """Return what a run said."""
        return "\n".join(entry.user_message for entry in self.instance.all_logs(result.run_id))

    def turn(self, state: str, put_failures: int = 0) -> Callable[[], None]:
        """Return what gives the execution a state."""

        def do() -> None:
            execution = self.execution
            execution.state, execution.put_failures = state, put_failures
            execution.message = "The limit was reached" if state == "Error" else ""

        return do

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
