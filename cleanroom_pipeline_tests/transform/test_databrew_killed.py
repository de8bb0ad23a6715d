"""Real workers that are killed while DataBrew is at work, and the attempt that comes after them."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from cleanroom_pipeline.local_aws.job_runs import DataBrewDurations
from cleanroom_pipeline.local_aws.provision import LocalEnvironment, provision
from cleanroom_pipeline.local_aws.server import Durations, LocalAws
from cleanroom_pipeline.model import PARTITION_TAG
from cleanroom_pipeline_tests.transform.brewing import BATCH
from cleanroom_pipeline_tests.transform.test_databrew_ops import (
    Account,
    brew_job,
    opened_account,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
SLOW = Durations(databrew=DataBrewDurations(start=0.2, run=20.0, stop=0.2))


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with LocalAws.start(durations=SLOW) as aws:
        environment: LocalEnvironment = provision(aws.endpoint)
        with opened_account(aws, environment, monkeypatch, tmp_path) as account:
            yield account


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "redeployed"])
def test_a_worker_that_ends_while_it_waits_leaves_one_run_to_the_next_attempt(
    account: Account, tmp_path: Path, how: signal.Signals
) -> None:
    run_id = str(uuid.uuid4())
    said = (tmp_path / "worker.txt").open("w")
    worker = subprocess.Popen(
        [
            sys.executable,
            *("-m", "cleanroom_pipeline_tests.transform.killed_worker", str(tmp_path), run_id),
        ],
        env=dict(os.environ),
        stdout=said,
        stderr=said,
    )
    try:
        until = time.monotonic() + 60
        while [run.state for run in account.runs()] != ["RUNNING"]:
            assert time.monotonic() < until, "DataBrew is never at work"
            assert worker.poll() is None, (tmp_path / "worker.txt").read_text()[-2000:]
            time.sleep(0.1)
    finally:
        worker.send_signal(how)
        worker.wait(timeout=30)
        said.close()
    (run,) = account.runs()
    assert run.state == "RUNNING"
    dead = account.instance.get_run_by_id(run_id)
    assert dead is not None
    if not dead.is_finished:
        account.instance.report_run_failed(dead)
    account.aws.advance(30)
    again = dg.execute_job(
        dg.reconstructable(brew_job),
        account.instance,
        tags={PARTITION_TAG: BATCH},
        reexecution_options=dg.ReexecutionOptions(parent_run_id=run_id),
        raise_on_error=True,
    )
    assert again.success
    assert [one.run_id for one in account.runs()] == [run.run_id]
    assert account.transformed().external_run_id == run.run_id
    assert account.transformed().rows_out == 2
