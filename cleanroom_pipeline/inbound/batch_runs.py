"""What a batch needs next: a run, another run, or nothing.

Here: that decision, from what the ledger says of a batch and Dagster of its newest run. Not here:
asking either of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

from cleanroom_pipeline.model import Batch, BatchState


class RunState(StrEnum):
    """How far a run is. One that Dagster will start again is live."""

    LIVE = "live"
    SUCCEEDED = "succeeded"
    ENDED_BADLY = "ended_badly"


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run of a batch."""

    run_id: str
    state: RunState


class BatchRuns(Protocol):
    """What Dagster knows of a connector's batches."""

    def newest(self, batch_id: str) -> SeenRun | None:
        """Return the newest run of a batch, whichever job it is of, whoever launched it."""

    def has_request(self, batch: Batch) -> bool:
        """Tell whether the run of this attempt was launched: Dagster does that once for a key."""

    def is_known(self, batch_id: str) -> bool:
        """Tell whether the batch is a partition already."""


class Step(StrEnum):
    """What a batch needs."""

    NOTHING = "nothing"
    REQUEST = "request"
    """Ask Dagster for the run of this attempt."""
    RUN_AGAIN = "run_again"
    """Count another attempt, and ask for its run."""
    FAIL = "fail"
    RESTORE = "restore"
    """Say that it is published, as it was before somebody ran a part of it again."""


def run_key(batch: Batch) -> str:
    """Return the key of the run of a batch's attempt."""
    return f"{batch.batch_id}__attempt{batch.attempt}"


@dataclass(frozen=True, slots=True)
class ActiveBatch:
    """A batch that is neither published nor failed, as far as the ledger knew when it was read.

    `requested` tells whether the run of its attempt had been launched by then.
    """

    batch: Batch
    requested: bool
    run: SeenRun | None

    @classmethod
    def seen(cls, batch: Batch, runs: BatchRuns) -> Self:
        """Ask for the request first: so the newest run is that one, or one that came after it."""
        requested = runs.has_request(batch)
        return cls(batch, requested, runs.newest(batch.batch_id))

    @property
    def is_live(self) -> bool:
        """Tell whether a run of it is going on."""
        return self.run is not None and self.run.state is RunState.LIVE


def next_step(active: ActiveBatch) -> Step:
    """Return what a batch needs. A step that is taken twice does no harm."""
    batch, run = active.batch, active.run
    if active.is_live:
        return Step.NOTHING
    if batch.state is BatchState.CUT:
        if not active.requested:
            return Step.REQUEST
        if run is None:
            return Step.NOTHING
        return Step.FAIL if run.state is RunState.ENDED_BADLY else Step.RUN_AGAIN
    if run is None:
        return Step.RUN_AGAIN
    if run.state is RunState.ENDED_BADLY:
        return Step.FAIL
    return Step.RESTORE if batch.was_published else Step.RUN_AGAIN


def may_start(
    batches: Sequence[ActiveBatch], *, in_order: bool, limit: int
) -> tuple[ActiveBatch, ...]:
    """Return which active batches may start a run now; they come in the order of their cuts.

    In order, each waits until the one before it is published or has failed for good.
    """
    live = sum(active.is_live for active in batches)
    free = (1 if in_order else limit) - live
    idle = [active for active in batches if not active.is_live]
    if in_order:
        idle = [active for active in idle if active is batches[0]]
    return tuple(idle[: max(0, free)])
