"""Operations by advanced data type: phone numbers, ZIP codes, URLs, ...

Here: ADVANCED_DATATYPE_FILTER, ADVANCED_DATATYPE_FLAG, EXTRACT_ADVANCED_DATATYPE_DETAILS. Not here:
what a type is (recipe/advanced_types.py).

Without `pattern` a step goes by whether the cell is of the type; with it, by the detail of that
name, compared as text with `filterValues`. A cell that is of another type has no detail.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import dates
from cleanroom_pipeline.recipe.advanced_types import ADVANCED_TYPES
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import (
    case,
    cast,
    is_in,
    is_null,
    negated,
    null,
    paren,
    string,
    text,
)
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    TARGET,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.quality import FLAGS, flagged
from cleanroom_pipeline.recipe.operations.rewriting import (
    function_name,
    in_place,
    new_column,
    without_rows,
)
from cleanroom_pipeline.recipe.plan import (
    TEXT,
    Column,
    Frame,
    VectorFunction,
)
from cleanroom_pipeline.recipe.python_functions import cell_function

DATE_TIME = "Date Time"
# DuckDB's functions of a moment; its week is that of ISO 8601.
_DATE_DETAILS: Mapping[str, str] = {
    "DAY": "day",
    "MONTH": "month",
    "MONTH_NAME": "monthname",
    "WEEK": "week",
    "QUARTER": "quarter",
    "YEAR": "year",
}
# AWS's own examples spell some names in another way than its lists.
_SPELLINGS = {"ZipCode": "Zip Code", "DateTime": DATE_TIME, "CreditCard": "Credit Card"}
_DETAILS: Mapping[str, tuple[str, ...]] = {
    **{name: tuple(one.details) for name, one in ADVANCED_TYPES.items()},
    DATE_TIME: tuple(_DATE_DETAILS),
}
_ZIP_DETAILS = ("TIME_ZONE", "COUNTRY", "STATE", "CITY", "TYPE", "REGION")
_PATTERNS = tuple(
    dict.fromkeys([*(one for names in _DETAILS.values() for one in names), *_ZIP_DETAILS])
)

_TYPE = Parameter(
    "advancedDataType",
    Kind.CHOICE,
    "the type",
    required=True,
    choices=(*_DETAILS, *_SPELLINGS),
)
_PATTERN = Parameter(
    "pattern", Kind.CHOICE, "the detail; it must be one of the type's", choices=_PATTERNS
)
_VALUES = Parameter("filterValues", Kind.CHOICES, "the details that are looked for")
_DOC = (
    "Phone: without + a number of the United States (AREA_CODE and COUNTRY_CODE are digits, "
    "TIME_ZONE an IANA name, none where there are several). Date Time: what dates are read as "
    "everywhere here (WEEK is ISO 8601's). State: name or abbreviation (TIME_ZONE is that of "
    "the capital). Credit Card: with a right check digit (NETWORK: Visa, Mastercard, American "
    "Express, ...). URL: absolute, with a host (DOMAIN is the whole host). AWS publishes neither "
    "its detectors nor how it spells details."
)


def _type_of(values: Mapping[str, Any]) -> str:
    name: str = values["advancedDataType"]
    return _SPELLINGS.get(name, name)


def _check_pattern(values: Mapping[str, Any]) -> Iterable[str]:
    name, pattern = _type_of(values), values["pattern"]
    if pattern is None or pattern in _DETAILS[name]:
        return
    if name == "Zip Code" and pattern in _ZIP_DETAILS:
        yield f"pattern {pattern!r} of a Zip Code is refused: it needs a table of all ZIP codes"
    else:
        known = ", ".join(_DETAILS[name]) or "none"
        yield f"pattern {pattern!r} is no detail of the type {name!r}; it has: {known}"


def _check_values(values: Mapping[str, Any]) -> Iterable[str]:
    yield from _check_pattern(values)
    if (values["pattern"] is None) != (values["filterValues"] is None):
        yield "needs both 'pattern' and 'filterValues', or neither to go by the type alone"


def _detail(call: Call, column: Column) -> tuple[exp.Expr, list[VectorFunction]]:
    """Return the tree of the detail as text; without a pattern, not null for cells of the type."""
    name, pattern = _type_of(call.values), call["pattern"]
    if name == DATE_TIME:
        moment = dates.timestamp(column)
        return cast(function(_DATE_DETAILS[pattern], moment) if pattern else moment, TEXT), []
    made = cell_function(function_name(call), _reader(name, pattern))
    return function(made.name, text(column)), [made]


def _reader(name: str, pattern: str | None) -> Callable[[str], str | None]:
    kind = ADVANCED_TYPES[name]
    if pattern is not None:
        return kind.details[pattern]
    return lambda value: name if kind.holds(value) else None


def _chosen(call: Call, column: Column) -> tuple[exp.Expr, list[VectorFunction]]:
    """Return whether the cell is one that the step looks for: true or false, never null."""
    detail, functions = _detail(call, column)
    if call["filterValues"] is None:
        return paren(exp.Not(this=is_null(detail))), functions
    return function("coalesce", is_in(detail, call["filterValues"]), exp.false()), functions


@operation(
    "EXTRACT_ADVANCED_DATATYPE_DETAILS",
    Status.INFERRED,
    f"A detail of a cell, as text in a new column; null for a cell that has none. {_DOC}",
    SOURCE,
    replace(_PATTERN, required=True),
    TARGET,
    _TYPE,
    tier=3,
    check=_check_pattern,
)
def extract_details(call: Call, frame: Frame) -> Frame:
    """Put a detail into a new column."""
    detail, functions = _detail(call, frame.column(call.source))
    return new_column(call, frame, detail, functions=functions)


@operation(
    "ADVANCED_DATATYPE_FLAG",
    Status.INFERRED,
    "Flags cells that have one of the details; without pattern and filterValues, cells of the "
    f"type. Null and empty are not flagged. {_DOC}",
    SOURCE,
    _PATTERN,
    TARGET,
    _TYPE,
    _VALUES,
    *FLAGS,
    tier=3,
    check=_check_values,
)
def flag(call: Call, frame: Frame) -> Frame:
    """Flag cells by a detail."""
    chosen, functions = _chosen(call, frame.column(call.source))
    return new_column(call, frame, flagged(call, chosen), functions=functions)


_STRATEGIES = ("KEEP_ROWS", "DISCARD_ROWS", "CLEAR_FILTERS", "CLEAR_OTHERS")


@operation(
    "ADVANCED_DATATYPE_FILTER",
    Status.INFERRED,
    "Cells that have one of the details (without pattern and filterValues: cells of the type) "
    "are the ones chosen. KEEP_ROWS keeps their rows only, DISCARD_ROWS removes them; "
    "CLEAR_FILTERS clears their cells, CLEAR_OTHERS all the other cells. Null and empty are never "
    f"chosen. {_DOC}",
    SOURCE,
    _PATTERN,
    _TYPE,
    _VALUES,
    Parameter(
        "strategy",
        Kind.CHOICE,
        "what to do with rows or cells",
        required=True,
        choices=_STRATEGIES,
    ),
    Parameter("clearWithEmpty", Kind.BOOLEAN, "clear with the empty text, not null", default=False),
    tier=3,
    check=_check_values,
)
def filter_rows(call: Call, frame: Frame) -> Frame:
    """Filter rows, or clear cells, by a detail."""
    column = frame.column(call.source)
    chosen, functions = _chosen(call, column)
    wrong = chosen if call["strategy"] in {"DISCARD_ROWS", "CLEAR_FILTERS"} else negated(chosen)
    if call["strategy"].startswith("CLEAR"):
        cleared = string("") if call["clearWithEmpty"] else null()
        return in_place(
            call,
            frame,
            lambda one: case([(wrong, cleared)], text(one)),
            functions=functions,
        )
    return without_rows(call, frame, wrong, functions=functions)
