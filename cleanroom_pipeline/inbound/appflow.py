"""The ops of a pull: start the flow, wait for its execution.

Here: the order of things, and what a state means for the run. Not here: the token
(`inbound.connector_token`), AppFlow's calls (`aws.appflow`), flows (`inbound.flow_definitions`),
the job (`inbound.pulls`), and what becomes of the files afterwards: the connector's sensor takes
them from here, as it does with a push.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import dagster as dg

from cleanroom_pipeline.aws.appflow import AppFlow, FlowExecution
from cleanroom_pipeline.aws.passing import passing
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.cancellation import others_at_work, stopping_when_canceled
from cleanroom_pipeline.external_runs import Limits, wait_until_final
from cleanroom_pipeline.inbound.appflow_execution import (
    CANCEL_STARTED,
    EXECUTION_STATES,
    failure_of,
    is_settled,
    pull_reference,
)
from cleanroom_pipeline.inbound.appflow_start import RUN_KIND, Pull, Starter
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
from cleanroom_pipeline.inbound.windows import day_of
from cleanroom_pipeline.ledger import Delivery, Ledger

LONGEST_PAUSE_SECONDS = 20.0
# A cancellation takes seconds; one that takes this long will not end by itself.
LIMITS = Limits(states={CANCEL_STARTED: 600.0})


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


def pull_of(context: dg.OpExecutionContext, flow: str) -> tuple[str, str]:
    """Return the reference of the pull that a run is of, and the id of the run that came first."""
    root_run_id = context.run.root_run_id or context.run_id
    root = context.instance.get_run_by_id(root_run_id)
    tags = context.run.tags
    return pull_reference(flow, tags, root.tags if root else {}, root_run_id), root_run_id


@dg.op(
    ins={"refreshed": dg.In(dg.Nothing)},
    out=dg.Out(str, description="AppFlow's id of the execution."),
    retry_policy=dg.RetryPolicy(max_retries=3, delay=5, backoff=dg.Backoff.EXPONENTIAL),
    description="Start the flow, or adopt the execution that is there already.",
)
def start_appflow_run(
    context: dg.OpExecutionContext,
    config: PullSettings,
    storage: S3Storage,
    appflow: AppFlow,
    ledger: Ledger,
    day: str = "",
) -> str:
    """Start the flow once for a tick of its schedule, whatever ends this process in between."""
    definition = config.flow_of(day)
    flow = definition["flowName"]
    done = put_flow(appflow, with_bucket(definition, storage.inbound_bucket))
    if done.words:
        context.log.info("%s", done.words)
    reference, root_run_id = pull_of(context, flow)
    pull = Pull(config.connector, flow, reference, root_run_id)
    starter = Starter(appflow, ledger, lambda: datetime.now(UTC))

    def cancel() -> None:
        cancel_execution(context, appflow, flow, starter.going_on(pull))

    for late in starter.settle_earlier(
        pull, partial(deliver, ledger, config.connector, definition)
    ):
        context.log.warning(
            "Execution %s of an earlier pull has ended well since its run did: delivered now.", late
        )
    with stopping_when_canceled(context, f"flow {flow}", cancel):
        execution_id, how = starter.execution_for(pull)
    context.log.info("Execution %s of flow %s: %s.", execution_id, flow, how)
    return execution_id


def deliver(
    ledger: Ledger, connector: str, definition: Mapping[str, Any], execution: FlowExecution
) -> bool:
    """Record what an execution brought as a whole delivery; False where that was done before."""
    prefix = delivery_prefix(definition, execution.execution_id)
    delivery = Delivery(execution.execution_id, prefix, execution.records, datetime.now(UTC))
    return ledger.record_delivery(connector, delivery)


def cancel_execution(
    context: dg.OpExecutionContext, appflow: AppFlow, flow: str, execution_id: str | None
) -> None:
    """Cancel an execution, unless another run of the same job may be waiting for it too."""
    if execution_id is None:
        context.log.info("No execution of flow %s is known to have been started.", flow)
    elif others_at_work(context):
        context.log.warning("Another run goes on: execution %s is left alone.", execution_id)
    else:
        cancelled = appflow.cancel(flow, execution_id)
        done = "is being cancelled" if cancelled else "had ended already"
        context.log.info("Execution %s of flow %s %s.", execution_id, flow, done)


def wait_for_execution(
    context: dg.OpExecutionContext, appflow: AppFlow, flow: str, execution_id: str, minutes: int
) -> FlowExecution:
    """Wait until the execution is over, or as good as over, and return it."""
    return wait_until_final(
        lambda: appflow.execution(flow, execution_id),
        EXECUTION_STATES,
        deadline_seconds=60 * minutes,
        longest_pause=LONGEST_PAUSE_SECONDS,
        now=time.monotonic,
        sleep=time.sleep,
        on_change=lambda status: context.log.info("Execution is %s.", status.state),
        what=f"execution {execution_id} of flow {flow}",
        limits=LIMITS,
        passing=passing,
        on_trouble=lambda words: context.log.warning("AppFlow can't tell: %s.", words),
    )


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
    definition = config.flow_of(day)
    flow = definition["flowName"]
    reference, _ = pull_of(context, flow)
    settle = partial(
        ledger.settle_external_run, config.connector, RUN_KIND, reference, execution_id
    )
    # Of what was delivered AppFlow may know nothing any more: its flow may be gone.
    if ledger.has_delivery(config.connector, execution_id):
        settle()
        context.log.info("Execution %s was delivered before.", execution_id)
        return

    def cancel() -> None:
        cancel_execution(context, appflow, flow, execution_id)

    with stopping_when_canceled(context, f"execution {execution_id}", cancel):
        execution = wait_for_execution(context, appflow, flow, execution_id, config.timeout_minutes)
    failure = failure_of(execution, f"Execution {execution_id} of flow {flow}")
    if failure is None:
        deliver(ledger, config.connector, definition, execution)
    if is_settled(execution):
        settle()
    if failure is not None:
        raise failure
    context.log.info(
        "%d records, %d bytes%s.",
        execution.records,
        execution.bytes_written,
        "" if execution.records else ": an empty delivery, which makes no batch",
    )
