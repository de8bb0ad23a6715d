"""Histories that broke a promise once, or that chance finds too seldom.

Here: each by its name, as short as it can be. Not here: what may happen in any order
(`test_histories`).
"""

from datetime import timedelta
from itertools import count

import pytest

from cleanroom_pipeline.inbound.batch_runs import RunState
from cleanroom_pipeline.inbound.completion.quiet_period import QuietPeriod
from cleanroom_pipeline.model import BatchState
from cleanroom_pipeline_tests.inbound.gate import Actor, Paused
from cleanroom_pipeline_tests.inbound.world import OTHER, QUIET, SHOP, World

LONG = "in/shop/" + "long" * 248
# S3 lists them in this order; written down with their version ids, they may sort in another.
KEYS_THAT_SORT_BADLY = (
    ("in/shop/a", "in/shop/a\x01", "in/shop/a b", "in/shop/a!"),
    tuple(f"{LONG}{number:02d}" for number in range(12)),
)


def with_a_batch() -> World:
    """Return a world with one batch that was cut, and whose run was launched."""
    world = World()
    world.put("in/shop/a.csv")
    world.deliver()
    world.tick()
    world.wait(QUIET.total_seconds() + 1)
    world.tick()
    return world


def settled(world: World) -> World:
    world.settle()
    for connector in (SHOP, OTHER):
        world.check_at_rest(connector)
    return world


@pytest.mark.parametrize("page", [1, 2, 3, 5])
@pytest.mark.parametrize("keys", KEYS_THAT_SORT_BADLY, ids=["low characters", "long"])
def test_pages_may_begin_and_end_at_any_key(page: int, keys: tuple[str, ...]) -> None:
    world = World(page=page)
    for key in keys:
        world.put(key)
        world.deliver()
    world.tick()
    for key in keys[::2]:
        world.put(key)
    for key in keys[1::4]:
        world.storage.delete(key)
    settled(world)
    (batch,) = world.batches()
    current = [one.version_id for one in world.data()]
    assert [file.version_id for file in world.manifest(batch).files] == current


@pytest.mark.parametrize("ended", [RunState.ENDED_BADLY, RunState.SUCCEEDED])
def test_a_persons_run_does_not_keep_a_batch_from_its_own(ended: RunState) -> None:
    """The requested run dies before it begins; a person's run that ends is then the newest."""
    world = with_a_batch()
    (requested,) = world.runs.store
    (batch,) = world.batches()
    by_person = world.runs.by_person(SHOP, batch.batch_id, whole=False)
    requested.dead = True
    world.runs.notice_dead()
    by_person.state = ended
    (batch,) = settled(world).batches()
    assert batch.state in (BatchState.PUBLISHED, BatchState.FAILED)


@pytest.mark.parametrize("steps", range(6))
def test_a_batch_whose_run_is_lost_with_all_that_dagster_knew_is_run_again(steps: int) -> None:
    world = with_a_batch()
    (run,) = world.runs.store
    for _ in range(steps):
        world.runs.step(run)
    run.dead = True
    world.runs.lose_all()
    (batch,) = settled(world).batches()
    assert batch.state is BatchState.PUBLISHED


def test_a_sensor_that_saw_a_failed_run_does_not_fail_the_run_after_it() -> None:
    """A sensor sees the failed run and stops there; a person's run does all but its last write."""
    for pause_at in count(1):
        world = with_a_batch()
        (first,) = world.runs.store
        world.runs.step(first)
        first.dead = True
        world.runs.notice_dead()
        sensor = Paused(world.gate, world.tick, pause_at=pause_at)
        if sensor.done:
            break
        again = world.runs.by_person(SHOP, first.batch_id, whole=True)
        for _ in range(4):
            world.runs.step(again)
        sensor.go_on()
        while again.state is RunState.LIVE:
            world.runs.step(again)
        assert settled(world).batches()[0].state is BatchState.PUBLISHED
    assert pause_at > 5


