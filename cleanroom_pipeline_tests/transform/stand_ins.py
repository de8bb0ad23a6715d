"""DataBrew and the transformed bucket in memory, behind a gate, on a clock that only sleep turns.

Here: what DataBrew keeps, and how a run goes on. Not here: where a process ends (`inbound.gate`),
and what is expected of one (the tests).
"""

import io
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import PrivateAttr

from cleanroom_pipeline.aws.databrew import (
    DataBrew,
    DataBrewUnavailableError,
    JobEntry,
    JobRun,
    NamedEntry,
    OutputLocation,
    RecipeJobSettings,
    RunNotFoundError,
    StartConflictError,
    StartUnansweredError,
)
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.model import Arrival, TransformedFile
from cleanroom_pipeline.transform.databrew_start import Times
from cleanroom_pipeline_tests.inbound.gate import Gate

BEGAN = datetime(2026, 11, 24, 12, tzinfo=UTC)
GOING = ("STARTING", "RUNNING", "STOPPING")
LOG = logging.getLogger("databrew")


@dataclass
class TurnedClock:
    """A clock that nothing but sleep turns."""

    seconds: float = 0.0
    woken: list[Callable[[], None]] = field(default_factory=list)

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.seconds += seconds
        for wake in self.woken:
            wake()

    @property
    def times(self) -> Times:
        return Times(self.now, self.monotonic, self.sleep)


@dataclass
class StoodIn:
    """A run: the states it is still to go through, one each time that somebody looks at it."""

    run: JobRun
    ahead: list[str]
    known: bool = True


def parquet(table: pa.Table) -> bytes:
    """Return a table as a Parquet file."""
    body = io.BytesIO()
    pq.write_table(table, body)
    return body.getvalue()


class MemoryBucket(S3Storage):
    """Objects of both buckets by key."""

    _gate: Gate = PrivateAttr(default_factory=Gate)
    _objects: dict[str, bytes] = PrivateAttr(default_factory=dict)
    _records: dict[str, dict[str, Any]] = PrivateAttr(default_factory=dict)

    @classmethod
    def behind(cls, gate: Gate) -> "MemoryBucket":
        bucket = cls(
            session=AwsSession(region="nowhere"),
            inbound_bucket="inbound",
            transformed_bucket="transformed",
            kms_key_arn="arn:aws:kms:nowhere:0:key/0",
        )
        bucket._gate = gate
        return bucket

    def put(self, key: str, body: bytes) -> None:
        """Put an object there as if it had always been."""
        self._objects[key] = body

    @property
    def all_keys(self) -> list[str]:
        return sorted(self._objects)

    def copy_inbound(self, arrival: Arrival, key: str) -> None:
        self._gate.write(
            "a copy", key, lambda: self._objects.update({key: self._objects[arrival.key]})
        )

    def upload(self, path: Path, key: str) -> TransformedFile:
        body = path.read_bytes()
        self._gate.write("an upload", key, lambda: self._objects.update({key: body}))
        return TransformedFile(key, len(body))

    def list_transformed(self, prefix: str) -> tuple[TransformedFile, ...]:
        self._gate.read()
        return tuple(
            TransformedFile(key, len(self._objects[key]))
            for key in self.all_keys
            if key.startswith(prefix)
        )

    def delete_transformed(self, prefix: str) -> None:
        for file in self.list_transformed(prefix):
            self._gate.write("a deletion", file.key, partial(self._objects.pop, file.key, None))

    def read_range(self, key: str, start: int, length: int) -> bytes:
        return self._objects[key][start : start + length]

    def put_record(self, key: str, record: Mapping[str, Any]) -> None:
        self._gate.write("a record", key, lambda: self._records.update({key: dict(record)}))

    def get_record(self, key: str) -> dict[str, Any] | None:
        self._gate.read()
        return self._records.get(key)


