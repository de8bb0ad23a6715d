"""Running steps over many generated cells at once.

Here: one step over a column, many functions over typed columns. Not here: what is generated
(generated.py), oracles.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from cleanroom_pipeline_tests.recipe.running import run_table, step

Parameters = Mapping[str, Any]
Columns = Mapping[str, tuple[pa.DataType, Sequence[Any]]]
Steps = Mapping[str, tuple[str, Parameters]]


def after(columns: Columns, *steps: Any) -> dict[str, list[Any]]:
    """Run steps over typed columns and return all columns after them."""
    arrays = {name: pa.array(list(cells), type_) for name, (type_, cells) in columns.items()}
    with TemporaryDirectory() as folder:
        made: dict[str, list[Any]] = run_table(Path(folder), pa.table(arrays), *steps).to_pydict()
    return made


def run_cells(
    cells: Sequence[Any], operation: str, type_: pa.DataType | None = None, **parameters: Any
) -> dict[str, list[Any]]:
    """Run one step over a column `x` and return all columns after it."""
    made = step(operation, sourceColumn="x", **parameters)
    return after({"x": (type_ or pa.string(), cells)}, made)


def changed(cells: Sequence[Any], operation: str, **parameters: Any) -> list[Any]:
    """Run one step that changes a column in place and return the column."""
    return run_cells(cells, operation, **parameters)["x"]


def derived(cells: Sequence[Any], operation: str, **parameters: Any) -> list[Any]:
    """Run one step that makes a new column of a column and return the new one."""
    return run_cells(cells, operation, targetColumn="y", **parameters)["y"]


def split(cells: Sequence[Any], operation: str, **parameters: Any) -> list[list[Any]]:
    """Run one step that splits a column and return the pieces of each cell."""
    columns = run_cells(cells, operation, **parameters)
    assert list(columns) == [f"x_{place}" for place in range(1, len(columns) + 1)]
    return [list(pieces) for pieces in zip(*columns.values(), strict=True)]


def of_columns(columns: Columns, steps: Steps) -> dict[str, list[Any]]:
    """Return the new columns; `steps` gives the operation and parameters of each by its name."""
    made = [
        step(operation, targetColumn=name, **parameters)
        for name, (operation, parameters) in steps.items()
    ]
    columns_after = after(columns, *made)
    return {name: columns_after[name] for name in steps}


def of_texts(cells: Sequence[str | None], steps: Steps) -> dict[str, list[Any]]:
    """Return the new columns of functions of a text column `x`."""
    return of_columns({"x": (pa.string(), cells)}, steps)


def each(cells: Sequence[Any], oracle: Callable[[Any], Any]) -> list[Any]:
    """Return what an oracle says of each cell; null for null."""
    return [None if cell is None else oracle(cell) for cell in cells]
