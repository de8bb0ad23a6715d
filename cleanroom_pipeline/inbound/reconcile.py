"""Reconciliation: what the bucket holds, page by page, against what the ledger remembers.

Here: finding what no message told of, and what is pending and no longer there. Not here: when that
is done (`inbound.tick`). Memory is that of one page, and a pass goes on where a tick left it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cleanroom_pipeline.aws.s3 import ListingPage
from cleanroom_pipeline.inbound.completion.objects import counts
from cleanroom_pipeline.inbound.intake import Intake
from cleanroom_pipeline.ledger import Outcome
from cleanroom_pipeline.ledger.items import ABOVE_ALL, arrival_sk
from cleanroom_pipeline.ledger.table import OBJECTS_AT_ONCE
from cleanroom_pipeline.model import Arrival


@dataclass(frozen=True, slots=True)
class Pass:
    """How far a pass over the inbound prefix is: `after` is the key that it has come to.

    `started_at` is S3's time as it listed the first page; None: there was none yet.
    """

    after: str = ""
    started_at: datetime | None = None
    finished: bool = False
    objects: int = 0
    recorded: int = 0
    set_aside: int = 0


def go_on(
    intake: Intake,
    connector: str,
    so_far: Pass,
    *,
    out_of_time: Callable[[], bool],
) -> Pass:
    """Read at least one page; return the pass as it is when it is finished, or time is up."""
    if so_far.started_at is None:
        intake.storage.check_versioned()
    while not so_far.finished:
        page = intake.storage.list_inbound_page(intake.prefixes[connector], after=so_far.after)
        so_far = replace(so_far, started_at=so_far.started_at or page.at)
        done = _with_page(intake, connector, so_far, page, out_of_time)
        if done is None:
            break
        so_far = done
        if out_of_time():
            break
    return so_far


def _with_page(
    intake: Intake,
    connector: str,
    so_far: Pass,
    page: ListingPage,
    out_of_time: Callable[[], bool],
) -> Pass | None:
    """Return the pass with one more page; None where the page has to be looked at again."""
    prefix = intake.prefixes[connector]
    first, last = so_far.after or prefix, page.last_key or prefix + ABOVE_ALL
    pending = intake.ledger.pending_between(connector, first, last)
    taken = intake.ledger.taken_between(connector, first, last)
    current = {(one.key, one.version_id): one for one in page.objects if counts(one.key)}
    unknown = [one for identity, one in current.items() if identity not in pending]
    recorded = intake.record(
        connector, [one for one in unknown if arrival_sk(one) not in taken], seen_at=page.at
    )
    for one in unknown:
        if taken.get(arrival_sk(one)) in (Outcome.OVERWRITTEN, Outcome.DELETED):
            recorded += intake.ledger.bring_back(connector, one, seen_at=page.at)
    suspects = [
        one
        for identity, one in pending.items()
        if identity not in current and so_far.after < one.key <= last
    ]
    aside = _set_aside(intake, connector, suspects, at=page.at, out_of_time=out_of_time)
    if aside is None:
        return None
    return replace(
        so_far,
        after=page.last_key or "",
        finished=page.last_key is None,
        objects=so_far.objects + len(current),
        recorded=so_far.recorded + recorded,
        set_aside=so_far.set_aside + aside,
    )


def _set_aside(
    intake: Intake,
    connector: str,
    suspects: Sequence[Arrival],
    *,
    at: datetime,
    out_of_time: Callable[[], bool],
) -> int | None:
    """Set aside what S3 itself says was overwritten or deleted; return how many that is.

    None: time is up, or another decision came between, and some of them may still be pending.
    """
    if not suspects:
        return 0
    head, done = intake.ledger.head(connector), 0
    for start in range(0, len(suspects), OBJECTS_AT_ONCE):
        if start and out_of_time():
            return None
        chunk = suspects[start : start + OBJECTS_AT_ONCE]
        for outcome, arrivals in _outcomes(intake, chunk).items():
            after = intake.ledger.set_aside(connector, arrivals, head, outcome=outcome, at=at)
            if after is None:
                return None
            head, done = after, done + len(arrivals)
    return done


def _outcomes(intake: Intake, suspects: Sequence[Arrival]) -> dict[Outcome, list[Arrival]]:
    """Return what has become of each object that is not what S3 has under its key now."""
    outcomes: dict[Outcome, list[Arrival]] = {Outcome.OVERWRITTEN: [], Outcome.DELETED: []}
    for suspect in suspects:
        now = intake.storage.head_inbound(suspect.key)
        if now is None:
            outcomes[Outcome.DELETED].append(suspect)
        elif now.version_id != suspect.version_id:
            outcomes[Outcome.OVERWRITTEN].append(suspect)
    return outcomes
