"""The asset `<connector>/inbound_files`: a batch, verified against its manifest and looked into.

Here: pinned versions are there, files agree with each other, counts and columns are recorded. Not
here: which files make a batch (`inbound.intake`), what becomes of their rows (`transform`).
"""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.inbound.events import check_prefixes
from cleanroom_pipeline.inbound.manifest import check_present
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import (
    Arrival,
    BatchState,
    Manifest,
    Stage,
    asset_path,
    manifest_key,
)
from cleanroom_pipeline.recipe.files import (
    FileFormat,
    FileSummary,
    InputFile,
    check_same_columns,
    inspect_file,
)
from cleanroom_pipeline.records import (
    FormatChoice,
    InboundSummary,
    read_manifest,
    write_inbound_summary,
)

INBOUND_PREFIX_METADATA = "cleanroom/inbound_prefix"


def inspect_batch(
    storage: S3Storage, manifest: Manifest, file_format: FileFormat, scratch: Path
) -> dict[str, FileSummary]:
    """Look into each file of the batch, one at a time, so that one file's room is all it takes."""
    summaries = {}
    for number, arrival in enumerate(manifest.files):
        path = scratch / f"{number:06d}"
        storage.download_inbound(arrival, path)
        try:
            summaries[arrival.key] = inspect_file(InputFile(path, arrival.key), file_format)
        finally:
            path.unlink()
    return summaries


def verify_batch(storage: S3Storage, manifest: Manifest) -> None:
    """Raise ManifestError unless S3 still has every pinned version as it was."""
    present: dict[str, Arrival | None] = {
        file.key: storage.head_inbound(file.key, file.version_id) for file in manifest.files
    }
    check_present(manifest, present)


def summary_of(file_format: FileFormat, summaries: Iterable[FileSummary]) -> InboundSummary:
    """Return what later stages need to know of the files, which all have the same columns."""
    listed = list(summaries)
    return InboundSummary(
        kind=file_format.kind,
        columns=tuple(name for name, _ in listed[0].columns),
        rows=sum(summary.rows for summary in listed),
    )


def batch_metadata(
    storage: S3Storage, manifest: Manifest, summaries: Mapping[str, FileSummary]
) -> dict[str, dg.MetadataValue]:
    """Return what the Dagster UI shows of a batch: counts, columns, the manifest. No row values."""
    columns = next(iter(summaries.values())).columns
    rows = sum(summary.rows for summary in summaries.values())
    schema = dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in columns])
    manifest_uri = (
        f"s3://{storage.transformed_bucket}/{manifest_key(manifest.connector, manifest.batch_id)}"
    )
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(rows),
        "dagster/column_schema": dg.MetadataValue.table_schema(schema),
        "dagster/uri": dg.MetadataValue.url(manifest_uri),
        "files": dg.MetadataValue.int(len(manifest.files)),
        "bytes": dg.MetadataValue.int(manifest.size),
        "manifest_digest": dg.MetadataValue.text(manifest.digest),
        "completion_policy": dg.MetadataValue.text(manifest.policy),
        "whole_because": dg.MetadataValue.text(manifest.reason),
    }


def build_inbound_files_asset(
    connector: str,
    partitions: dg.DynamicPartitionsDefinition,
    format_choice: FormatChoice,
    *,
    prefix: str,
    description: str,
    owners: Sequence[str],
) -> dg.AssetsDefinition:
    """Build the asset; its metadata names the inbound prefix, which routes what arrives."""

    @dg.asset(
        key=dg.AssetKey(asset_path(connector, Stage.INBOUND_FILES)),
        partitions_def=partitions,
        group_name=connector,
        kinds={"s3"},
        owners=list(owners),
        tags={"stage": "inbound"},
        metadata={INBOUND_PREFIX_METADATA: prefix},
        description=description,
        pool="scratch",
    )
    def inbound_files(
        context: dg.AssetExecutionContext, storage: S3Storage, ledger: Ledger
    ) -> dg.MaterializeResult[None]:
        batch_id = context.partition_key
        ledger.batch(connector, batch_id)
        ledger.move(
            connector,
            batch_id,
            BatchState.RUNNING,
            run_id=context.run.run_id,
            at=datetime.now(UTC),
        )
        manifest = read_manifest(storage, connector, batch_id)
        context.log.info("Batch %s: %d files.", batch_id, len(manifest.files))
        verify_batch(storage, manifest)
        file_format = format_choice.for_batch([file.key for file in manifest.files])
        with tempfile.TemporaryDirectory(prefix="cleanroom-inbound-") as scratch:
            summaries = inspect_batch(storage, manifest, file_format, Path(scratch))
        check_same_columns(summaries)
        write_inbound_summary(
            storage, connector, batch_id, summary_of(file_format, summaries.values())
        )
        return dg.MaterializeResult(metadata=batch_metadata(storage, manifest, summaries))

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
