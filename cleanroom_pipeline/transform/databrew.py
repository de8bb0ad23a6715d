"""The ops that have DataBrew run a recipe: `start_databrew_run` and `wait_for_databrew_run`.

Here: both as Dagster sees them: configuration, resources, cancelling, metadata. Not here: what they
do (`transform.databrew_start`, `databrew_wait`, `databrew_outputs`, `databrew_pruning`, `parity`).
"""

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from cleanroom_pipeline.aws.databrew import DataBrew, JobRun
from cleanroom_pipeline.aws.message_encryption import MessageEncryption
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.secrets_manager import Secrets
from cleanroom_pipeline.aws.sqs import EventQueue
from cleanroom_pipeline.cancellation import stopping_when_canceled
from cleanroom_pipeline.ledger import ExternalRun, Ledger
from cleanroom_pipeline.model import Engine, TransformedBatch, staging_prefix
from cleanroom_pipeline.recipe import Recipe, parse_recipe
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.records import (
    InboundSummary,
    read_inbound_summary,
    read_manifest,
    write_transformed,
)
from cleanroom_pipeline.transform.databrew_cost import PRICE_PER_NODE_HOUR, CostRule
from cleanroom_pipeline.transform.databrew_hints import HintedSleep
from cleanroom_pipeline.transform.databrew_outputs import RunOutput, read_output
from cleanroom_pipeline.transform.databrew_pruning import Pruner
from cleanroom_pipeline.transform.databrew_requests import job_name, recipe_name
from cleanroom_pipeline.transform.databrew_start import (
    RUN_KIND,
    Attempt,
    JobLimits,
    Starter,
    Times,
    attempt_at,
)
from cleanroom_pipeline.transform.databrew_wait import Waiter
from cleanroom_pipeline.transform.expected_columns import expected_columns
from cleanroom_pipeline.transform.metadata import (
    cost_metadata,
    parity_metadata,
    transformed_metadata,
    write_id_of,
)
from cleanroom_pipeline.transform.parity import LocalEngine, compare_engines
from cleanroom_pipeline.transform.zero_rows import OnZeroRows, check_rows

POOL = "databrew"
KEPT_JOBS = 20


class DataBrewSettings(dg.Config):
    """What the two ops need to know of their connector; the asset fills it in.

    `max_cost` 0 is no limit: Dagster refuses a null within a mapping.
    """

    connector: str
    recipe: str
    format: dict[str, Any]
    max_capacity: int = 5
    timeout_minutes: int = 120
    max_retries: int = 0
    tags: dict[str, str] = {}  # noqa: RUF012  # pydantic copies it
    keep_jobs: int = KEPT_JOBS
    price_per_node_hour: float = PRICE_PER_NODE_HOUR
    max_cost: float = 0.0
    parity: bool = False
    on_zero_rows: str = "fail"

    def parsed_recipe(self) -> Recipe:
        """Return the recipe, which was checked when the connector was loaded."""
        return parse_recipe(self.recipe, name=f"{self.connector}/recipe.json")

    def file_format(self, kind: str) -> FileFormat:
        """Return how the batch's files are read; their kind was found when they came in."""
        return FileFormat(**{**self.format, "kind": kind})

    def cost_rule(self) -> CostRule:
        """Return what a run costs, and may cost."""
        return CostRule(self.max_capacity, self.price_per_node_hour, self.max_cost or None)

    def zero_rows(self) -> OnZeroRows:
        """Return what is done with a table without rows."""
        return "publish" if self.on_zero_rows == "publish" else "fail"


def _now() -> datetime:
    return datetime.now(UTC)


def attempt_of(context: dg.OpExecutionContext, connector: str) -> Attempt:
    """Return who starts, as the ledger names it."""
    root = context.run.root_run_id or context.run_id
    write_id = write_id_of(context.run, context.retry_number)
    return attempt_at(connector, context.partition_key, root, write_id)


def starter_of(
    config: DataBrewSettings,
    storage: S3Storage,
    databrew: DataBrew,
    ledger: Ledger,
    log: logging.Logger,
) -> Starter:
    """Return what starts the connector's runs."""
    return Starter(
        storage=storage,
        databrew=databrew,
        ledger=ledger,
        connector=config.connector,
        recipe=config.parsed_recipe(),
        format_of=config.file_format,
        limits=JobLimits(
            config.max_capacity, config.timeout_minutes, config.max_retries, config.tags
        ),
        times=Times(_now, time.monotonic, time.sleep),
        log=log,
    )


@dg.op(
    ins={"inbound_files": dg.In(dg.Nothing)},
    out=dg.Out(dict, description="DataBrew's id of the run, and the Dagster run that has it."),
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
) -> dict[str, str]:
    """Start a run of the batch's job, or adopt the one that is there already."""
    starter = starter_of(config, storage, databrew, ledger, context.log)
    run_id = starter.start_or_adopt(attempt_of(context, config.connector))
    return {"run_id": run_id, "dagster_run_id": context.run_id}


