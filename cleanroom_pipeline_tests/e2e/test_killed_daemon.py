"""Nothing is lost and nothing comes twice, however often the daemon is killed.

Both sizes run the same storm. What must be true afterwards is asked of the bucket, of the
manifests, of the ledger, of Dagster's runs and of the Glue table, each by itself.
"""

import logging
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from cleanroom_pipeline.catalog.reader import read_table
from cleanroom_pipeline.ledger import Outcome
from cleanroom_pipeline.model import Arrival, Batch, BatchState
from cleanroom_pipeline.recipe import parse_recipe
from cleanroom_pipeline.recipe.engine import EngineSettings, run_recipe
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.transform.local import downloaded
from cleanroom_pipeline_tests.e2e.conftest import PROJECT, Running
from cleanroom_pipeline_tests.e2e.killing import (
    JOB,
    PUSH,
    Storm,
    Version,
    current_versions,
    held_versions,
    manifests,
    planned_kills,
    planned_puts,
    settle,
    weather,
)

LOG = logging.getLogger(__name__)
RECIPE = PROJECT / "cleanroom_pipeline" / "connectors" / PUSH / "recipe.json"
SEED_VARIABLE = "CLEANROOM_KILL_SEED"
# A worker that died, and what it held, are noticed sooner than people have to.
IMPATIENT = {
    "poll_interval_seconds": 2,
    "start_timeout_seconds": 60,
    "free_slots_after_run_end_seconds": 2,
}
SHORT = Storm(
    deliveries=3,
    objects=40,
    kills=3,
    longest_life=3.0,
    run_within=60.0,
    quiet_within=240.0,
)
FULL = Storm(
    deliveries=30,
    objects=2_000,
    kills=20,
    longest_life=15.0,
    run_within=180.0,
    quiet_within=1_200.0,
)


@dataclass(frozen=True)
class Aftermath:
    """What is there once all is quiet, what was pushed, what a person had to run again."""

    running: Running
    pushed: set[Version]
    by_hand: set[str]

    @property
    def batches(self) -> list[Batch]:
        """The batches that no other one has replaced, the newest first."""
        batches = self.running.ledger.batches(PUSH)
        return [batch for batch in batches if batch.state is not BatchState.REPLACED]


def impatient_settings(folder: Path) -> str:
    """Write the instance's own settings down, with shorter times; return where."""
    settings = yaml.safe_load((PROJECT / "dagster.yaml").read_text(encoding="utf-8"))
    settings["run_monitoring"] |= IMPATIENT
    path = folder / "dagster.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return str(path)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(SHORT, id="short", marks=[pytest.mark.e2e, pytest.mark.timeout(600)]),
        pytest.param(
            FULL, id="full", marks=[pytest.mark.e2e, pytest.mark.deep, pytest.mark.timeout(3_600)]
        ),
    ],
)
def aftermath(request: pytest.FixtureRequest, start: Callable[..., Any]) -> Iterator[Aftermath]:
    storm: Storm = request.param
    seed = os.environ.get(SEED_VARIABLE) or str(random.SystemRandom().randrange(1_000_000))
    LOG.warning("Again with the same plan: %s=%s", SEED_VARIABLE, seed)
    draw = random.Random(seed)
    lives, kills = planned_puts(storm, draw), planned_kills(storm, draw)
    with (
        tempfile.TemporaryDirectory(prefix="cleanroom-storm-") as folder,
        start(impatient_settings(Path(folder)), folder=str(storm.deliveries)) as running,
    ):
        pushed = weather(running, storm, lives, kills)
        by_hand = settle(running, storm)
        yield Aftermath(running, pushed, by_hand)


def test_every_current_object_is_in_exactly_one_batch(aftermath: Aftermath) -> None:
    current, held = current_versions(aftermath.running), held_versions(aftermath.running)
    assert {version: held.get(version, []) for version in current} == {
        version: [held[version][0]] for version in current & held.keys()
    }


def test_no_object_version_is_in_two_batches(aftermath: Aftermath) -> None:
    held = held_versions(aftermath.running)
    assert {version: ids for version, ids in held.items() if len(ids) > 1} == {}
    assert held.keys() <= aftermath.pushed


def test_what_is_in_no_batch_was_overwritten_by_what_is_in_one(aftermath: Aftermath) -> None:
    running = aftermath.running
    held, current = held_versions(running), current_versions(running)
    left = aftermath.pushed - held.keys()
    assert {version.key for version in left} <= {version.key for version in current & held.keys()}
    # None: the ledger never heard of it, which is no loss once a newer version is in a batch.
    accounts = {taken_by(running, version) for version in left}
    assert accounts <= {Outcome.OVERWRITTEN.value, None}


def taken_by(running: Running, version: Version) -> str | None:
    arrival: Arrival = running.resources.storage.head_inbound(version.key, version.version_id)
    return running.ledger.taken_by(PUSH, arrival)


def test_every_batch_is_published_in_the_end(aftermath: Aftermath) -> None:
    states = {batch.batch_id: batch.state for batch in aftermath.batches}
    assert states == dict.fromkeys(states, BatchState.PUBLISHED)
    # Only what a person ran again was asked for twice.
    again = {batch.batch_id for batch in aftermath.batches if batch.attempt > 1}
    assert again == aftermath.by_hand


def test_each_attempt_at_a_batch_has_one_run(aftermath: Aftermath) -> None:
    runs = aftermath.running.instance.get_runs(dg.RunsFilter(job_name=JOB))
    # Dagster's own retries are runs too: they are children of the one that they retry.
    keys = [run.tags["dagster/run_key"] for run in runs if run.parent_run_id is None]
    assert sorted(keys) == sorted(
        f"{batch.batch_id}__attempt{attempt}"
        for batch in aftermath.batches
        for attempt in range(1, batch.attempt + 1)
    )


def test_no_attempt_succeeds_twice(aftermath: Aftermath) -> None:
    runs = aftermath.running.instance.get_runs(
        dg.RunsFilter(job_name=JOB, statuses=[dg.DagsterRunStatus.SUCCESS])
    )
    successes = Counter(run.tags["dagster/run_key"] for run in runs)
    assert {key: count for key, count in successes.items() if count > 1} == {}


def test_the_table_shows_the_last_batch_with_all_its_rows(
    aftermath: Aftermath, tmp_path: Path
) -> None:
    running = aftermath.running
    last = next(manifests(running))
    assert last.batch_id == max(batch.batch_id for batch in aftermath.batches)
    table = running.resources.glue.get_table("marketing", "customers")
    assert table["Parameters"]["cleanroom.batch_id"] == last.batch_id
    recipe = parse_recipe(RECIPE.read_text(encoding="utf-8"), name=PUSH)
    with downloaded(running.resources.storage, last) as files:
        expected = run_recipe(
            recipe,
            files,
            FileFormat(kind="csv"),
            tmp_path,
            secrets=running.resources.secrets,
            settings=EngineSettings(),
        )
    assert read_table(table, running.resources.storage.session).num_rows == expected.rows_out > 0
