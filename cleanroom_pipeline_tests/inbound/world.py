"""A world in memory: providers, S3, the queue, the ledger, Dagster, and the sensors between them.

Here: what can happen, and what a witness of every cut checks. Not here: the order in which things
happen (`test_histories`, `test_crashes`), and how a table or a bucket works (`stand_ins`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cleanroom_pipeline.aws.dynamodb import Update
from cleanroom_pipeline.aws.sqs import QueueMessage
from cleanroom_pipeline.inbound.batch_runs import RunState
from cleanroom_pipeline.inbound.by_hand import CutRefusedError, cut_again, cut_pending, run_again
from cleanroom_pipeline.inbound.completion.decision import (
    CompletionPolicy,
    Decision,
    Look,
    Whole,
)
from cleanroom_pipeline.inbound.completion.objects import counts, only_signals
from cleanroom_pipeline.inbound.completion.quiet_period import QuietPeriod
from cleanroom_pipeline.inbound.events import connector_of, created_objects
from cleanroom_pipeline.inbound.intake import Intake
from cleanroom_pipeline.inbound.tick import Tick, Ticked, TickSettings
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.ledger.items import Identity, arrival_sk
from cleanroom_pipeline.model import (
    Arrival,
    Batch,
    BatchState,
    Manifest,
    manifest_key,
)
from cleanroom_pipeline.records import read_manifest
from cleanroom_pipeline_tests.inbound.gate import EPOCH, Actor, Clock, CrashError, Gate
from cleanroom_pipeline_tests.inbound.memory_runs import MemoryRuns
from cleanroom_pipeline_tests.inbound.stand_ins import (
    MemoryQueue,
    MemoryStorage,
    MemoryTable,
    Version,
    notification,
)

SHOP, OTHER = "shop", "other"
PREFIXES = {SHOP: "in/shop/", OTHER: "in/other/"}
QUIET = timedelta(seconds=60)
RECONCILE_EVERY = timedelta(minutes=15)
# S3 tells times in whole seconds.
TOLERANCE = 1.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A policy that notes on which look the process at work last found something whole."""

    policy: CompletionPolicy
    gate: Gate
    looked: dict[int, datetime]

    @property
    def name(self) -> str:
        """The policy's name."""
        return self.policy.name

    def is_signal(self, key: str) -> bool:
        """Ask the policy."""
        return self.policy.is_signal(key)

    def wanted_documents(self, signals: Sequence[Arrival]) -> Sequence[Arrival]:
        """Ask the policy."""
        return self.policy.wanted_documents(signals)

    def by_hand(self, look: Look, reason: str) -> Whole | None:
        """Ask the policy."""
        return self.policy.by_hand(look, reason)

    def decide(self, look: Look) -> Decision:
        """Ask the policy."""
        decision = self.policy.decide(look)
        if isinstance(decision, Whole):
            self.looked[id(self.gate.actor)] = look.at
        return decision


