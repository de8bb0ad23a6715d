"""What all connector types have in common: the chain of assets and the job that runs it.

Here: composition. Not here: the logic of a stage, or where data comes from.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self, get_args

import dagster as dg
from pydantic import BaseModel, Field, model_validator

from cleanroom_pipeline.catalog.assets import build_glue_table_asset
from cleanroom_pipeline.connector_types.completion_settings import CompletionSettings, Policy
from cleanroom_pipeline.connector_types.profiles import filled, filled_model, recipe_text
from cleanroom_pipeline.connector_types.settings import (
    RESTATEMENT,
    ConnectorName,
    DataBrewJobSettings,
    DatasetSettings,
    FileName,
    InboundSettings,
    SensorSettings,
    TableSettings,
    load_misfits,
    refuse,
)
from cleanroom_pipeline.inbound.assets import build_inbound_files_asset
from cleanroom_pipeline.inbound.declared_steps import with_steps_before
from cleanroom_pipeline.inbound.sensors import build_quiet_period_sensor
from cleanroom_pipeline.inbound.tick import TickSettings
from cleanroom_pipeline.model import CONNECTOR_TAG, Engine, partitions_name
from cleanroom_pipeline.recipe import Recipe, RecipeError, parse_recipe
from cleanroom_pipeline.recipe.findings import Finding
from cleanroom_pipeline.recipe.lineage import column_lineage
from cleanroom_pipeline.recipe.operations.combining import second_inputs
from cleanroom_pipeline.recipe.steps import Step
from cleanroom_pipeline.transform.assets import TransformSettings, build_transformed_table_asset
from cleanroom_pipeline.transform.databrew_orphans import build_orphans_sensor
from cleanroom_pipeline.transform.zero_rows import OnZeroRows


def origin_comments(recipe: Recipe, inbound_columns: Sequence[str]) -> dict[str, str]:
    """Return for each column of the table, in words, the inbound columns that it comes from."""
    return {
        column: origin.in_words
        for column, origin in column_lineage(recipe, inbound_columns).items()
    }


def refuse_missing_datasets(recipe: Recipe, given: Collection[str]) -> None:
    """Raise RecipeError when a step reads a second dataset that the connector does not have."""
    findings = [
        Finding(
            f"reads the dataset {' or '.join(map(repr, names))}; the connector's `datasets` has "
            f"{', '.join(map(repr, given)) or 'none'}",
            step.number,
            step.operation,
            step.line,
        )
        for step in recipe.steps
        for names in second_inputs(step)
        if not set(names) & set(given)
    ]
    if findings:
        raise RecipeError(recipe.name, findings)


class ConnectorBase(dg.Component, dg.Model, dg.Resolvable):
    """One declared data feed. Subclasses add where it comes from."""

    DAILY_POLICIES: ClassVar[frozenset[str]] = frozenset({RESTATEMENT})
    """The completion policies that can cut batches of which each holds one day in full."""

    name: ConnectorName
    inbound: InboundSettings
    completion: CompletionSettings
    table: TableSettings
    profile: str | None = None
    description: str = ""
    recipe: FileName = "recipe.json"
    engine: Engine = Engine.LOCAL
    databrew: DataBrewJobSettings = DataBrewJobSettings()
    on_zero_rows: OnZeroRows = "fail"
    sensor: SensorSettings = SensorSettings()
    owners: Sequence[str] = Field(default_factory=list)
    datasets: Sequence[DatasetSettings] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def take_defaults_from_profile(cls, attributes: Any) -> Any:
        """Fill what the profile says and the connector does not, and refuse what does not fit.

        Done before the fields are read, so that it is done where one of them holds a template.
        """
        whole = filled(attributes)
        if isinstance(whole, Mapping):
            completion, table = whole.get("completion"), whole.get("table")
            if isinstance(completion, Mapping) and isinstance(table, Mapping):
                policy = completion.get("policy")
                # A template is text until Dagster renders it; what is built then is checked below.
                if policy in get_args(Policy):
                    refuse(load_misfits(policy, table.get("load", "snapshot"), cls.DAILY_POLICIES))
        return whole

    @model_validator(mode="after")
    def settings_go_with_one_another(self) -> Self:
        """Refuse a table that is loaded in another way than the policy cuts, unused datasets."""
        refuse(load_misfits(self.completion.policy, self.table.load, self.DAILY_POLICIES))
        if self.datasets and self.engine is Engine.DATABREW:
            told = "goes with engine local; DataBrew looks for datasets of these names by itself"
            refuse([(("datasets",), told)])
        names = [one.name for one in self.datasets]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            refuse([(("datasets",), f"has the name {repeated[0]!r} twice")])
        return self

    @property
    def pulled(self) -> bool:
        """Whether we have the data brought, and so know how many records that were."""
        return False

    @classmethod
    def model(cls) -> type[BaseModel]:
        """Return the model by which Dagster reads the YAML; it fills from the profile as well."""
        return filled_model(super().model())

    @property
    def partitions(self) -> dg.DynamicPartitionsDefinition:
        """The batches of this connector; a partition key is a batch id."""
        return dg.DynamicPartitionsDefinition(name=partitions_name(self.name))

    def tick_settings(self) -> TickSettings:
        """Return what the sensor, and a person's commands, go by."""
        return TickSettings(
            self.name,
            self.completion.chosen(),
            deadline=self.completion.deadline,
            reconcile_every=timedelta(minutes=self.sensor.reconcile_minutes),
            in_order=self.table.load == "restate",
            parallel=self.sensor.parallel_batches,
        )

    def feeds(self) -> Sequence["ConnectorBase"]:
        """Return the feeds that this connector declares, each with a chain of its own."""
        return [self]

    def declared_steps(self) -> Sequence[Step]:
        """Return the steps that settings of the connector put before those of its recipe."""
        return ()

    def read_recipe(self, folder: Path) -> tuple[Recipe, str]:
        """Read and check the recipe, and put the declared steps before it; return its text too.

        It lies beside the YAML, or is one that we ship. RecipeError has every finding.
        """
        text = recipe_text(folder, self.recipe)
        recipe = parse_recipe(text, name=f"{folder.name}/{self.recipe}")
        if steps := self.declared_steps():
            recipe = with_steps_before(recipe, steps)
            text = json.dumps(recipe.to_api())
        if self.engine is Engine.LOCAL:
            refuse_missing_datasets(recipe, [one.name for one in self.datasets])
        return recipe, text

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
                recipe=recipe,
                pulled=self.pulled,
            ),
            build_transformed_table_asset(
                TransformSettings(
                    connector=self.name,
                    recipe=recipe,
                    recipe_text=recipe_text,
                    format_choice=choice,
                    description=f"{about} After its recipe: {len(recipe.steps)} steps.",
                    owners=tuple(self.owners),
                    databrew=self.databrew.for_ops(),
                    on_zero_rows=self.on_zero_rows,
                    datasets={one.name: one.source() for one in self.datasets},
                ),
                self.engine,
                self.partitions,
            ),
            build_glue_table_asset(
                self.name,
                self.partitions,
                database=self.table.database,
                table=self.table.name or self.name,
                description=self.table.description or about,
                owners=self.owners,
                comments=partial(origin_comments, recipe),
                load=self.table.load,
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
            self.tick_settings(),
            batch_job,
            self.partitions,
            interval_seconds=self.sensor.interval_seconds,
            default_status=dg.DefaultSensorStatus[self.sensor.default_status],
        )
        sensors = [sensor, *self.build_engine_sensors()]
        return dg.Definitions(assets=assets, jobs=[batch_job], sensors=sensors)

    def build_engine_sensors(self) -> list[dg.SensorDefinition]:
        """Build what watches over the engine's runs; the local engine has none that outlive it."""
        if self.engine is not Engine.DATABREW:
            return []
        status = dg.DefaultSensorStatus[self.sensor.default_status]
        return [build_orphans_sensor(self.name, status)]
