"""`cleanroom demo` and `cleanroom ui`: one delivery of each kind, through the real daemon.

Here: the order of the walk, and what counts as done. Not here: processes (`demo.processes`), what
is printed at the end (`demo.report`), or any stage of the pipeline.
"""

import json
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import dagster as dg

from cleanroom_pipeline.demo.deliveries import seed_deliveries
from cleanroom_pipeline.demo.expired_token import (
    TokenDemoError,
    leave_expired_token,
    refreshed_token,
)
from cleanroom_pipeline.demo.processes import LocalPipeline, ProcessError
from cleanroom_pipeline.demo.report import MissingReportError, print_report
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import BatchState
from cleanroom_pipeline.resources import build_resources

CONNECTORS = ("bigquery_customers", "sfmc_click_events")
PULLED = "sfmc_click_events"
PULL_JOB = f"{PULLED}__pull_job"
SECRET = "cleanroom/sfmc"  # noqa: S105  # a secret's name
CUSTOMERS, CLICKS, SEED = 6000, 4000, 7
DEADLINE_SECONDS = 170.0
LOOK_SECONDS = 0.5

# Real deliveries settle in minutes; a demonstration has seconds.
DEMO_PACE = {
    "CLEANROOM_QUIET_PERIOD_MINUTES": "0.05",
    "CLEANROOM_SENSOR_INTERVAL_SECONDS": "2",
}

Say = Callable[[str], None]


class DemoError(RuntimeError):
    """The walk did not reach its end; the message says where it stopped, and where to look."""


@contextmanager
def pipeline_resources(environment: Mapping[str, str], home: Path) -> Iterator[Any]:
    """Bind the pipeline's resources to the local AWS, for this process."""
    os.environ.update(environment)
    os.environ["DAGSTER_HOME"] = str(home)
    with dg.build_resources(build_resources({})) as resources:
        yield resources


def launch_pull(project_dir: Path, environment: Mapping[str, str]) -> None:
    """Ask the daemon for a pull now, as `dagster job launch` does for a person."""
    command = [
        str(Path(sys.executable).with_name("dagster")),
        *("job", "launch", "-w", "workspace.yaml", "-j", PULL_JOB),
    ]
    done = subprocess.run(  # noqa: S603 (our own command, no text from outside)
        command, cwd=project_dir, env=dict(environment), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DemoError(f"`dagster job launch` failed:\n{done.stdout}{done.stderr}")


def published_batches(ledger: Ledger) -> dict[str, str]:
    """Return the published batch of each connector that has one; DemoError where one failed."""
    published = {}
    for connector in CONNECTORS:
        for batch in ledger.batches(connector):
            if batch.state is BatchState.FAILED:
                raise DemoError(f"Batch {batch.batch_id} of {connector} failed.")
            if batch.state is BatchState.PUBLISHED:
                published[connector] = batch.batch_id
    return published


def received_messages(sqs: Any, queue_url: str) -> list[dict[str, Any]]:
    """Take the SNS messages that have come to the queue that is subscribed to the topic."""
    answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
    messages = answer.get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in messages]


def failed_run(instance: dg.DagsterInstance) -> str | None:
    """Return the job of a run that failed for good, if one did."""
    filters = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])
    return next((record.dagster_run.job_name for record in instance.get_run_records(filters)), None)


def wait_for_tables(
    pipeline: LocalPipeline, ledger: Ledger, instance: dg.DagsterInstance, say: Say
) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Wait until both tables are published and both messages are here; return batches, messages."""
    sqs = boto3.client("sqs", region_name=pipeline.environment["AWS_REGION"])
    queue_url = pipeline.environment["CLEANROOM_NOTIFICATIONS_QUEUE_URL"]
    began, messages, published = time.monotonic(), list[dict[str, Any]](), dict[str, str]()
    while len(published) < len(CONNECTORS) or len(messages) < len(CONNECTORS):
        pipeline.check()
        if job := failed_run(instance):
            raise DemoError(f"A run of {job} failed; look into {pipeline.logs}.")
        for connector, batch_id in published_batches(ledger).items():
            if connector not in published:
                say(f"  {time.monotonic() - began:5.1f} s  {connector}: {batch_id} is published")
                published[connector] = batch_id
        for message in received_messages(sqs, queue_url):
            say(f"  {time.monotonic() - began:5.1f} s  SNS: {message['Subject']}")
            messages.append(message)
        if time.monotonic() - began > DEADLINE_SECONDS:
            raise DemoError(
                f"After {DEADLINE_SECONDS:g} s {sorted(published)} are published and "
                f"{len(messages)} messages are here; look into {pipeline.logs}."
            )
        time.sleep(LOOK_SECONDS)
    return published, messages


def run_demo(state_dir: Path, project_dir: Path, *, say: Say) -> None:
    """Walk one delivery of each kind from its source to its table; DemoError if one gets lost."""
    began = time.monotonic()
    # Dagster tells of the age of its own parameters when it binds what the report reads.
    warnings.simplefilter("ignore", dg.BetaWarning)
    try:
        say("Starting the local AWS and the Dagster daemon ...")
        with LocalPipeline(
            state_dir, project_dir, ui_port=None, say=say, pace=DEMO_PACE, fresh=True
        ) as pipeline:
            say(f"  {time.monotonic() - began:5.1f} s  up")
            environment = pipeline.environment
            say("\nWhat arrives")
            say("  " + seed_deliveries(environment, customers=CUSTOMERS, clicks=CLICKS, seed=SEED))
            with (
                pipeline_resources(environment, pipeline.dagster_home) as resources,
                dg.DagsterInstance.get() as instance,
            ):
                endpoint = environment["AWS_ENDPOINT_URL"]
                say("\nAn access token that has expired")
                say("  " + leave_expired_token(resources, endpoint, PULLED, SECRET))
                launch_pull(project_dir, pipeline.child_environment())
                say("\nFrom delivery to table")
                published, messages = wait_for_tables(pipeline, resources.ledger, instance, say)
                say(f"         token: {refreshed_token(instance, PULL_JOB)}")
                print_report(published, messages, resources, instance, say)
    except (ProcessError, MissingReportError, TokenDemoError) as error:
        raise DemoError(str(error)) from error
    say(
        f"\nDone in {time.monotonic() - began:.0f} s. `make ui` opens the Dagster UI on what this "
        f"left in {state_dir}/; `make clean` removes it."
    )


def run_ui(state_dir: Path, project_dir: Path, *, port: int, say: Say) -> None:
    """Run the local AWS, the daemon and the UI until Ctrl-C."""
    try:
        with LocalPipeline(
            state_dir, project_dir, ui_port=port, say=say, pace=DEMO_PACE
        ) as pipeline:
            say(
                f"\nDagster UI:  http://127.0.0.1:{port}\n"
                f"Local AWS:   {pipeline.environment['AWS_ENDPOINT_URL']}  (variables for any AWS "
                f"client: {state_dir}/aws.env)\n"
                "Ctrl-C stops everything; `make ui` finds it again."
            )
            never = threading.Event()
            while not never.wait(1.0):
                pipeline.check()
    except KeyboardInterrupt:
        say("Stopped.")
    except ProcessError as error:
        raise DemoError(str(error)) from error
