"""Starting and waiting, with the process ending before or after each of its writes.

The writes are found by a life without a crash. Then the next process of the same Dagster run goes
on; in between DataBrew's run goes on, or ends, or its answer was lost. One run is there in the end.
"""

from collections.abc import Callable
from functools import partial

import pytest

from cleanroom_pipeline.model import data_prefix
from cleanroom_pipeline_tests.inbound.gate import Actor, Paused
from cleanroom_pipeline_tests.transform.brewing import BATCH, SHOP, Brewing

Between = Callable[[Brewing], None]


def nothing(world: Brewing) -> None:
    del world


def the_run_ends(world: Brewing) -> None:
    world.databrew.let_pass()


def live_through(crash_at: int | None, between: Between, *, lost: int) -> tuple[Brewing, Actor]:
    world, process = Brewing(), Actor(crash_at)
    world.databrew.script(["STARTING", "RUNNING", "SUCCEEDED"])
    world.databrew.lose_answers(lost)
    if world.as_actor(process, world.process):
        between(world)
        world.as_actor(Actor(), lambda: world.process(write_id="00000000-1"))
    return world, process


@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize("between", [nothing, the_run_ends])
def test_a_crash_before_or_after_any_write_leads_to_one_run_and_its_table(
    between: Between, lost: int
) -> None:
    _, straight = live_through(None, between, lost=lost)
    assert len(straight.passed) > 16
    assert "before StartJobRun" in straight.passed
    for crash_at, place in enumerate(straight.passed):
        world, _ = live_through(crash_at, between, lost=lost)
        where = f"a crash {place} (the passing {crash_at})"
        (run,) = world.databrew.all_runs()
        assert run.state == "SUCCEEDED", where
        record = world.record()
        assert record is not None
        assert (record.external_id, record.run_id) == (run.run_id, "root"), where
        found = world.transformed()
        assert found.external_run_id == run.run_id, where
        assert found.prefix.startswith(run.outputs[0].prefix), where
        assert not [key for key in world.bucket.all_keys if key.startswith("staging/")], where
        tables = [key for key in world.bucket.all_keys if key.startswith("tables/")]
        assert tables == [file.key for file in found.files], where


def test_the_intent_is_in_the_ledger_before_the_start_and_the_id_before_the_wait() -> None:
    world, seen = Brewing(), dict[str, str | None]()

    class Watching(Actor):
        def writes(self, what: str) -> None:
            if what.endswith("StartJobRun"):
                item = world.table.dump().get((f"run#{SHOP}", f"databrew#{BATCH}"))
                seen[what] = item["external_id"] if item else None

    world.as_actor(Watching(), lambda: world.start())
    assert seen == {"before StartJobRun": "", "after StartJobRun": ""}
    record = world.record()
    assert record is not None
    assert record.external_id == "db_1"


def test_a_run_that_failed_in_between_is_not_adopted() -> None:
    world = Brewing()
    world.databrew.script(["STARTING", "FAILED"])
    world.start()
    world.databrew.let_pass()
    assert world.start(write_id="00000000-1") == "db_2"


def test_the_table_of_an_adopted_run_lies_where_that_run_wrote() -> None:
    world = Brewing()
    world.start(write_id="0000000a-0")
    world.databrew.let_pass()
    world.process(write_id="0000000b-0")
    assert world.transformed().prefix.startswith(data_prefix(SHOP, BATCH, "0000000a-0"))


def test_two_dagster_runs_that_start_the_batch_at_once_wait_for_one_run() -> None:
    """One is held up at each of its reads and writes in turn, while the other does all of it."""
    straight, counted = Brewing(), Counting()
    straight.as_actor(counted, straight.start)
    assert counted.reads_seen > 14
    for pause_at in range(1, counted.reads_seen + 1):
        world, ids = Brewing(), dict[str, str]()
        world.databrew.script(["RUNNING"])
        start_a, start_b = (partial(start_as, world, ids, root) for root in "ab")
        held_up = Paused(world.gate, start_a, pause_at=pause_at)
        world.as_actor(Actor(), start_b)
        if not held_up.done:
            held_up.go_on()
        assert held_up.done
        assert len(world.databrew.all_runs()) == 1, f"held up at {pause_at}"
        assert set(ids) == {"a", "b"}
        assert len(set(ids.values())) == 1, f"held up at {pause_at}"


def start_as(world: Brewing, ids: dict[str, str], root: str) -> None:
    ids[root] = world.start(root, f"0000000{root}-0")


class Counting(Actor):
    """Counts the places at which a process may be held up."""

    reads_seen = 0

    def reads(self) -> None:
        self.reads_seen += 1
