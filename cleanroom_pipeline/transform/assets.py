"""The asset `<connector>/transformed_table`: a batch after its recipe, on the chosen engine.

Here: the choice of the engine, and what Dagster is told. Not here: how an engine works
(`transform.local`, `transform.databrew`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import dagster as dg

from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.message_encryption import MessageEncryption
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.secrets_manager import Secrets
from cleanroom_pipeline.model import Engine, Stage, asset_path
from cleanroom_pipeline.parquet_footer import read_footer
from cleanroom_pipeline.recipe import Recipe
from cleanroom_pipeline.recipe.engine import EngineSettings
from cleanroom_pipeline.records import (
    FormatChoice,
    read_inbound_summary,
    read_manifest,
    write_transformed,
)
from cleanroom_pipeline.transform.databrew import (
    DataBrewSettings,
    start_databrew_run,
    wait_for_databrew_run,
)
from cleanroom_pipeline.transform.datasets import DatasetSource, fetch_datasets
from cleanroom_pipeline.transform.local import transform_batch
from cleanroom_pipeline.transform.metadata import transformed_metadata, write_id_of
from cleanroom_pipeline.transform.zero_rows import OnZeroRows, check_rows

LOCAL_POOL = "local_engine"


@dataclass(frozen=True, slots=True)
class TransformSettings:
    """What a connector says of its transformation."""

    connector: str
    recipe: Recipe
    recipe_text: str
    format_choice: FormatChoice
    description: str
    owners: tuple[str, ...]
    databrew: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `DataBrewSettings` that the connector's YAML gives."""
    datasets: Mapping[str, DatasetSource] = field(default_factory=dict)
    on_zero_rows: OnZeroRows = "fail"


def build_transformed_table_asset(
    settings: TransformSettings, engine: Engine, partitions: dg.DynamicPartitionsDefinition
) -> dg.AssetsDefinition:
    """Build the asset for the engine that the connector chose."""
    builders = {Engine.LOCAL: _on_local, Engine.DATABREW: _on_databrew}
    return builders[engine](settings, partitions)


def _on_local(
    settings: TransformSettings, partitions: dg.DynamicPartitionsDefinition
) -> dg.AssetsDefinition:
    connector = settings.connector

    @dg.asset(
        key=dg.AssetKey(asset_path(connector, Stage.TRANSFORMED_TABLE)),
        deps=[dg.AssetKey(asset_path(connector, Stage.INBOUND_FILES))],
        partitions_def=partitions,
        group_name=connector,
        kinds={"parquet", "duckdb"},
        owners=list(settings.owners),
        tags={"stage": "transform"},
        description=settings.description,
        code_version=settings.recipe.sha256[:12],
        pool=LOCAL_POOL,
    )
    def transformed_table(
        context: dg.AssetExecutionContext,
        storage: S3Storage,
        secrets: Secrets,
        message_encryption: MessageEncryption,
        glue: GlueCatalog,
    ) -> dg.MaterializeResult[None]:
        batch_id = context.partition_key
        transformed = transform_batch(
            storage,
            read_manifest(storage, connector, batch_id),
            settings.recipe,
            settings.format_choice,
            secrets,
            message_encryption,
            EngineSettings(),
            write_id=write_id_of(context.run, context.retry_number),
            fetch=lambda folder: fetch_datasets(storage, glue, settings.datasets, folder),
        )
        check_rows(connector, transformed.rows_in, transformed.rows_out, settings.on_zero_rows)
        write_transformed(storage, transformed)
        first = transformed.files[0]
        schema = read_footer(storage.range_reader(first.key), first.size).schema
        columns: Sequence[str] = read_inbound_summary(storage, connector, batch_id).columns
        return dg.MaterializeResult(
            metadata=transformed_metadata(transformed, schema, settings.recipe, columns)
        )

    return transformed_table


def _on_databrew(
    settings: TransformSettings, partitions: dg.DynamicPartitionsDefinition
) -> dg.AssetsDefinition:
    connector = settings.connector
    config = DataBrewSettings(
        connector=connector,
        recipe=settings.recipe_text,
        # Dagster refuses a null within a mapping; what is null is the default.
        format={n: v for n, v in asdict(settings.format_choice.options).items() if v is not None},
        on_zero_rows=settings.on_zero_rows,
        **settings.databrew,
    ).model_dump()

    @dg.graph_asset(
        key=dg.AssetKey(asset_path(connector, Stage.TRANSFORMED_TABLE)),
        ins={
            "inbound_files": dg.AssetIn(
                key=dg.AssetKey(asset_path(connector, Stage.INBOUND_FILES)),
                dagster_type=dg.Nothing,
            )
        },
        config={
            "start_databrew_run": {"config": config},
            "wait_for_databrew_run": {"config": config},
        },
        partitions_def=partitions,
        group_name=connector,
        kinds={"parquet", "databrew"},
        owners=list(settings.owners),
        tags={"stage": "transform"},
        description=settings.description,
        code_version=settings.recipe.sha256[:12],
    )
    def transformed_table(inbound_files: Any) -> Any:
        return wait_for_databrew_run(start_databrew_run(inbound_files))

    return transformed_table
