"""A recipe means the same however it is run.

Here: all steps at once or one by one, one thread or several, few row groups or many, once or twice.
Not here: what that meaning is (golden files, oracles).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.recipe import RecipeError, parse_recipe
from cleanroom_pipeline.recipe.engine import Dataset, EngineSettings, run_recipe_to_arrow
from cleanroom_pipeline.recipe.files import FileFormat, InputFile
from cleanroom_pipeline_tests.recipe.golden_files import Case, golden_files
from cleanroom_pipeline_tests.recipe.running import FixedSecrets, condition, step, write_parquet

PARQUET = FileFormat(kind="parquet")
MANY = 4_000
# Each message is another one, as it must be, and takes a millisecond (see test_ciphers.py).
NEVER_TWICE = {"ENCRYPT", "DECRYPT"}
FIRST_CASES = [
    pytest.param(file.cases[0], id=name)
    for name, file in golden_files().items()
    if name not in NEVER_TWICE
]


def run(
    table: pa.Table,
    steps: list[Any],
    *,
    threads: int = 2,
    row_group: int = 100_000,
    case: Case | None = None,
    **options: Any,
) -> pa.Table:
    """Run steps over a table that lies in row groups of a size."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "input.parquet"
        pq.write_table(table, path, row_group_size=row_group)
        datasets: Mapping[str, Dataset] = {
            name: Dataset([write_parquet(Path(folder) / f"{place}.parquet", data.table())], PARQUET)
            for place, (name, data) in enumerate(case.datasets.items() if case else ())
        }
        return run_recipe_to_arrow(
            parse_recipe(json.dumps(steps), name="recipe.json"),
            [InputFile(path, path.name)],
            PARQUET,
            limit=10_000_000,
            secrets=FixedSecrets(),
            datasets=datasets,
            settings=EngineSettings(threads=threads, **options),
        )


@pytest.mark.parametrize("case", FIRST_CASES)
def test_threads_and_row_groups_leave_no_trace(case: Case) -> None:
    table = pa.concat_tables([case.given.table()] * (MANY // len(case.given.rows)))
    given = {"now": case.settings.get("now"), **case.settings}
    once = run(table, case.steps, threads=1, case=case, **given)
    again = run(table, case.steps, threads=4, row_group=2_048, case=case, **given)
    assert again.equals(once)


POOL: list[Any] = [
    step("UPPER_CASE", sourceColumn="name"),
    step("CAPITAL_CASE", sourceColumn="name", conditions=[condition("IS_MISSING", "email")]),
    step("REMOVE_COMBINED", sourceColumn="email", removeAllWhitespace="true"),
    step("REPLACE_TEXT", sourceColumn="name", pattern="[ae]", value="*"),
    step("MASK_RANGE", sourceColumns='["name"]', maskSymbol="#", start="1"),
    step("CRYPTOGRAPHIC_HASH", sourceColumns='["email"]', secretId="s"),
    step("CHANGE_DATA_TYPE", sourceColumn="amount", columnDataType="double"),
    step("CHANGE_DATA_TYPE", sourceColumn="day", columnDataType="date"),
    step("FORMAT_DATE", sourceColumn="day", targetDateFormat="dd month yyyy"),
    step("YEAR", sourceColumn="day", targetColumn="year"),
    step("ADD", sourceColumn1="amount", value2="1", targetColumn="more"),
    step("DUPLICATE", sourceColumn="name", targetColumn="copy"),
    step("RENAME", sourceColumn="name", targetColumn="first name"),
    step("RENAME", sourceColumn="first name", targetColumn="name"),
    step("DELETE", sourceColumn="copy"),
    step("MOVE_TO_START", sourceColumn="amount"),
    step("MERGE", sourceColumns='["name","email"]', delimiter="-", targetColumn="merged"),
    step(
        "REMOVE_VALUES", sourceColumn="amount", conditions=[condition("LESS_THAN", "amount", "2")]
    ),
    step("REMOVE_MISSING", sourceColumn="email"),
    step("REMOVE_DUPLICATES", sourceColumn="email"),
    step("DELETE_DUPLICATE_ROWS"),
    step("FILL_WITH_LAST_VALID", sourceColumn="email", columnDataType="string"),
    step("FILL_WITH_MOST_FREQUENT", sourceColumn="name"),
    step("FILL_WITH_AVERAGE", sourceColumn="amount"),
    step(
        "FLAG_DUPLICATES_IN_COLUMN",
        sourceColumn="name",
        targetColumn="again",
        trueString="y",
        falseString="n",
    ),
    step("ROW_NUMBER", targetColumn="number", orderByColumns='["amount"]'),
    step(
        "ROLLING_SUM",
        sourceColumn="amount",
        numRowsBefore="1",
        numRowsAfter="1",
        targetColumn="rolling",
    ),
    step("SORT", expressions='[{"sourceColumn":"amount","ordering":"DESCENDING"}]'),
    step(
        "GROUP_BY",
        sourceColumns='["name"]',
        groupByAggFunctionOptions='[{"sourceColumnName":"amount","targetColumnName":"total","functionName":"SUM"}]',
    ),
    step("UNPIVOT", sourceColumns='["name","email"]', unpivotColumn="which", valueColumn="name"),
    step(
        "CATEGORICAL_MAPPING",
        sourceColumn="name",
        targetColumn="code",
        categoryMap='{"ann":"1"}',
        mapType="NUMERIC",
    ),
    step("NEST_TO_STRUCT", sourceColumns='["name","amount"]', targetColumn="both"),
    step("UNNEST_STRUCT", sourceColumn="both", targetColumn="of", removeSourceColumn="true"),
]

CELLS = {
    "name": st.sampled_from(["ann", "Zoë", "", None, "o'neil; --", "ann "]),
    "email": st.sampled_from(["a@b.c", " A@b.c", None, "", "ü@x"]),
    "amount": st.sampled_from(["1", "2.5", "-3", "x", None, "1e3"]),
    "day": st.sampled_from(["2024-02-29", "12/31/1999", "no", None, "2024-02-30"]),
}
ROWS = st.lists(st.fixed_dictionaries(CELLS), min_size=0, max_size=12)


def texts(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in CELLS})


def in_turn(table: pa.Table, steps: list[Any]) -> pa.Table:
    """Run each step as a recipe of its own over what the one before gave."""
    for one in steps:
        table = run(table, [one], threads=1, row_group=3)
    return table


@given(rows=ROWS, steps=st.lists(st.sampled_from(POOL), min_size=2, max_size=7))
@settings(max_examples=60, deadline=None)
def test_all_steps_at_once_are_the_steps_one_by_one(rows: list[Any], steps: list[Any]) -> None:
    table = texts(rows)
    try:
        at_once = run(table, steps)
    except RecipeError:
        with pytest.raises(RecipeError):
            in_turn(table, steps)
        return
    one_by_one = in_turn(table, steps)
    assert at_once.schema.names == one_by_one.schema.names
    assert at_once.to_pylist() == one_by_one.to_pylist()


@given(rows=ROWS, steps=st.lists(st.sampled_from(POOL), min_size=1, max_size=7))
@settings(max_examples=40, deadline=None)
def test_a_recipe_emitted_and_read_again_gives_the_same(rows: list[Any], steps: list[Any]) -> None:
    recipe = parse_recipe(json.dumps(steps), name="recipe.json")
    again = parse_recipe(json.dumps(recipe.to_api()), name="recipe.json")
    assert again == recipe
    try:
        once = run(texts(rows), steps)
    except RecipeError:
        return
    assert run(texts(rows), again.to_api()).equals(once)
