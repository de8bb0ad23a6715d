"""How a step changes cells: in place or into a new column, limited by its conditions.

Here: the two shapes nearly every operation has, and removing rows. Not here: any operation.

A row that does not match the conditions keeps its value (cast to the new type, null where that is
impossible), or has null in a new column.
"""

from collections.abc import Callable, Iterable, Mapping

from sqlglot import exp

from cleanroom_pipeline.recipe.conditions import conditions_tree
from cleanroom_pipeline.recipe.expressions import all_of, case, negated, null, text, try_cast
from cleanroom_pipeline.recipe.operations.declaration import Call
from cleanroom_pipeline.recipe.plan import (
    BOOLEAN,
    TEXT,
    Column,
    Filter,
    Frame,
    Output,
    VectorFunction,
    reference,
)

Change = Callable[[Column], exp.Expr]


def as_type(column: Column, type_: str) -> exp.Expr:
    """Return the column as another DuckDB type, null where a value can't be."""
    if column.type == type_:
        return reference(column.name)
    return text(column) if type_ == TEXT else try_cast(reference(column.name), type_)


def in_place(
    call: Call,
    frame: Frame,
    change: Change,
    *,
    type_: str = TEXT,
    functions: Iterable[VectorFunction] = (),
    scalars: Mapping[str, exp.Expr] | None = None,
) -> Frame:
    """Return the frame with each source column changed, of type `type_`."""
    condition = conditions_tree(call.step.conditions, frame)
    changes = {}
    for name in call.sources:
        column = frame.column(name)
        tree = change(column)
        if condition is not None:
            tree = case([(condition.copy(), tree)], as_type(column, type_))
        changes[name] = Output(Column(name, type_), tree)
    return frame.replaced(changes, functions=functions, scalars=scalars)


def new_column(
    call: Call,
    frame: Frame,
    tree: exp.Expr,
    *,
    type_: str = TEXT,
    name: str | None = None,
    functions: Iterable[VectorFunction] = (),
    scalars: Mapping[str, exp.Expr] | None = None,
) -> Frame:
    """Return the frame with the step's target column at its end."""
    condition = conditions_tree(call.step.conditions, frame)
    limited = tree if condition is None else case([(condition, tree)], null())
    output = Output(Column(name or call["targetColumn"], type_), limited)
    return frame.added([output], functions=functions, scalars=scalars)


def without_rows(
    call: Call,
    frame: Frame,
    wrong: exp.Expr,
    *,
    functions: Iterable[VectorFunction] = (),
    scalars: Mapping[str, exp.Expr] | None = None,
) -> Frame:
    """Return the frame without the rows that are wrong and match the step's conditions."""
    condition = conditions_tree(call.step.conditions, frame)
    if condition is not None:
        wrong = all_of([wrong, condition])
    used = tuple(functions)
    if not used and not scalars:
        return frame.then(Filter(negated(wrong)))
    # A filter has neither functions nor scalars: the answer stands in a column for a while.
    mark = Column(free_name(function_name(call), frame.names), BOOLEAN)
    marked = frame.added([Output(mark, wrong)], functions=used, scalars=scalars)
    return marked.then(Filter(negated(mark.tree))).select(frame.names)


def function_name(call: Call, place: int = 0) -> str:
    """Return a name for a vectorised function that no other step uses."""
    return f"step_{call.step.number}_{call.step.operation.lower()}_{place}"


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return the name, or with _2, _3 ... behind it the first that is not taken."""
    names = set(taken)
    free, number = name, 1
    while free in names:
        number += 1
        free = f"{name}_{number}"
    return free
