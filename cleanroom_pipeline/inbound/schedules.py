"""The schedule that pulls.

Here: when a pull job runs, and when it had better not. Not here: what it does (`inbound.appflow`).

Ticks that nobody saw, since the daemon or the code server was down, are made up for once: of a
schedule without partitions Dagster runs the last of them alone. A tick that was begun and not
finished is done again by the next daemon; it then finds the run that was made for it, by the tags
below.
"""

from datetime import UTC

import dagster as dg

from cleanroom_pipeline.cancellation import AT_WORK
from cleanroom_pipeline.model import RETRY_STRATEGY_TAG, SCHEDULED_TAG


def earlier_pull(context: dg.ScheduleEvaluationContext, job_name: str) -> dg.DagsterRun | None:
    """Return a run of the job that is queued or goes on, and is not the one of this very tick.

    Dagster looks for that one itself, and submits it if the daemon ended before it could. A run
    that was created and never submitted is no pull: it would hold up all others for good.
    """
    tick = context.scheduled_execution_time.astimezone(UTC).isoformat()
    runs = context.instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=list(AT_WORK)))
    return next((run for run in runs if run.tags.get(SCHEDULED_TAG) != tick), None)


def build_pull_schedule(
    connector: str,
    job: dg.JobDefinition,
    *,
    cron: str,
    timezone: str,
    default_status: dg.DefaultScheduleStatus,
) -> dg.ScheduleDefinition:
    """Build the schedule `<connector>__pull_schedule`."""

    @dg.schedule(
        name=f"{connector}__pull_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone=timezone,
        default_status=default_status,
        description=f"Pulls {connector}: {cron} ({timezone}).",
    )
    def pull_schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        earlier = earlier_pull(context, job.name)
        if earlier is not None:
            return dg.SkipReason(
                f"Run {earlier.run_id} of {job.name} is {earlier.status.value}: the next tick "
                "pulls what it does not."
            )
        tick = context.scheduled_execution_time.astimezone(UTC)
        return dg.RunRequest(
            run_key=f"{connector}__{tick:%Y%m%dT%H%M%SZ}",
            # Each step may be done again, and none needs what another worker kept on its disk.
            tags={RETRY_STRATEGY_TAG: "ALL_STEPS"},
        )

    return pull_schedule
