"""DataBrew: datasets, recipes, jobs and job runs.

Here: calls, with names and settings handed in, and what kind of failure each can have. Not here:
what a run's state means for us, or which job, dataset or recipe may go.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from botocore.exceptions import ClientError

from cleanroom_pipeline.aws.passing import passing
from cleanroom_pipeline.aws.session import AwsSession

if TYPE_CHECKING:
    from types_boto3_databrew import GlueDataBrewClient

GONE = "ResourceNotFoundException"
CONFLICT = "ConflictException"
QUOTA = "ServiceQuotaExceededException"
LATEST_WORKING = "LATEST_WORKING"
PUT_ATTEMPTS = 3


class DataBrewUnavailableError(RuntimeError):
    """DataBrew does not answer for the moment: throttled, a 5xx, or no connection."""


class RunNotFoundError(LookupError):
    """DataBrew has no such run, or no such job."""


class StartConflictError(RuntimeError):
    """DataBrew does not start a job, since it is at work on it; who looks finds a run to adopt."""


class StartQuotaError(RuntimeError):
    """DataBrew starts no more runs for now: the account has as many as it may."""


class StartUnansweredError(RuntimeError):
    """Whether a run was started is not known: the answer was lost, or is an error of the server."""


@dataclass(frozen=True, slots=True)
class OutputLocation:
    """Where a run writes: a bucket, and a prefix in it."""

    bucket: str
    prefix: str


@dataclass(frozen=True, slots=True)
class JobRun:
    """A job run as DataBrew reports it.

    `message` is DataBrew's own word on why it failed, `outputs` where it writes, as its own record
    says; the job may have been changed since. `recipe` is the recipe's name.
    """

    run_id: str
    state: str
    message: str = ""
    execution_seconds: int = 0
    outputs: tuple[OutputLocation, ...] = ()
    started_at: datetime | None = None
    recipe: str = ""
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class JobEntry:
    """A job as DataBrew lists it; `changed_at` is when it was made, or changed last."""

    name: str
    changed_at: datetime
    recipe: str = ""


@dataclass(frozen=True, slots=True)
class NamedEntry:
    """A dataset or a recipe as DataBrew lists it."""

    name: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class RecipeJobSettings:
    """What a recipe job is to be; `tags` are given to it when it is made, and never changed."""

    name: str
    dataset: str
    recipe: str
    recipe_version: str
    bucket: str
    prefix: str
    timeout_minutes: int
    max_capacity: int
    max_retries: int
    tags: Mapping[str, str]


def _job_run(answer: Mapping[str, Any]) -> JobRun:
    started = answer.get("StartedOn")
    return JobRun(
        run_id=answer["RunId"],
        state=answer["State"],
        message=answer.get("ErrorMessage", ""),
        execution_seconds=answer.get("ExecutionTime", 0),
        outputs=tuple(
            OutputLocation(output["Location"]["Bucket"], output["Location"].get("Key", ""))
            for output in answer.get("Outputs", [])
        ),
        started_at=started.astimezone(UTC) if started else None,
        recipe=answer.get("RecipeReference", {}).get("Name", ""),
        attempt=answer.get("Attempt", 0),
    )


def _changed_at(entry: Mapping[str, Any]) -> datetime:
    moments = [entry[name] for name in ("CreateDate", "LastModifiedDate") if entry.get(name)]
    # What has no date was there before anything else.
    return max(moments).astimezone(UTC) if moments else datetime.min.replace(tzinfo=UTC)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _told_apart(what: str) -> Iterator[None]:
    """Raise DataBrewUnavailableError for what passes, RunNotFoundError for what is not there."""
    try:
        yield
    except Exception as error:
        if words := passing(error):
            raise DataBrewUnavailableError(f"DataBrew can't {what} now: {words}.") from error
        if isinstance(error, ClientError) and _code(error) == GONE:
            raise RunNotFoundError(f"DataBrew can't {what}: it does not know it.") from error
        raise


class DataBrew(dg.ConfigurableResource[Any]):
    """The managed engine. Creating what is there already updates it."""

    session: dg.ResourceDependency[AwsSession]
    role_arn: str
    kms_key_arn: str

    @property
    def client(self) -> "GlueDataBrewClient":
        """The shared DataBrew client."""
        client: GlueDataBrewClient = self.session.client("databrew")
        return client

    def put_dataset(
        self,
        name: str,
        bucket: str,
        prefix: str,
        file_format: Mapping[str, Any],
        tags: Mapping[str, str],
    ) -> None:
        """Create or update a dataset of all files under `prefix`, which ends with a slash."""
        definition: dict[str, Any] = {
            "Name": name,
            "Input": {"S3InputDefinition": {"Bucket": bucket, "Key": prefix}},
            **file_format,
        }
        try:
            self.client.create_dataset(**definition, Tags=dict(tags))
        except self.client.exceptions.ConflictException:
            self.client.update_dataset(**definition)

    def publish_recipe(
        self, name: str, steps: Sequence[Mapping[str, Any]], tags: Mapping[str, str]
    ) -> str:
        """Return the published version of a recipe whose name tells its content.

        It is made if it is not there, and published if that was lost. Where two processes publish
        it at once, both use the lower version: what was published first never changes.
        """
        given: Any = list(steps)
        try:
            self.client.create_recipe(Name=name, Steps=given, Tags=dict(tags))
        except self.client.exceptions.ConflictException:
            if versions := self.published_versions(name):
                return versions[0]
            # Somebody may have edited the working copy before it was ever published.
            self.client.update_recipe(Name=name, Steps=given)
        self.client.publish_recipe(Name=name)
        return self.published_versions(name)[0]

    def published_versions(self, name: str) -> list[str]:
        """Return the published versions of a recipe, the first one first."""
        pages = self.client.get_paginator("list_recipe_versions").paginate(Name=name)
        versions = [recipe["RecipeVersion"] for page in pages for recipe in page["Recipes"]]
        published = [version for version in versions if version.endswith(".0")]
        return sorted(published, key=lambda version: int(version.removesuffix(".0")))

    def put_job(self, settings: RecipeJobSettings) -> None:
        """Make a recipe job that writes SSE-KMS Parquet, or make the one that is there like it.

        UpdateRecipeJob can change neither recipe nor dataset, so a job of another recipe is made
        anew. Raises StartConflictError where a run of that one is going on.
        """
        common = self._common(settings)
        wanted = {"Name": settings.recipe, "RecipeVersion": settings.recipe_version}
        for _ in range(PUT_ATTEMPTS):
            try:
                self.client.create_recipe_job(
                    DatasetName=settings.dataset,
                    RecipeReference={
                        "Name": settings.recipe,
                        "RecipeVersion": settings.recipe_version,
                    },
                    Tags=dict(settings.tags),
                    **common,
                )
            except self.client.exceptions.ConflictException:
                if self._update_job(settings, common, wanted):
                    return
            else:
                return
        raise StartConflictError(f"Others make and delete the DataBrew job {settings.name}.")

    def _common(self, settings: RecipeJobSettings) -> dict[str, Any]:
        return {
            "Name": settings.name,
            "RoleArn": self.role_arn,
            "EncryptionMode": "SSE-KMS",
            "EncryptionKeyArn": self.kms_key_arn,
            "MaxCapacity": settings.max_capacity,
            "MaxRetries": settings.max_retries,
            "Timeout": settings.timeout_minutes,
            "Outputs": [
                {
                    "Location": {"Bucket": settings.bucket, "Key": settings.prefix},
                    "Format": "PARQUET",
                    "CompressionFormat": "SNAPPY",
                    "Overwrite": False,
                }
            ],
        }

    def _update_job(
        self, settings: RecipeJobSettings, common: Mapping[str, Any], wanted: Mapping[str, str]
    ) -> bool:
        """Make the job that is there as it should be; False where it has to be made anew."""
        try:
            there = self.client.describe_job(Name=settings.name)
            same = there.get("RecipeReference") == wanted
            if same and there.get("DatasetName") == settings.dataset:
                self.client.update_recipe_job(**common)
                return True
            self.client.delete_job(Name=settings.name)
        except self.client.exceptions.ResourceNotFoundException:
            return False
        except self.client.exceptions.ConflictException as error:
            raise StartConflictError(
                f"DataBrew job {settings.name} has an earlier recipe, and a run of it goes on."
            ) from error
        return False

    def start(self, job: str) -> str:
        """Start a run and return its id; asked once, as DataBrew takes no client token.

        Raises StartConflictError, StartQuotaError, and StartUnansweredError where a run may have
        been started.
        """
        client: GlueDataBrewClient = self.session.single_attempt_client("databrew")
        try:
            return client.start_job_run(Name=job)["RunId"]
        except Exception as error:
            if isinstance(error, ClientError) and _code(error) == CONFLICT:
                raise StartConflictError(f"DataBrew is at work on {job} already.") from error
            if isinstance(error, ClientError) and _code(error) == QUOTA:
                raise StartQuotaError(f"DataBrew has no room to start {job}.") from error
            if words := passing(error):
                raise StartUnansweredError(
                    f"Whether DataBrew has started {job} is not known: {words}."
                ) from error
            raise

    def describe(self, job: str, run_id: str) -> JobRun:
        """Return what DataBrew says of a run.

        Raises DataBrewUnavailableError, or RunNotFoundError.
        """
        with _told_apart(f"describe run {run_id} of job {job}"):
            return _job_run(self.client.describe_job_run(Name=job, RunId=run_id))

    def runs(self, job: str) -> tuple[JobRun, ...]:
        """Return the runs of a job, as DataBrew lists them; none if there is no such job."""
        try:
            with _told_apart(f"list the runs of job {job}"):
                pages = self.client.get_paginator("list_job_runs").paginate(Name=job)
                return tuple(_job_run(run) for page in pages for run in page["JobRuns"])
        except RunNotFoundError:
            return ()

    def stop(self, job: str, run_id: str) -> None:
        """Stop a run; one that is over already, or gone, is left as it is.

        Raises DataBrewUnavailableError.
        """
        try:
            with _told_apart(f"stop run {run_id} of job {job}"):
                self.client.stop_job_run(Name=job, RunId=run_id)
        except RunNotFoundError:
            return
        except ClientError as error:
            if _code(error) != "ValidationException":
                raise

    def jobs(self) -> tuple[JobEntry, ...]:
        """Return all jobs of the account and region."""
        with _told_apart("list jobs"):
            return tuple(
                JobEntry(
                    job["Name"], _changed_at(job), job.get("RecipeReference", {}).get("Name", "")
                )
                for page in self.client.get_paginator("list_jobs").paginate()
                for job in page["Jobs"]
            )

    def datasets(self) -> tuple[NamedEntry, ...]:
        """Return all datasets of the account and region."""
        with _told_apart("list datasets"):
            return tuple(
                NamedEntry(dataset["Name"], _changed_at(dataset))
                for page in self.client.get_paginator("list_datasets").paginate()
                for dataset in page["Datasets"]
            )

    def recipes(self) -> tuple[NamedEntry, ...]:
        """Return all recipes of the account and region, published or not."""
        with _told_apart("list recipes"):
            pages = self.client.get_paginator("list_recipes").paginate(RecipeVersion=LATEST_WORKING)
            return tuple(
                NamedEntry(recipe["Name"], _changed_at(recipe))
                for page in pages
                for recipe in page["Recipes"]
            )

    def delete_job(self, name: str) -> None:
        """Delete a job; DataBrew refuses that while a run of it goes on."""
        with self._that_may_be_gone():
            self.client.delete_job(Name=name)

    def delete_dataset(self, name: str) -> None:
        """Delete a dataset; DataBrew refuses that while a job has it."""
        with self._that_may_be_gone():
            self.client.delete_dataset(Name=name)

    def delete_recipe(self, name: str) -> None:
        """Delete all versions of a recipe; DataBrew refuses that while a job has one."""
        with self._that_may_be_gone():
            for version in (*self.published_versions(name), LATEST_WORKING):
                self.client.delete_recipe_version(Name=name, RecipeVersion=version)

    @contextmanager
    def _that_may_be_gone(self) -> Iterator[None]:
        try:
            yield
        except self.client.exceptions.ResourceNotFoundException:
            return
