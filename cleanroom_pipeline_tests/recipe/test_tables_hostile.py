"""Operations on whole tables where plans, names and cells are as bad as they get.

Here: plans of which nothing is needed, values that survey and run share, counts of removed rows,
hostile JSON and names, keys of several types. Not here: what each operation does (test_tables.py,
golden/data_structure).
"""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.engine import (
    Dataset,
    EngineSettings,
    run_recipe,
    run_recipe_to_arrow,
)
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.recipe.lineage import ColumnOrigin, column_lineage
from cleanroom_pipeline_tests.recipe.running import (
    column,
    condition,
    recipe,
    rows_of,
    run_csv,
    run_table,
    step,
    write_parquet,
)

PARQUET = FileFormat(kind="parquet")
LEFT = pa.table({"k": ["a", "b", None], "n": [1, 2, 3]})
SECOND = pa.table({"k": ["a", "c", "a"], "m": [10, 20, 30]})
TODAY = step("TODAY", targetColumn="made")
RANDOM = step("RANDOM", targetColumn="made")
UNPIVOT = step("UNPIVOT", sourceColumns='["k","n"]', unpivotColumn="u", valueColumn="v")
SHUFFLE = step("SHUFFLE_ROWS", sourceColumns='["n"]')
NUMBERED = step("ROW_NUMBER", orderByColumns='["n"]', targetColumn="nth")
SORT = step("SORT", expressions='[{"sourceColumn":"n"}]')


def join(kind: str, *right: str) -> Any:
    return step(
        "JOIN",
        joinKeys='[{"key":"k","value":"k"}]',
        joinType=kind,
        rightColumns=json.dumps(right),
        secondaryDatasetName="second",
    )


def union(columns: Sequence[Sequence[str | None]], *targets: str) -> Any:
    return step(
        "UNION",
        datasetsColumns=json.dumps(columns),
        targetColumnNames=json.dumps(targets),
        secondaryDatasetNames='["second"]',
    )


def delete(*names: str) -> Any:
    return step("DELETE", sourceColumns=json.dumps(names))


def without(value: str) -> Any:
    return step("REMOVE_VALUES", sourceColumn="d", conditions=[condition("IS", "d", value)])


def run_two(folder: Path, table: pa.Table, second: pa.Table, *steps: Any) -> pa.Table:
    return run_recipe_to_arrow(
        recipe(*steps),
        [write_parquet(folder / "left.parquet", table)],
        PARQUET,
        datasets={"second": Dataset([write_parquet(folder / "second.parquet", second)], PARQUET)},
    )


@pytest.mark.parametrize("made", [TODAY, RANDOM])
@pytest.mark.parametrize(
    ("steps", "gone", "rows"),
    [
        ([], ["k", "n"], 3),
        ([SORT], ["k", "n"], 3),
        ([SHUFFLE], ["k", "n"], 3),
        ([UNPIVOT], ["u", "v"], 6),
        ([join("OUTER_JOIN", "m")], ["k", "n", "m"], 5),
        ([union([["k"], ["k"]], "k")], ["k"], 6),
    ],
)
def test_rows_stay_where_no_column_of_them_is_needed(
    tmp_path: Path, made: Any, steps: list[Any], gone: list[str], rows: int
) -> None:
    result = run_two(tmp_path, LEFT, SECOND, *steps, made, delete(*gone))
    assert (result.schema.names, result.num_rows) == (["made"], rows)


def test_a_pivot_that_would_leave_no_column_is_refused(tmp_path: Path) -> None:
    pivot = step("PIVOT", sourceColumn="k", valueColumn="n", aggregateFunction="SUM")
    nothing = pa.table({"k": pa.array([None], pa.string()), "n": [1]})
    with pytest.raises(RecipeError, match="no column would be left"):
        run_table(tmp_path, nothing, pivot)
    assert recipe(pivot, delete("k_a")).check(["k", "n"]) == ()


def test_steps_after_a_wrong_one_are_not_looked_up_in_the_data(tmp_path: Path) -> None:
    wrong = step("UPPER", sourceColumn="nowhere", targetColumn="y")
    with pytest.raises(RecipeError, match="unknown column 'nowhere'"):
        run_csv(tmp_path, [{"k": "a"}], wrong, step("ONE_HOT_ENCODING", sourceColumn="y"))


@pytest.mark.parametrize("random", [RANDOM, SHUFFLE])
def test_random_values_do_not_depend_on_what_else_is_needed(tmp_path: Path, random: Any) -> None:
    table = pa.table({"d": [str(number % 7) for number in range(70)], "n": range(70)})
    drawn = [NUMBERED, without('["1","2"]'), random]
    needed = run_table(tmp_path, table, *drawn)
    unneeded = run_table(tmp_path, table, *drawn, delete("nth"))
    assert needed.drop_columns("nth").equals(unneeded)


