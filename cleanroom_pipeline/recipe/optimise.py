"""The same plan, cheaper: fewer columns carried, rows dropped before work is done on them.

Here: pure rewrites of a plan. Not here: what steps mean, or running.

Rows that a step drops are dropped before the steps that come before it, where these work row by row
and leave the columns alone that decide. So a later duplicate is never hashed, and a cell that could
not be masked does not end a run when its row goes anyway.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlglot import exp

from cleanroom_pipeline.recipe.plan import (
    SCALAR_PREFIX,
    Aggregate,
    Column,
    DropDuplicates,
    Explode,
    Filter,
    Frame,
    Join,
    Node,
    Output,
    Project,
    Shuffle,
    Sort,
    Union,
    reference,
)


@dataclass(frozen=True)
class Optimised:
    """A plan, and the input columns it reads."""

    inputs: frozenset[str]
    plan: Frame


def optimised(plan: Frame, inputs: tuple[Column, ...]) -> Optimised:
    """Return a plan of the same meaning."""
    return _pruned(replace(plan, nodes=tuple(_rows_dropped_early(plan.nodes, inputs))))


def columns_of(tree: exp.Expr) -> set[str]:
    """Return the author's columns in a tree; names of our own making are not quoted."""
    return {column.name for column in tree.find_all(exp.Column) if column.this.quoted}


def _rows_dropped_early(nodes: Iterable[Node], inputs: tuple[Column, ...]) -> list[Node]:
    ordered: list[Node] = []
    for node in nodes:
        place = len(ordered)
        moved = node
        while place and (earlier := _before(moved, ordered[place - 1])) is not None:
            place -= 1
            before = ordered[place - 1].columns if place else inputs
            moved = replace(earlier, columns=before)
        ordered.insert(place, moved)
    return ordered


def _before(node: Node, project: Node) -> Node | None:
    """Return the node as it would stand before the projection, or None when it can't."""
    operator, earlier = node.operator, project.operator
    if not isinstance(operator, Filter | DropDuplicates) or not _is_row_wise(earlier):
        return None
    passed = _passed(earlier)
    trees = (
        [operator.keep]
        if isinstance(operator, Filter)
        else [operator.key, *([operator.among] if operator.among is not None else [])]
    )
    if not all(columns_of(tree) <= set(passed) for tree in trees):
        return None
    renamed = [_renamed(tree, passed) for tree in trees]
    if isinstance(operator, Filter):
        return replace(node, operator=Filter(renamed[0]))
    among = renamed[1] if len(renamed) > 1 else None
    return replace(node, operator=DropDuplicates(renamed[0], among))


def _is_row_wise(operator: object) -> bool:
    if not isinstance(operator, Project) or operator.scalars:
        return False
    trees = [output.tree for output in operator.outputs]
    return not any(tree.find(exp.Window, exp.Placeholder) for tree in trees)


def _passed(project: object) -> dict[str, str]:
    """Return the name before of each column that a projection passes on, by its name after."""
    outputs = project.outputs if isinstance(project, Project) else ()
    return {
        output.column.name: output.tree.name
        for output in outputs
        if isinstance(output.tree, exp.Column)
    }


def _renamed(tree: exp.Expr, names: dict[str, str]) -> exp.Expr:
    def rename(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and node.this.quoted:
            return reference(names[node.name])
        return node

    renamed: exp.Expr = tree.copy().transform(rename)
    return renamed


def _pruned(plan: Frame) -> Optimised:
    """Return the plan without columns that nothing after them needs."""
    needed = set(plan.names)
    nodes: list[Node] = []
    for node in reversed(plan.nodes):
        after = tuple(column for column in node.columns if column.name in needed)
        operator = node.operator
        if isinstance(operator, Project):
            operator = _narrowed(operator, needed)
        elif isinstance(operator, Union):
            operator = _united(operator, needed)
        nodes.append(replace(node, operator=operator, columns=after))
        needed = _needed_before(operator, needed)
    return Optimised(frozenset(needed), replace(plan, nodes=tuple(reversed(nodes))))


def _united(union: Union, needed: set[str]) -> Union:
    def kept(outputs: tuple[Output, ...]) -> tuple[Output, ...]:
        return tuple(output for output in outputs if output.column.name in needed)

    return Union(kept(union.outputs), tuple((name, kept(own)) for name, own in union.others))


def _narrowed(project: Project, needed: set[str]) -> Project:
    outputs = tuple(output for output in project.outputs if output.column.name in needed)
    called = {call.name for output in outputs for call in output.tree.find_all(exp.Anonymous)}
    asked = {
        placeholder.name.removeprefix(SCALAR_PREFIX)
        for output in outputs
        for placeholder in output.tree.find_all(exp.Placeholder)
    }
    return Project(
        outputs,
        {name: tree for name, tree in project.scalars.items() if name in asked},
        tuple(function for function in project.functions if function.name in called),
    )


def _needed_before(operator: object, needed: set[str]) -> set[str]:
    match operator:
        case Project(outputs, scalars):
            trees = [*(output.tree for output in outputs), *scalars.values()]
            return set().union(*map(columns_of, trees))
        case Filter(keep):
            return needed | columns_of(keep)
        case DropDuplicates(key, among):
            return needed | columns_of(key) | (columns_of(among) if among is not None else set())
        case Sort(order):
            return needed.union(*map(columns_of, order))
        case Shuffle(_, groups):
            return needed | set(groups)
        case Aggregate(keys, outputs, append):
            kept = needed - {output.column.name for output in outputs} if append else set()
            grouped = {key.name for key in keys}
            return kept.union(grouped, *(columns_of(output.tree) for output in outputs))
        case Explode(elements, target):
            return (needed - {target.name}) | columns_of(elements)
        case Join(_, _, keys, left):
            return (needed & set(left)).union(*[columns_of(mine) for mine, _ in keys])
        case Union(outputs):
            return set().union(*[columns_of(output.tree) for output in outputs])
    return needed
