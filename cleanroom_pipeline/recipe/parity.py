"""Comparing what the engine gives with a file that DataBrew wrote.

Here: when two cells are the same, where two tables differ, which step is suspected. Not here:
running a recipe, or commands.

A CSV file knows texts alone, so cells are compared as the type that our column has: 5 and 5.0 are
one number, `2020-01-01T00:00:00.000Z` and `2020-01-01 00:00:00` one moment; floats agree to 12
digits. CSV can't tell an empty text from null in every dialect, so there the two are the same.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from cleanroom_pipeline.recipe.language import Recipe
from cleanroom_pipeline.recipe.lineage import plan_lineage
from cleanroom_pipeline.recipe.meaning import build_plan
from cleanroom_pipeline.recipe.operations.declaration import PlanOptions
from cleanroom_pipeline.recipe.personal import shape
from cleanroom_pipeline.recipe.plan import Column, Opened, changes_rows

_FLOAT_DIGITS = ".12g"
_EXACT = (Decimal, int)
Spelling = Callable[[Any], str | None]


@dataclass(frozen=True)
class CellDifference:
    """A cell that differs: its row (from 1), its column, both texts."""

    row: int
    column: str
    ours: str | None
    theirs: str | None


@dataclass
class Comparison:
    """How two tables differ. `columns`: how many cells of each column differ.

    `missing` columns are in the file alone, `extra` ones in our table alone; `same_order` says
    whether the columns both have stand in one order. `reordered`: the same rows, in another order.
    """

    rows_ours: int = 0
    rows_theirs: int = 0
    rows_equal: int = 0
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    same_order: bool = True
    columns: dict[str, int] = field(default_factory=dict)
    first: list[CellDifference] = field(default_factory=list)
    reordered: bool = False

    @property
    def equal(self) -> bool:
        """Say whether there is no difference at all."""
        rows = self.rows_ours == self.rows_theirs == self.rows_equal
        return rows and self.same_order and not (self.missing or self.extra or self.columns)


def spelling(type_: pa.DataType, *, csv: bool) -> Spelling:
    """Return how cells that are compared with a column of this type are spelled."""
    if pa.types.is_floating(type_):
        spell: Callable[[Any], str] = _float
    elif pa.types.is_integer(type_) or pa.types.is_decimal(type_):
        spell = _number
    elif pa.types.is_boolean(type_):
        spell = lambda cell: str(cell).strip().lower()  # noqa: E731 - one of a table of spellings
    elif pa.types.is_temporal(type_):
        spell = _moment
    elif pa.types.is_nested(type_):
        spell = _json
    else:
        spell = _text

    def spelled(cell: Any) -> str | None:
        return None if cell is None or (csv and cell == "") else spell(cell)

    return spelled


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    return cell if isinstance(cell, str) else str(cell)


def _float(cell: Any) -> str:
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return _text(cell)
    return format(value, _FLOAT_DIGITS) if math.isfinite(value) else str(value)


def _number(cell: Any) -> str:
    try:
        value = Decimal(cell if isinstance(cell, _EXACT) else str(cell))
    except InvalidOperation:
        return _text(cell)
    return format(value.normalize(), "f") if value.is_finite() else str(value)


def _moment(cell: Any) -> str:
    if isinstance(cell, datetime):
        return _spelled_moment(cell)
    if isinstance(cell, date):
        return _spelled_moment(datetime(cell.year, cell.month, cell.day, tzinfo=UTC))
    try:
        return _spelled_moment(datetime.fromisoformat(str(cell).strip()))
    except ValueError:
        return _text(cell)


def _spelled_moment(moment: datetime) -> str:
    in_utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return in_utc.isoformat()


def _json(cell: Any) -> str:
    try:
        value = json.loads(cell) if isinstance(cell, str) else cell
    except ValueError:
        return _text(cell)
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def compare(
    ours: Iterable[pa.RecordBatch],
    theirs: Iterable[pa.RecordBatch],
    schemas: tuple[pa.Schema, pa.Schema],
    *,
    csv: bool,
    most: int,
) -> Comparison:
    """Return where two streams of rows differ, row by row; the first `most` cells are kept.

    Holds one batch of each at a time.
    """
    mine, other = schemas
    common = [name for name in mine.names if name in other.names]
    result = Comparison(
        missing=tuple(name for name in other.names if name not in mine.names),
        extra=tuple(name for name in mine.names if name not in other.names),
        same_order=common == [name for name in other.names if name in mine.names],
    )
    spellings = [(name, spelling(mine.field(name).type, csv=csv)) for name in common]
    fingerprints = [0, 0]
    for left, right in _aligned(iter(ours), iter(theirs)):
        result.rows_ours += left.num_rows
        result.rows_theirs += right.num_rows
        if _identical(left, right, common):
            result.rows_equal += left.num_rows
            continue
        cells = [
            (name, _column(left, name, spell), _column(right, name, spell))
            for name, spell in spellings
        ]
        _compare_rows(result, cells, result.rows_ours - left.num_rows, most)
        for place, columns in enumerate(zip(*[one[1:] for one in cells], strict=True)):
            fingerprints[place] += sum(map(hash, zip(*columns, strict=True)))
    counted = result.rows_ours == result.rows_theirs
    result.reordered = bool(result.columns) and counted and fingerprints[0] == fingerprints[1]
    return result


def _identical(left: pa.RecordBatch, right: pa.RecordBatch, names: Iterable[str]) -> bool:
    """Say at once whether two batches have the same cells of the same types."""
    return left.num_rows == right.num_rows and all(
        left.column(name).equals(right.column(name)) for name in names
    )


def _column(batch: pa.RecordBatch, name: str, spell: Spelling) -> list[str | None]:
    return [spell(cell) for cell in batch.column(name).to_pylist()]


def _compare_rows(
    result: Comparison,
    cells: Sequence[tuple[str, list[str | None], list[str | None]]],
    done: int,
    most: int,
) -> None:
    """Add what differs in rows that stand side by side, after `done` others."""
    rows = min((min(len(left), len(right)) for _, left, right in cells), default=0)
    differing: set[int] = set()
    found: list[CellDifference] = []
    for name, left, right in cells:
        if left[:rows] == right[:rows]:
            continue
        places = [place for place in range(rows) if left[place] != right[place]]
        differing.update(places)
        result.columns[name] = result.columns.get(name, 0) + len(places)
        found += [
            CellDifference(done + place + 1, name, left[place], right[place])
            for place in places[:most]
        ]
    order = {name: place for place, (name, _, _) in enumerate(cells)}
    found.sort(key=lambda one: (one.row, order[one.column]))
    result.first += found[: most - len(result.first)]
    result.rows_equal += rows - len(differing)


def _aligned(
    ours: Iterator[pa.RecordBatch], theirs: Iterator[pa.RecordBatch]
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Yield batches of equal lengths; at the end, what one has alone beside no rows."""
    left, right = next(ours, None), next(theirs, None)
    empty: list[pa.RecordBatch | None] = [None, None]
    while left is not None and right is not None:
        empty = [left.slice(0, 0), right.slice(0, 0)]
        rows = min(left.num_rows, right.num_rows)
        yield left.slice(0, rows), right.slice(0, rows)
        left, right = left.slice(rows), right.slice(rows)
        left = left if left.num_rows else next(ours, None)
        right = right if right.num_rows else next(theirs, None)
    while left is not None:
        yield left, empty[1] if empty[1] is not None else left.slice(0, 0)
        left = next(ours, None)
    while right is not None:
        yield empty[0] if empty[0] is not None else right.slice(0, 0), right
        right = next(theirs, None)


