"""Starting a DataBrew run for a batch, so that there is one and no second.

Here: the order of writes, and what a lost answer or a conflict leads to. Not here: which run is
adopted (`transform.databrew_adoption`), waiting for the run (`transform.databrew_wait`), Dagster.

The ledger has the intent before StartJobRun, and the run's id before anybody waits for it. DataBrew
takes no client token, so that a start is sent once; whatever becomes of it, the job's runs are
listed before another is. A crash at any place leaves what the next attempt finds: no run, or one
that goes on, or one that the intent does not know and that is therefore its own.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from cleanroom_pipeline.aws.databrew import (
    DataBrew,
    DataBrewUnavailableError,
    RecipeJobSettings,
    StartConflictError,
    StartQuotaError,
    StartUnansweredError,
)
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.external_runs import StartRefusedError, pauses
from cleanroom_pipeline.ledger import ExternalRun, Ledger
from cleanroom_pipeline.model import data_prefix, records_prefix, staging_prefix
from cleanroom_pipeline.recipe import Recipe
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.records import read_inbound_summary, read_manifest
from cleanroom_pipeline.transform.databrew_adoption import (
    Adopt,
    Decision,
    Start,
    StopFirst,
    WaitFirst,
    decide,
)
from cleanroom_pipeline.transform.databrew_requests import (
    PARITY_SUFFIX,
    dataset_format,
    job_name,
    recipe_name,
    tags_of,
)
from cleanroom_pipeline.transform.staging import stage_batch

RUN_KIND = "databrew"
START_DEADLINE_SECONDS = 900.0
LONGEST_PAUSE_SECONDS = 30.0
_PASSING = (
    StartConflictError,
    StartQuotaError,
    StartUnansweredError,
    DataBrewUnavailableError,
)


@dataclass(frozen=True, slots=True)
class JobLimits:
    """What a connector's YAML says of its jobs."""

    max_capacity: int
    timeout_minutes: int
    max_retries: int
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who starts what: the first Dagster run of those that are attempts at the same, and where.

    `reference` is what the ledger knows the run by; `staged` and `output` are prefixes of the
    transformed bucket.
    """

    root_run_id: str
    batch_id: str
    job: str
    reference: str
    staged: str
    output: str


def attempt_at(connector: str, batch_id: str, root_run_id: str, write_id: str) -> Attempt:
    """Return an attempt at a batch's table."""
    return Attempt(
        root_run_id,
        batch_id,
        job_name(connector, batch_id),
        batch_id,
        staging_prefix(connector, batch_id),
        data_prefix(connector, batch_id, write_id),
    )


def parity_attempt(connector: str, batch_id: str, write_id: str) -> Attempt:
    """Return an attempt at a table to compare with: of a job and places that no batch's run has."""
    base = records_prefix(connector, batch_id).replace("manifests/", "parity/", 1) + f"{write_id}/"
    job = job_name(connector, batch_id) + PARITY_SUFFIX
    return Attempt(
        f"parity-{write_id}", batch_id, job, batch_id + PARITY_SUFFIX, f"{base}in/", f"{base}out/"
    )


