"""The 15 conditions against plain Python, for columns of each type.

Here: generated cells and values. Not here: hand-picked cases (../test_conditions.py).
"""

import json
import math
import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.recipe.conditions import NAMES
from cleanroom_pipeline_tests.recipe.running import condition, run_table, step

# Shrinking costs an engine run for each attempt; a failing example is small as it is.
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
Asked = list[tuple[str, str]]
ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "LESS_THAN": operator.lt,
    "LESS_THAN_EQUAL": operator.le,
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_EQUAL": operator.ge,
}
TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "CONTAINS": lambda cell, value: value in cell,
    "STARTS_WITH": str.startswith,
    "ENDS_WITH": str.endswith,
}
BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
ONE = {"byte": 8, "short": 16, "int": 32, "long": 64}


def number(value: str) -> Decimal | None:
    if not set(value.strip().lower()) <= set("0123456789+-.e"):
        return None
    try:
        return Decimal(value.strip())
    except InvalidOperation:
        return None


def moment(value: str) -> datetime | None:
    for form in ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y"):
        try:
            return datetime.strptime(value, form)  # noqa: DTZ007 - cells have no zone
        except ValueError:
            continue
    return None


def float_key(value: float) -> tuple[bool, float]:
    return (True, 0.0) if math.isnan(value) else (False, value)


def kind(value: str) -> str:
    if number(value) is not None:
        return "number"
    return "date" if moment(value) is not None and "/" not in value else "text"


def pair(cell: Any, value: str, text_kind: str | None = None) -> tuple[Any, Any] | None:
    """Return cell and value as what is compared, or None when one of them can't be read."""
    read: Any
    match cell:
        case bool():
            read = BOOLEANS.get(value.lower())
        case int() | Decimal():
            read = number(value)
        case float():
            given_number = number(value)
            read = None if given_number is None else float_key(float(given_number))
            cell = float_key(cell)
        case datetime():
            read = moment(value)
        case date():
            read, cell = moment(value), datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001
        case _:
            reader = {"number": number, "date": moment}.get(text_kind or kind(value), str)
            cell, read = reader(cell), reader(value)
    return None if cell is None or read is None else (cell, read)


def spelled(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    return cell.isoformat(sep=" ") if isinstance(cell, datetime) else str(cell)


def holds(cell: Any, name: str, value: str) -> bool:
    """Return what a condition says of a cell."""
    if name.startswith("NOT_") or name == "IS_NOT":
        return not holds(cell, "IS" if name == "IS_NOT" else name.removeprefix("NOT_"), value)
    if name == "IS_MISSING":
        return cell is None or cell == ""
    if cell is None:
        return False
    if name in TEXTS:
        return TEXTS[name](spelled(cell), value)
    if name in ORDERS:
        both = pair(cell, value)
        return both is not None and ORDERS[name](*both)
    if name == "IS_BETWEEN":
        low, high = (json.loads(value)[end] for end in ("GREATER_THAN_EQUAL", "LESS_THAN_EQUAL"))
        same = kind(low) if kind(low) == kind(high) else "text"
        lower, upper = pair(cell, low, same), pair(cell, high, same)
        return bool(lower and upper and lower[0] >= lower[1] and upper[0] <= upper[1])
    if isinstance(cell, str):
        return cell in (json.loads(value) if value.startswith("[") else [value])
    values = json.loads(value) if value.startswith("[") else [value]
    pairs = [pair(cell, one) for one in values]
    return any(both is not None and both[0] == both[1] for both in pairs)


def taken(folder: Path, cells: pa.Array, asked: Asked) -> list[list[bool]]:
    """Return, for each condition, which cells satisfy it, all from one run."""
    steps = [
        step("LOWER", value="x", targetColumn=f"y{place}", conditions=[condition(name, "x", value)])
        for place, (name, value) in enumerate(asked)
    ]
    table = run_table(folder, pa.table({"x": cells}), *steps)
    return [[one == "x" for one in table[f"y{place}"].to_pylist()] for place in range(len(asked))]


NUMBERS = ["0", "-1", "9007199254740993", "9007199254740992", "0.1", "1e2", "-0.5", "1e400", " 7 "]
JUNK = ["abc", "", "0x1F", "1_000", "12,5", "2020-02-30", "é", "NULL", "null", "None", "--1"]
DATES = ["2020-01-01", "2020-01-01 12:00:00", "12/31/2019", "1999-12-31 23:59:59"]
WORDS = ["true", "FALSE", "yes", "no", "1", "0"]
CELLS: Mapping[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "integer": (
        pa.int64(),
        st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, -1, 7, 100, 2**53, 2**53 + 1]),
    ),
    "double": (
        pa.float64(),
        st.floats(allow_infinity=True) | st.sampled_from([0.1, -0.0, 100.0, 2.0**53, math.nan]),
    ),
    "decimal": (
        pa.decimal128(20, 2),
        st.decimals(-(10**17), 10**17, places=2)
        | st.sampled_from([Decimal("0.10"), Decimal("7.00")]),
    ),
    "boolean": (pa.bool_(), st.booleans()),
    "date": (
        pa.date32(),
        st.dates(date(1900, 1, 1), date(2100, 1, 1)) | st.just(date(2020, 1, 1)),
    ),
    "timestamp": (
        pa.timestamp("us"),
        st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001
            lambda one: one.replace(microsecond=0)
        )
        | st.sampled_from([datetime(2020, 1, 1), datetime(2020, 1, 1, 12)]),  # noqa: DTZ001
    ),
    "text": (
        pa.string(),
        st.sampled_from([*NUMBERS[:-2], *JUNK, *DATES, *WORDS])
        | st.integers(-(2**63), 2**63).map(str)
        | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5).filter(
            lambda text: number(text) is None
        ),
    ),
}
VALUES = st.sampled_from([*NUMBERS, *JUNK, *DATES, *WORDS]).filter(bool)
TYPED = sorted(set(CELLS) - {"text"})