@dataclass(frozen=True)
class Suspects:
    """The last step to touch each column (None: none does), and the steps that change rows.

    `others` is the suspect of columns that only the data can name.
    """

    columns: Mapping[str, int | None]
    others: int | None
    rows: tuple[int, ...]

    def of(self, column: str) -> int | None:
        """Return the step suspected of a column; None when no step touches it."""
        return self.columns.get(column, self.others)


def suspects(recipe: Recipe, inputs: Sequence[Column]) -> Suspects:
    """Return the suspected steps of a recipe over these input columns.

    A column that only the data can name is put down to the last step that makes such columns.
    """
    plan = build_plan(recipe.steps, inputs, PlanOptions(), name=recipe.name)
    columns = {
        name: origin.steps[-1] if origin.steps else None
        for name, origin in plan_lineage(plan, inputs).items()
    }
    opening = [node.step for node in plan.nodes if isinstance(node.operator, Opened)]
    rows = sorted({node.step for node in plan.nodes if changes_rows(node)})
    return Suspects(columns, opening[-1] if opening else None, tuple(rows))


def comparison_text(found: Comparison, recipe: Recipe, who: Suspects, *, show: bool) -> str:
    """Return a comparison as text; cells as shapes unless they are to be shown."""
    equal = f"{found.rows_equal} of {found.rows_ours} rows equal"
    lines = [equal if found.equal else f"{equal}; the file has {found.rows_theirs} rows"]
    if found.rows_ours != found.rows_theirs:
        lines.append(f"  steps that leave out or add rows: {_steps(recipe, who.rows)}")
    if found.reordered:
        lines.append("  both have the same rows, in another order")
    for names, where in ((found.missing, "the file"), (found.extra, "our output")):
        if names:
            lines.append(f"  columns in {where} alone: {', '.join(names)}")
    if not found.same_order:
        lines.append("  the columns stand in another order")
    for name, count in found.columns.items():
        step = who.of(name)
        told = "no step touches it" if step is None else f"suspect: {_steps(recipe, [step])}"
        lines.append(f"  column {name}: {count} cells differ; {told}")
    for one in found.first:
        ours, theirs = (shown(cell, show=show) for cell in (one.ours, one.theirs))
        lines.append(f"    row {one.row}, {one.column}: ours {ours}, theirs {theirs}")
    return "\n".join(lines)


def _steps(recipe: Recipe, numbers: Iterable[int]) -> str:
    told = [f"step {number} ({recipe.steps[number - 1].operation})" for number in numbers]
    return ", ".join(told) or "none"


def shown(cell: str | None, *, show: bool) -> str:
    """Return a cell as a report shows it."""
    return "null" if cell is None else repr(cell if show else shape(cell))
