"""Whole runs: order, determinism, spill, output files, hostile names, errors.

Here: run_recipe on files. Not here: single operations.
"""

import json
import os
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.engine import (
    EngineError,
    EngineSettings,
    RunResult,
    SecretError,
    run_recipe,
    run_recipe_to_arrow,
)
from cleanroom_pipeline.recipe.files import (
    FileFormat,
    FileReadError,
    InputFile,
    SchemaMismatchError,
)
from cleanroom_pipeline.recipe.session import Session
from cleanroom_pipeline_tests.recipe.running import (
    FixedSecrets,
    column,
    condition,
    recipe,
    run_csv,
    run_table,
    step,
    write_csv,
    write_parquet,
)

CSV, PARQUET = FileFormat(), FileFormat(kind="parquet")
HASH = step("CRYPTOGRAPHIC_HASH", sourceColumns=["email"], secretId="key")
STEPS: list[Any] = [
    step("LOWER_CASE", sourceColumn="email"),
    step("FILL_WITH_MOST_FREQUENT", sourceColumn="state"),
    step("RENAME", sourceColumn="amount", targetColumn="spent"),
    step("CHANGE_DATA_TYPE", sourceColumn="spent", columnDataType="double"),
    step("REMOVE_DUPLICATES", sourceColumn="email"),
    HASH,
    step("REMOVE_VALUES", conditions=[condition("IS", "state", "TX")]),
    step("REPLACE_WITH_RANDOM_BETWEEN", sourceColumn="n", lowerBound=0, upperBound=9),
    step("SHUFFLE_ROWS", sourceColumns=["n"], groupByColumns=["state"]),
    step("SORT", expressions=[{"sourceColumn": "state"}]),
    step(
        "GROUP_BY",
        sourceColumns=["state"],
        groupByAggFunctionOptions=[
            {"sourceColumnName": "spent", "targetColumnName": "mean", "functionName": "AVERAGE"}
        ],
    ),
    step("FILL_WITH_LAST_VALID", sourceColumn="email"),
]


def people(count: int) -> list[dict[str, str | None]]:
    states = ["NY", "CA", None, "TX", ""]
    return [
        {
            "email": f"User{place * 7 % (count * 2 // 3 + 1)}@X.org" if place % 11 else None,
            "state": states[place % 5],
            "amount": f"{place % 97}.{place % 10}",
            "n": str(place),
        }
        for place in range(count)
    ]


def run(
    folder: Path,
    inputs: Sequence[InputFile],
    *steps: Any,
    format_: FileFormat = CSV,
    output: Any = "parquet",
    **options: Any,
) -> RunResult:
    return run_recipe(
        recipe(*steps),
        inputs,
        format_,
        folder,
        output=output,
        secrets=FixedSecrets(),
        settings=EngineSettings(**options),
    )


