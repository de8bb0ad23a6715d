"""What a person sees of the connectors' AppFlow flows, and does with them.

Here: which flows there should be, how those that are there differ, and bringing the two together.
Not here: the terminal (`cli.appflow`), the comparison (`inbound.flow_changes`).

A flow that pulls one day is made by the pull that needs it and deleted when that is done, so none
of them is planned; one that is there while no pull runs was left over by a pull that failed.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg

from cleanroom_pipeline.aws.appflow import AppFlow, AppFlowInUseError, FlowRefusedError
from cleanroom_pipeline.connector_types.appflow_pull import AppFlowPullConnector
from cleanroom_pipeline.definitions import connector_tree
from cleanroom_pipeline.inbound.flow_changes import Change
from cleanroom_pipeline.inbound.flow_definitions import (
    DAY_TAG,
    INBOUND_TAG,
    with_bucket,
)
from cleanroom_pipeline.inbound.flows import ForeignFlowError, changes_of, put_flow
from cleanroom_pipeline.model import RESOURCE_TAG
from cleanroom_pipeline.resources import build_resources
from cleanroom_pipeline.status import UnknownConnectorError

CREATE, UPDATE, UNCHANGED, BY_DAY = "create", "update", "unchanged", "by day"
ORPHAN, LEFT_OVER, FOREIGN = "orphan", "left over", "not ours"
CHANGING = frozenset({CREATE, UPDATE, ORPHAN, FOREIGN})
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Planned:
    """A flow, and what is to be done about it; `note` says why, where that needs a word."""

    flow: str
    action: str
    changes: tuple[Change, ...] = ()
    note: str = ""

    @property
    def is_change(self) -> bool:
        """Tell whether something is to be done, by us or by a person."""
        return self.action in CHANGING

    def document(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "flow": self.flow,
            "action": self.action,
            "changes": [{"path": c.path, "old": c.old, "new": c.new} for c in self.changes],
            "note": self.note,
        }

    def text(self) -> str:
        """Return it as lines for a person."""
        first = f"{self.action:<9}  {self.flow}" + (f"  ({self.note})" if self.note else "")
        return "\n".join([first, *(f"           {change}" for change in self.changes)])


@dataclass(frozen=True, slots=True)
class Wanted:
    """A flow that a connector declares; `definition` is None where each pull makes its own."""

    flow: str
    definition: Mapping[str, Any] | None


def planned(
    wanted: Sequence[Wanted],
    described: Mapping[str, Mapping[str, Any] | None],
    listed: Sequence[Mapping[str, Any]],
    declared: Sequence[str],
    bucket: str,
) -> list[Planned]:
    """Return what is to be done, a line for each flow.

    `described` is what there is of the wanted flows, `listed` all flows of the account. One of
    these is an orphan where its tags say that it is ours, writes to our `bucket`, and is of a feed
    that nobody declares: another deployment in the account has another bucket.
    """
    found = [_planned(one, described.get(one.flow)) for one in wanted]
    for flow in listed:
        tags = flow.get("tags") or {}
        owner = tags.get(RESOURCE_TAG)
        if owner is None or tags.get(INBOUND_TAG) != bucket:
            continue
        if owner not in declared:
            note = f"connector {owner} is not declared"
            found.append(Planned(flow["flowName"], ORPHAN, note=note))
        elif DAY_TAG in tags and owner in {one.flow for one in wanted}:
            note = f"pulls {tags[DAY_TAG]}; a pull runs, or one has failed"
            found.append(Planned(flow["flowName"], LEFT_OVER, note=note))
    return found


def _planned(wanted: Wanted, described: Mapping[str, Any] | None) -> Planned:
    if wanted.definition is None:
        note = "each pull makes a flow for each day, and deletes it"
        return Planned(wanted.flow, BY_DAY, note=note)
    if described is None:
        return Planned(wanted.flow, CREATE)
    try:
        changes = changes_of(wanted.definition, described)
    except ForeignFlowError as error:
        return Planned(wanted.flow, FOREIGN, note=str(error))
    return Planned(wanted.flow, UPDATE if changes else UNCHANGED, changes)


@dataclass(frozen=True, slots=True)
class FlowDesk:
    """The flows of all AppFlow connectors: what their YAML says, and where they are."""

    appflow: AppFlow
    bucket: str
    connectors: Sequence[AppFlowPullConnector]

    def chosen(self, names: Sequence[str]) -> list[AppFlowPullConnector]:
        """Return the connectors of these names, all if there are none; UnknownConnectorError."""
        declared = {one.name: one for one in self.connectors}
        unknown = sorted(set(names) - set(declared))
        if unknown:
            raise UnknownConnectorError(
                f"There is no AppFlow connector {', '.join(map(repr, unknown))}; there are "
                f"{', '.join(sorted(declared)) or 'none'}."
            )
        return [declared[name] for name in names] if names else list(self.connectors)

    def wanted(self, names: Sequence[str]) -> list[Wanted]:
        """Return the flows that these connectors declare."""
        feeds = [feed for one in self.chosen(names) for feed in one.feeds()]
        return [
            Wanted(
                feed.name,
                None
                if feed.pull.is_incremental
                else with_bucket(feed.feed_pull().pull.flow_of(), self.bucket),
            )
            for feed in feeds
        ]

    def plan(self, names: Sequence[str]) -> list[Planned]:
        """Return what is to be done about the flows of these connectors, and about orphans."""
        wanted = self.wanted(names)
        described = {
            one.flow: self.appflow.describe(one.flow)
            for one in wanted
            if one.definition is not None
        }
        declared = [feed.name for one in self.connectors for feed in one.feeds()]
        return planned(wanted, described, self._listed(), declared, self.bucket)

    def _listed(self) -> list[Mapping[str, Any]]:
        """Return all flows to S3; those that are listed without tags are looked up one by one.

        AppFlow's model has tags in both answers, and nothing says that a listing always has them.
        """
        to_s3 = [one for one in self.appflow.flows() if one["destinationConnectorType"] == "S3"]
        return [
            one if "tags" in one else self.appflow.describe(one["flowName"]) or one for one in to_s3
        ]

    def apply(self, names: Sequence[str]) -> list[Planned]:
        """Create and update flows; return what was done, and what could not be.

        One that fails leaves the others alone. An orphan is told, and stays: `delete` takes it.
        """
        return [self._applied(one) for one in self.wanted(names) if one.definition is not None]

    def _applied(self, wanted: Wanted) -> Planned:
        try:
            done = put_flow(self.appflow, wanted.definition or {})
        except (FlowRefusedError, ForeignFlowError, AppFlowInUseError) as error:
            return Planned(wanted.flow, FAILED, note=str(error))
        if done.changes is None:
            return Planned(wanted.flow, CREATE)
        return Planned(wanted.flow, UPDATE if done.changes else UNCHANGED, done.changes)

    def doomed(self, names: Sequence[str]) -> list[str]:
        """Return the flows of connectors or of feeds, declared or not, that are there.

        What is deleted is told by tags alone, never by a name: a flow without our tags stays.
        """
        feeds = {feed.name for one in self.connectors if one.name in names for feed in one.feeds()}
        owners = {*names, *feeds}
        found = []
        for flow in self._listed():
            tags = flow.get("tags") or {}
            if tags.get(INBOUND_TAG) == self.bucket and tags.get(RESOURCE_TAG) in owners:
                found.append(flow["flowName"])
        return found

    def delete(self, names: Sequence[str]) -> list[Planned]:
        """Delete these connectors' flows, then the connector profiles that are ours.

        What is in use stays, and is told. A profile that was made in the console is not ours.
        """
        done = [self._deleted("flow", flow) for flow in self.doomed(names)]
        profiles = [
            one.profile_name
            for one in self.connectors
            if one.name in names and one.source.is_marketing_cloud
        ]
        return done + [self._deleted("profile", profile) for profile in profiles]

    def _deleted(self, kind: str, name: str) -> Planned:
        delete = self.appflow.delete if kind == "flow" else self.appflow.delete_profile
        try:
            was_there = delete(name)
        except AppFlowInUseError as error:
            return Planned(name, FAILED, note=str(error))
        return Planned(name, "deleted" if was_there else "not there", note=kind)


@contextmanager
def flow_desk() -> Iterator[FlowDesk]:
    """Open the desk of all flows."""
    connectors = connector_tree().get_all_components(of_type=AppFlowPullConnector)
    with dg.build_resources(build_resources({})) as resources:
        yield FlowDesk(resources.appflow, resources.storage.inbound_bucket, connectors)
