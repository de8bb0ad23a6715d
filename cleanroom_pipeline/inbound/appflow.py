"""The ops of a pull: start the flow, wait for its execution; and the job, token first.

Here: the order of things, and what a state means for the run. Not here: the token
(`inbound.connector_token`), AppFlow's calls (`aws.appflow`), requests (`inbound.appflow_requests`),
and what becomes of the files afterwards: the connector's sensor takes them from here, as it does
with a push.
"""

import time
from datetime import UTC, datetime

import dagster as dg

from cleanroom_pipeline.aws.appflow import AppFlow, FlowExecution
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.external_runs import ExternalRunError, wait_until_final
from cleanroom_pipeline.inbound.appflow_requests import (
    EXECUTION_STATES,
    NOT_LISTED,
    create_flow_request,
    delivery_prefix,
)
from cleanroom_pipeline.inbound.connector_token import TokenSettings, refresh_connector_token
from cleanroom_pipeline.ledger import Delivery, ExternalRun, Ledger

RUN_KIND = "appflow"
PULL_JOB_SUFFIX = "__pull_job"
LONGEST_PAUSE_SECONDS = 20.0


class PullSettings(dg.Config):
    """What the ops need to know of their connector; the job fills it in."""

    connector: str
    secret: str
    profile: str
    flow: str
    entity: str
    prefix: str
    timeout_minutes: int = 60


@dg.op(
    ins={"refreshed": dg.In(dg.Nothing)},
    out=dg.Out(str, description="AppFlow's id of the execution."),
    retry_policy=dg.RetryPolicy(max_retries=3, delay=5, backoff=dg.Backoff.EXPONENTIAL),
    description="Start the flow, or adopt the execution that is running.",
)
def start_appflow_run(
    context: dg.OpExecutionContext,
    config: PullSettings,
    storage: S3Storage,
    appflow: AppFlow,
    ledger: Ledger,
) -> str:
    """Start the flow with a token that a retry repeats, so that it starts once."""
    created = appflow.ensure_flow(
        create_flow_request(
            config.flow, config.profile, config.entity, storage.inbound_bucket, config.prefix
        )
    )
    if created:
        context.log.info("Created flow %s.", config.flow)
    root_run_id = context.run.root_run_id or context.run_id
    execution_id = appflow.start(config.flow, client_token=root_run_id)
    if execution_id is None:
        running = [e for e in appflow.executions(config.flow) if e.state == "InProgress"]
        if not running:
            raise ExternalRunError(
                f"AppFlow says that flow {config.flow} is running, and lists no execution that is."
            )
        execution_id = running[0].execution_id
        context.log.info("Adopted execution %s, which was running.", execution_id)
    ledger.record_external_run(
        config.connector,
        ExternalRun(RUN_KIND, execution_id, execution_id, root_run_id, datetime.now(UTC)),
    )
    return execution_id


def execution_of(appflow: AppFlow, flow: str, execution_id: str) -> FlowExecution:
    """Return the execution; AppFlow has no call for one, so all are listed."""
    found = [e for e in appflow.executions(flow) if e.execution_id == execution_id]
    return found[0] if found else FlowExecution(execution_id, NOT_LISTED, "", 0, 0, 0)


@dg.op(
    out=dg.Out(dg.Nothing),
    description="Wait for the execution, and record the delivery as whole.",
)
def wait_for_appflow_run(
    context: dg.OpExecutionContext,
    config: PullSettings,
    appflow: AppFlow,
    ledger: Ledger,
    execution_id: str,
) -> None:
    """Wait until the execution is over; anything but Successful without put failures fails."""
    execution = wait_until_final(
        lambda: execution_of(appflow, config.flow, execution_id),
        EXECUTION_STATES,
        deadline_seconds=60 * config.timeout_minutes,
        longest_pause=LONGEST_PAUSE_SECONDS,
        now=time.monotonic,
        sleep=time.sleep,
        on_change=lambda status: context.log.info("Execution is %s.", status.state),
    )
    what = f"Execution {execution_id} of flow {config.flow}"
    if execution.state not in EXECUTION_STATES.good:
        raise ExternalRunError(
            f"{what} ended as {execution.state}. AppFlow says: {execution.message or '(nothing)'}"
        )
    if execution.put_failures:
        raise ExternalRunError(
            f"{what} is Successful, and {execution.put_failures} records could not be written: the "
            "delivery is not whole. Run the pull again."
        )
    ledger.record_delivery(
        config.connector,
        Delivery(
            execution_id,
            delivery_prefix(config.prefix, config.flow, execution_id),
            execution.records,
            datetime.now(UTC),
        ),
    )
    context.log.info(
        "%d records, %d bytes%s.",
        execution.records,
        execution.bytes_written,
        "" if execution.records else ": an empty delivery, which makes no batch",
    )


@dg.graph
def pull_graph() -> None:
    """Refresh, start, wait."""
    wait_for_appflow_run(start_appflow_run(refresh_connector_token()))


def build_pull_job(settings: PullSettings, tags: dict[str, str]) -> dg.JobDefinition:
    """Build the job `<connector>__pull_job`."""
    config = settings.model_dump()
    token = TokenSettings(secret=settings.secret, profile=settings.profile)
    return pull_graph.to_job(
        name=settings.connector + PULL_JOB_SUFFIX,
        description=f"Pulls {settings.entity} through AppFlow into s3 under {settings.prefix}.",
        config={
            "ops": {
                refresh_connector_token.name: {"config": token.model_dump()},
                start_appflow_run.name: {"config": config},
                wait_for_appflow_run.name: {"config": config},
            }
        },
        tags=tags,
        executor_def=dg.in_process_executor,
    )
