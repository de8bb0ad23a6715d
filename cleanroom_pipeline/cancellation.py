"""What becomes of a service's run when ours is interrupted while it waits.

Here: telling a person's cancel from a redeploy. Not here: how a service stops its run (`aws`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

# A run in one of these is at work, or will be. One that was only created may never be.
AT_WORK = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


def canceled_by_person(context: dg.OpExecutionContext) -> bool:
    """Tell whether somebody cancelled this run; a redeploy's SIGTERM leaves it as started."""
    run = context.instance.get_run_by_id(context.run_id)
    return run is not None and run.status is dg.DagsterRunStatus.CANCELING


def others_at_work(context: dg.OpExecutionContext) -> bool:
    """Tell whether another run of the same job goes on, which may wait for the same thing."""
    statuses = [status for status in AT_WORK if status is not dg.DagsterRunStatus.CANCELING]
    filters = dg.RunsFilter(job_name=context.job_name, statuses=statuses)
    return any(run.run_id != context.run_id for run in context.instance.get_runs(filters))


@contextmanager
def stopping_when_canceled(
    context: dg.OpExecutionContext, what: str, stop: Callable[[], object]
) -> Iterator[None]:
    """Have the service stop its run where a person cancels ours, and leave it alone otherwise.

    What is left alone is adopted when ours is started again. Dagster interrupts with an exception
    that is no Exception; it goes on in any case, also where the service can't be told.
    """
    try:
        yield
    except dg.DagsterExecutionInterruptedError:
        if canceled_by_person(context):
            try:
                stop()
            except Exception as error:  # noqa: BLE001 (whatever it is, the interrupt goes on)
                context.log.error(  # noqa: TRY400 (the text of the error may hold anything)
                    "Cancelled, and %s could not be stopped (%s): stop it by hand.",
                    *(what, type(error).__name__),
                )
        raise
