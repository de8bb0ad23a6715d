"""A value that stands for a whole column, and how a column holds such a value.

Here: the most frequent values, a value written in the column's type. Not here: which cells get it
(filling.py, outliers.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import (
    INTEGER_TYPES,
    case,
    cast,
    double,
    is_null,
    number,
    paren,
    string,
)
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.findings import StepError
from cleanroom_pipeline.recipe.plan import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INPUT,
    TEXT,
    TIMESTAMP,
    Column,
)


@dataclass(frozen=True)
class Fill:
    """What a cell is filled with: a tree of type `type`, and the values it needs beforehand."""

    tree: exp.Expr
    type: str
    scalars: Mapping[str, exp.Expr] = field(default_factory=dict)


def finite(column: Column) -> exp.Expr:
    """Return the column as DOUBLE; null for what is no number, NaN and infinity."""
    return case([(function("isfinite", double(column)), double(column))])


def percentile(value: exp.Expr, percent: float) -> exp.Expr:
    """Return the aggregate of a percentile (0 to 100), linear between two values."""
    return function("quantile_cont", value.copy(), number(percent / 100))


def number_fill(
    tree: exp.Expr, column: Column, scalars: Mapping[str, exp.Expr] | None = None
) -> Fill:
    """Return a DOUBLE as the column can hold it: spelled in a text column, else as it is."""
    if column.type == TEXT:
        return Fill(cast(tree, TEXT), TEXT, scalars or {})
    return Fill(tree, DOUBLE, scalars or {})


_READERS: Mapping[str, Callable[[str], object]] = {
    **dict.fromkeys(INTEGER_TYPES, int),
    "FLOAT": float,
    DOUBLE: float,
    "DECIMAL": Decimal,
    BOOLEAN: {"true": True, "false": False}.__getitem__,
    DATE: date.fromisoformat,
    TIMESTAMP: datetime.fromisoformat,
}


def custom_fill(value: str, column: Column) -> Fill:
    """Return a text of the recipe as a value of the column; StepError when it can't be one.

    Dates and times are written as ISO 8601 has them, truths as true and false.
    """
    if column.type == TEXT:
        return Fill(string(value), TEXT)
    reader = _READERS.get(column.type.partition("(")[0])
    if reader is None:
        raise StepError(f"column {column.name!r} is {column.type}: no 'value' can be written in it")
    try:
        read = reader(value.strip())
    except (ValueError, KeyError, ArithmeticError):
        reason = f"parameter 'value' is no {column.type}, which column {column.name!r} holds"
        raise StepError(reason) from None
    return Fill(cast(string(str(read)), column.type), column.type)


def modes(value: exp.Expr, pick: str, *, alone: bool = False) -> exp.Select:
    """Return SELECT pick(v) of the most frequent values; with `alone`, null unless there is one.

    Nulls are no values. `pick` names an aggregate: min, max, avg.
    """
    v, n, most = exp.column("v"), exp.column("n"), exp.column("most")
    cells = exp.select(value.as_("v")).from_(INPUT)
    counted = (
        exp.select(v.copy(), exp.Count(this=exp.Star()).as_("n"))
        .from_(cells.subquery("cells"))
        .where(paren(exp.Not(this=is_null(v.copy()))))
        .group_by(v.copy())
    )
    window = exp.Window(this=exp.Max(this=n.copy())).as_("most")
    ranked = exp.select(v.copy(), n.copy(), window).from_(counted.subquery("counted"))
    picked = function(pick, v)
    if alone:
        only = paren(exp.EQ(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1)))
        picked = case([(only, picked)])
    same = exp.EQ(this=n, expression=most)
    return exp.select(picked.as_("value")).from_(ranked.subquery("ranked")).where(same)
