"""CSV that is written: what is quoted, and that nothing is lost.

Here: the form of written files. Not here: what a recipe makes of rows.
"""

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.recipe.engine import run_recipe, run_recipe_to_arrow
from cleanroom_pipeline.recipe.files import FileFormat, InputFile
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
