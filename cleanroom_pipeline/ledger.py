"""The ledger: the one DynamoDB table that remembers arrivals, batches and external runs.

Here: what is written, under which keys and on which conditions. Not here: when a batch is whole
(`inbound.completion`), or a call to DynamoDB (`aws.dynamodb`).

Keys, and the reads that they serve:

| item         | pk                      | sk                   | read by                      |
|--------------|-------------------------|----------------------|------------------------------|
| arrival      | `arrival#<connector>`   | `<key>#<version id>` | all of a connector           |
| open batch   | `connector#<connector>` | `open`               | one get: at most one is open |
| batch        | `batch#<connector>`     | `<batch id>`         | one, or all, newest first    |
| external run | `run#<connector>`       | `<kind>#<reference>` | one get                      |
| delivery     | `delivery#<connector>`  | `<execution id>`     | all of a connector           |

A batch is cut in steps of which each can be repeated: the manifest is written to S3; the batch
becomes *the* open one (only one can be); its arrivals are claimed, each on the condition that no
other batch has it; the batch is recorded as cut; it is no longer open. Whoever finds an open batch
finishes it, or, where one of its arrivals belongs to another batch already, takes it back: both
decisions depend on facts that no longer change, so any number of helpers come to the same one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import dagster as dg

from cleanroom_pipeline.aws.dynamodb import Item, KeyedTable
from cleanroom_pipeline.model import (
    Arrival,
    Batch,
    BatchState,
    Manifest,
    utc_moment,
    utc_text,
)

LONGEST_SORT_KEY = 1000

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


class LedgerError(RuntimeError):
    """The ledger doesn't hold what it must, or holds what it must not."""


@dataclass(frozen=True, slots=True)
class RecordedArrival:
    """An arrival, and the batch that has it, if one has."""

    arrival: Arrival
    batch_id: str | None


@dataclass(frozen=True, slots=True)
class ExternalRun:
    """A run that a service does for us: a DataBrew job run or an AppFlow execution."""

    kind: str
    reference: str
    external_id: str
    run_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """A pull that its provider reports as complete: which objects hold it, how many records."""

    execution_id: str
    prefix: str
    records: int
    completed_at: datetime


