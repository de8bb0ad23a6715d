"""Rows that are put down are read again as they were, in their order.

Here: the file and the table that they are put in. Not here: when that is done (test_engine.py).
"""

from pathlib import Path

import pytest
from sqlglot import exp, parse_one

from cleanroom_pipeline.recipe.session import Session
from cleanroom_pipeline.recipe.stages import put_down

# One column of each type, with the values that a file format loses first.
FLAT = """
SELECT * FROM (VALUES
  ('a' || chr(0) || 'ü', 'infinity'::DATE, '-infinity'::TIMESTAMP, 'nan'::DOUBLE, 'inf'::FLOAT,
   '1.10'::DECIMAL(38,2), 9223372036854775807, true, (-128)::TINYINT, 1::SMALLINT, 2::INTEGER),
  ('', '0044-03-15 (BC)'::DATE, '2024-02-29 12:00:00.000001'::TIMESTAMP, -0.0::DOUBLE, 0.1::FLOAT,
   '-0.01'::DECIMAL(38,2), -9223372036854775808, false, 127::TINYINT, NULL, NULL),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
) AS t(a, b, c, d, e, f, g, h, i, j, k)
"""
HUGE = "SELECT 170141183460469231731687303715884105727::HUGEINT AS a"
NESTED = "SELECT {'x': [1, NULL], 'y': MAP {'k': NULL::VARCHAR}} AS a"


@pytest.mark.parametrize(
    ("query", "names", "in_a_file"),
    [
        pytest.param(FLAT, "abcdefghijk", True, id="flat types"),
        pytest.param(HUGE, "a", False, id="what Parquet would round"),
        pytest.param(NESTED, "a", False, id="nested types"),
        pytest.param("SELECT 1 AS a WHERE false", "a", True, id="no rows"),
        pytest.param("SELECT range AS a FROM range(300000)", "a", True, id="several row groups"),
    ],
)
def test_rows_are_read_again_as_they_were(
    tmp_path: Path, query: str, names: str, *, in_a_file: bool
) -> None:
    with Session(tmp_path, memory_limit="200MB", threads=2) as session:
        rows = parse_one(query, dialect="duckdb")
        assert isinstance(rows, exp.Select)
        stage = put_down(session, "stage1", rows)
        again = stage.select([exp.column(name) for name in names])
        told = [parse_one(f"{name}::VARCHAR || typeof({name})") for name in names]
        before = session.rows(exp.select(*told).from_(rows.subquery("t")))
        assert session.rows(exp.select(*told).from_(again.subquery("t"))) == before
        places = session.rows(exp.select("place").from_(again.subquery("t")))
        assert places == [(place,) for place in range(len(before))]
        assert (stage.rows, stage.file is not None) == (len(before), in_a_file)
        stage.remove()
        assert not list(tmp_path.glob("*.parquet"))
