"""What a sensor's tick and a reconciliation cost, over AWS in memory: our own share of it.

Here: the worlds, what is timed, the printed lines. Not here: what AWS itself takes, of which the
number of calls is told instead.
"""

import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from cleanroom_pipeline.inbound.batch_runs import SeenRun
from cleanroom_pipeline.inbound.completion.quiet_period import QuietPeriod
from cleanroom_pipeline.inbound.intake import Intake
from cleanroom_pipeline.inbound.reconcile import Pass, go_on
from cleanroom_pipeline.inbound.tick import Tick, TickSettings
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.ledger.items import arrival_sk, taken_item
from cleanroom_pipeline.ledger.table import never
from cleanroom_pipeline.model import Arrival, Batch
from cleanroom_pipeline_tests.inbound.gate import Actor, Clock, Gate
from cleanroom_pipeline_tests.inbound.stand_ins import MemoryQueue, MemoryStorage, MemoryTable

PREFIX = "inbound/shop/"
PENDING = 100
P9_TARGET = 1.2
FLAT = 1.2


class Counting(Actor):
    """A process that counts its calls to AWS."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def reads(self) -> None:
        self.calls += 1


class NoRuns:
    """Dagster, where there are no runs."""

    def newest(self, batch_id: str) -> SeenRun | None:
        return None

    def has_request(self, batch: Batch) -> bool:
        return False

    def is_known(self, batch_id: str) -> bool:
        return True


@dataclass(frozen=True)
class World:
    """A connector's buckets, queue and ledger, and the counter of the calls to them."""

    intake: Intake
    counting: Counting

    def calls_of(self, work: Callable[[], object]) -> int:
        """Return how many calls a piece of work makes."""
        before = self.counting.calls
        work()
        return self.counting.calls - before


def empty_world() -> World:
    """Return a world in which nothing has happened."""
    counting, clock = Counting(), Clock()
    gate = Gate(counting)
    return World(
        Intake(
            MemoryStorage.behind(gate, clock),
            MemoryQueue.behind(gate, clock),
            Ledger(table=MemoryTable.behind(gate)),
            {"shop": PREFIX},
            wait_seconds=0,
        ),
        counting,
    )


def remember(world: World, arrivals: Iterable[Arrival]) -> None:
    """Let the ledger have taken these long ago, faster than by the front door."""
    table = world.intake.ledger.table
    assert isinstance(table, MemoryTable)
    at = world.intake.storage.inbound_clock(PREFIX)
    batch = "20261123T000000Z-00000000"
    table.fill(taken_item("shop", arrival_sk(one), at, batch_id=batch) for one in arrivals)


def keys(count: int, folder: str = "past") -> Iterable[str]:
    """Return names as an exporter counts them."""
    return (f"{PREFIX}{folder}/{number:012d}.csv" for number in range(count))


def waiting_world(past: int) -> World:
    """Return a world with a delivery that is not quiet yet, and so many arrivals before it."""
    world = empty_world()
    storage = world.intake.storage
    assert isinstance(storage, MemoryStorage)
    moment = storage.inbound_clock(PREFIX)
    remember(world, (Arrival(key, "v1", "e", 1, moment) for key in keys(past)))
    pending = [storage.put(key).arrival for key in keys(PENDING, "now")]
    world.intake.ledger.record_arrivals("shop", pending, seen_at=moment)
    return world


def taken_world(count: int) -> World:
    """Return a world whose bucket holds so many objects, all of which a batch has."""
    world = empty_world()
    storage = world.intake.storage
    assert isinstance(storage, MemoryStorage)
    remember(world, [storage.put(key).arrival for key in keys(count)])
    return world


def ticks(past: int, times: int) -> None:
    """P9: print what a tick costs with and without a long past."""
    settings = TickSettings(
        "shop", QuietPeriod(timedelta(hours=1)), reconcile_every=timedelta(days=1)
    )
    worlds = {0: waiting_world(0), past: waiting_world(past)}
    sensors = {n: Tick(settings, w.intake, NoRuns(), time.monotonic) for n, w in worlds.items()}
    cursors = {n: tick(None).cursor for n, tick in sensors.items()}
    seconds: dict[int, list[float]] = {n: [] for n in worlds}
    for _ in range(times):
        for n, tick in sensors.items():
            began = time.perf_counter()
            tick(cursors[n])
            seconds[n].append(time.perf_counter() - began)
    medians = {n: statistics.median(measured) for n, measured in seconds.items()}
    calls = {n: w.calls_of(partial(sensors[n], cursors[n])) for n, w in worlds.items()}
    for n, median in medians.items():
        print(f"  {n:>9,} past arrivals {1000 * median:7.2f} ms (median)  {calls[n]} calls to AWS")
    ratio = medians[past] / medians[0]
    print(
        f"P9, a tick with {past:,} past arrivals / with none: {ratio:.2f}x; "
        f"target <= {P9_TARGET:g}x ({'met' if ratio <= P9_TARGET else 'MISSED'})"
    )


def listings(small: int, large: int, times: int) -> None:
    """P10: print what a pass over the bucket costs for each 1,000 objects."""
    measured: dict[int, list[float]] = {small: [], large: []}
    worlds = {count: taken_world(count) for count in measured}

    def look_through(count: int) -> None:
        done = go_on(worlds[count].intake, "shop", Pass(), out_of_time=never)
        assert (done.objects, done.recorded, done.set_aside) == (count, 0, 0)

    for _ in range(times):
        for count, seconds in measured.items():
            began = time.perf_counter()
            look_through(count)
            seconds.append((time.perf_counter() - began) / count * 1000)
    peaks = {count: _peak_mb(partial(look_through, count)) for count in measured}
    calls = {n: w.calls_of(partial(look_through, n)) / n * 1000 for n, w in worlds.items()}
    medians = {count: statistics.median(seconds) for count, seconds in measured.items()}
    for count in measured:
        print(
            f"  {count:>9,} objects {1000 * medians[count]:7.2f} ms and {calls[count]:.2f} calls "
            f"for each 1,000  {peaks[count]:5.1f} MB (peak)"
        )
    for what, ratio in (
        ("time", medians[large] / medians[small]),
        ("memory", peaks[large] / peaks[small]),
    ):
        print(
            f"P10, {what} for each 1,000 of {large:,} objects / of {small:,}: {ratio:.2f}x; "
            f"target flat, <= {FLAT:g}x ({'met' if ratio <= FLAT else 'MISSED'})"
        )


def _peak_mb(work: Callable[[], None]) -> float:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
