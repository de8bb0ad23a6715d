"""The five ways in which the solution that this project replaces loses files, and that we do not.

Each test tells what happened there (`aws-solutions/data-connectors-for-aws-clean-rooms`, v1.2.2):
one state machine counted down after the newest event time, which a table kept as a text.
"""

from cleanroom_pipeline.inbound.batch_runs import RunState
from cleanroom_pipeline.model import BatchState
from cleanroom_pipeline_tests.inbound.gate import Actor
from cleanroom_pipeline_tests.inbound.world import QUIET, SHOP, World

QUIET_SECONDS = QUIET.total_seconds()


def deliver(world: World, *names: str) -> None:
    """Put objects, tell of them, and let the sensor see that."""
    for name in names:
        world.put(f"in/shop/{name}")
    world.deliver()
    world.tick()


def cut_what_is_quiet(world: World) -> None:
    world.wait(QUIET_SECONDS + 1)
    world.tick()


def files_of_batches(world: World) -> list[list[str]]:
    """Return the names of each batch's files, the earliest batch first."""
    manifests = [world.manifest(batch) for batch in world.batches()]
    return [[file.key.removeprefix("in/shop/") for file in one.files] for one in manifests]


def test_what_arrives_while_a_run_is_under_way_becomes_the_next_batch() -> None:
    """There, its time was noted while the state machine ran, which started nothing; nobody looked
    again when the run ended, and the message that came again was "not newer".
    """
    world = World()
    deliver(world, "first.csv")
    cut_what_is_quiet(world)
    (run,) = world.runs.store
    world.runs.step(run)
    deliver(world, "second.csv")
    cut_what_is_quiet(world)
    assert run.state is RunState.LIVE
    assert files_of_batches(world) == [["first.csv"], ["second.csv"]]
    world.settle()
    assert [batch.state for batch in world.batches()] == [BatchState.PUBLISHED] * 2


def test_what_was_recorded_before_a_crash_is_requested_after_it() -> None:
    """There, the time was noted before the state machine was started: where that failed, the
    retry found "no newer timestamp" and dropped the files for good.
    """
    dry = World()
    deliver(dry, "a.csv")
    dry.wait(QUIET_SECONDS + 1)
    dry.as_actor(boundaries := Actor(), dry.tick)
    assert len(boundaries.passed) > 0
    for crash_at in range(len(boundaries.passed)):
        world = World()
        deliver(world, "a.csv")
        world.wait(QUIET_SECONDS + 1)
        assert world.as_actor(Actor(crash_at), world.tick)
        world.tick()
        assert files_of_batches(world) == [["a.csv"]]
        assert sum(world.runs.made.values()) == 1


def test_messages_that_come_late_or_tell_the_same_time_still_count() -> None:
    """There, an event that was not newer than the newest one was dropped, though its object was
    never read: SQS and S3 promise no order, and two objects may have one time.
    """
    world = World()
    world.put("in/shop/early.csv")
    late_message = world.in_flight.pop()
    world.wait(5)
    deliver(world, "one.csv", "same_time.csv")
    cut_what_is_quiet(world)
    world.queue.send(late_message)
    world.tick()
    cut_what_is_quiet(world)
    in_batches = [name for batch in files_of_batches(world) for name in batch]
    assert sorted(in_batches) == ["early.csv", "one.csv", "same_time.csv"]


def test_times_are_compared_as_times_and_never_go_backwards() -> None:
    """There, times were texts, of which `12:00:00Z` is greater than `12:00:00.500Z`, and were
    written without a condition: an older one could replace a newer, and the cut came early.
    """
    for last_first in (False, True):
        world = World()
        world.wait(59)
        world.put("in/shop/whole_second.csv")
        world.wait(0.5)
        world.put("in/shop/half_a_second_later.csv")
        assert ['12:00:59Z"' in body for body in world.in_flight] == [True, False]
        world.wait(0.1)
        world.deliver(last_first=last_first)
        world.tick()
        world.wait(QUIET_SECONDS - 0.2)
        world.tick()
        assert files_of_batches(world) == []
        world.wait(1)
        world.tick()
        assert files_of_batches(world) == [["half_a_second_later.csv", "whole_second.csv"]]


def test_every_shard_of_a_push_is_in_the_batch_and_none_of_an_earlier_push() -> None:
    """There, a bulk connector read the newest file of a push alone, and an incremental one read
    the whole prefix again each time.
    """
    world = World()
    shards = [f"export-{number:012d}.parquet" for number in range(120)]
    deliver(world, *shards)
    cut_what_is_quiet(world)
    deliver(world, "export-2.parquet")
    cut_what_is_quiet(world)
    assert files_of_batches(world) == [shards, ["export-2.parquet"]]
    world.settle()
    world.check_at_rest(SHOP)
