"""Operations that take or replace a part of a text: by a pattern, between delimiters or positions.

Here: EXTRACT_PATTERN, EXTRACT_BETWEEN_*, REPLACE_BETWEEN_*. Not here: splitting into columns.

Positions count code points from 1, and both ends belong to the part: AWS does not say so, but its
example calls the column from 3 to 9 characters_3_to_9.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import patterns
from cleanroom_pipeline.recipe.delimiters import between, delimiter, with_between
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import case, concat, integer, paren, string, text
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    SOURCES,
    TARGET,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.pattern_parameter import (
    PATTERN,
    check_pattern,
    pattern_problem,
)
from cleanroom_pipeline.recipe.operations.rewriting import function_name, in_place, new_column
from cleanroom_pipeline.recipe.plan import Column, Frame

START = Parameter(
    "startPosition", Kind.INTEGER, "the first character of the part", required=True, least=1
)
END = Parameter(
    "endPosition", Kind.INTEGER, "the last character of the part", required=True, least=1
)
POSITIONS = (START, END)
_DELIMITERS = (
    replace(PATTERN, name="startPattern", doc="a regular expression: what stands before the part"),
    replace(PATTERN, name="endPattern", doc="a regular expression: what stands after the part"),
)
_VALUE = Parameter("value", Kind.TEXT, "the replacement, taken literally", default="")


def check_positions(values: Mapping[str, Any]) -> Iterable[str]:
    """Yield what is wrong with a part that ends before it begins."""
    if values["startPosition"] > values["endPosition"]:
        yield "startPosition is greater than endPosition"


def _check_delimiters(values: Mapping[str, Any]) -> Iterable[str]:
    for parameter in _DELIMITERS:
        yield from pattern_problem(parameter.name, values[parameter.name])


def part(tree: exp.Expr, start: int, end: int | None = None) -> exp.Expr:
    """Return the characters from `start` to `end` or the end of the text; "" beyond its end."""
    size = [] if end is None else [integer(end - start + 1)]
    return function("substr", tree, integer(start), *size)


@operation(
    "EXTRACT_PATTERN",
    Status.INFERRED,
    "The first match of a pattern, all of it, in a new column; null where there is none, and for "
    "null.",
    SOURCE,
    TARGET,
    PATTERN,
    check=check_pattern,
)
def extract_pattern(call: Call, frame: Frame) -> Frame:
    """Extract the first whole match."""
    column = frame.column(call.source)
    made = patterns.extracted(text(column), call["pattern"], function_name(call))
    return new_column(call, frame, made.tree, functions=made.functions)


@operation(
    "EXTRACT_BETWEEN_DELIMITERS",
    Status.INFERRED,
    "What stands between the first match of startPattern and the next match of endPattern after "
    "it, without the two, in a new column; null where there is no such pair, and for null.",
    SOURCE,
    TARGET,
    *_DELIMITERS,
    tier=2,
    check=_check_delimiters,
)
def extract_between_delimiters(call: Call, frame: Frame) -> Frame:
    """Extract the first delimited part."""
    first, last = (delimiter(call[one.name]) for one in _DELIMITERS)
    made = patterns.searching(
        function_name(call), lambda one, left: between(first, last, one, left)
    )
    tree = function(made.name, text(frame.column(call.source)))
    return new_column(call, frame, tree, functions=[made])


@operation(
    "EXTRACT_BETWEEN_POSITIONS",
    Status.INFERRED,
    "The characters from startPosition to endPosition, counted from 1, both included, in a new "
    "column; the empty text where the cell is too short, null for null.",
    SOURCE,
    TARGET,
    *POSITIONS,
    tier=2,
    check=check_positions,
)
def extract_between_positions(call: Call, frame: Frame) -> Frame:
    """Extract by place."""
    tree = text(frame.column(call.source))
    return new_column(call, frame, part(tree, call["startPosition"], call["endPosition"]))


@operation(
    "REPLACE_BETWEEN_DELIMITERS",
    Status.INFERRED,
    "Replaces what stands between a match of startPattern and the next match of endPattern by a "
    "value, for every such pair in a cell; the two themselves stay. A cell without a pair stays as "
    "it is, null too.",
    SOURCES,
    *_DELIMITERS,
    _VALUE,
    tier=2,
    check=_check_delimiters,
)
def replace_between_delimiters(call: Call, frame: Frame) -> Frame:
    """Replace all delimited parts."""
    first, last = (delimiter(call[one.name]) for one in _DELIMITERS)
    value = call["value"]
    made = patterns.searching(
        function_name(call), lambda one, left: with_between(first, last, one, value, left)
    )
    return in_place(call, frame, lambda one: function(made.name, text(one)), functions=[made])


@operation(
    "REPLACE_BETWEEN_POSITIONS",
    Status.INFERRED,
    "Replaces the characters from startPosition to endPosition, counted from 1, both included, by "
    "a value. A cell that ends before startPosition stays as it is, null too.",
    SOURCES,
    *POSITIONS,
    _VALUE,
    tier=2,
    check=check_positions,
)
def replace_between_positions(call: Call, frame: Frame) -> Frame:
    """Replace by place."""
    start, end = call["startPosition"], call["endPosition"]

    def change(column: Column) -> exp.Expr:
        tree = text(column)
        long_enough = paren(
            exp.GTE(this=function("length", tree.copy()), expression=integer(start))
        )
        before = part(tree.copy(), 1, start - 1)
        changed = concat(before, string(call["value"]), part(tree.copy(), end + 1))
        return case([(long_enough, changed)], tree)

    return in_place(call, frame, change)
