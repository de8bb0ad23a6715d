"""Runs a recipe on files: the library's local engine.

Here: run_recipe, its settings and result. Not here: what steps mean (operations/), how nodes
become SQL (relations.py), how files are read or written (reading/, output.py).
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa
from sqlglot import exp

from cleanroom_pipeline.recipe.errors import (
    EngineError,
    OutOfMemoryError,
    SecretError,
    UnmaskableValueError,
)
from cleanroom_pipeline.recipe.files import FileFormat, InputFile
from cleanroom_pipeline.recipe.language import Recipe
from cleanroom_pipeline.recipe.meaning import build_plan
from cleanroom_pipeline.recipe.operations.declaration import PlanOptions
from cleanroom_pipeline.recipe.output import (
    ROWS_PER_GROUP,
    OutputFile,
    OutputKind,
    write_files,
)
from cleanroom_pipeline.recipe.plan import Filter, Frame
from cleanroom_pipeline.recipe.reading.source import Source
from cleanroom_pipeline.recipe.relations import Interpreter, Relation
from cleanroom_pipeline.recipe.session import Session
from cleanroom_pipeline.recipe.sources import open_source

__all__ = [
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


class SecretProvider(Protocol):
    """Where secrets come from."""

    def secret_string(self, secret_id: str, version: str | None) -> str:
        """Return the raw SecretString; for an HMAC key, the base64 of the key."""
        ...


class _NoSecrets:
    def secret_string(self, secret_id: str, version: str | None) -> str:
        which = f"{secret_id!r}" + (f", version {version!r}" if version else "")
        message = f"the recipe needs the secret {which}, and no secret provider was given"
        raise SecretError(message)


@dataclass(frozen=True)
class EngineSettings:
    """How a run behaves.

    `memory_limit` is DuckDB's own (the process needs some 400 MB more); `temp_dir` is where scratch
    files go (default: the system's); `seed` fixes random steps; `compat` reproduces DataBrew's
    known oddities; `now` is what TODAY and NOW give (default: the clock when the run begins).
    """

    memory_limit: str = "1GB"
    threads: int | None = None
    temp_dir: Path | None = None
    seed: int = 0
    compat: bool = False
    max_rows_per_file: int = 10_000_000
    now: datetime | None = None


@dataclass(frozen=True)
class RunResult:
    """What a run did."""

    rows_in: int
    rows_out: int
    files: tuple[OutputFile, ...]
    schema: pa.Schema
    seconds: float


@dataclass
class _Run:
    """An open run: its stream of rows, and what is known of the input."""

    session: Session
    source: Source
    interpreter: Interpreter
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    has_filter: bool = field(default=False)

    def rows_in(self, rows_out: int) -> int:
        if self.interpreter.rows_in is not None:
            return self.interpreter.rows_in
        return self.source.count_rows() if self.has_filter else rows_out


def run_recipe(
    recipe: Recipe,
    inputs: Sequence[InputFile],
    input_format: FileFormat,
    output_dir: Path,
    *,
    output: OutputKind = "parquet",
    secrets: SecretProvider | None = None,
    settings: EngineSettings = EngineSettings(),
) -> RunResult:
    """Run a recipe over files, in the order given, and write part-00000, ... to `output_dir`.

    Raises RecipeError for a recipe that does not fit the columns (before a row is read),
    FileReadError or SchemaMismatchError for input, EngineError for what stops the run. A failed run
    leaves no output behind.
    """
    started = time.monotonic()
    with _open_run(recipe, inputs, input_format, secrets, settings) as run:
        files = write_files(
            run.batches,
            run.schema,
            output_dir,
            output,
            max_rows_per_file=settings.max_rows_per_file,
        )
        rows_out = sum(file.rows for file in files)
        rows_in = run.rows_in(rows_out)
        return RunResult(rows_in, rows_out, files, run.schema, time.monotonic() - started)


def run_recipe_to_arrow(
    recipe: Recipe,
    inputs: Sequence[InputFile],
    input_format: FileFormat,
    *,
    limit: int = 1_000,
    secrets: SecretProvider | None = None,
    settings: EngineSettings = EngineSettings(),
) -> pa.Table:
    """Return the first `limit` rows that the recipe gives, in memory: for previews and tests."""
    with _open_run(recipe, inputs, input_format, secrets, settings) as run:
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
    settings: EngineSettings,
) -> Iterator[_Run]:
    now = settings.now or datetime.now(UTC)
    options = PlanOptions(settings.seed, settings.compat, now)
    with (
        tempfile.TemporaryDirectory(prefix="recipe-", dir=settings.temp_dir) as scratch,
        Session(
            Path(scratch), memory_limit=settings.memory_limit, threads=settings.threads
        ) as session,
    ):
        source = open_source(session, inputs, input_format)
        plan = build_plan(recipe.steps, source.columns, options, name=recipe.name)
        interpreter = Interpreter(session, secrets or _NoSecrets())
        ids = {column.name: f"c{place}" for place, column in enumerate(source.columns)}
        result = interpreter.run(plan, Relation.of(source.query, ids, source.columns))
        reader = session.stream(result.whole(result.from_it(exp.Star())), ROWS_PER_GROUP)
        schema = _named_schema(reader.schema, plan)
        batches = _named_batches(session, reader, schema)
        has_filter = any(isinstance(node.operator, Filter) for node in plan.nodes)
        yield _Run(session, source, interpreter, schema, batches, has_filter)


def _named_schema(schema: pa.Schema, plan: Frame) -> pa.Schema:
    return pa.schema(pa.field(name, one.type) for name, one in zip(plan.names, schema, strict=True))


def _named_batches(
    session: Session, reader: pa.RecordBatchReader, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Yield the batches under the author's column names."""
    for batch in session.batches(reader):
        yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
