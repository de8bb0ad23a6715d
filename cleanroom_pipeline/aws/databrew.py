"""DataBrew: datasets, recipes, jobs and job runs.

Here: calls, with names and settings handed in. Not here: what a run's state means for us.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
from botocore.exceptions import ClientError

from cleanroom_pipeline.aws.session import AwsSession

if TYPE_CHECKING:
    from types_boto3_databrew import GlueDataBrewClient


@dataclass(frozen=True, slots=True)
class JobRun:
    """A job run as DataBrew reports it.

    `message` is DataBrew's own word on why it failed, `output_prefix` where its first output goes.
    """

    run_id: str
    state: str
    message: str
    execution_seconds: int
    output_prefix: str


def _job_run(answer: Mapping[str, Any]) -> JobRun:
    return JobRun(
        run_id=answer["RunId"],
        state=answer["State"],
        message=answer.get("ErrorMessage", ""),
        execution_seconds=answer.get("ExecutionTime", 0),
        output_prefix=next(
            (output["Location"].get("Key", "") for output in answer.get("Outputs", [])), ""
        ),
    )


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
        self, name: str, bucket: str, prefix: str, file_format: Mapping[str, Any]
    ) -> None:
        """Create or update a dataset of all files under `prefix`, which ends with a slash."""
        definition: dict[str, Any] = {
            "Name": name,
            "Input": {"S3InputDefinition": {"Bucket": bucket, "Key": prefix}},
            **file_format,
        }
        try:
            self.client.create_dataset(**definition)
        except self.client.exceptions.ConflictException:
            self.client.update_dataset(**definition)

    def publish_recipe(self, name: str, steps: Sequence[Mapping[str, Any]]) -> str:
        """Create and publish a recipe whose name tells its content; return its version."""
        try:
            self.client.create_recipe(Name=name, Steps=list(steps))  # type: ignore[arg-type]  # plain mappings of the same shape
        except self.client.exceptions.ConflictException:
            versions = self.client.list_recipe_versions(Name=name)["Recipes"]
            published = [version["RecipeVersion"] for version in versions]
            if published:
                return max(published, key=lambda version: tuple(map(int, version.split("."))))
        self.client.publish_recipe(Name=name)
        return self.client.describe_recipe(Name=name)["RecipeVersion"]

    def put_job(
        self,
        name: str,
        *,
        dataset: str,
        recipe: str,
        recipe_version: str,
        bucket: str,
        prefix: str,
        timeout_minutes: int,
        max_capacity: int,
    ) -> None:
        """Create or update a recipe job that writes SSE-KMS Parquet under `prefix`."""
        common: dict[str, Any] = {
            "Name": name,
            "RoleArn": self.role_arn,
            "EncryptionMode": "SSE-KMS",
            "EncryptionKeyArn": self.kms_key_arn,
            "MaxCapacity": max_capacity,
            "MaxRetries": 0,
            "Timeout": timeout_minutes,
            "Outputs": [
                {
                    "Location": {"Bucket": bucket, "Key": prefix},
                    "Format": "PARQUET",
                    "CompressionFormat": "SNAPPY",
                    "Overwrite": False,
                }
            ],
        }
        try:
            self.client.create_recipe_job(
                DatasetName=dataset,
                RecipeReference={"Name": recipe, "RecipeVersion": recipe_version},
                **common,
            )
        except self.client.exceptions.ConflictException:
            self.client.update_recipe_job(**common)

    def start(self, job: str) -> str:
        """Start a run and return its id. A second start while one runs is a conflict."""
        return self.client.start_job_run(Name=job)["RunId"]

    def describe(self, job: str, run_id: str) -> JobRun:
        """Return what DataBrew says of a run."""
        return _job_run(self.client.describe_job_run(Name=job, RunId=run_id))

    def runs(self, job: str) -> tuple[JobRun, ...]:
        """Return the runs of a job, as DataBrew lists them; none if there is no such job."""
        try:
            pages = self.client.get_paginator("list_job_runs").paginate(Name=job)
            return tuple(_job_run(run) for page in pages for run in page["JobRuns"])
        except self.client.exceptions.ResourceNotFoundException:
            return ()

    def stop(self, job: str, run_id: str) -> None:
        """Stop a run; one that is over already is left as it is."""
        try:
            self.client.stop_job_run(Name=job, RunId=run_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise
