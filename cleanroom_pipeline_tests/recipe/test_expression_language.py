"""What the expression language refuses, and how operands of different types meet.

Here: BOOLEAN_OPERATION, CASE_OPERATION by hand-picked cases. Not here: generated expressions
(oracles/test_expressions.py).
"""

import json
from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline_tests.recipe.running import column, recipe, run_csv, step

ROWS = [
    {"a": "5", "b": "10", "t": "x y", "d": "2020-01-01"},
    {"a": "10", "b": "9", "t": None, "d": None},
    {"a": None, "b": "z", "t": "", "d": "2021-05-05"},
]


def case(expression: str, *entries: dict[str, str]) -> Any:
    more: dict[str, Any] = {"withExpressions": json.dumps(list(entries))} if entries else {}
    return step("CASE_OPERATION", valueExpression=expression, targetColumn="y", **more)


def entry(name: str, value: str, type_: str = "aggregate") -> dict[str, str]:
    return {"name": name, "value": value, "type": type_}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("`a` < 7", [True, False, None]),
        ("7 > `a`", [True, False, None]),
        ("`a` < `b`", [True, False, None]),
        ("`a` = '5'", [True, False, None]),
        ("`a` = 5.0", [True, False, None]),
        ("`b` != 10", [False, True, None]),
        ("`d` >= '2021-01-01'", [False, None, True]),
        ("isBetween(`d`, '2020-01-01', '2020-12-31')", [True, None, False]),
        ("isValid(`b`, int)", [True, True, False]),
        ("!isValid(`a`, 'int')", [False, False, False]),
        ("matches(`t`, 'x(?= y)')", [True, None, False]),
        ("`t` like 'x%' or `t` is null", [True, True, False]),
        ("a between 5 and 7 or b in (9, 'z')", [True, True, True]),
        ("a not in (5)", [False, True, None]),
        ("null = null", [None, None, None]),
        ("`a` + 1", [6.0, 11.0, None]),
        ("`a` / 0", [None, None, None]),
        ("7 % 4 - 5", [-2, -2, -2]),
        ("-(2 * 3)", [-6, -6, -6]),
        ("concat(`t`, '-', `a`)", ["x y-5", None, None]),
        ("`a` || 1.50", ["51.50", "101.50", None]),
        ("coalesce(`t`, 'none')", ["x y", "none", ""]),
        ("cast(`a` as int)", [5, 10, None]),
        ("if(`a` > 7, TRUE, FALSE)", [False, True, False]),
        ("CASE a WHEN 5 THEN 'five' WHEN '10' THEN 10 END", ["five", "10", None]),
        ("'O\\'Hara; DROP TABLE x --'", ["O'Hara; DROP TABLE x --"] * 3),
        (" or ".join(["a = 1"] * 300), [False, False, None]),
    ],
)
def test_expressions_give(tmp_path: Path, expression: str, expected: list[Any]) -> None:
    assert column(run_csv(tmp_path, ROWS, case(expression)), "y") == expected


def test_a_result_without_back_ticks_is_itself(tmp_path: Path) -> None:
    for written in ["It is true.", "007", "`t` no", ":) fine", "'quoted'"]:
        made = step(
            "BOOLEAN_OPERATION",
            valueExpression="`a` = 5",
            trueValueExpression=written,
            falseValueExpression="no",
            targetColumn="y",
        )
        if "`" in written:
            with pytest.raises(RecipeError, match="trueValueExpression is no expression"):
                recipe(made)
        else:
            assert column(run_csv(tmp_path, ROWS, made), "y") == [written, "no", "no"]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (case("`a` <"), "valueExpression is no expression"),
        (case("`a` < 5; drop table x"), "valueExpression is no expression"),
        (case("(select 1)"), "holds subquery"),
        (case("exists(select 1)"), "calls exists"),
        (case("read_csv('/etc/passwd')"), "calls readcsv"),
        (case("getenv('HOME')"), "unknown function, 'getenv'"),
        (case("contain(`a`, 'x')"), "did you mean 'contains'"),
        (case("isBetween(`a`, 1)"), "with 2 arguments"),
        (case("sum(`a`) > 5"), "name it in withExpressions"),
        (case("row_number() over (order by a)"), "holds window"),
        (case("a <=> b"), "holds nullsafeeq"),
        (case("a.b = 1"), "with a dot"),
        (case("case when 'x' then 1 end"), "where a condition must"),
        (case("matches(`a`, `b`)"), "not written as 'text'"),
        (case("matches(`a`, '(')"), r"a \( without \)"),
        (case("`a` like 'x\\\\_'"), "escapes within LIKE"),
        (case("isValid(`a`, 'integr')"), "did you mean 'integer'"),
        (case("cast(`a` as decimal(5,2))"), "casts to a type"),
        (case("not " * 70 + "a"), "more than 60 levels"),
        (case("(" * 500 + "a" + ")" * 500), "nests too deeply"),
        (case("a" * 9000), "longer than 8000"),
        (case("`:avrg` > 1", entry("avg", "avg(`a`)")), "did you mean 'avg'"),
        (case("`a`", entry("x", "avg(`a`) + 1")), "no aggregate that is known"),
        (case("`a`", entry("x", "sums(`a`)")), "did you mean 'sum'"),
        (case("`a`", entry("x", "avg(1)")), "one aggregate of one column"),
        (case("`a`", entry("x", "count(distinct `a`, `b`)")), "one aggregate of one column"),
        (case("`a`", entry("x", "avg(`a`)", "window")), "only be 'aggregate'"),
        (case("`a`", entry("x", "avg(`a`)"), entry("x", "avg(`a`)")), "'x' twice"),
        (case("`a`", {"name": "x"}), "holds 'name', 'value' and 'type'"),
    ],
)
def test_what_is_not_run_is_refused_before_columns_are_known(made: Any, reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        recipe(made)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (case("`A` = 1"), "unknown column 'A'; did you mean 'a'"),
        (case("`a`", entry("x", "avg(`aa`)")), "unknown column 'aa'; did you mean 'a'"),
    ],
)
def test_unknown_columns_are_named_with_the_nearest(tmp_path: Path, made: Any, reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        run_csv(tmp_path, ROWS, made)
