"""The ops that have DataBrew run a recipe: `start_databrew_run` and `wait_for_databrew_run`.

Here: stage the batch's files, start or adopt a run, wait for it, take stock of what it wrote. Not
here: DataBrew's calls (`aws.databrew`), names and states (`transform.databrew_requests`).
"""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import dagster as dg

from cleanroom_pipeline.aws.databrew import DataBrew, JobRun
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.external_runs import ExternalRunError, wait_until_final
from cleanroom_pipeline.ledger import ExternalRun, Ledger
from cleanroom_pipeline.model import (
    Engine,
    Manifest,
    TransformedBatch,
    TransformedFile,
    data_prefix,
    staging_prefix,
)
from cleanroom_pipeline.parquet_footer import read_footer
from cleanroom_pipeline.recipe import Recipe, parse_recipe
from cleanroom_pipeline.recipe.engine import run_recipe
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.records import (
    InboundSummary,
    read_inbound_summary,
    read_manifest,
    write_transformed,
)
from cleanroom_pipeline.transform.databrew_requests import (
    ADOPTABLE_STATES,
    JOB_RUN_STATES,
    dataset_format,
    job_name,
    reads_as_they_are,
    recipe_name,
)
from cleanroom_pipeline.transform.local import downloaded
from cleanroom_pipeline.transform.metadata import transformed_metadata, write_id_of

RUN_KIND = "databrew"
POOL = "databrew"
LONGEST_PAUSE_SECONDS = 30.0


class DataBrewSettings(dg.Config):
    """What the two ops need to know of their connector; the asset fills it in."""

    connector: str
    recipe: str
    format: dict[str, Any]
    max_capacity: int = 5
    timeout_minutes: int = 120

    def parsed_recipe(self) -> Recipe:
        """Return the recipe, which was checked when the connector was loaded."""
        return parse_recipe(self.recipe, name=f"{self.connector}/recipe.json")

    def file_format(self, summary: InboundSummary) -> FileFormat:
        """Return how the batch's files are read; their kind was found when they came in."""
        return FileFormat(**{**self.format, "kind": summary.kind})


def stage_batch(
    storage: S3Storage, manifest: Manifest, file_format: FileFormat, summary: InboundSummary
) -> tuple[str, FileFormat]:
    """Put the batch where DataBrew finds it and nothing else; return the prefix and the format.

    A dataset of DataBrew is a prefix or a pattern, neither of which can pin a version. Files that
    it reads as we do are copied within S3; of others our own reader makes Parquet.
    """
    prefix = staging_prefix(manifest.connector, manifest.batch_id)
    if not reads_as_they_are(
        file_format, plain=summary.plain, uniform=summary.uniform, bad_rows=summary.bad_rows
    ):
        _stage_as_parquet(storage, manifest, file_format, prefix)
        return prefix, FileFormat(kind="parquet")
    for number, arrival in enumerate(manifest.files):
        suffix = ".gz" if arrival.key.lower().endswith(".gz") else ""
        storage.copy_inbound(arrival, f"{prefix}{number:06d}.{file_format.kind}{suffix}")
    return prefix, file_format


def _stage_as_parquet(
    storage: S3Storage, manifest: Manifest, file_format: FileFormat, prefix: str
) -> None:
    with (
        downloaded(storage, manifest) as files,
        tempfile.TemporaryDirectory(prefix="cleanroom-staging-") as folder,
    ):
        as_it_is = Recipe("conversion", ())
        for file in run_recipe(as_it_is, files, file_format, Path(folder)).files:
            storage.upload(file.path, prefix + file.path.name)


def adoptable_run(
    databrew: DataBrew, ledger: Ledger, settings: DataBrewSettings, batch_id: str, root_run_id: str
) -> JobRun | None:
    """Return a run of this batch that need not be started again.

    That is one that is going on, whoever started it, and one that this run's earlier attempt
    started, unless it ended badly. DataBrew takes no client token, so this is how a start whose
    answer was lost is found.
    """
    job = job_name(settings.connector, batch_id)
    runs = databrew.runs(job)
    going = next((run for run in runs if run.state in ADOPTABLE_STATES), None)
    if going:
        return going
    recorded = ledger.external_run(settings.connector, RUN_KIND, batch_id)
    if recorded is None or recorded.run_id != root_run_id:
        return None
    own = next((run for run in runs if run.run_id == recorded.external_id), None)
    return own if own and own.state in JOB_RUN_STATES.good else None


