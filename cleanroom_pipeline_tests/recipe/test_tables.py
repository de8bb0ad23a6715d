"""Operations on whole tables: joins, unions, and columns that the data names.

Here: all kinds of joins against a plain oracle, what is known without the data, order of rows. Not
here: examples (golden/data_structure).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.engine import Dataset, EngineSettings, run_recipe_to_arrow
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.recipe.lineage import ColumnOrigin, column_lineage
from cleanroom_pipeline_tests.recipe.running import (
    condition,
    recipe,
    rows_of,
    run_csv,
    run_table,
    step,
    write_parquet,
)

PARQUET = FileFormat(kind="parquet")
JOINS = (
    "INNER_JOIN",
    "LEFT_JOIN",
    "RIGHT_JOIN",
    "OUTER_JOIN",
    "LEFT_EXCLUDING_JOIN",
    "RIGHT_EXCLUDING_JOIN",
    "OUTER_EXCLUDING_JOIN",
)
Rows = list[tuple[str | None, int]]
KEYS = st.lists(st.sampled_from(["a", "b", "ü", "", None]), max_size=6)


def numbered(keys: list[str | None]) -> Rows:
    return [(key, number) for number, key in enumerate(keys)]


def oracle(kind: str, left: Rows, right: Rows) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a join, by the meaning of its name."""
    nothing = (None, None)
    met = set()
    for one in left:
        partners = [other for other in right if one[0] is not None and one[0] == other[0]]
        met |= {number for _, number in partners}
        if "EXCLUDING" not in kind:
            yield from ((*one, *other) for other in partners)
        if not partners and ("LEFT" in kind or "OUTER" in kind):
            yield (*one, *nothing)
    if "RIGHT" in kind or "OUTER" in kind:
        yield from ((*nothing, *other) for other in right if other[1] not in met)


def table(rows: Rows, key: str, number: str) -> pa.Table:
    return pa.table(
        {
            key: pa.array([one[0] for one in rows], pa.string()),
            number: pa.array([one[1] for one in rows], pa.int64()),
        }
    )


def joined(kind: str, **parameters: Any) -> Any:
    return step(
        "JOIN",
        joinKeys='[{"key":"k","value":"k"}]',
        joinType=kind,
        rightColumns='["k","m"]',
        secondaryDatasetName="second",
        **parameters,
    )


@given(left=KEYS.map(numbered), right=KEYS.map(numbered), threads=st.sampled_from([1, 2]))
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("kind", JOINS)
def test_a_join_pairs_rows_in_order(kind: str, left: Rows, right: Rows, threads: int) -> None:
    with TemporaryDirectory() as folder:
        here = Path(folder)
        result = run_recipe_to_arrow(
            recipe(joined(kind)),
            [write_parquet(here / "left.parquet", table(left, "k", "n"))],
            PARQUET,
            datasets={
                "second": Dataset(
                    [write_parquet(here / "right.parquet", table(right, "k", "m"))], PARQUET
                )
            },
            settings=EngineSettings(threads=threads),
        )
    assert [tuple(row.values()) for row in rows_of(result)] == list(oracle(kind, left, right))


def test_a_dataset_that_the_run_was_not_given_is_named_before_a_row_is_read(
    tmp_path: Path,
) -> None:
    with pytest.raises(RecipeError, match=r"step 1 \(JOIN\).*not given: second"):
        run_csv(tmp_path, [{"k": "a"}], joined("LEFT_JOIN"))


def test_a_join_is_checked_without_its_second_dataset() -> None:
    made = recipe(joined("LEFT_JOIN"), step("DELETE", sourceColumn="k_2"))
    assert made.check(["k", "n"]) == ()
    (finding,) = recipe(joined("LEFT_JOIN"), step("DELETE", sourceColumn="k_3")).check(["k", "n"])
    assert "did you mean 'k_2'" in str(finding)


@pytest.mark.parametrize(
    "parameters",
    [
        {"joinKeys": '[{"left":"k","right":"k"}]'},
        {"joinType": "CROSS_JOIN"},
        {"secondaryDatasetName": ""},
    ],
)
def test_a_join_that_says_too_little_is_refused(parameters: dict[str, str]) -> None:
    made = joined("LEFT_JOIN")
    made["Action"]["Parameters"] |= parameters
    with pytest.raises(RecipeError, match="JOIN"):
        recipe(made)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"datasetsColumns": '[["a"]]'}, "has 1 lists"),
        ({"datasetsColumns": '[["a"],["a","b"]]'}, "one entry for each of 1"),
        ({"datasetsColumns": '[["a"],[3]]'}, "column names, and null"),
        ({"datasetsColumns": "{}"}, "not a JSON list"),
        ({"secondaryInputs": '[{"Other":{}}]'}, "other than S3 or catalog"),
        (
            {
                "secondaryInputs": '[{"S3InputDefinition":{"Bucket":"b"}},'
                '{"S3InputDefinition":{"Bucket":"c"}}]'
            },
            "the same datasets",
        ),
    ],
)
def test_a_union_whose_lists_do_not_fit_is_refused(parameters: dict[str, str], reason: str) -> None:
    complete: dict[str, Any] = {
        "datasetsColumns": '[["a"],["a"]]',
        "secondaryDatasetNames": '["d"]',
        "targetColumnNames": '["a"]',
    }
    with pytest.raises(RecipeError, match=reason):
        recipe(step("UNION", **(complete | parameters)))


def test_columns_that_only_the_data_names_may_be_used_by_later_steps() -> None:
    made = recipe(
        step("ONE_HOT_ENCODING", sourceColumn="size"),
        step("RENAME", sourceColumn="size_L", targetColumn="large"),
        step("DELETE", sourceColumn="size"),
    )
    assert made.check(["size", "id"]) == ()


