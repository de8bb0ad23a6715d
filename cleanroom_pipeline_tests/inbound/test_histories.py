"""Any history whatever: what providers, S3, SQS, processes, Dagster and people do, in any order.

Promises 1 to 3 are checked at every cut, and once everything has come to rest. Some 250 histories
run with the other tests; for a deep run, say how many in the environment:

    CLEANROOM_HISTORIES=10000 python -m pytest cleanroom_pipeline_tests/inbound/test_histories.py
"""

import os
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from cleanroom_pipeline.inbound.completion.objects import counts
from cleanroom_pipeline.model import Batch, BatchState
from cleanroom_pipeline_tests.inbound.gate import Actor, Paused
from cleanroom_pipeline_tests.inbound.world import OTHER, PREFIXES, SHOP, World

HISTORIES = int(os.environ.get("CLEANROOM_HISTORIES", "250"))
STEPS = 40
DAY = timedelta(days=1).total_seconds()
TEST_EVENT = '{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "inbound"}'
LONG = "in/shop/" + "long" * 248

KEYS = (
    "in/shop/a.csv",
    "in/shop/b c+d.csv",
    "in/shop/ü€𝄞.csv",
    "in/shop/100%25!.csv",
    "in/shop/a.csv\x01",
    "in/shop/day=1/part-0",
    "in/shop/_SUCCESS",
    f"{LONG}1.csv",
    f"{LONG}2.csv",
    f"{LONG}{'z' * 24}",
    "in/other/a.csv",
)
UNCOUNTED = ("in/shop/", "in/shop/_temporary/0/part-0", "in/shop/a.csv.tmp", "elsewhere/a.csv")
# Most of the time a few keys, so that they meet.
SOME_KEY = st.sampled_from((*KEYS[:3] * 3, *KEYS, *UNCOUNTED))
PAUSES = (0.4, 1, 20, 59, 60, 61, 62, 300, 301, 901, 901, DAY, 40 * DAY, 91 * DAY)
ACTS = ("tick", "tick", "wait", "person", "overwrite", "delete")
# A number is a tick that crashes at that write.
SOME_ACT = st.one_of(st.sampled_from(ACTS), st.integers(0, 12))
# Most of what matters comes early in a tick.
SOME_CALL = st.one_of(st.integers(1, 5), st.integers(6, 40))
SOME_NUMBER = st.integers(0, 50)
SOME_CONNECTOR = st.sampled_from((SHOP, SHOP, SHOP, OTHER))


