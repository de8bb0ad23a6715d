"""What a flow of ours is, as the arguments of CreateFlow.

Here: pure functions from a source's settings to requests, for any application that AppFlow reads.
Not here: calls (`aws.appflow`), what differs from a flow that is there (`inbound.flow_changes`).

https://docs.aws.amazon.com/appflow/1.0/APIReference/API_CreateFlow.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from cleanroom_pipeline.inbound.windows import A_DAY, milliseconds
from cleanroom_pipeline.model import RESOURCE_TAG

CUSTOM = "CustomConnector"
MARKETING_CLOUD = "SalesforceMarketingCloud"
MARKETING_CLOUD_API = "v1"

INBOUND_TAG = "cleanroom:inbound"
DAY_TAG = "cleanroom:day"
"""Tags of our flows beside the connector: which bucket one writes to, of which day, if of one."""


@dataclass(frozen=True, slots=True)
class Application:
    """How AppFlow names a kind of source in a flow, and how it filters by date.

    `member` is what its properties and operators are under; `entity` is the property that names
    what is read. `half_open` says that bounds may be "from" and "before"; else there is BETWEEN, if
    `between`; else it can't be asked for a day. `timestamp` is its name for the type of a moment.
    """

    member: str
    entity: str = "object"
    half_open: bool = False
    between: bool = False
    timestamp: str = "datetime"

    @property
    def filters_dates(self) -> bool:
        """Tell whether it can be asked for a day."""
        return self.half_open or self.between


# botocore's model: shapes ConnectorType, SourceConnectorProperties and ConnectorOperator; a test
# holds this table against them. Types that are destinations alone are not in it, and neither is S3,
# which we read ourselves.
APPLICATIONS: Mapping[str, Application] = {
    "Amplitude": Application("Amplitude", between=True),
    CUSTOM: Application(CUSTOM, "entityName", half_open=True, between=True, timestamp="DateTime"),
    "Datadog": Application("Datadog", between=True),
    "Dynatrace": Application("Dynatrace", between=True),
    "Googleanalytics": Application("GoogleAnalytics", between=True),
    "Infornexus": Application("InforNexus", between=True),
    "Marketo": Application("Marketo", between=True),
    "Pardot": Application("Pardot"),
    "SAPOData": Application("SAPOData", "objectPath", half_open=True, between=True),
    "Salesforce": Application("Salesforce", half_open=True, between=True),
    "Servicenow": Application("ServiceNow", half_open=True, between=True),
    "Singular": Application("Singular"),
    "Slack": Application("Slack", half_open=True, between=True),
    "Trendmicro": Application("Trendmicro"),
    "Veeva": Application("Veeva", half_open=True, between=True),
    "Zendesk": Application("Zendesk"),
}


def connector_type_of(name: str) -> str:
    """Return AppFlow's ConnectorType: any other name is the label of a custom connector."""
    return name if name in APPLICATIONS else CUSTOM


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a flow takes: its name, its name in the file, and AppFlow's types of both."""

    name: str
    to: str
    type: str = "String"
    to_type: str = "String"


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """A condition on a field, in AppFlow's own words: an operator, the field's type, values."""

    field: str
    operator: str
    type: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlowSpec:
    """A flow: its name, whose it is, what it reads, and where it writes.

    `application` is AppFlow's ConnectorType, or the label of a custom connector. Without `fields`,
    all are taken as they are.
    """

    name: str
    connector: str
    application: str
    profile: str
    entity: str
    prefix: str
    api_version: str | None = None
    fields: Sequence[Field] = ()
    filters: Sequence[FieldFilter] = ()
    properties: Mapping[str, str] = field(default_factory=dict)


def flow_definition(spec: FlowSpec) -> dict[str, Any]:
    """Return the arguments of CreateFlow, but for the bucket: that is known when it is made.

    On demand, JSON Lines, in one file. Files land under `<prefix><flow>/<execution id>/`, so that a
    run's files are known by its id.
    """
    known = APPLICATIONS[connector_type_of(spec.application)]
    properties: dict[str, Any] = {known.entity: spec.entity}
    if spec.properties:
        properties["customProperties"] = dict(spec.properties)
    source: dict[str, Any] = {
        "connectorType": connector_type_of(spec.application),
        "connectorProfileName": spec.profile,
        "sourceConnectorProperties": {known.member: properties},
    }
    if spec.api_version:
        source["apiVersion"] = spec.api_version
    output = {
        "fileType": "JSON",
        "prefixConfig": {"prefixType": "PATH", "pathPrefixHierarchy": ["EXECUTION_ID"]},
        "aggregationConfig": {"aggregationType": "SingleFile"},
        "preserveSourceDataTyping": False,
    }
    destination = {"bucketPrefix": spec.prefix.rstrip("/"), "s3OutputFormatConfig": output}
    return {
        "flowName": spec.name,
        "triggerConfig": {"triggerType": "OnDemand"},
        "sourceFlowConfig": source,
        "destinationFlowConfigList": [
            {"connectorType": "S3", "destinationConnectorProperties": {"S3": destination}}
        ],
        "tasks": [*_filters(known, spec.filters), *_mapping(known, spec.fields)],
        "tags": {RESOURCE_TAG: spec.connector},
    }


