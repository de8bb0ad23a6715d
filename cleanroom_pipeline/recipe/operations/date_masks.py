"""MASK_DATE: parts of dates masked in place.

Here: which texts are dates that can be masked, and DataBrew's own reading of them. Not here: masks
of other texts (masks.py).
"""

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import (
    all_of,
    any_of,
    case,
    concat,
    full_match,
    integer,
    is_null,
    paren,
    refuse_cell,
    string,
    text,
    try_cast,
)
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.entities import refusal
from cleanroom_pipeline.recipe.operations.masks import SYMBOL, check_symbol
from cleanroom_pipeline.recipe.operations.rewriting import in_place
from cleanroom_pipeline.recipe.plan import DATE, Column, Frame

_DATE_PARTS = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND")
_ISO_MOMENT = (
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:([T ])(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?"
)
# The group of _ISO_MOMENT that holds each part.
_PART_GROUPS = {"HOUR": 5, "MINUTE": 6, "SECOND": 7, "MILLISECOND": 8}


@operation(
    "MASK_DATE",
    Status.DOCUMENTED,
    "Masks parts of an ISO date (yyyy-mm-dd, with a time or without), a symbol a digit; spelled "
    "with slashes, as DataBrew spells them. Null and empty stay. A cell that is no ISO date "
    "ends the run. With `compat`, a date whose last field is at most 12 is read as yyyy-dd-mm, as "
    "AWS's published sample shows; DataBrew then masks the wrong field.",
    SOURCES,
    SYMBOL,
    Parameter("redact", Kind.CHOICES, "what to mask", required=True, choices=_DATE_PARTS),
    Parameter("locale", Kind.TEXT, "the language of month names; ISO dates hold none"),
    check=check_symbol,
)
def mask_date(call: Call, frame: Frame) -> Frame:
    """Mask parts of dates."""

    def change(column: Column) -> exp.Expr:
        tree = text(column)
        empty = any_of([is_null(tree), paren(exp.EQ(this=tree.copy(), expression=string("")))])
        moment = all_of(
            [
                full_match(tree.copy(), _ISO_MOMENT),
                paren(exp.Not(this=is_null(try_cast(_left(tree, 10), DATE)))),
            ]
        )
        date = _masked_date(call, tree)
        stop = refuse_cell(refusal(call, column.name, "an ISO date"))
        return case([(empty, tree), (moment, concat(date, _masked_time(call, tree)))], stop)

    return in_place(call, frame, change)


def _left(tree: exp.Expr, size: int) -> exp.Expr:
    return function("left", tree.copy(), integer(size))


def _masked_date(call: Call, tree: exp.Expr) -> exp.Expr:
    year = _field(call, "YEAR", function("substr", tree.copy(), integer(1), integer(4)))
    second = function("substr", tree.copy(), integer(6), integer(2))
    third = function("substr", tree.copy(), integer(9), integer(2))

    def spelled(second_part: str, third_part: str) -> exp.Expr:
        slash = string("/")
        fields = (_field(call, second_part, second), _field(call, third_part, third))
        return concat(year.copy(), slash, fields[0], slash.copy(), fields[1])

    right = spelled("MONTH", "DAY")
    if not call.options.compat:
        return right
    ambiguous = paren(exp.LTE(this=try_cast(third.copy(), "INTEGER"), expression=integer(12)))
    return case([(ambiguous, spelled("DAY", "MONTH"))], right)


def _masked_time(call: Call, tree: exp.Expr) -> exp.Expr:
    def group(number: int) -> exp.Expr:
        return function("regexp_extract", tree.copy(), string(_ISO_MOMENT), integer(number))

    def part(name: str) -> exp.Expr:
        return _field(call, name, group(_PART_GROUPS[name]))

    def after(separator: str, name: str) -> exp.Expr:
        there = paren(exp.NEQ(this=group(_PART_GROUPS[name]), expression=string("")))
        return case([(there, concat(string(separator), part(name)))], string(""))

    spelled = concat(
        group(4), part("HOUR"), string(":"), part("MINUTE"), after(":", "SECOND"),
        after(".", "MILLISECOND"), group(9),
    )  # fmt: skip
    longer = paren(exp.GT(this=function("length", tree.copy()), expression=integer(10)))
    return case([(longer, spelled)], string(""))


def _field(call: Call, part: str, digits: exp.Expr) -> exp.Expr:
    if part not in call["redact"]:
        return digits.copy()
    return function("repeat", string(call["maskSymbol"]), function("length", digits.copy()))