def test_any_number_of_threads_writes_the_same_bytes(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", people(30_000))
    written = []
    for threads in (1, 2, 4):
        result = run(tmp_path / f"out{threads}", [source], *STEPS, threads=threads)
        written.append([file.path.read_bytes() for file in result.files])
        assert result.rows_in == 30_000
    assert written[0] == written[1] == written[2]


def test_a_long_list_of_values_makes_no_join_which_would_lose_the_order_of_rows(
    tmp_path: Path,
) -> None:
    listed = ", ".join(f"'{n}'" for n in range(50))
    query = f"SELECT x FROM (SELECT range::TEXT AS x FROM range(9)) WHERE lower(x) IN ({listed})"  # noqa: S608 (no text from outside)
    with Session(tmp_path, memory_limit="100MB", threads=2) as session:
        ((_, plan),) = session.connection.execute(f"EXPLAIN {query}").fetchall()
        session.connection.execute("SET disabled_optimizers = ''")
        ((_, with_join),) = session.connection.execute(f"EXPLAIN {query}").fetchall()
    assert "Join" not in plan
    assert "Join" in with_join


def test_rows_stay_in_input_order_through_many_files(tmp_path: Path) -> None:
    rows = people(25_000)
    files = [write_csv(tmp_path / f"{n}.csv", rows[n * 5_000 : (n + 1) * 5_000]) for n in range(5)]
    result = run(tmp_path / "out", files, step("LOWER_CASE", sourceColumn="state"), threads=4)
    assert pq.read_table(result.files[0].path).column("n").to_pylist() == column(rows, "n")
    assert (result.rows_in, result.rows_out) == (25_000, 25_000)


def test_csv_and_parquet_shards_give_the_same_table(tmp_path: Path) -> None:
    rows = people(500)
    csv = write_csv(tmp_path / "in.csv", rows)
    table = pa.Table.from_pylist([row | {"n": int(row["n"] or 0)} for row in rows])
    parquet = write_parquet(tmp_path / "in.parquet", table)
    steps = [*STEPS[:7], step("CHANGE_DATA_TYPE", sourceColumn="n", columnDataType="long")]
    first = run(tmp_path / "a", [csv], *steps)
    second = run(tmp_path / "b", [parquet], *steps, format_=PARQUET)
    assert pq.read_table(first.files[0].path).equals(pq.read_table(second.files[0].path))


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(range(len(STEPS))), max_size=6, unique=True).map(sorted))
def test_one_run_equals_its_steps_run_one_by_one(tmp_path: Path, places: list[int]) -> None:
    if 2 not in places:
        places = [place for place in places if place not in {3, 10}]
    chosen = [STEPS[place] for place in places if place not in {7, 8}]
    table = pa.Table.from_pylist(people(120))
    whole = run_table(tmp_path, table, *chosen) if chosen else table
    for one in chosen:
        table = run_table(tmp_path, table, one)
    assert whole.equals(table)


NAME = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00\r")
    | st.sampled_from("\"'`;-. \\$(){}[]%?:\n"),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(NAME, NAME, NAME)
def test_names_and_values_of_any_shape_are_data(
    tmp_path: Path, name: str, target: str, value: str
) -> None:
    steps = [
        step("ADD_PREFIX", sourceColumn=name, pattern=value),
        step("RENAME", sourceColumn=name, targetColumn=target),
        step("REMOVE_DUPLICATES", sourceColumn=target),
        step("CATEGORICAL_MAPPING", sourceColumn=target, targetColumn=target + "'", categoryMap={
            value + "1": value}),
    ]  # fmt: skip
    got = run_csv(tmp_path, [{name: "1"}, {name: "1"}, {name: "2"}], *steps)
    assert [list(row.items()) for row in got] == [
        [(target, value + "1"), (target + "'", value)],
        [(target, value + "2"), (target + "'", None)],
    ]


def test_columns_that_differ_by_case_alone_are_two_columns(tmp_path: Path) -> None:
    rows = [{"Email": "A", "email": "B"}]
    made = step("LOWER_CASE", sourceColumn="Email")
    assert run_csv(tmp_path, rows, made) == [{"Email": "a", "email": "B"}]


def test_a_statement_as_a_column_name_changes_nothing(tmp_path: Path) -> None:
    name = 'x"; DROP TABLE stage1; --'
    made = step("REMOVE_DUPLICATES", sourceColumn=name)
    assert run_csv(tmp_path, [{name: "'); DELETE FROM t; --"}] * 2, made) == [
        {name: "'); DELETE FROM t; --"}
    ]