@st.composite
def questions(draw: st.DrawFn, cells: list[Any]) -> Asked:
    """Draw conditions whose values are often those of a cell, or next to one."""
    own = [spelled(cell) for cell in cells if cell not in {None, ""}]
    own = [one for one in own if "nan" not in one and "inf" not in one]
    value = (st.sampled_from(own) | VALUES) if own else VALUES

    def of(name: str) -> st.SearchStrategy[str]:
        if name == "IS_BETWEEN":
            ends = ("GREATER_THAN_EQUAL", "LESS_THAN_EQUAL")
            return st.tuples(value, value).map(
                lambda both: json.dumps(dict(zip(ends, both, strict=True)))
            )
        if name in {"IS", "IS_NOT"}:
            plain = value.filter(lambda one: not one.startswith("["))
            return plain | st.lists(value, min_size=1, max_size=3).map(json.dumps)
        return value

    names = st.sampled_from([name for name in NAMES if name != "IS_INVALID"])
    pairs = names.flatmap(lambda name: st.tuples(st.just(name), of(name)))
    return draw(st.lists(pairs, min_size=8, max_size=12))


@pytest.mark.parametrize("kind_of_column", sorted(CELLS))
def test_conditions_say_what_plain_python_says(tmp_path: Path, kind_of_column: str) -> None:
    type_, strategy = CELLS[kind_of_column]

    @settings(max_examples=6, deadline=None, phases=UNSHRUNK)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        cells = data.draw(st.lists(st.none() | strategy, min_size=1, max_size=12))
        asked = [
            (name, value)
            for name, value in data.draw(questions(cells))
            if not (kind_of_column == "double" and name.removeprefix("NOT_") in TEXTS)
        ]
        got = taken(tmp_path, pa.array(cells, type_), asked)
        for (name, value), answers in zip(asked, got, strict=True):
            assert answers == [holds(cell, name, value) for cell in cells], (name, value)

    check()


