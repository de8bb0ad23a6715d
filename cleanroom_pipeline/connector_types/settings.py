"""The form of a connector's YAML.

Here: fields, their types, defaults and bounds. Not here: what is built from them.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

import dagster as dg
from pydantic import AfterValidator, StringConstraints, model_validator

from cleanroom_pipeline.inbound.sensors import CompletionPolicy, ProviderRun, QuietPeriod
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.records import FormatChoice

ConnectorName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=60)
]
Prefix = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_=-][A-Za-z0-9_.=-]*/)+$")]
GlueName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,127}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*\.json$")]
Status = Literal["RUNNING", "STOPPED"]


def bounded(low: float, high: float | None = None) -> AfterValidator:
    """Bound a number, and let text pass: any field may hold a template until it is rendered."""

    def check(value: Any) -> Any:
        if isinstance(value, str):
            return value
        if value < low or (high is not None and value > high):
            raise ValueError(f"must be at least {low:g}" + (f", at most {high:g}" if high else ""))
        return value

    return AfterValidator(check)


class Settings(dg.Model, dg.Resolvable):
    """A part of a connector's YAML; a field that is not listed is refused."""


class FormatSettings(Settings):
    """How inbound files are read; `auto` tells each batch's kind by its files' names."""

    kind: Literal["auto", "csv", "jsonl", "parquet"] = "auto"
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    header: bool = True

    def choice(self) -> FormatChoice:
        """Return what the stages are told."""
        kind = "csv" if self.kind == "auto" else self.kind
        return FormatChoice(
            FileFormat(kind=kind, delimiter=self.delimiter, header=self.header),
            by_name=self.kind == "auto",
        )


class InboundSettings(Settings):
    """Where deliveries arrive, and how they are read."""

    prefix: Prefix
    format: FormatSettings = FormatSettings()


class CompletionSettings(Settings):
    """How a delivery is known to be whole."""

    policy: Literal["quiet_period", "provider_run"]
    minutes: Annotated[float, bounded(0.01)] | None = None

    @model_validator(mode="after")
    def minutes_go_with_quiet_period(self) -> Self:
        """Refuse settings that don't fit the policy."""
        if (self.policy == "quiet_period") != (self.minutes is not None):
            raise ValueError("minutes is needed with policy quiet_period, and with no other")
        return self

    def chosen(self) -> CompletionPolicy:
        """Return the policy."""
        if self.minutes is None:
            return ProviderRun()
        return QuietPeriod(timedelta(minutes=self.minutes))


class SensorSettings(Settings):
    """How often the connector's sensor looks, and whether it does so from the start."""

    interval_seconds: Annotated[int, bounded(1)] = 30
    default_status: Status = "RUNNING"


class TableSettings(Settings):
    """The Glue table; with `snapshot`, the newest published batch is the table."""

    database: GlueName
    name: GlueName
    load: Literal["snapshot"] = "snapshot"
    description: str = ""


class DataBrewJobSettings(Settings):
    """Size and limit of a DataBrew job: nodes of 4 vCPU and 16 GB, minutes."""

    max_capacity: Annotated[int, bounded(2, 149)] = 5
    timeout_minutes: Annotated[int, bounded(1, 2880)] = 120


class ScheduleSettings(Settings):
    """When a pull runs."""

    cron: str
    timezone: str = "UTC"
    default_status: Status = "RUNNING"


# https://docs.aws.amazon.com/appflow/latest/userguide/connectors-salesforce-marketing-cloud.html
MarketingCloudObject = Literal[
    "Activity",
    "AuditEvents",
    "BounceEvent",
    "Campaigns",
    "ClickEvent",
    "ContentArea",
    "ContentAssets",
    "DataExtension",
    "Email",
    "ForwardedEmailEvent",
    "ForwardedEmailOptInEvent",
    "Interactions",
    "Link",
    "LinkSend",
    "List",
    "ListSubscriber",
    "NotSentEvent",
    "OpenEvent",
    "Send",
    "SentEvent",
    "Subscriber",
    "SurveyEvent",
    "UnsubEvent",
]


class SourceSettings(Settings):
    """What is pulled from Salesforce Marketing Cloud, and the name of the secret that opens it."""

    object: MarketingCloudObject
    secret: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    timeout_minutes: Annotated[int, bounded(1, 1440)] = 60
