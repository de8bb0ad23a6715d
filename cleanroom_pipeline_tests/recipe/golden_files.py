"""Golden files: for each operation its input, recipe and output, and the source of the rule.

Here: reading them, running them, spelling a result as they do. Not here: tests, or the files
(golden/<family>/<OPERATION>.yaml).

A file has `operation`, `source` (who says so: AWS's page, another standard, or our own choice) and
`cases`. A case has `title`, `columns` (name to DuckDB type), `rows`, `steps` (as a recipe file
holds them) and `gives` (`columns`, `rows`). It may have `seed`, `compat`, `now`, and `datasets`
(second inputs by name, each with `columns` and `rows`). Cells are written as JSON would write them:
dates, timestamps and decimals as texts, structs and maps as objects.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml

from cleanroom_pipeline.recipe import parse_recipe
from cleanroom_pipeline.recipe.engine import Dataset, EngineSettings, run_recipe_to_arrow
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline_tests.recipe.running import FixedCiphers, FixedSecrets, write_parquet

GOLDEN = Path(__file__).parent / "golden"
_CASE_KEYS = {
    "title",
    "columns",
    "rows",
    "steps",
    "gives",
    "seed",
    "compat",
    "now",
    "datasets",
}


@dataclass(frozen=True)
class Data:
    """A small table: DuckDB types by column name, and rows of cells."""

    columns: Mapping[str, str]
    rows: list[list[Any]]

    def table(self) -> pa.Table:
        """Return it as Arrow, each cell cast by DuckDB from the text it is written as."""
        names = list(self.columns)
        cells = {
            f"c{place}": pa.array([_written(row[place]) for row in self.rows], pa.string())
            for place in range(len(names))
        }
        with duckdb.connect() as connection:
            connection.register("cells", pa.table(cells))
            casts = [
                f"CAST({_source(place, type_)} AS {type_})"
                for place, type_ in enumerate(self.columns.values())
            ]
            query = f"SELECT {', '.join(casts)} FROM cells"  # noqa: S608 - types of our own files
            table: pa.Table = connection.sql(query).to_arrow_table()
        return table.rename_columns(names)


def _source(place: int, type_: str) -> str:
    nested = type_.endswith("]") or type_.startswith(("STRUCT", "MAP"))
    return f"CAST(c{place} AS JSON)" if nested else f"c{place}"


def _written(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    return json.dumps(cell, ensure_ascii=False)


@dataclass(frozen=True)
class Case:
    """One example: what goes in, the steps, what comes out."""

    title: str
    given: Data
    steps: list[Any]
    gives: Data
    settings: Mapping[str, Any] = field(default_factory=dict)
    datasets: Mapping[str, Data] = field(default_factory=dict)


@dataclass(frozen=True)
class GoldenFile:
    """What is known of one operation, with examples."""

    operation: str
    source: str
    cases: tuple[Case, ...]
    path: Path


def _data(raw: Mapping[str, Any]) -> Data:
    data = Data(raw["columns"], raw["rows"])
    for row in data.rows:
        if len(row) != len(data.columns):
            message = f"{row} has {len(row)} cells for {len(data.columns)} columns"
            raise ValueError(message)
        for cell, (name, type_) in zip(row, data.columns.items(), strict=True):
            if type_ == "VARCHAR" and not isinstance(cell, str | None):
                message = f"{name} is a text: write {cell!r} in quotes"
                raise ValueError(message)
    return data


def _case(raw: Mapping[str, Any]) -> Case:
    if unknown := set(raw) - _CASE_KEYS:
        message = f"a case has unknown keys {sorted(unknown)}"
        raise ValueError(message)
    settings = {key: raw[key] for key in ("seed", "compat") if key in raw}
    if "now" in raw:
        settings["now"] = datetime.fromisoformat(raw["now"])
    datasets = {name: _data(one) for name, one in raw.get("datasets", {}).items()}
    return Case(raw["title"], _data(raw), raw["steps"], _data(raw["gives"]), settings, datasets)


def read_golden(path: Path) -> GoldenFile:
    """Return one golden file."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    cases = tuple(map(_case, raw["cases"]))
    return GoldenFile(raw["operation"], raw["source"], cases, path)


@cache
def golden_files() -> Mapping[str, GoldenFile]:
    """Return all golden files by their operation's name."""
    files = [read_golden(path) for path in sorted(GOLDEN.glob("*/*.yaml"))]
    return {file.operation: file for file in files}


def cases() -> Iterator[Any]:
    """Yield each case of each golden file as pytest's parameter."""
    for file in golden_files().values():
        for case in file.cases:
            yield pytest.param(case, id=f"{file.operation}: {case.title}")


def run_case(folder: Path, case: Case) -> pa.Table:
    """Return what the engine gives for a case."""
    file = write_parquet(folder / "input.parquet", case.given.table())
    parquet = FileFormat(kind="parquet")
    datasets = {
        name: Dataset([write_parquet(folder / f"second-{place}.parquet", data.table())], parquet)
        for place, (name, data) in enumerate(case.datasets.items())
    }
    recipe = parse_recipe(json.dumps(case.steps), name="recipe.json")
    return run_recipe_to_arrow(
        recipe,
        [file],
        parquet,
        limit=1_000,
        secrets=FixedSecrets(),
        ciphers=FixedCiphers(),
        datasets=datasets,
        settings=EngineSettings(**case.settings),
    )


def spelled(table: pa.Table) -> list[list[Any]]:
    """Return a table's rows as a golden file writes them."""
    columns = [
        [_spell(cell, field.type) for cell in table[place].to_pylist()]
        for place, field in enumerate(table.schema)
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def _spell(cell: Any, type_: pa.DataType) -> Any:
    if cell is None:
        return None
    if pa.types.is_struct(type_):
        return {one.name: _spell(cell[one.name], one.type) for one in type_}
    if pa.types.is_map(type_):
        return {_spell(k, type_.key_type): _spell(v, type_.item_type) for k, v in cell}
    if pa.types.is_list(type_):
        return [_spell(one, type_.value_type) for one in cell]
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell) if isinstance(cell, Decimal) else cell


def expected(case: Case) -> list[list[Any]]:
    """Return the rows a case gives, spelled through the types it states."""
    return spelled(case.gives.table())
