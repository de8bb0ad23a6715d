"""One tick of a connector's sensor: take in, decide, cut, and say which runs are needed.

Here: the order of these, and their shares of a tick's time. Not here: Dagster (`inbound.sensors`).
What a tick writes can be written again: a crash anywhere costs nothing but the tick.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from cleanroom_pipeline.inbound.batch_runs import (
    ActiveBatch,
    BatchRuns,
    Step,
    may_start,
    next_step,
)
from cleanroom_pipeline.inbound.completion.deadline import overdue
from cleanroom_pipeline.inbound.completion.decision import (
    CompletionPolicy,
    Decision,
    Empty,
    Look,
    Waiting,
    Whole,
)
from cleanroom_pipeline.inbound.cursor import Cursor
from cleanroom_pipeline.inbound.cutting import cut, finish_open
from cleanroom_pipeline.inbound.intake import Drained, Intake
from cleanroom_pipeline.inbound.look import being_overwritten, look_at, waiting_since, without
from cleanroom_pipeline.inbound.manifest import named
from cleanroom_pipeline.inbound.reconcile import Pass, go_on
from cleanroom_pipeline.ledger import Head, Pending
from cleanroom_pipeline.model import Batch, BatchState, Notice, NoticeKind

# Dagster gives a tick a minute. A cut may be finished and another one begun in the same tick.
DRAIN_SECONDS = 10.0
LISTING_SECONDS = 10.0
CUT_SECONDS = 10.0
MOST_CUTS = 20
MOST_MISSING_TOLD = 50


@dataclass(frozen=True, slots=True)
class TickSettings:
    """What a connector says of its sensor. `parallel` is how many batches may run at once."""

    connector: str
    policy: CompletionPolicy
    deadline: timedelta | None = None
    reconcile_every: timedelta = timedelta(minutes=15)
    in_order: bool = False
    parallel: int = 4


@dataclass(frozen=True, slots=True)
class Ticked:
    """What a tick asks of Dagster: partitions, runs, and its own next cursor; and what it says."""

    partitions: tuple[str, ...]
    requests: tuple[Batch, ...]
    cursor: str
    said: str


@dataclass(frozen=True, slots=True)
class Tick:
    """The means of one tick. `now` is a clock that only goes forward, in seconds."""

    settings: TickSettings
    intake: Intake
    runs: BatchRuns
    now: Callable[[], float]

    def __call__(self, cursor_text: str | None) -> Ticked:
        """Do the tick."""
        connector, storage = self.settings.connector, self.intake.storage
        ledger, cursor = self.intake.ledger, Cursor.from_text(cursor_text)
        at = storage.inbound_clock(self.intake.prefixes[connector])
        drained = self.intake.drain(at=at, budget_seconds=DRAIN_SECONDS, now=self.now)
        decision: Decision
        if finish_open(storage, ledger, connector, at=at, out_of_time=self.until(CUT_SECONDS)):
            decision, cursor = self.decide(cursor, at)
        else:
            decision = Waiting(
                "A batch is being cut: its objects are not all taken yet.", busy=True
            )
        self.note_overdue(decision, at)
        partitions, requests = self.batches(at)
        return Ticked(
            partitions,
            requests,
            cursor.to_text(),
            said_of(decision, drained),
        )

    def until(self, seconds: float) -> Callable[[], bool]:
        """Return a function that tells whether so much time has passed from now on."""
        end = self.now() + seconds
        return lambda: self.now() >= end

    def look(self, pending: Pending, at: datetime) -> Look:
        """Return what is pending as the policy looks at it."""
        return look_at(
            pending,
            self.settings.policy,
            at=at,
            storage=self.intake.storage,
            positions=self.intake.ledger.positions(self.settings.connector),
        )

    def decide(self, cursor: Cursor, at: datetime) -> tuple[Decision, Cursor]:
        """Decide, and cut what is whole, once the bucket itself has been looked at.

        What messages told is enough to wait, and never enough to cut.
        """
        pending = self.intake.ledger.pending(self.settings.connector)
        decision = self.settings.policy.decide(self.look(pending, at))
        due = (
            cursor.reconciled_at is None
            or at - cursor.reconciled_at >= self.settings.reconcile_every
        )
        if not (isinstance(decision, Whole | Empty) or cursor.listing or due):
            return decision, cursor
        listing = go_on(
            self.intake,
            self.settings.connector,
            cursor.listing or Pass(),
            out_of_time=self.until(LISTING_SECONDS),
        )
        if not listing.finished or listing.started_at is None:
            reason = f"Looking through the bucket: {listing.objects} objects this time."
            return Waiting(reason, busy=True), replace(cursor, listing=listing)
        cursor = replace(cursor, listing=None, reconciled_at=listing.started_at)
        return self.cut_whole(listing.started_at), cursor

    def cut_whole(self, listed_at: datetime) -> Decision:
        """Cut every batch that is whole; return the decision on the rest."""
        connector, ledger = self.settings.connector, self.intake.ledger
        out_of_time = self.until(CUT_SECONDS)
        head = ledger.head(connector)
        pending = ledger.pending(connector)
        doubtful = being_overwritten(pending)
        if doubtful:
            return Waiting(f"Objects are being overwritten: {named(doubtful)}.")
        look = self.look(pending, listed_at)
        for _ in range(MOST_CUTS):
            decision = self.settings.policy.decide(look)
            after = self.carry_out(decision, head, listed_at, out_of_time)
            if after is None or not isinstance(decision, Whole | Empty):
                return decision
            look, head = without(look, decision), after
        return Waiting("More batches are whole than one tick cuts.", busy=True)

    def carry_out(
        self, decision: Decision, head: Head, at: datetime, out_of_time: Callable[[], bool]
    ) -> Head | None:
        """Do what a decision asks; return the head if another decision may follow."""
        connector, ledger = self.settings.connector, self.intake.ledger
        match decision:
            case Whole():
                done = cut(
                    self.intake.storage,
                    ledger,
                    connector,
                    decision,
                    head,
                    policy=self.settings.policy.name,
                    at=at,
                    out_of_time=out_of_time,
                )
                # Read anew, the head could hold a decision that came after the look.
                return done.head if done and done.finished else None
            case Empty(reason, signals, deliveries):
                told = empty_notice(connector, deliveries, reason, at)
                return ledger.record_empty(
                    connector, signals, deliveries, head, reason=reason, at=at, notice=told
                )
            case _:
                return None

    def note_overdue(self, decision: Decision, at: datetime) -> None:
        """Record that people must be told, where a delivery should be whole and is not."""
        connector, ledger = self.settings.connector, self.intake.ledger
        if self.settings.deadline is None or not isinstance(decision, Waiting) or decision.busy:
            return
        since = waiting_since(ledger.pending(connector))
        late = since and overdue(decision, since=since, at=at, deadline=self.settings.deadline)
        if late:
            missing = late.missing[:MOST_MISSING_TOLD]
            ledger.record_notice(
                Notice(
                    connector, late.state_id, late.since, late.deadline, late.waiting_for, missing
                )
            )

    def batches(self, at: datetime) -> tuple[tuple[str, ...], tuple[Batch, ...]]:
        """Return the batches that Dagster doesn't know yet, and those that need a run."""
        active = [
            ActiveBatch.seen(batch, self.runs)
            for batch in self.intake.ledger.active_batches(self.settings.connector)
        ]
        ids = [one.batch.batch_id for one in active]
        unknown = tuple(batch_id for batch_id in ids if not self.runs.is_known(batch_id))
        free = may_start(active, in_order=self.settings.in_order, limit=self.settings.parallel)
        return unknown, tuple(self.requests(active, free, at))

    def requests(
        self, batches: Sequence[ActiveBatch], free: Sequence[ActiveBatch], at: datetime
    ) -> Iterator[Batch]:
        """Note what has become of each active batch; yield those that need a run now."""
        ledger = self.intake.ledger
        for active in batches:
            batch, run, step = active.batch, active.run, next_step(active)
            if step is Step.REQUEST and active in free:
                yield batch
            elif step is Step.RUN_AGAIN and active in free:
                if ledger.run_again(batch, at=at):
                    yield replace(batch, attempt=batch.attempt + 1)
            elif run is not None and step in (Step.FAIL, Step.RESTORE):
                state = BatchState.FAILED if step is Step.FAIL else BatchState.PUBLISHED
                ledger.move(
                    batch.connector, batch.batch_id, state, run_id=run.run_id, at=at, seen=batch
                )


def empty_notice(
    connector: str, deliveries: Sequence[str], reason: str, at: datetime
) -> Notice | None:
    """Return what people are told of a pull that brought nothing; no run of a batch will tell."""
    if not deliveries:
        return None
    digest = sha256("\n".join(deliveries).encode()).hexdigest()[:12]
    state_id = f"empty-{digest}"
    return Notice(connector, state_id, at, at, reason, kind=NoticeKind.EMPTY)


def said_of(decision: Decision, drained: Drained) -> str:
    """Return a tick's reason in words."""
    parts = [decision.reason]
    if isinstance(decision, Waiting):
        if decision.until:
            parts.append(f"Whole at {decision.until:%H:%M:%S} UTC.")
        if decision.missing:
            parts.append(f"Missing: {named(list(decision.missing))}.")
    if drained.unreadable:
        parts.append(f"{drained.unreadable} messages could not be read, and are left to redrive.")
    if drained.foreign:
        parts.append(f"{drained.foreign} objects belong to no connector.")
    return " ".join(parts)