def test_columns_that_random_values_name_are_those_of_the_run(tmp_path: Path) -> None:
    table = pa.table({"d": [str(number % 7) for number in range(70)], "n": range(70)})
    drawn = step("RANDOM_BETWEEN", targetColumn="r", lowerBound="1", upperBound="1000000")
    rows = rows_of(
        run_table(
            tmp_path,
            table,
            NUMBERED,
            without('["1","2","3","4","5"]'),
            step("REMOVE_DUPLICATES", sourceColumn="d"),
            drawn,
            step("ONE_HOT_ENCODING", sourceColumn="r"),
        )
    )
    assert [row[f"r_{row['r']}"] for row in rows] == [1, 1]


@pytest.mark.parametrize(
    "reads_twice",
    [
        step("REMOVE_DUPLICATES", sourceColumn="n"),
        step("SHUFFLE_ROWS", sourceColumns='["n"]'),
        step("FILL_WITH_AVERAGE", sourceColumn="n"),
    ],
)
def test_a_removed_row_counts_once(tmp_path: Path, reads_twice: Any) -> None:
    table = pa.table({"d": [str(number % 10) for number in range(3_000)], "n": range(3_000)})
    result = run_recipe(
        recipe(SORT, without('["1"]'), reads_twice),
        [write_parquet(tmp_path / "in.parquet", table)],
        PARQUET,
        tmp_path / "out",
        settings=EngineSettings(tally=True),
    )
    assert result.removed is not None
    assert result.removed[2] == 300


