"""What an execution of a flow means for the pull that it was started for.

Here: pure: which pull a run is of, by which token its flow is started, what a recorded execution is
still good for, how an execution's end is a success or a failure. Not here: calls, or waiting.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from hashlib import sha256
from typing import Protocol

from cleanroom_pipeline.external_runs import (
    ExternalRunError,
    PutFailuresError,
    RunCanceledError,
    RunFailedError,
    States,
    UnknownStateError,
    quoted,
)
from cleanroom_pipeline.model import SCHEDULED_TAG

IN_PROGRESS = "InProgress"
CANCEL_STARTED = "CancelStarted"
CANCELED = "Canceled"
# botocore's AppFlow model, shape ExecutionStatus; a test holds this against it.
EXECUTION_STATES = States(
    service="AppFlow",
    going=frozenset({IN_PROGRESS, CANCEL_STARTED}),
    good=frozenset({"Successful"}),
    bad=frozenset({"Error", CANCELED}),
)
# AppFlow knows a token for 8 hours; what is left is for clocks that differ, and for the call.
# https://docs.aws.amazon.com/appflow/1.0/APIReference/API_StartFlow.html
TOKEN_KNOWN = timedelta(hours=7)
CLOCKS_DIFFER = timedelta(minutes=5)
# An execution that was started a moment ago may not be listed yet.
LISTED_WITHIN = timedelta(minutes=5)


class Execution(Protocol):
    """What AppFlow tells of an execution (`aws.appflow`)."""

    @property
    def execution_id(self) -> str:
        """AppFlow's id."""

    @property
    def state(self) -> str:
        """A state of EXECUTION_STATES, or one that this version does not know."""

    @property
    def message(self) -> str:
        """AppFlow's own word."""

    @property
    def put_failures(self) -> int:
        """How many records could not be written."""

    @property
    def started_at(self) -> datetime | None:
        """When it began, by AppFlow's clock."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger knows of a pull's latest start: its execution, empty if it isn't known."""

    execution_id: str
    attempt: int
    at: datetime


class Step(Enum):
    """What a run does to get an execution to wait for."""

    START = auto()
    START_AGAIN = auto()
    FIND = auto()
    ATTACH = auto()


def pull_reference(
    flow: str, tags: Mapping[str, str], root_tags: Mapping[str, str], root_run_id: str
) -> str:
    """Return what names a pull of a flow: the schedule's tick, or the run that came first.

    Two runs of one tick are one pull, and so are a run and its re-executions. Dagster does not hand
    the tick's tag on to each re-execution, so the first run's tags count as well.
    """
    tick = tags.get(SCHEDULED_TAG) or root_tags.get(SCHEDULED_TAG)
    return f"{flow} {'tick' if tick else 'run'} {tick or root_run_id}"


def client_token(reference: str, attempt: int) -> str:
    """Return the token by which AppFlow starts one execution for an attempt at a pull.

    64 characters that fit shape ClientToken of botocore's model, whatever the reference holds.
    """
    return sha256(f"{reference}\n{attempt}".encode()).hexdigest()


def has_failed(execution: Execution) -> bool:
    """Tell whether an execution is over and no delivery; an unknown state is no verdict."""
    if execution.state in EXECUTION_STATES.good:
        return execution.put_failures > 0
    return execution.state in EXECUTION_STATES.bad


def is_settled(execution: Execution) -> bool:
    """Tell whether an execution is over, in a state that is known."""
    return execution.state in EXECUTION_STATES.good | EXECUTION_STATES.bad


def next_step(recorded: Recorded | None, execution: Execution | None, now: datetime) -> Step:
    """Return what to do for a pull, by what is recorded of it and what AppFlow tells of that.

    An execution that goes on, went well, or is in a state that nobody knows is never started in
    place of. One that failed, or that AppFlow has forgotten, is; with a token of its own, since
    AppFlow would answer the same token with the same execution.
    """
    if recorded is None:
        return Step.START
    age = now - recorded.at
    if not recorded.execution_id:
        return Step.START if age < TOKEN_KNOWN else Step.FIND
    if execution is None:
        return Step.ATTACH if age < LISTED_WITHIN else Step.START_AGAIN
    return Step.START_AGAIN if has_failed(execution) else Step.ATTACH


def lost_execution(executions: Iterable[Execution], since: datetime) -> Execution | None:
    """Return the first execution that began after a start was intended, unless it failed.

    So a start is found whose answer was lost, when its token is no longer known to AppFlow.
    """
    earliest = since - CLOCKS_DIFFER
    began = [
        (one.started_at, one)
        for one in executions
        if one.started_at and one.started_at >= earliest and not has_failed(one)
    ]
    return min(began, key=lambda pair: pair[0])[1] if began else None


def newest_in_progress(executions: Iterable[Execution]) -> Execution | None:
    """Return the execution that is running: the newest, should there be several."""
    running = [one for one in executions if one.state == IN_PROGRESS]
    return max(
        running, key=lambda one: one.started_at.timestamp() if one.started_at else 0.0, default=None
    )


def failure_of(execution: Execution, what: str) -> ExternalRunError | None:
    """Return how an execution that is over, or as good as over, failed; None if it went well."""
    says = f"AppFlow says: {quoted(execution.message)}"
    match execution.state:
        case "Successful" if execution.put_failures:
            return PutFailuresError(
                f"{what} is Successful, and {execution.put_failures} records could not be "
                f"written: the delivery is not whole, and is not used. Run the pull again. {says}"
            )
        case "Successful":
            return None
        case "Error":
            return RunFailedError(f"{what} ended as Error. {says}")
        case "Canceled":
            return RunCanceledError(
                f"{what} ended as Canceled: somebody cancelled it. Run the pull again if its data "
                f"is wanted. {says}"
            )
        case "CancelStarted":
            return RunCanceledError(
                f"{what} has been in CancelStarted for too long: somebody cancelled it, and "
                f"AppFlow does not end it. Look it up there before the pull is run again. {says}"
            )
        case _:
            return UnknownStateError(
                f"{what} ended in a state that this version does not know. {says}"
            )
