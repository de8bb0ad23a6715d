"""One DuckDB connection, its scratch folder and its Python functions, from opening to closing.

Here: settings, registering functions, turning DuckDB's errors into ours. Not here: what is run.

DuckDB's messages quote cells; none of them leaves this module.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType
from sqlglot import exp

from cleanroom_pipeline.recipe.errors import EngineError, OutOfMemoryError, UnmaskableValueError
from cleanroom_pipeline.recipe.expressions import REFUSAL_MARK
from cleanroom_pipeline.recipe.files import FileReadError
from cleanroom_pipeline.recipe.plan import TEXT

_CSV_LINE = re.compile(r"CSV Error on Line: (\d+)")
# DuckDB 2.0 counts one line too many here.
_LINE_AFTER = re.compile(r"Malformed JSON .* in line (\d+)")
# At the beginning alone: further on, a message may quote a cell that holds the mark.
_REFUSAL = re.compile(rf"(?:Invalid Input Error: )?{REFUSAL_MARK}(.*)")
_OUT_OF_MEMORY = "Out of Memory Error"
_SAFE_REASONS = (
    (re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)"), "has {1} cells, not {0}"),
    (re.compile(r"unicode|utf-?8|byte sequence", re.IGNORECASE), "is not UTF-8"),
    (re.compile(r"state machine"), "is not CSV; its line endings are mixed, perhaps"),
    (re.compile(r"unterminated quote"), "a quoted cell is not closed as it should"),
    (re.compile(r"Maximum line size"), "is longer than a line may be"),
    (re.compile(r"Malformed JSON .* in record/value (\d+)"), "is not JSON, near its value {0}"),
    (re.compile(r"Malformed JSON", re.IGNORECASE), "is not JSON"),
    (re.compile(r"gzip|gz |inflate|zstd", re.IGNORECASE), "is damaged compressed data"),
)


class Session:
    """A DuckDB connection in a scratch folder; use it as a context manager."""

    def __init__(self, scratch: Path, *, memory_limit: str, threads: int | None) -> None:
        self.scratch = scratch
        self.sources: dict[str, str] = {}
        self.connection = duckdb.connect(
            config={
                "memory_limit": memory_limit,
                "temp_directory": str(scratch / "spill"),
                "preserve_insertion_order": "true",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
                **({} if threads is None else {"threads": str(threads)}),
            }
        )
        self.connection.execute("SET TimeZone = 'UTC'")
        # In an interactive Python DuckDB would draw one over what the program prints.
        self.connection.execute("SET enable_progress_bar = false")
        # It makes a hash join of a long IN list, and a hash join does not keep the order of rows.
        # The other two trust Parquet's statistics, which leave NaN out: `isnan(x)` became false.
        off = "in_clause,statistics_propagation,filter_pushdown"
        self.connection.execute(f"SET disabled_optimizers = '{off}'")
        # What workers may make ahead while the reader of a stream is busy writing.
        self.connection.execute("SET streaming_buffer_size = '64MB'")
        self._functions: list[str] = []
        self._readers: list[pa.RecordBatchReader] = []
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for reader in self._readers:
            reader.close()
        for name in self._functions:
            self.connection.remove_function(name)
        self.connection.close()

    def register(
        self,
        name: str,
        run: Callable[..., Any],
        *,
        takes: Sequence[str] = (TEXT,),
        returns: str,
        volatile: bool = False,
    ) -> None:
        """Make an Arrow function callable from SQL, in place of an earlier one of that name.

        A `volatile` one is called for every row where it stands, and never moved.
        """

        def guarded(*values: Any) -> Any:
            try:
                return run(*values)
            except Exception as error:
                self._failure = error
                raise

        # DuckDB counts the parameters of what it is given.
        kind = inspect.Parameter.POSITIONAL_ONLY
        named = [inspect.Parameter(f"column{place}", kind) for place in range(len(takes))]
        guarded.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]  # see PEP 362
        if name in self._functions:
            self.connection.remove_function(name)
            self._functions.remove(name)
        self.connection.create_function(
            name,
            guarded,
            list(takes),
            returns,
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
            side_effects=volatile,
        )
        self._functions.append(name)

    def run(self, tree: exp.Expr) -> None:
        """Run a statement."""
        with self.translated_errors():
            self.connection.execute(tree.sql("duckdb"))

    def create(self, table: str, query: exp.Query) -> None:
        """Put the rows of a query down in a scratch table of this name."""
        self.run(
            exp.Create(
                this=exp.to_table(table),
                kind="TABLE",
                expression=query,
                properties=exp.Properties(expressions=[exp.TemporaryProperty()]),
            )
        )

    def types(self, query: exp.Query) -> list[str]:
        """Return the DuckDB types of a query's columns, without running it."""
        with self.translated_errors():
            return [str(type_) for type_ in self.connection.sql(query.sql("duckdb")).types]

    def copy(self, query: exp.Query, file: Path) -> int:
        """Write a query's rows to a Parquet file, in its order; return how many they are."""
        # The fastest codec: what is written here is read once or twice, and removed.
        settings = {"FORMAT": "PARQUET", "COMPRESSION": "LZ4_RAW"}
        params = [
            exp.CopyParameter(this=exp.var(name), expression=exp.var(value))
            for name, value in settings.items()
        ]
        target = exp.Literal.string(str(file))
        copy = exp.Copy(this=query.subquery(), kind=False, files=[target], params=params)
        return int(self.one(copy))

    def one(self, tree: exp.Expr) -> Any:
        """Return the first value of the first row of a query."""
        with self.translated_errors():
            rows = self.connection.execute(tree.sql("duckdb")).fetchall()
        return rows[0][0] if rows else None

    def rows(self, tree: exp.Expr) -> list[tuple[Any, ...]]:
        """Return all rows of a small query."""
        with self.translated_errors():
            return self.connection.execute(tree.sql("duckdb")).fetchall()

    def rows_over(self, table: pa.Table, name: str, tree: exp.Expr) -> list[tuple[Any, ...]]:
        """Return all rows of a query over a small table of ours that it calls `name`."""
        self.connection.register(name, table)
        try:
            return self.rows(tree)
        finally:
            self.connection.unregister(name)

    def stream(self, tree: exp.Expr, rows: int) -> pa.RecordBatchReader:
        """Return a stream of the query's rows, to be read by `batches`."""
        with self.translated_errors():
            reader: pa.RecordBatchReader = self.connection.sql(tree.sql("duckdb")).to_arrow_reader(
                rows
            )
        self._readers.append(reader)
        return reader

    def batches(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        """Yield a stream's batches. An error of DuckDB's comes through Arrow as an OSError."""
        while True:
            with self.translated_errors(OSError):
                batch = next(reader, None)
            if batch is None:
                return
            yield batch

    @contextmanager
    def single_threaded(self) -> Iterator[None]:
        """Run what is inside on one thread, so that sums of floats come out the same every time."""
        threads = self.one(
            exp.select(
                exp.Anonymous(this="current_setting", expressions=[exp.Literal.string("threads")])
            )
        )
        self.connection.execute("SET threads = 1")
        try:
            yield
        finally:
            self.connection.execute(f"SET threads = {int(threads):d}")

    @contextmanager
    def translated_errors(self, *others: type[Exception]) -> Iterator[None]:
        """Turn an error of DuckDB's, or of other types it comes as, into one without values."""
        problem: Exception | None = None
        translated: tuple[type[Exception], ...] = (duckdb.Error, pa.ArrowException, *others)
        try:
            yield
        except translated as error:
            problem = _translated(error, self._failure, self.sources)
        if problem is not None:
            raise problem from None


def _translated(
    error: Exception, failure: Exception | None, sources: Mapping[str, str]
) -> Exception:
    if failure is not None:
        if isinstance(failure, EngineError):
            return failure
        return EngineError(f"a function of the recipe stopped with {type(failure).__name__}")
    message = str(error)
    if refused := _REFUSAL.match(message):
        return UnmaskableValueError(refused.group(1))
    if isinstance(error, duckdb.OutOfMemoryException) or message.startswith(_OUT_OF_MEMORY):
        return OutOfMemoryError(
            "the run needs more memory than its limit, or more disk than its scratch folder has"
        )
    names = [name for path, name in sources.items() if path in message]
    if names:
        return FileReadError(names[0], _reason(message), line=_line(message))
    return EngineError(f"the engine stopped with {type(error).__name__}")


def _line(message: str) -> int | None:
    if found := _CSV_LINE.search(message):
        return int(found.group(1))
    after = _LINE_AFTER.search(message)
    return int(after.group(1)) - 1 if after else None


def _reason(message: str) -> str:
    # What follows is advice and DuckDB's settings.
    message = message.split("Possible fixes", 1)[0]
    for pattern, reason in _SAFE_REASONS:
        if match := pattern.search(message):
            return reason.format(*match.groups())
    return "is malformed"
