"""Statistics of numbers, whether these are cells of a row, rows of a window or rows of a group.

Here: what a sum, a mode ... is, its DuckDB type, which of several modes. Not here: which cells.

Whole numbers and decimals stay exact: their sum does not depend on the order of adding. Numbers in
texts, and floats, are DOUBLE, and a text that is no number is left out.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import (
    call,
    case,
    cast,
    double,
    equal,
    integer,
    is_temporal,
    missing,
    paren,
    string,
    try_cast,
)
from cleanroom_pipeline.recipe.nested import list_of
from cleanroom_pipeline.recipe.operations.arithmetic import exact_digits, is_whole
from cleanroom_pipeline.recipe.operations.declaration import Kind, Parameter
from cleanroom_pipeline.recipe.plan import BIGINT, DOUBLE, Column
from cleanroom_pipeline.recipe.widening import common_type, decimal_digits

PICKS: Mapping[str, str] = {"MINIMUM": "min", "MAXIMUM": "max", "AVERAGE": "avg"}
MODE_TYPE = Parameter(
    "modeType",
    Kind.CHOICE,
    "which of several modes; NONE gives null when there are several",
    default="NONE",
    choices=(*PICKS, "NONE"),
)
_BEYOND_BIGINT = frozenset({"UBIGINT", "HUGEINT"})
# DuckDB keeps fewer than a million.
MOST_LARGEST = 999_999
NTH = Parameter(
    "value", Kind.INTEGER, "k: 1 for the largest", required=True, least=1, most=MOST_LARGEST
)


@dataclass(frozen=True)
class Values:
    """A tree that gives values of one DuckDB type, null for those left out; or a list of them."""

    tree: exp.Expr
    type: str
    listed: bool = False

    @property
    def as_double(self) -> exp.Expr:
        """The tree with DOUBLE values."""
        if self.type == DOUBLE:
            return self.tree
        return cast(self.tree, list_of(DOUBLE) if self.listed else DOUBLE)


class Apply(Protocol):
    """Puts one of DuckDB's aggregates on values; further arguments follow the values."""

    def __call__(
        self, name: str, tree: exp.Expr, *more: exp.Expr, distinct: bool = False
    ) -> exp.Expr:
        """Return the tree of the aggregate."""
        ...


def over_group(name: str, tree: exp.Expr, *more: exp.Expr, distinct: bool = False) -> exp.Expr:
    """Return the aggregate over the rows of a group, or of the table."""
    return call(name, exp.Distinct(expressions=[tree]) if distinct else tree, *more)


def over_list(name: str, tree: exp.Expr, *more: exp.Expr, distinct: bool = False) -> exp.Expr:
    """Return the aggregate over the elements of a list."""
    elements = call("list_distinct", tree) if distinct else tree
    return call("list_aggregate", elements, string(name), *more)


def present(column: Column) -> exp.Expr:
    """Return the cells of a column, null for the empty text."""
    return case([(paren(exp.Not(this=missing(column))), column.tree)])


def numbers(column: Column) -> Values:
    """Return the numbers in a column: BIGINT, its own DECIMAL, or DOUBLE."""
    type_ = _number_type(column)
    return Values(_number(column, type_), type_)


def comparable(column: Column) -> Values:
    """Return the numbers in a column; dates and times as they are."""
    return Values(column.tree, column.type) if is_temporal(column) else numbers(column)


def row_numbers(columns: Iterable[Column]) -> Values:
    """Return the list of a row's numbers, in a type that holds those of all columns."""
    given = list(columns)
    type_ = common_type(map(_number_type, given)) or DOUBLE
    return Values(exp.Array(expressions=[_number(one, type_) for one in given]), type_, listed=True)


def _number_type(column: Column) -> str:
    if column.type in _BEYOND_BIGINT:
        return DOUBLE
    if is_whole(column):
        return BIGINT
    digits = exact_digits(column)
    return digits.type if digits else DOUBLE


