"""An example as files and a command, for whoever wants to try it.

Here: which examples can be, the texts of their files, what is printed. Not here: running them, or
pages (reference.py).
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TYPES = frozenset(
    {"VARCHAR", "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE"}
)
_LONGEST_FLOAT = 10
_NEEDS_KEYS = re.compile(r'"(secretId|kmsKeyArn|createSecretIfMissing)"')
_END = "EOF"
_OUTPUT = "output.csv"


@dataclass(frozen=True)
class Table:
    """A small table: DuckDB types by column name, and rows of cells as JSON would write them."""

    columns: Mapping[str, str]
    rows: Sequence[Sequence[Any]]

    @property
    def is_plain(self) -> bool:
        """Say whether CSV spells each cell in one way only."""
        floats = [cell for row in self.rows for cell in row if isinstance(cell, float)]
        return set(self.columns.values()) <= _TYPES and all(map(_is_short, floats))


def _is_short(number: float) -> bool:
    """Say whether a number has few digits and no exponent."""
    return math.isfinite(number) and len(repr(number)) <= _LONGEST_FLOAT and "e" not in repr(number)


@dataclass(frozen=True)
class Runnable:
    """An example as files by name, the command's arguments, its output file, what that holds."""

    files: Mapping[str, str]
    arguments: tuple[str, ...]
    output: str
    prints: str

    @property
    def shell(self) -> str:
        """The commands that write the files, run the recipe and print its output."""
        documents = [
            f"cat > {name} <<'{_END}'\n{text}{_END}\n" for name, text in self.files.items()
        ]
        return f"{''.join(documents)}cleanroom {' '.join(self.arguments)}\ncat {self.output}\n"


def runnable(steps: Sequence[Any], given: Table, gives: Table) -> Runnable | None:
    """Return an example as commands; None when CSV can't hold it, or its steps need a key."""
    recipe = json.dumps(list(steps), indent=2, ensure_ascii=False) + "\n"
    if _NEEDS_KEYS.search(recipe) or not given.rows or not (given.is_plain and gives.is_plain):
        return None
    files = {"recipe.json": recipe, "input.csv": csv_text(given)}
    if any(f"\n{_END}\n" in f"\n{text}" for text in files.values()):
        return None
    arguments = ("recipe", "run", *files, "--output", _OUTPUT)
    return Runnable(files, arguments, _OUTPUT, csv_text(gives))


def csv_text(table: Table) -> str:
    """Return a table as the engine writes CSV: quoted where needed, null as nothing."""
    rows = [list(table.columns), *table.rows]
    return "".join(",".join(map(_csv_cell, row)) + "\n" for row in rows)


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value).removesuffix(".0")
    quoted = '"' + text.replace('"', '""') + '"'
    return quoted if not text or re.search(r'[",\r\n]', text) else text
