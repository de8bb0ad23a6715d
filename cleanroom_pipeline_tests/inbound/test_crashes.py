"""A straight history, and the same with the process ending before or after each of its writes.

The writes are found by a run without a crash. What is there in the end must be the same, but for
times. The last test kills real processes on a real server.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from cleanroom_pipeline.inbound.completion.combined import ThenQuiet
from cleanroom_pipeline.inbound.completion.decision import CompletionPolicy
from cleanroom_pipeline.inbound.completion.provider_run import ProviderRun
from cleanroom_pipeline.inbound.completion.quiet_period import QuietPeriod
from cleanroom_pipeline.ledger import Delivery
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline.model import BatchState
from cleanroom_pipeline_tests.inbound.gate import Actor
from cleanroom_pipeline_tests.inbound.memory_runs import Run
from cleanroom_pipeline_tests.inbound.world import QUIET, SHOP, World

POLICIES = (QuietPeriod(QUIET), ThenQuiet(ProviderRun(), QUIET))
Step = Callable[[Callable[[], object]], None]


def straight_history(world: World, step: Step) -> None:
    """Two deliveries, one with an overwritten file; an empty one; one that fails and is cut again.

    Whatever a process of ours does goes through `step`, which does it again after a crash.
    """
    for key in ("in/shop/1/a.csv", "in/shop/1/b.csv", "in/shop/1/a.csv"):
        world.put(key)
        world.deliver()
        step(world.tick)
    end_delivery(world, step, "1", records=3)
    run_to_the_end(world, step)
    world.put("in/shop/2/c.csv")
    world.deliver()
    step(world.tick)
    end_delivery(world, step, "2", records=1)
    fail(world, step)
    failed = world.batches()[-1]
    step(lambda: world.run_again_by_person(failed))
    step(world.tick)
    run_to_the_end(world, step)
    end_delivery(world, step, "3", records=0)
    gone = world.put("in/shop/4/gone.csv")
    world.put("in/shop/4/left.csv")
    world.deliver()
    step(world.tick)
    end_delivery(world, step, "4", records=2)
    world.storage.delete_version(gone.key, gone.version_id)
    run_to_the_end(world, step)
    step(world.tick)
    failed = world.batches()[-1]
    step(lambda: world.cut_again_by_person(failed))
    step(world.tick)
    run_to_the_end(world, step)
    step(world.tick)


def end_delivery(world: World, step: Step, name: str, *, records: int) -> None:
    delivery = Delivery(name, f"in/shop/{name}", records, world.clock.whole())
    if not isinstance(world.policy, QuietPeriod):
        step(lambda: world.ledger.record_delivery(SHOP, delivery))
    world.wait(QUIET.total_seconds() + 1)
    step(world.tick)


def run_to_the_end(world: World, step: Step) -> None:
    for run in world.runs.at_work():
        for number in range(1, 7):
            if run in world.runs.at_work():
                step(partial(do_step, world, run, number))


def do_step(world: World, run: Run, number: int) -> None:
    """Do a step of a run, or do it again after a crash in it."""
    run.steps = number - 1
    world.runs.step(run)


def fail(world: World, step: Step) -> None:
    for run in world.runs.at_work():
        run.dead = True
    world.runs.notice_dead()
    step(world.tick)


def result_of(world: World) -> dict[str, Any]:
    """Return what is there in the end, with batches by number in place of their ids."""
    known = list(world.ledger.batches(SHOP))[::-1]
    number = {batch.batch_id: f"batch {count}" for count, batch in enumerate(known)}
    manifests = [world.manifest(batch) for batch in known]
    return {
        "batches": [(batch.state, batch.attempt, batch.was_published) for batch in known],
        "files": [[(file.key, file.version_id) for file in one.files] for one in manifests],
        "recut_of": [number.get(one.recut_of or "") for one in manifests],
        "taken": {
            sk: number.get(item.get("batch_id", ""), item.get("outcome"))
            for (pk, sk), item in world.table.dump().items()
            if pk == f"taken#{SHOP}"
        },
        "pending": world.ledger.pending(SHOP),
        "active": world.ledger.active_batches(SHOP),
        "open": world.ledger.head(SHOP).open_batch,
        "empty": len(world.ledger.empty_deliveries(SHOP, 10)),
        "told": [(notice.kind, notice.waiting_for) for notice in world.ledger.notices()],
        "requests": {
            f"{number[key[:25]]} {key[25:]}": count for key, count in world.runs.made.items()
        },
        "published": sorted({number[batch_id] for batch_id in world.runs.table}),
        "messages": world.queue.is_empty,
    }


def live_through(policy: CompletionPolicy, crash_at: int | None) -> tuple[World, Actor]:
    """Live through the history with one crash, each time by a process that begins anew."""
    world, process = World(policy=policy), Actor(crash_at)

    def step(work: Callable[[], object]) -> None:
        if world.as_actor(process, work):
            # What a process received and did not delete comes again.
            world.queue.show_again()
            world.as_actor(Actor(), work)

    straight_history(world, step)
    return world, process


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_a_crash_before_or_after_any_write_changes_nothing_in_the_end(
    policy: CompletionPolicy,
) -> None:
    world, process = live_through(policy, None)
    expected = result_of(world)
    assert expected["batches"] == [
        (BatchState.PUBLISHED, 1, True),
        (BatchState.PUBLISHED, 2, True),
        (BatchState.REPLACED, 1, False),
        (BatchState.PUBLISHED, 1, True),
    ]
    pulls = not isinstance(policy, QuietPeriod)
    assert len(expected["told"]) == expected["empty"] == int(pulls)
    assert len(process.passed) > 50
    for crash_at, place in enumerate(process.passed):
        world, _ = live_through(policy, crash_at)
        assert result_of(world) == expected, f"a crash {place} (the passing {crash_at})"


@pytest.mark.e2e
def test_killing_the_process_at_any_write_to_a_real_server_changes_nothing_in_the_end() -> None:
    with LocalAws.start() as aws:
        command = [sys.executable, "-m", "cleanroom_pipeline_tests.inbound.killed_process"]
        done = subprocess.run(
            [*command, aws.endpoint],
            env={**os.environ, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    whole, *killed = map(json.loads, done.stdout.splitlines())
    assert whole["killed"] is None
    assert whole["files"] == [["in/shop/a.csv", "in/shop/b.csv"]]
    assert whole["requests"] == 1
    assert len(killed) > 10
    for one in killed:
        assert one == {**whole, "killed": one["killed"]}
