"""Cuts that a person asks for, and runs.

Here: a cut of what is pending though no policy says that it is whole, a cut of what is left of a
batch that failed, another run. Not here: the command line, and the cut itself (`inbound.cutting`).
"""

from collections.abc import Sequence
from datetime import datetime

from cleanroom_pipeline.inbound.completion.decision import CompletionPolicy, Whole
from cleanroom_pipeline.inbound.cutting import cut, finish_open
from cleanroom_pipeline.inbound.intake import Intake
from cleanroom_pipeline.inbound.look import being_overwritten, look_at
from cleanroom_pipeline.inbound.manifest import named
from cleanroom_pipeline.inbound.reconcile import Pass, go_on
from cleanroom_pipeline.ledger.table import never
from cleanroom_pipeline.model import Arrival, Batch, BatchState, Manifest
from cleanroom_pipeline.records import read_manifest

BY_HAND = "by_hand"
LONGEST_REASON = 500


class CutRefusedError(RuntimeError):
    """What a person asked for can't be done; the message says why, and what can."""


def checked_reason(reason: str) -> str:
    """Return a person's reason, which the manifest keeps; CutRefusedError where it says nothing."""
    text = " ".join(reason.split())
    if not text or len(text) > LONGEST_REASON or not text.isprintable():
        raise CutRefusedError(
            f"A reason is needed, of at most {LONGEST_REASON} printable characters: it is kept "
            "with the batch."
        )
    return text


def cut_pending(
    intake: Intake, connector: str, policy: CompletionPolicy, *, reason: str
) -> Manifest:
    """Cut what is pending, whatever its policy waits for: all of it, or the earliest day's."""
    text, ledger = checked_reason(reason), intake.ledger
    at = _ready(intake, connector)
    head, pending = ledger.head(connector), ledger.pending(connector)
    doubtful = being_overwritten(pending)
    if doubtful:
        raise CutRefusedError(f"Objects are being overwritten, try again: {named(doubtful)}.")
    look = look_at(
        pending, policy, at=at, storage=intake.storage, positions=ledger.positions(connector)
    )
    whole = policy.by_hand(look, text)
    if whole is None:
        raise CutRefusedError(
            f"{connector} has no object that is in no batch yet and could be in one."
        )
    done = cut(intake.storage, ledger, connector, whole, head, policy=BY_HAND, at=at)
    if done is None:
        raise CutRefusedError(f"The sensor of {connector} cut at the same time; look again.")
    return done.manifest


def cut_again(intake: Intake, batch: Batch, *, reason: str) -> Manifest:
    """Cut what is left of a batch that failed as a new one, which takes its place."""
    text, connector, ledger = checked_reason(reason), batch.connector, intake.ledger
    if batch.state is not BatchState.FAILED:
        raise CutRefusedError(
            f"Batch {batch.batch_id} of {connector} is {batch.state}: only one that failed can be "
            "cut again."
        )
    at = _ready(intake, connector)
    head = ledger.head(connector)
    earlier = read_manifest(intake.storage, connector, batch.batch_id)
    left = still_there(intake, earlier.files)
    if not left:
        raise CutRefusedError(f"Nothing is left of batch {batch.batch_id} of {connector}.")
    whole = Whole(left, text, signals=earlier.signals, day=earlier.day)
    done = cut(
        intake.storage,
        ledger,
        connector,
        whole,
        head,
        policy=BY_HAND,
        at=at,
        recut_of=batch.batch_id,
    )
    if done is None:
        raise CutRefusedError(
            f"Batch {batch.batch_id} of {connector} changed at the same time; look again."
        )
    return done.manifest


def run_again(intake: Intake, batch: Batch, *, at: datetime) -> None:
    """Ask for another run of a batch, which the connector's sensor then requests."""
    settled = (BatchState.FAILED, BatchState.PUBLISHED)
    if batch.state not in settled or not intake.ledger.run_again(batch, at=at):
        raise CutRefusedError(
            f"Batch {batch.batch_id} of {batch.connector} is {batch.state}: only one that failed "
            "or is published can be run again."
        )


def still_there(intake: Intake, files: Sequence[Arrival]) -> tuple[Arrival, ...]:
    """Return the files whose pinned version S3 still has."""
    return tuple(
        file for file in files if intake.storage.head_inbound(file.key, file.version_id) is not None
    )


def _ready(intake: Intake, connector: str) -> datetime:
    """Bring the ledger up to what the bucket holds, and return S3's time before that."""
    at = intake.storage.inbound_clock(intake.prefixes[connector])
    finish_open(intake.storage, intake.ledger, connector, at=at)
    if not go_on(intake, connector, Pass(), out_of_time=never).finished:
        raise CutRefusedError(f"The sensor of {connector} decided at the same time; try again.")
    return at
