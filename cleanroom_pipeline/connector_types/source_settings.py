"""The form of what an AppFlow connector's YAML says of its source, and of its pulls.

Here: fields, which go together, and what they choose. Not here: what is built from them
(`appflow_pull`), and flows themselves (`inbound.flow_definitions`).
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field as PydanticField
from pydantic import StringConstraints, model_validator

from cleanroom_pipeline.connector_types.format_settings import FormatSettings
from cleanroom_pipeline.connector_types.settings import (
    ConnectorName,
    FileName,
    Misfit,
    Settings,
    TableSettings,
    bounded,
    refuse,
)
from cleanroom_pipeline.inbound.declared_steps import OFFSET
from cleanroom_pipeline.inbound.flow_definitions import (
    APPLICATIONS,
    CUSTOM,
    MARKETING_CLOUD,
    MARKETING_CLOUD_API,
    Field,
    FieldFilter,
    connector_type_of,
)
from cleanroom_pipeline.inbound.windows import MOST_OVERLAP, WindowError, day_of

GOOGLE_ANALYTICS = "GoogleAnalytics4"
API_VERSIONS: Mapping[str, str] = {
    MARKETING_CLOUD: MARKETING_CLOUD_API,
    GOOGLE_ANALYTICS: "v1beta",
}
"""The API versions of the custom connectors that we know."""

# AppFlow's ConnectorType has these too: it writes to them, or, of S3, we read ourselves.
NO_SOURCES = frozenset(
    {
        "CustomerProfiles",
        "EventBridge",
        "Honeycode",
        "LookoutMetrics",
        "Redshift",
        "S3",
        "Snowflake",
        "Upsolver",
    }
)
UNIVERSAL_ANALYTICS = "googleanalytics"
MINUTE = timedelta(minutes=1)
CLOSE = 0.85

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

Word = Annotated[str, StringConstraints(pattern=r"^\S+$", max_length=512)]
Column = Annotated[str, StringConstraints(min_length=1, max_length=200)]
ProfileName = Annotated[str, StringConstraints(pattern=r"^[\w/!@#+=.-]+$", max_length=256)]
# botocore's Operator, those of it that compare.
Comparison = Literal[
    "EQUAL_TO",
    "NOT_EQUAL_TO",
    "GREATER_THAN",
    "GREATER_THAN_OR_EQUAL_TO",
    "LESS_THAN",
    "LESS_THAN_OR_EQUAL_TO",
    "CONTAINS",
]


class TimestampSettings(Settings):
    """Columns that hold times at a fixed offset without saying so; they become UTC."""

    columns: Annotated[Sequence[Column], PydanticField(min_length=1)]
    offset: Annotated[str, StringConstraints(pattern=f"^{OFFSET.pattern}$")]


class FieldMappingSettings(Settings):
    """A field that a flow takes, its name in the file, and AppFlow's types of both."""

    name: Word
    to: Word | None = None
    type: Word = "String"
    to_type: Word | None = None

    def chosen(self) -> Field:
        """Return it as flows are made of it."""
        return Field(self.name, self.to or self.name, self.type, self.to_type or self.type)


class FieldFilterSettings(Settings):
    """A condition on a field, which the source itself applies; of several values, any."""

    field: Word
    operator: Comparison
    type: Word = "String"
    values: Annotated[Sequence[Column], PydanticField(min_length=1)]

    @model_validator(mode="after")
    def values_can_be_told_apart(self) -> Self:
        """Refuse a comma in one of several values: AppFlow takes them as one text with commas."""
        if len(self.values) > 1 and any("," in value for value in self.values):
            refuse([(("values",), "can't hold a comma where there are several")])
        return self

    def chosen(self) -> FieldFilter:
        """Return it as flows are made of it."""
        return FieldFilter(self.field, self.operator, self.type, tuple(self.values))


class PullModeSettings(Settings):
    """What a pull asks for: all, or the days that may have changed since the last one.

    `field` is the date field that tells the day; `date_type` is AppFlow's name for its type, where
    it is not the usual one. What is less than `overlap_minutes` older than the last pull is asked
    for again, in whole days. `start` is the first day ever asked for. Of rows that agree in all
    columns of `key`, the first is kept.
    """

    mode: Literal["full", "incremental"] = "full"
    field: Word | None = None
    date_type: Word | None = None
    overlap_minutes: Annotated[int, bounded(0, MOST_OVERLAP / MINUTE)] | None = None
    start: str | None = None
    key: Sequence[Column] = ()

    @model_validator(mode="after")
    def fields_go_with_the_mode(self) -> Self:
        """Refuse an incremental pull without its field, and its fields with a full one."""
        if self.is_incremental:
            if self.field is None:
                refuse([(("field",), "is needed with mode incremental: the date field to ask by")])
            try:
                self.first_day()
            except WindowError as error:
                refuse([(("start",), str(error))])
            return self
        given = ("field", "date_type", "overlap_minutes", "start", "key")
        refuse(
            ((name,), "does not go with mode full; it goes with incremental")
            for name in given
            if getattr(self, name) not in (None, (), [])
        )
        return self

    @property
    def is_incremental(self) -> bool:
        """Tell whether a pull asks for days."""
        return self.mode == "incremental"

    def first_day(self) -> date | None:
        """Return the first day that is ever asked for, if one is set; WindowError if it is none."""
        return None if self.start is None else day_of(self.start)