def test_an_empty_result_is_one_file_with_the_schema(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", [{"a": "1"}])
    everything = step("REMOVE_VALUES", conditions=[condition("IS", "a", "1")])
    to_int = step("CHANGE_DATA_TYPE", sourceColumn="a", columnDataType="int")
    result = run(tmp_path / "out", [source], everything, to_int)
    assert [file.path.name for file in result.files] == ["part-00000.parquet"]
    table = pq.read_table(result.files[0].path)
    assert (table.num_rows, table.schema.field("a").type) == (0, pa.int32())
    assert (result.rows_in, result.rows_out) == (1, 0)


def test_rows_in_counts_the_input_whatever_becomes_of_it(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", people(100))
    option = {"sourceColumnName": "n", "targetColumnName": "c", "functionName": "COUNT"}
    grouped = step(
        "GROUP_BY",
        sourceColumns=["state"],
        groupByAggFunctionOptions=[option],
        useNewDataFrame=True,
    )
    gone = step("REMOVE_MISSING", sourceColumn="state")
    for place, steps in enumerate([[grouped], [gone, grouped], [gone], [STEPS[4]]]):
        assert run(tmp_path / str(place), [source], *steps).rows_in == 100


def test_parts_of_another_run_are_not_mixed_with_ours(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", people(3))
    made = step("LOWER_CASE", sourceColumn="state")
    first = run(tmp_path / "out", [source], made)
    with pytest.raises(FileExistsError, match="empty folder"):
        run(tmp_path / "out", [source], made)
    assert first.files[0].path.is_file()


def test_a_preview_stops_early(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", people(5_000))
    steps = [HASH, step("REMOVE_DUPLICATES", sourceColumn="n")]
    table = run_recipe_to_arrow(recipe(*steps), [source], CSV, limit=3, secrets=FixedSecrets())
    assert table.num_rows == 3


def test_large_results_are_cut_into_files(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", people(1_000))
    result = run(
        tmp_path / "out", [source], step("LOWER_CASE", sourceColumn="email"), max_rows_per_file=300
    )
    assert [file.rows for file in result.files] == [300, 300, 300, 100]
    assert [file.path.name for file in result.files][-1] == "part-00003.parquet"
    assert all(file.size == file.path.stat().st_size for file in result.files)


def test_output_files_carry_no_path_and_are_zstd(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", people(10))
    result = run(tmp_path / "out", [source], HASH)
    data = result.files[0].path.read_bytes()
    assert str(tmp_path).encode() not in data
    assert pq.read_metadata(result.files[0].path).row_group(0).column(0).compression == "ZSTD"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("csv", 'a,b\n1,""\n"x""y",\n'),
        ("jsonl", '{"a": "1", "b": ""}\n{"a": "x\\"y", "b": null}\n'),
    ],
)
def test_text_outputs_tell_null_from_empty(tmp_path: Path, output: str, expected: str) -> None:
    source = write_csv(tmp_path / "in.csv", [{"a": "1", "b": ""}, {"a": 'x"y', "b": None}])
    move = step("MOVE_TO_START", sourceColumn="a")
    result = run(tmp_path / "out", [source], move, output=output)
    assert result.files[0].path.read_text() == expected


def test_files_of_one_run_may_order_their_columns_differently(tmp_path: Path) -> None:
    first = write_csv(tmp_path / "1.csv", [{"a": "1", "b": "2"}])
    second = write_csv(tmp_path / "2.csv", [{"b": "4", "a": "3"}])
    result = run(tmp_path / "out", [first, second], step("LOWER_CASE", sourceColumn="a"))
    assert pq.read_table(result.files[0].path).to_pylist() == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": "4"},
    ]


def test_files_with_other_columns_are_refused(tmp_path: Path) -> None:
    first = write_csv(tmp_path / "1.csv", [{"a": "1"}])
    second = write_csv(tmp_path / "2.csv", [{"b": "1"}])
    with pytest.raises(SchemaMismatchError, match=r"1\.csv.*2\.csv"):
        run(tmp_path / "out", [first, second], step("LOWER_CASE", sourceColumn="a"))


def test_json_lines_come_as_text(tmp_path: Path) -> None:
    lines = [{"a": 1, "/b": "x", "n": {"k": [1]}}, {"a": None, "t": True}]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = step("UPPER_CASE", sourceColumn="/b")
    result = run(tmp_path / "out", [InputFile(path, "in")], made, format_=FileFormat(kind="jsonl"))
    assert pq.read_table(result.files[0].path).to_pylist() == [
        {"a": "1", "/b": "X", "n": '{"k":[1]}', "t": None},
        {"a": None, "/b": None, "n": None, "t": "true"},
    ]


def test_null_text_is_null_only_when_unquoted(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text('a,b\nNULL,\n"NULL",x\n')
    made = step("MOVE_TO_END", sourceColumn="b")
    result = run(
        tmp_path / "out", [InputFile(path, "in")], made, format_=FileFormat(null_text="NULL")
    )
    assert column(pq.read_table(result.files[0].path).to_pylist(), "a") == [None, "NULL"]


def test_a_recipe_that_does_not_fit_is_refused_before_a_row_is_read(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("a,b\nbroken\n")
    with pytest.raises(RecipeError, match="unknown column 'c'"):
        run(tmp_path / "out", [InputFile(path, "in")], step("LOWER_CASE", sourceColumn="c"))


def leftovers(folder: Path) -> list[str]:
    return [name for _, _, names in os.walk(folder) for name in names]


def test_a_failed_run_leaves_nothing(tmp_path: Path) -> None:
    lines = [f"{n},2020-01-01" for n in range(200_000)]
    path = tmp_path / "in.csv"
    path.write_text("\n".join(["a,b", *lines, "SECRET,2,3"]))
    scratch, out = tmp_path / "scratch", tmp_path / "out"
    scratch.mkdir()
    with pytest.raises(FileReadError, match="line 200002") as caught:
        run(
            out,
            [InputFile(path, "s3://in")],
            step("UPPER_CASE", sourceColumn="a"),
            temp_dir=scratch,
        )
    assert "SECRET" not in str(caught.value)
    assert leftovers(scratch) == []
    assert leftovers(out) == []


def test_a_secret_that_is_no_key_stops_the_run(tmp_path: Path) -> None:
    class Wrong:
        def secret_string(self, secret_id: str, version: str | None) -> str:
            return "not base64!"

    source = write_csv(tmp_path / "in.csv", people(3))
    with pytest.raises(SecretError, match="base64") as caught:
        run_recipe(recipe(HASH), [source], CSV, tmp_path / "out", secrets=Wrong())
    assert "not base64!" not in str(caught.value)
    with pytest.raises(SecretError, match="no secret provider"):
        run_recipe(recipe(HASH), [source], CSV, tmp_path / "out")


def test_an_error_of_the_provider_goes_through(tmp_path: Path) -> None:
    class Denied:
        def secret_string(self, secret_id: str, version: str | None) -> str:
            raise PermissionError(secret_id)

    source = write_csv(tmp_path / "in.csv", people(3))
    with pytest.raises(PermissionError):
        run_recipe(recipe(HASH), [source], CSV, tmp_path / "out", secrets=Denied())


def test_too_little_memory_is_told_as_such(tmp_path: Path) -> None:
    rows = [{"a": string.ascii_letters * 40, "n": str(n)} for n in range(20_000)]
    source = write_csv(tmp_path / "in.csv", rows)
    with pytest.raises(EngineError, match="memory"):
        run(
            tmp_path / "out",
            [source],
            step("SORT", expressions=[{"sourceColumn": "a"}]),
            memory_limit="2MB",
        )


def test_a_hundred_steps_run(tmp_path: Path) -> None:
    steps = [step("ADD_SUFFIX", sourceColumn="x", pattern=str(n % 10)) for n in range(100)]
    assert run_csv(tmp_path, [{"x": ""}], *steps) == [{"x": "0123456789" * 10}]


def test_parquets_statistics_do_not_hide_a_nan(tmp_path: Path) -> None:
    # They leave NaN out, and DuckDB took the greatest other number for the bound of all cells.
    table = pa.table({"x": [1.0, float("nan"), 2.0]})
    above = step(
        "REMOVE_VALUES", sourceColumn="x", conditions=[condition("LESS_THAN_EQUAL", "x", "2")]
    )
    (left,) = run_table(tmp_path, table, above).column("x").to_pylist()
    assert left != left