@dg.op(out=dg.Out(dg.Nothing), pool=POOL, tags={"kind": "databrew"})
def wait_for_databrew_run(
    context: dg.OpExecutionContext,
    config: DataBrewSettings,
    storage: S3Storage,
    databrew: DataBrew,
    databrew_events: EventQueue,
    ledger: Ledger,
    secrets: Secrets,
    message_encryption: MessageEncryption,
    started: dict[str, str],
) -> dg.Output[None]:
    """Wait until the run is over; anything but SUCCEEDED fails, with DataBrew's own message."""
    batch_id, connector = context.partition_key, config.connector
    run_id = started["run_id"]
    if started["dagster_run_id"] != context.run_id:
        # Run again from its failure: the run of that time may have ended badly, or be gone.
        starter = starter_of(config, storage, databrew, ledger, context.log)
        run_id = starter.start_or_adopt(attempt_of(context, connector))
    waiter = _waiter(context, config, databrew, ledger, run_id)
    waiter.times = Times(_now, time.monotonic, _hinted(context, databrew_events, waiter))
    what = f"DataBrew run {run_id} of job {waiter.job}"
    # A person's cancel stops the run; a redeploy's SIGTERM leaves it, to be adopted again.
    with stopping_when_canceled(context, what, lambda: databrew.stop(waiter.job, waiter.run_id)):
        run = waiter.wait()
    local = LocalEngine(secrets, message_encryption)
    metadata = take_stock(config, storage, batch_id, run, local, context.log)
    tidy(config, storage, databrew, ledger, batch_id, context.log)
    return dg.Output(None, metadata=dict(metadata))


def take_stock(
    config: DataBrewSettings,
    storage: S3Storage,
    batch_id: str,
    run: JobRun,
    local: LocalEngine,
    log: logging.Logger,
) -> Mapping[str, dg.MetadataValue]:
    """Check what a run has written, leave the record of it for the next stage; return metadata.

    Raises RunOutputError, or ZeroRowsError; nothing is recorded then.
    """
    summary = read_inbound_summary(storage, config.connector, batch_id)
    recipe = config.parsed_recipe()
    output = read_output(storage, run, expected_columns(recipe, summary.columns))
    check_rows(config.connector, summary.rows, output.rows, config.zero_rows())
    transformed = _transformed(config, storage, batch_id, run, output, summary.rows)
    metadata = {
        **transformed_metadata(transformed, output.schema, recipe, summary.columns),
        **cost_metadata(config.cost_rule(), run.execution_seconds),
    }
    if config.parity:
        metadata |= _parity(config, storage, summary, transformed, local, log)
    write_transformed(storage, transformed)
    return metadata


def _waiter(
    context: dg.OpExecutionContext,
    config: DataBrewSettings,
    databrew: DataBrew,
    ledger: Ledger,
    run_id: str,
) -> Waiter:
    batch_id = context.partition_key

    def record(successor: str) -> None:
        root = context.run.root_run_id or context.run_id
        ledger.record_external_run(
            config.connector, ExternalRun(RUN_KIND, batch_id, successor, root, _now())
        )

    return Waiter(
        databrew=databrew,
        job=job_name(config.connector, batch_id),
        run_id=run_id,
        timeout_minutes=config.timeout_minutes,
        max_retries=config.max_retries,
        cost=config.cost_rule(),
        times=Times(_now, time.monotonic, time.sleep),
        log=context.log,
        on_successor=record,
    )


def _hinted(context: dg.OpExecutionContext, events: EventQueue, waiter: Waiter) -> HintedSleep:
    queue = events if events.url else None
    return HintedSleep(queue, lambda: waiter.run_id, time.sleep, time.monotonic, _now, context.log)


def _transformed(
    config: DataBrewSettings,
    storage: S3Storage,
    batch_id: str,
    run: JobRun,
    output: RunOutput,
    rows_in: int,
) -> TransformedBatch:
    return TransformedBatch(
        connector=config.connector,
        batch_id=batch_id,
        engine=Engine.DATABREW,
        bucket=storage.transformed_bucket,
        prefix=output.prefix,
        files=output.files,
        rows_in=rows_in,
        rows_out=output.rows,
        recipe_sha256=config.parsed_recipe().sha256,
        external_run_id=run.run_id,
    )


def _parity(
    config: DataBrewSettings,
    storage: S3Storage,
    summary: InboundSummary,
    transformed: TransformedBatch,
    local: LocalEngine,
    log: logging.Logger,
) -> Mapping[str, dg.MetadataValue]:
    """Return what a comparison of both engines tells; one that can't be made fails nothing."""
    recipe = config.parsed_recipe()
    manifest = read_manifest(storage, config.connector, transformed.batch_id)
    file_format = config.file_format(summary.kind)
    try:
        parity = compare_engines(
            storage, manifest, recipe, file_format, summary.columns, transformed.files, local
        )
    except Exception as error:  # noqa: BLE001 (whatever it is, the batch goes on; it is told)
        log.warning("The engines can't be compared: %s.", type(error).__name__)
        return {"parity": dg.MetadataValue.text(f"not compared: {type(error).__name__}")}
    return parity_metadata(parity, recipe)


def tidy(
    config: DataBrewSettings,
    storage: S3Storage,
    databrew: DataBrew,
    ledger: Ledger,
    batch_id: str,
    log: logging.Logger,
) -> None:
    """Drop what nobody needs any longer. The batch is done, whatever comes of that."""
    try:
        storage.delete_transformed(staging_prefix(config.connector, batch_id))
    except Exception:
        log.exception("The staged files stay; they go with the batch's job.")
    Pruner(
        databrew=databrew,
        storage=storage,
        ledger=ledger,
        connector=config.connector,
        keep=config.keep_jobs,
        current_recipe=recipe_name(config.connector, config.parsed_recipe().sha256),
        log=log,
    ).prune(_now())
