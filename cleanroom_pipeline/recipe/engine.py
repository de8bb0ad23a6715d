"""Runs a recipe on files: the library's local engine.

Here: run_recipe, its settings and result. Not here: what steps mean (operations/), how nodes
become SQL (relations.py), how files are read or written (reading/, output.py).
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from cleanroom_pipeline.recipe.datasets import Dataset, OpenDatasets
from cleanroom_pipeline.recipe.errors import (
    CipherError,
    EngineError,
    OutOfMemoryError,
    SecretError,
    UnmaskableValueError,
)
from cleanroom_pipeline.recipe.files import FileFormat, InputFile
from cleanroom_pipeline.recipe.findings import StepError
from cleanroom_pipeline.recipe.language import Recipe
from cleanroom_pipeline.recipe.meaning import build_plan
from cleanroom_pipeline.recipe.operations.declaration import PlanOptions
from cleanroom_pipeline.recipe.optimise import columns_of
from cleanroom_pipeline.recipe.output import (
    ROWS_PER_GROUP,
    OutputFile,
    OutputKind,
    write_files,
)
from cleanroom_pipeline.recipe.partitioned import write_partitions
from cleanroom_pipeline.recipe.plan import Frame, Runtime, changes_rows
from cleanroom_pipeline.recipe.providers import (
    CipherProvider,
    Keys,
    SecretProvider,
    refuse_without_ciphers,
)
from cleanroom_pipeline.recipe.reading.source import Source
from cleanroom_pipeline.recipe.relation import Relation
from cleanroom_pipeline.recipe.relations import Interpreter
from cleanroom_pipeline.recipe.repeatability import columns_drawn_anew
from cleanroom_pipeline.recipe.session import Session
from cleanroom_pipeline.recipe.sources import open_source
from cleanroom_pipeline.recipe.tables import internal_names

__all__ = [
    "CipherError",
    "CipherProvider",
    "Dataset",
    "EngineError",
    "EngineSettings",
    "OutOfMemoryError",
    "OutputFile",
    "RunResult",
    "SecretError",
    "SecretProvider",
    "UnmaskableValueError",
    "run_recipe",
    "run_recipe_to_arrow",
]


class _NoSecrets:
    def secret_string(self, secret_id: str, version: str | None) -> str:
        which = f"{secret_id!r}" + (f", version {version!r}" if version else "")
        message = f"the recipe needs the secret {which}, and no secret provider was given"
        raise SecretError(message)


# With what the process needs beside it, ten million rows stay below 1.5 GB.
DEFAULT_MEMORY = "800MB"


@dataclass(frozen=True)
class EngineSettings:
    """How a run behaves.

    `memory_limit` is DuckDB's own (the process needs some 600 MB more); `temp_dir` is where scratch
    files go (default: the system's); `seed` fixes random steps; `compat` reproduces DataBrew's
    known oddities; `now` is what TODAY and NOW give (default: the clock when the run begins);
    `tally` counts the rows that each step removes, at some cost.
    """

    memory_limit: str = DEFAULT_MEMORY
    threads: int | None = None
    temp_dir: Path | None = None
    seed: int = 0
    compat: bool = False
    max_rows_per_file: int = 10_000_000
    now: datetime | None = None
    tally: bool = False


@dataclass(frozen=True)
class RunResult:
    """What a run did; `removed` has the rows that each step left out, if they were counted."""

    rows_in: int
    rows_out: int
    files: tuple[OutputFile, ...]
    schema: pa.Schema
    seconds: float
    removed: Mapping[int, int] | None = None


@dataclass
class _Run:
    """An open run: its stream of rows, and what is known of the input."""

    session: Session
    source: Source
    interpreter: Interpreter
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    changes_rows: bool = field(default=False)

    def rows_in(self, rows_out: int) -> int:
        if self.interpreter.rows_in is not None:
            return self.interpreter.rows_in
        return self.source.count_rows() if self.changes_rows else rows_out


def run_recipe(
    recipe: Recipe,
    inputs: Sequence[InputFile],
    input_format: FileFormat,
    output_dir: Path,
    *,
    output: OutputKind = "parquet",
    partition_by: Sequence[str] = (),
    secrets: SecretProvider | None = None,
    ciphers: CipherProvider | None = None,
    datasets: Mapping[str, Dataset] | None = None,
    settings: EngineSettings = EngineSettings(),
    progress: Callable[[int], None] | None = None,
) -> RunResult:
    """Run a recipe over files, in the order given, and write part-00000, ... to `output_dir`.

    `progress` is told the rows written so far, now and then.

    Raises RecipeError for a recipe that does not fit the columns (before a row is read),
    FileReadError or SchemaMismatchError for input, EngineError for what stops the run. A failed run
    leaves no output behind.
    """
    started = time.monotonic()
    with _open_run(recipe, inputs, input_format, secrets, ciphers, datasets, settings) as run:
        files = _written(run, output_dir, output, partition_by, settings, progress)
        rows_out = sum(file.rows for file in files)
        rows_in = run.rows_in(rows_out)
        seconds = time.monotonic() - started
        removed = run.interpreter.removed
        return RunResult(rows_in, rows_out, files, run.schema, seconds, removed)


def _written(
    run: _Run,
    folder: Path,
    kind: OutputKind,
    partition_by: Sequence[str],
    settings: EngineSettings,
    progress: Callable[[int], None] | None,
) -> tuple[OutputFile, ...]:
    most = settings.max_rows_per_file
    if not partition_by:
        return write_files(
            run.batches, run.schema, folder, kind, max_rows_per_file=most, progress=progress
        )
    for name in partition_by:
        if name not in run.schema.names or len(run.schema.names) == len(partition_by):
            raise EngineError(f"the result can't be partitioned by column {name!r}")
    return write_partitions(
        run.batches,
        run.schema,
        folder,
        kind,
        partition_by,
        max_rows_per_file=most,
        progress=progress,
    )


def run_recipe_to_arrow(
    recipe: Recipe,
    inputs: Sequence[InputFile],
    input_format: FileFormat,
    *,
    limit: int = 1_000,
    secrets: SecretProvider | None = None,
    ciphers: CipherProvider | None = None,
    datasets: Mapping[str, Dataset] | None = None,
    settings: EngineSettings = EngineSettings(),
) -> pa.Table:
    """Return the first `limit` rows that the recipe gives, in memory: for previews and tests."""
    with _open_run(recipe, inputs, input_format, secrets, ciphers, datasets, settings) as run:
        taken: list[pa.RecordBatch] = []
        left = limit
        for batch in run.batches:
            taken.append(batch.slice(0, left))
            left -= taken[-1].num_rows
            if left <= 0:
                break
        return pa.Table.from_batches(taken, run.schema)


@contextmanager
def _open_run(
    recipe: Recipe,
    inputs: Sequence[InputFile],
    input_format: FileFormat,
    secrets: SecretProvider | None,
    ciphers: CipherProvider | None,
    datasets: Mapping[str, Dataset] | None,
    settings: EngineSettings,
) -> Iterator[_Run]:
    refuse_without_ciphers(recipe.steps, ciphers)
    with (
        tempfile.TemporaryDirectory(prefix="recipe-", dir=settings.temp_dir) as scratch,
        Session(
            Path(scratch), memory_limit=settings.memory_limit, threads=settings.threads
        ) as session,
    ):
        source = open_source(session, inputs, input_format)
        runtime = Keys(secrets or _NoSecrets(), ciphers)
        seconds = OpenDatasets(session, datasets or {})
        options = PlanOptions(
            settings.seed,
            settings.compat,
            settings.now or datetime.now(UTC),
            _Looking(session, source, runtime, seconds),
            seconds,
        )
        plan = build_plan(recipe.steps, source.columns, options, name=recipe.name)
        interpreter = Interpreter(session, runtime, seconds.sources, tally=settings.tally)
        result = interpreter.run(plan, _relation(source))
        reader = session.stream(result.whole(result.from_it(exp.Star())), ROWS_PER_GROUP)
        schema = _named_schema(reader.schema, plan)
        batches = _named_batches(session, reader, schema)
        yield _Run(
            session, source, interpreter, schema, batches, any(map(changes_rows, plan.nodes))
        )


def _relation(source: Source) -> Relation:
    return Relation.of(source.query, internal_names(source.columns), source.columns)


@dataclass(frozen=True)
class _Looking:
    """Looks at the rows after some steps, by running these steps."""

    session: Session
    source: Source
    runtime: Runtime
    datasets: OpenDatasets

    def rows(self, frame: Frame, query: exp.Select) -> list[tuple[Any, ...]]:
        for name in sorted(columns_of(query) & columns_drawn_anew(frame)):
            raise StepError(
                f"has to look at column {name!r} before the run, and a step before gives it other "
                "values each time; put this step first"
            )
        interpreter = Interpreter(self.session, self.runtime, self.datasets.sources)
        return interpreter.look(frame, _relation(self.source), query)


def _named_schema(schema: pa.Schema, plan: Frame) -> pa.Schema:
    return pa.schema(pa.field(name, one.type) for name, one in zip(plan.names, schema, strict=True))


def _named_batches(
    session: Session, reader: pa.RecordBatchReader, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Yield the batches under the author's column names."""
    for batch in session.batches(reader):
        yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
