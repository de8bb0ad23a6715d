"""A code location with one pull schedule, for the tests that run Dagster's scheduler.

Here: its definitions. Not here: what the scheduler makes of them (`test_schedules`).
"""

import dagster as dg

from cleanroom_pipeline.inbound.schedules import build_pull_schedule


@dg.op
def pull() -> None:
    """Stands for a pull, which no test here runs."""


@dg.job
def shop__pull_job() -> None:
    """Stands for the pull job of a connector."""
    pull()


defs = dg.Definitions(
    jobs=[shop__pull_job],
    schedules=[
        build_pull_schedule(
            "shop",
            shop__pull_job,
            cron="0 * * * *",
            timezone="Europe/Berlin",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
    ],
)