def test_columns_named_by_data_are_found_after_the_steps_before_them(tmp_path: Path) -> None:
    rows = [{"s": "a", "n": "1"}, {"s": "b", "n": "2"}, {"s": "c", "n": "3"}]
    kept = step("REMOVE_VALUES", sourceColumn="s", conditions=[condition("IS", "s", '["b"]')])
    made = run_csv(
        tmp_path,
        rows,
        kept,
        step("UPPER_CASE", sourceColumn="s"),
        step("ONE_HOT_ENCODING", sourceColumn="s"),
    )
    assert made == [
        {"s": "A", "n": "1", "s_A": 1, "s_C": 0},
        {"s": "C", "n": "3", "s_A": 0, "s_C": 1},
    ]


@pytest.mark.parametrize(
    "made",
    [
        step("ONE_HOT_ENCODING", sourceColumn="s"),
        step("PIVOT", sourceColumn="s", valueColumn="n", aggregateFunction="SUM"),
    ],
)
def test_more_than_ten_values_are_refused(tmp_path: Path, made: Any) -> None:
    rows = [{"s": str(number), "n": "1"} for number in range(11)]
    with pytest.raises(RecipeError, match="more than 10 distinct values"):
        run_csv(tmp_path, rows, made)


def test_a_hostile_value_becomes_a_column_name_and_nothing_else(tmp_path: Path) -> None:
    value = """x"; DROP TABLE 'q0'; --"""
    (row,) = run_csv(tmp_path, [{"s": value}], step("ONE_HOT_ENCODING", sourceColumn="s"))
    assert row == {"s": value, f"s_{value}": 1}


def test_rows_of_lists_stay_in_order(tmp_path: Path) -> None:
    size = 200_000
    lists = [[f"{number}"] * (number % 3) for number in range(size)]
    source = pa.table({"n": pa.array(range(size)), "l": lists})
    made = step("UNNEST_ARRAY", sourceColumn="l", targetColumn="e", removeSourceColumn="true")
    result = run_table(tmp_path, source, made, step("UPPER_CASE", sourceColumn="e"))
    expected = [number for number in range(size) for _ in range(max(1, number % 3))]
    assert result.column("n").to_pylist() == expected


@pytest.mark.parametrize(
    ("steps", "names"),
    [
        (
            [step("UNPIVOT", sourceColumns='["a","b"]', unpivotColumn="n", valueColumn="v")],
            ["n", "v"],
        ),
        (
            [
                step("NEST_TO_MAP", sourceColumns='["a"]', targetColumn="m"),
                step("UNNEST_MAP", sourceColumn="m"),
            ],
            ["a", "b", "m", "m_key", "m_value"],
        ),
        ([joined("RIGHT_EXCLUDING_JOIN")], ["a", "b", "k", "m"]),
    ],
)
def test_no_rows_give_the_right_columns(tmp_path: Path, steps: list[Any], names: list[str]) -> None:
    empty = pa.table({"a": pa.array([], pa.string()), "b": pa.array([], pa.string())})
    text = json.dumps(steps).replace('\\"key\\":\\"k\\"', '\\"key\\":\\"a\\"')
    second = write_parquet(tmp_path / "second.parquet", table([], "k", "m"))
    result = run_recipe_to_arrow(
        recipe(*json.loads(text)),
        [write_parquet(tmp_path / "empty.parquet", empty)],
        PARQUET,
        datasets={"second": Dataset([second], PARQUET)},
    )
    assert (result.schema.names, result.num_rows) == (names, 0)


def test_lineage_goes_through_tables() -> None:
    made = recipe(
        joined("LEFT_JOIN"),
        step("UNPIVOT", sourceColumns='["n","m"]', unpivotColumn="name", valueColumn="value"),
    )
    assert column_lineage(made, ["k", "n", "other"]) == {
        "k": ColumnOrigin(frozenset({"k"})),
        "other": ColumnOrigin(frozenset({"other"})),
        "k_2": ColumnOrigin(frozenset({"k"}), (1,)),
        "name": ColumnOrigin(frozenset({"n", "k"}), (1, 2)),
        "value": ColumnOrigin(frozenset({"n", "k"}), (1, 2)),
    }


def test_columns_that_the_data_names_have_the_origin_of_their_step() -> None:
    made = recipe(
        step("PIVOT", sourceColumn="s", valueColumn="n", aggregateFunction="SUM"),
        step("DUPLICATE", sourceColumn="s_a", targetColumn="copy"),
    )
    assert column_lineage(made, ["id", "s", "n"]) == {
        "id": ColumnOrigin(frozenset({"id"})),
        "copy": ColumnOrigin(frozenset({"s", "n"}), (1, 2)),
    }


def test_a_run_tells_how_many_rows_each_step_removed(tmp_path: Path) -> None:
    from cleanroom_pipeline.recipe.engine import run_recipe

    source = pa.table({"n": [str(number % 10) for number in range(30_000)]})
    made = recipe(
        step("REMOVE_VALUES", conditions=[condition("IS", "n", '["1","2"]')], sourceColumn="n"),
        step("REMOVE_VALUES", conditions=[condition("IS", "n", '["2","3"]')], sourceColumn="n"),
        step("DELETE_DUPLICATE_ROWS"),
    )
    result = run_recipe(
        made,
        [write_parquet(tmp_path / "in.parquet", source)],
        PARQUET,
        tmp_path / "out",
        settings=EngineSettings(tally=True),
    )
    assert result.removed == {1: 6_000, 2: 3_000, 3: 21_000 - 7}
    assert (result.rows_in, result.rows_out) == (30_000, 7)