@pytest.mark.parametrize(
    ("step_", "reason"),
    [
        (step("UNPIVOT", sourceColumns='["a"]', unpivotColumn="u", valueColumn="u"), "two columns"),
        (
            step(
                "TRANSPOSE",
                pivotColumns='["a"]',
                valueColumns='["b"]',
                aggregateFunction="SUM",
                newColumn="a",
            ),
            "one of the pivotColumns",
        ),
    ],
)
def test_two_columns_of_one_name_are_refused(step_: Any, reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        recipe(step_)


UNNEST = step("UNNEST_STRUCT", sourceColumn="x", removeSourceColumn="true")
ELEMENTS = step("UNNEST_ARRAY", sourceColumn="x", targetColumn="e", removeSourceColumn="true")


@pytest.mark.parametrize(
    ("cells", "step_", "reason"),
    [
        (['{"a":1}', '{"A":2}'], UNNEST, "differ in more than case"),
        (['[{"a":1,"A":2}]'], ELEMENTS, "differ in more than case"),
        (['{"":1}'], UNNEST, "needs a name"),
        (["none", None], ELEMENTS, "no JSON array"),
        (['{"a":' * 10_000 + "1" + "}" * 10_000], UNNEST, "too many levels"),
        (["[" * 10_000 + "1" + "]" * 10_000], ELEMENTS, "too many levels"),
    ],
)
def test_json_that_no_struct_can_hold_is_refused(
    tmp_path: Path, cells: list[str], step_: Any, reason: str
) -> None:
    with pytest.raises(RecipeError, match=reason):
        run_csv(tmp_path, [{"x": cell} for cell in cells], step_)


def test_columns_that_differ_in_case_alone_are_no_struct(tmp_path: Path) -> None:
    twin = step("DUPLICATE", sourceColumn="a", targetColumn="A")
    nest = step("NEST_TO_STRUCT", sourceColumns='["a","A"]', targetColumn="s")
    with pytest.raises(RecipeError, match="differ in more than case"):
        run_csv(tmp_path, [{"a": "1"}], twin, nest)


def test_lists_in_lists_end_as_json_text(tmp_path: Path) -> None:
    (row,) = run_csv(tmp_path, [{"x": "[" * 300 + "1" + "]" * 300}], ELEMENTS)
    cell = row["e"]
    for _ in range(19):
        (cell,) = cell
    assert cell == "[" * 280 + "1" + "]" * 280


def test_whole_numbers_in_json_keep_every_digit(tmp_path: Path) -> None:
    cells = ['{"a":18446744073709551615}', '{"a": -9223372036854775808}', '{"a":1}']
    made = run_csv(tmp_path, [{"x": cell} for cell in cells], UNNEST)
    assert column(made, "a") == [Decimal(2**64 - 1), Decimal(-(2**63)), Decimal(1)]
    (row,) = run_csv(tmp_path, [{"x": '{"a":2147483648}'}], UNNEST)
    assert type(row["a"]) is int


def test_a_field_may_have_the_name_of_the_column_that_goes(tmp_path: Path) -> None:
    assert run_csv(tmp_path, [{"x": '{"x":"1"}'}], UNNEST) == [{"x": "1"}]


@pytest.mark.parametrize("cells", [[], [None, ""]])
def test_a_column_without_a_cell_gives_nulls(tmp_path: Path, cells: list[str | None]) -> None:
    table = pa.table({"x": pa.array(cells, pa.string())})
    assert column(rows_of(run_table(tmp_path, table, ELEMENTS)), "e") == [None] * len(cells)


def test_entries_are_taken_out_of_json_too(tmp_path: Path) -> None:
    cells = ['{"a":1,"A":{"b":"x"},"":null}', '{"a":1,"a":2}', "none", "[1]", None]
    made = run_csv(
        tmp_path,
        [{"x": cell} for cell in cells],
        step("UNNEST_MAP", sourceColumn="x", removeSourceColumn="true"),
    )
    assert [tuple(row.values()) for row in made] == [
        ("a", "1"),
        ("A", '{"b":"x"}'),
        ("", None),
        *[(None, None)] * 4,
    ]


def test_a_path_that_is_no_key_of_a_map_gives_null(tmp_path: Path) -> None:
    maps = pa.table({"x": pa.array([[(1, 5)], None], pa.map_(pa.int64(), pa.int64()))})
    for path, found in (("`1`", [5, None]), ("`one`", [None, None])):
        extract = step("EXTRACT_VALUE", sourceColumn="x", targetColumn="y", path=path)
        assert column(rows_of(run_table(tmp_path, maps, extract)), "y") == found


def test_columns_of_elements_and_entries_are_known_without_the_data() -> None:
    made = recipe(
        step("UNNEST_ARRAY", sourceColumn="a", targetColumn="e"),
        step("UNNEST_MAP", sourceColumn="b"),
        step("JSON_TO_STRUCTS", sourceColumns='["c"]'),
    )
    assert made.check(["a", "b", "c"]) == ()
    (finding,) = recipe(ELEMENTS, delete("x")).check(["x", "y"])
    assert "unknown column 'x'" in str(finding)
    assert column_lineage(made, ["a", "b", "c"]) == {
        "a": ColumnOrigin(frozenset({"a"})),
        "b": ColumnOrigin(frozenset({"b"})),
        "c": ColumnOrigin(frozenset({"c"})),
        "e": ColumnOrigin(frozenset({"a"}), (1,)),
        "b_key": ColumnOrigin(frozenset({"b"}), (2,)),
        "b_value": ColumnOrigin(frozenset({"b"}), (2,)),
        "c_struct": ColumnOrigin(frozenset({"c"}), (3,)),
    }


@pytest.mark.parametrize(
    ("left", "right", "partners"),
    [
        (pa.array([1, 2]), pa.array([1.0, 2.5]), [0, None]),
        (pa.array([2**53 + 1]), pa.array([2**53, 2**53 + 1], pa.uint64()), [1]),
        (pa.array(["1", "01"]), pa.array([1]), [0, None]),
    ],
)
def test_keys_of_different_types_are_equal_by_value(
    tmp_path: Path, left: pa.Array, right: pa.Array, partners: list[int | None]
) -> None:
    second = pa.table({"k": right, "m": range(len(right))})
    result = run_two(tmp_path, pa.table({"k": left}), second, join("LEFT_JOIN", "m"))
    assert result.column("m").to_pylist() == partners


def test_a_union_column_that_no_dataset_has_is_text(tmp_path: Path) -> None:
    result = run_two(tmp_path, LEFT, SECOND, union([["k", None], ["k", None]], "k", "x"))
    assert result.schema.field("x").type == pa.string()


HOSTILE = [
    "place", "q0", "l", "r", "entry", "left_place", "stage1", "c0", "c_1", "rowid", "row", "INPUT",
    'a"b', "x.y", "😀", "; DROP TABLE q0; --", "scalar:x", "value", "*",
]  # fmt: skip


def test_hostile_names_pass_through_tables_unharmed(tmp_path: Path) -> None:
    table = pa.table({name: [f"{name}{place}" for place in range(3)] for name in HOSTILE})
    names = json.dumps(HOSTILE)
    nested = step(
        "NEST_TO_STRUCT", sourceColumns=names, targetColumn="s", removeSourceColumns="true"
    )
    flat = step("UNNEST_STRUCT", sourceColumn="s", removeSourceColumn="true")
    twice = union([HOSTILE, HOSTILE], *HOSTILE)
    result = run_two(tmp_path, table, table, nested, flat, twice, step("DELETE_DUPLICATE_ROWS"))
    assert result.equals(table)