class Ledger(dg.ConfigurableResource[Any]):
    """Reads and writes the ledger; every write is conditional or can be repeated without harm."""

    table: dg.ResourceDependency[KeyedTable]

    def record_arrival(self, connector: str, arrival: Arrival, *, seen_at: datetime) -> bool:
        """Record an arrival; return False where it was known already."""
        return self.table.put_new(
            {
                "pk": f"arrival#{connector}",
                "sk": _arrival_sk(arrival.key, arrival.version_id),
                "seen_at": utc_text(seen_at),
                **arrival.to_json(),
            }
        )

    def arrivals(self, connector: str) -> Iterator[RecordedArrival]:
        """Yield all arrivals of a connector, by key and version."""
        for item in self.table.query(f"arrival#{connector}"):
            yield RecordedArrival(Arrival.from_json(item), item.get("batch_id"))

    def record_delivery(self, connector: str, delivery: Delivery) -> bool:
        """Record a pull as complete; return False where it was recorded before."""
        return self.table.put_new(
            {
                "pk": f"delivery#{connector}",
                "sk": delivery.execution_id,
                "prefix": delivery.prefix,
                "records": delivery.records,
                "completed_at": utc_text(delivery.completed_at),
            }
        )

    def deliveries(self, connector: str) -> tuple[Delivery, ...]:
        """Return the complete pulls of a connector."""
        return tuple(
            Delivery(item["sk"], item["prefix"], item["records"], utc_moment(item["completed_at"]))
            for item in self.table.query(f"delivery#{connector}")
        )

    def open_batch(self, connector: str) -> str | None:
        """Return the id of the batch that is being cut, if one is."""
        item = self.table.get(f"connector#{connector}", "open")
        return str(item["batch_id"]) if item else None

    def begin_cut(self, manifest: Manifest, *, at: datetime) -> bool:
        """Make this the connector's open batch; False where another one is.

        The manifest must stand in S3 before, since whoever finishes the cut reads it there.
        """
        return self.table.put_new(
            {
                "pk": f"connector#{manifest.connector}",
                "sk": "open",
                "batch_id": manifest.batch_id,
                "updated_at": utc_text(at),
            }
        )

    def finish_cut(self, manifest: Manifest, *, at: datetime) -> bool:
        """Finish the open batch: claim its arrivals, record it as cut. False: it was taken back."""
        owners = {
            (recorded.arrival.key, recorded.arrival.version_id): recorded.batch_id
            for recorded in self.arrivals(manifest.connector)
        }
        wanted = [(file.key, file.version_id) for file in manifest.files]
        if any(owners.get(file) not in (None, manifest.batch_id) for file in wanted):
            self._take_back(manifest, wanted)
            return False
        for key, version_id in wanted:
            self._claim(manifest, key, version_id)
        self.table.put_new(
            {
                "pk": f"batch#{manifest.connector}",
                "sk": manifest.batch_id,
                "state": BatchState.CUT.value,
                "files": len(manifest.files),
                "size": manifest.size,
                "digest": manifest.digest,
                "updated_at": utc_text(at),
            }
        )
        self._close(manifest)
        return True

    def _claim(self, manifest: Manifest, key: str, version_id: str) -> None:
        claimed = self.table.update(
            f"arrival#{manifest.connector}",
            _arrival_sk(key, version_id),
            {"batch_id": manifest.batch_id},
            condition="attribute_exists(pk) AND "
            "(attribute_not_exists(#batch_id) OR #batch_id = :mine)",
            condition_values={"mine": manifest.batch_id},
        )
        if not claimed:
            raise LedgerError(
                f"An arrival of batch {manifest.batch_id} of {manifest.connector} is not in the "
                "ledger, or was claimed by another batch while this one was open."
            )

    def _take_back(self, manifest: Manifest, wanted: list[tuple[str, str]]) -> None:
        for key, version_id in wanted:
            self.table.update(
                f"arrival#{manifest.connector}",
                _arrival_sk(key, version_id),
                {"released_from": manifest.batch_id},
                condition="#batch_id = :mine",
                condition_values={"mine": manifest.batch_id},
                remove=("batch_id",),
            )
        self._close(manifest)

    def _close(self, manifest: Manifest) -> None:
        self.table.delete(
            f"connector#{manifest.connector}", "open", where={"batch_id": manifest.batch_id}
        )

    def batch(self, connector: str, batch_id: str) -> Batch:
        """Return one batch; LedgerError if it is not known."""
        item = self.table.get(f"batch#{connector}", batch_id)
        if item is None:
            raise LedgerError(f"{connector} has no batch {batch_id}.")
        return _batch(connector, item)

    def batches(self, connector: str) -> Iterator[Batch]:
        """Yield the batches of a connector, the newest first."""
        for item in self.table.query(f"batch#{connector}", newest_first=True):
            yield _batch(connector, item)

    def move(
        self, connector: str, batch_id: str, state: BatchState, *, run_id: str, at: datetime
    ) -> bool:
        """Move a batch to `state` for a run; False where it is in a state that can't lead there."""
        sources = TRANSITIONS[state]
        allowed = {f"from_{number}": source.value for number, source in enumerate(sources)}
        return self.table.update(
            f"batch#{connector}",
            batch_id,
            {"state": state.value, "run_id": run_id, "updated_at": utc_text(at)},
            condition="#state IN (" + ", ".join(f":{name}" for name in allowed) + ")",
            condition_values=allowed,
        )

    def record_external_run(self, connector: str, run: ExternalRun) -> None:
        """Record a run before anybody waits for it, in place of an earlier one for `reference`."""
        self.table.put(
            {
                "pk": f"run#{connector}",
                "sk": f"{run.kind}#{run.reference}",
                "external_id": run.external_id,
                "run_id": run.run_id,
                "started_at": utc_text(run.started_at),
            }
        )

    def external_run(self, connector: str, kind: str, reference: str) -> ExternalRun | None:
        """Return the recorded run for `reference`, if there is one."""
        item = self.table.get(f"run#{connector}", f"{kind}#{reference}")
        if item is None:
            return None
        return ExternalRun(
            kind, reference, item["external_id"], item["run_id"], utc_moment(item["started_at"])
        )


def _arrival_sk(key: str, version_id: str) -> str:
    """Return a sort key that fits DynamoDB's 1,024 bytes; an S3 key alone may be that long."""
    plain = f"{key}#{version_id}"
    if len(plain.encode()) <= LONGEST_SORT_KEY:
        return plain
    digest = sha256(plain.encode()).hexdigest()
    return plain.encode()[: LONGEST_SORT_KEY - 65].decode(errors="ignore") + "#" + digest


def _batch(connector: str, item: Item) -> Batch:
    return Batch(
        connector=connector,
        batch_id=item["sk"],
        state=BatchState(item["state"]),
        files=item["files"],
        size=item["size"],
        updated_at=utc_moment(item["updated_at"]),
        run_id=item.get("run_id"),
    )