class ObjectSettings(Settings):
    """One of the objects of a connector: what is pulled, its recipe, its table.

    `name` is what its chain is called after the connector's name; without it, the object in snake
    case is. So is the recipe, with `.json`, and the table.
    """

    object: MarketingCloudObject | None = None
    entity: Word | None = None
    name: ConnectorName | None = None
    recipe: FileName | None = None
    table: TableSettings | None = None
    format: FormatSettings | None = None
    pull: PullModeSettings = PullModeSettings()
    timestamps: TimestampSettings | None = None
    fields: Sequence[FieldMappingSettings] = ()
    filters: Sequence[FieldFilterSettings] = ()
    description: str = ""

    @model_validator(mode="after")
    def says_what_is_pulled(self) -> Self:
        """Refuse an entry that names nothing, or two things, or that can't be named after it."""
        if (self.object is None) == (self.entity is None):
            refuse([(("object",), "is needed, or `entity` where the source has a connector_type")])
        if self.name is None and not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", self.short_name):
            refuse([(("name",), "is needed: the entity's own makes no name of a table")])
        return self

    @property
    def short_name(self) -> str:
        """What its chain is called after the connector's name."""
        return self.name or snake_case(self.object or self.entity or "")


def snake_case(name: str) -> str:
    """Return a name such as ForwardedEmailOptInEvent as forwarded_email_opt_in_event."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


COMMON = ("timeout_minutes", "timestamps")
MARKETING_CLOUD_FIELDS = ("object", "secret", *COMMON)
APPLICATION_FIELDS = (
    "connector_type", "profile", "entity", "api_version", "fields", "filters", "properties",
    *COMMON,
)  # fmt: skip


class SourceSettings(Settings):
    """What is pulled: from Salesforce Marketing Cloud, or from any application AppFlow reads.

    Of Marketing Cloud: `object`, and the `secret` that opens it. Of another: `connector_type`,
    which is AppFlow's own or the label of a custom connector, a connector `profile` that is there,
    and the `entity`. Where a connector has several `objects`, each says its own object or entity.
    """

    object: MarketingCloudObject | None = None
    secret: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None
    connector_type: Word | None = None
    profile: ProfileName | None = None
    entity: Word | None = None
    api_version: Word | None = None
    fields: Literal["map_all"] | Sequence[FieldMappingSettings] = "map_all"
    filters: Sequence[FieldFilterSettings] = ()
    properties: Mapping[str, str] = PydanticField(default_factory=dict)
    timestamps: TimestampSettings | None = None
    timeout_minutes: Annotated[int, bounded(1, 1440)] = 60

    @model_validator(mode="before")
    @classmethod
    def fields_are_of_one_form(cls, given: Any) -> Any:
        """Refuse fields of both forms, and the lack of one that the form needs.

        Done before the fields are read, so that it is done where one of them holds a template.
        """
        if isinstance(given, Mapping) and cls.model_fields.keys() >= given.keys():
            refuse(_misfits(given))
        return given

    @property
    def is_marketing_cloud(self) -> bool:
        """Tell whether it is Salesforce Marketing Cloud, whose profile and token are ours."""
        return self.connector_type is None

    @property
    def application(self) -> str:
        """AppFlow's type of connector, or the label of a custom one."""
        return self.connector_type or MARKETING_CLOUD

    @property
    def version(self) -> str | None:
        """The version of the application's API, where one is said or known."""
        return self.api_version or API_VERSIONS.get(self.application)

    def mapped(self) -> Sequence[Field]:
        """Return the fields that are taken; () for all."""
        return [] if isinstance(self.fields, str) else [one.chosen() for one in self.fields]


def _misfits(given: Mapping[str, Any]) -> Iterator[Misfit]:
    name = given.get("connector_type")
    allowed = MARKETING_CLOUD_FIELDS if name is None else APPLICATION_FIELDS
    other = "without connector_type" if name is None else "with connector_type"
    for field in given:
        if field not in allowed and given[field] is not None:
            yield (field,), f"does not go {other}. Allowed: {', '.join(allowed)}"
    if name is None:
        if given.get("secret") is None:
            needed = "is needed: the name of the secret with Marketing Cloud's credentials"
            yield ("secret",), needed
        return
    if not isinstance(name, str) or "{{" in name:
        return
    told = _no_application(name)
    if told:
        yield ("connector_type",), told
        return
    if given.get("profile") is None:
        yield ("profile",), "is needed: the name of the connector profile made in AppFlow's console"
    custom = connector_type_of(name) == CUSTOM and name not in API_VERSIONS
    if custom and given.get("api_version") is None:
        yield ("api_version",), f"is needed: {name} is a custom connector that we do not know"


def _no_application(name: str) -> str | None:
    """Return why nothing can be pulled from what has this name, if so."""
    if name.lower() == UNIVERSAL_ANALYTICS:
        return (
            f"{name} reads Universal Analytics, which Google has shut down. Say "
            f"{GOOGLE_ANALYTICS}, or see the source profile ga4_bigquery_export for single events"
        )
    if name in NO_SOURCES:
        return f"{name} is no source. Allowed: {', '.join(sorted(APPLICATIONS))}, or a label"
    known = [*APPLICATIONS, *API_VERSIONS]
    if name in known:
        return None
    folded = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=CLOSE)
    return f"there is no {name}, but there is {folded[near[0]]!r}" if near else None
