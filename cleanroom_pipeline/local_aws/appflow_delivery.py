"""What a flow delivers: which fields, in which form, under which object key. Pure.

Here: the meaning of a flow's definition. Not here: flows, executions, S3.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from cleanroom_pipeline.local_aws.appflow_tasks import (
    TaskFailedError,
    keeps_of,
    seconds_of,
    takes_of,
    unsupported,
)
from cleanroom_pipeline.local_aws.sources import Record, SourceKey

Definition = Mapping[str, Any]
Window = tuple[float, float]
"""Seconds since 1970: what an incremental run takes lies after the first, and up to the second."""

ENTITY_MEMBERS = ("entityName", "object", "objectPath")
RATE = re.compile(r"rate\((\d+)\s*(minute|hour|day)s?\)")
SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}

DATE_PATHS = {
    "YEAR": "%Y",
    "MONTH": "%Y/%m",
    "DAY": "%Y/%m/%d",
    "HOUR": "%Y/%m/%d/%H",
    "MINUTE": "%Y/%m/%d/%H/%M",
}
NOT_IN_A_MESSAGE = re.compile(r"[^\w\s!@#.-]")
"""What one or the other of the model's two patterns for an execution's message forbids."""


def message(text: str) -> str:
    """Return the text as both message members of the model take it, at most 2048 characters."""
    return NOT_IN_A_MESSAGE.sub(" ", text)[:2048]


def refuse_unsupported(definition: Definition) -> None:
    """Raise ServiceError for a flow that AppFlow runs and the local AWS can't."""
    destinations = definition["destinationFlowConfigList"]
    s3 = [d for d in destinations if "S3" in d["destinationConnectorProperties"]]
    if len(destinations) != 1 or not s3:
        raise unsupported("a flow to anything but one S3 destination")
    file_type = _output_format(definition).get("fileType", "JSON")
    if file_type != "JSON":
        raise unsupported(f"the file type {file_type}, only JSON (JSON Lines)")
    if definition["triggerConfig"]["triggerType"] == "Event":
        raise unsupported("flows that an event triggers")
    if "S3" in definition["sourceFlowConfig"]["sourceConnectorProperties"]:
        raise unsupported("S3 as a source")
    schedule = definition["triggerConfig"].get("triggerProperties", {}).get("Scheduled", {})
    if schedule and seconds_between_runs(schedule["scheduleExpression"]) is None:
        raise unsupported("schedules other than rate(...)")
    takes_of(definition["tasks"])
    keeps_of(definition["tasks"], UTC)


def seconds_between_runs(expression: str) -> float | None:
    """Return the seconds of a `rate(5minutes)`, None for any other schedule."""
    found = RATE.fullmatch(expression)
    return int(found[1]) * SECONDS[found[2]] if found else None


def _output_format(definition: Definition) -> Mapping[str, Any]:
    destination = s3_destination(definition)
    output_format: Mapping[str, Any] = destination.get("s3OutputFormatConfig", {})
    return output_format


def s3_destination(definition: Definition) -> Mapping[str, Any]:
    """Return bucketName, bucketPrefix and s3OutputFormatConfig of a flow."""
    properties = definition["destinationFlowConfigList"][0]["destinationConnectorProperties"]
    destination: Mapping[str, Any] = properties["S3"]
    return destination


def source_key(definition: Definition, label: str | None) -> SourceKey:
    """Return the connector (its label, else its type) and the entity that a flow reads."""
    source = definition["sourceFlowConfig"]
    properties: Mapping[str, Any] = next(iter(source["sourceConnectorProperties"].values()), {})
    names = (properties.get(member) for member in ENTITY_MEMBERS)
    return label or source["connectorType"], next((str(name) for name in names if name), "")


def chosen(
    definition: Definition, records: Sequence[Record], zone: tzinfo, window: Window | None = None
) -> list[Record]:
    """Return the records that the flow's filters let through; TaskFailedError where one can't tell.

    With a window, those alone whose incremental field lies in it: after its start, up to its end.
    """
    keeps = keeps_of(definition["tasks"], zone)
    field = incremental_field(definition)
    if window and field:
        keeps.append(lambda record: _lies_in(window, record.get(field), field, zone))
    return [record for record in records if all(keep(record) for keep in keeps)]


def incremental_field(definition: Definition) -> str | None:
    """Return the field by which an incremental flow knows what is new, None if it has none."""
    config = definition["sourceFlowConfig"].get("incrementalPullConfig", {})
    field: str | None = config.get("datetimeTypeFieldName")
    return field


def _lies_in(window: Window, value: Any, field: str, zone: tzinfo) -> bool:
    try:
        return value is not None and window[0] < seconds_of(value, zone) <= window[1]
    except ValueError:
        raise TaskFailedError(f"The field {field} holds something that is no time.") from None


def deliverable(definition: Definition, records: Sequence[Record]) -> list[Record]:
    """Return the records as the flow's tasks and its typing make them."""
    takes = takes_of(definition["tasks"])
    mapped = [{k: v for take in takes for k, v in take(record).items()} for record in records]
    if _output_format(definition).get("preserveSourceDataTyping"):
        return mapped
    return [{k: _as_text(v) for k, v in record.items()} for record in mapped]


def _as_text(value: Any) -> str | None:
    return value if isinstance(value, str | None) else json.dumps(value)


def json_lines(records: Sequence[Record]) -> bytes:
    """Return records as JSON Lines, UTF-8."""
    lines = [json.dumps(r, ensure_ascii=False, separators=(",", ":")) for r in records]
    return "".join(f"{line}\n" for line in lines).encode()


def object_key(definition: Definition, execution_id: str, at: float) -> str:
    """Return `[prefix/]<flow>/[date/]<execution id>/<file>`, in the order that the flow asks for.

    AppFlow documents the parts and not the file's name: readers must list, never build it. The
    execution id is always there, as it is on AWS with `pathPrefixHierarchy: [EXECUTION_ID]`.
    """
    config = _output_format(definition).get("prefixConfig", {})
    kind = config.get("prefixType", "")
    date = datetime.fromtimestamp(at, tz=UTC)
    dated = date.strftime(DATE_PATHS[config["prefixFormat"]]) if "prefixFormat" in config else ""
    hierarchy = config.get("pathPrefixHierarchy", [])
    versions = ["schemaVersion_1"] if "SCHEMA_VERSION" in hierarchy else []
    file_name = f"{execution_id}-{date:%Y-%m-%dT%H-%M-%S}"
    if dated and kind in {"FILENAME", "PATH_AND_FILENAME"}:
        file_name = f"{dated.replace('/', '-')}-{file_name}"
    in_path = [dated] if dated and kind in {"PATH", "PATH_AND_FILENAME"} else []
    prefix = s3_destination(definition).get("bucketPrefix", "").strip("/")
    parts = [prefix, definition["flowName"], *versions, *in_path, execution_id, file_name]
    return "/".join(part for part in parts if part)
