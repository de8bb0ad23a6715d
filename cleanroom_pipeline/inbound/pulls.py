"""The job of a pull: its graph, and the ops that decide for which days the flows are started.

Here: the order of things, which days, and what is noted when all of them were pulled. Not here: a
flow's start and its wait (`inbound.appflow`), when a job runs (`inbound.schedules`).

A pull of one object in full is three ops, one after another. Of several objects, each has a graph
of its own behind the one token: what fails of one leaves the others alone, and fails the run.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from cleanroom_pipeline.aws.appflow import AppFlow, AppFlowInUseError
from cleanroom_pipeline.inbound.appflow import (
    PullSettings,
    start_appflow_run,
    wait_for_appflow_run,
)
from cleanroom_pipeline.inbound.connector_token import TokenSettings, refresh_connector_token
from cleanroom_pipeline.inbound.windows import (
    MOST_DAYS,
    Days,
    WindowError,
    asked_until,
    days_to_pull,
)
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import utc_moment, utc_text

PULL_JOB_SUFFIX = "__pull_job"
DAYS_OUTPUT, UNTIL_OUTPUT = "days", "asked_until"
ALL = "all"
# Among steps that are ready, those of higher priority run first: all flows are started before one
# is waited for, while the token is new.
PRIORITY = "dagster/priority"
AT_WORK = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class PlanSettings(dg.Config):
    """Which days a pull asks for.

    `first` and `end` are days of a backfill; without them a pull goes on from the last one. `skip`
    is for an object that a run was not asked for. Without `incremental`, all is pulled, in one.
    """

    connector: str
    incremental: bool = False
    start: str = ""
    overlap_minutes: int = 60
    first: str = ""
    end: str = ""
    skip: bool = False


@dataclass(frozen=True, slots=True)
class FeedPull:
    """How one object is pulled."""

    pull: PullSettings
    plan: PlanSettings


def planned_days(plan: PlanSettings, last_end: datetime | None, now: datetime) -> Days | None:
    """Return the days to pull; None where all is pulled in one.

    Raises WindowError for what is no stretch of days, and for more than one pull may ask for.
    """
    if not plan.incremental:
        return None
    if plan.first or plan.end:
        days = Days.read(plan.first, plan.end)
        if len(days.parts()) > 1:
            raise WindowError(
                f"From {days.first} to {days.end} are more than {MOST_DAYS} days, which is more "
                "than one pull may ask for. `cleanroom pull` asks for them in parts."
            )
        return days
    start = date.fromisoformat(plan.start) if plan.start else None
    return days_to_pull(last_end, start, timedelta(minutes=plan.overlap_minutes), now)


@dg.op(
    ins={"refreshed": dg.In(dg.Nothing)},
    out={
        DAYS_OUTPUT: dg.DynamicOut(str, description="A day each, or nothing for all in one."),
        UNTIL_OUTPUT: dg.Out(str, is_required=False, description="Up to when this pull asks."),
    },
    description="Decide which days are pulled.",
)
def plan_pull(
    context: dg.OpExecutionContext, config: PlanSettings, ledger: Ledger
) -> Iterator[Any]:
    """Yield each day, and up to when was asked where the next pull may go on from there."""
    if config.skip:
        context.log.info("Not asked for: %s.", config.connector)
        return
    now = datetime.now(UTC)
    days = planned_days(config, ledger.last_pull(config.connector), now)
    if days is None:
        yield dg.DynamicOutput("", mapping_key=ALL, output_name=DAYS_OUTPUT)
        return
    context.log.info("Days from %s on and before %s.", days.first, days.end)
    for day in days.each():
        key = f"day_{day:%Y_%m_%d}"
        yield dg.DynamicOutput(day.isoformat(), mapping_key=key, output_name=DAYS_OUTPUT)
    if not config.first:
        yield dg.Output(utc_text(asked_until(days, now)), UNTIL_OUTPUT)


@dg.op(
    ins={"waited": dg.In(dg.Nothing)},
    out=dg.Out(dg.Nothing),
    description="Delete the flow that was made for one day.",
)
def delete_day_flow(
    context: dg.OpExecutionContext, config: PullSettings, appflow: AppFlow, day: str
) -> None:
    """Delete the day's flow once its delivery is recorded; a flow that pulls all stays.

    With a flow go the records of its executions, one of which another run may have adopted and
    still wait for. So it stays while there is another run: a later pull of the day deletes it.
    """
    if not day:
        return
    flow = config.flow_of(day)["flowName"]
    others = context.instance.get_runs(
        dg.RunsFilter(job_name=context.run.job_name, statuses=AT_WORK)
    )
    if any(run.run_id != context.run_id for run in others):
        context.log.info("Flow %s stays, as another run of this job may need it.", flow)
        return
    try:
        appflow.delete(flow)
    except AppFlowInUseError as error:
        # Somebody has started it by hand.
        context.log.warning("%s", error)


@dg.op(
    ins={"pulled": dg.In(dg.Nothing)},
    out=dg.Out(dg.Nothing),
    description="Note up to when was asked, now that all of it was delivered.",
)
def record_pull(
    context: dg.OpExecutionContext, config: PlanSettings, ledger: Ledger, until: str
) -> None:
    """Write it once; it runs only where every day went well, and so never passes over one."""
    ledger.record_pull(config.connector, utc_moment(until), run_id=context.run_id)
    context.log.info("The next pull goes on from %s.", until)


def full_graph(*, refresh: bool) -> dg.GraphDefinition:
    """Return the graph of a pull of one object in full: refresh, if need be, start, wait."""

    @dg.graph(name="pull_graph")
    def refreshed_pull() -> None:
        wait_for_appflow_run(start_appflow_run(refreshed=refresh_connector_token()))

    @dg.graph(name="pull_graph")
    def plain_pull() -> None:
        wait_for_appflow_run(start_appflow_run())

    return refreshed_pull if refresh else plain_pull


def _feed_graph(name: str) -> dg.GraphDefinition:
    def pull_day(day: Any) -> Any:
        execution_id = start_appflow_run.tag({PRIORITY: "1"})(day=day)
        return delete_day_flow(
            day=day, waited=wait_for_appflow_run(execution_id=execution_id, day=day)
        )

    @dg.graph(name=name, ins={"refreshed": dg.GraphIn()})
    def feed(refreshed: Any) -> None:
        days, until = plan_pull.tag({PRIORITY: "2"})(refreshed=refreshed)
        record_pull(until=until, pulled=days.map(pull_day).collect())

    return feed


def planned_graph(connector: str, feeds: Sequence[str], *, refresh: bool) -> dg.GraphDefinition:
    """Return the graph of a pull of several objects, or of days: a graph each behind one token."""
    graphs = [_feed_graph(name) for name in feeds]

    @dg.op(name="begin_pull", out=dg.Out(dg.Nothing), description="There is no token to refresh.")
    def begin_pull() -> None:
        """Stand where a token would be refreshed: the profile's own grant is AppFlow's affair."""

    @dg.graph(name=f"{connector}__pull_graph")
    def several() -> None:
        ready = refresh_connector_token() if refresh else begin_pull()
        for graph in graphs:
            graph(refreshed=ready)

    return several


def token_config(pull: PullSettings) -> dict[str, Any]:
    """Return the config of the op that refreshes the token: the same for all feeds."""
    return {"config": TokenSettings(secret=pull.secret, profile=pull.profile).model_dump()}


def feed_config(feed: FeedPull) -> dict[str, Any]:
    """Return the config of a feed's graph."""
    pull, plan = {"config": feed.pull.model_dump()}, {"config": feed.plan.model_dump()}
    return {
        "ops": {
            "plan_pull": plan,
            "start_appflow_run": pull,
            "wait_for_appflow_run": pull,
            "delete_day_flow": pull,
            "record_pull": plan,
        }
    }


