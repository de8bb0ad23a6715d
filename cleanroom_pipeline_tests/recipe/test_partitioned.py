"""Partition columns become folders.

Here: which rows lie where, in which order, under which names. Not here: one folder's files
(test_output.py).
"""

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.recipe import partitioned
from cleanroom_pipeline.recipe.engine import EngineError, run_recipe
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.recipe.partitioned import NULL_PARTITION, write_partitions
from cleanroom_pipeline_tests.recipe.running import recipe, step, write_parquet

DAYS = st.sampled_from(["2024-01-01", "a/b", "..", "ü %", "", None])
ROWS = st.lists(st.tuples(DAYS, st.sampled_from([1, None]), st.integers(0, 9)), max_size=30)
SCHEMA = pa.schema([("day", pa.string()), ("hour", pa.int64()), ("n", pa.int64())])


def write(folder: Path, rows: list[Any], by: list[str], batch_rows: int = 7) -> list[str]:
    table = pa.table(
        [pa.array([row[place] for row in rows], one.type) for place, one in enumerate(SCHEMA)],
        schema=SCHEMA,
    )
    batches = iter(table.to_batches(max_chunksize=batch_rows))
    files = write_partitions(batches, SCHEMA, folder, "parquet", by, max_rows_per_file=10)
    return [str(file.path.relative_to(folder)) for file in files]


@given(rows=ROWS, batch_rows=st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_each_row_lies_once_in_its_folder_in_order(rows: list[Any], batch_rows: int) -> None:
    expected = defaultdict(list)
    for day, hour, number in rows:
        expected[f"day={day or NULL_PARTITION}/hour={hour or NULL_PARTITION}"].append(number)
    with TemporaryDirectory() as name:
        folder = Path(name)
        found: dict[str, list[Any]] = defaultdict(list)
        for path in write(folder, rows, ["day", "hour"], batch_rows):
            # A file's own columns alone: pyarrow would add what the folders' names say.
            table = pq.ParquetFile(folder / path).read()
            assert table.schema.names == ["n"]
            found[unquote(str(Path(path).parent))] += table.column("n").to_pylist()
    assert {name: numbers for name, numbers in found.items() if numbers} == expected


def test_no_rows_are_one_file_without_the_partition_columns(tmp_path: Path) -> None:
    assert write(tmp_path, [], ["day"]) == ["part-00000.parquet"]
    assert pq.read_schema(tmp_path / "part-00000.parquet").names == ["hour", "n"]


def test_a_folders_rows_are_held_back_for_whole_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitioned, "ROWS_PER_GROUP", 4)
    rows = [(f"{number % 2}", 1, number) for number in range(9)]
    for path in write(tmp_path, rows, ["day"], batch_rows=1):
        file = pq.ParquetFile(tmp_path / path)
        assert file.metadata.row_group(0).num_rows == 4


def test_too_many_partitions_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitioned, "MOST_PARTITIONS", 2)
    with pytest.raises(EngineError, match="more than 2 values"):
        write(tmp_path, [("a", 1, 1), ("b", 1, 1), ("c", 1, 1)], ["day"])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_value_too_long_for_a_folder_is_refused_without_telling_it(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="'day' has a value too long") as error:
        write(tmp_path, [("x" * 300, 1, 1)], ["day"])
    assert "xxx" not in str(error.value)


@pytest.mark.parametrize("by", [["nothing"], ["day", "n"]])
def test_a_recipe_is_partitioned_by_columns_that_leave_others(
    tmp_path: Path, by: list[str]
) -> None:
    file = write_parquet(tmp_path / "in.parquet", pa.table({"day": ["a", "b"], "n": [1, 2]}))
    made = recipe(step("UPPER_CASE", sourceColumn="day"))
    parquet = FileFormat(kind="parquet")
    with pytest.raises(EngineError, match="can't be partitioned"):
        run_recipe(made, [file], parquet, tmp_path / "no", partition_by=by)
    result = run_recipe(made, [file], parquet, tmp_path / "out", partition_by=["day"])
    names = [str(one.path.relative_to(tmp_path / "out")) for one in result.files]
    assert names == ["day=A/part-00000.parquet", "day=B/part-00000.parquet"]
    assert result.rows_out == 2
