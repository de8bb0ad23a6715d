"""DataBrew runs that no Dagster run waits for, and the sensor that stops them.

Here: which run is an orphan, as a pure function, and asking. Not here: adopting one, which the
batch's next run does by itself (`transform.databrew_start`).

The rule, for each run of a connector's jobs that goes on (a job for comparing engines is not among
them: it is a person's, who waits for it, and DataBrew's time-out ends it):

| who may wait for it                                                     | what is done        |
|-------------------------------------------------------------------------|---------------------|
| a Dagster run of the batch that is not over, or will be started again   | nothing             |
| nobody, and the batch is active: its next run adopts it                 | nothing             |
| nobody, and the last who could have has been gone for `GRACE`           | it is stopped       |
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import dagster as dg

from cleanroom_pipeline.aws.databrew import DataBrew, DataBrewUnavailableError, JobRun
from cleanroom_pipeline.cancellation import AT_WORK
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import PARTITION_TAG, WILL_RETRY_TAG
from cleanroom_pipeline.transform.databrew_requests import ADOPTABLE_STATES, batch_of_job

GRACE = timedelta(minutes=5)
INTERVAL_SECONDS = 300
# Each start changes its job, so that the newest have the runs; a tick must end in a minute.
JOBS_LOOKED_AT = 50


class Fate(StrEnum):
    """What becomes of a run that goes on."""

    OWNED = "owned"
    TO_BE_ADOPTED = "left for the batch's next run"
    YOUNG = "left for now"
    STOP = "stopped"


@dataclass(frozen=True, slots=True)
class Owner:
    """What Dagster knows of a batch's runs: whether one is live, and when the last one ended."""

    is_live: bool = False
    ended_at: datetime | None = None


def fate_of(run: JobRun, owner: Owner, *, batch_is_active: bool, now: datetime) -> Fate:
    """Return what is to become of a run that goes on."""
    if owner.is_live:
        return Fate.OWNED
    if batch_is_active:
        return Fate.TO_BE_ADOPTED
    alone_since = max((m for m in (run.started_at, owner.ended_at) if m), default=None)
    if alone_since is not None and now - alone_since < GRACE:
        return Fate.YOUNG
    return Fate.STOP


def owner_of(records: list[dg.RunRecord], now: datetime) -> Owner:
    """Return what the runs of a batch tell; one that Dagster will start again is live."""
    live = any(
        record.dagster_run.status in AT_WORK
        or (
            record.dagster_run.tags.get(WILL_RETRY_TAG) == "true"
            and now - (_ended(record) or now) < GRACE
        )
        for record in records
    )
    ended = [moment for moment in map(_ended, records) if moment]
    return Owner(live, max(ended, default=None))


def _ended(record: dg.RunRecord) -> datetime | None:
    return datetime.fromtimestamp(record.end_time, tz=UTC) if record.end_time else None


@dataclass(frozen=True, slots=True)
class Orphans:
    """Looks through the runs of one connector's jobs."""

    connector: str
    databrew: DataBrew
    ledger: Ledger
    owner: Callable[[str], Owner]

    def going(self) -> Iterator[tuple[str, str, JobRun]]:
        """Yield batch, job and run of each run that goes on, of the jobs that changed last."""
        own = [job for job in self.databrew.jobs() if batch_of_job(self.connector, job.name)]
        for job in sorted(own, key=lambda one: one.changed_at, reverse=True)[:JOBS_LOOKED_AT]:
            batch_id = str(batch_of_job(self.connector, job.name))
            for run in self.databrew.runs(job.name):
                if run.state in ADOPTABLE_STATES:
                    yield batch_id, job.name, run

    def look(self, now: datetime) -> list[tuple[str, str, Fate]]:
        """Stop the orphans; return job, run id and fate of each run that goes on."""
        active = {batch.batch_id for batch in self.ledger.active_batches(self.connector)}
        found = []
        for batch_id, job, run in self.going():
            # Asked after the run was seen: an owner that came since is seen too.
            owner = self.owner(batch_id)
            fate = fate_of(run, owner, batch_is_active=batch_id in active, now=now)
            if fate is Fate.STOP:
                self.databrew.stop(job, run.run_id)
            found.append((job, run.run_id, fate))
        return found


def build_orphans_sensor(
    connector: str, default_status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    """Build the sensor `<connector>__databrew_orphans_sensor`, which never requests a run."""

    @dg.sensor(
        name=f"{connector}__databrew_orphans_sensor",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=default_status,
        description=f"Stops DataBrew runs of {connector} that no Dagster run waits for.",
    )
    def databrew_orphans_sensor(
        context: dg.SensorEvaluationContext, databrew: DataBrew, ledger: Ledger
    ) -> dg.SkipReason:
        now = datetime.now(UTC)

        def owner(batch_id: str) -> Owner:
            filters = dg.RunsFilter(tags={PARTITION_TAG: batch_id})
            return owner_of(list(context.instance.get_run_records(filters)), now)

        try:
            found = Orphans(connector, databrew, ledger, owner).look(now)
        except DataBrewUnavailableError as error:
            return dg.SkipReason(f"{error} The next tick looks again.")
        for job, run_id, fate in found:
            context.log.info("DataBrew run %s of job %s: %s.", run_id, job, fate.value)
        stopped = sum(fate is Fate.STOP for _, _, fate in found)
        return dg.SkipReason(f"{len(found)} DataBrew runs go on; {stopped} were orphans: stopped.")

    return databrew_orphans_sensor