def asked_for(
    feeds: Sequence[FeedPull], objects: Collection[str], first: str, end: str
) -> list[FeedPull]:
    """Return the feeds as a run was asked for them: some of them, or some days.

    Raises WindowError where no feed is of that name, where days are none, or where there is no
    feed of which days can be asked for.
    """
    names = [feed.pull.connector for feed in feeds]
    unknown = sorted(set(objects) - set(names))
    if unknown:
        raise WindowError(f"There is no {', '.join(unknown)}; there are {', '.join(names)}.")
    wanted = [feed for feed in feeds if not objects or feed.pull.connector in objects]
    if first or end:
        Days.read(first, end)
        without = [feed.pull.connector for feed in wanted if not feed.plan.incremental]
        if without and (objects or len(without) == len(wanted)):
            raise WindowError(
                f"{', '.join(without)} can't be asked for days: its `pull` names no date "
                "field, as an incremental one does."
            )
        wanted = [feed for feed in wanted if feed.plan.incremental]
    chosen = {feed.pull.connector for feed in wanted}
    return [
        FeedPull(
            feed.pull,
            feed.plan.model_copy(
                update={"first": first, "end": end, "skip": feed.pull.connector not in chosen}
            ),
        )
        for feed in feeds
    ]


RUN_CONFIG = {
    "objects": dg.Field([str], default_value=[], description="Which of them; all if none is said."),
    "first": dg.Field(str, default_value="", description="The first day, like 2026-10-01."),
    "end": dg.Field(str, default_value="", description="The day after the last one."),
}


def planned_config(feeds: Sequence[FeedPull], *, refresh: bool) -> dg.ConfigMapping:
    """Return how what a run may be asked for becomes its config: objects, days, or neither."""

    @dg.config_mapping(config_schema=RUN_CONFIG)
    def from_what_is_asked(asked: Mapping[str, Any]) -> Mapping[str, Any]:
        chosen = asked_for(feeds, asked["objects"], asked["first"], asked["end"])
        ops = {feed.pull.connector: feed_config(feed) for feed in chosen}
        if refresh:
            return {"ops": {refresh_connector_token.name: token_config(feeds[0].pull), **ops}}
        return {"ops": ops}

    return from_what_is_asked


def build_pull_job(
    connector: str, feeds: Sequence[FeedPull], *, refresh: bool, tags: dict[str, str]
) -> dg.JobDefinition:
    """Build the job `<connector>__pull_job`; `refresh` where the token is ours to get.

    A pull of one object in full takes no run config. Another takes the members of `RUN_CONFIG`.
    """
    said = ", ".join(f"{feed.pull.entity} under {feed.pull.prefix}" for feed in feeds)
    common: dict[str, Any] = {
        "name": connector + PULL_JOB_SUFFIX,
        "description": f"Pulls through AppFlow into S3: {said}.",
        "tags": tags,
        "executor_def": dg.in_process_executor,
    }
    if len(feeds) > 1 or feeds[0].plan.incremental:
        graph = planned_graph(connector, [f.pull.connector for f in feeds], refresh=refresh)
        return graph.to_job(config=planned_config(feeds, refresh=refresh), **common)
    (feed,) = feeds
    config = {"config": feed.pull.model_dump()}
    ops = {start_appflow_run.name: config, wait_for_appflow_run.name: config}
    if refresh:
        ops[refresh_connector_token.name] = token_config(feed.pull)
    return full_graph(refresh=refresh).to_job(config={"ops": ops}, **common)
