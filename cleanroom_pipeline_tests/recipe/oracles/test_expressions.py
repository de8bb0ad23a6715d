"""The expression language against plain Python with three truth values.

Here: generated expressions over generated rows, aggregates against their definitions. Not here:
refusals (../test_expression_language.py).
"""

import json
import math
import operator
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cleanroom_pipeline_tests.recipe.running import run_table, step

Row = Mapping[str, Any]
Truth = bool | None
# Shrinking costs an engine run for each attempt; a failing example is small as it is.
CHECKED = settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
SCHEMA = pa.schema([("n", pa.int64()), ("m.x", pa.float64()), ("a text", pa.string())])


@dataclass(frozen=True)
class Known:
    """An expression as a recipe spells it, and what it says of a row."""

    spelled: str
    of: Callable[[Row], Any]


def both(left: Truth, right: Truth) -> Truth:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def negated(value: Truth) -> Truth:
    return None if value is None else not value


def lifted(function: Callable[..., Any], *parts: Known) -> Callable[[Row], Any]:
    def of(row: Row) -> Any:
        values = [part.of(row) for part in parts]
        return None if None in values else function(*values)

    return of


def column(name: str) -> Known:
    return Known(f"`{name}`", lambda row: row[name])


def literal(value: int) -> Known:
    return Known(str(value), lambda _: value)


def compared(name: str, left: Known, right: Known) -> Known:
    spelled = f"{left.spelled} {name} {right.spelled}"
    return Known(spelled, lifted(ORDERS[name], left, right))


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


TEXT_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda cell, part: part in cell,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "matches": lambda cell, part: re.search(re.escape(part), cell) is not None,
}
PARTS = st.text(st.sampled_from("aé'x %_"), min_size=1, max_size=2)
NUMBERS = st.sampled_from([column("n"), column("m.x")]) | st.integers(-3, 3).map(literal)


def text_test(name: str, part: str) -> Known:
    return Known(
        f"{name}(`a text`, {quoted(part)})",
        lifted(lambda cell: TEXT_TESTS[name](cell, part), column("a text")),
    )


def between(value: Known, low: int, high: int) -> Known:
    spelled = f"isBetween({value.spelled}, {low}, {high})"
    return Known(spelled, lifted(lambda one: low <= one <= high, value))


def is_missing(name: str) -> Known:
    return Known(f"isMissing(`{name}`)", lambda row: row[name] in {None, ""})


def not_(inner: Known) -> Known:
    return Known(f"!({inner.spelled})", lambda row: negated(inner.of(row)))


def and_(left: Known, right: Known) -> Known:
    spelled = f"({left.spelled}) and ({right.spelled})"
    return Known(spelled, lambda row: both(left.of(row), right.of(row)))


def or_(left: Known, right: Known) -> Known:
    spelled = f"({left.spelled}) OR ({right.spelled})"
    return Known(spelled, lambda row: negated(both(negated(left.of(row)), negated(right.of(row)))))


CONDITIONS = st.recursive(
    st.builds(compared, st.sampled_from(sorted(ORDERS)), NUMBERS, NUMBERS)
    | st.builds(text_test, st.sampled_from(sorted(TEXT_TESTS)), PARTS)
    | st.builds(between, NUMBERS, st.integers(-3, 3), st.integers(-3, 3))
    | st.builds(is_missing, st.sampled_from(SCHEMA.names)),
    lambda inner: (
        st.builds(not_, inner) | st.builds(and_, inner, inner) | st.builds(or_, inner, inner)
    ),
    max_leaves=5,
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.none() | st.integers(-3, 3),
            "m.x": st.none() | st.sampled_from([-1.5, 0.0, 2.0, 2.5]),
            "a text": st.none() | st.text(st.sampled_from("aé'x %_b"), max_size=4),
        }
    ),
    min_size=1,
    max_size=15,
)


def made(folder: Path, rows: Sequence[Row], *steps: Any) -> pa.Table:
    return run_table(folder, pa.Table.from_pylist([dict(row) for row in rows], SCHEMA), *steps)


def hold_as_known(folder: Path, rows: Sequence[Row], conditions: Sequence[Known]) -> None:
    steps = [
        step("CASE_OPERATION", valueExpression=one.spelled, targetColumn=f"y{place}")
        for place, one in enumerate(conditions)
    ]
    table = made(folder, rows, *steps)
    for place, one in enumerate(conditions):
        assert table[f"y{place}"].to_pylist() == [one.of(row) for row in rows], one.spelled


