"""A recipe's effect step by step, on the first rows of an input.

Here: the tables before and after each step, what differs between them, how that is printed. Not
here: commands, or which columns are personal (personal.py).

A step that looks at the whole column (an average, a sort) looks at these rows alone.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cleanroom_pipeline.recipe.engine import Dataset, EngineSettings, run_recipe_to_arrow
from cleanroom_pipeline.recipe.file_columns import columns_of_files
from cleanroom_pipeline.recipe.files import FileFormat, InputFile
from cleanroom_pipeline.recipe.language import Recipe
from cleanroom_pipeline.recipe.personal import PersonalColumns, looks_personal, shape
from cleanroom_pipeline.recipe.plan import Column
from cleanroom_pipeline.recipe.providers import SecretProvider

FEW_COLUMNS = 6
WIDEST_CELL = 32
_MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class Cells:
    """A table as texts: names and rows; None is null."""

    names: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]

    def column(self, name: str) -> tuple[str | None, ...]:
        """Return one column."""
        place = self.names.index(name)
        return tuple(row[place] for row in self.rows)


@dataclass(frozen=True)
class StepPreview:
    """What one step did to the sample; cells of personal columns are shapes already.

    `kept` has the place before of each row after, when the step only left rows out; None when the
    rows are others. `changed` are the columns it changed, made or removed, and `touched` the places
    of rows with a cell that differs there.
    """

    step: int
    operation: str
    before: Cells
    after: Cells
    changed: tuple[str, ...]
    kept: tuple[int, ...] | None
    touched: tuple[int, ...] = ()


def preview(
    recipe: Recipe,
    inputs: Sequence[InputFile],
    input_format: FileFormat,
    *,
    rows: int,
    step: int | None = None,
    show_values: bool = False,
    secrets: SecretProvider | None = None,
    datasets: Mapping[str, Dataset] | None = None,
    settings: EngineSettings,
) -> list[StepPreview]:
    """Return the effect of each step (or one) on the first rows. Raises what run_recipe does."""
    if step is not None and not 1 <= step <= len(recipe.steps):
        message = f"the recipe has steps 1 to {len(recipe.steps)}, and no step {step}"
        raise ValueError(message)
    settings = replace(settings, now=settings.now or datetime.now(UTC))
    taken = run_recipe_to_arrow(
        replace(recipe, steps=()), inputs, input_format, limit=rows, settings=settings
    )
    with tempfile.TemporaryDirectory(prefix="recipe-") as folder:
        path = Path(folder) / "sample.parquet"
        pq.write_table(taken, path)
        sample, parquet = InputFile(path, "sample"), FileFormat(kind="parquet")

        def after(done: int) -> pa.Table:
            return run_recipe_to_arrow(
                replace(recipe, steps=recipe.steps[:done]),
                [sample],
                parquet,
                limit=_MOST_ROWS,
                secrets=secrets,
                datasets=datasets,
                settings=settings,
            )

        wanted = range(1, len(recipe.steps) + 1) if step is None else (step,)
        places = sorted({place for one in wanted for place in (one - 1, one)})
        tables = {place: cells_of(after(place)) for place in places}
        columns = columns_of_files([sample], parquet)
    hidden = {} if show_values else _personal(recipe, columns, tables)
    shown = {place: (table, hidden.get(place, frozenset())) for place, table in tables.items()}
    return [_step_preview(recipe, one, shown[one - 1], shown[one]) for one in wanted]


def _personal(
    recipe: Recipe, columns: Sequence[Column], tables: Mapping[int, Cells]
) -> dict[int, frozenset[str]]:
    """Return the columns to hide in each table, by the place of its step."""
    looking = {
        name
        for table in tables.values()
        for name in table.names
        if looks_personal(table.column(name))
    }
    personal = PersonalColumns(recipe, columns, looking)
    return {place: personal.after(place, table.names) for place, table in tables.items()}


def cells_of(table: pa.Table) -> Cells:
    """Return a table's cells as texts."""
    columns = [[_spelled(cell) for cell in column.to_pylist()] for column in table.columns]
    rows = tuple(zip(*columns, strict=True)) if columns else ()
    return Cells(tuple(table.column_names), rows)


def _spelled(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, list | dict):
        return json.dumps(cell, ensure_ascii=False, default=str)
    return str(cell)


def _step_preview(
    recipe: Recipe,
    number: int,
    before: tuple[Cells, frozenset[str]],
    after: tuple[Cells, frozenset[str]],
) -> StepPreview:
    kept, changed = kept_rows(before[0], after[0]), changed_columns(before[0], after[0])
    return StepPreview(
        number,
        recipe.steps[number - 1].operation,
        masked(*before),
        masked(*after),
        changed,
        kept,
        touched_rows(before[0], after[0], changed),
    )


def masked(cells: Cells, hidden: frozenset[str]) -> Cells:
    """Return the cells with those of hidden columns as shapes; null and empty cells show."""
    rows = tuple(
        tuple(
            shape(cell) if cell and name in hidden else cell
            for name, cell in zip(cells.names, row, strict=True)
        )
        for row in cells.rows
    )
    return Cells(cells.names, rows)


