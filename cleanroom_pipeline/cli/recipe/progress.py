"""How far a run is, on a terminal.

Here: one line that is written over. Not here: the run.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

_FEWEST_SECONDS = 0.1


class Terminal(Protocol):
    """Where the line is written: sys.stderr."""

    def isatty(self) -> bool:
        """Say whether somebody looks at it."""
        ...

    def write(self, text: str, /) -> int:
        """Write a text."""
        ...

    def flush(self) -> None:
        """Show what was written."""
        ...


class Progress:
    """A context that tells the rows so far, at most ten times a second, and clears its line.

    Nothing is written where nobody looks.
    """

    def __init__(self, stream: Terminal, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._shows = stream.isatty()
        self._began = clock()
        self._told = self._began - _FEWEST_SECONDS

    def __enter__(self) -> Self:
        if self._shows:
            self._write("reading ...")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shows:
            self._write("")

    def rows(self, done: int) -> None:
        """Tell how many rows are written."""
        now = self._clock()
        if self._shows and now - self._told >= _FEWEST_SECONDS:
            self._told = now
            self._write(progress_line(done, now - self._began))

    def _write(self, line: str) -> None:
        # Carriage return, then "erase to the end of the line".
        self._stream.write(f"\r\x1b[K{line}")
        self._stream.flush()


def progress_line(rows: int, seconds: float) -> str:
    """Return what is told of a run that goes on."""
    speed = f", {rows / seconds:,.0f} a second" if seconds > 0 else ""
    return f"{rows:,} rows written in {seconds:.0f} s{speed}"
