"""Statistics of the rows around a row: ROLLING_*.

Here: which cells of a window count, the types of results. Not here: what a statistic is
(measures.py), other functions of windows (windows.py).

A window is the row, `numRowsBefore` rows before it and `numRowsAfter` after it; at both ends of the
table it is shorter. Sums of whole numbers and decimals are exact. DOUBLEs are added up in an order
that follows from the rows' places alone: any number of threads gives the same sum.
"""

from collections.abc import Callable

from sqlglot import exp

from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    TARGET,
    Call,
    Operation,
    Parameter,
    Status,
    register,
)
from cleanroom_pipeline.recipe.operations.measures import (
    MODE_TYPE,
    NTH,
    STATISTICS,
    Apply,
    Values,
    comparable,
    kth_largest,
    mode,
    numbers,
    over_group,
    present,
)
from cleanroom_pipeline.recipe.operations.rewriting import new_column
from cleanroom_pipeline.recipe.operations.windows import AFTER, BEFORE, around
from cleanroom_pipeline.recipe.plan import BIGINT, Column, Frame

Make = Callable[[Call, Column, Apply], Values]


def over_rows(before: int, after: int) -> Apply:
    """Return what puts an aggregate on a row and the rows before and after it."""

    def apply(name: str, tree: exp.Expr, *more: exp.Expr, distinct: bool = False) -> exp.Expr:
        return around(over_group(name, tree, *more, distinct=distinct), before, after)

    return apply


def _of_numbers(name: str) -> Make:
    return lambda _, column, apply: STATISTICS[name](numbers(column), apply)


def _of_comparable(name: str) -> Make:
    return lambda _, column, apply: STATISTICS[name](comparable(column), apply)


def _count(_: Call, column: Column, apply: Apply) -> Values:
    return Values(apply("count", present(column)), BIGINT)


def _largest(*, unique: bool) -> Make:
    return lambda call, column, apply: kth_largest(
        comparable(column), apply, call["value"], unique=unique
    )


def _mode(call: Call, column: Column, apply: Apply) -> Values:
    return mode(numbers(column), apply, call["modeType"])


def _declare(name: str, make: Make, doc: str, *more: Parameter) -> None:
    def build(call: Call, frame: Frame) -> Frame:
        apply = over_rows(call["numRowsBefore"], call["numRowsAfter"])
        made = make(call, frame.column(call.source), apply)
        return new_column(call, frame, made.tree, type_=made.type)

    parameters = (SOURCE, BEFORE, AFTER, *more, TARGET)
    register(Operation(name, 2, Status.INFERRED, doc, parameters, build))


_IGNORED = "Null, empty and what is no number are left out; a window without any gives null."
_OWN = "BIGINT for whole numbers, the own type of decimals, dates and times, else a DOUBLE."
_declare(
    "ROLLING_AVERAGE", _of_numbers("AVERAGE"), f"The average of the window, a DOUBLE. {_IGNORED}"
)
_declare(
    "ROLLING_COUNT_A", _count, "How many cells of the window are neither null nor empty, a BIGINT."
)
_declare(
    "ROLLING_KTH_LARGEST",
    _largest(unique=False),
    f"The k-th largest of the window, equal ones counted apart: {_OWN} {_IGNORED} So does one "
    "of fewer than k.",
    NTH,
)
_declare(
    "ROLLING_KTH_LARGEST_UNIQUE",
    _largest(unique=True),
    f"The k-th largest of the window, equal ones counted once: {_OWN} {_IGNORED} So does one "
    "of fewer than k.",
    NTH,
)
_declare("ROLLING_MAX", _of_comparable("MAX"), f"The largest of the window: {_OWN} {_IGNORED}")
_declare("ROLLING_MIN", _of_comparable("MIN"), f"The smallest of the window: {_OWN} {_IGNORED}")
_declare(
    "ROLLING_MODE",
    _mode,
    "The most frequent number of the window; modeType picks the smallest or the largest of "
    "several, or averages them to a DOUBLE, or gives null (NONE, the default). BIGINT for "
    f"whole numbers, the own type of decimals, else a DOUBLE. {_IGNORED}",
    MODE_TYPE,
)
_declare(
    "ROLLING_STANDARD_DEVIATION",
    _of_numbers("STANDARD_DEVIATION"),
    "The standard deviation of the window as a whole population, a DOUBLE (0 for one number). "
    f"{_IGNORED}",
)
_declare(
    "ROLLING_SUM",
    _of_numbers("SUM"),
    "The sum of the window: of whole numbers a BIGINT (null beyond it), of decimals a decimal "
    f"(beyond 38 digits the run stops), else a DOUBLE. {_IGNORED}",
)
_declare(
    "ROLLING_VARIANCE",
    _of_numbers("VARIANCE"),
    f"The variance of the window as a whole population, a DOUBLE (0 for one number). {_IGNORED}",
)
