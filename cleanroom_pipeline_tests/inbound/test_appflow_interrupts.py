"""A pull whose worker is interrupted: by a person's cancel, by a redeploy, or killed outright."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from cleanroom_pipeline.aws.appflow import AppFlow
from cleanroom_pipeline.local_aws.appflow_executions import AppFlowDurations
from cleanroom_pipeline.local_aws.server import Durations, LocalAws
from cleanroom_pipeline_tests.inbound.pull_desk import Desk, known_execution


def interrupt(desk: Desk, *, canceled: bool) -> Callable[[], None]:
    """Return what Dagster does to a worker: a signal, after a person's cancel or without one."""

    def do() -> None:
        if canceled:
            (run,) = desk.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
            desk.instance.report_run_canceling(run)
        raise dg.DagsterExecutionInterruptedError

    return do


@pytest.mark.parametrize("canceled", [True, False])
def test_a_persons_cancel_cancels_the_execution_and_a_redeploy_does_not(
    desk: Desk, canceled: bool
) -> None:
    desk.time.at_sleep = [lambda: None, interrupt(desk, canceled=canceled)]
    assert not desk.run().success
    assert desk.execution.state == ("CancelStarted" if canceled else "InProgress")
    wanted: list[Any] = [{"flowName": "shop-clicks", "executionIds": ["e1"]}] if canceled else []
    assert desk.appflow.called("CancelFlowExecutions") == wanted


def test_after_a_redeploy_the_next_attempt_waits_for_the_same_execution(desk: Desk) -> None:
    desk.time.at_sleep = [interrupt(desk, canceled=False)]
    assert not desk.run().success
    desk.turn("Successful")()
    assert desk.run().success
    assert len(desk.appflow.executions) == len(desk.delivered) == 1


def test_the_interrupt_goes_on_where_the_execution_can_not_be_cancelled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> bool:
        raise ValueError("no")

    monkeypatch.setattr(AppFlow, "cancel", refuse)
    desk.time.at_sleep = [interrupt(desk, canceled=True)]
    result = desk.run()
    assert not result.success
    assert "could not be stopped (ValueError): stop it by hand" in desk.logs(result)


def test_a_cancel_leaves_an_execution_that_another_run_may_wait_for(desk: Desk) -> None:
    @dg.job
    def shop__pull_job() -> None:
        known_execution()

    desk.instance.create_run_for_job(shop__pull_job, status=dg.DagsterRunStatus.STARTING)
    desk.time.at_sleep = [interrupt(desk, canceled=True)]
    result = desk.run()
    assert not result.success
    assert desk.execution.state == "InProgress"
    assert "Another run goes on: execution e1 is left alone" in desk.logs(result)


def test_a_person_who_cancels_during_the_start_cancels_what_it_began(desk: Desk) -> None:
    desk.appflow.on_start = lambda _execution: interrupt(desk, canceled=True)()
    assert not desk.run().success
    assert desk.execution.state == "CancelStarted"


@pytest.mark.e2e
@pytest.mark.parametrize("stride", [4, pytest.param(1, marks=pytest.mark.deep)])
def test_killing_the_worker_at_any_call_leaves_one_execution_and_one_delivery(stride: int) -> None:
    quick = Durations(appflow=AppFlowDurations(run=0.1))
    with LocalAws.start(durations=quick) as aws:
        command = [sys.executable, "-m", "cleanroom_pipeline_tests.inbound.killed_pull"]
        done = subprocess.run(
            [*command, aws.endpoint, str(stride)],
            env={**os.environ, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    whole, *killed = map(json.loads, done.stdout.splitlines())
    assert whole == {"killed": None, "executions": ["Successful"], "delivered": 1}
    assert len(killed) * stride > 10
    for one in killed:
        assert one == {**whole, "killed": one["killed"]}
