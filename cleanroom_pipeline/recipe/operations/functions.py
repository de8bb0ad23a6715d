"""Functions of one or several cells of a row that give a new column: math, text, date, web, others.

Here: tables of functions, and the shapes they share. Not here: what changes cells in place.

A function takes sourceColumn, or a text in `value`; of two, sourceColumn1 or value1 and
sourceColumn2 or value2. What a function can't take (a text that is no number, a root of a negative
number, a division by zero) gives null.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import dates
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import (
    case,
    cast,
    double,
    integer,
    is_null,
    number,
    paren,
    string,
    text,
)
from cleanroom_pipeline.recipe.operations.cleaning import check_mask
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    SOURCES,
    TARGET,
    Call,
    Kind,
    Operation,
    Parameter,
    Status,
    operation,
    register,
)
from cleanroom_pipeline.recipe.operations.rewriting import new_column
from cleanroom_pipeline.recipe.plan import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    TEXT,
    Column,
    Constant,
    Frame,
)

_VALUE = Parameter("value", Kind.TEXT, "a text, instead of a column")
_MASK = Parameter("dateTimeFormat", Kind.TEXT, "how dates are spelled", default=dates.DEFAULT_MASK)
_ANY_SOURCE = replace(SOURCE, required=False)

Unary = Callable[[Column], exp.Expr]
Binary = Callable[[Column, Column], exp.Expr]


def _check_operand(values: Mapping[str, Any]) -> Iterable[str]:
    if bool(values["sourceColumns"]) == (values["value"] is not None):
        yield "needs either 'sourceColumn' or 'value'"


def operand(call: Call, frame: Frame) -> Column:
    """Return the column, or the text, that a function of one cell is given."""
    return frame.column(call.source) if call.sources else Constant(call["value"])


def _unary(name: str, tier: int, type_: str, change: Unary, *more: Parameter) -> None:
    def build(call: Call, frame: Frame) -> Frame:
        return new_column(call, frame, change(operand(call, frame)), type_=type_)

    doc = f"{name.lower().replace('_', ' ')} of a cell, in a new column."
    parameters = (_ANY_SOURCE, _VALUE, TARGET, *more)
    register(Operation(name, tier, Status.DOCUMENTED, doc, parameters, build, check=_check_operand))


def _of_number(name: str) -> Unary:
    return lambda column: function(name, double(column))


def _where(condition: Callable[[exp.Expr], exp.Expr], name: str) -> Unary:
    """Return a function of numbers that is null outside its domain."""

    def change(column: Column) -> exp.Expr:
        return case([(condition(double(column)), function(name, double(column)))])

    return change


def _positive(tree: exp.Expr) -> exp.Expr:
    return paren(exp.GT(this=tree, expression=integer(0)))


def _not_negative(tree: exp.Expr) -> exp.Expr:
    return paren(exp.GTE(this=tree, expression=integer(0)))


def _negate(column: Column) -> exp.Expr:
    return paren(exp.Mul(this=double(column), expression=integer(-1)))


def _round(column: Column) -> exp.Expr:
    half = paren(exp.Add(this=double(column), expression=number(0.5)))
    return cast(function("floor", half), DOUBLE)


_NUMBERS: Mapping[str, Unary] = {
    "ABSOLUTE": _of_number("abs"),
    "CEILING": _of_number("ceil"),
    "DEGREES": _of_number("degrees"),
    "EXPONENT": _of_number("exp"),
    "FLOOR": _of_number("floor"),
    "LN": _where(_positive, "ln"),
    "NEGATE": _negate,
    "RADIANS": _of_number("radians"),
    "ROUND": _round,
    "SIGN": lambda column: cast(function("sign", double(column)), DOUBLE),
    "SQUARE_ROOT": _where(_not_negative, "sqrt"),
}
for _name, _change in _NUMBERS.items():
    _unary(_name, 2, DOUBLE, _change)


_ACCENTED_LATIN = "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_WHITE = " \t\n\v\f\r"
_TEXTS: Mapping[str, Unary] = {
    "LOWER": lambda column: function("lower", text(column)),
    "UPPER": lambda column: function("upper", text(column)),
    "TRIM": lambda column: function("trim", text(column), string(_WHITE)),
    "REMOVE_WHITESPACE": lambda column: function(
        "translate", text(column), string(_WHITE), string("")
    ),
    "REMOVE_SYMBOLS": lambda column: function(
        "regexp_replace",
        text(column),
        string(f"[^A-Za-z0-9{_ACCENTED_LATIN}\\s]"),
        string(""),
        string("g"),
    ),
}
for _name, _change in _TEXTS.items():
    _unary(_name, 2, TEXT, _change)
_unary("LEN", 2, BIGINT, lambda column: function("length", text(column)))


def _part(name: str) -> Unary:
    return lambda column: cast(function(name, dates.timestamp(column)), BIGINT)


def _millisecond(column: Column) -> exp.Expr:
    within = paren(
        exp.Mod(this=function("millisecond", dates.timestamp(column)), expression=integer(1000))
    )
    return cast(within, BIGINT)


_DATE_PARTS: Mapping[str, Unary] = {
    "YEAR": _part("year"),
    "MONTH": _part("month"),
    "DAY": _part("day"),
    "HOUR": _part("hour"),
    "MINUTE": _part("minute"),
    "SECOND": _part("second"),
    "MILLISECOND": _millisecond,
    "QUARTER": _part("quarter"),
    "UNIX_TIME": lambda column: cast(
        function("floor", function("epoch", dates.timestamp(column))), BIGINT
    ),
}
for _name, _change in _DATE_PARTS.items():
    _unary(_name, 1 if _name == "YEAR" else 2, BIGINT, _change, _MASK)
_unary("MONTH_NAME", 2, TEXT, lambda column: function("monthname", dates.timestamp(column)), _MASK)


@operation(
    "DATE_FORMAT",
    Status.DOCUMENTED,
    "Dates spelled by a mask, in a new column; null for what is no date.",
    _ANY_SOURCE,
    _VALUE,
    TARGET,
    _MASK,
    check=lambda values: [*_check_operand(values), *check_mask("dateTimeFormat")(values)],
)
def date_format(call: Call, frame: Frame) -> Frame:
    """Spell dates by a mask into a new column."""
    return new_column(call, frame, dates.formatted(operand(call, frame), call["dateTimeFormat"]))


def _check_zone(values: Mapping[str, Any]) -> Iterable[str]:
    if dates.zone(values["timeZone"]) is None:
        yield f"parameter 'timeZone': {values['timeZone']!r} is no time zone"


def _clock(name: str, tier: int, doc: str, format_: str) -> None:
    def build(call: Call, frame: Frame) -> Frame:
        moment = call.options.now.astimezone(dates.zone(call["timeZone"]))
        return new_column(call, frame, string(moment.strftime(format_)))

    zone = Parameter("timeZone", Kind.TEXT, "a time zone's name", default="UTC")
    register(Operation(name, tier, Status.INFERRED, doc, (TARGET, zone), build, check=_check_zone))


_clock("TODAY", 1, "The day on which the run began, as text yyyy-mm-dd.", "%Y-%m-%d")
_clock("NOW", 2, "When the run began, as text yyyy-mm-dd HH:MM:SS.", "%Y-%m-%d %H:%M:%S")

_PAIR = (
    Parameter("sourceColumn1", Kind.COLUMN, "the first column"),
    Parameter("value1", Kind.TEXT, "a text, instead of the first column"),
    Parameter("sourceColumn2", Kind.COLUMN, "the second column"),
    Parameter("value2", Kind.TEXT, "a text, instead of the second column"),
    TARGET,
)


def _check_pair(values: Mapping[str, Any]) -> Iterable[str]:
    for place in ("1", "2"):
        column, value = values[f"sourceColumn{place}"], values[f"value{place}"]
        if (column is None) == (value is None):
            yield f"needs either 'sourceColumn{place}' or 'value{place}'"


def _binary(name: str, type_: str, change: Binary) -> None:
    def build(call: Call, frame: Frame) -> Frame:
        first, second = (
            frame.column(call[f"sourceColumn{place}"])
            if call[f"sourceColumn{place}"] is not None
            else Constant(call[f"value{place}"])
            for place in "12"
        )
        return new_column(call, frame, change(first, second), type_=type_)

    doc = f"{name.lower().replace('_', ' ')} of two cells, in a new column."
    register(Operation(name, 2, Status.DOCUMENTED, doc, _PAIR, build, check=_check_pair))


def _arithmetic(operator: type[exp.Binary]) -> Binary:
    return lambda a, b: paren(operator(this=double(a), expression=double(b)))


def _unless_zero(operator: type[exp.Binary]) -> Binary:
    def change(a: Column, b: Column) -> exp.Expr:
        there = paren(exp.NEQ(this=double(b), expression=integer(0)))
        return case([(there, paren(operator(this=double(a), expression=double(b))))])

    return change


def _compared(operator: type[exp.Binary]) -> Binary:
    return lambda a, b: paren(operator(this=text(a), expression=text(b)))


_binary("ADD", DOUBLE, _arithmetic(exp.Add))
_binary("SUBTRACT", DOUBLE, _arithmetic(exp.Sub))
_binary("MULTIPLY", DOUBLE, _arithmetic(exp.Mul))
_binary("DIVIDE", DOUBLE, _unless_zero(exp.Div))
_binary("MOD", DOUBLE, _unless_zero(exp.Mod))
_binary("EXACT", BOOLEAN, _compared(exp.EQ))
_binary("STRING_GREATER_THAN", BOOLEAN, _compared(exp.GT))
_binary("STRING_GREATER_THAN_EQUAL", BOOLEAN, _compared(exp.GTE))
_binary("STRING_LESS_THAN", BOOLEAN, _compared(exp.LT))
_binary("STRING_LESS_THAN_EQUAL", BOOLEAN, _compared(exp.LTE))


def _parity(name: str, remainder: int) -> None:
    def build(call: Call, frame: Frame) -> Frame:
        tree = double(operand(call, frame))
        left = paren(exp.Mod(this=function("abs", tree), expression=integer(2)))
        fits = paren(exp.EQ(this=left, expression=integer(remainder)))
        yes, no = string(call["trueString"]), string(call["falseString"])
        flagged = case([(is_null(tree.copy()), exp.Null()), (fits, yes)], no)
        return new_column(call, frame, flagged)

    strings = (
        Parameter("trueString", Kind.TEXT, "what a fitting number gives", default="True"),
        Parameter("falseString", Kind.TEXT, "what another number gives", default="False"),
    )
    doc = "Whether a number is even or odd; a fraction is neither."
    parameters = (_ANY_SOURCE, _VALUE, TARGET, *strings)
    register(Operation(name, 2, Status.DOCUMENTED, doc, parameters, build, check=_check_operand))


_parity("IS_EVEN", 0)
_parity("IS_ODD", 1)


@operation(
    "COALESCE",
    Status.DOCUMENTED,
    "The first cell of a row that is not null, as text unless all columns are of one type.",
    SOURCES,
    TARGET,
    tier=2,
)
def coalesce(call: Call, frame: Frame) -> Frame:
    """Take the first cell that is there."""
    columns = [frame.column(name) for name in call.sources]
    types = {column.type for column in columns}
    if len(types) == 1:
        trees = [column.tree for column in columns]
        return new_column(call, frame, function("coalesce", *trees), type_=types.pop())
    return new_column(call, frame, function("coalesce", *[text(one) for one in columns]))


@operation(
    "MERGE_COLUMNS_AND_VALUES",
    Status.INFERRED,
    "Joins columns into a new one, as MERGE does.",
    SOURCES,
    TARGET,
    Parameter("delimiter", Kind.TEXT, "what stands between", default=""),
    tier=2,
)
def merge_columns_and_values(call: Call, frame: Frame) -> Frame:
    """Join texts."""
    parts = [text(frame.column(name)) for name in call.sources]
    return new_column(call, frame, function("concat_ws", string(call["delimiter"]), *parts))


def _side(name: str) -> None:
    def build(call: Call, frame: Frame) -> Frame:
        cut = function(name.lower(), text(operand(call, frame)), integer(call["position"]))
        return new_column(call, frame, cut)

    position = Parameter("position", Kind.INTEGER, "how many characters", required=True, least=0)
    doc = f"The {name.lower()}most characters of a cell, in a new column."
    parameters = (_ANY_SOURCE, _VALUE, TARGET, position)
    register(Operation(name, 2, Status.DOCUMENTED, doc, parameters, build, check=_check_operand))


_side("LEFT")
_side("RIGHT")
