"""The jobs that tell, and the sensors that start one when a run ends.

Here: which runs are told of. Not here: what is said (`notify.message`, `notify.ops`).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import CONNECTOR_TAG, WILL_RETRY_TAG, Notice
from cleanroom_pipeline.notify.message import Outcome
from cleanroom_pipeline.notify.ops import publish_overdue_to_sns, publish_to_sns

STATUSES = {
    Outcome.PUBLISHED: dg.DagsterRunStatus.SUCCESS,
    Outcome.FAILED: dg.DagsterRunStatus.FAILURE,
    Outcome.CANCELLED: dg.DagsterRunStatus.CANCELED,
}
INTERVAL_SECONDS = 5
OVERDUE_INTERVAL_SECONDS = 30


@dg.job(
    executor_def=dg.in_process_executor,
    description="Tells people how a run ended. Each message is a run, so that it can be seen, "
    "and repeated.",
)
def notify_job() -> None:
    """Publish one message."""
    publish_to_sns()


@dg.job(
    executor_def=dg.in_process_executor,
    description="Tells people of a delivery that is not whole though it should be, or that holds "
    "nothing.",
)
def overdue_job() -> None:
    """Publish one message."""
    publish_overdue_to_sns()


def overdue_request(notice: Notice, at: datetime) -> dg.RunRequest:
    """Return the request for the run that tells of a notice; a day later it may be made again."""
    config = {"connector": notice.connector, "state_id": notice.state_id}
    return dg.RunRequest(
        run_key=f"{notice.connector}__{notice.kind.value}__{notice.state_id}__{at:%Y%m%d}",
        run_config={"ops": {publish_overdue_to_sns.name: {"config": config}}},
        tags={CONNECTOR_TAG: notice.connector},
    )


@dg.sensor(
    job=overdue_job,
    minimum_interval_seconds=OVERDUE_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts overdue_job for each delivery that is overdue or holds nothing, once.",
)
def notify_overdue_sensor(ledger: Ledger) -> Iterator[dg.RunRequest]:
    """Request a run for each notice that people have not been told of."""
    for notice in ledger.notices():
        yield overdue_request(notice, datetime.now(UTC))


def notify_request(run: dg.DagsterRun, outcome: Outcome) -> dg.RunRequest | dg.SkipReason:
    """Return the request for the run that tells of `run`, or why nothing is told."""
    if run.tags.get(WILL_RETRY_TAG) == "true":
        return dg.SkipReason(f"Run {run.run_id} will be started again; its last attempt is told.")
    tags = {CONNECTOR_TAG: run.tags[CONNECTOR_TAG]} if CONNECTOR_TAG in run.tags else {}
    return dg.RunRequest(
        run_key=f"{run.run_id}__{outcome.value}",
        run_config={
            "ops": {
                publish_to_sns.name: {"config": {"run_id": run.run_id, "outcome": outcome.value}}
            }
        },
        tags=tags,
    )


def build_notify_sensor(outcome: Outcome, monitored_jobs: Sequence[Any]) -> dg.SensorDefinition:
    """Build the sensor that watches for one outcome; it never watches `notify_job` itself."""

    @dg.run_status_sensor(
        name=f"notify_{outcome.value}_sensor",
        run_status=STATUSES[outcome],
        monitored_jobs=list(monitored_jobs),
        request_job=notify_job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Starts notify_job for each run that ended as {outcome.value}.",
    )
    def notify_sensor(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        return notify_request(context.dagster_run, outcome)

    return notify_sensor


def build_notify_defs(batch_jobs: Sequence[Any], pull_jobs: Sequence[Any]) -> dg.Definitions:
    """Build the jobs and their sensors.

    A pull that went well is told by its batch; one that failed or was cancelled, by itself.
    """
    watched = {
        Outcome.PUBLISHED: [*batch_jobs],
        Outcome.FAILED: [*batch_jobs, *pull_jobs],
        Outcome.CANCELLED: [*batch_jobs, *pull_jobs],
    }
    sensors = [build_notify_sensor(outcome, jobs) for outcome, jobs in watched.items() if jobs]
    return dg.Definitions(jobs=[notify_job, overdue_job], sensors=[*sensors, notify_overdue_sensor])