class Histories(RuleBasedStateMachine):
    """Rules are what may happen; a number chooses among what is there, whatever its length."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.paused: Paused | None = None
        self.drop_the_rest = False

    @initialize(
        page=st.sampled_from((1, 2, 3, 1000)),
        versioned=st.sampled_from((True, True, False)),
        in_order=st.booleans(),
        drop_the_rest=st.booleans(),
    )
    def begin(self, page: int, versioned: bool, in_order: bool, drop_the_rest: bool) -> None:
        self.world = World(page=page, versioned=versioned, in_order=in_order)
        self.drop_the_rest = drop_the_rest

    @rule(key=SOME_KEY)
    def put(self, key: str) -> None:
        self.world.put(key)

    @rule(key=SOME_KEY)
    def put_and_deliver(self, key: str) -> None:
        self.world.put(key)
        self.world.deliver()

    @rule(keys=st.lists(SOME_KEY, min_size=1, max_size=4))
    def deliver_whole(self, keys: list[str]) -> None:
        for key in keys:
            self.put_and_deliver(key)
        self.world.tick()
        self.wait_and_tick(62)

    @rule(number=SOME_NUMBER, how=st.sampled_from(("delete", "undelete", "forever", "forever")))
    def delete(self, number: int, how: str) -> None:
        storage, keys = self.world.storage, self.world.storage.known_keys()
        if not keys:
            return
        versions = storage.versions(keys[number % len(keys)])
        if how == "delete" and not versions[0].marker:
            storage.delete(versions[0].key)
        elif how == "undelete" and versions[0].marker:
            storage.delete_version(versions[0].key, versions[0].version_id)
        elif how == "forever":
            one = versions[number % min(2, len(versions))]
            storage.delete_version(one.key, one.version_id)

    @rule(key=SOME_KEY)
    def begin_upload(self, key: str) -> None:
        self.world.begin(key)

    @precondition(lambda self: self.world.uploads)
    @rule(number=SOME_NUMBER)
    def complete_upload(self, number: int) -> None:
        self.world.complete(number % len(self.world.uploads))

    @rule(key=SOME_KEY, told=st.booleans())
    def upload_for_long(self, key: str, told: bool) -> None:
        """An upload shows when it is complete, with the time at which it began."""
        self.world.begin(key)
        self.world.wait(901)
        self.world.complete(len(self.world.uploads) - 1)
        if told:
            self.world.deliver()
        self.world.tick()

    @precondition(lambda self: self.world.in_flight)
    @rule(count=st.integers(1, 12), last_first=st.booleans(), twice=st.booleans())
    def deliver(self, count: int, last_first: bool, twice: bool) -> None:
        if twice:
            self.world.in_flight.append(self.world.in_flight[0])
        self.world.deliver(count, last_first=last_first)

    @precondition(lambda self: self.world.in_flight)
    @rule()
    def lose_message(self) -> None:
        self.world.in_flight.pop(0)

    @precondition(lambda self: self.world.told)
    @rule(number=SOME_NUMBER)
    def replay(self, number: int) -> None:
        told = self.world.told
        self.world.queue.send(told[number % len(told)])

    @rule(body=st.sampled_from((TEST_EVENT, "junk", '{"Records": [{"eventName": 1}]}')))
    def send_what_is_no_notification(self, body: str) -> None:
        if self.world.queue.is_empty:
            self.world.queue.send(body)

    @rule(seconds=st.sampled_from(PAUSES))
    def wait(self, seconds: float) -> None:
        if seconds > DAY:
            # No process sleeps as long as the ledger remembers.
            self.go_on_with_what_paused()
        self.world.wait(seconds)

    @rule(connector=SOME_CONNECTOR, seconds_a_call=st.sampled_from((0.0, 0.0, 6.0)))
    def tick(self, connector: str, seconds_a_call: float) -> None:
        self.world.tick(connector, seconds_a_call=seconds_a_call)

    @rule(seconds=st.sampled_from((61, 62, 901)))
    def wait_and_tick(self, seconds: float) -> None:
        self.world.wait(seconds)
        self.world.tick()

    @rule(seconds=st.sampled_from((0, 62, 62, 901)), crash_at=st.integers(0, 30))
    def tick_and_crash(self, seconds: float, crash_at: int) -> None:
        self.world.wait(seconds)
        self.world.as_actor(Actor(crash_at), self.world.tick)

    @precondition(lambda self: self.world.cursors)
    @rule()
    def lose_cursor(self) -> None:
        self.world.cursors.clear()

    @precondition(lambda self: self.paused is None)
    @rule(
        pause_at=SOME_CALL,
        seconds=st.sampled_from((0, 62, 62, 901)),
        crash_at=st.one_of(st.none(), st.integers(0, 30)),
        who=st.sampled_from(("sensor", "sensor", "sensor", "person")),
    )
    def begin_and_pause(
        self, pause_at: int, seconds: float, crash_at: int | None, who: str
    ) -> None:
        self.world.wait(seconds)
        work = self.world.tick if who == "sensor" else self.world.cut_by_person
        self.paused = Paused(self.world.gate, work, pause_at=pause_at, crash_at=crash_at)

    @precondition(lambda self: self.paused is None)
    @rule(
        keys=st.lists(SOME_KEY, min_size=1, max_size=3),
        pause_at=SOME_CALL,
        meanwhile=st.lists(SOME_ACT, min_size=1, max_size=3),
        tick_after=st.booleans(),
    )
    def two_at_once(
        self, keys: list[str], pause_at: int, meanwhile: list[str | int], tick_after: bool
    ) -> None:
        """A sensor stops as it is about to cut; others act; it goes on."""
        for key in keys:
            self.put_and_deliver(key)
        self.world.tick()
        self.begin_and_pause(pause_at, 62, None, "sensor")
        for act in meanwhile:
            self._act(act, keys[0])
        self.go_on_with_what_paused()
        if tick_after:
            self.world.tick()

    @precondition(lambda self: self.paused is None and self.world.runs.at_work())
    @rule(pause_at=st.integers(1, 20), steps=st.integers(0, 5))
    def run_again_while_a_sensor_sees_a_failed_run(self, pause_at: int, steps: int) -> None:
        failed = self.world.runs.at_work()[-1]
        self.world.runs.step(failed)
        failed.dead = True
        self.world.runs.notice_dead()
        self.begin_and_pause(pause_at, 0, None, "sensor")
        again = self.world.runs.by_person(failed.connector, failed.batch_id, whole=True)
        for _ in range(steps):
            if again in self.world.runs.at_work():
                self.world.runs.step(again)
        self.go_on_with_what_paused()

    def _act(self, act: str | int, key: str) -> None:
        storage = self.world.storage
        if isinstance(act, int):
            self.world.as_actor(Actor(act), self.world.tick)
        elif act == "tick":
            self.world.tick()
        elif act == "wait":
            self.world.wait(62)
        elif act == "person":
            self.world.cut_by_person()
        elif act == "overwrite":
            self.put_and_deliver(key)
        elif storage.current(key):
            storage.delete(key)

    @precondition(lambda self: self.paused is not None)
    @rule()
    def go_on_with_what_paused(self) -> None:
        paused, self.paused = self.paused, None
        if paused is not None and not paused.done:
            paused.go_on()

    @precondition(lambda self: self.world.runs.at_work())
    @rule(
        number=SOME_NUMBER,
        steps=st.integers(0, 6),
        end=st.sampled_from(("goes on", "goes on", "dies", "fails", "fails")),
    )
    def run(self, number: int, steps: int, end: str) -> None:
        runs = self.world.runs.at_work()
        run = runs[number % len(runs)]
        for _ in range(steps):
            if run in self.world.runs.at_work():
                self.world.runs.step(run)
        run.dead = end != "goes on"
        if end == "fails":
            self.world.runs.notice_dead()

    @precondition(lambda self: any(run.dead for run in self.world.runs.processes))
    @rule()
    def notice_dead_runs(self) -> None:
        self.world.runs.notice_dead()

    @precondition(lambda self: self.world.runs.store)
    @rule(number=st.integers(-20, 20))
    def lose_runs(self, number: int) -> None:
        runs = self.world.runs
        for run in runs.store:
            run.dead |= number % 2 == 0
        if number < 0:
            runs.lose([runs.store[number % len(runs.store)]])
        elif number > 15:
            runs.lose_all()

    @precondition(lambda self: self.world.runs.partitions)
    @rule(number=SOME_NUMBER, whole=st.booleans())
    def run_by_person(self, number: int, whole: bool) -> None:
        known = [one for one in self._batches() if one.batch_id in self.world.runs.partitions]
        if known:
            batch = known[number % len(known)]
            self.world.runs.by_person(batch.connector, batch.batch_id, whole=whole)

    @precondition(lambda self: any(self.world.cuts.values()))
    @rule(number=SOME_NUMBER)
    def run_again_by_person(self, number: int) -> None:
        batches = self._batches()
        if batches:
            self.world.run_again_by_person(batches[number % len(batches)])

    @precondition(lambda self: self.world.storage.known_keys())
    @rule(crash_at=st.one_of(st.none(), st.integers(0, 20)))
    def cut_by_person(self, crash_at: int | None) -> None:
        self.world.as_actor(Actor(crash_at), self.world.cut_by_person)

    @precondition(lambda self: any(self.world.cuts.values()))
    @rule(number=SOME_NUMBER, crash_at=st.one_of(st.none(), st.integers(0, 20)))
    def cut_again_by_person(self, number: int, crash_at: int | None) -> None:
        runs = self.world.runs
        for run in runs.at_work()[:1]:
            run.dead = True
        runs.notice_dead()
        self.world.tick()
        failed = [one for one in self._batches() if one.state is BatchState.FAILED]
        if failed:
            batch = failed[number % len(failed)]
            self.world.as_actor(Actor(crash_at), lambda: self.world.cut_again_by_person(batch))

    def _batches(self) -> list[Batch]:
        return [batch for name in PREFIXES for batch in self.world.batches(name)]

    def teardown(self) -> None:
        if self.paused is not None and not self.paused.done:
            self.paused.go_on()
        self.world.settle(drop=self.drop_the_rest)
        for connector in PREFIXES:
            self.world.check_at_rest(connector)


def test_keys_that_do_not_count_are_told_apart() -> None:
    assert all(counts(key) for key in KEYS)
    assert not any(counts(key) for key in UNCOUNTED[:3])


TestHistories: Any = Histories.TestCase
TestHistories.settings = settings(
    max_examples=HISTORIES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
