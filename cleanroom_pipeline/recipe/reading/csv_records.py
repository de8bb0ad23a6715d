"""Where a CSV record ends and what its cells are, in the dialect that DuckDB reads.

Here: one record at a time, over lines of text. Not here: files, or what becomes of a record.

RFC 4180, and besides: spaces may stand around a quoted cell, a quote within an unquoted cell is
itself, one delimiter may follow the last cell.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TextIO

from cleanroom_pipeline.recipe.files import FileFormat

# DuckDB takes lines of up to 2 MiB.
LONGEST_RECORD = 2_000_000
NOT_CLOSED = "a quoted cell is not closed as it should"
TOO_LONG = "is longer than a line may be"


class State(Enum):
    """What a record is after one of its lines."""

    ENDED = auto()
    OPEN = auto()
    BROKEN = auto()


@dataclass(frozen=True)
class Record:
    """A record: the line that it begins on (from 1), its text in the file, its cells.

    `quoted` are the places of the cells in quotes. `wrong` says why it is no record; then it is one
    line, and has no cells.
    """

    line: int
    text: str
    cells: tuple[str, ...] = ()
    quoted: frozenset[int] = frozenset()
    wrong: str | None = None
    lines: int = 1

    def of_columns(self, columns: int) -> "Record":
        """Return the record without empty cells beyond so many, which are passed over."""
        if len(self.cells) <= columns:
            return self
        beyond = range(columns, len(self.cells))
        if any(self.cells[place] or place in self.quoted for place in beyond):
            return self
        return replace(self, cells=self.cells[:columns])

    @property
    def is_blank(self) -> bool:
        """Whether the line is empty."""
        return not self.text.strip("\r\n")


class Dialect:
    """The patterns of one CSV dialect."""

    def __init__(self, format_: FileFormat) -> None:
        self.quote, self.delimiter = format_.quote, format_.delimiter
        quote, escape = re.escape(self.quote), re.escape(format_.escape_character)
        delimiter = re.escape(format_.delimiter)
        spaces = "" if " " in {format_.delimiter, self.quote} else " *+"
        self.opening = re.compile(rf"{spaces}{quote}")
        self.body = re.compile(
            rf"(?:[^{quote}]++|{quote}{quote})*+"
            if escape == quote
            else rf"(?:[^{quote}{escape}]++|{escape}.)*+",
            re.DOTALL,
        )
        self.closing = re.compile(rf"{quote}{spaces}(?:({delimiter})|(?=[\r\n]|\Z))")
        self.bare = re.compile(rf"([^{delimiter}\r\n]*+)({delimiter})?")
        self._escape = format_.escape_character
        self._escaped = re.compile(rf"{escape}(.)", re.DOTALL)
        self._special = re.compile(rf"[{quote}{escape}]")

    def plain(self, body: str) -> str:
        """Return the text of a quoted cell."""
        return self._escaped.sub(r"\1", body)

    def written(self, record: Record) -> str:
        """Return a record as everybody reads it alike: nothing stands around its quotes."""
        if not record.quoted:
            return self.delimiter.join(record.cells)
        cells = [
            self.quote
            + self._special.sub(lambda found: self._escape + found.group(), cell)
            + self.quote
            if place in record.quoted
            else cell
            for place, cell in enumerate(record.cells)
        ]
        return self.delimiter.join(cells)


class Scan:
    """The cells of a record whose lines come one after another."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._body: list[str] | None = None
        self.cells: list[str] = []
        self.quoted: set[int] = set()

    def add(self, line: str) -> State:
        """Read one more line of the record."""
        at: int | None = 0
        while at is not None:
            if self._body is None and (opening := self._dialect.opening.match(line, at)):
                self._body, at = [], opening.end()
            if self._body is None:
                at = self._bare_cell(line, at)
                continue
            body = self._dialect.body.match(line, at)
            end = body.end() if body else at
            self._body.append(line[at:end])
            if not line.startswith(self._dialect.quote, end):
                return State.OPEN
            closing = self._dialect.closing.match(line, end)
            if closing is None:
                return State.BROKEN
            self.quoted.add(len(self.cells))
            self.cells.append(self._dialect.plain("".join(self._body)))
            self._body = None
            at = closing.end() if closing.group(1) else None
        return State.ENDED

    def _bare_cell(self, line: str, at: int) -> int | None:
        """Read an unquoted cell; return where the next one begins, if there is one."""
        cell = self._dialect.bare.match(line, at)
        if cell is None:
            return None
        self.cells.append(cell.group(1))
        return cell.end() if cell.group(2) else None


def whole_lines(stream: TextIO, longest: int = LONGEST_RECORD) -> Iterator[str]:
    """Yield a text's lines with their ends; one over `longest` comes cut, and still too long."""
    while line := stream.readline(longest + 1):
        yield line
        while len(line) > longest and not line.endswith(("\n", "\r")):
            line = stream.readline(longest + 1)


def records(lines: Iterable[str], dialect: Dialect) -> Iterator[Record]:
    """Yield the records in lines that keep their ends; memory is bounded by LONGEST_RECORD.

    Where no record can begin as one does, its first line alone is wrong, and the next line begins a
    new one.
    """
    coming = iter(lines)
    again: deque[str] = deque()
    number = 1
    while (first := again.popleft() if again else next(coming, None)) is not None:
        record, rest = _record(number, first, again, coming, dialect)
        again.extendleft(reversed(rest))
        number += 1 if record.wrong else record.lines
        yield record


def _record(
    number: int, first: str, again: deque[str], coming: Iterator[str], dialect: Dialect
) -> tuple[Record, list[str]]:
    """Return the record that a line begins, and the lines that were read in vain."""
    if len(first) > LONGEST_RECORD:
        return Record(number, first, wrong=TOO_LONG), []
    if dialect.quote not in first:
        return Record(number, first, tuple(first.rstrip("\r\n").split(dialect.delimiter))), []
    scan, taken, size = Scan(dialect), [first], len(first)
    state = scan.add(first)
    while state is State.OPEN and size <= LONGEST_RECORD:
        line = again.popleft() if again else next(coming, None)
        if line is None:
            break
        taken.append(line)
        size += len(line)
        state = scan.add(line)
    if state is State.ENDED and size <= LONGEST_RECORD:
        cells, quoted = tuple(scan.cells), frozenset(scan.quoted)
        return Record(number, "".join(taken), cells, quoted, lines=len(taken)), []
    return Record(number, first, wrong=NOT_CLOSED), taken[1:]