def _number(column: Column, type_: str) -> exp.Expr:
    if type_ == DOUBLE:
        return double(column)
    return column.tree if column.type == type_ else try_cast(column.tree, type_)


def total(values: Values, apply: Apply) -> Values:
    """Return the sum, null for no numbers; BIGINT for whole numbers, and null beyond it."""
    tree = apply("sum", values.tree)
    if values.type == BIGINT:
        return Values(try_cast(tree, BIGINT), BIGINT)
    if values.type == DOUBLE:
        return Values(tree, DOUBLE)
    _, scale = decimal_digits(values.type) or (0, 0)
    return Values(tree, f"DECIMAL(38,{scale})")


def mean(values: Values, apply: Apply) -> Values:
    """Return the average, a DOUBLE; the sum behind it is exact where the numbers are."""
    return Values(apply("avg", values.tree), DOUBLE)


def _same_type(name: str) -> Callable[[Values, Apply], Values]:
    return lambda values, apply: Values(apply(name, values.tree), values.type)


def _of_doubles(name: str) -> Callable[[Values, Apply], Values]:
    # DuckDB's median of decimals is cut to their scale.
    return lambda values, apply: Values(apply(name, values.as_double), DOUBLE)


def kth_largest(values: Values, apply: Apply, k: int, *, unique: bool) -> Values:
    """Return the k-th largest value, null when there are fewer."""
    largest = apply("max", values.tree, integer(k), distinct=unique)
    return Values(call("list_extract", largest, integer(k)), values.type)


def mode(values: Values, apply: Apply, mode_type: str) -> Values:
    """Return the most frequent value; `mode_type` says which, or what, of several."""
    modes = _modes(apply("histogram", values.tree))
    if mode_type == "AVERAGE":
        return Values(over_list("avg", modes), DOUBLE)
    if mode_type in PICKS:
        return Values(over_list(PICKS[mode_type], modes), values.type)
    alone = _let(modes, "modes", _only)
    return Values(alone, values.type)


def _only(modes: exp.Expr) -> exp.Expr:
    one = equal(call("len", modes), integer(1))
    return case([(one, call("list_extract", modes.copy(), integer(1)))])


def _modes(histogram: exp.Expr) -> exp.Expr:
    """Return the list of the keys of a histogram that have its largest count."""

    def with_count(counts: exp.Expr, most: exp.Expr) -> exp.Expr:
        entries = call("map_entries", counts)
        frequent = _each("list_filter", entries, "one", lambda one: equal(_of(one, "value"), most))
        return _each("list_transform", frequent, "one", lambda one: _of(one, "key"))

    def modes(counts: exp.Expr) -> exp.Expr:
        most = over_list("max", call("map_values", counts))
        return _let(most, "most", lambda count: with_count(counts.copy(), count))

    return _let(histogram, "counts", modes)


def _of(entry: exp.Expr, field: str) -> exp.Expr:
    return call("struct_extract", entry, string(field))


def _each(
    function: str, list_: exp.Expr, name: str, body: Callable[[exp.Expr], exp.Expr]
) -> exp.Expr:
    """Return a list function with a lambda of one parameter, named `name`."""
    parameter = exp.to_identifier(name)
    return call(function, list_, exp.Lambda(this=body(exp.column(name)), expressions=[parameter]))


def _let(value: exp.Expr, name: str, body: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """Return a tree that computes a value once, however often the body needs it."""
    made = _each("list_transform", exp.Array(expressions=[value]), name, body)
    return call("list_extract", made, integer(1))


Statistic = Callable[[Values, Apply], Values]
STATISTICS: Mapping[str, Statistic] = {
    "AVERAGE": mean,
    "MAX": _same_type("max"),
    "MEDIAN": _of_doubles("median"),
    "MIN": _same_type("min"),
    "STANDARD_DEVIATION": _of_doubles("stddev_pop"),
    "SUM": total,
    "VARIANCE": _of_doubles("var_pop"),
}
