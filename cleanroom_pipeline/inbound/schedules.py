"""The schedule that pulls.

Here: when a pull job runs. Not here: what it does (`inbound.appflow`).
"""

import dagster as dg


def build_pull_schedule(
    connector: str,
    job: dg.JobDefinition,
    *,
    cron: str,
    timezone: str,
    default_status: dg.DefaultScheduleStatus,
) -> dg.ScheduleDefinition:
    """Build the schedule `<connector>__pull_schedule`."""
    return dg.ScheduleDefinition(
        name=f"{connector}__pull_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone=timezone,
        default_status=default_status,
        description=f"Pulls {connector}: {cron} ({timezone}).",
    )
