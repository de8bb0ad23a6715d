"""The ops that tell people: of a run that ended, of a delivery that is overdue or held nothing.

Here: what Dagster's instance knows of a run. Not here: the words (`notify.message`).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from cleanroom_pipeline.aws.sns import SnsTopic
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import (
    CONNECTOR_TAG,
    PARTITION_TAG,
    ROWS_IN_METADATA,
    SUPERSEDED_METADATA,
    Stage,
)
from cleanroom_pipeline.notify.message import (
    LONGEST_REASON,
    SAFE_ERRORS,
    Failure,
    Outcome,
    RunFacts,
    build_message,
    build_notice_message,
)

PACKAGE = "cleanroom_pipeline."
TOLD_EVENTS = {
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.RUN_FAILURE,
}


class EndedRun(dg.Config):
    """The run to tell of, and how it ended."""

    run_id: str
    outcome: str


def causes(error: Any) -> Iterator[Any]:
    """Yield an error and what caused it, the outermost first."""
    while error is not None:
        yield error
        error = error.cause


def own_text(error: Any) -> str | None:
    """Return the text of an error of ours that may be told, or None for any other.

    Dagster keeps an error as Python prints it: the full name of its class, a colon, the text. Of
    the full name the module counts too: other packages name their errors as we do.
    """
    full_name, _, text = error.message.strip().partition(": ")
    module, _, name = full_name.rpartition(".")
    ours = module.startswith(PACKAGE) and name in SAFE_ERRORS
    return text if ours else None


def failure_of(step: str, error: Any) -> Failure:
    """Return a failure's class and, where it is one of ours, its text.

    Dagster wraps what a step raises; the innermost of our own errors says most.
    """
    chain = list(causes(error))
    told = [(link.cls_name, text) for link in chain if (text := own_text(link)) is not None]
    if told:
        name, text = told[-1]
        return Failure(step, name, text[:LONGEST_REASON] or None)
    return Failure(step, (chain[-1].cls_name if chain else None) or "Error", None)


def failure_in(entries: Sequence[dg.EventLogEntry]) -> Failure | None:
    """Return how a run failed: by its first failed step, or else outside of its steps."""
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    for event in events:
        if event.is_step_failure:
            return failure_of(event.step_key or "", event.step_failure_data.error)
    for event in events:
        if event.event_type is dg.DagsterEventType.RUN_FAILURE and event.job_failure_data.error:
            return failure_of("", event.job_failure_data.error)
    return None


def stage_metadata(entries: Sequence[dg.EventLogEntry], stage: Stage) -> dict[str, Any]:
    """Return the values of the metadata that a stage's materialization in these events has."""
    for entry in entries:
        event = entry.dagster_event
        if event and event.is_step_materialization:
            found = event.step_materialization_data.materialization
            if found.asset_key.path[-1] == stage:
                return {name: value.value for name, value in found.metadata.items()}
    return {}


def facts_of(instance: dg.DagsterInstance, run: dg.DagsterRun, outcome: Outcome) -> RunFacts:
    """Gather what is known of a run that ended."""
    entries = instance.all_logs(run.run_id, of_type=TOLD_EVENTS)
    transformed = stage_metadata(entries, Stage.TRANSFORMED_TABLE)
    published = stage_metadata(entries, Stage.GLUE_TABLE)
    return RunFacts(
        outcome=outcome,
        run_id=run.run_id,
        job=run.job_name,
        connector=run.tags.get(CONNECTOR_TAG, run.job_name),
        batch_id=run.tags.get(PARTITION_TAG),
        rows_in=transformed.get(ROWS_IN_METADATA),
        rows_out=transformed.get("dagster/partition_row_count"),
        table=published.get("dagster/table_name"),
        superseded_by=published.get(SUPERSEDED_METADATA),
        failure=failure_in(entries),
    )


TELLING_RETRIES = dg.RetryPolicy(max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL)


@dg.op(
    out=dg.Out(dg.Nothing),
    retry_policy=TELLING_RETRIES,
    description="Tell people how a run ended.",
)
def publish_to_sns(
    context: dg.OpExecutionContext, config: EndedRun, notifications: SnsTopic
) -> None:
    """Publish one message; a failure to do so fails this run, and is seen."""
    run = context.instance.get_run_by_id(config.run_id)
    if run is None:
        raise dg.Failure(
            f"Dagster has no run {config.run_id} to tell of: was it deleted?", allow_retries=False
        )
    message = build_message(facts_of(context.instance, run, Outcome(config.outcome)))
    message_id = notifications.publish(message.subject, message.text, message.attributes)
    context.log.info("%s (SNS message %s)", message.subject, message_id)


class OverdueDelivery(dg.Config):
    """The notice to tell of, as the ledger has it."""

    connector: str
    state_id: str


@dg.op(
    out=dg.Out(dg.Nothing),
    retry_policy=TELLING_RETRIES,
    description="Tell people that a delivery is not whole though it should be, or holds nothing.",
)
def publish_overdue_to_sns(
    context: dg.OpExecutionContext,
    config: OverdueDelivery,
    ledger: Ledger,
    notifications: SnsTopic,
) -> None:
    """Publish one message, then note that people were told; a failure fails this run."""
    wanted = (config.connector, config.state_id)
    notices = [one for one in ledger.notices() if (one.connector, one.state_id) == wanted]
    if not notices:
        context.log.info("People were told of this already.")
        return
    message = build_notice_message(notices[0])
    message_id = notifications.publish(message.subject, message.text, message.attributes)
    ledger.mark_told(notices[0], at=datetime.now(UTC))
    context.log.info("%s (SNS message %s)", message.subject, message_id)
