"""The asset `<connector>/inbound_files`: a batch, verified against its manifest and looked into.

Here: pinned versions are there, files agree with each other, counts and columns are recorded. Not
here: which files make a batch (`inbound.intake`), what becomes of their rows (`transform`).
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.inbound.events import check_prefixes
from cleanroom_pipeline.inbound.manifest import check_present
from cleanroom_pipeline.inbound.row_counts import (
    check_spec,
    missing_records,
    records_reconcile,
    rows_as_reported,
)
from cleanroom_pipeline.ledger import Ledger, LedgerError
from cleanroom_pipeline.model import (
    Arrival,
    BatchState,
    Manifest,
    Stage,
    asset_path,
    manifest_key,
)
from cleanroom_pipeline.recipe import Recipe, RecipeError
from cleanroom_pipeline.recipe.files import (
    Columns,
    FileFormat,
    FileSummary,
    InputFile,
    SchemaMismatchError,
    check_bad_rows,
)
from cleanroom_pipeline.recipe.inspection import inspect_file
from cleanroom_pipeline.recipe.meaning import build_plan
from cleanroom_pipeline.recipe.operations.declaration import PlanOptions
from cleanroom_pipeline.recipe.plan import Column
from cleanroom_pipeline.recipe.widening import common_columns
from cleanroom_pipeline.records import (
    FormatChoice,
    InboundSummary,
    quarantine_prefix,
    read_manifest,
    write_inbound_summary,
)

INBOUND_PREFIX_METADATA = "cleanroom/inbound_prefix"


def inspect_batch(
    storage: S3Storage, manifest: Manifest, file_format: FileFormat, scratch: Path
) -> dict[str, FileSummary]:
    """Look into each file of the batch, one at a time, so that one file's room is all it takes.

    What is put aside of file n is left in the scratch folder, as `n.jsonl`.
    """
    summaries = {}
    for number, arrival in enumerate(manifest.files):
        path = scratch / f"{number:06d}"
        storage.download_inbound(arrival, path)
        try:
            summaries[arrival.key] = inspect_file(
                InputFile(path, arrival.key),
                file_format,
                quarantine=scratch / f"{number}.jsonl",
            )
        finally:
            path.unlink()
    return summaries


def check_batch(
    file_format: FileFormat, summaries: Mapping[str, FileSummary], recipe: Recipe | None
) -> Columns:
    """Return the columns that all files have in common, at last sure that they are columns.

    Raises SchemaMismatchError, or FileReadError for more bad rows than may be put aside.
    """
    optional = file_format.kind in {"json", "jsonl"}
    found = [(name, summary.columns) for name, summary in summaries.items()]
    columns = common_columns(found, optional=optional)
    firsts = [summary.first_bad for summary in summaries.values() if summary.first_bad]
    bad_rows = sum(summary.bad_rows for summary in summaries.values())
    check_bad_rows(bad_rows, next(iter(firsts), None), file_format.max_bad_rows)
    if recipe is not None and file_format.kind in {"csv", "xlsx"}:
        _check_recipe_fits(recipe, columns)
    return columns


def _check_recipe_fits(recipe: Recipe, columns: Columns) -> None:
    """Raise SchemaMismatchError unless the recipe finds its columns; theirs are not quoted.

    What stands where a header should may be somebody's record.
    """
    try:
        build_plan(recipe.steps, [Column(*column) for column in columns], PlanOptions())
    except RecipeError as error:
        steps = dict.fromkeys(finding.step for finding in error.findings)
        listed = ", ".join(str(step) for step in steps)
        raise SchemaMismatchError(
            f"The files hold {len(columns)} columns, and the recipe does not fit them: it finds "
            f"no column for what it does in step {listed}. Do the files lack their header, or has "
            "a column been renamed?"
        ) from None


def quarantine(storage: S3Storage, manifest: Manifest, scratch: Path) -> None:
    """Write what was put aside to the transformed bucket, encrypted as all that is there."""
    prefix = quarantine_prefix(manifest.connector, manifest.batch_id)
    for path in sorted(scratch.glob("*.jsonl")):
        storage.upload(path, prefix + path.name)


def verify_batch(storage: S3Storage, manifest: Manifest) -> None:
    """Raise ManifestError unless S3 still has every pinned version as it was."""
    present: dict[str, Arrival | None] = {
        file.key: storage.head_inbound(file.key, file.version_id) for file in manifest.files
    }
    check_present(manifest, present)


def summary_of(columns: Columns, summaries: Iterable[FileSummary]) -> InboundSummary:
    """Return what later stages need to know of the files, whose common columns are given."""
    listed = list(summaries)
    kinds = {summary.kind for summary in listed}
    kind = next(iter(kinds)) if len(kinds) == 1 else "json"
    return InboundSummary(
        kind=kind,
        columns=tuple(name for name, _ in columns),
        rows=sum(summary.rows for summary in listed),
        plain=all(summary.plain for summary in listed),
        uniform=kind == "jsonl" or all(one.columns == listed[0].columns for one in listed),
        bad_rows=sum(summary.bad_rows for summary in listed),
    )


def batch_metadata(
    storage: S3Storage, manifest: Manifest, columns: Columns, summary: InboundSummary
) -> dict[str, dg.MetadataValue]:
    """Return what the Dagster UI shows of a batch: counts, columns, the manifest. No row values."""
    schema = dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in columns])
    manifest_uri = (
        f"s3://{storage.transformed_bucket}/{manifest_key(manifest.connector, manifest.batch_id)}"
    )
    metadata: dict[str, dg.MetadataValue] = {
        "dagster/partition_row_count": dg.MetadataValue.int(summary.rows),
        "dagster/column_schema": dg.MetadataValue.table_schema(schema),
        "dagster/uri": dg.MetadataValue.url(manifest_uri),
        "files": dg.MetadataValue.int(len(manifest.files)),
        "bytes": dg.MetadataValue.int(manifest.size),
        "manifest_digest": dg.MetadataValue.text(manifest.digest),
        "completion_policy": dg.MetadataValue.text(manifest.policy),
        "whole_because": dg.MetadataValue.text(manifest.reason),
        "kind": dg.MetadataValue.text(summary.kind),
        "bad_rows": dg.MetadataValue.int(summary.bad_rows),
    }
    if summary.bad_rows:
        prefix = quarantine_prefix(manifest.connector, manifest.batch_id)
        metadata["quarantine"] = dg.MetadataValue.url(f"s3://{storage.transformed_bucket}/{prefix}")
    return metadata


def build_inbound_files_asset(
    connector: str,
    partitions: dg.DynamicPartitionsDefinition,
    format_choice: FormatChoice,
    *,
    prefix: str,
    description: str,
    owners: Sequence[str],
    recipe: Recipe | None = None,
    pulled: bool = False,
) -> dg.AssetsDefinition:
    """Build the asset; its metadata names the inbound prefix, which routes what arrives.

    With a recipe, columns that it does not fit are an error before they are recorded anywhere, and
    so is a `pulled` batch that lacks records.
    """

    key = dg.AssetKey(asset_path(connector, Stage.INBOUND_FILES))

    @dg.asset(
        key=key,
        partitions_def=partitions,
        group_name=connector,
        kinds={"s3"},
        owners=list(owners),
        tags={"stage": "inbound"},
        metadata={INBOUND_PREFIX_METADATA: prefix},
        description=description,
        pool="scratch",
        check_specs=[check_spec(key, pulled=pulled)],
    )
    def inbound_files(
        context: dg.AssetExecutionContext, storage: S3Storage, ledger: Ledger
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        batch_id = context.partition_key
        state, run_id = ledger.batch(connector, batch_id).state, context.run.run_id
        moved = ledger.move(
            connector, batch_id, BatchState.RUNNING, run_id=run_id, at=datetime.now(UTC)
        )
        if not moved:
            raise LedgerError(f"Batch {batch_id} of {connector} is {state}: it can't be run.")
        manifest = read_manifest(storage, connector, batch_id)
        context.log.info("Batch %s: %d files.", batch_id, len(manifest.files))
        verify_batch(storage, manifest)
        file_format = format_choice.for_batch([file.key for file in manifest.files])
        with tempfile.TemporaryDirectory(prefix="cleanroom-inbound-") as scratch:
            summaries = inspect_batch(storage, manifest, file_format, Path(scratch))
            columns = check_batch(file_format, summaries, recipe)
            quarantine(storage, manifest, Path(scratch))
        summary = summary_of(columns, summaries.values())
        counted = records_reconcile if pulled else rows_as_reported
        rows_check = counted(manifest, summary)
        if missing := missing_records(manifest, rows_check):
            yield rows_check
            raise missing
        write_inbound_summary(storage, connector, batch_id, summary)
        if summary.bad_rows:
            context.log.warning("Put %d bad rows aside.", summary.bad_rows)
        yield dg.MaterializeResult(
            metadata=batch_metadata(storage, manifest, columns, summary),
            check_results=[rows_check],
        )

    return inbound_files


def inbound_prefixes(connectors: dg.Definitions) -> dict[str, str]:
    """Return each connector's inbound prefix, as its assets say; refuse those that overlap."""
    prefixes = [
        (spec.key.path[0], str(spec.metadata[INBOUND_PREFIX_METADATA]))
        for assets in connectors.assets or []
        if isinstance(assets, dg.AssetsDefinition)
        for spec in assets.specs
        if INBOUND_PREFIX_METADATA in spec.metadata
    ]
    check_prefixes(prefixes)
    return dict(prefixes)