def kept_rows(before: Cells, after: Cells) -> tuple[int, ...] | None:
    """Return the place before of each row after; None when rows are new or in another order."""
    if len(before.rows) == len(after.rows):
        moved = before.names == after.names and sorted(map(str, before.rows)) == sorted(
            map(str, after.rows)
        )
        same = before.rows == after.rows
        return tuple(range(len(before.rows))) if same or not moved else None
    if before.names != after.names:
        return None
    kept = []
    place = 0
    for row in after.rows:
        while place < len(before.rows) and before.rows[place] != row:
            place += 1
        if place == len(before.rows):
            return None
        kept.append(place)
        place += 1
    return tuple(kept)


def changed_columns(before: Cells, after: Cells) -> tuple[str, ...]:
    """Return the columns made, removed or changed; those of the same rows when rows are fewer."""
    kept = kept_rows(before, after)
    removed = [name for name in before.names if name not in after.names]

    def differs(name: str) -> bool:
        if name not in before.names:
            return True
        old, new = before.column(name), after.column(name)
        return tuple(old[place] for place in kept) != new if kept is not None else old != new

    return tuple(name for name in after.names if differs(name)) + tuple(removed)


def touched_rows(before: Cells, after: Cells, changed: Sequence[str]) -> tuple[int, ...]:
    """Return the places of rows with a cell of a changed column that was another, or not there."""
    nothing = (object(),)
    pairs = [
        (
            before.column(name) if name in before.names else nothing * len(before.rows),
            after.column(name) if name in after.names else (),
        )
        for name in changed
    ]
    places = range(min(len(before.rows), len(after.rows)))
    return tuple(
        place
        for place in places
        if any(place >= len(new) or old[place] != new[place] for old, new in pairs)
    )


def preview_text(previews: Sequence[StepPreview], most: int) -> str:
    """Return the previews as text, at most so many rows of each step."""
    return "\n\n".join(_step_text(one, most) for one in previews)


def _step_text(one: StepPreview, most: int) -> str:
    count = f"{len(one.before.rows)} rows -> {len(one.after.rows)} rows"
    lines = [f"step {one.step} ({one.operation}): {count}"]
    names = dict.fromkeys((*one.before.names, *one.after.names))
    shown = list(names) if len(names) <= FEW_COLUMNS else list(one.changed)
    if one.kept is None:
        lines.append("  the rows are others, or in another order; they are shown by their places")
        pairs = list(_by_place(one))
    elif len(one.kept) < len(one.before.rows):
        gone = sorted(set(range(len(one.before.rows))) - set(one.kept))
        lines.append(f"  {len(gone)} rows left out")
        shown = list(one.before.names)[:FEW_COLUMNS]
        pairs = [(one.before.rows[place], None) for place in gone]
    elif not one.changed:
        order = "the columns' order" if one.before.names != one.after.names else "nothing"
        return "\n".join([*lines, f"  it changes {order} here"])
    else:
        pairs = [(one.before.rows[place], one.after.rows[place]) for place in one.touched]
        lines.append(f"  {len(pairs)} rows changed; columns: {', '.join(one.changed)}")
    lines += _table(one, shown, pairs[:most])
    if len(pairs) > most:
        lines.append(f"  ... and {len(pairs) - most} more")
    return "\n".join(lines)


_Row = tuple[str | None, ...]
_Pair = tuple[_Row | None, _Row | None]


def _by_place(one: StepPreview) -> list[_Pair]:
    before, after = one.before.rows, one.after.rows
    return [
        (
            before[place] if place < len(before) else None,
            after[place] if place < len(after) else None,
        )
        for place in range(max(len(before), len(after)))
    ]


def _cell(cells: Cells, row: _Row | None, name: str) -> str | None:
    """Return a cell as it is printed; nothing where there is no such row or column."""
    if row is None or name not in cells.names:
        return ""
    cell = row[cells.names.index(name)]
    if not cell:
        return "null" if cell is None else '""'
    line = cell if cell.isprintable() else repr(cell)[1:-1]
    return line if len(line) <= WIDEST_CELL else f"{line[: WIDEST_CELL - 1]}…"


def _table(one: StepPreview, names: Sequence[str], pairs: Sequence[_Pair]) -> list[str]:
    """Return lines: each column that differs twice, before and after; others once."""
    columns: list[list[str]] = []
    for name in names:
        old = [_cell(one.before, before, name) or "" for before, _ in pairs]
        new = [_cell(one.after, after, name) or "" for _, after in pairs]
        if name in one.before.names and (name in one.changed or any(old)):
            columns.append([f"{name} (before)" if name in one.changed else name, *old])
        if name in one.after.names and name in one.changed:
            columns.append([f"{name} (after)", *new])
    widths = [max(map(len, column)) for column in columns]
    return [
        "  "
        + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*columns, strict=True)
    ]
