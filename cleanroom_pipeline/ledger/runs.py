"""What the ledger remembers of the runs that services do for us.

Here: their reads and writes. Not here: those of arrivals and batches (`ledger.table`), and when a
run is started (the stage that starts it).
"""

from typing import Any

import dagster as dg

from cleanroom_pipeline.aws.dynamodb import Condition, KeyedTable, OneOf, Put, Update
from cleanroom_pipeline.ledger.items import (
    ExternalRun,
    external_run_item,
    external_run_of,
    external_run_sk,
)
from cleanroom_pipeline.ledger.writes import ABSENT
from cleanroom_pipeline.model import utc_text


class ExternalRuns(dg.ConfigurableResource[Any]):
    """Records of external runs, one for what a run is for (`reference`)."""

    table: dg.ResourceDependency[KeyedTable]

    def record_external_run(self, connector: str, run: ExternalRun) -> None:
        """Record a run before anybody waits for it, in place of an earlier one for `reference`."""
        self.table.write(Put(external_run_item(connector, run)))

    def intend_external_run(
        self, connector: str, run: ExternalRun, seen: ExternalRun | None
    ) -> bool:
        """Record that a run is about to be started; False where the record is not as it was seen.

        True also where the same was recorded before, so that an answer that was lost does no harm.
        """
        item = external_run_item(connector, run)
        unchanged: tuple[Condition, ...] = ABSENT
        if seen is not None:
            unchanged = (
                OneOf("external_id", (seen.external_id,)),
                OneOf("started_at", (utc_text(seen.started_at),)),
            )
        if self.table.write(Put(item, unchanged)):
            return True
        return self.external_run(connector, run.kind, run.reference) == run

    def name_external_run(self, connector: str, run: ExternalRun) -> None:
        """Record the id of a run that was intended, and when it got one.

        Nothing is written where another attempt has been made since.
        """
        key = (f"run#{connector}", external_run_sk(run.kind, run.reference))
        same = (OneOf("attempt", (run.attempt,)),)
        named = {"external_id": run.external_id, "started_at": utc_text(run.started_at)}
        self.table.write(Update(key, named, when=same))

    def external_run(self, connector: str, kind: str, reference: str) -> ExternalRun | None:
        """Return the recorded run for `reference`, if there is one."""
        item = self.table.get(f"run#{connector}", external_run_sk(kind, reference))
        return None if item is None else external_run_of(item)

    def unsettled_runs(self, connector: str, kind: str, prefix: str) -> tuple[ExternalRun, ...]:
        """Return the runs that are not settled, of references that begin with `prefix`."""
        items = self.table.query(f"run#{connector}", prefix=external_run_sk(kind, prefix))
        return tuple(run for run in map(external_run_of, items) if not run.settled)

    def settle_external_run(
        self, connector: str, kind: str, reference: str, external_id: str
    ) -> None:
        """Record that a run has ended and that nothing of it is left to be recorded."""
        key = (f"run#{connector}", external_run_sk(kind, reference))
        same = (OneOf("external_id", (external_id,)),)
        self.table.write(Update(key, {"settled": True}, when=same))