def test_every_order_holds_between_columns_and_literals_on_either_side(tmp_path: Path) -> None:
    rows = [
        {"n": n, "m.x": x, "a text": None}
        for n in (None, -1, 0, 2)
        for x in (None, -1.5, 0.0, 2.0, 2.5)
    ]
    n, x = column("n"), column("m.x")
    sides = [(n, literal(0)), (literal(0), n), (x, literal(2)), (literal(2), x), (n, x), (x, n)]
    asked = [compared(name, left, right) for name in ORDERS for left, right in sides]
    hold_as_known(tmp_path, rows, asked)


@CHECKED
@given(ROWS, st.lists(CONDITIONS, min_size=5, max_size=8))
def test_conditions_have_three_truth_values(
    tmp_path: Path, rows: list[Row], conditions: list[Known]
) -> None:
    hold_as_known(tmp_path, rows, conditions)


@CHECKED
@given(ROWS, st.lists(CONDITIONS, min_size=1, max_size=4))
def test_the_first_true_branch_is_taken(
    tmp_path: Path, rows: list[Row], conditions: list[Known]
) -> None:
    whens = " ".join(f"when {one.spelled} then {n}" for n, one in enumerate(conditions))
    made_step = step("CASE_OPERATION", valueExpression=f"case {whens} end", targetColumn="y")
    expected = [next((n for n, one in enumerate(conditions) if one.of(row)), None) for row in rows]
    assert made(tmp_path, rows, made_step)["y"].to_pylist() == expected


@CHECKED
@given(ROWS, CONDITIONS)
def test_a_condition_that_is_not_true_gives_the_false_value(
    tmp_path: Path, rows: list[Row], condition: Known
) -> None:
    made_step = step(
        "BOOLEAN_OPERATION",
        valueExpression=condition.spelled,
        trueValueExpression="It's true.",
        falseValueExpression="`a text`",
        targetColumn="y",
    )
    expected = ["It's true." if condition.of(row) else row["a text"] for row in rows]
    assert made(tmp_path, rows, made_step)["y"].to_pylist() == expected


def moment(values: Sequence[float], power: int) -> float:
    mean = statistics.fmean(values)
    return statistics.fmean([(one - mean) ** power for one in values])


AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "avg": statistics.fmean,
    "mean_absolute_deviation": lambda xs: statistics.fmean(
        [abs(x - statistics.fmean(xs)) for x in xs]
    ),
    "median": statistics.median,
    "product": math.prod,
    "stddev": statistics.stdev,
    "variance": statistics.variance,
    "standard_error_of_mean": lambda xs: statistics.stdev(xs) / math.sqrt(len(xs)),
    "skewness": lambda xs: moment(xs, 3) / moment(xs, 2) ** 1.5,
    "kurtosis": lambda xs: moment(xs, 4) / moment(xs, 2) ** 2 - 3,
    "count": len,
    "count_distinct": lambda xs: len(set(xs)),
    "min": min,
    "max": max,
}


@pytest.mark.parametrize("type_", [pa.string(), pa.float64()])
def test_aggregates_are_those_of_the_whole_column(tmp_path: Path, type_: pa.DataType) -> None:
    values = [2.0, 10.0, 9.0, 9.0, -3.0, 4.5]
    cells = [*values, None]
    entries = [
        {
            "name": f"r.{name}",
            "value": "count(distinct `x y`)" if name == "count_distinct" else f"{name}(`x y`)",
            "type": "aggregate",
        }
        for name in AGGREGATES
    ]
    steps = [
        step(
            "CASE_OPERATION",
            valueExpression=f"`:r.{name}`",
            withExpressions=json.dumps(entries),
            targetColumn=name,
        )
        for name in AGGREGATES
    ]
    spelled = [None if one is None else str(one) for one in cells]
    given_cells = pa.array(spelled if type_ == pa.string() else cells, type_)
    table = run_table(tmp_path, pa.table({"x y": given_cells}), *steps)
    for name, oracle in AGGREGATES.items():
        got = table[name].to_pylist()
        assert len(set(got)) == 1
        assert float(got[0]) == pytest.approx(oracle(values), rel=1e-12), name
