"""Whether a batch needs a new run of DataBrew's, or one that is there already will do.

Here: that decision, from DataBrew's list of the job's runs and the ledger's record. Not here:
asking either of them, or starting one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cleanroom_pipeline.aws.databrew import JobRun
from cleanroom_pipeline.ledger import ExternalRun
from cleanroom_pipeline.transform.databrew_requests import ADOPTABLE_STATES, JOB_RUN_STATES

# Longer than a request may take that is sent once.
INTENT_HOLDS = timedelta(seconds=90)
# Nobody documents that a run is listed at once.
INTENT_SETTLES = timedelta(seconds=10)
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Adopt:
    """This run is the batch's own: wait for it, or take what it wrote."""

    run: JobRun


@dataclass(frozen=True, slots=True)
class StopFirst:
    """This run works by an earlier recipe: it has to end before another can start."""

    run: JobRun


@dataclass(frozen=True, slots=True)
class WaitFirst:
    """Something has to end before another run can start; `why` says what."""

    why: str


@dataclass(frozen=True, slots=True)
class Start:
    """No run that is there will do. `seen` are the ids of those that are."""

    seen: tuple[str, ...]


Decision = Adopt | StopFirst | WaitFirst | Start


def decide(
    runs: Sequence[JobRun],
    record: ExternalRun | None,
    root_run_id: str,
    recipe: str,
    now: datetime,
) -> Decision:
    """Return what is to be done for a Dagster run, which is known by the first of its attempts.

    A run that goes on is adopted, whoever started it. One that has SUCCEEDED is adopted only if an
    earlier attempt of the same Dagster run started it: because the ledger has its id, or because
    the ledger has the intent and the run was not there before it. One that ended badly never is.
    While another Dagster run may be about to start one, nobody else does; and where it is not known
    whether a start was heard, a run of it is given time to be listed. Raises UnknownStateError.
    """
    newest = sorted(runs, key=lambda run: run.started_at or _BEFORE_ALL, reverse=True)
    unfinished = [run for run in newest if not JOB_RUN_STATES.is_final(run.state)]
    working = [run for run in unfinished if run.state in ADOPTABLE_STATES]
    for run in working:
        if _is_by(run, recipe):
            return Adopt(run)
    if working:
        return StopFirst(working[0])
    if unfinished:
        return WaitFirst(f"Run {unfinished[0].run_id} is {unfinished[0].state}.")
    if record is not None and record.run_id == root_run_id:
        for run in newest:
            if run.state in JOB_RUN_STATES.good and _is_by(run, recipe) and _is_of(run, record):
                return Adopt(run)
    if record is not None and not record.external_id:
        held = INTENT_SETTLES if record.run_id == root_run_id else INTENT_HOLDS
        if now - record.started_at < held:
            return WaitFirst(f"Dagster run {record.run_id} may just have started one.")
    return Start(tuple(run.run_id for run in newest))


def _is_by(run: JobRun, recipe: str) -> bool:
    return run.recipe in ("", recipe)


def _is_of(run: JobRun, record: ExternalRun) -> bool:
    if record.external_id:
        return run.run_id == record.external_id
    return run.run_id not in record.seen_before


def successor(runs: Sequence[JobRun], failed: JobRun) -> JobRun | None:
    """Return the run by which DataBrew itself tries a failed one again, if it lists one."""
    later = [
        run
        for run in runs
        if run.run_id != failed.run_id
        and run.attempt > failed.attempt
        and (run.started_at or _BEFORE_ALL) >= (failed.started_at or _BEFORE_ALL)
    ]
    return max(later, key=lambda run: run.attempt, default=None)
