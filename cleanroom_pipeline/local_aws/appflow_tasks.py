"""What a flow's tasks do to a record: choose it, choose and rename its fields. Pure.

Here: the tasks Map, Map_all and Filter, with AppFlow's operators. Not here: where records come from
or go to (`appflow_delivery`).

https://docs.aws.amazon.com/appflow/1.0/APIReference/API_Task.html. AWS does not document how the
bounds of a date are written; taken are milliseconds since 1970 and ISO 8601, both bounds inclusive.
"""

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from cleanroom_pipeline.local_aws.service_model import ServiceError
from cleanroom_pipeline.local_aws.sources import Record

Task = Mapping[str, Any]
Take = Callable[[Record], Record]
Keep = Callable[[Record], bool]
Read = Callable[[str, Any], Any]
"""Reads a value of a field (named for the error), as something that can be compared."""

MARKETING_CLOUD_TIME = timezone(timedelta(hours=-6))
"""Marketing Cloud tells its times without a zone: UTC-6, winter and summer."""

DATES = frozenset({"date", "datetime", "timestamp"})
NUMBERS = frozenset({"byte", "short", "int", "integer", "long", "bigint", "float", "double"})
NUMBERS |= {"decimal", "number"}

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "LESS_THAN": operator.lt,
    "LESS_THAN_OR_EQUAL_TO": operator.le,
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_OR_EQUAL_TO": operator.ge,
}
NO_OPERATORS = frozenset({"", "NO_OP"})


class TaskFailedError(Exception):
    """A record can't be compared as a task says; the text names the field, never its value."""


def unsupported(what: str) -> ServiceError:
    """Return the refusal of what AppFlow does and the local AWS doesn't."""
    return ServiceError("UnsupportedOperationException", f"The local AWS does not have {what}.")


def zone_of(connector: str) -> tzinfo:
    """Return the zone of the times that a connector tells without one."""
    return MARKETING_CLOUD_TIME if connector == "SalesforceMarketingCloud" else UTC


def seconds_of(value: Any, zone: tzinfo) -> float:
    """Return a time in seconds since 1970: digits are milliseconds, all else is ISO 8601."""
    text = str(value).strip()
    if text.isdecimal():
        return int(text) / 1000
    instant = datetime.fromisoformat(text)
    return (instant if instant.tzinfo else instant.replace(tzinfo=zone)).timestamp()


def _reader(task: Task, zone: tzinfo) -> Read:
    kind = str(task.get("taskProperties", {}).get("DATA_TYPE", "")).lower()

    def read(field: str, value: Any) -> Any:
        try:
            if kind in DATES:
                return seconds_of(value, zone)
            return Decimal(str(value)) if kind in NUMBERS else str(value)
        except (ValueError, InvalidOperation):
            raise TaskFailedError(f"The field {field} holds something that is no {kind}.") from None

    return read


def operator_of(task: Task) -> str:
    """Return a task's operator, whatever connector it is given for; empty if there is none."""
    return str(next(iter(task.get("connectorOperator", {}).values()), ""))


def takes_of(tasks: Sequence[Task]) -> list[Take]:
    """Return what each task writes of a record; ServiceError for a task that isn't supported."""
    return [_take(task) for task in tasks]


def keeps_of(tasks: Sequence[Task], zone: tzinfo) -> list[Keep]:
    """Return the conditions that a record must meet, all of them; ServiceError as `takes_of`."""
    filters = [task for task in tasks if task["taskType"] == "Filter"]
    return [_keep(task, zone) for task in filters if operator_of(task) != "PROJECTION"]


def _take(task: Task) -> Take:
    kind, fields, asked = task["taskType"], task["sourceFields"], operator_of(task)
    if kind == "Map_all" and asked in NO_OPERATORS:
        left_out = _listed(task.get("taskProperties", {}).get("EXCLUDE_SOURCE_FIELDS_LIST", ""))
        return lambda record: {k: v for k, v in record.items() if k not in left_out}
    if kind == "Map" and len(fields) == 1 and asked in NO_OPERATORS:
        name, to = fields[0], task.get("destinationField") or fields[0]
        return lambda record: {to: record[name]} if name in record else {}
    if kind == "Filter":
        # Names the fields that are read, or the records; Map tasks beside it say what is written.
        return lambda _record: {}
    raise unsupported(f"the task {kind} {asked} as it is given here".replace("  ", " "))


def _listed(text: str) -> list[str]:
    """Return the values of a property that holds several: a JSON list, or with commas."""
    if text.startswith("["):
        return [str(value) for value in json.loads(text)]
    return [value.strip() for value in text.split(",") if value.strip()]


def _keep(task: Task, zone: tzinfo) -> Keep:
    asked, fields, read = operator_of(task), task["sourceFields"], _reader(task, zone)
    if len(fields) != 1:
        raise ServiceError("ValidationException", f"The filter {asked} needs one source field.")
    (field,) = fields
    decide = _condition(task, asked, field, read)
    return lambda record: decide(record.get(field))


def _condition(task: Task, asked: str, field: str, read: Read) -> Callable[[Any], bool]:
    properties = task.get("taskProperties", {})

    def needed(*names: str) -> list[Any]:
        missing = [name for name in names if name not in properties]
        if missing:
            message = f"The filter {asked} on {field} needs {', '.join(missing)}."
            raise ServiceError("ValidationException", message)
        try:
            return [read(name, properties[name]) for name in names]
        except TaskFailedError as error:
            raise ServiceError("ValidationException", str(error)) from None

    if asked == "BETWEEN":
        low, high = needed("LOWER_BOUND", "UPPER_BOUND")
        return lambda value: value is not None and low <= read(field, value) <= high
    if asked in COMPARISONS:
        (bound,) = needed("VALUE")
        compare = COMPARISONS[asked]
        return lambda value: value is not None and compare(read(field, value), bound)
    if asked == "CONTAINS":
        needed("VALUE")
        return lambda value: value is not None and properties["VALUE"] in str(value)
    if asked in {"EQUAL_TO", "NOT_EQUAL_TO"}:
        listed = [read("VALUES", one) for one in _listed(properties.get("VALUES", ""))]
        wanted = listed or needed("VALUE")
        equal = asked == "EQUAL_TO"
        return lambda value: (value is not None and read(field, value) in wanted) == equal
    raise unsupported(f"the filter {asked}" if asked else "a filter without an operator")
