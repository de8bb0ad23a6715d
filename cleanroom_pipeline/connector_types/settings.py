"""The form of a connector's YAML.

Here: fields, their types, defaults and bounds. Not here: what is built from them.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Annotated, Any, Literal, Self

import dagster as dg
from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from cleanroom_pipeline.catalog.table_input import Load
from cleanroom_pipeline.connector_types.format_settings import FormatSettings
from cleanroom_pipeline.transform.databrew_cost import PRICE_PER_NODE_HOUR, CostRule
from cleanroom_pipeline.transform.datasets import DatasetSource, InboundDataset, TableDataset

ConnectorName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=60)
]
Prefix = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_=-][A-Za-z0-9_.=-]*/)+$")]
GlueName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,127}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*\.(json|ya?ml)$")]
Status = Literal["RUNNING", "STOPPED"]

RESTATEMENT = "restatement"

Misfit = tuple[tuple[int | str, ...], str]
"""Where a field is, part by part, and what is to be said of it."""


def bounded(low: float, high: float | None = None) -> AfterValidator:
    """Bound a number, and let text pass: any field may hold a template until it is rendered."""

    def check(value: Any) -> Any:
        if isinstance(value, str):
            return value
        if value < low or (high is not None and value > high):
            raise ValueError(f"must be at least {low:g}" + (f", at most {high:g}" if high else ""))
        return value

    return AfterValidator(check)


def refuse(misfits: Iterable[Misfit]) -> None:
    """Raise a ValidationError that leads to each field, which a plain ValueError does not."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError("settings", "{told}", {"told": told}), loc=where, input=None
        )
        for where, told in misfits
    ]
    if details:
        raise ValidationError.from_exception_data("settings", details)


class Settings(dg.Model, dg.Resolvable):
    """A part of a connector's YAML; a field that is not listed is refused."""


class InboundSettings(Settings):
    """Where deliveries arrive, and how they are read."""

    prefix: Prefix
    format: FormatSettings = FormatSettings()


class SensorSettings(Settings):
    """How often the connector's sensor looks, and whether it does so from the start.

    Every `reconcile_minutes` it also lists the whole inbound prefix, for what no message told of.
    `parallel_batches` is how many batches of the connector may run at once.
    """

    interval_seconds: Annotated[int, bounded(1)] = 30
    reconcile_minutes: Annotated[float, bounded(0.01, 1440)] = 15
    parallel_batches: Annotated[int, bounded(1, 100)] = 4
    default_status: Status = "RUNNING"


class TableSettings(Settings):
    """The Glue table, and what a batch does to it. Without a name it has the connector's.

    With `snapshot`, the newest published batch is the table. With `restate`, the table is
    partitioned by day, and a batch replaces the day that it holds.
    """

    database: GlueName
    name: GlueName | None = None
    load: Load = "snapshot"
    description: str = ""


def load_misfits(policy: object, load: object, daily: Collection[str]) -> Iterator[Misfit]:
    """Return what is to be said where a completion policy and the table's load do not go together.

    `daily` are the policies that can cut batches of which each holds one day in full.
    """
    told = ""
    if load == "restate" and policy not in daily:
        allowed = " or ".join(sorted(daily))
        alone = " alone" if len(daily) == 1 else ""
        told = f"restate goes with completion policy {allowed}{alone}, and it is {policy}"
    if load == "snapshot" and policy == RESTATEMENT:
        told = f"must be restate with completion policy {RESTATEMENT}: each batch is one day"
    if told:
        yield ("table", "load"), told


class TableName(Settings):
    """A Glue table by its database and name."""

    database: GlueName
    name: GlueName


class DatasetSettings(Settings):
    """A second dataset of a recipe: files under an inbound prefix, or a Glue table of ours.

    `name` is what the recipe calls it: a DataBrew dataset, or an S3 location.
    """

    name: str
    prefix: Prefix | None = None
    format: FormatSettings = FormatSettings()
    table: TableName | None = None

    @model_validator(mode="after")
    def one_source(self) -> Self:
        """Refuse a dataset that says where it lies twice, or not at all."""
        if (self.prefix is None) == (self.table is None):
            raise ValueError("a dataset has either a prefix (of the inbound bucket) or a table")
        return self

    def source(self) -> DatasetSource:
        """Return what the transformation is told."""
        if self.table is not None:
            return TableDataset(self.table.database, self.table.name)
        return InboundDataset(self.prefix or "", self.format.choice())


# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
TAG_KEY = re.compile(r"[\w .:/=+@-]{1,128}")
TAG_VALUE = re.compile(r"[\w .:/=+@-]{0,256}")
RESERVED_TAGS = ("aws:", "cleanroom:")
MOST_TAGS = 40


def checked_tags(tags: Any) -> Any:
    """Return tags that AWS takes; a template passes, as anywhere."""
    if isinstance(tags, str):
        return tags
    if len(tags) > MOST_TAGS:
        raise ValueError(f"has {len(tags)} tags; at most {MOST_TAGS}, as AWS takes 50 with ours")
    for key, value in tags.items():
        if str(key).lower().startswith(RESERVED_TAGS):
            raise ValueError(f"the tag {key!r} begins with a word that is reserved")
        if not TAG_KEY.fullmatch(str(key)) or not TAG_VALUE.fullmatch(str(value)):
            raise ValueError(
                f"the tag {key!r} is none that AWS takes: letters, digits, spaces and _.:/=+@-, "
                "128 in a key and 256 in a value"
            )
    return tags


class DataBrewJobSettings(Settings):
    """A DataBrew job: nodes of 4 vCPU and 16 GB, minutes, DataBrew's own retries, tags.

    `keep_jobs`: how many jobs of earlier batches stay in DataBrew. `max_cost`: dollars, estimated
    by `price_per_node_hour`, at which a run is stopped. `parity`: compare with the local engine.
    """

    max_capacity: Annotated[int, bounded(2, 149)] = 5
    timeout_minutes: Annotated[int, bounded(1, 2880)] = 120
    max_retries: Annotated[int, bounded(0, 10)] = 0
    tags: Annotated[dict[str, str], AfterValidator(checked_tags)] = Field(default_factory=dict)
    keep_jobs: Annotated[int, bounded(1, 1000)] = 20
    price_per_node_hour: Annotated[float, bounded(0.01, 100)] = PRICE_PER_NODE_HOUR
    max_cost: Annotated[float, bounded(0.01, 100_000)] | None = None
    parity: bool = False

    @model_validator(mode="after")
    def a_minute_is_allowed(self) -> Self:
        """Refuse a limit to costs that each run meets in its first minute."""
        given = (self.max_capacity, self.price_per_node_hour, self.max_cost)
        if not any(one is None or isinstance(one, str) for one in given):
            minute = CostRule(self.max_capacity, self.price_per_node_hour).price(60)
            if self.max_cost is not None and self.max_cost < minute:
                told = f"{self.max_capacity} nodes cost ${minute:.2f} in their first minute"
                refuse([(("max_cost",), told)])
        return self

    def for_ops(self) -> dict[str, Any]:
        """Return the settings as the ops take them."""
        return {**self.model_dump(exclude={"max_cost"}), "max_cost": self.max_cost or 0.0}


class ScheduleSettings(Settings):
    """When a pull runs."""

    cron: str
    timezone: str = "UTC"
    default_status: Status = "RUNNING"
