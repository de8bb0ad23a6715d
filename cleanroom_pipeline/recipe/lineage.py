"""Which input columns and steps each output column depends on.

Here: walking a plan. Not here: running one. Rows that a step removes or reorders are no part of a
column's origin: what is told is where a cell's value may come from, conditions included.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from cleanroom_pipeline.recipe.language import Recipe
from cleanroom_pipeline.recipe.meaning import build_plan
from cleanroom_pipeline.recipe.operations.declaration import PlanOptions
from cleanroom_pipeline.recipe.optimise import columns_of
from cleanroom_pipeline.recipe.plan import (
    SCALAR_PREFIX,
    Aggregate,
    Column,
    Explode,
    Frame,
    Join,
    Node,
    Opened,
    Output,
    Project,
    Shuffle,
    Union,
)


@dataclass(frozen=True)
class ColumnOrigin:
    """The input columns and the (1-based) steps that a column's values depend on."""

    columns: frozenset[str]
    steps: tuple[int, ...] = ()

    @property
    def in_words(self) -> str:
        """Say where the column comes from: `From first_name, last_name.`"""
        return f"From {', '.join(sorted(self.columns))}." if self.columns else ""


@dataclass(frozen=True)
class _Origins:
    """The origins of the columns at one place; `others` of those nobody knows without the data."""

    known: Mapping[str, ColumnOrigin]
    others: ColumnOrigin = ColumnOrigin(frozenset())

    def __getitem__(self, name: str) -> ColumnOrigin:
        return self.known.get(name, self.others)

    def joined(self, names: Iterable[str], step: int) -> ColumnOrigin:
        parts = [self[name] for name in names]
        columns = frozenset[str]().union(*[part.columns for part in parts])
        steps = {step}.union(*[part.steps for part in parts])
        return ColumnOrigin(columns, tuple(sorted(steps)))


def column_lineage(recipe: Recipe, input_columns: Sequence[str]) -> dict[str, ColumnOrigin]:
    """Return the origin of each output column, in output order.

    Columns that only the data can name are left out. Raises RecipeError for a recipe that does not
    fit the columns.
    """
    columns = [Column(name) for name in input_columns]
    return plan_lineage(build_plan(recipe.steps, columns, PlanOptions(), name=recipe.name), columns)


def plan_lineage(plan: Frame, inputs: Iterable[Column]) -> dict[str, ColumnOrigin]:
    """Return the origin of each column after a plan over these input columns."""
    names = [column.name for column in inputs]
    origins = _Origins({name: ColumnOrigin(frozenset({name})) for name in names})
    for node in plan.nodes:
        origins = _after(node, origins)
    return {name: origins[name] for name in plan.names}


def _after(node: Node, origins: _Origins) -> _Origins:
    made = _made(node.operator, node.step, origins)
    known = {column.name: made.get(column.name, origins[column.name]) for column in node.columns}
    if isinstance(node.operator, Opened):
        return _Origins(known, origins.joined(node.operator.sources, node.step))
    return _Origins(known, origins.others)


def _made(operator: object, step: int, origins: _Origins) -> dict[str, ColumnOrigin]:
    """Return the origins of the columns that a node makes or changes."""
    match operator:
        case Project(outputs, scalars):
            return {
                output.column.name: _of_output(output, scalars, step, origins) for output in outputs
            }
        case Aggregate(keys, outputs):
            grouped = [key.name for key in keys]
            return {
                output.column.name: origins.joined([*grouped, *columns_of(output.tree)], step)
                for output in outputs
            }
        case Shuffle(names, groups):
            return {name: origins.joined([name, *groups], step) for name in names}
        case Explode(elements, target):
            return {target.name: origins.joined(columns_of(elements), step)}
        case Join(_, _, keys, _, right):
            mine = set().union(*[columns_of(key) for key, _ in keys])
            return {name: origins.joined(mine, step) for _, name in right}
        case Union(outputs):
            return {
                output.column.name: origins.joined(columns_of(output.tree), step)
                for output in outputs
            }
    return {}


def _of_output(
    output: Output, scalars: Mapping[str, exp.Expr], step: int, origins: _Origins
) -> ColumnOrigin:
    tree = output.tree
    if isinstance(tree, exp.Column) and tree.name == output.column.name:
        return origins[tree.name]
    return origins.joined(_names(tree, scalars), step)


def _names(tree: exp.Expr, scalars: Mapping[str, exp.Expr]) -> set[str]:
    """Return the columns a tree depends on, those of its scalars among them."""
    names = columns_of(tree)
    for placeholder in tree.find_all(exp.Placeholder):
        used = scalars.get(placeholder.name.removeprefix(SCALAR_PREFIX))
        if used is not None:
            names |= _names(used, {})
    return names