@dataclass(frozen=True, slots=True)
class Times:
    """Clocks and sleep: `now` is the wall's, in UTC, `monotonic` in seconds."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts or adopts the run of a batch of one connector."""

    storage: S3Storage
    databrew: DataBrew
    ledger: Ledger
    connector: str
    recipe: Recipe
    format_of: Callable[[str], FileFormat]
    limits: JobLimits
    times: Times
    log: logging.Logger

    def start_or_adopt(self, attempt: Attempt) -> str:
        """Return the id of the batch's run.

        Raises StartRefusedError where DataBrew neither starts one nor has one to adopt, and
        UnknownStateError.
        """
        began, trouble, prepared = self.times.monotonic(), "", False
        for pause in pauses(LONGEST_PAUSE_SECONDS):
            try:
                record, decision = self._decide(attempt)
                if isinstance(decision, Adopt):
                    return self._adopted(attempt, record, decision)
                if isinstance(decision, Start):
                    if not prepared:
                        self._prepare(attempt)
                        prepared = True
                        continue
                    return self._started(attempt, record, decision)
                trouble = self._make_way(attempt, decision)
            except _PASSING as error:
                trouble = str(error)
                prepared = prepared and not isinstance(error, StartConflictError)
                self.log.warning("%s Looking for a run to adopt.", trouble)
            if self.times.monotonic() - began > START_DEADLINE_SECONDS:
                break
            self.times.sleep(pause)
        raise StartRefusedError(
            f"DataBrew has not started job {attempt.job} within "
            f"{START_DEADLINE_SECONDS:g} s, and has no run of it to adopt. The last of it: "
            f"{trouble} Run the batch again once DataBrew is well."
        )

    def _decide(self, attempt: Attempt) -> tuple[ExternalRun | None, Decision]:
        record = self.ledger.external_run(self.connector, RUN_KIND, attempt.reference)
        runs = self.databrew.runs(attempt.job)
        now = self.times.now()
        return record, decide(runs, record, attempt.root_run_id, self._recipe_name, now)

    def _adopted(self, attempt: Attempt, record: ExternalRun | None, adopt: Adopt) -> str:
        run = adopt.run
        self.log.info("Adopted DataBrew run %s (%s).", run.run_id, run.state)
        known = record and (record.external_id, record.run_id)
        if known != (run.run_id, attempt.root_run_id):
            adopted = self._intent(attempt, record, ())
            self.ledger.record_external_run(
                self.connector, replace(adopted, external_id=run.run_id)
            )
        return run.run_id

    def _started(self, attempt: Attempt, record: ExternalRun | None, start: Start) -> str:
        intent = self._intent(attempt, record, start.seen)
        if not self.ledger.intend_external_run(self.connector, intent, record):
            raise StartConflictError(f"Another process has begun to start {attempt.job}.")
        run_id = self.databrew.start(attempt.job)
        self.ledger.record_external_run(self.connector, replace(intent, external_id=run_id))
        self.log.info("Started DataBrew run %s of job %s.", run_id, attempt.job)
        return run_id

    def _intent(
        self, attempt: Attempt, record: ExternalRun | None, seen: tuple[str, ...]
    ) -> ExternalRun:
        return ExternalRun(
            kind=RUN_KIND,
            reference=attempt.reference,
            external_id="",
            run_id=attempt.root_run_id,
            started_at=self.times.now(),
            attempt=record.attempt + 1 if record else 1,
            seen_before=seen,
        )

    def _make_way(self, attempt: Attempt, decision: StopFirst | WaitFirst) -> str:
        """See to it that what stands in the way ends; return what is waited for."""
        if isinstance(decision, WaitFirst):
            return decision.why
        run = decision.run
        self.log.warning("Run %s has the earlier recipe %s: stop it.", run.run_id, run.recipe)
        self.databrew.stop(attempt.job, run.run_id)
        return f"Run {run.run_id} of an earlier recipe was asked to stop."

    def _prepare(self, attempt: Attempt) -> None:
        """Stage the batch's files; make dataset, recipe and job, or make them as they should be."""
        storage, databrew, limits = self.storage, self.databrew, self.limits
        manifest = read_manifest(storage, self.connector, attempt.batch_id)
        summary = read_inbound_summary(storage, self.connector, attempt.batch_id)
        staged_as = stage_batch(
            storage, manifest, self.format_of(summary.kind), summary, attempt.staged
        )
        tags = tags_of(self.connector, limits.tags, attempt.batch_id)
        databrew.put_dataset(
            attempt.job,
            storage.transformed_bucket,
            attempt.staged,
            dataset_format(staged_as),
            tags,
        )
        version = databrew.publish_recipe(
            self._recipe_name, self.recipe.to_api(), tags_of(self.connector, limits.tags)
        )
        databrew.put_job(
            RecipeJobSettings(
                name=attempt.job,
                dataset=attempt.job,
                recipe=self._recipe_name,
                recipe_version=version,
                bucket=storage.transformed_bucket,
                prefix=attempt.output,
                timeout_minutes=limits.timeout_minutes,
                max_capacity=limits.max_capacity,
                max_retries=limits.max_retries,
                tags=tags,
            )
        )

    @property
    def _recipe_name(self) -> str:
        return recipe_name(self.connector, self.recipe.sha256)
