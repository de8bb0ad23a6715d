"""Dates and times made of their parts: DATE, TIME, DATE_TIME.

Here: reading dateTimeParameters, putting the parts together. Not here: masks (recipe/dates.py).
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import dates
from cleanroom_pipeline.recipe.expressions import (
    all_of,
    case,
    cast,
    concat,
    integer,
    paren,
    string,
    try_cast,
    whole_number,
)
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.operations.cleaning import check_mask
from cleanroom_pipeline.recipe.operations.dating import MASK
from cleanroom_pipeline.recipe.operations.declaration import (
    TARGET,
    Call,
    Kind,
    Operation,
    Parameter,
    Status,
    ValueProblem,
    register,
)
from cleanroom_pipeline.recipe.operations.rewriting import new_column
from cleanroom_pipeline.recipe.plan import BIGINT, TEXT, TIMESTAMP, Frame

# Each part: its least and greatest number, how many digits spell it, and the number of one that is
# left out, which is Java's.
_PARTS = {
    "year": (1000, 9999, 4, 1970),
    "month": (1, 12, 2, 1),
    "day": (1, 31, 2, 1),
    "hour": (0, 23, 2, 0),
    "minute": (0, 59, 2, 0),
    "second": (0, 59, 2, 0),
}
_OF_DATE = ("year", "month", "day")
_OF_TIME = ("hour", "minute", "second")
_NUMBER = re.compile(r"\s*([0-9]{1,4})\s*")
_SPELLINGS = frozenset({"sourceColumn", "value"})
_COMPONENTS = Parameter(
    "dateTimeParameters",
    Kind.TEXT,
    "a JSON object of year, month, day, hour, minute and second, each an object with sourceColumn "
    "or value, or an empty one",
    required=True,
)


def _read(written: str) -> dict[str, dict[str, str]]:
    """Return the parts that are there, by their names; ValueProblem says what is wrong."""
    try:
        raw = json.loads(written)
    except (ValueError, RecursionError):
        raise ValueProblem("is not JSON") from None
    if not isinstance(raw, dict) or not all(isinstance(one, dict) for one in raw.values()):
        raise ValueProblem("is not a JSON object of objects")
    if unknown := sorted(set(raw) - set(_PARTS)):
        raise ValueProblem(f"holds {unknown[0]!r}, which is none of {', '.join(_PARTS)}")
    return {name: _read_part(name, one) for name, one in raw.items() if one}


def _read_part(name: str, one: Mapping[str, Any]) -> dict[str, str]:
    if len(one) != 1 or not set(one) <= _SPELLINGS:
        raise ValueProblem(f"must give {name!r} as either 'sourceColumn' or 'value'")
    ((spelling, given),) = one.items()
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise ValueProblem(f"must give the {spelling} of {name!r} as text")
    if spelling == "value":
        least, most, _, _ = _PARTS[name]
        number = _NUMBER.fullmatch(str(given))
        if not (number and least <= int(number[1]) <= most):
            raise ValueProblem(f"must give {name!r} a value from {least} to {most}")
    return {spelling: str(given)}


def _missing(parts: Mapping[str, Any], operation: str) -> str | None:
    if operation == "TIME":
        there = any(name in parts for name in _OF_TIME)
        return None if there else "gives neither 'hour' nor 'minute' nor 'second'"
    without = [name for name in _OF_DATE if name not in parts]
    return f"gives no {without[0]!r}, and AWS does not say what it would be" if without else None


def _moment(parts: Mapping[str, Mapping[str, str]], frame: Frame) -> exp.Expr:
    """Return the TIMESTAMP of the parts; null where one of them is no number within its bounds."""
    numbers = {name: _number(parts.get(name, {}), name, frame) for name in _PARTS}
    within = [
        paren(exp.Between(this=numbers[name], low=integer(least), high=integer(most)))
        for name, (least, most, _, _) in _PARTS.items()
        if name in parts
    ]
    digits = {
        name: function("lpad", cast(numbers[name].copy(), TEXT), integer(width), string("0"))
        for name, (_, _, width, _) in _PARTS.items()
    }
    spelled = concat(
        digits["year"], string("-"), digits["month"], string("-"), digits["day"], string(" "),
        digits["hour"], string(":"), digits["minute"], string(":"), digits["second"],
    )  # fmt: skip
    return case([(all_of(within), try_cast(spelled, TIMESTAMP))])


def _number(part: Mapping[str, str], name: str, frame: Frame) -> exp.Expr:
    if "sourceColumn" in part:
        return whole_number(frame.column(part["sourceColumn"]), BIGINT)
    default = _PARTS[name][3]
    return integer(int(part.get("value", default)))


def _declare(name: str, doc: str) -> None:
    def check(values: Mapping[str, Any]) -> Iterable[str]:
        yield from check_mask("dateTimeFormat")(values)
        try:
            problem = _missing(_read(values["dateTimeParameters"]), name)
        except ValueProblem as error:
            problem = str(error)
        if problem:
            yield f"parameter 'dateTimeParameters' {problem}"

    def build(call: Call, frame: Frame) -> Frame:
        moment = _moment(_read(call["dateTimeParameters"]), frame)
        return new_column(call, frame, dates.spelled(moment, call["dateTimeFormat"]))

    parameters = (_COMPONENTS, MASK, TARGET)
    register(Operation(name, 2, Status.INFERRED, doc, parameters, build, check=check))


_REST = (
    "Null where a part is null, no number, or out of its bounds (years are 1000 to 9999; fractions "
    "are cut off), and for a day that its month has not."
)
_declare(
    "DATE",
    "A date made of year, month and day, spelled by a mask. Hour, minute and second may be given; "
    f"they are 0 if not. {_REST}",
)
_declare(
    "DATE_TIME",
    "A date and time made of year, month, day, hour, minute and second, spelled by a mask. The "
    f"last three are 0 if left out. {_REST}",
)
_declare(
    "TIME",
    "A time made of hour, minute and second, spelled by a mask; write one such as HH:MM:SS, for "
    "the default spells a date too. A time that is left out is 0, and the date, unless given, "
    f"1970-01-01. {_REST}",
)