@dg.op(
    ins={"inbound_files": dg.In(dg.Nothing)},
    out=dg.Out(str, description="DataBrew's id of the run."),
    pool=POOL,
    retry_policy=dg.RetryPolicy(max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL),
    tags={"kind": "databrew"},
)
def start_databrew_run(
    context: dg.OpExecutionContext,
    config: DataBrewSettings,
    storage: S3Storage,
    databrew: DataBrew,
    ledger: Ledger,
) -> str:
    """Start a run of the batch's job, or adopt the one that is there already."""
    batch_id, connector = context.partition_key, config.connector
    root_run_id = context.run.root_run_id or context.run_id
    adopted = adoptable_run(databrew, ledger, config, batch_id, root_run_id)
    if adopted:
        context.log.info("Adopted DataBrew run %s (%s).", adopted.run_id, adopted.state)
        return adopted.run_id
    manifest = read_manifest(storage, connector, batch_id)
    summary = read_inbound_summary(storage, connector, batch_id)
    recipe = config.parsed_recipe()
    job, recipe_id = job_name(connector, batch_id), recipe_name(connector, recipe.sha256)
    staged, file_format = stage_batch(storage, manifest, config.file_format(summary), summary)
    databrew.put_dataset(job, storage.transformed_bucket, staged, dataset_format(file_format))
    databrew.put_job(
        job,
        dataset=job,
        recipe=recipe_id,
        recipe_version=databrew.publish_recipe(recipe_id, recipe.to_api()),
        bucket=storage.transformed_bucket,
        prefix=data_prefix(connector, batch_id, write_id_of(context.run, context.retry_number)),
        timeout_minutes=config.timeout_minutes,
        max_capacity=config.max_capacity,
    )
    run_id = databrew.start(job)
    ledger.record_external_run(
        connector, ExternalRun(RUN_KIND, batch_id, run_id, root_run_id, datetime.now(UTC))
    )
    context.log.info("Started DataBrew run %s of job %s.", run_id, job)
    return run_id


def written_by(storage: S3Storage, run: JobRun) -> tuple[str, tuple[TransformedFile, ...]]:
    """Return the folder that a run wrote its part files to, and the files.

    DataBrew makes a folder under the job's prefix and names it itself; names are never guessed.
    """
    files = tuple(
        file for file in storage.list_transformed(run.output_prefix) if "_part" in file.key
    )
    folders = {str(PurePosixPath(file.key).parent) + "/" for file in files}
    if len(folders) != 1:
        raise ExternalRunError(
            f"DataBrew run {run.run_id} SUCCEEDED and left {len(folders)} folders with part files "
            f"under s3://{storage.transformed_bucket}/{run.output_prefix}; there must be one."
        )
    return folders.pop(), files


@dg.op(out=dg.Out(dg.Nothing), pool=POOL, tags={"kind": "databrew"})
def wait_for_databrew_run(
    context: dg.OpExecutionContext,
    config: DataBrewSettings,
    storage: S3Storage,
    databrew: DataBrew,
    run_id: str,
) -> dg.Output[None]:
    """Wait until the run is over; anything but SUCCEEDED fails, with DataBrew's own message."""
    batch_id, connector = context.partition_key, config.connector
    job = job_name(connector, batch_id)
    try:
        run = wait_until_final(
            lambda: databrew.describe(job, run_id),
            JOB_RUN_STATES,
            deadline_seconds=60 * (config.timeout_minutes + 15),
            longest_pause=LONGEST_PAUSE_SECONDS,
            now=time.monotonic,
            sleep=time.sleep,
            on_change=lambda status: context.log.info("DataBrew run is %s.", status.state),
        )
    except dg.DagsterExecutionInterruptedError:
        # A person's cancel stops the run; a redeploy's SIGTERM leaves it, to be adopted again.
        record = context.instance.get_run_by_id(context.run_id)
        if record and record.status is dg.DagsterRunStatus.CANCELING:
            databrew.stop(job, run_id)
        raise
    if run.state not in JOB_RUN_STATES.good:
        raise ExternalRunError(
            f"DataBrew run {run_id} of job {job} ended as {run.state}. DataBrew says: "
            f"{run.message or '(nothing)'}"
        )
    prefix, files = written_by(storage, run)
    summary = read_inbound_summary(storage, connector, batch_id)
    footers = [read_footer(storage.range_reader(file.key), file.size) for file in files]
    recipe = config.parsed_recipe()
    transformed = TransformedBatch(
        connector=connector,
        batch_id=batch_id,
        engine=Engine.DATABREW,
        bucket=storage.transformed_bucket,
        prefix=prefix,
        files=files,
        rows_in=summary.rows,
        rows_out=sum(footer.rows for footer in footers),
        recipe_sha256=recipe.sha256,
        external_run_id=run_id,
    )
    write_transformed(storage, transformed)
    storage.delete_transformed(staging_prefix(connector, batch_id))
    return dg.Output(
        None,
        metadata=dict(
            transformed_metadata(transformed, footers[0].schema, recipe, summary.columns)
        ),
    )
