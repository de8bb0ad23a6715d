"""Which columns would hold other cells if the same steps ran again.

Here: walking a plan. Not here: who must not look at such columns (engine.py). Steps that draw at
random by the seed give the same each time; ENCRYPT draws a nonce anew.
"""

from collections.abc import Iterable

from sqlglot import exp

from cleanroom_pipeline.recipe.optimise import columns_of
from cleanroom_pipeline.recipe.plan import (
    Aggregate,
    DropDuplicates,
    Explode,
    Filter,
    Frame,
    Join,
    Node,
    Output,
    Project,
    Sort,
    Union,
)


def columns_drawn_anew(plan: Frame) -> frozenset[str]:
    """Return the columns whose cells, or whose rows, are not the same in each run of the plan."""
    changing: frozenset[str] = frozenset()
    for node in plan.nodes:
        changing = _after(node, changing)
    return changing


def _after(node: Node, changing: frozenset[str]) -> frozenset[str]:
    names = {column.name for column in node.columns}
    operator = node.operator
    if isinstance(operator, Project):
        volatile = {one.name for one in operator.functions if one.volatile}
        scalars = bool(changing & _all(operator.scalars.values()))
        return frozenset(
            one.column.name
            for one in operator.outputs
            if _calls(one.tree, volatile)
            or columns_of(one.tree) & changing
            or (scalars and one.tree.find(exp.Placeholder) is not None)
        )
    if changing & _deciding(operator):
        return frozenset(names)
    made = {one.column.name for one in _outputs(operator) if columns_of(one.tree) & changing}
    if isinstance(operator, Explode) and columns_of(operator.elements) & changing:
        made.add(operator.target.name)
    return frozenset(made | (changing & names))


def _deciding(operator: object) -> set[str]:
    """Return the columns by which a node decides which rows there are, and in which order."""
    match operator:
        case Filter(keep):
            return columns_of(keep)
        case DropDuplicates(key, among):
            return columns_of(key) | (columns_of(among) if among is not None else set())
        case Sort(order):
            return _all(order)
        case Join(_, _, keys):
            return _all(mine for mine, _ in keys)
        case Aggregate(keys):
            return {key.name for key in keys}
    return set()


def _outputs(operator: object) -> tuple[Output, ...]:
    return operator.outputs if isinstance(operator, Aggregate | Union) else ()


def _all(trees: Iterable[exp.Expr]) -> set[str]:
    return set().union(*map(columns_of, trees))


def _calls(tree: exp.Expr, names: set[str]) -> bool:
    return any(call.name in names for call in tree.find_all(exp.Anonymous))
