"""What the Dagster UI shows of a transformation.

Here: from records, a schema and a recipe to Dagster's reserved metadata. Not here: any row's value.
"""

from collections.abc import Mapping, Sequence

import dagster as dg
import pyarrow as pa

from cleanroom_pipeline.model import ROWS_IN_METADATA, Stage, TransformedBatch, asset_path
from cleanroom_pipeline.recipe import Recipe
from cleanroom_pipeline.recipe.lineage import ColumnOrigin, column_lineage
from cleanroom_pipeline.recipe.parity import comparison_text
from cleanroom_pipeline.transform.databrew_cost import CostRule
from cleanroom_pipeline.transform.parity import Parity


def write_id_of(run: dg.DagsterRun, retry_number: int) -> str:
    """Return the name of what one attempt writes under: no two attempts share it."""
    return f"{run.run_id[:8]}-{retry_number}"


def lineage_of(connector: str, origins: Mapping[str, ColumnOrigin]) -> dg.TableColumnLineage:
    """Return Dagster's column lineage from the inbound files to the transformed table."""
    inbound = dg.AssetKey(asset_path(connector, Stage.INBOUND_FILES))
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(inbound, source) for source in sorted(origin.columns)]
            for column, origin in origins.items()
        }
    )


def transformed_metadata(
    transformed: TransformedBatch,
    schema: pa.Schema,
    recipe: Recipe,
    input_columns: Sequence[str],
) -> Mapping[str, dg.MetadataValue]:
    """Return the metadata of `transformed_table`."""
    origins = column_lineage(recipe, input_columns)
    # The UI of open-source Dagster draws no column lineage; in the description it is seen.
    columns = [
        dg.TableColumn(
            field.name,
            str(field.type),
            description=origins[field.name].in_words if field.name in origins else None,
        )
        for field in schema
    ]
    metadata = {
        ROWS_IN_METADATA: dg.MetadataValue.int(transformed.rows_in),
        "dagster/partition_row_count": dg.MetadataValue.int(transformed.rows_out),
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns=columns)),
        "dagster/column_lineage": dg.MetadataValue.column_lineage(
            lineage_of(transformed.connector, origins)
        ),
        "dagster/uri": dg.MetadataValue.url(transformed.location),
        "files": dg.MetadataValue.int(len(transformed.files)),
        "bytes": dg.MetadataValue.int(sum(file.size for file in transformed.files)),
        "engine": dg.MetadataValue.text(transformed.engine.value),
        "recipe_sha256": dg.MetadataValue.text(transformed.recipe_sha256),
    }
    if transformed.external_run_id:
        metadata["databrew_run_id"] = dg.MetadataValue.text(transformed.external_run_id)
    return metadata


def cost_metadata(cost: CostRule, seconds: int) -> Mapping[str, dg.MetadataValue]:
    """Return what a DataBrew run of so many seconds cost, as far as that is known."""
    return {
        "node_hours": dg.MetadataValue.float(round(cost.node_hours(seconds), 4)),
        "estimated_price_usd": dg.MetadataValue.float(round(cost.price(seconds), 4)),
    }


def parity_metadata(parity: Parity, recipe: Recipe) -> Mapping[str, dg.MetadataValue]:
    """Return how the engines differ, by column; no cell of either."""
    text = comparison_text(parity.found, recipe, parity.who, show=False)
    return {
        "parity": dg.MetadataValue.text("same" if parity.same else "different"),
        "parity_report": dg.MetadataValue.md(f"```\n{text}\n```"),
    }