@dataclass
class World:
    """Everything at its beginning. `versioned` is whether notifications tell the version."""

    page: int = 1000
    versioned: bool = True
    policy: CompletionPolicy = field(default_factory=lambda: QuietPeriod(QUIET))
    in_order: bool = False
    gate: Gate = field(default_factory=Gate)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.table = MemoryTable.behind(self.gate)
        self.storage = MemoryStorage.behind(self.gate, self.clock, page=self.page)
        self.queue = MemoryQueue.behind(self.gate, self.clock)
        self.ledger = Ledger(table=self.table)
        self.runs = MemoryRuns(self.gate, self.ledger, self.storage, self.clock)
        self.intake = Intake(self.storage, self.queue, self.ledger, PREFIXES, wait_seconds=0)
        self.cursors: dict[str, str | None] = {}
        self.in_flight: list[str] = []
        self.told: list[str] = []
        self.uploads: list[tuple[str, datetime]] = []
        self.looked: dict[int, datetime] = {}
        self.cuts: dict[str, list[Manifest]] = {SHOP: [], OTHER: []}
        self.owner: dict[Identity, str] = {}
        self.text: dict[str, str] = {}
        self.gate.witnesses.append(self._witness)

    def put(self, key: str) -> Version:
        """Let a provider write an object."""
        version = self.storage.put(key)
        self._tell(version)
        return version

    def complete(self, number: int) -> Version:
        """Complete a multipart upload: its object shows the time at which it began."""
        key, began = self.uploads.pop(number)
        version = self.storage.put(key, began=began)
        self._tell(version)
        return version

    def begin(self, key: str) -> None:
        """Begin a multipart upload."""
        self.uploads.append((key, self.clock.whole()))

    def _tell(self, version: Version) -> None:
        body = notification(version, self.clock.moment(), versioned=self.versioned)
        self.in_flight.append(body)
        self.told.append(body)

    def deliver(self, count: int | None = None, *, last_first: bool = False) -> None:
        """Let messages reach the queue."""
        if last_first:
            self.in_flight.reverse()
        going = self.in_flight[:count]
        del self.in_flight[: len(going)]
        for body in going:
            self.queue.send(body)

    def wait(self, seconds: float) -> None:
        """Let time pass; DynamoDB deletes what has expired."""
        self.clock.seconds += seconds
        self.table.expire(self.clock.moment())

    def tick(self, connector: str = SHOP, *, seconds_a_call: float = 0.0) -> Ticked:
        """Let a sensor tick, and Dagster do what it asks; then its cursor is kept.

        The process reads its own clock, which goes on by `seconds_a_call` each time.
        """
        local = Clock(1e9)

        def now() -> float:
            local.seconds += seconds_a_call
            return local.seconds

        policy = Watched(self.policy, self.gate, self.looked)
        settings = TickSettings(
            connector, policy, reconcile_every=RECONCILE_EVERY, in_order=self.in_order
        )
        try:
            ticked = Tick(settings, self.intake, self.runs, now)(self.cursors.get(connector))
        finally:
            self.looked.pop(id(self.gate.actor), None)
        self.runs.accept(ticked)
        self.cursors[connector] = ticked.cursor
        return ticked

    def by_person(self, work: Callable[[], object]) -> None:
        """Let a person do something that may be refused."""
        with suppress(CutRefusedError):
            work()

    def cut_by_person(self) -> None:
        """Let a person cut what is pending, quiet or not."""
        self.by_person(lambda: cut_pending(self.intake, SHOP, self.policy, reason="Now."))

    def cut_again_by_person(self, batch: Batch) -> None:
        """Let a person cut a batch again, from what is left of it."""
        self.by_person(lambda: cut_again(self.intake, batch, reason="Again."))

    def run_again_by_person(self, batch: Batch) -> None:
        """Let a person ask for another run of a batch."""
        self.runs.disturbed.add(batch.batch_id)
        self.by_person(lambda: run_again(self.intake, batch, at=self.clock.whole()))

    def as_actor(self, actor: Actor, work: Callable[[], object]) -> bool:
        """Do some work as a process of its own; return whether it ended before its work did."""
        before, self.gate.actor = self.gate.actor, actor
        try:
            work()
        except CrashError:
            return True
        finally:
            self.gate.actor = before
        return False

    def batches(self, connector: str = SHOP) -> list[Batch]:
        """Return the batches that are not replaced, the earliest first."""
        known = self.ledger.batches(connector)
        return [one for one in known if one.state is not BatchState.REPLACED][::-1]

    def manifest(self, batch: Batch) -> Manifest:
        """Return a batch's manifest."""
        return read_manifest(self.storage, batch.connector, batch.batch_id)

    def data(self, connector: str = SHOP) -> list[Version]:
        """Return the current versions that hold data of a connector."""
        return [one for one in self.counted(connector) if not only_signals(one.key)]

    def counted(self, connector: str) -> list[Version]:
        """Return the current versions that must be remembered."""
        current = map(self.storage.current, self.storage.known_keys())
        return [
            one
            for one in current
            if one and one.key.startswith(PREFIXES[connector]) and counts(one.key)
        ]

    def _witness(self, said: object, done: object) -> None:
        if not done:
            return
        if isinstance(said, QueueMessage):
            self._witness_deletion(said)
        if not isinstance(said, tuple):
            return
        for write in said:
            if isinstance(write, Update) and write.set.get("open_batch"):
                connector = write.key[0].removeprefix("head#")
                self._witness_cut(connector, str(write.set["open_batch"]))

    def _witness_deletion(self, message: QueueMessage) -> None:
        """Of a message that is gone, the ledger knows all that it told."""
        for told in created_objects(message.body):
            connector = connector_of(told.key, PREFIXES)
            if connector and told.arrival and counts(told.key):
                sk, items = arrival_sk(told.arrival), self.table.dump()
                known = (f"pending#{connector}", sk) in items or (f"taken#{connector}", sk) in items
                assert known, f"the message is gone, and nobody remembers {told.arrival}"

    def _witness_cut(self, connector: str, batch_id: str) -> None:
        earlier = self.cuts[connector]
        self.text[batch_id] = self.storage.records()[manifest_key(connector, batch_id)]
        manifest = read_manifest(self.storage, connector, batch_id)
        assert not earlier or earlier[-1].batch_id < batch_id, "ids sort in the order of cuts"
        taken = {(one.key, one.version_id) for one in (*manifest.files, *manifest.signals)}
        for identity in taken:
            owner = self.owner.get(identity)
            assert owner in (None, manifest.recut_of), f"{identity} is in {owner} and {batch_id}"
        looked = self.looked.pop(id(self.gate.actor), None)
        takes_all = isinstance(self.policy, QuietPeriod) and self.policy.scope == "prefix"
        if looked is not None and takes_all:
            self._check_quiet(connector, manifest, taken, looked)
        self.owner |= dict.fromkeys(taken, batch_id)
        earlier.append(manifest)

    def _check_quiet(
        self, connector: str, manifest: Manifest, taken: set[Identity], looked: datetime
    ) -> None:
        """No object that was there at the look came within the quiet period, or stays out."""
        listed = (looked - EPOCH).total_seconds()
        quiet_from = listed - QUIET.total_seconds() + TOLERANCE
        for one in self.counted(connector):
            identity = one.key, one.version_id
            there = identity not in self.owner and self.storage.visible_since(one.key) < listed
            if identity in taken or there:
                assert one.born <= quiet_from, f"{manifest.batch_id} is cut too early for {one}"
                assert identity in taken, f"{manifest.batch_id} leaves out {one}"

    def check_taken_or_pending(self) -> None:
        """Nothing is pending and taken at once."""
        both: dict[tuple[str, str], int] = Counter()
        for pk, sk in self.table.dump():
            kind, _, connector = pk.partition("#")
            both[connector, sk] += kind in ("pending", "taken")
        assert max(both.values(), default=0) <= 1

    def check_at_rest(self, connector: str) -> None:
        """Check the promises where nothing is under way."""
        self.check_taken_or_pending()
        batches = self.batches(connector)
        assert self.ledger.head(connector).open_batch is None
        replaced = {one.recut_of for one in self.cuts[connector]}
        cut = [m.batch_id for m in self.cuts[connector] if m.batch_id not in replaced]
        assert [batch.batch_id for batch in batches] == cut, (
            "every batch that was begun is recorded"
        )
        manifests = [self.manifest(batch) for batch in batches]
        of_version = Counter(
            (one.key, one.version_id) for m in manifests for one in (*m.files, *m.signals)
        )
        twice = [identity for identity, count in of_version.items() if count > 1]
        assert not twice, f"in several batches: {twice}"
        for one in self.data(connector):
            assert (one.key, one.version_id) in of_version, f"in no batch: {one}"
        for manifest in self.cuts[connector]:
            now = self.storage.records()[manifest_key(connector, manifest.batch_id)]
            assert now == self.text[manifest.batch_id], f"{manifest.batch_id} has changed"
        for batch in batches:
            self._check_run(batch)

    def _check_run(self, batch: Batch) -> None:
        assert batch.state in (BatchState.PUBLISHED, BatchState.FAILED), batch
        runs = self.runs
        requests = runs.made[f"{batch.batch_id}__attempt1"]
        if batch.batch_id not in runs.disturbed:
            assert (requests, batch.attempt) == (1, 1), f"{requests} requests of {batch}"
        assert requests or batch.batch_id in runs.disturbed
        ran = [run for run in runs.store if run.batch_id == batch.batch_id]
        if ran and ran[-1].whole and ran[-1].state is RunState.SUCCEEDED:
            assert batch.state is BatchState.PUBLISHED, f"published, and said to be {batch.state}"
        if batch.state is BatchState.PUBLISHED:
            assert batch.batch_id in runs.table

    def settle(self, *, drop: bool = False) -> None:
        """Let everything come to rest: messages arrive or are lost, sensors tick, runs go on."""
        for body in [] if drop else self.in_flight:
            self.queue.send(body)
        self.in_flight.clear()
        for _ in range(40):
            self.wait(RECONCILE_EVERY.total_seconds() + 1)
            for connector in PREFIXES:
                self.tick(connector)
            self.runs.notice_dead()
            for run in self.runs.at_work():
                while run.state is RunState.LIVE:
                    self.runs.step(run)
            if self.is_at_rest():
                break
        assert self.is_at_rest(), "it never comes to rest"

    def is_at_rest(self) -> bool:
        """Tell whether nothing is under way: no message, no active batch, no data that waits."""
        return self.queue.is_empty and not any(
            self.ledger.active_batches(connector)
            or any(
                not only_signals(one.arrival.key) for one in self.ledger.pending(connector).arrivals
            )
            for connector in PREFIXES
        )
