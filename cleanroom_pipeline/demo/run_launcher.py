"""The run launcher of one machine: Dagster's own, which also tells whether a run's worker lives.

Here: finding a run's worker, and looking at it. Not here: what becomes of a run without one, which
Dagster's run monitoring and its run retries do by themselves.

A run's worker is a child of its code server, which notices that it dies. Whatever kills both (a
power cut, the end of a container, `kill -9` of a process group) would leave the run as started for
ever, holding a place in the queue and its batch.
"""

import time
from typing import Any

import dagster as dg

# Dagster's own launchers, in packages of their own, take these from here too.
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus

from cleanroom_pipeline.demo.process_table import still_lives


def worker_of(instance: dg.DagsterInstance, run_id: str) -> tuple[int, float] | None:
    """Return the number of a run's worker, and when it said so; None where it never did."""
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    for event in events:
        data = event.dagster_event.engine_event_data if event.dagster_event else None
        pid = data.metadata.get("pid") if data else None
        # A step of a run has a process of its own, and says so with its name.
        if pid is not None and event.step_key is None:
            return int(str(pid.value)), event.timestamp
    return None


class WatchingRunLauncher(DefaultRunLauncher):
    """Launches as Dagster does by default, and lets its run monitoring see dead workers."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Say that it can."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> Any:
        """Tell how a started run's worker is; one that never said its number counts as running."""
        worker = worker_of(self._instance, run.run_id)
        if worker is None or still_lives(*worker, now=time.time()):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.NOT_FOUND, f"Its process {worker[0]} is gone, and its code server with it."
        )
