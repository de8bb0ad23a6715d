"""What a flow delivers: which fields, in which form, under which object key. Pure.

Here: the meaning of a flow's definition. Not here: flows, executions, S3.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cleanroom_pipeline.local_aws.service_model import ServiceError
from cleanroom_pipeline.local_aws.sources import Record, SourceKey

Definition = Mapping[str, Any]

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
        raise _unsupported("a flow to anything but one S3 destination")
    file_type = _output_format(definition).get("fileType", "JSON")
    if file_type != "JSON":
        raise _unsupported(f"the file type {file_type}, only JSON (JSON Lines)")
    if definition["triggerConfig"]["triggerType"] == "Event":
        raise _unsupported("flows that an event triggers")
    if "S3" in definition["sourceFlowConfig"]["sourceConnectorProperties"]:
        raise _unsupported("S3 as a source")
    for task in definition["tasks"]:
        _fields_of(task)


def _unsupported(what: str) -> ServiceError:
    return ServiceError("UnsupportedOperationException", f"The local AWS does not have {what}.")


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
    return label or source["connectorType"], properties.get("entityName") or properties["object"]


def _fields_of(task: Mapping[str, Any]) -> Callable[[Record], Record]:
    """Return what a task takes from a record; ServiceError for a task that isn't supported."""
    kind, fields = task["taskType"], task["sourceFields"]
    if kind == "Map_all":
        return dict
    if kind == "Map" and len(fields) == 1:
        name, to = fields[0], task.get("destinationField", fields[0])
        return lambda record: {to: record[name]} if name in record else {}
    if kind == "Filter" and "PROJECTION" in task.get("connectorOperator", {}).values():
        # Names the fields that are read; the Map tasks beside it say which are written.
        return lambda _record: {}
    raise _unsupported(f"the task {kind} as it is given here")


def deliverable(definition: Definition, records: Sequence[Record]) -> list[Record]:
    """Return the records as the flow's tasks and its typing make them."""
    takers = [_fields_of(task) for task in definition["tasks"]]
    mapped = [{k: v for take in takers for k, v in take(record).items()} for record in records]
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
