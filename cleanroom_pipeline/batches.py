"""What a person sees of a connector's batches, and does with them.

Here: reading it together from the ledger and the bucket, as documents and as text. Not here: the
terminal (`cli`), cuts and runs (`inbound.by_hand`), the whole pipeline's state (`status`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

from cleanroom_pipeline.connector_types.base import ConnectorBase
from cleanroom_pipeline.definitions import connector_tree
from cleanroom_pipeline.inbound.completion.decision import Decision, Waiting, Whole
from cleanroom_pipeline.inbound.intake import Intake
from cleanroom_pipeline.inbound.look import look_at, waiting_since
from cleanroom_pipeline.inbound.tick import TickSettings
from cleanroom_pipeline.ledger import Pending
from cleanroom_pipeline.model import Arrival, Batch, on_one_line, utc_text
from cleanroom_pipeline.records import read_manifest
from cleanroom_pipeline.resources import build_resources
from cleanroom_pipeline.status import UnknownConnectorError

OPEN = "open"
FILES_SHOWN = 50


@dataclass(frozen=True, slots=True)
class BatchDesk:
    """One connector: what its YAML says of its batches, and where they are."""

    settings: TickSettings
    intake: Intake

    @property
    def connector(self) -> str:
        """The connector's name."""
        return self.settings.connector

    def batch(self, batch_id: str) -> Batch:
        """Return a batch; LedgerError if there is none of that id."""
        return self.intake.ledger.batch(self.connector, batch_id)

    def now(self) -> datetime:
        """Return S3's time."""
        return self.intake.storage.inbound_clock(self.intake.prefixes[self.connector])

    def list(self, limit: int) -> dict[str, Any]:
        """Return what is open, the newest batches, and the newest empty deliveries."""
        ledger = self.intake.ledger
        return {
            "connector": self.connector,
            "policy": self.settings.policy.name,
            "open": self.open(),
            "batches": [shown(b) for b in ledger.batches(self.connector, limit=limit)],
            "empty_deliveries": [
                {"at": utc_text(empty.at), "reason": empty.reason}
                for empty in ledger.empty_deliveries(self.connector, limit)
            ],
        }

    def open(self) -> dict[str, Any]:
        """Return what is pending, what it waits for, and until when."""
        at, ledger = self.now(), self.intake.ledger
        being_cut = ledger.head(self.connector).open_batch
        pending = ledger.pending(self.connector)
        policy, storage = self.settings.policy, self.intake.storage
        positions = ledger.positions(self.connector)
        decision = policy.decide(
            look_at(pending, policy, at=at, storage=storage, positions=positions)
        )
        return opened(pending, decision, self.settings, at=at) | {"being_cut": being_cut}

    def show(self, batch_id: str) -> dict[str, Any]:
        """Return all that is known of a batch, or, by the name `open`, of what is not cut yet."""
        if batch_id == OPEN:
            pending = self.intake.ledger.pending(self.connector)
            arrivals = [one.arrival for one in pending.arrivals]
            return {"connector": self.connector, **self.open(), **files_shown(arrivals)}
        batch = self.batch(batch_id)
        manifest = read_manifest(self.intake.storage, self.connector, batch_id)
        return {
            "connector": self.connector,
            **shown(batch),
            "policy": manifest.policy,
            "records": manifest.records,
            "recut_of": manifest.recut_of,
            "deliveries": list(manifest.deliveries),
            "signals": [signal.key for signal in manifest.signals],
            **files_shown(manifest.files),
        }


def shown(batch: Batch) -> dict[str, Any]:
    """Return a batch as a document."""
    return {
        "batch_id": batch.batch_id,
        "state": batch.state.value,
        "files": batch.files,
        "bytes": batch.size,
        "day": batch.day,
        "attempt": batch.attempt,
        "run_id": batch.run_id,
        "whole_because": batch.reason,
        "updated_at": utc_text(batch.updated_at),
    }


