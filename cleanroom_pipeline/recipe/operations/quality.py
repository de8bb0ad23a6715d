"""Operations that remove or flag rows: by value, missing, invalid, duplicate.

Here: REMOVE_VALUES, REMOVE_MISSING, REMOVE_INVALID, duplicates, FLAG_*. Not here: filling cells.

Duplicates: the first row in input order stays, or is unflagged. Null is a value like any other, as
in Spark: rows with a null key are duplicates of each other.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import patterns
from cleanroom_pipeline.recipe.conditions import conditions_tree
from cleanroom_pipeline.recipe.data_types import CAST_TYPES, cast_column
from cleanroom_pipeline.recipe.expressions import (
    all_of,
    case,
    integer,
    is_null,
    missing,
    negated,
    paren,
    row_key,
    string,
    text,
)
from cleanroom_pipeline.recipe.findings import StepError
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    TARGET,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.pattern_parameter import PATTERN, check_pattern
from cleanroom_pipeline.recipe.operations.rewriting import function_name, new_column, without_rows
from cleanroom_pipeline.recipe.plan import Column, DropDuplicates, Filter, Frame, row

FLAGS = (
    Parameter("trueString", Kind.TEXT, "what a flagged row gets", default="True"),
    Parameter("falseString", Kind.TEXT, "what another row gets", default="False"),
)
ADVANCED_TYPE = Parameter("advancedDataType", Kind.TEXT, "refused: its detector is not published")
_FLAG = Parameter("flagType", Kind.TEXT, "ignored: the operation's name says it")


@operation(
    "REMOVE_VALUES",
    Status.INFERRED,
    "Removes the rows that satisfy all conditions (seen in console exports only).",
    Parameter("sourceColumn", Kind.COLUMN, "ignored: the conditions name their columns"),
)
def remove_values(call: Call, frame: Frame) -> Frame:
    """Filter by conditions."""
    condition = conditions_tree(call.step.conditions, frame)
    if condition is None:
        raise StepError("needs ConditionExpressions that say which rows to remove")
    return frame.then(Filter(negated(condition)))


def check_advanced_type(values: Mapping[str, Any]) -> Iterable[str]:
    """Yield why advancedDataType is refused, where it is written."""
    if values["advancedDataType"]:
        yield "advancedDataType is refused: AWS does not publish how it detects the type"


@operation(
    "REMOVE_MISSING",
    Status.DOCUMENTED,
    "Removes rows whose cell is null or the empty text; white space is a text like others.",
    SOURCE,
)
def remove_missing(call: Call, frame: Frame) -> Frame:
    """Filter out missing cells."""
    return without_rows(call, frame, missing(frame.column(call.source)))


@operation(
    "REMOVE_INVALID",
    Status.DOCUMENTED,
    "Removes rows whose cell is there and can't be cast to the type; rows with missing cells stay.",
    SOURCE,
    Parameter(
        "columnDataType", Kind.CHOICE, "the type of the column", required=True, choices=CAST_TYPES
    ),
    ADVANCED_TYPE,
    tier=2,
    check=check_advanced_type,
)
def remove_invalid(call: Call, frame: Frame) -> Frame:
    """Filter out cells of another type."""
    column = frame.column(call.source)
    there = paren(exp.Not(this=missing(column)))
    invalid = all_of([there, is_null(cast_column(column, call["columnDataType"]))])
    return without_rows(call, frame, invalid)


def _drop(call: Call, frame: Frame, columns: Iterable[Column]) -> Frame:
    among = conditions_tree(call.step.conditions, frame)
    return frame.then(DropDuplicates(row_key(columns), among))


@operation(
    "DELETE_DUPLICATE_ROWS",
    Status.DOCUMENTED,
    "Keeps the first of rows that are equal in every cell; nulls are equal to each other, and "
    "differ from the empty text.",
)
def delete_duplicate_rows(call: Call, frame: Frame) -> Frame:
    """Drop rows equal in every column."""
    return _drop(call, frame, frame.columns)


@operation(
    "REMOVE_DUPLICATES",
    Status.INFERRED,
    "Keeps the first row of each value, of the rows with null one too. AWS does not say which row "
    "stays.",
    SOURCE,
)
def remove_duplicates(call: Call, frame: Frame) -> Frame:
    """Drop rows equal in one column."""
    return _drop(call, frame, [frame.column(call.source)])


def flagged(call: Call, condition: exp.Expr) -> exp.Expr:
    """Return what a row gets, by the parameters in FLAGS."""
    yes, no = string(call["trueString"]), string(call["falseString"])
    return case([(condition, yes)], no)


def _is_repeated(columns: Iterable[Column]) -> exp.Expr:
    order = exp.Order(expressions=[exp.Ordered(this=row())])
    numbered = exp.Window(this=exp.RowNumber(), partition_by=[row_key(columns)], order=order)
    return paren(exp.GT(this=numbered, expression=integer(1)))


@operation(
    "FLAG_DUPLICATE_ROWS",
    Status.DOCUMENTED,
    "Flags rows that are equal in every cell to an earlier one; nulls are equal to each other.",
    TARGET,
    *FLAGS,
    tier=2,
    conditions=False,
)
def flag_duplicate_rows(call: Call, frame: Frame) -> Frame:
    """Flag rows equal in every column."""
    return new_column(call, frame, flagged(call, _is_repeated(frame.columns)))


@operation(
    "FLAG_DUPLICATES_IN_COLUMN",
    Status.DOCUMENTED,
    "Flags rows whose cell an earlier row has; nulls are equal to each other.",
    SOURCE,
    TARGET,
    *FLAGS,
    tier=2,
    conditions=False,
)
def flag_duplicates_in_column(call: Call, frame: Frame) -> Frame:
    """Flag rows equal in one column."""
    repeated = _is_repeated([frame.column(call.source)])
    return new_column(call, frame, flagged(call, repeated))


@operation(
    "FLAG_COLUMN_FROM_NULL",
    Status.DOCUMENTED,
    "Flags null and empty cells.",
    SOURCE,
    TARGET,
    _FLAG,
    *FLAGS,
)
def flag_column_from_null(call: Call, frame: Frame) -> Frame:
    """Flag missing cells."""
    lacking = missing(frame.column(call.source))
    return new_column(call, frame, flagged(call, lacking))


@operation(
    "FLAG_COLUMN_FROM_PATTERN",
    Status.INFERRED,
    "Flags cells that hold a match of a pattern anywhere; null holds none.",
    SOURCE,
    TARGET,
    PATTERN,
    _FLAG,
    *FLAGS,
    check=check_pattern,
)
def flag_column_from_pattern(call: Call, frame: Frame) -> Frame:
    """Flag cells by a pattern."""
    column = frame.column(call.source)
    made = patterns.found(text(column), call["pattern"], function_name(call))
    return new_column(call, frame, flagged(call, made.tree), functions=made.functions)
