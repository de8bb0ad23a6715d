"""Connector type `AppFlowPullConnector`: AppFlow pulls from an application, on a schedule.

Here: what a pull adds to the common chain: its job and its schedule, and its feeds, if it has
several. Not here: the chain, what the settings look like (`source_settings`).
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal, Self

import dagster as dg
from pydantic import model_validator

from cleanroom_pipeline.connector_types.base import ConnectorBase
from cleanroom_pipeline.connector_types.completion_settings import CompletionSettings
from cleanroom_pipeline.connector_types.settings import (
    RESTATEMENT,
    Misfit,
    ScheduleSettings,
    load_misfits,
    refuse,
)
from cleanroom_pipeline.connector_types.source_settings import (
    ObjectSettings,
    PullModeSettings,
    SourceSettings,
)
from cleanroom_pipeline.inbound.appflow import PullSettings
from cleanroom_pipeline.inbound.declared_steps import unique_steps, utc_steps
from cleanroom_pipeline.inbound.flow_definitions import (
    APPLICATIONS,
    FlowSpec,
    connector_type_of,
    flow_definition,
)
from cleanroom_pipeline.inbound.pulls import FeedPull, PlanSettings, build_pull_job
from cleanroom_pipeline.inbound.schedules import build_pull_schedule
from cleanroom_pipeline.model import CONNECTOR_TAG
from cleanroom_pipeline.recipe.steps import Step

PROVIDER_RUN: Literal["provider_run"] = "provider_run"
LONGEST_NAME = 60
# Marketing Cloud's times are UTC-6, and nobody says whether its connector knows that. With more
# than six hours of overlap it does no harm if it does not.
OVERLAP_MINUTES, MARKETING_CLOUD_OVERLAP_MINUTES = 60, 7 * 60


class AppFlowPullConnector(ConnectorBase):
    """Data that AppFlow pulls: objects of Salesforce Marketing Cloud, or of any application."""

    DAILY_POLICIES: ClassVar[frozenset[str]] = frozenset({RESTATEMENT, PROVIDER_RUN})

    source: SourceSettings
    schedule: ScheduleSettings
    completion: CompletionSettings = CompletionSettings(policy=PROVIDER_RUN)
    pull: PullModeSettings = PullModeSettings()
    objects: Sequence[ObjectSettings] = ()

    @property
    def pulled(self) -> bool:
        """AppFlow tells how many records it wrote."""
        return True

    @model_validator(mode="after")
    def feeds_can_be_built(self) -> Self:
        """Refuse what says twice, or not at all, what is pulled, and pulls that fit no table."""
        refuse(self._misfits_of_forms())
        for place, feed in enumerate(self.feeds()):
            where: tuple[int | str, ...] = ("objects", place) if self.objects else ()
            refuse(((*where, *loc), told) for loc, told in _misfits_of_feed(feed))
        return self

    def _misfits_of_forms(self) -> Iterator[Misfit]:
        source = self.source
        what = "object" if source.is_marketing_cloud else "entity"
        if not self.objects:
            if getattr(source, what) is None:
                yield ("source", what), "is needed, or a list of `objects` beside the source"
            return
        for field in ("object", "entity", "timestamps", "filters"):
            if getattr(source, field):
                yield ("source", field), "goes with one object; each of `objects` has its own"
        for field in ("recipe", "pull"):
            if getattr(self, field) != type(self).model_fields[field].default:
                yield (field,), "goes with one object; each of `objects` has its own"
        if self.table.name is not None:
            yield ("table", "name"), "goes with one object; each of `objects` has its own table"
        yield from self._misfits_of_objects(what)

    def _misfits_of_objects(self, what: str) -> Iterator[Misfit]:
        names = [one.short_name for one in self.objects]
        for place, one in enumerate(self.objects):
            if getattr(one, what) is None:
                yield ("objects", place, what), f"is needed: the source reads one {what} for each"
            if one.short_name in names[:place]:
                told = f"{one.short_name} is there twice; give one of the two a `name`"
                yield ("objects", place, what), told
            if len(f"{self.name}_{one.short_name}") > LONGEST_NAME:
                told = f"{self.name}_{one.short_name} is longer than {LONGEST_NAME} characters"
                yield ("objects", place, "name"), f"{told}; give it a shorter `name`"

    def feeds(self) -> "Sequence[AppFlowPullConnector]":
        """Return a connector of one object for each of several; itself where it has one."""
        return [self._feed(one) for one in self.objects] if self.objects else [self]

    def _feed(self, one: ObjectSettings) -> "AppFlowPullConnector":
        short = one.short_name
        source = self.source.model_copy(
            update={
                "object": one.object,
                "entity": one.entity,
                "profile": self.profile_name,
                "timestamps": one.timestamps,
                "fields": one.fields or self.source.fields,
                "filters": one.filters,
            }
        )
        inbound = self.inbound.model_copy(
            update={
                "prefix": f"{self.inbound.prefix}{short}/",
                "format": one.format or self.inbound.format,
            }
        )
        return self.model_copy(
            update={
                "name": f"{self.name}_{short}",
                "description": one.description or self.description,
                "source": source,
                "inbound": inbound,
                "recipe": one.recipe or f"{short}.json",
                "table": one.table or self.table,
                "pull": one.pull,
                "objects": (),
            }
        )

    @property
    def profile_name(self) -> str:
        """The connector profile: one made in the console, or our own of the connector's name."""
        return self.source.profile or self.name

    @property
    def what(self) -> str:
        """What is pulled, as AppFlow calls it."""
        return self.source.object or self.source.entity or ""

    def declared_steps(self) -> Sequence[Step]:
        """Return the steps that make times UTC, and those that keep one row of each key."""
        given = self.source.timestamps
        in_utc = utc_steps(given.columns, given.offset) if given else ()
        return [*in_utc, *unique_steps(self.pull.key)]

    def flow_spec(self) -> FlowSpec:
        """Return the flow of this connector of one object."""
        return FlowSpec(
            name=self.name,
            connector=self.name,
            application=self.source.application,
            profile=self.profile_name,
            entity=self.what,
            prefix=self.inbound.prefix,
            api_version=self.source.version,
            fields=self.source.mapped(),
            filters=[one.chosen() for one in self.source.filters],
            properties=self.source.properties,
        )

    def feed_pull(self) -> FeedPull:
        """Return how the one object of this connector is pulled."""
        pull = self.pull
        usual = (
            MARKETING_CLOUD_OVERLAP_MINUTES if self.source.is_marketing_cloud else OVERLAP_MINUTES
        )
        return FeedPull(
            PullSettings(
                connector=self.name,
                secret=self.source.secret or "",
                profile=self.profile_name,
                flow=self.name,
                entity=self.what,
                prefix=self.inbound.prefix,
                timeout_minutes=self.source.timeout_minutes,
                definition=flow_definition(self.flow_spec()),
                date_field=pull.field or "",
                date_type=pull.date_type or "",
            ),
            PlanSettings(
                connector=self.name,
                incremental=pull.is_incremental,
                start=pull.start or "",
                overlap_minutes=usual if pull.overlap_minutes is None else pull.overlap_minutes,
            ),
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build the chain of each feed, and the pull job of all with its schedule."""
        feeds = self.feeds()
        job = build_pull_job(
            self.name,
            [feed.feed_pull() for feed in feeds],
            refresh=self.source.is_marketing_cloud,
            tags={CONNECTOR_TAG: self.name},
        )
        schedule = build_pull_schedule(
            self.name,
            job,
            cron=self.schedule.cron,
            timezone=self.schedule.timezone,
            default_status=dg.DefaultScheduleStatus[self.schedule.default_status],
        )
        chains = [super(AppFlowPullConnector, feed).build_defs(context) for feed in feeds]
        return dg.Definitions.merge(*chains, dg.Definitions(jobs=[job], schedules=[schedule]))


def _misfits_of_feed(feed: AppFlowPullConnector) -> Iterator[Misfit]:
    """Return what is to be said where a pull, the completion policy and the table do not fit."""
    policy, load = feed.completion.policy, feed.table.load
    yield from load_misfits(policy, load, feed.DAILY_POLICIES)
    if not feed.pull.is_incremental:
        if load == "restate" and policy == PROVIDER_RUN:
            told = "must be incremental where the table is loaded day by day (restate)"
            yield ("pull", "mode"), told
        return
    if load != "restate":
        yield (
            ("table", "load"),
            (
                "must be restate with an incremental pull, whose batches hold a day each: a "
                "snapshot is the newest batch alone, and would forget all other days"
            ),
        )
    if policy != PROVIDER_RUN:
        told = f"must be {PROVIDER_RUN} with an incremental pull: AppFlow says which day is whole"
        yield ("completion", "policy"), told
    known = APPLICATIONS[connector_type_of(feed.source.application)]
    if not known.filters_dates:
        told = f"can't be incremental: AppFlow does not filter {feed.source.application} by date"
        yield ("pull", "mode"), told
