"""Functions over several cells of one row: the aggregate family.

Here: the 13 of them, their types, which cells count. Not here: what a statistic is (measures.py),
aggregates of groups (grouping.py).
"""

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import case, cast, integer, is_numeric, missing, null
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
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
    Values,
    kth_largest,
    mode,
    over_list,
    row_numbers,
)
from cleanroom_pipeline.recipe.operations.rewriting import as_type, new_column
from cleanroom_pipeline.recipe.plan import BIGINT, DOUBLE, TEXT, Column, Frame
from cleanroom_pipeline.recipe.widening import common_type

Make = Callable[[Call, tuple[Column, ...]], Values]


def _cells(columns: tuple[Column, ...]) -> Values:
    """Return the list of the cells in one type, as text if no other holds all; missing: null."""
    types = [column.type for column in columns]
    type_ = common_type(types) or (DOUBLE if all(map(is_numeric, types)) else TEXT)
    cells = [case([(missing(one), null())], as_type(one, type_)) for one in columns]
    return Values(exp.Array(expressions=cells), type_, listed=True)


def _any(_: Call, columns: tuple[Column, ...]) -> Values:
    cells = _cells(columns)
    return Values(function("coalesce", *cells.tree.expressions), cells.type)


def _count(_: Call, columns: tuple[Column, ...]) -> Values:
    return Values(over_list("count", _cells(columns).tree), BIGINT)


def _count_distinct(_: Call, columns: tuple[Column, ...]) -> Values:
    return Values(over_list("count", _cells(columns).tree, distinct=True), BIGINT)


def _sum(_: Call, columns: tuple[Column, ...]) -> Values:
    values = row_numbers(columns)
    nothing = cast(integer(0), values.type)
    cells = exp.Array(expressions=[*values.tree.expressions, nothing])
    return STATISTICS["SUM"](replace(values, tree=cells), over_list)


def _statistic(name: str) -> Make:
    return lambda _, columns: STATISTICS[name](row_numbers(columns), over_list)


def _largest(*, unique: bool) -> Make:
    return lambda call, columns: kth_largest(
        row_numbers(columns), over_list, call["value"], unique=unique
    )


def _mode(call: Call, columns: tuple[Column, ...]) -> Values:
    return mode(row_numbers(columns), over_list, call["modeType"])


def _declare(name: str, status: Status, make: Make, doc: str, *more: Parameter) -> None:
    def build(call: Call, frame: Frame) -> Frame:
        made = make(call, tuple(frame.column(one) for one in call.sources))
        return new_column(call, frame, made.tree, type_=made.type)

    register(Operation(name, 2, status, doc, (SOURCES, TARGET, *more), build))


_IGNORED = "Null, empty and what is no number are left out; without any number the result is null."
_OWN = "The result is BIGINT or a decimal if all columns hold such numbers, else a DOUBLE."
_CELLS = "Null and the empty text are left out."
_TYPED = (
    "Columns of different types are read as the type that holds all of them, numbers at least as a "
    "DOUBLE, else as text."
)
_declare(
    "ANY",
    Status.INFERRED,
    _any,
    "The first cell of a row, in the order of sourceColumns, that is neither null nor empty; "
    f"else null. {_TYPED}",
)
_declare(
    "AVERAGE",
    Status.DOCUMENTED,
    _statistic("AVERAGE"),
    f"The average of a row's numbers, a DOUBLE. {_IGNORED}",
)
_declare("COUNT", Status.DOCUMENTED, _count, f"How many cells of a row hold something. {_CELLS}")
_declare(
    "COUNT_DISTINCT",
    Status.INFERRED,
    _count_distinct,
    f"How many different cells a row holds. {_CELLS} {_TYPED}",
)
_declare(
    "KTH_LARGEST",
    Status.INFERRED,
    _largest(unique=False),
    f"The k-th largest of a row's numbers, equal ones counted apart. {_IGNORED} So is it with "
    f"fewer than k. {_OWN}",
    NTH,
)
_declare(
    "KTH_LARGEST_UNIQUE",
    Status.INFERRED,
    _largest(unique=True),
    f"The k-th largest of a row's numbers, equal ones counted once. {_IGNORED} So is it with "
    f"fewer than k. {_OWN}",
    NTH,
)
_declare(
    "MAX", Status.INFERRED, _statistic("MAX"), f"The largest of a row's numbers. {_IGNORED} {_OWN}"
)
_declare(
    "MEDIAN",
    Status.DOCUMENTED,
    _statistic("MEDIAN"),
    "The median of a row's numbers, a DOUBLE; of an even count, halfway between the two in the "
    f"middle. {_IGNORED}",
)
_declare(
    "MIN", Status.INFERRED, _statistic("MIN"), f"The smallest of a row's numbers. {_IGNORED} {_OWN}"
)
_declare(
    "MODE",
    Status.INFERRED,
    _mode,
    "The most frequent of a row's numbers; modeType picks the smallest or the largest of "
    f"several, or averages them to a DOUBLE, or gives null (NONE, the default). {_IGNORED} "
    f"{_OWN}",
    MODE_TYPE,
)
_declare(
    "STANDARD_DEVIATION",
    Status.INFERRED,
    _statistic("STANDARD_DEVIATION"),
    "The standard deviation of a row's numbers as a whole population, a DOUBLE (0 for one "
    f"number). {_IGNORED}",
)
_declare(
    "SUM",
    Status.DOCUMENTED,
    _sum,
    "The sum of a row's numbers; null, empty and what is no number count as 0. Of whole "
    "numbers a BIGINT (null beyond it), of decimals among them a decimal (beyond 38 digits the "
    "run stops), else a DOUBLE.",
)
_declare(
    "VARIANCE",
    Status.DOCUMENTED,
    _statistic("VARIANCE"),
    "The variance of a row's numbers as a whole population, a DOUBLE (0 for one number). "
    f"{_IGNORED}",
)
