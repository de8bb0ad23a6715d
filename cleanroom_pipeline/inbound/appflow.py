"""The ops of a pull: refresh the token, start the flow, wait for its execution.

Here: the order of things, and what a state means for the run. Not here: AppFlow's calls
(`aws.appflow`), requests (`inbound.appflow_requests`), and what becomes of the files afterwards:
the connector's sensor takes them from here, as it does with a push.
"""

import time
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import dagster as dg
import urllib3

from cleanroom_pipeline.aws.appflow import AppFlow, FlowExecution
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.secrets_manager import Secrets
from cleanroom_pipeline.external_runs import ExternalRunError, wait_until_final
from cleanroom_pipeline.inbound.appflow_requests import (
    EXECUTION_STATES,
    NOT_LISTED,
    create_profile_request,
    read_credentials,
    update_profile_request,
)
from cleanroom_pipeline.inbound.flow_definitions import (
    MARKETING_CLOUD,
    MARKETING_CLOUD_API,
    FlowSpec,
    delivery_prefix,
    flow_definition,
    of_day,
    with_bucket,
)
from cleanroom_pipeline.inbound.flows import put_flow
from cleanroom_pipeline.inbound.marketing_cloud import issue_token
from cleanroom_pipeline.inbound.windows import day_of
from cleanroom_pipeline.ledger import Delivery, ExternalRun, Ledger

RUN_KIND = "appflow"
LONGEST_PAUSE_SECONDS = 20.0


class PullSettings(dg.Config):
    """What the ops need to know of their connector; the job fills it in.

    `definition` is the flow as CreateFlow takes it, but for the bucket; without it, all of a
    Marketing Cloud object is pulled. `date_field` is the field by which a day can be asked for, and
    `date_type` what AppFlow calls its type, where that is not the usual one.
    """

    connector: str
    secret: str = ""
    profile: str
    flow: str
    entity: str
    prefix: str
    timeout_minutes: int = 60
    definition: dict[str, Any] = {}  # noqa: RUF012 (Dagster makes a field of it)
    date_field: str = ""
    date_type: str = ""

    def flow_of(self, day: str = "") -> dict[str, Any]:
        """Return the flow that pulls a day, or all; the bucket is not in it."""
        definition = self.definition or flow_definition(
            FlowSpec(
                name=self.flow,
                connector=self.connector,
                application=MARKETING_CLOUD,
                api_version=MARKETING_CLOUD_API,
                profile=self.profile,
                entity=self.entity,
                prefix=self.prefix,
            )
        )
        if not day:
            return definition
        return of_day(definition, day_of(day), self.date_field, self.date_type)


@dg.op(
    out=dg.Out(dg.Nothing),
    retry_policy=dg.RetryPolicy(max_retries=1, delay=5),
    description="Get a fresh token and put it into the AppFlow connector profile.",
)
def refresh_connector_token(
    context: dg.OpExecutionContext, config: PullSettings, secrets: Secrets, appflow: AppFlow
) -> None:
    """Read the credentials now, get a token, and update the profile, or create it.

    One op for both, so that no token is ever an op's output: outputs are stored.
    """
    credentials = read_credentials(config.secret, secrets.secret_string(config.secret))
    token = issue_token(credentials, urllib3.PoolManager())
    done = appflow.put_profile(
        create_profile_request(config.profile, credentials, token),
        update_profile_request(config.profile, credentials, token),
    )
    context.log.info(
        "Connector profile %s %s; its token lives %d s.", config.profile, done, token.expires_in
    )


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
    day: str = "",
) -> str:
    """Start the flow with a token that a retry repeats, so that it starts once."""
    wanted = with_bucket(config.flow_of(day), storage.inbound_bucket)
    flow = wanted["flowName"]
    done = put_flow(appflow, wanted)
    if done.words:
        context.log.info("%s", done.words)
    root_run_id = context.run.root_run_id or context.run_id
    execution_id = appflow.start(flow, client_token=client_token(root_run_id, flow))
    if execution_id is None:
        running = [e for e in appflow.executions(flow) if e.state == "InProgress"]
        if not running:
            raise ExternalRunError(
                f"AppFlow says that flow {flow} is running, and lists no execution that is."
            )
        execution_id = running[0].execution_id
        context.log.info("Adopted execution %s, which was running.", execution_id)
    ledger.record_external_run(
        config.connector,
        ExternalRun(RUN_KIND, execution_id, execution_id, root_run_id, datetime.now(UTC)),
    )
    return execution_id


def client_token(root_run_id: str, flow: str) -> str:
    """Return what makes a start of a flow one start, however often it is asked for.

    One for each flow: a run starts several. AppFlow takes 256 characters.
    """
    return str(uuid5(NAMESPACE_OID, f"{root_run_id} {flow}"))


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
    day: str = "",
) -> None:
    """Wait until the execution is over; anything but Successful without put failures fails."""
    pulled = config.flow_of(day)
    flow = pulled["flowName"]
    execution = wait_until_final(
        lambda: execution_of(appflow, flow, execution_id),
        EXECUTION_STATES,
        deadline_seconds=60 * config.timeout_minutes,
        longest_pause=LONGEST_PAUSE_SECONDS,
        now=time.monotonic,
        sleep=time.sleep,
        on_change=lambda status: context.log.info("Execution is %s.", status.state),
    )
    what = f"Execution {execution_id} of flow {flow}"
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
            delivery_prefix(pulled, execution_id),
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
