"""The quiet-period sensor of a connector: its tick as Dagster sees it.

Here: what Dagster is asked, and what it is told. Not here: what a tick does (`inbound.tick`), or
when a delivery is whole (`inbound.completion`).
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.sqs import InboundQueue
from cleanroom_pipeline.inbound.batch_runs import RunState, SeenRun, run_key
from cleanroom_pipeline.inbound.intake import Intake
from cleanroom_pipeline.inbound.tick import Tick, Ticked, TickSettings
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import (
    ATTEMPT_TAG,
    CONNECTOR_TAG,
    PARTITION_TAG,
    RETRY_STRATEGY_TAG,
    RUN_KEY_TAG,
    WILL_RETRY_TAG,
    Batch,
)

RETRIED_WITHIN = timedelta(minutes=10)
ENDED_BADLY = {dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


class InboundRoutes(dg.ConfigurableResource[Any]):
    """Which inbound prefix is whose: one queue serves all connectors, so each sensor knows all."""

    prefixes: dict[str, str]


@dataclass(frozen=True, slots=True)
class DagsterRuns:
    """What a Dagster instance knows of a connector's batches."""

    instance: dg.DagsterInstance
    partitions_name: str
    now: datetime

    def newest(self, batch_id: str) -> SeenRun | None:
        """Return the newest run of a batch, whichever job it is of: the UI has one of its own."""
        filters = dg.RunsFilter(tags={PARTITION_TAG: batch_id})
        records = self.instance.get_run_records(filters, limit=1)
        return seen(records[0], self.now) if records else None

    def has_request(self, batch: Batch) -> bool:
        """Tell whether Dagster has a run of this attempt's key."""
        filters = dg.RunsFilter(tags={RUN_KEY_TAG: run_key(batch)})
        return bool(self.instance.get_run_records(filters, limit=1))

    def is_known(self, batch_id: str) -> bool:
        """Tell whether the batch is a partition already."""
        return self.instance.has_dynamic_partition(self.partitions_name, batch_id)


def seen(record: dg.RunRecord, now: datetime) -> SeenRun:
    """Return how far a batch's newest run is.

    One that Dagster will start again is not over, unless it should have done so long ago.
    """
    run, ended = record.dagster_run, record.end_time
    promised = run.tags.get(WILL_RETRY_TAG) == "true"
    recent = ended is None or now.timestamp() - ended < RETRIED_WITHIN.total_seconds()
    if run.status is dg.DagsterRunStatus.SUCCESS:
        state = RunState.SUCCEEDED
    elif run.status in ENDED_BADLY and not (promised and recent):
        state = RunState.ENDED_BADLY
    else:
        state = RunState.LIVE
    return SeenRun(run.run_id, state)


def run_request(batch: Batch) -> dg.RunRequest:
    """Return the request for a run of a batch; the attempt makes another one possible."""
    return dg.RunRequest(
        run_key=run_key(batch),
        partition_key=batch.batch_id,
        tags={
            CONNECTOR_TAG: batch.connector,
            ATTEMPT_TAG: str(batch.attempt),
            # From its failure on, Dagster refuses to start a run again of which each step is done:
            # its worker can die after the last one.
            RETRY_STRATEGY_TAG: "ALL_STEPS",
        },
    )


def sensor_result(ticked: Ticked, partitions: dg.DynamicPartitionsDefinition) -> dg.SensorResult:
    """Return what a tick found as Dagster takes it."""
    requests = [run_request(batch) for batch in ticked.requests]
    if not ticked.partitions and not requests:
        return dg.SensorResult(skip_reason=ticked.said, cursor=ticked.cursor)
    added = [partitions.build_add_request(list(ticked.partitions))] if ticked.partitions else []
    return dg.SensorResult(
        run_requests=requests, dynamic_partitions_requests=added, cursor=ticked.cursor
    )


def build_quiet_period_sensor(
    settings: TickSettings,
    job: Any,
    partitions: dg.DynamicPartitionsDefinition,
    *,
    interval_seconds: int,
    default_status: dg.DefaultSensorStatus,
) -> dg.SensorDefinition:
    """Build the sensor `<connector>__quiet_period_sensor`, which requests runs of `job`."""
    connector = settings.connector

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
        tick = Tick(
            settings,
            Intake(storage, inbound_queue, ledger, inbound_routes.prefixes),
            DagsterRuns(context.instance, str(partitions.name), datetime.now(UTC)),
            time.monotonic,
        )
        return sensor_result(tick(context.cursor), partitions)

    return quiet_period_sensor