class MemoryDataBrew(DataBrew):
    """DataBrew as far as its callers see it. `script` is what the next runs go through."""

    _gate: Gate = PrivateAttr(default_factory=Gate)
    _clock: TurnedClock = PrivateAttr(default_factory=TurnedClock)
    _bucket: MemoryBucket | None = PrivateAttr(default=None)
    _written: pa.Table = PrivateAttr(default=None)
    _scripts: list[list[str]] = PrivateAttr(default_factory=list)
    _lose: int = PrivateAttr(default=0)
    _silent: int = PrivateAttr(default=0)
    _late: float = PrivateAttr(default=0.0)
    _starts: int = PrivateAttr(default=0)
    _stood: dict[str, list[StoodIn]] = PrivateAttr(default_factory=dict)
    _changed: dict[str, datetime] = PrivateAttr(default_factory=dict)
    _jobs: dict[str, RecipeJobSettings] = PrivateAttr(default_factory=dict)
    _datasets: dict[str, str] = PrivateAttr(default_factory=dict)
    _recipes: dict[str, bool] = PrivateAttr(default_factory=dict)
    _stopped: list[str] = PrivateAttr(default_factory=list)

    @classmethod
    def behind(
        cls, gate: Gate, clock: TurnedClock, bucket: MemoryBucket, written: pa.Table
    ) -> "MemoryDataBrew":
        """Return an empty account; a run that SUCCEEDED has written this table."""
        databrew = cls(session=AwsSession(region="nowhere"), role_arn="r" * 20, kms_key_arn="k")
        databrew._gate, databrew._clock, databrew._bucket = gate, clock, bucket
        databrew._written = written
        return databrew

    def script(self, *states: Sequence[str]) -> None:
        """Say which states the next runs go through, one script for each."""
        self._scripts.extend(list(one) for one in states)

    def lose_answers(self, count: int = 1) -> None:
        """Start the next runs, and lose the answers about them."""
        self._lose += count

    def fall_silent(self, calls: int) -> None:
        """Answer nothing to the next calls about runs."""
        self._silent += calls

    def list_late(self, seconds: float) -> None:
        """List a run only so long after its start."""
        self._late = seconds

    @property
    def starts(self) -> int:
        """How often StartJobRun was asked for."""
        return self._starts

    def all_runs(self) -> list[JobRun]:
        return [stood.run for runs in self._stood.values() for stood in runs]

    @property
    def stopped(self) -> list[str]:
        """The ids of the runs that were asked to stop."""
        return self._stopped

    def add(self, job: str, run: JobRun, ahead: Iterable[str] = ()) -> None:
        """Put a run there that somebody else started."""
        self._stood.setdefault(job, []).append(StoodIn(run, list(ahead)))

    def forget(self, job: str) -> None:
        """Let a job's runs vanish."""
        for stood in self._stood.get(job, []):
            stood.known = False

    def let_pass(self) -> None:
        """Let every run go on to its end, while nobody looks."""
        for runs in self._stood.values():
            for stood in runs:
                while stood.ahead:
                    self._go_on(stood)

    def _go_on(self, stood: StoodIn) -> None:
        if stood.ahead:
            self._become(stood, stood.ahead.pop(0))

    def _become(self, stood: StoodIn, state: str) -> None:
        seconds = int((self._clock.now() - (stood.run.started_at or BEGAN)).total_seconds())
        message = f"because of {state}" if state in {"FAILED", "TIMEOUT", "STOPPED"} else ""
        stood.run = replace(stood.run, state=state, message=message, execution_seconds=seconds)
        if state == "SUCCEEDED" and self._bucket is not None:
            folder = f"{stood.run.outputs[0].prefix}{stood.run.run_id}/"
            self._bucket.put(f"{folder}x_part00000.parquet", parquet(self._written))

    def _hears(self) -> None:
        if self._silent:
            self._silent -= 1
            raise DataBrewUnavailableError("DataBrew can't answer now: Throttling.")

    def put_dataset(self, name: str, *rest: Any, **named: Any) -> None:
        self._gate.write("a dataset", name, lambda: self._datasets.update({name: "dataset"}))

    def publish_recipe(self, name: str, *rest: Any, **named: Any) -> str:
        if name not in self._recipes:
            self._gate.write("a recipe", name, lambda: self._recipes.setdefault(name, False))
        if not self._recipes[name]:
            self._gate.write("a publishing", name, lambda: self._recipes.update({name: True}))
        return "1.0"

    def put_job(self, settings: RecipeJobSettings) -> None:
        assert settings.dataset in self._datasets
        assert self._recipes[settings.recipe]
        self._changed[settings.name] = self._clock.now()
        self._gate.write("a job", settings, lambda: self._jobs.update({settings.name: settings}))

    def start(self, job: str) -> str:
        self._starts += 1
        stood: StoodIn = self._gate.write("StartJobRun", job, lambda: self._begin(job))
        if self._lose:
            self._lose -= 1
            raise StartUnansweredError(f"Whether DataBrew has started {job} is not known.")
        return stood.run.run_id

    def _begin(self, job: str) -> StoodIn:
        runs = self._stood.setdefault(job, [])
        if any(one.run.state in GOING for one in runs):
            raise StartConflictError(f"DataBrew is at work on {job} already.")
        settings = self._jobs[job]
        staged = f"staging/{job.split('-')[0]}/"
        assert self._bucket is not None
        assert any(key.startswith(staged) for key in self._bucket.all_keys), "nothing is staged"
        state, *ahead = self._scripts.pop(0) if self._scripts else ["STARTING", "SUCCEEDED"]
        run = JobRun(
            run_id=f"db_{sum(map(len, self._stood.values())) + 1}",
            state="STARTING",
            outputs=(OutputLocation(settings.bucket, settings.prefix),),
            started_at=self._clock.now(),
            recipe=settings.recipe,
        )
        stood = StoodIn(run, ahead)
        self._become(stood, state)
        runs.append(stood)
        return stood

    def describe(self, job: str, run_id: str) -> JobRun:
        self._gate.read()
        self._hears()
        for stood in self._stood.get(job, []):
            if stood.run.run_id == run_id and stood.known:
                seen = stood.run
                self._go_on(stood)
                return seen
        raise RunNotFoundError(f"DataBrew does not know run {run_id}.")

    def runs(self, job: str) -> tuple[JobRun, ...]:
        self._gate.read()
        self._hears()
        until = self._clock.now() - timedelta(seconds=self._late)
        return tuple(
            stood.run
            for stood in self._stood.get(job, [])
            if stood.known and (stood.run.started_at or BEGAN) <= until
        )

    def stop(self, job: str, run_id: str) -> None:
        def stopping() -> None:
            self._stopped.append(run_id)
            for stood in self._stood.get(job, []):
                if stood.run.run_id == run_id and stood.run.state in GOING:
                    self._become(stood, "STOPPING")
                    stood.ahead = ["STOPPED"]

        self._gate.write("StopJobRun", run_id, stopping)

    def jobs(self) -> tuple[JobEntry, ...]:
        self._gate.read()
        return tuple(
            JobEntry(one.name, self._changed[one.name], one.recipe) for one in self._jobs.values()
        )

    def datasets(self) -> tuple[NamedEntry, ...]:
        return tuple(NamedEntry(name, self._clock.now()) for name in self._datasets)

    def recipes(self) -> tuple[NamedEntry, ...]:
        return tuple(NamedEntry(name, self._clock.now()) for name in self._recipes)

    def delete_job(self, name: str) -> None:
        self._gate.write("DeleteJob", name, lambda: self._jobs.pop(name))

    def delete_dataset(self, name: str) -> None:
        self._gate.write("DeleteDataset", name, lambda: self._datasets.pop(name))

    def delete_recipe(self, name: str) -> None:
        self._gate.write("DeleteRecipe", name, lambda: self._recipes.pop(name))
