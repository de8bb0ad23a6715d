"""Parts of the queries of nodes that bring tables together, or make several rows of one.

Here: joins, second inputs, lists to rows, numbering. Not here: which node needs what
(relations.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import all_of, call, case, is_null, null
from cleanroom_pipeline.recipe.plan import INPUT, ROW_NAME, Column, Join, Output
from cleanroom_pipeline.recipe.reading.source import Source
from cleanroom_pipeline.recipe.relation import ROW, Relation, selected

LEFT_PLACE, RIGHT_PLACE = "left_place", "right_place"


def internal_names(columns: Sequence[Column]) -> dict[str, str]:
    """Return the names c0, c1, ... that a source gives its columns, by the author's names."""
    return {column.name: f"c{place}" for place, column in enumerate(columns)}


def over_source(tree: exp.Expr, names: Mapping[str, str], alias: str) -> exp.Expr:
    """Return the tree with a source's own names, of the table `alias`."""

    def resolve(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and node.this.quoted:
            return exp.column(names[node.name], alias)
        return node

    resolved: exp.Expr = tree.copy().transform(resolve)
    return resolved


def joined(
    join: Join,
    left: tuple[str, Mapping[str, str]],
    right: tuple[str, Mapping[str, str]],
    made: Mapping[str, str],
) -> exp.Select:
    """Return the query of a join of two tables that both have their rows' places.

    `left` and `right` are a table and its internal names; `made` names the right columns anew.
    """
    (left_table, left_ids), (right_table, right_ids) = left, right
    on = all_of(
        exp.EQ(this=over_source(mine, left_ids, "l"), expression=over_source(other, right_ids, "r"))
        for mine, other in join.keys
    )
    outputs = [
        exp.column(ROW, "l").as_(LEFT_PLACE),
        exp.column(ROW, "r").as_(RIGHT_PLACE),
        *[exp.column(id_, "l") for name, id_ in left_ids.items() if name in join.left],
        *[
            exp.column(right_ids[source], "r").as_(made[name])
            for source, name in join.right
            if name in made
        ],
    ]
    query = (
        exp.select(*outputs)
        .from_(exp.to_table(left_table).as_("l"))
        .join(exp.to_table(right_table).as_("r"), on=on, join_type=join.side)
    )
    if not join.excluding:
        return query
    alone = {"left": ["r"], "right": ["l"], "full": ["l", "r"]}[join.side]
    without = [is_null(exp.column(ROW, table)) for table in alone]
    return query.where(exp.or_(*without))


def elements(tree: exp.Expr) -> exp.Expr:
    """Return UNNEST of a list; a list that is null or empty gives one null."""
    there = exp.GT(this=call("len", tree), expression=exp.Literal.number(0))
    nothing = exp.Array(expressions=[null()])
    return call("unnest", case([(there, tree.copy())], nothing))


def from_source(outputs: Sequence[Output], source: Source, alias: str) -> exp.Select:
    """Return a second input's rows as the outputs of its columns, in its order."""
    names = internal_names(source.columns)
    cells = [over_source(output.tree, names, alias) for output in outputs]
    return selected(cells).from_(source.query.copy().subquery(alias))


def beside_groups(
    grouped: exp.Select, keys: list[exp.Column], made: list[str], relation: Relation
) -> exp.Select:
    """Return each row of the relation beside its group's aggregates."""
    kept = [exp.column(one, "l") for one in (ROW, *relation.ids.values())]
    added = [exp.column(one, "r") for one in made]
    left = exp.to_table(relation.name).as_("l")
    return (
        exp.select(*kept, *added)
        .from_(left)
        .join(grouped.subquery("r"), on=same(keys), join_type="left")
    )


def same(keys: list[exp.Column]) -> exp.Expr:
    """Return whether both sides of a join have equal keys; null equals null."""
    pairs = [(exp.column(key.name, "l"), exp.column(key.name, "r")) for key in keys]
    return exp.and_(*[exp.NullSafeEQ(this=left, expression=right) for left, right in pairs])


def read_from(select: exp.Expr, relation: Relation) -> exp.Query:
    """Return the SELECT with the relation where it names the table INPUT."""
    read: Any = select.copy()
    for table in list(read.find_all(exp.Table)):
        if table.name == INPUT:
            table.replace(exp.to_table(relation.name))
    query: exp.Query = read
    return query


def reads_places(tree: exp.Expr) -> bool:
    """Say whether a tree needs the places themselves, and not only their order."""
    return any(
        node.name == ROW_NAME and not isinstance(node.parent, exp.Ordered)
        for node in tree.find_all(exp.Placeholder)
    )


def numbered(groups: list[exp.Column], order: list[exp.Expr]) -> exp.Expr:
    """Return row_number() within groups, in an order."""
    ordered = exp.Order(expressions=[exp.Ordered(this=one) for one in order])
    return exp.Window(
        this=exp.RowNumber(), partition_by=[one.copy() for one in groups], order=ordered
    )
