"""The ledger's reads and writes.

Here: each of them, and its conditions. Not here: what an item looks like (`ledger.items`), and why
these writes in this order are enough (see the package).
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from cleanroom_pipeline.aws.dynamodb import (
    MOST_WRITES_AT_ONCE,
    Check,
    Condition,
    Delete,
    LessThan,
    Missing,
    OneOf,
    Put,
    Update,
    Write,
)
from cleanroom_pipeline.ledger.items import (
    TAKEN_KEPT,
    Delivery,
    EmptyDelivery,
    Head,
    Identity,
    LedgerError,
    Outcome,
    Pending,
    arrival_item,
    arrival_sk,
    batch_item,
    batch_of,
    delivery_item,
    delivery_sk,
    expires_at,
    key_range,
    notice_item,
    notice_of,
    notice_sk,
    pending_of,
    taken_by_of,
    taken_item,
    wanted_sks,
)
from cleanroom_pipeline.ledger.runs import ExternalRuns
from cleanroom_pipeline.ledger.writes import (
    ABSENT,
    moves,
    next_head,
    passing_on,
    raising,
    recording,
)
from cleanroom_pipeline.model import (
    Arrival,
    Batch,
    BatchState,
    Manifest,
    Notice,
    utc_moment,
    utc_text,
)

TRANSITIONS: dict[BatchState, tuple[BatchState, ...]] = {
    BatchState.RUNNING: (
        BatchState.CUT,
        BatchState.RUNNING,
        BatchState.FAILED,
        BatchState.PUBLISHED,
    ),
    BatchState.PUBLISHED: (BatchState.RUNNING, BatchState.PUBLISHED),
    BatchState.FAILED: (BatchState.CUT, BatchState.RUNNING, BatchState.FAILED),
}
ACTIVE = (BatchState.CUT, BatchState.RUNNING)
# An object is moved by two writes, and the head or the batch may need some beside them.
OBJECTS_AT_ONCE = (MOST_WRITES_AT_ONCE - 4) // 2


def never() -> bool:
    """Say that there is time left."""
    return False


class Ledger(ExternalRuns):
    """Reads and writes the ledger; every write is conditional or can be repeated without harm."""

    def head(self, connector: str) -> Head:
        """Return the head. Read it before the pending arrivals that a decision rests on."""
        item = self.table.get(f"head#{connector}", "head") or {}
        return Head(item.get("revision"), item.get("open_batch"), item.get("last_batch"))

    def record_arrivals(
        self, connector: str, arrivals: Sequence[Arrival], *, seen_at: datetime
    ) -> int:
        """Record arrivals as pending; return how many were not known yet."""
        recorded = 0
        for chunk in _chunks(arrivals, OBJECTS_AT_ONCE):
            writes = [recording(connector, arrival, seen_at) for arrival in chunk]
            if self.table.write(*(write for pair in writes for write in pair)):
                recorded += len(chunk)
            else:
                recorded += sum(self.table.write(*pair) for pair in writes)
        return recorded

    def record_delivery(self, connector: str, delivery: Delivery) -> bool:
        """Record a pull as complete; return False where it was recorded before."""
        return self.table.write(
            Put(delivery_item(connector, delivery), ABSENT),
            Check((f"taken#{connector}", delivery_sk(delivery.execution_id)), ABSENT),
        )

    def has_delivery(self, connector: str, execution_id: str) -> bool:
        """Tell whether a pull was recorded as complete, in a batch by now or not."""
        sk = delivery_sk(execution_id)
        partitions = (f"pending#{connector}", f"taken#{connector}")
        return any(self.table.get(pk, sk) is not None for pk in partitions)

    def record_pull(self, connector: str, end: datetime, *, run_id: str) -> bool:
        """Record up to when a whole pull asked, by the second; False where it was before."""
        moment = utc_text(end.replace(microsecond=0))
        item = {"pk": f"pull#{connector}", "sk": moment, "run_id": run_id}
        return self.table.write(Put(item, ABSENT))

    def last_pull(self, connector: str) -> datetime | None:
        """Return up to when the last whole pull asked, whichever was recorded last."""
        items = self.table.query(f"pull#{connector}", newest_first=True, limit=1)
        return next((utc_moment(item["sk"]) for item in items), None)

    def record_taken(
        self, connector: str, batch_id: str, arrivals: Sequence[Arrival], *, at: datetime
    ) -> None:
        """Put back that a batch has these arrivals, where that has expired."""
        for arrival in arrivals:
            taken = taken_item(connector, arrival_sk(arrival), at, batch_id=batch_id)
            self.table.write(
                Put(taken, ABSENT), Check((f"pending#{connector}", taken["sk"]), ABSENT)
            )

    def pending(self, connector: str) -> Pending:
        """Return all that is in no batch."""
        return pending_of(list(self.table.query(f"pending#{connector}")))

    def pending_between(self, connector: str, first: str, last: str) -> dict[Identity, Arrival]:
        """Return the pending objects from one key to another, and maybe more, by identity."""
        items = list(self.table.query(f"pending#{connector}", between=key_range(first, last)))
        return {
            (one.arrival.key, one.arrival.version_id): one.arrival
            for one in pending_of(items).arrivals
        }

    def taken_between(self, connector: str, first: str, last: str) -> dict[str, str]:
        """Return the taken objects from one key to another, and maybe more, by sort key.

        The values are batch ids, or what else took an object.
        """
        items = self.table.query(f"taken#{connector}", between=key_range(first, last))
        return {item["sk"]: taken_by_of(item) for item in items}

    def taken_by(self, connector: str, arrival: Arrival) -> str | None:
        """Return the batch that has an arrival, or what else took it; None where it is pending."""
        item = self.table.get(f"taken#{connector}", arrival_sk(arrival))
        return None if item is None else taken_by_of(item)

    def positions(self, connector: str) -> dict[str, int]:
        """Return the last position that a batch took, by stream."""
        return {item["sk"]: item["position"] for item in self.table.query(f"position#{connector}")}

    def set_aside(
        self,
        connector: str,
        arrivals: Sequence[Arrival],
        head: Head,
        *,
        outcome: Outcome,
        at: datetime,
    ) -> Head | None:
        """Take objects that can be in no batch: overwritten or deleted before one was cut.

        Returns the head as it is then, or None where another decision came between.
        """
        for chunk in _chunks(arrivals, OBJECTS_AT_ONCE):
            after = next_head(head)
            taken = moves(connector, map(arrival_sk, chunk), at, outcome=outcome.value)
            if not self.table.write(raising(connector, head, after), *taken):
                return None
            head = after
        return head

    def bring_back(self, connector: str, arrival: Arrival, *, seen_at: datetime) -> bool:
        """Make an object pending again that was set aside, and is the current version again."""
        item = arrival_item(connector, arrival, seen_at)
        aside = OneOf("outcome", (Outcome.OVERWRITTEN.value, Outcome.DELETED.value))
        return self.table.write(
            Delete((f"taken#{connector}", item["sk"]), (aside,)), Put(item, ABSENT)
        )

    def record_empty(
        self,
        connector: str,
        signals: Sequence[Arrival],
        deliveries: Sequence[str],
        head: Head,
        *,
        reason: str,
        at: datetime,
        notice: Notice | None = None,
    ) -> Head | None:
        """Record a delivery that holds nothing, and take what told of it; None as `set_aside`.

        With a `notice`, people are to be told; it is recorded at once with the delivery.
        Raises LedgerError where more signals belong to it than one transaction holds.
        """
        sks = [*map(arrival_sk, signals), *map(delivery_sk, deliveries)]
        if len(sks) > OBJECTS_AT_ONCE:
            raise LedgerError(
                f"{len(sks)} signals tell of one empty delivery of {connector}; at most "
                f"{OBJECTS_AT_ONCE} can. Move those that are none out of its inbound prefix."
            )
        after = next_head(head)
        empty = {
            "pk": f"empty#{connector}",
            "sk": f"{after.revision:012d}",
            "at": utc_text(at),
            "reason": reason,
            "expires_at": expires_at(at, TAKEN_KEPT),
        }
        taken = moves(connector, sks, at, outcome=Outcome.EMPTY.value)
        told = [Put(notice_item(notice))] if notice else []
        written = self.table.write(raising(connector, head, after), Put(empty), *taken, *told)
        return after if written else None

    def empty_deliveries(self, connector: str, limit: int) -> tuple[EmptyDelivery, ...]:
        """Return the newest deliveries that held nothing, the newest first."""
        items = self.table.query(f"empty#{connector}", newest_first=True, limit=limit)
        return tuple(EmptyDelivery(utc_moment(item["at"]), item["reason"]) for item in items)

    def begin_cut(self, manifest: Manifest, head: Head) -> bool:
        """Make this the connector's open batch; False where another decision came between.

        The manifest must stand in S3 before, since whoever finishes the cut reads it there. A batch
        that is cut again must have failed; it is replaced from then on.
        """
        connector, after = manifest.connector, next_head(head, opened=manifest.batch_id)
        writes: list[Write] = [raising(connector, head, after)]
        if manifest.recut_of:
            failed = OneOf("state", (BatchState.FAILED.value,))
            replaced = {"state": BatchState.REPLACED.value}
            writes.append(
                Update((f"batch#{connector}", manifest.recut_of), replaced, (), (failed,))
            )
        # An answer that was lost is asked for again, and then meets what it wrote itself.
        return self.table.write(*writes) or self.head(connector).open_batch == manifest.batch_id

    def finish_cut(
        self, manifest: Manifest, *, at: datetime, out_of_time: Callable[[], bool] = never
    ) -> bool:
        """Finish the open batch; False where time is up before all its objects were moved."""
        connector, batch_id = manifest.connector, manifest.batch_id
        wanted, recut_of = wanted_sks(manifest), manifest.recut_of
        if recut_of is None:
            pending = {item["sk"] for item in self.table.query(f"pending#{connector}")}
            wanted = [sk for sk in wanted if sk in pending]
        for chunk in _chunks(wanted, OBJECTS_AT_ONCE):
            if out_of_time():
                return False
            if recut_of is None:
                pairs = [tuple(moves(connector, [sk], at, batch_id=batch_id)) for sk in chunk]
            else:
                pairs = [(passing_on(connector, sk, recut_of, batch_id, at),) for sk in chunk]
            # What is moved already, another process moved: it finishes the same batch.
            if not self.table.write(*(write for pair in pairs for write in pair)):
                for pair in pairs:
                    self.table.write(*pair)
        self._record_positions(manifest)
        self.table.write(
            Put(batch_item(manifest, at), ABSENT),
            Put({"pk": f"active#{connector}", "sk": batch_id}),
            Update(
                (f"head#{connector}", "head"),
                remove=("open_batch",),
                when=(OneOf("open_batch", (batch_id,)),),
            ),
        )
        return True

    def _record_positions(self, manifest: Manifest) -> None:
        """Raise each stream's position; a process that comes late must not lower it again."""
        for stream, position in manifest.positions.items():
            pk, values = f"position#{manifest.connector}", {"position": position}
            if not self.table.write(Put({"pk": pk, "sk": stream, **values}, ABSENT)):
                lower = LessThan("position", position)
                self.table.write(Update((pk, stream), values, when=(lower,)))

    def batch(self, connector: str, batch_id: str) -> Batch:
        """Return one batch; LedgerError if it is not known."""
        item = self.table.get(f"batch#{connector}", batch_id)
        if item is None:
            raise LedgerError(f"{connector} has no batch {batch_id}.")
        return batch_of(connector, item)

    def batches(self, connector: str, *, limit: int | None = None) -> Iterator[Batch]:
        """Yield the batches of a connector, the newest first."""
        for item in self.table.query(f"batch#{connector}", newest_first=True, limit=limit):
            yield batch_of(connector, item)

    def active_batches(self, connector: str) -> tuple[Batch, ...]:
        """Return the batches that are neither published nor failed, in the order of their cuts."""
        return tuple(
            self.batch(connector, item["sk"]) for item in self.table.query(f"active#{connector}")
        )

    def move(
        self,
        connector: str,
        batch_id: str,
        state: BatchState,
        *,
        run_id: str,
        at: datetime,
        seen: Batch | None = None,
    ) -> bool:
        """Move a batch to `state` for a run; False where it is in a state that can't lead there.

        With `seen`, False also where another run has taken it up since it was read.
        """
        values: dict[str, Any] = {
            "state": state.value,
            "run_id": run_id,
            "updated_at": utc_text(at),
        }
        if state is BatchState.PUBLISHED:
            values["was_published"] = True
        when: list[Condition] = [OneOf("state", tuple(s.value for s in TRANSITIONS[state]))]
        if seen is not None:
            same_run = OneOf("run_id", (seen.run_id,)) if seen.run_id else Missing("run_id")
            when += [same_run, OneOf("attempt", (seen.attempt,))]
        return self._set_state(connector, batch_id, state, values, tuple(when))

    def run_again(self, batch: Batch, *, at: datetime) -> bool:
        """Ask for another run of a batch; False where it has changed in the meantime."""
        values = {
            "state": BatchState.CUT.value,
            "attempt": batch.attempt + 1,
            "updated_at": utc_text(at),
        }
        unchanged = (OneOf("state", (batch.state.value,)), OneOf("attempt", (batch.attempt,)))
        return self._set_state(batch.connector, batch.batch_id, BatchState.CUT, values, unchanged)

    def _set_state(
        self,
        connector: str,
        batch_id: str,
        state: BatchState,
        values: dict[str, Any],
        when: tuple[Condition, ...],
    ) -> bool:
        active = (f"active#{connector}", batch_id)
        index = Put({"pk": active[0], "sk": active[1]}) if state in ACTIVE else Delete(active)
        return self.table.write(Update((f"batch#{connector}", batch_id), values, when=when), index)

    def record_notice(self, notice: Notice) -> bool:
        """Record what people are to be told; return False where they were told, or will be."""
        item = notice_item(notice)
        return self.table.write(Put(item, ABSENT), Check(("told", item["sk"]), ABSENT))

    def notices(self) -> tuple[Notice, ...]:
        """Return what people have not been told yet, of all connectors."""
        return tuple(map(notice_of, self.table.query("notice")))

    def mark_told(self, notice: Notice, *, at: datetime) -> None:
        """Note that people were told."""
        sk = notice_sk(notice.connector, notice.state_id)
        told = {"pk": "told", "sk": sk, "expires_at": expires_at(at, TAKEN_KEPT)}
        self.table.write(Delete(("notice", sk)), Put(told))


def _chunks(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    remaining = iter(items)
    while chunk := list(islice(remaining, size)):
        yield chunk
