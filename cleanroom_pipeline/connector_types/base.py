"""What all connector types have in common: the chain of assets and the job that runs it.

Here: composition. Not here: the logic of a stage, or where data comes from.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import dagster as dg
from pydantic import Field

from cleanroom_pipeline.catalog.assets import build_glue_table_asset
from cleanroom_pipeline.connector_types.settings import (
    CompletionSettings,
    ConnectorName,
    DataBrewJobSettings,
    FileName,
    InboundSettings,
    SensorSettings,
    TableSettings,
)
from cleanroom_pipeline.inbound.assets import build_inbound_files_asset
from cleanroom_pipeline.inbound.sensors import build_quiet_period_sensor
from cleanroom_pipeline.model import CONNECTOR_TAG, Engine, partitions_name
from cleanroom_pipeline.recipe import Recipe, parse_recipe
from cleanroom_pipeline.recipe.lineage import column_lineage
from cleanroom_pipeline.transform.assets import TransformSettings, build_transformed_table_asset


def origin_comments(recipe: Recipe, inbound_columns: Sequence[str]) -> dict[str, str]:
    """Return for each column of the table, in words, the inbound columns that it comes from."""
    return {
        column: origin.in_words
        for column, origin in column_lineage(recipe, inbound_columns).items()
    }


class ConnectorBase(dg.Component, dg.Model, dg.Resolvable):
    """One declared data feed. Subclasses add where it comes from."""

    name: ConnectorName
    inbound: InboundSettings
    completion: CompletionSettings
    table: TableSettings
    description: str = ""
    recipe: FileName = "recipe.json"
    engine: Engine = Engine.LOCAL
    databrew: DataBrewJobSettings = DataBrewJobSettings()
    sensor: SensorSettings = SensorSettings()
    owners: Sequence[str] = Field(default_factory=list)

    @property
    def partitions(self) -> dg.DynamicPartitionsDefinition:
        """The batches of this connector; a partition key is a batch id."""
        return dg.DynamicPartitionsDefinition(name=partitions_name(self.name))

    def read_recipe(self, folder: Path) -> tuple[Recipe, str]:
        """Read and check the recipe that lies beside the YAML; RecipeError has every finding."""
        path = folder / self.recipe
        text = path.read_text(encoding="utf-8")
        return parse_recipe(text, name=f"{folder.name}/{self.recipe}"), text

    def build_assets(self, folder: Path) -> list[dg.AssetsDefinition]:
        """Build the chain: inbound files, transformed table, Glue table."""
        recipe, recipe_text = self.read_recipe(folder)
        about = self.description or f"Connector {self.name}."
        choice = self.inbound.format.choice()
        return [
            build_inbound_files_asset(
                self.name,
                self.partitions,
                choice,
                prefix=self.inbound.prefix,
                description=f"{about} A settled delivery, as it arrived.",
                owners=self.owners,
            ),
            build_transformed_table_asset(
                TransformSettings(
                    connector=self.name,
                    recipe=recipe,
                    recipe_text=recipe_text,
                    format_choice=choice,
                    description=f"{about} After its recipe: {len(recipe.steps)} steps.",
                    owners=tuple(self.owners),
                    max_capacity=self.databrew.max_capacity,
                    timeout_minutes=self.databrew.timeout_minutes,
                ),
                self.engine,
                self.partitions,
            ),
            build_glue_table_asset(
                self.name,
                self.partitions,
                database=self.table.database,
                table=self.table.name,
                description=self.table.description or about,
                owners=self.owners,
                comments=partial(origin_comments, recipe),
            ),
        ]

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build everything of this connector; resources are bound once, for all of them."""
        assets = self.build_assets(Path(context.path))
        batch_job = dg.define_asset_job(
            name=f"{self.name}__batch_job",
            selection=dg.AssetSelection.assets(*assets),
            description=f"Takes one batch of {self.name} from its files to its Glue table.",
            tags={CONNECTOR_TAG: self.name},
            executor_def=dg.in_process_executor,
        )
        sensor = build_quiet_period_sensor(
            self.name,
            batch_job,
            self.completion.chosen(),
            self.partitions,
            interval_seconds=self.sensor.interval_seconds,
            default_status=dg.DefaultSensorStatus[self.sensor.default_status],
        )
        return dg.Definitions(assets=assets, jobs=[batch_job], sensors=[sensor])
