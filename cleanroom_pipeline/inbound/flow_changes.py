"""What differs between a flow as we want it and as AppFlow has it.

Here: a pure comparison of CreateFlow's arguments with DescribeFlow's answer. Not here: calls, or
what a flow is (`inbound.flow_definitions`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PARTS = ("description", "triggerConfig", "sourceFlowConfig", "destinationFlowConfigList", "tasks")
"""What UpdateFlow can change."""

# What AppFlow, its console or CloudFormation may add to what we leave out, by path. A value that is
# none of these was set by somebody, and is a difference.
ADDED: Mapping[str, Sequence[Any]] = {
    "triggerConfig.triggerProperties": ({}, {"Scheduled": {}}),
    "sourceFlowConfig.incrementalPullConfig": ({},),
    "sourceFlowConfig.sourceConnectorProperties.CustomConnector.customProperties": ({},),
    "destinationFlowConfigList.apiVersion": ("",),
    "destinationFlowConfigList.destinationConnectorProperties.S3.s3OutputFormatConfig"
    ".prefixConfig.prefixFormat": ("",),
    "destinationFlowConfigList.destinationConnectorProperties.S3.s3OutputFormatConfig"
    ".aggregationConfig.targetFileSize": (0,),
    "tasks.destinationField": ("",),
    "tasks.taskProperties": ({},),
    "tasks.taskProperties.EXCLUDE_SOURCE_FIELDS_LIST": ("[]", ""),
    "tasks.connectorOperator": ({},),
}
NO_OPERATION = "NO_OP"
"""What a task that only maps may be said to do, or not."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: where it is, what is there, and what is wanted; None where there is nothing.

    The parts of a path that are numbers are places in a list.
    """

    path: str
    old: Any
    new: Any

    def __str__(self) -> str:
        """Return it on one line, as `plan` prints it."""
        return f"{self.path}: {_shown(self.old)} -> {_shown(self.new)}"


def _shown(value: Any) -> str:
    return "(none)" if value is None else repr(value)


def flow_changes(wanted: Mapping[str, Any], described: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what an update would change, in the order of the definition; () where nothing.

    Of the tags only ours are compared: others may be anybody's.
    """
    changes = [
        change
        for part in PARTS
        for change in _between(part, part, described.get(part), wanted.get(part))
    ]
    tags = described.get("tags") or {}
    changes += [
        Change(f"tags.{name}", tags.get(name), value)
        for name, value in wanted.get("tags", {}).items()
        if tags.get(name) != value
    ]
    return tuple(changes)


def update_of(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of UpdateFlow: what CreateFlow takes, but for tags and the key."""
    return {name: wanted[name] for name in ("flowName", *PARTS) if name in wanted}


def _between(path: str, kind: str, old: Any, new: Any) -> Iterator[Change]:
    """Yield the differences below a path; `kind` is the path without places."""
    if _says_the_same(kind, old, new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*new, *(name for name in old if name not in new)]:
            yield from _between(f"{path}.{name}", f"{kind}.{name}", old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list) and _holds_objects(old, new):
        for place in range(max(len(old), len(new))):
            pair = (values[place] if place < len(values) else None for values in (old, new))
            yield from _between(f"{path}.{place}", kind, *pair)
    elif isinstance(old, Mapping) and new is None and kind != "tasks":
        for name, value in old.items():
            yield from _between(f"{path}.{name}", f"{kind}.{name}", value, None)
    else:
        yield Change(path, old, new)


def _says_the_same(kind: str, old: Any, new: Any) -> bool:
    if old == new:
        return True
    if new is None:
        return old in ADDED.get(kind, ()) or (
            kind.startswith("tasks.connectorOperator.") and old == NO_OPERATION
        )
    # Where we say nothing more than the default, it may be left out of the answer.
    return old is None and (new is False or new in ADDED.get(kind, ()))


def _holds_objects(*lists: Sequence[Any]) -> bool:
    return any(isinstance(item, Mapping) for items in lists for item in items)
