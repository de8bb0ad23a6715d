"""Which jobs, datasets and recipes of a connector may go from DataBrew, and letting them go.

Here: the rule, as a pure function, and its thin shell. Not here: when it is done
(`transform.databrew`), or the files of a batch other than staged ones.

The rule. Of a connector's jobs, one per batch, the `keep_jobs` that were made or changed last stay,
and so does every job whose batch is active, or that has a run which goes on. A dataset goes with
its job; so do the files staged for it. A dataset without a job, and a recipe that is neither the
connector's own of today nor that of a job which stays, go when they are older than a day: what is
younger may be that of a start which has not come to its job yet. Jobs that compare engines and were
left behind, and their datasets, go when they are older than a day. No more than `MOST_AT_ONCE` of
each go at once, the oldest first, so that no batch waits long for it.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cleanroom_pipeline.aws.databrew import DataBrew, JobEntry, NamedEntry
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import staging_prefix
from cleanroom_pipeline.transform.databrew_requests import (
    JOB_RUN_STATES,
    PARITY_SUFFIX,
    batch_of_job,
    is_recipe_of,
)

MOST_AT_ONCE = 25
LEFT_ALONE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Listed:
    """What DataBrew lists, of everybody."""

    jobs: Sequence[JobEntry]
    datasets: Sequence[NamedEntry]
    recipes: Sequence[NamedEntry]


@dataclass(frozen=True, slots=True)
class Pruning:
    """What may go, by name, in the order in which DataBrew lets it go."""

    jobs: tuple[str, ...]
    datasets: tuple[str, ...]
    recipes: tuple[str, ...]


def to_prune(
    connector: str,
    listed: Listed,
    *,
    keep: int,
    current_recipe: str,
    active: Collection[str],
    has_run: Callable[[str], bool],
    now: datetime,
) -> Pruning:
    """Return what of a connector may go; `active` are batch ids, `has_run` is asked of few jobs."""
    own = [job for job in listed.jobs if batch_of_job(connector, job.name)]
    newest = sorted(own, key=lambda job: (job.changed_at, job.name), reverse=True)
    left = [job for job in listed.jobs if _is_parity(connector, job.name) and _is_old(job, now)]
    spare = [
        job
        for job in (*left, *reversed(newest[keep:]))
        if batch_of_job(connector, job.name) not in active
    ]
    jobs = [job for job in spare[:MOST_AT_ONCE] if not has_run(job.name)]
    gone = {job.name for job in jobs}
    stay = [job for job in listed.jobs if job.name not in gone]
    names = {job.name for job in stay}
    datasets = [
        one.name
        for one in listed.datasets
        if (batch_of_job(connector, one.name) or _is_parity(connector, one.name))
        and one.name not in names
        and batch_of_job(connector, one.name) not in active
        and (one.name in gone or _is_old(one, now))
    ]
    used = {job.recipe for job in stay} | {current_recipe}
    recipes = [
        one.name
        for one in listed.recipes
        if is_recipe_of(connector, one.name) and one.name not in used and _is_old(one, now)
    ]
    return Pruning(
        tuple(job.name for job in jobs),
        tuple(datasets[:MOST_AT_ONCE]),
        tuple(recipes[:MOST_AT_ONCE]),
    )


def _is_parity(connector: str, name: str) -> bool:
    base = name.removesuffix(PARITY_SUFFIX)
    return base != name and batch_of_job(connector, base) is not None


def _is_old(entry: NamedEntry | JobEntry, now: datetime) -> bool:
    return now - entry.changed_at > LEFT_ALONE


@dataclass(frozen=True, slots=True)
class Pruner:
    """Prunes what one connector has in DataBrew."""

    databrew: DataBrew
    storage: S3Storage
    ledger: Ledger
    connector: str
    keep: int
    current_recipe: str
    log: logging.Logger

    def prune(self, now: datetime) -> Pruning | None:
        """Prune; a failure is logged and ends nothing but this. Returns what was to go."""
        try:
            listed = Listed(self.databrew.jobs(), self.databrew.datasets(), self.databrew.recipes())
            active = {batch.batch_id for batch in self.ledger.active_batches(self.connector)}
            found = to_prune(
                self.connector,
                listed,
                keep=self.keep,
                current_recipe=self.current_recipe,
                active=active,
                has_run=self._has_run,
                now=now,
            )
        except Exception:
            self.log.exception("What may be pruned of %s is not known.", self.connector)
            return None
        self._each("job", found.jobs, self.databrew.delete_job)
        self._each("dataset", found.datasets, self._delete_dataset)
        self._each("recipe", found.recipes, self.databrew.delete_recipe)
        return found

    def _has_run(self, job: str) -> bool:
        known = JOB_RUN_STATES.good | JOB_RUN_STATES.bad
        return any(run.state not in known for run in self.databrew.runs(job))

    def _delete_dataset(self, name: str) -> None:
        self.databrew.delete_dataset(name)
        if batch_id := batch_of_job(self.connector, name):
            self.storage.delete_transformed(staging_prefix(self.connector, batch_id))

    def _each(self, what: str, names: Iterable[str], delete: Callable[[str], None]) -> None:
        for name in names:
            try:
                delete(name)
            except Exception:
                # It stays, and is tried again after the next batch.
                self.log.exception("The DataBrew %s %s could not be deleted.", what, name)
            else:
                self.log.info("Deleted the DataBrew %s %s.", what, name)