def _task(
    known: Application, kind: str, fields: Sequence[str], operator: str, **properties: str
) -> dict[str, Any]:
    return {
        "taskType": kind,
        "sourceFields": list(fields),
        "connectorOperator": {known.member: operator},
        "taskProperties": properties,
    }


def _filters(known: Application, filters: Sequence[FieldFilter]) -> list[dict[str, Any]]:
    return [
        _task(
            known,
            "Filter",
            [one.field],
            one.operator,
            DATA_TYPE=one.type,
            **(
                {"VALUE": one.values[0]}
                if len(one.values) == 1
                else {"VALUES": ",".join(one.values)}
            ),
        )
        for one in filters
    ]


def _mapping(known: Application, fields: Sequence[Field]) -> list[dict[str, Any]]:
    if not fields:
        return [{"taskType": "Map_all", "sourceFields": []}]
    projection = _task(known, "Filter", [one.name for one in fields], "PROJECTION")
    mapped = [
        {
            **_task(
                known,
                "Map",
                [one.name],
                "NO_OP",
                SOURCE_DATA_TYPE=one.type,
                DESTINATION_DATA_TYPE=one.to_type,
            ),
            "destinationField": one.to,
        }
        for one in fields
    ]
    return [projection, *mapped]


def _s3(definition: Mapping[str, Any]) -> Any:
    (destination,) = definition["destinationFlowConfigList"]
    return destination["destinationConnectorProperties"]["S3"]


def with_bucket(definition: Mapping[str, Any], bucket: str) -> dict[str, Any]:
    """Return the definition with the bucket that it writes to, which its tags name too."""
    (destination,) = definition["destinationFlowConfigList"]
    s3 = {"S3": {"bucketName": bucket, **_s3(definition)}}
    return {
        **definition,
        "destinationFlowConfigList": [{**destination, "destinationConnectorProperties": s3}],
        "tags": {**definition["tags"], INBOUND_TAG: bucket},
    }


def of_day(
    definition: Mapping[str, Any], day: date, date_field: str, data_type: str = ""
) -> dict[str, Any]:
    """Return the flow that pulls one day of what a definition pulls, by its date field.

    A flow of its own, of a name that the day gives: a flow that is updated may be running, for a
    pull of another day, and nobody says which definition such an execution goes by. Its files are
    below a folder of the day, so that what they hold is known by where they are.

    Bounds are milliseconds since 1970, as AppFlow's console writes them. Where an application has
    no operators for "from" and "before", BETWEEN is taken, up to the day's last millisecond.
    """
    known = APPLICATIONS[definition["sourceFlowConfig"]["connectorType"]]
    first, end = milliseconds(day), milliseconds(day + A_DAY)
    type_ = data_type or known.timestamp
    if known.half_open:
        bounds = [
            _task(known, "Filter", [date_field], operator, DATA_TYPE=type_, VALUE=str(bound))
            for operator, bound in (("GREATER_THAN_OR_EQUAL_TO", first), ("LESS_THAN", end))
        ]
    else:
        limits = {"LOWER_BOUND": str(first), "UPPER_BOUND": str(end - 1)}
        bounds = [_task(known, "Filter", [date_field], "BETWEEN", DATA_TYPE=type_, **limits)]
    s3 = _s3(definition)
    (destination,) = definition["destinationFlowConfigList"]
    return {
        **definition,
        "flowName": f"{definition['flowName']}-day-{day:%Y%m%d}",
        "destinationFlowConfigList": [
            {
                **destination,
                "destinationConnectorProperties": {
                    "S3": {**s3, "bucketPrefix": f"{s3['bucketPrefix']}/{day_folder(day)}"}
                },
            }
        ],
        "tasks": [*bounds, *definition["tasks"]],
        "tags": {**definition["tags"], DAY_TAG: day.isoformat()},
    }


def day_folder(day: date) -> str:
    """Return the folder that a day's deliveries are in."""
    return f"day={day.isoformat()}"


def delivery_prefix(definition: Mapping[str, Any], execution_id: str) -> str:
    """Return the prefix that an execution's files are under."""
    return f"{_s3(definition)['bucketPrefix']}/{definition['flowName']}/{execution_id}/"