def test_what_comes_while_a_sensor_sleeps_has_its_quiet_period() -> None:
    """A sensor reads the time and sleeps; what it is told of then is newer than that time."""
    for pause_at in count(1):
        world = World()
        sensor = Paused(world.gate, world.tick, pause_at=pause_at)
        if sensor.done:
            break
        world.wait(QUIET.total_seconds() + 1)
        world.put("in/shop/a.csv")
        world.deliver()
        sensor.go_on()
        world.tick()
        assert world.batches() == []
        assert len(settled(world).batches()) == 1
    assert pause_at > 5


def test_a_look_through_the_bucket_counts_from_its_beginning() -> None:
    """An object comes to a part that was looked through already, and no message tells of it."""
    world = World(page=1)
    for name in "abc":
        world.put(f"in/shop/{name}.csv")
    world.deliver()
    world.tick()
    world.wait(QUIET.total_seconds() + 1)
    world.tick(seconds_a_call=6)
    assert world.batches() == []
    world.put("in/shop/0.csv")
    world.in_flight.clear()
    world.wait(30)
    world.tick()
    (batch,) = world.batches()
    assert len(world.manifest(batch).files) == 3
    assert len(settled(world).batches()) == 2


def test_nothing_is_cut_before_the_whole_bucket_was_looked_through() -> None:
    """The last object is one that no message tells of, and the look takes several ticks."""
    world = World(page=1)
    for name in "abc":
        world.put(f"in/shop/{name}.csv")
    world.deliver()
    world.tick()
    world.put("in/shop/z.csv")
    world.in_flight.clear()
    world.wait(QUIET.total_seconds() + 1)
    world.tick(seconds_a_call=6)
    world.tick()
    assert world.batches() == []
    (batch,) = settled(world).batches()
    assert len(world.manifest(batch).files) == 4


@pytest.mark.parametrize("first", ["sensor", "person"])
def test_two_never_cut_the_same_files_whatever_the_second_one_left_undone(first: str) -> None:
    """One stops anywhere; a sensor ends at any of its writes; the first goes on."""
    for pause_at in count(1):
        for crash_at in count():
            world = World()
            world.put("in/shop/a.csv")
            world.deliver()
            world.tick()
            world.wait(QUIET.total_seconds() + 1)
            work = world.tick if first == "sensor" else world.cut_by_person
            paused = Paused(world.gate, work, pause_at=pause_at)
            crashed = world.as_actor(Actor(crash_at), world.tick)
            if paused.done:
                assert pause_at > 10
                return
            paused.go_on()
            assert len(settled(world).batches()) == 1
            if not crashed:
                break


def test_a_person_takes_the_second_of_two_whole_deliveries_while_the_first_is_cut() -> None:
    """A sensor cuts folder after folder in one tick, and a person's cut comes anywhere between."""
    for pause_at in count(1):
        world = World(policy=QuietPeriod(QUIET, "folder"))
        for folder in "ab":
            world.put(f"in/shop/{folder}/1.csv")
        world.deliver()
        world.tick()
        world.wait(QUIET.total_seconds() + 1)
        paused = Paused(world.gate, world.tick, pause_at=pause_at)
        world.cut_by_person()
        if paused.done:
            assert pause_at > 20
            return
        paused.go_on()
        settled(world)


def with_a_failed_batch() -> World:
    world = with_a_batch()
    (run,) = world.runs.at_work()
    world.runs.step(run)
    run.dead = True
    world.runs.notice_dead()
    world.tick()
    return world


def test_what_a_batch_took_from_one_that_was_forgotten_is_not_taken_again() -> None:
    """A deleted file is in no listing, so that nothing reminds the ledger of it before the cut.

    It is in the later batch all the same, as its version is there, and its deletion is undone then.
    """
    world, key = with_a_failed_batch(), "in/shop/a.csv"
    (failed,) = world.batches()
    world.storage.delete(key)
    world.wait(timedelta(days=91).total_seconds())
    world.cut_again_by_person(failed)
    world.storage.delete_version(key, world.storage.versions(key)[0].version_id)
    (batch,) = settled(world).batches()
    assert world.manifest(batch).recut_of == failed.batch_id
