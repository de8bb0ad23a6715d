"""What the run monitoring of one machine is told of a run's worker."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData  # what a worker says of itself as it starts
from dagster._core.launcher import WorkerStatus

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance as `dagster.yaml` describes it."""
    shutil.copyfile(PROJECT / "dagster.yaml", tmp_path / "dagster.yaml")
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


@dg.job
def some_job() -> None:
    pass


def run_of_worker(instance: dg.DagsterInstance, *pids: int) -> dg.DagsterRun:
    run = instance.create_run_for_job(some_job)
    instance.report_engine_event("Launched.", run)
    for pid in pids:
        instance.report_engine_event("Started.", run, EngineEventData.in_process(pid))
    return run


def status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> WorkerStatus:
    found: WorkerStatus = instance.run_launcher.check_run_worker_health(run).status
    return found


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as worker:
        worker.wait()
        return worker.pid


def test_the_monitoring_of_one_machine_looks_at_workers(instance: dg.DagsterInstance) -> None:
    assert instance.run_monitoring_enabled
    assert instance.run_launcher.supports_check_run_worker_health


def test_a_run_whose_worker_lives_is_left_alone(instance: dg.DagsterInstance) -> None:
    assert status(instance, run_of_worker(instance, os.getpid())) is WorkerStatus.RUNNING


def test_a_run_whose_worker_is_gone_is_told_of(instance: dg.DagsterInstance) -> None:
    assert status(instance, run_of_worker(instance, dead_pid())) is WorkerStatus.NOT_FOUND


def test_it_is_the_worker_that_counts_and_not_what_it_started(
    instance: dg.DagsterInstance,
) -> None:
    assert status(instance, run_of_worker(instance, dead_pid(), os.getpid())) is (
        WorkerStatus.NOT_FOUND
    )


def test_a_run_that_never_named_its_worker_is_left_alone(instance: dg.DagsterInstance) -> None:
    assert status(instance, run_of_worker(instance)) is WorkerStatus.RUNNING
