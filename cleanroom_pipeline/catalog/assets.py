"""The asset `<connector>/glue_table`: the batch that readers see.

Here: publishing as Dagster sees it: metadata, checks. Not here: how (`catalog.publish`).
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

import dagster as dg

from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.catalog.publish import (
    NotReadyError,
    Published,
    TableTarget,
    publish,
)
from cleanroom_pipeline.catalog.readiness import CHECKS, Finding, markdown
from cleanroom_pipeline.catalog.restate import day_of, publish_day
from cleanroom_pipeline.catalog.table_input import Load
from cleanroom_pipeline.ledger import Ledger, LedgerError
from cleanroom_pipeline.model import (
    SUPERSEDED_METADATA,
    BatchState,
    Stage,
    TransformedBatch,
    asset_path,
)
from cleanroom_pipeline.records import read_inbound_summary, read_manifest, read_transformed

READY_CHECK = "clean_rooms_ready"
TABLE_METADATA = "dagster/table_name"
DAY_METADATA = "day"
LOAD_METADATA = "load"

Comments = Callable[[Sequence[str]], dict[str, str]]


def published_metadata(
    connector: str, target: TableTarget, published: Published
) -> dict[str, dg.MetadataValue]:
    """Return what the Dagster UI shows of a published batch."""
    transformed = dg.AssetKey(asset_path(connector, Stage.TRANSFORMED_TABLE))
    columns = [
        dg.TableColumn(column.name, column.type, description=column.comment or None)
        for column in published.columns
    ]
    lineage = {
        column.name: [dg.TableColumnDep(transformed, column.name)] for column in published.columns
    }
    metadata: dict[str, dg.MetadataValue] = {
        TABLE_METADATA: dg.MetadataValue.text(target.name),
        "dagster/row_count": dg.MetadataValue.int(published.table_rows),
        "dagster/partition_row_count": dg.MetadataValue.int(published.rows),
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns=columns)),
        "dagster/column_lineage": dg.MetadataValue.column_lineage(dg.TableColumnLineage(lineage)),
        "dagster/uri": dg.MetadataValue.url(published.location),
        "previous_location": dg.MetadataValue.text(published.previous_location or "none"),
        "readiness": dg.MetadataValue.md(markdown(published.findings)),
    }
    if published.day:
        metadata[DAY_METADATA] = dg.MetadataValue.text(published.day.isoformat())
    if published.superseded_by:
        metadata[SUPERSEDED_METADATA] = dg.MetadataValue.text(published.superseded_by)
    return metadata


def readiness_result(findings: Sequence[Finding], *, passed: bool) -> dg.AssetCheckResult:
    """Return the readiness checks' outcome as one asset check."""
    return dg.AssetCheckResult(
        check_name=READY_CHECK,
        passed=passed,
        metadata={
            "checks": len(CHECKS),
            "findings": len(findings),
            "report": dg.MetadataValue.md(markdown(tuple(findings))),
        },
    )


def publish_as(
    load: Load,
    transformed: TransformedBatch,
    target: TableTarget,
    storage: S3Storage,
    glue: GlueCatalog,
) -> Published:
    """Publish a batch as the whole table, or as the day of it that its manifest names."""
    if load == "snapshot":
        return publish(transformed, target, storage, glue)
    manifest = read_manifest(storage, transformed.connector, transformed.batch_id)
    return publish_day(transformed, day_of(transformed, manifest.day), target, storage, glue)


def build_glue_table_asset(
    connector: str,
    partitions: dg.DynamicPartitionsDefinition,
    *,
    database: str,
    table: str,
    description: str,
    comments: Comments,
    owners: Sequence[str],
    load: Load = "snapshot",
) -> dg.AssetsDefinition:
    """Build the asset; `comments` tells from the inbound columns what each column comes from."""
    key = dg.AssetKey(asset_path(connector, Stage.GLUE_TABLE))

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(asset_path(connector, Stage.TRANSFORMED_TABLE))],
        partitions_def=partitions,
        group_name=connector,
        kinds={"glue", "parquet"},
        owners=list(owners),
        tags={"stage": "catalog"},
        metadata={TABLE_METADATA: f"{database}.{table}", LOAD_METADATA: load},
        description=description,
        check_specs=[
            dg.AssetCheckSpec(
                READY_CHECK,
                asset=key,
                blocking=True,
                description="Clean Rooms will accept the table, and read it right.",
            )
        ],
    )
    def glue_table(
        context: dg.AssetExecutionContext, storage: S3Storage, glue: GlueCatalog, ledger: Ledger
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        batch_id = context.partition_key
        move = partial(ledger.move, connector, batch_id, run_id=context.run.run_id)
        # A run that takes up a failed one from here has no inbound_files to say that it runs.
        if not move(BatchState.RUNNING, at=datetime.now(UTC)):
            raise LedgerError(f"Batch {batch_id} of {connector} is not one that is cut.")
        transformed = read_transformed(storage, connector, batch_id)
        inbound = read_inbound_summary(storage, connector, batch_id)
        target = TableTarget(database, table, description, comments(inbound.columns))
        try:
            published = publish_as(load, transformed, target, storage, glue)
        except NotReadyError as error:
            yield readiness_result(error.findings, passed=False)
            raise
        if published.superseded_by:
            shows = f"Day {published.day} of the table" if published.day else "The table"
            context.log.info("%s goes on showing the newer %s.", shows, published.superseded_by)
        if not move(BatchState.PUBLISHED, at=datetime.now(UTC)):
            raise LedgerError(
                f"Batch {batch_id} of {connector} was published, and the ledger has it as "
                f"{ledger.batch(connector, batch_id).state} by now: see `cleanroom batch show`."
            )
        yield dg.MaterializeResult(
            metadata=published_metadata(connector, target, published),
            check_results=[readiness_result(published.findings, passed=True)],
        )

    return glue_table
