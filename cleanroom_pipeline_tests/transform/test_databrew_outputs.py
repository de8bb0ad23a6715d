"""What a run left, and what is refused of it."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.aws.databrew import JobRun, OutputLocation
from cleanroom_pipeline.transform.databrew_cost import CostRule, seconds_since
from cleanroom_pipeline.transform.databrew_outputs import RunOutput, RunOutputError, read_output
from cleanroom_pipeline.transform.expected_columns import (
    ExpectedColumns,
    departures,
    expected_columns,
)
from cleanroom_pipeline.transform.zero_rows import ZeroRowsError, check_rows
from cleanroom_pipeline_tests.inbound.gate import Gate
from cleanroom_pipeline_tests.recipe.running import recipe, step
from cleanroom_pipeline_tests.transform.brewing import ROWS, Brewing, settings
from cleanroom_pipeline_tests.transform.stand_ins import BEGAN, MemoryBucket, parquet

EXPECTED = ExpectedColumns(("id", "email"), open=False)
FOLDER = "tables/shop/batch/one/job_24Nov2026_1/"


def output(*parts: pa.Table, **others: bytes) -> RunOutput:
    bucket = MemoryBucket.behind(Gate())
    for number, part in enumerate(parts):
        bucket.put(f"{FOLDER}job_part{number:05d}.parquet.snappy", parquet(part))
    for name, body in others.items():
        bucket.put(f"tables/shop/batch/one/{name}", body)
    run = JobRun(
        "db_1", "SUCCEEDED", outputs=(OutputLocation("transformed", "tables/shop/batch/"),)
    )
    return read_output(bucket, run, EXPECTED)


def test_rows_are_counted_and_files_named_where_they_lie() -> None:
    found = output(ROWS, ROWS.slice(0, 1), _SUCCESS=b"")
    assert found.rows == 3
    assert found.prefix == FOLDER
    assert [file.key.removeprefix(FOLDER) for file in found.files] == [
        "job_part00000.parquet.snappy",
        "job_part00001.parquet.snappy",
    ]


def test_a_connector_whose_name_looks_like_a_part_is_read_as_any_other() -> None:
    bucket = MemoryBucket.behind(Gate())
    folder = "tables/shop_partners/batch/one/"
    bucket.put(f"{folder}job_1/job_1_part00000.parquet", parquet(ROWS))
    bucket.put(f"{folder}_SUCCESS", b"")
    run = JobRun("db_1", "SUCCEEDED", outputs=(OutputLocation("transformed", folder),))
    assert read_output(bucket, run, EXPECTED).rows == 2


def test_nothing_two_folders_and_no_parquet_are_refused() -> None:
    with pytest.raises(RunOutputError, match="left 0 folders with part files"):
        output()
    with pytest.raises(RunOutputError, match="left 2 folders with part files"):
        output(ROWS, other_part00000=b"")
    bucket = MemoryBucket.behind(Gate())
    bucket.put(f"{FOLDER}job_part00000.csv", b"id,email\n1,a@b.c\n")
    run = JobRun("db_1", "SUCCEEDED", outputs=(OutputLocation("transformed", FOLDER),))
    with pytest.raises(RunOutputError, match=r"job_part00000\.csv, which is no Parquet") as found:
        read_output(bucket, run, EXPECTED)
    assert "a@b.c" not in str(found.value)


@pytest.mark.parametrize(
    "outputs",
    [
        (),
        (OutputLocation("elsewhere", "tables/"),),
        (OutputLocation("transformed", ""),),
        (OutputLocation("transformed", "a/"), OutputLocation("transformed", "b/")),
    ],
)
def test_a_run_that_wrote_elsewhere_is_refused(outputs: tuple[OutputLocation, ...]) -> None:
    run = JobRun("db_1", "SUCCEEDED", outputs=outputs)
    with pytest.raises(RunOutputError, match=r"tells of \d outputs"):
        read_output(MemoryBucket.behind(Gate()), run, EXPECTED)


def test_part_files_of_two_schemas_are_refused_by_the_columns_that_differ() -> None:
    other = pa.table({"id": [1], "email": ["a@b.c"]})
    with pytest.raises(RunOutputError, match=r"more than one schema: .*part00001.* in id\."):
        output(ROWS, other)


def test_other_columns_than_the_recipes_are_refused_by_name() -> None:
    with pytest.raises(RunOutputError, match="missing: email; unexpected: mail"):
        output(ROWS.rename_columns(["id", "mail"]))


TYPED = recipe(
    step("UPPER_CASE", sourceColumn="email"),
    step("CHANGE_DATA_TYPE", sourceColumn="age", columnDataType="integer"),
    step("CHANGE_DATA_TYPE", sourceColumn="flag", columnDataType="boolean"),
    step("DELETE", sourceColumns='["gone"]'),
)
COLUMNS = ("email", "age", "flag", "gone", "state")


def test_the_names_are_the_plans_and_a_type_is_certain_where_a_step_gives_it() -> None:
    found = expected_columns(TYPED, COLUMNS)
    assert found.names == ("email", "age", "flag", "state")
    assert not found.open
    assert found.families == {"email": "text", "age": "number", "flag": "boolean"}


@pytest.mark.parametrize(
    ("types", "told"),
    [
        ({}, []),
        ({"age": pa.float64(), "state": pa.int64()}, []),
        ({"age": pa.decimal128(38, 18)}, []),
        ({"flag": pa.string()}, []),
        ({"flag": pa.int64()}, ["flag is int64 and must be a boolean"]),
        ({"age": pa.string()}, ["age is string and must be a number"]),
        ({"email": pa.timestamp("us")}, ["email is timestamp[us] and must be a text"]),
        ({"email": pa.list_(pa.string())}, ["email is list<item: string> and must be a text"]),
    ],
)
def test_types_may_differ_within_a_family_and_not_beyond(
    types: dict[str, pa.DataType], told: list[str]
) -> None:
    base = {"state": pa.string(), "email": pa.large_string(), "age": pa.int32()}
    base |= {"flag": pa.bool_()}
    schema = pa.schema(list({**base, **types}.items()))
    found = departures(expected_columns(TYPED, COLUMNS), schema)
    assert [one.replace("element", "item") for one in found] == told


def test_where_only_the_data_tells_the_columns_more_may_be_there_and_none_may_lack() -> None:
    pivot = recipe(
        step("CATEGORICAL_MAPPING", sourceColumn="a", categoryMap='{"x":"1"}', targetColumn="b")
    )
    found = ExpectedColumns(expected_columns(pivot, ("a",)).names, open=True)
    assert departures(found, pa.schema([("a", pa.string()), ("b", pa.string())])) == []
    more = pa.schema([("a", pa.string()), ("b", pa.string()), ("c", pa.string())])
    assert departures(found, more) == []
    assert departures(found, pa.schema([("a", pa.string())])) == ["missing: b"]


def test_no_rows_are_refused_unless_none_came_in_or_that_is_wanted() -> None:
    check_rows("shop", 0, 0, "fail")
    check_rows("shop", 2, 1, "fail")
    check_rows("shop", 2, 0, "publish")
    with pytest.raises(ZeroRowsError, match=r"left none of 2 rows.*on_zero_rows: publish"):
        check_rows("shop", 2, 0, "fail")


def test_a_table_without_rows_is_not_recorded_and_is_where_that_is_wanted() -> None:
    world = Brewing(written=ROWS.slice(0, 0))
    with pytest.raises(ZeroRowsError):
        world.process()
    world = Brewing(settings(on_zero_rows="publish"), written=ROWS.slice(0, 0))
    world.process()
    assert world.transformed().rows_out == 0


@pytest.mark.parametrize(
    ("seconds", "hours", "price"),
    [(0, 5 / 60, 0.04), (60, 5 / 60, 0.04), (61, 10 / 60, 0.08), (3600, 5.0, 2.4)],
)
def test_each_minute_begun_costs_all_nodes(seconds: int, hours: float, price: float) -> None:
    rule = CostRule(5)
    assert rule.node_hours(seconds) == pytest.approx(hours)
    assert rule.price(seconds) == pytest.approx(price)
    assert not rule.is_over(10**9)


@given(st.integers(2, 149), st.floats(0.05, 50), st.floats(0, 10**6), st.floats(0, 10**4))
def test_a_longer_run_never_costs_less(nodes: int, rate: float, begun: float, more: float) -> None:
    rule = CostRule(nodes, rate, limit=1.0)
    assert rule.price(begun + more) >= rule.price(begun)
    assert rule.is_over(begun + more) or not rule.is_over(begun)


def test_a_run_that_has_not_begun_has_gone_on_for_no_time() -> None:
    assert seconds_since(None, BEGAN) == 0
