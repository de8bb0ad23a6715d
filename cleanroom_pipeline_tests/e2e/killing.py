"""Deliveries that arrive while the daemon is killed, and what the pipeline has made of them.

Here: the plan of both, drawn from a seed; carrying it out; waiting until nothing is left to do;
reading the outcome. Not here: what must be true of the outcome (`test_killed_daemon`).
"""

import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from cleanroom_pipeline.demo.customers import write_csv_shards
from cleanroom_pipeline.demo.deliveries import PUSH_PREFIX
from cleanroom_pipeline.demo.processes import Child, ProcessError, wait_for
from cleanroom_pipeline.inbound.completion.objects import only_signals
from cleanroom_pipeline.model import BatchState, Manifest
from cleanroom_pipeline.records import read_manifest
from cleanroom_pipeline_tests.e2e.conftest import PROJECT, Running

PUSH = "bigquery_customers"
JOB = f"{PUSH}__batch_job"
ROWS_PER_OBJECT = 5
DIES_WITHIN_SECONDS = 10.0
LATEST_PUSH_SECONDS = 10.0
# About what a run takes, from the start of its worker.
RUN_SECONDS = 8.0
NOT_YET = (BatchState.CUT, BatchState.RUNNING, BatchState.FAILED)
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True, slots=True)
class Storm:
    """How much arrives, and how often the daemon is killed meanwhile.

    A daemon is left alone for `longest_life` seconds at most, once it is up; where a run is to be
    hit, its start is waited for before, for `run_within` seconds at most. All must be quiet within
    `quiet_within` seconds afterwards.
    """

    deliveries: int
    objects: int
    kills: int
    longest_life: float
    run_within: float
    quiet_within: float


@dataclass(frozen=True, slots=True)
class Put:
    """An object that is pushed so many seconds after a daemon died, or after the first start."""

    after: float
    key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: of the daemon alone, or with its code server, run workers and steps.

    `hits_run`: not before a run is under way. `after` is in seconds from then, or from the daemon's
    start.
    """

    after: float
    everything: bool
    hits_run: bool


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """An object version."""

    key: str
    version_id: str


def planned_kills(storm: Storm, draw: random.Random) -> list[Kill]:
    """Return the kills; every second one takes everything, and half of all are to hit a run."""
    kinds = itertools.cycle([(True, True), (False, True), (True, False), (False, False)])
    return [
        Kill(draw.uniform(0, RUN_SECONDS if hits_run else storm.longest_life), everything, hits_run)
        for everything, hits_run in itertools.islice(kinds, storm.kills)
    ]


def planned_puts(storm: Storm, draw: random.Random) -> list[list[Put]]:
    """Return what is pushed, in order, from each daemon's predecessor's death on.

    Each delivery has a folder. In each, one object of twenty is written twice in a row, one of
    twenty of an earlier delivery is put again with other content, and every second has `_SUCCESS`.
    """
    lives: list[list[Put]] = [[] for _ in range(storm.kills + 1)]
    earlier: list[str] = []
    bounds = [storm.objects * n // storm.deliveries for n in range(storm.deliveries + 1)]
    for number, (first, end) in enumerate(itertools.pairwise(bounds)):
        folder, count = f"{PUSH_PREFIX}export-{number:03d}/", end - first
        again = max(1, count // 20)
        bodies = shards(count + 2 * again, seed=draw.randrange(1_000_000))
        names = [f"{folder}shard-{n:05d}.csv" for n in range(count)]
        twice = set(draw.sample(names, again))
        keys = [name for name in names for _ in range(1 + (name in twice))]
        keys += draw.sample(earlier, min(len(earlier), again))
        after = draw.uniform(0, LATEST_PUSH_SECONDS)
        puts = lives[number * len(lives) // storm.deliveries]
        # Not every delivery has an earlier one whose objects it puts again.
        puts += [Put(after, key, body) for key, body in zip(keys, bodies, strict=False)]
        puts += [Put(after, f"{folder}_SUCCESS", b"")] * (number % 2)
        earlier += names
    return lives


def shards(count: int, *, seed: int) -> list[bytes]:
    """Return the content of so many CSV objects of made-up customers."""
    with tempfile.TemporaryDirectory(prefix="cleanroom-shards-") as folder:
        rows = count * ROWS_PER_OBJECT
        paths = write_csv_shards(Path(folder), count=rows, shards=count, seed=seed)
        return [path.read_bytes() for path in paths]


def push(running: Running, puts: Sequence[Put], stopped: threading.Event) -> set[Version]:
    """Push everything, each at its time; return every data version that S3 took."""
    storage = running.resources.storage
    client, began = storage.session.client("s3"), time.monotonic()
    taken = set()
    for put in puts:
        if stopped.wait(max(0.0, began + put.after - time.monotonic())):
            break
        answer = client.put_object(Bucket=storage.inbound_bucket, Key=put.key, Body=put.body)
        if not only_signals(put.key):
            taken.add(Version(put.key, answer["VersionId"]))
    return taken


def weather(
    running: Running, storm: Storm, lives: Sequence[Sequence[Put]], kills: Sequence[Kill]
) -> set[Version]:
    """Push while the daemon is killed and started again; return what was pushed."""
    stopped = threading.Event()
    # One thread: what is put twice is put in the order of the plan.
    with ThreadPoolExecutor(max_workers=1) as pusher:
        pushing = []
        try:
            for puts, kill in itertools.zip_longest(lives, kills):
                pushing.append(pusher.submit(push, running, puts, stopped))
                if kill:
                    strike(running, storm, kill)
            running.pipeline.start_daemon_again(running.instance)
            return set().union(*(pushed.result() for pushed in pushing))
        finally:
            stopped.set()


def strike(running: Running, storm: Storm, kill: Kill) -> None:
    """Start the daemon unless it runs, and kill it at its moment."""
    if not alive(running.pipeline.daemon):
        running.pipeline.start_daemon_again(running.instance)
    if kill.hits_run:
        deadline = time.monotonic() + storm.run_within
        while time.monotonic() < deadline and not runs_in(running, [dg.DagsterRunStatus.STARTED]):
            time.sleep(0.1)
    # The moment is what is random here; nothing is waited for.
    time.sleep(kill.after)
    daemon = running.pipeline.daemon
    (os.killpg if kill.everything else os.kill)(daemon.pid, signal.SIGKILL)
    wait_for(lambda: not alive(daemon), DIES_WITHIN_SECONDS, lambda: "The daemon outlived SIGKILL.")


def alive(child: Child) -> bool:
    """Tell whether a process has not ended."""
    try:
        child.check()
    except ProcessError:
        return False
    return True


def runs_in(running: Running, statuses: list[dg.DagsterRunStatus]) -> list[dg.DagsterRun]:
    """Return the batch job's runs in these states."""
    found = running.instance.get_runs(dg.RunsFilter(job_name=JOB, statuses=statuses))
    return list(found)


