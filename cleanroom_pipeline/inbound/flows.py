"""Bringing a flow to what it should be.

Here: create, update or leave alone, and what is said of it. Not here: what it should be
(`inbound.flow_definitions`), and what differs (`inbound.flow_changes`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cleanroom_pipeline.inbound.flow_changes import Change, flow_changes, update_of
from cleanroom_pipeline.model import RESOURCE_TAG


class ForeignFlowError(RuntimeError):
    """A flow of the name that we need is another connector's."""


class Flows(Protocol):
    """What is asked of AppFlow; `aws.appflow.AppFlow` is one."""

    def describe(self, flow: str) -> Mapping[str, Any] | None:
        """Return what is known of a flow."""

    def create(self, definition: Mapping[str, Any]) -> bool:
        """Create a flow; False where one of that name is there."""

    def update(self, definition: Mapping[str, Any]) -> None:
        """Replace a flow's definition."""

    def put_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        """Set tags of a flow."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done to a flow; `changes` is None where it was created."""

    flow: str
    changes: tuple[Change, ...] | None

    @property
    def words(self) -> str:
        """Return it in words, a line for each change; nothing where nothing was done."""
        if self.changes is None:
            return f"Created flow {self.flow}."
        if not self.changes:
            return ""
        return "\n".join([f"Updated flow {self.flow}:", *(f"  {one}" for one in self.changes)])


def changes_of(wanted: Mapping[str, Any], described: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return the changes that an update makes; ForeignFlowError where the flow is not ours."""
    owner = (described.get("tags") or {}).get(RESOURCE_TAG)
    if owner not in {None, wanted["tags"][RESOURCE_TAG]}:
        raise ForeignFlowError(
            f"Flow {wanted['flowName']} is tagged as one of connector {owner}: it is left alone. "
            "Rename one of the two connectors."
        )
    return flow_changes(wanted, described)


def put_flow(appflow: Flows, wanted: Mapping[str, Any]) -> Done:
    """Create the flow, update it where it differs, or leave it alone; say which.

    A flow without our tag was made by an earlier version, or by a person, under the very name that
    this connector's has: it is taken over, and tagged. Raises ForeignFlowError, and
    AppFlowInUseError where it differs and AppFlow does not let it be changed.
    """
    name = wanted["flowName"]
    described = appflow.describe(name)
    if described is None:
        if appflow.create(wanted):
            return Done(name, None)
        # Somebody else has made it since we looked: another run of this pull, most likely.
        described = appflow.describe(name) or wanted
    changes = changes_of(wanted, described)
    if any(not change.path.startswith("tags.") for change in changes):
        appflow.update(update_of(wanted))
    if any(change.path.startswith("tags.") for change in changes):
        appflow.put_tags(described["flowArn"], wanted["tags"])
    return Done(name, changes)