def opened(
    pending: Pending, decision: Decision, settings: TickSettings, *, at: datetime
) -> dict[str, Any]:
    """Return what is pending as a document."""
    since, deadline = waiting_since(pending), settings.deadline
    due = since + deadline if since and deadline else None
    waiting = decision if isinstance(decision, Waiting) else None
    ready = " The sensor cuts it when it has looked through the bucket."
    return {
        "objects": len(pending.arrivals),
        "bytes": sum(one.arrival.size for one in pending.arrivals),
        "since": utc_text(since) if since else None,
        "waits_for": decision.reason + (ready if isinstance(decision, Whole) else ""),
        "until": utc_text(waiting.until) if waiting and waiting.until else None,
        "missing": list(waiting.missing) if waiting else [],
        "deadline": utc_text(due) if due else None,
        "overdue": bool(due and waiting and at >= due),
    }


def files_shown(files: tuple[Arrival, ...] | list[Arrival]) -> dict[str, Any]:
    """Return the first files of a batch, and how many there are."""
    return {
        "file_count": len(files),
        "first_files": [
            {"key": file.key, "bytes": file.size, "last_modified": utc_text(file.last_modified)}
            for file in files[:FILES_SHOWN]
        ],
    }


def list_text(listed: Mapping[str, Any]) -> str:
    """Return the list as lines for a person."""
    lines = [f"{listed['connector']}  (completion policy {listed['policy']})"]
    lines += _open_lines(listed["open"])
    lines += [
        f"  {batch['batch_id']}  {batch['state']:<9}  {batch['files']} files, "
        f"{batch['bytes']} bytes, attempt {batch['attempt']}, {batch['updated_at']}"
        for batch in listed["batches"]
    ]
    lines += [f"  empty     {one['at']}: {one['reason']}" for one in listed["empty_deliveries"]]
    return "\n".join(map(on_one_line, lines))


def _open_lines(found: Mapping[str, Any]) -> list[str]:
    lines = [f"  open      {found['objects']} objects, {found['bytes']} bytes"]
    lines.append(f"    waits for: {found['waits_for']}")
    lines += [f"    {name}: {found[name]}" for name in ("since", "until") if found[name]]
    if found["deadline"]:
        passed = ", which has passed" if found["overdue"] else ""
        lines.append(f"    deadline: {found['deadline']}{passed}")
    lines += [f"    missing: {name}" for name in found["missing"]]
    if found["being_cut"]:
        lines.append(f"    being cut: batch {found['being_cut']}")
    return lines


def show_text(found: Mapping[str, Any]) -> str:
    """Return one batch as lines for a person."""
    lines = [
        f"{name}: {', '.join(value) if isinstance(value, list) else value}"
        for name, value in found.items()
        if value not in (None, [], "") and name != "first_files"
    ]
    lines += [
        f"  {file['key']}  {file['bytes']} bytes, {file['last_modified']}"
        for file in found["first_files"]
    ]
    more = found["file_count"] - len(found["first_files"])
    return "\n".join([*map(on_one_line, lines), *([f"  and {more} more"] if more else [])])


@contextmanager
def batch_desk(connector: str) -> Iterator[BatchDesk]:
    """Open a connector's desk; UnknownConnectorError names those that there are."""
    declared = {
        feed.name: feed
        for one in connector_tree().get_all_components(of_type=ConnectorBase)
        for feed in one.feeds()
    }
    if connector not in declared:
        raise UnknownConnectorError(
            f"There is no connector {connector!r}; there are {', '.join(sorted(declared))}."
        )
    prefixes = {name: one.inbound.prefix for name, one in declared.items()}
    with dg.build_resources(build_resources(prefixes)) as resources:
        yield BatchDesk(
            declared[connector].tick_settings(),
            Intake(resources.storage, resources.inbound_queue, resources.ledger, prefixes),
        )
