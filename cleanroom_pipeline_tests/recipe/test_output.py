"""Files that are written: what CSV quotes, how files are cut, and that nothing is lost.

Here: the form of written files. Not here: what a recipe makes of rows.
"""

import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.recipe import output as writing
from cleanroom_pipeline.recipe.engine import run_recipe, run_recipe_to_arrow
from cleanroom_pipeline.recipe.files import FileFormat, InputFile
from cleanroom_pipeline.recipe.output import ONE_FILE, OutputKind, write_files
from cleanroom_pipeline_tests.recipe.running import recipe, step

CSV, PARQUET = FileFormat(kind="csv"), FileFormat(kind="parquet")
HARMLESS = recipe(step("MOVE_TO_START", sourceColumn="a"))


def written_csv(folder: Path, table: pa.Table) -> Path:
    pq.write_table(table, folder / "in.parquet")
    source = InputFile(folder / "in.parquet", "in.parquet")
    return run_recipe(HARMLESS, [source], PARQUET, folder / "out", output="csv").files[0].path


def test_only_what_must_be_quoted_is(tmp_path: Path) -> None:
    table = pa.table(
        {
            "a": ["a b", "", None, "x,y"],
            'a "name"': ['say "no"', "two\nlines", "é", "#"],
            "number": pa.array([1, None, 3, 4], pa.int64()),
        }
    )
    assert written_csv(tmp_path, table).read_text(encoding="utf-8") == (
        'a,"a ""name""",number\na b,"say ""no""",1\n"","two\nlines",\n,é,3\n"x,y",#,4\n'
    )


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.text(alphabet='a",\n é', max_size=4), st.none() | st.integers(0, 9)
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_written_is_read_back_cell_by_cell(
    rows: list[tuple[str | None, int | None]],
) -> None:
    texts = pa.array([text for text, _ in rows], pa.string())
    numbers = pa.array([number for _, number in rows], pa.int64())
    with tempfile.TemporaryDirectory() as folder:
        path = written_csv(Path(folder), pa.table({"a": texts, "b": numbers}))
        back = run_recipe_to_arrow(HARMLESS, [InputFile(path, "out.csv")], CSV)
    assert back.column("a").to_pylist() == texts.to_pylist()
    assert back.column("b").to_pylist() == numbers.cast(pa.string()).to_pylist()


NESTED = pa.table(
    {
        "list": pa.array([[1, None], None], pa.list_(pa.int64())),
        "struct": pa.array([{"a": "é", "b": [True]}, None]),
        "map": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
    }
)


def written(folder: Path, table: pa.Table, kind: OutputKind) -> str:
    files = write_files(
        iter(table.to_batches()), table.schema, folder, kind, max_rows_per_file=ONE_FILE
    )
    return files[0].path.read_text(encoding="utf-8")


def test_nested_cells_are_json_in_csv(tmp_path: Path) -> None:
    assert written(tmp_path, NESTED, "csv").splitlines()[1:] == [
        '"[1, null]","{""a"": ""é"", ""b"": [true]}","{""k"": 1}"',
        ",,{}",
    ]


def test_nested_cells_are_json_in_json_lines(tmp_path: Path) -> None:
    assert list(map(json.loads, written(tmp_path, NESTED, "jsonl").splitlines())) == [
        {"list": [1, None], "struct": {"a": "é", "b": [True]}, "map": {"k": 1}},
        {"list": None, "struct": None, "map": {}},
    ]


@pytest.mark.parametrize(("most", "files"), [(ONE_FILE, 1), (1_000, 3)])
def test_one_file_is_one_however_large_it_becomes(
    most: int, files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "FULL_FILE_BYTES", 1)
    monkeypatch.setattr(writing, "ROWS_PER_GROUP", 1)
    table = pa.table({"a": [letter * 100_000 for letter in "xyz"]})
    made = write_files(
        iter(table.to_batches()), table.schema, tmp_path, "csv", max_rows_per_file=most
    )
    assert sum(file.rows for file in made) == 3
    assert len(made) == files


def test_progress_is_told_the_rows_written_so_far(tmp_path: Path) -> None:
    table = pa.table({"a": ["x"] * 5})
    told: list[int] = []
    write_files(
        iter(table.to_batches()),
        table.schema,
        tmp_path,
        "csv",
        max_rows_per_file=2,
        progress=told.append,
    )
    assert told == [2, 4, 5]
