"""Dagster in memory: partitions, runs by key, and what the assets of a run do to the ledger.

Here: what becomes of a run that a tick asks for, or a person. Not here: when that happens (`world`,
`test_histories`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from cleanroom_pipeline.inbound.batch_runs import RunState, SeenRun, run_key
from cleanroom_pipeline.inbound.tick import Ticked
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import Batch, BatchState
from cleanroom_pipeline.records import read_manifest
from cleanroom_pipeline_tests.inbound.gate import Clock, Gate
from cleanroom_pipeline_tests.inbound.stand_ins import MemoryStorage


@dataclass
class Run:
    """A run of a batch; `whole` tells one of all assets from one that looks at the files alone."""

    run_id: str
    batch_id: str
    connector: str
    run_key: str | None
    attempt: int | None
    whole: bool = True
    state: RunState = RunState.LIVE
    steps: int = 0
    dead: bool = False


class MemoryRuns:
    """Stands for Dagster: partitions, runs by key, and what the assets do to the ledger."""

    def __init__(self, gate: Gate, ledger: Ledger, storage: MemoryStorage, clock: Clock) -> None:
        self.gate, self.ledger, self.storage, self.clock = gate, ledger, storage, clock
        self.partitions: set[str] = set()
        self.store: list[Run] = []
        self.processes: list[Run] = []
        self.made: Counter[str] = Counter()
        self.table: list[str] = []
        self.disturbed: set[str] = set()

    def newest(self, batch_id: str) -> SeenRun | None:
        """Return the newest run of a batch that the store has."""
        self.gate.read()
        runs = [run for run in self.store if run.batch_id == batch_id]
        return SeenRun(runs[-1].run_id, runs[-1].state) if runs else None

    def has_request(self, batch: Batch) -> bool:
        """Tell whether the store has the run of this attempt."""
        self.gate.read()
        return any(run.run_key == run_key(batch) for run in self.store)

    def is_known(self, batch_id: str) -> bool:
        """Tell whether there is such a partition."""
        self.gate.read()
        return batch_id in self.partitions

    def accept(self, ticked: Ticked) -> None:
        """Add partitions and launch runs as Dagster's daemon does: a run key has one run."""
        for name in ticked.partitions:
            self.gate.write("a partition", name, partial(self.partitions.add, name))
        for batch in ticked.requests:
            self.gate.write("a run", batch, partial(self._launch, batch))

    def _launch(self, batch: Batch) -> None:
        key = run_key(batch)
        # Without its partition, which was lost since the tick asked, Dagster fails the tick.
        known = batch.batch_id in self.partitions
        if known and not any(run.run_key == key for run in self.store):
            self.made[key] += 1
            self._start(batch.connector, batch.batch_id, key, batch.attempt)

    def by_person(self, connector: str, batch_id: str, *, whole: bool) -> Run:
        """Launch a run in the UI, of all assets or of the first alone."""
        self.disturbed.add(batch_id)
        run = self._start(connector, batch_id, None, None)
        run.whole = whole
        return run

    def _start(self, connector: str, batch_id: str, key: str | None, attempt: int | None) -> Run:
        number = len(self.processes) + 1
        run = Run(f"run{number}", batch_id, connector, key, attempt)
        self.store.append(run)
        self.processes.append(run)
        return run

    def at_work(self) -> list[Run]:
        """Return the runs that have a process, whether the store knows them or not."""
        return [run for run in self.processes if run.state is RunState.LIVE and not run.dead]

    def step(self, run: Run) -> None:
        """Let a run do its next step: each holds one write at most."""
        run.steps += 1
        match run.steps:
            case 1:
                self._move(run, BatchState.RUNNING)
            case 2:
                manifest = read_manifest(self.storage, run.connector, run.batch_id)
                there = [self.storage.head_inbound(f.key, f.version_id) for f in manifest.files]
                if None in there:
                    run.state = RunState.ENDED_BADLY
                elif not run.whole:
                    run.state = RunState.SUCCEEDED
            case 3:
                if not self._move(run, BatchState.RUNNING):
                    run.state = RunState.ENDED_BADLY
            case 4:
                self.table.append(run.batch_id)
            case 5:
                self._move(run, BatchState.PUBLISHED)
            case _:
                run.state = RunState.SUCCEEDED

    def _move(self, run: Run, state: BatchState) -> bool:
        at = self.clock.whole()
        return self.ledger.move(run.connector, run.batch_id, state, run_id=run.run_id, at=at)

    def notice_dead(self) -> None:
        """Let Dagster notice which processes are gone."""
        for run in self.processes:
            if run.dead and run.state is RunState.LIVE:
                run.state = RunState.ENDED_BADLY

    def lose(self, runs: Sequence[Run]) -> None:
        """Let the store forget runs; their processes go on."""
        self.disturbed |= {run.batch_id for run in runs}
        self.store = [run for run in self.store if run not in runs]

    def lose_all(self) -> None:
        """Lose the store: runs and partitions."""
        self.lose(list(self.store))
        self.partitions.clear()
