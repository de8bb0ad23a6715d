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
from cleanroom_pipeline.recipe.plan import Column, Constant, Frame, Made

VALUE = Parameter("value", Kind.TEXT, "a text, instead of a column")
ANY_SOURCE = replace(SOURCE, doc="the column that is read", required=False)
# AWS's pages of FLOOR and CEILING number one of the two names.
SOURCE_1 = Parameter("sourceColumn1", Kind.COLUMN, "another name of 'sourceColumn'")
VALUE_1 = Parameter("value1", Kind.TEXT, "another name of 'value'")
PAIR = (
    Parameter("sourceColumn1", Kind.COLUMN, "the first column"),
    Parameter("value1", Kind.TEXT, "a text, instead of the first column"),
    Parameter("sourceColumn2", Kind.COLUMN, "the second column"),
    Parameter("value2", Kind.TEXT, "a text, instead of the second column"),
    TARGET,
)


Check = Callable[[Mapping[str, Any]], Iterable[str]]
Unary = Callable[[Column], exp.Expr]
Binary = Callable[[Column, Column], exp.Expr]


def check_operand(values: Mapping[str, Any]) -> Iterable[str]:
    """Yield what is wrong when a column and a text are both there, or neither."""
    columns = bool(values["sourceColumns"]) + (values.get("sourceColumn1") is not None)
    texts = sum(values.get(name) is not None for name in ("value", "value1"))
    if columns + texts != 1:
        yield "needs either 'sourceColumn' or 'value'"


def operand(call: Call, frame: Frame) -> Column:
    """Return the column, or the text, that a function of one cell is given."""
    name = call.source if call.sources else call.values.get("sourceColumn1")
    if name is not None:
        return frame.column(name)
    value = call.values.get("value")
    return Constant(call["value1"] if value is None else value)


def of_cell(
    name: str,
    make: Callable[[Call, Column], Made],
    doc: str,
    *more: Parameter,
    tier: int = 2,
    status: Status = Status.DOCUMENTED,
    check: Check | None = None,
) -> None:
    """Declare a function of one cell that may need its parameters; `check` looks at those."""

    def build(call: Call, frame: Frame) -> Frame:
        made = make(call, operand(call, frame))
        return new_column(call, frame, made.tree, type_=made.type, functions=made.functions)

    def checked(values: Mapping[str, Any]) -> Iterable[str]:
        yield from check_operand(values)
        if check:
            yield from check(values)

    parameters = (ANY_SOURCE, VALUE, TARGET, *more)
    register(Operation(name, tier, status, doc, parameters, build, check=checked))


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
    doc = doc or f"{name.lower().replace('_', ' ')} of a cell, in a new column."
    of_cell(
        name,
        lambda _, column: Made(change(column), type_),
        doc,
        *more,
        tier=tier,
        status=status,
    )


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


def of_two_cells(
    name: str,
    make: Callable[[Call, Column, Column], Made],
    doc: str,
    *,
    tier: int = 2,
    status: Status = Status.DOCUMENTED,
) -> None:
    """Declare a function of two cells."""

    def build(call: Call, frame: Frame) -> Frame:
        made = make(call, *operands(call, frame))
        return new_column(call, frame, made.tree, type_=made.type, functions=made.functions)

    register(Operation(name, tier, status, doc, PAIR, build, check=check_pair))


def binary(
    name: str,
    type_: str,
    change: Binary,
    doc: str = "",
    *,
    tier: int = 2,
    status: Status = Status.DOCUMENTED,
) -> None:
    """Declare a function of two cells whose new cell is always of DuckDB type `type_`."""
    doc = doc or f"{name.lower().replace('_', ' ')} of two cells, in a new column."
    of_two_cells(name, lambda _, a, b: Made(change(a, b), type_), doc, tier=tier, status=status)
