"""The quiet-period sensor of a connector: one tick takes in, decides, cuts, and requests runs.

Here: how that is told to Dagster, and the cursor. Not here: how a batch is cut (`inbound.intake`),
when it is whole (`inbound.completion`).
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import dagster as dg

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.sqs import InboundQueue
from cleanroom_pipeline.inbound.completion import (
    CompleteDelivery,
    Decision,
    Look,
    Nothing,
    Waiting,
    Whole,
    provider_run,
    quiet_period,
)
from cleanroom_pipeline.inbound.intake import Drained, Found, Intake
from cleanroom_pipeline.inbound.manifest import digest
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import (
    CONNECTOR_TAG,
    PARTITION_TAG,
    WILL_RETRY_TAG,
    Batch,
    BatchState,
    utc_moment,
    utc_text,
)

DRAIN_BUDGET_SECONDS = 20.0
CURSOR_VERSION = 1


class InboundRoutes(dg.ConfigurableResource[Any]):
    """Which inbound prefix is whose: one queue serves all connectors, so each sensor knows all."""

    prefixes: dict[str, str]


class CompletionPolicy(Protocol):
    """Decides whether what is pending is whole."""

    @property
    def name(self) -> str:
        """The policy's name, which manifests keep."""

    def decide(self, look: Look, deliveries: Iterable[CompleteDelivery]) -> Decision:
        """Decide from one look, and from the deliveries that ended, the earliest first."""


@dataclass(frozen=True, slots=True)
class QuietPeriod:
    """Completion policy: whole after a time without change."""

    quiet: timedelta
    name: str = "quiet_period"

    def decide(self, look: Look, deliveries: Iterable[CompleteDelivery]) -> Decision:
        """Decide by the look alone."""
        del deliveries
        return quiet_period(look, self.quiet)


@dataclass(frozen=True, slots=True)
class ProviderRun:
    """Completion policy: whole when the provider says so."""

    name: str = "provider_run"

    def decide(self, look: Look, deliveries: Iterable[CompleteDelivery]) -> Decision:
        """Decide by the deliveries that ended."""
        return provider_run(look.pending, tuple(deliveries))


def next_look(found: Found, cursor: str | None) -> tuple[Look, str]:
    """Return what was found as a look, and the cursor that remembers it.

    A cursor that is missing, old or damaged only makes the wait begin again.
    """
    content = digest(found.pending)
    since = found.at
    try:
        remembered = json.loads(cursor or "{}")
        if remembered.get("version") == CURSOR_VERSION and remembered.get("digest") == content:
            since = min(found.at, utc_moment(remembered["since"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        since = found.at
    remembered = {"version": CURSOR_VERSION, "digest": content, "since": utc_text(since)}
    return Look(found.pending, found.at, since), json.dumps(remembered)


def said_of(decision: Decision, drained: Drained) -> str:
    """Return a tick's reason in words."""
    parts = []
    match decision:
        case Nothing(reason):
            parts.append(reason)
        case Waiting(reason, until):
            parts.append(reason + (f" Whole at {until:%H:%M:%S} UTC." if until else ""))
        case Whole(files, reason):
            parts.append(f"{len(files)} objects are whole. {reason}")
    if drained.unreadable:
        parts.append(f"{drained.unreadable} messages could not be read, and are left to redrive.")
    if drained.foreign:
        parts.append(f"{drained.foreign} objects belong to no connector.")
    return " ".join(parts)


def runs_of(instance: dg.DagsterInstance, job_name: str, batch_id: str) -> list[dg.DagsterRun]:
    """Return the runs of a job for a batch, the newest first."""
    filters = dg.RunsFilter(job_name=job_name, tags={PARTITION_TAG: batch_id})
    return [record.dagster_run for record in instance.get_run_records(filters)]


def run_request(connector: str, batch: Batch, attempt: int) -> dg.RunRequest:
    """Return the request for a run of a batch; the attempt makes a second one possible."""
    return dg.RunRequest(
        run_key=f"{batch.batch_id}__attempt{attempt}",
        partition_key=batch.batch_id,
        tags={CONNECTOR_TAG: connector},
    )


def requests_for(
    connector: str,
    job_name: str,
    ledger: Ledger,
    instance: dg.DagsterInstance,
    batches: Iterable[Batch],
    at: datetime,
) -> list[dg.RunRequest]:
    """Request a run for each batch that is cut and has none; note those whose run died for good."""
    requests = []
    for batch in batches:
        if batch.state not in {BatchState.CUT, BatchState.RUNNING}:
            continue
        runs = runs_of(instance, job_name, batch.batch_id)
        if not runs:
            requests.append(run_request(connector, batch, attempt=1))
        elif ended_badly(runs[0]):
            ledger.move(connector, batch.batch_id, BatchState.FAILED, run_id=runs[0].run_id, at=at)
    return requests


def ended_badly(run: dg.DagsterRun) -> bool:
    """Tell whether a run is over without success, and Dagster will not start it again."""
    retried = run.tags.get(WILL_RETRY_TAG) == "true"
    return run.status in {dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED} and not retried


def tick(
    connector: str,
    job_name: str,
    policy: CompletionPolicy,
    partitions: dg.DynamicPartitionsDefinition,
    intake: Intake,
    *,
    instance: dg.DagsterInstance,
    cursor: str | None,
    now: Callable[[], float],
) -> dg.SensorResult:
    """Do one tick. What it writes can be written again, so that a crash anywhere costs nothing."""
    drained = intake.drain(budget_seconds=DRAIN_BUDGET_SECONDS, now=now)
    found = intake.find(connector)
    intake.finish_open(connector, at=found.at)
    look, new_cursor = next_look(found, cursor)
    deliveries = sorted(intake.ledger.deliveries(connector), key=lambda d: d.completed_at)
    decision = policy.decide(
        look, (CompleteDelivery(d.execution_id, d.prefix, d.records) for d in deliveries)
    )
    if isinstance(decision, Whole):
        intake.cut(connector, decision, policy=policy.name, at=found.at)
    batches = list(intake.ledger.batches(connector))
    known = set(instance.get_dynamic_partitions(partitions.name or ""))
    added = [batch.batch_id for batch in reversed(batches) if batch.batch_id not in known]
    requests = requests_for(connector, job_name, intake.ledger, instance, batches, found.at)
    if not added and not requests:
        return dg.SensorResult(skip_reason=said_of(decision, drained), cursor=new_cursor)
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[partitions.build_add_request(added)] if added else [],
        cursor=new_cursor,
    )


def build_quiet_period_sensor(
    connector: str,
    job: Any,
    policy: CompletionPolicy,
    partitions: dg.DynamicPartitionsDefinition,
    *,
    interval_seconds: int,
    default_status: dg.DefaultSensorStatus,
) -> dg.SensorDefinition:
    """Build the sensor `<connector>__quiet_period_sensor`, which requests runs of `job`."""

    @dg.sensor(
        name=f"{connector}__quiet_period_sensor",
        job=job,
        minimum_interval_seconds=interval_seconds,
        default_status=default_status,
        description=f"Cuts a batch of {connector} once a delivery is whole, and requests its run.",
    )
    def quiet_period_sensor(
        context: dg.SensorEvaluationContext,
        storage: S3Storage,
        inbound_queue: InboundQueue,
        ledger: Ledger,
        inbound_routes: InboundRoutes,
    ) -> dg.SensorResult:
        return tick(
            connector,
            job.name,
            policy,
            partitions,
            Intake(storage, inbound_queue, ledger, inbound_routes.prefixes),
            instance=context.instance,
            cursor=context.cursor,
            now=time.monotonic,
        )

    return quiet_period_sensor