def run_failed_ones_again(running: Running) -> set[str]:
    """Do what a person does about batches that failed; return their ids."""
    failed = {b.batch_id for b in running.ledger.batches(PUSH) if b.state is BatchState.FAILED}
    for batch_id in failed:
        command = [str(Path(sys.executable).with_name("cleanroom")), "batch", "rerun"]
        subprocess.run(
            [*command, PUSH, batch_id],
            cwd=PROJECT,
            env=running.pipeline.child_environment(),
            check=True,
            capture_output=True,
        )
    return failed


def settle(running: Running, storm: Storm) -> set[str]:
    """Wait until nothing is left to do; return the batches that had to be run again by hand."""
    by_hand: set[str] = set()

    def quiet() -> bool:
        running.pipeline.check()
        again = run_failed_ones_again(running)
        by_hand.update(again)
        return not again and not left_to_do(running)

    wait_for(
        quiet,
        storm.quiet_within,
        lambda: f"{', '.join(left_to_do(running))}; see {running.pipeline.logs}",
    )
    return by_hand


def left_to_do(running: Running) -> list[str]:
    """Return in words what is not done yet."""
    ledger = running.ledger
    # First: a message goes once what it tells is recorded, and not before.
    messages = messages_left(running)
    pending = [one.arrival.key for one in ledger.pending(PUSH).arrivals]
    states = [batch.state for batch in ledger.batches(PUSH)]
    unfinished = runs_in(running, UNFINISHED)
    lost = current_versions(running) - held_versions(running).keys()
    counts = {
        "messages are in the queue": messages,
        "objects are pending": sum(not only_signals(key) for key in pending),
        "objects are in no batch": len(lost),
        "batches are being cut": int(ledger.head(PUSH).open_batch is not None),
        "batches are not published": sum(state in NOT_YET for state in states),
        "runs have not ended": len(unfinished),
    }
    return [f"{count} {what}" for what, count in counts.items() if count]


def messages_left(running: Running) -> int:
    """Return how many messages tell of arrivals, also those that a dead daemon had taken."""
    queue = running.resources.inbound_queue
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = queue.session.client("sqs").get_queue_attributes(
        QueueUrl=queue.queue_url, AttributeNames=names
    )
    return sum(int(answer["Attributes"][name]) for name in names)


def current_versions(running: Running) -> set[Version]:
    """Return the current version of every data object, as the bucket lists them."""
    storage = running.resources.storage
    pages = storage.client.get_paginator("list_object_versions").paginate(
        Bucket=storage.inbound_bucket, Prefix=PUSH_PREFIX
    )
    return {
        Version(one["Key"], one["VersionId"])
        for page in pages
        for one in page.get("Versions", ())
        if one["IsLatest"] and not only_signals(one["Key"])
    }


def manifests(running: Running) -> Iterator[Manifest]:
    """Yield the manifests of all batches that have not been replaced, the newest first."""
    for batch in running.ledger.batches(PUSH):
        if batch.state is not BatchState.REPLACED:
            yield read_manifest(running.resources.storage, PUSH, batch.batch_id)


def held_versions(running: Running) -> dict[Version, list[str]]:
    """Return the batches whose manifests name each data version."""
    held: dict[Version, list[str]] = {}
    for manifest in manifests(running):
        for file in manifest.files:
            held.setdefault(Version(file.key, file.version_id), []).append(manifest.batch_id)
    return held