EDGES: Mapping[str, list[Any]] = {
    "integer": [-1, 0, 1, 7, 99, 100, 101, 2**53, 2**53 + 1, -(2**63), 2**63 - 1],
    "double": [-math.inf, -0.5, -0.0, 0.1, 0.1 + 0.2, 7.0, 100.0, 2.0**53, math.inf, math.nan],
    "decimal": [Decimal(one) for one in ("-0.50", "-0.51", "0.10", "0.11", "7.00", "100.00")],
    "boolean": [True, False],
    "date": [date(2019, 12, 31), date(2020, 1, 1), date(2020, 1, 2), date(1999, 12, 31)],
    "timestamp": [
        datetime(2020, 1, 1),  # noqa: DTZ001 - cells have no zone
        datetime(2020, 1, 1, 12),  # noqa: DTZ001
        datetime(2019, 12, 31),  # noqa: DTZ001
        datetime(1999, 12, 31, 23, 59, 59),  # noqa: DTZ001
    ],
    "text": [*NUMBERS[:-2], *JUNK, *DATES, *WORDS, "9007199254740993.5", "0.10", "+7", "1e-1"],
}
STEPS_AT_ONCE = 60


@pytest.mark.parametrize("kind_of_column", sorted(EDGES))
def test_every_condition_holds_of_cells_next_to_its_value(
    tmp_path: Path, kind_of_column: str
) -> None:
    cells = [*EDGES[kind_of_column], None]
    dates_alone = kind_of_column in {"date", "timestamp"}
    values = [*DATES, "5", "abc"] if dates_alone else [*NUMBERS, *DATES, *WORDS, "abc", "é"]
    names = sorted({*ORDERS, "IS", "IS_NOT"})
    asked = [(name, value) for name in names for value in values]
    for begin in range(0, len(asked), STEPS_AT_ONCE):
        some = asked[begin : begin + STEPS_AT_ONCE]
        got = taken(tmp_path, pa.array(cells, CELLS[kind_of_column][0]), some)
        for (name, value), answers in zip(some, got, strict=True):
            expected = [holds(cell, name, value) for cell in cells]
            assert answers == expected, (name, value)


def invalid(cell: str | None, type_name: str) -> bool:
    if not cell:
        return False
    plain = cell.strip()
    if type_name in ONE:
        whole = number(plain)
        limit = 2 ** (ONE[type_name] - 1)
        return whole is None or "e" in plain or not -limit <= int(whole) < limit
    if type_name == "boolean":
        return plain.lower() not in {*BOOLEANS, "t", "f", "y", "n"}
    if type_name == "date":
        return moment(plain) is None
    return type_name == "double" and number(plain) is None


@settings(
    max_examples=20,
    deadline=None,
    phases=UNSHRUNK,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.none()
        | st.sampled_from([*NUMBERS[:-2], *JUNK[:-1], *DATES, *WORDS])
        | st.sampled_from(["127", "128", "-129", "32768", "2147483648", "9223372036854775808"]),
        min_size=1,
        max_size=12,
    )
)
def test_cells_are_invalid_when_they_cannot_be_cast(
    tmp_path: Path, cells: list[str | None]
) -> None:
    types = [*ONE, "boolean", "date", "double", "string"]
    asked = [("IS_INVALID", type_name) for type_name in types]
    got = taken(tmp_path, pa.array(cells, pa.string()), asked)
    for type_name, answers in zip(types, got, strict=True):
        assert answers == [invalid(cell, type_name) for cell in cells], type_name


def test_a_day_is_its_first_moment(tmp_path: Path) -> None:
    day = datetime(2020, 1, 1)  # noqa: DTZ001 - cells have no zone
    cells = pa.array([day, day + timedelta(hours=1), None], pa.timestamp("us"))
    asked = [("IS", "2020-01-01"), ("GREATER_THAN", "2020-01-01"), ("IS_NOT", "2020-01-01")]
    assert taken(tmp_path, cells, asked) == [
        [True, False, False], [False, True, False], [False, True, True],
    ]  # fmt: skip


def test_narrow_floats_are_compared_as_such(tmp_path: Path) -> None:
    cells = pa.array([0.1, 0.2, None], pa.float32())
    asked = [("IS", "0.1"), ("LESS_THAN_EQUAL", "0.1"), ("LESS_THAN", "1e300")]
    assert taken(tmp_path, cells, asked) == [
        [True, False, False], [True, False, False], [True, True, False],
    ]  # fmt: skip
