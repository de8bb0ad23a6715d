"""The shapes of functions that give a new column: of one cell, of two, of several.

Here: their parameters, and declaring one from a tree builder. Not here: any function.

A function takes sourceColumn, or a text in `value`; of two, sourceColumn1 or value1 and
sourceColumn2 or value2. What a function can't take (a text that is no number, a root of a negative
number, a division by zero) gives null.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    TARGET,
    Call,
    Kind,
    Operation,
    Parameter,
    Status,
    register,
)
from cleanroom_pipeline.recipe.operations.rewriting import new_column
from cleanroom_pipeline.recipe.plan import Column, Constant, Frame

VALUE = Parameter("value", Kind.TEXT, "a text, instead of a column")
ANY_SOURCE = replace(SOURCE, doc="the column that is read", required=False)
PAIR = (
    Parameter("sourceColumn1", Kind.COLUMN, "the first column"),
    Parameter("value1", Kind.TEXT, "a text, instead of the first column"),
    Parameter("sourceColumn2", Kind.COLUMN, "the second column"),
    Parameter("value2", Kind.TEXT, "a text, instead of the second column"),
    TARGET,
)

Unary = Callable[[Column], exp.Expr]
Binary = Callable[[Column, Column], exp.Expr]


def check_operand(values: Mapping[str, Any]) -> Iterable[str]:
    """Yield what is wrong when a column and a text are both there, or neither."""
    if bool(values["sourceColumns"]) == (values["value"] is not None):
        yield "needs either 'sourceColumn' or 'value'"


def operand(call: Call, frame: Frame) -> Column:
    """Return the column, or the text, that a function of one cell is given."""
    return frame.column(call.source) if call.sources else Constant(call["value"])


def unary(
    name: str,
    type_: str,
    change: Unary,
    doc: str = "",
    *more: Parameter,
    tier: int = 2,
    status: Status = Status.DOCUMENTED,
) -> None:
    """Declare a function of one cell; `change` gives the new cell, of DuckDB type `type_`."""

    def build(call: Call, frame: Frame) -> Frame:
        return new_column(call, frame, change(operand(call, frame)), type_=type_)

    doc = doc or f"{name.lower().replace('_', ' ')} of a cell, in a new column."
    parameters = (ANY_SOURCE, VALUE, TARGET, *more)
    register(Operation(name, tier, status, doc, parameters, build, check=check_operand))


def check_pair(values: Mapping[str, Any]) -> Iterable[str]:
    """Yield what is wrong when one of two operands is there twice, or not at all."""
    for place in ("1", "2"):
        column, value = values[f"sourceColumn{place}"], values[f"value{place}"]
        if (column is None) == (value is None):
            yield f"needs either 'sourceColumn{place}' or 'value{place}'"


def operands(call: Call, frame: Frame) -> tuple[Column, Column]:
    """Return both columns, or texts, that a function of two cells is given."""
    first, second = (
        frame.column(call[f"sourceColumn{place}"])
        if call[f"sourceColumn{place}"] is not None
        else Constant(call[f"value{place}"])
        for place in "12"
    )
    return first, second


def binary(
    name: str,
    type_: str,
    change: Binary,
    doc: str = "",
    *,
    tier: int = 2,
    status: Status = Status.DOCUMENTED,
) -> None:
    """Declare a function of two cells."""

    def build(call: Call, frame: Frame) -> Frame:
        return new_column(call, frame, change(*operands(call, frame)), type_=type_)

    doc = doc or f"{name.lower().replace('_', ' ')} of two cells, in a new column."
    register(Operation(name, tier, status, doc, PAIR, build, check=check_pair))
