"""The math family against few-line oracles, on generated numbers.

Here: what every cell gives. Not here: chosen examples (golden/math/), refusals (test_functions.py).
"""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.recipe.engine import EngineSettings
from cleanroom_pipeline.recipe.operations.formatting import number_text
from cleanroom_pipeline_tests.recipe.oracles.generated import FEW, column_of
from cleanroom_pipeline_tests.recipe.oracles.runs import each, of_columns
from cleanroom_pipeline_tests.recipe.running import run_table, step

WHOLE = st.one_of(
    st.integers(-20, 20), st.integers(-(2**63), 2**63 - 1), st.sampled_from([2**53 + 1, 2**63 - 1])
)
DOUBLES = st.one_of(
    st.floats(-1e6, 1e6),
    st.integers(-50, 50).map(lambda half: half / 2),
    st.floats(allow_nan=False, allow_infinity=False),
)
X = {"sourceColumn": "x"}
BOTH = {"sourceColumn1": "a", "sourceColumn2": "b"}


def decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    """Give numbers of DECIMAL(digits,scale), small and great."""
    most = 10**digits - 1
    small = st.integers(-30, 30).map(lambda one: one * 10 ** (scale // 2))
    return (st.integers(-most, most) | small).map(lambda whole: Decimal(f"{whole}e-{scale}"))


def cells(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return column_of(st.none() | numbers)


def pairs(a: st.SearchStrategy[Any], b: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return column_of(st.tuples(st.none() | a, st.none() | b))


def within_bigint(value: int | None) -> int | None:
    return value if value is not None and -(2**63) <= value < 2**63 else None


def truncated_remainder(a: Any, b: Any) -> Any:
    """Return what is left with the sign of the first, by whole division towards zero."""
    if not b:
        return None
    left = abs(Fraction(a)) % abs(Fraction(b))
    return -left if a < 0 else left


@FEW
@given(cells(WHOLE))
def test_functions_of_whole_numbers_are_exact(numbers: list[int | None]) -> None:
    oracles: dict[str, Any] = {
        "ABSOLUTE": lambda x: within_bigint(abs(x)),
        "NEGATE": lambda x: within_bigint(-x),
        "CEILING": int,
        "FLOOR": int,
        "ROUND": int,
        "IS_EVEN": lambda x: str(x % 2 == 0),
        "IS_ODD": lambda x: str(x % 2 == 1),
    }
    got = of_columns({"x": (pa.int64(), numbers)}, {name: (name, X) for name in oracles})
    assert got == {name: each(numbers, oracle) for name, oracle in oracles.items()}


def half_up(value: Any) -> Any:
    return math.floor(Fraction(value) + Fraction(1, 2))


@FEW
@given(cells(DOUBLES))
def test_functions_of_doubles(numbers: list[float | None]) -> None:
    oracles: dict[str, Any] = {
        "ABSOLUTE": abs,
        "NEGATE": lambda x: -x,
        "CEILING": math.ceil,
        "FLOOR": math.floor,
        "ROUND": half_up,
        "SIGN": lambda x: (x > 0) - (x < 0),
        "SQUARE_ROOT": lambda x: math.sqrt(x) if x >= 0 else None,
        "IS_EVEN": lambda x: str(Fraction(x) % 2 == 0),
        "IS_ODD": lambda x: str(Fraction(x) % 2 == 1),
    }
    got = of_columns({"x": (pa.float64(), numbers)}, {name: (name, X) for name in oracles})
    assert got == {name: each(numbers, oracle) for name, oracle in oracles.items()}


@FEW
@given(cells(st.floats(-700, 700)), st.floats(0.1, 50).filter(lambda base: abs(base - 1) > 0.1))
def test_functions_with_an_error_in_the_last_place(
    numbers: list[float | None], base: float
) -> None:
    oracles: dict[str, tuple[dict[str, Any], Any]] = {
        "EXPONENT": ({}, math.exp),
        "LN": ({}, lambda x: math.log(x) if x > 0 else None),
        "LOG": ({"base": base}, lambda x: math.log(x) / math.log(base) if x > 0 else None),
        "DEGREES": ({}, math.degrees),
        "RADIANS": ({}, math.radians),
        "POWER": ({"exponent": 3}, lambda x: x**3),
    }
    got = of_columns(
        {"x": (pa.float64(), numbers)},
        {name: (name, {**X, **more}) for name, (more, _) in oracles.items()},
    )
    for name, (_, oracle) in oracles.items():
        assert got[name] == [
            cell if cell is None else pytest.approx(cell, rel=1e-12, abs=1e-300)
            for cell in each(numbers, oracle)
        ]


@FEW
@given(cells(decimals(12, 3)))
def test_functions_of_decimals_are_exact(numbers: list[Decimal | None]) -> None:
    def to_whole(rounding: str) -> Any:
        return lambda x: x.quantize(Decimal(1), rounding)

    oracles: dict[str, Any] = {
        "ABSOLUTE": abs,
        "NEGATE": lambda x: -x,
        "CEILING": to_whole(ROUND_CEILING),
        "FLOOR": to_whole(ROUND_FLOOR),
        "ROUND": lambda x: Decimal(half_up(x)),
        "IS_EVEN": lambda x: str(x % 2 == 0),
        "IS_ODD": lambda x: str(abs(x) % 2 == 1),
    }
    column = (pa.decimal128(12, 3), numbers)
    got = of_columns({"x": column}, {name: (name, X) for name in oracles})
    assert got == {name: each(numbers, oracle) for name, oracle in oracles.items()}


@FEW
@given(pairs(WHOLE, WHOLE))
def test_arithmetic_of_whole_numbers_is_exact(rows: list[tuple[int | None, int | None]]) -> None:
    oracles: dict[str, Any] = {
        "ADD": lambda a, b: within_bigint(a + b),
        "SUBTRACT": lambda a, b: within_bigint(a - b),
        "MULTIPLY": lambda a, b: within_bigint(a * b),
        "MOD": truncated_remainder,
    }
    assert_arithmetic(rows, (pa.int64(), pa.int64()), oracles)


@FEW
@given(pairs(decimals(10, 2), decimals(12, 4)))
def test_arithmetic_of_short_decimals_is_exact(
    rows: list[tuple[Decimal | None, Decimal | None]],
) -> None:
    oracles: dict[str, Any] = {
        "ADD": lambda a, b: a + b,
        "SUBTRACT": lambda a, b: a - b,
        "MULTIPLY": lambda a, b: a * b,
        "MOD": truncated_remainder,
    }
    assert_arithmetic(rows, (pa.decimal128(10, 2), pa.decimal128(12, 4)), oracles)


@FEW
@given(pairs(decimals(38, 18), decimals(38, 18)))
def test_arithmetic_of_long_decimals_is_rounded_once(
    rows: list[tuple[Decimal | None, Decimal | None]],
) -> None:
    def of_38_digits(value: Fraction) -> Fraction | None:
        units = math.floor(abs(value) * 10**18 + Fraction(1, 2))
        sign = -1 if value < 0 else 1
        return Fraction(sign * units, 10**18) if units < 10**38 else None

    oracles: dict[str, Any] = {
        "ADD": lambda a, b: of_38_digits(Fraction(a) + Fraction(b)),
        "SUBTRACT": lambda a, b: of_38_digits(Fraction(a) - Fraction(b)),
        "MULTIPLY": lambda a, b: of_38_digits(Fraction(a) * Fraction(b)),
        "MOD": truncated_remainder,
    }
    assert_arithmetic(rows, (pa.decimal128(38, 18), pa.decimal128(38, 18)), oracles)


def assert_arithmetic(
    rows: list[tuple[Any, Any]], types: tuple[pa.DataType, pa.DataType], oracles: dict[str, Any]
) -> None:
    columns = {
        name: (type_, [row[place] for row in rows])
        for place, (name, type_) in enumerate(zip("ab", types, strict=True))
    }
    got = of_columns(columns, {name: (name, BOTH) for name in oracles})
    assert got == {
        name: [None if a is None or b is None else oracle(a, b) for a, b in rows]
        for name, oracle in oracles.items()
    }


@FEW
@given(pairs(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9) | st.just(0.0)))
def test_arithmetic_of_doubles(rows: list[tuple[float | None, float | None]]) -> None:
    oracles: dict[str, Any] = {
        "ADD": lambda a, b: a + b,
        "SUBTRACT": lambda a, b: a - b,
        "MULTIPLY": lambda a, b: a * b,
        "DIVIDE": lambda a, b: a / b if b else None,
        "MOD": lambda a, b: math.fmod(a, b) if b else None,
    }
    assert_arithmetic(rows, (pa.float64(), pa.float64()), oracles)


@pytest.mark.parametrize("threads", [1, 2])
def test_random_numbers_do_not_depend_on_threads(tmp_path: Path, threads: int) -> None:
    rows = 10_000
    table = pa.table({"x": range(rows)})
    steps = (
        step("RANDOM", targetColumn="r"),
        step("RANDOM_BETWEEN", lowerBound=1, upperBound=3, targetColumn="b"),
    )
    made = run_table(tmp_path, table, *steps, settings=EngineSettings(threads=threads, seed=5))
    drawn, between = made["r"].to_pylist(), made["b"].to_pylist()
    again = run_table(tmp_path, table, *steps, settings=EngineSettings(seed=5))
    assert drawn == again["r"].to_pylist()
    assert between == again["b"].to_pylist()
    assert all(0 <= one < 1 for one in drawn)
    assert sum(drawn) / rows == pytest.approx(0.5, abs=0.02)
    assert len(set(drawn)) == rows
    shares = [between.count(one) / rows for one in (1, 2, 3)]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.02)


@given(
    decimals(30, 12),
    st.none() | st.integers(0, 15),
    st.sampled_from([0, 3, 6, 9, 12]),
    st.sampled_from(["", ",", " "]),
)
def test_a_formatted_number_is_the_rounded_quotient(
    number: Decimal, places: int | None, power: int, thousands: str
) -> None:
    spelled = number_text(str(number), places, ".", thousands, power, "")
    with localcontext(prec=100):
        value = number.scaleb(-power)
        if places is None:
            wanted = f"{value.normalize():f}"
        else:
            wanted = f"{value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"
    whole, point, fraction = wanted.partition(".")
    wanted = f"{int(whole):,}".replace(",", thousands) + point + fraction
    if whole == "-0" and fraction.strip("0"):
        wanted = f"-{wanted}"
    assert spelled == wanted
