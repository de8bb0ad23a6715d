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
    Node,
    Output,
    Project,
    Shuffle,
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


Origins = Mapping[str, ColumnOrigin]


def column_lineage(recipe: Recipe, input_columns: Sequence[str]) -> dict[str, ColumnOrigin]:
    """Return the origin of each output column, in output order.

    Raises RecipeError for a recipe that does not fit the columns.
    """
    columns = [Column(name) for name in input_columns]
    plan = build_plan(recipe.steps, columns, PlanOptions(), name=recipe.name)
    origins: Origins = {name: ColumnOrigin(frozenset({name})) for name in input_columns}
    for node in plan.nodes:
        origins = _after(node, origins)
    return {name: origins[name] for name in plan.names}


def _after(node: Node, origins: Origins) -> Origins:
    operator = node.operator
    if isinstance(operator, Project):
        return {
            output.column.name: _of_output(output, operator.scalars, node.step, origins)
            for output in operator.outputs
        }
    if isinstance(operator, Aggregate):
        kept = (
            origins if operator.append else {key.name: origins[key.name] for key in operator.keys}
        )
        keys = [key.name for key in operator.keys]
        made = {
            output.column.name: _joined([*keys, *_names(output.tree, {})], node.step, origins)
            for output in operator.outputs
        }
        return {**kept, **made}
    if isinstance(operator, Shuffle):
        shuffled = {
            name: _joined([name, *operator.groups], node.step, origins) for name in operator.columns
        }
        return {**origins, **shuffled}
    return origins


def _of_output(
    output: Output, scalars: Mapping[str, exp.Expr], step: int, origins: Origins
) -> ColumnOrigin:
    tree = output.tree
    if isinstance(tree, exp.Column) and tree.name == output.column.name:
        return origins[tree.name]
    return _joined(_names(tree, scalars), step, origins)


def _names(tree: exp.Expr, scalars: Mapping[str, exp.Expr]) -> set[str]:
    """Return the columns a tree depends on, those of its scalars among them."""
    names = columns_of(tree)
    for placeholder in tree.find_all(exp.Placeholder):
        used = scalars.get(placeholder.name.removeprefix(SCALAR_PREFIX))
        if used is not None:
            names |= _names(used, {})
    return names


def _joined(names: Iterable[str], step: int, origins: Origins) -> ColumnOrigin:
    parts = [origins[name] for name in names]
    columns = frozenset[str]().union(*[part.columns for part in parts])
    steps = {step}.union(*[part.steps for part in parts])
    return ColumnOrigin(columns, tuple(sorted(steps)))
