"""Running a plan: each node of it as DuckDB SQL over internal column names.

Here: how a node becomes a query, and when rows are put down in a scratch table. Not here: files,
or what a step means.

Rows are streamed until a node needs more than one pass or the rows' places. Then the stream is put
down in order in a scratch table, whose rowid is the place of each row. A node that loses the order
marks the relation, and the order is restored when rows are put down again or leave.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call, case, string
from cleanroom_pipeline.recipe.optimise import optimised
from cleanroom_pipeline.recipe.plan import (
    INPUT,
    ROW_NAME,
    SCALAR_PREFIX,
    Aggregate,
    Column,
    DropDuplicates,
    Filter,
    Frame,
    Operator,
    Output,
    Project,
    Runtime,
    Shuffle,
    Sort,
)
from cleanroom_pipeline.recipe.session import Session

ROW = "place"
_BATCH = 122_880


@dataclass(frozen=True)
class Relation:
    """Rows on their way: a chain of queries, each reading the one before, over internal names.

    `places`: the last query also gives ROW, each row's place. `ordered`: it gives rows in order.
    """

    chain: tuple[exp.CTE, ...]
    ids: Mapping[str, str]
    columns: tuple[Column, ...]
    places: bool = False
    ordered: bool = True

    @classmethod
    def of(
        cls, query: exp.Query, ids: Mapping[str, str], columns: tuple[Column, ...]
    ) -> "Relation":
        """Return the relation of a query."""
        return cls((_step("q0", query),), ids, columns)

    @property
    def name(self) -> str:
        """The name of the last query."""
        return self.chain[-1].alias

    def narrowed(self, names: Collection[str]) -> "Relation":
        """Return the relation of some of its columns."""
        return replace(self, ids={name: id_ for name, id_ in self.ids.items() if name in names})

    def from_it(self, *outputs: exp.Expr) -> exp.Select:
        """Return SELECT outputs FROM the last query; only `whole` makes it one that can run."""
        return exp.select(*outputs).from_(self.name)

    def then(self, query: exp.Query, **changes: Any) -> "Relation":
        """Return the relation whose last query is this one, which reads the one before."""
        return replace(self, chain=(*self.chain, _step(f"q{len(self.chain)}", query)), **changes)

    def whole(self, query: exp.Query) -> exp.Query:
        """Return a query on this relation with all that it reads."""
        chain = exp.With(expressions=[one.copy() for one in self.chain])
        running = query.copy()
        running.set("with_", chain)
        return running


def _step(name: str, query: exp.Query) -> exp.CTE:
    return exp.CTE(
        this=query, alias=exp.TableAlias(this=exp.to_identifier(name)), materialized=False
    )


class Interpreter:
    """Runs the nodes of a plan one after another in a session."""

    def __init__(self, session: Session, runtime: Runtime) -> None:
        self._session = session
        self._runtime = runtime
        self._count = 0
        self._table: str | None = None
        self._rows: int | None = None
        self._all_rows = True
        self.rows_in: int | None = None

    def run(self, plan: Frame, relation: Relation) -> Relation:
        """Return the relation after the last node, its order restored, without places."""
        best = optimised(plan, relation.columns)
        relation = relation.narrowed(best.inputs)
        for node in best.plan.nodes:
            self._all_rows = self._all_rows and not isinstance(node.operator, Filter)
            relation = self._node(node.operator, node.columns, relation)
            relation = relation.narrowed({column.name for column in node.columns})
        outputs = [exp.column(relation.ids[name]) for name in plan.names]
        select = relation.from_it(*outputs)
        if not relation.ordered:
            select = select.order_by(exp.column(ROW))
        return replace(relation.then(select), places=False, ordered=True)

    def _name(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def _node(
        self, operator: Operator, columns: tuple[Column, ...], relation: Relation
    ) -> Relation:
        handlers: Mapping[type, Callable[[Any, tuple[Column, ...], Relation], Relation]] = {
            Project: self._project,
            Filter: lambda one, _, before: self._filter(one, before),
            DropDuplicates: lambda one, _, before: self._drop_duplicates(one, before),
            Sort: lambda one, _, before: self._sort(one, before),
            Aggregate: self._aggregate,
            Shuffle: self._shuffle,
        }
        return handlers[type(operator)](operator, columns, relation)

    def _put_down(self, relation: Relation, *, order: list[exp.Expr] | None = None) -> Relation:
        """Return the same rows, in a scratch table."""
        outputs = [exp.column(one) for one in relation.ids.values()]
        select = relation.from_it(*outputs)
        if order:
            select = select.order_by(*order)
        elif not relation.ordered:
            select = select.order_by(exp.column(ROW))
        table = self._name("stage")
        self._session.run(
            exp.Create(
                this=exp.to_table(table),
                kind="TABLE",
                expression=relation.whole(select),
                properties=exp.Properties(expressions=[exp.TemporaryProperty()]),
            )
        )
        if self._table:
            self._session.run(exp.Drop(tables=[exp.to_table(self._table)], kind="TABLE"))
        self._table = table
        counted = exp.select(exp.Count(this=exp.Star())).from_(table)
        self._rows = int(self._session.one(counted))
        if self._all_rows and self.rows_in is None:
            self.rows_in = self._rows
        row = exp.column("rowid").as_(ROW)
        query = exp.select(row, *[exp.column(one) for one in relation.ids.values()]).from_(table)
        return replace(relation, chain=(_step("q0", query),), places=True, ordered=True)

    def _with_places(self, relation: Relation) -> Relation:
        return relation if relation.places else self._put_down(relation)

    def _resolved(
        self, tree: exp.Expr, relation: Relation, scalars: Mapping[str, str] | None = None
    ) -> exp.Expr:
        """Return the tree with internal names for the author's columns and for what ROW means."""

        def resolve(node: exp.Expr) -> exp.Expr:
            if isinstance(node, exp.Column) and node.this.quoted:
                return exp.column(relation.ids[node.name])
            if isinstance(node, exp.Placeholder):
                if node.name == ROW_NAME:
                    return exp.column(ROW)
                variable = (scalars or {})[node.name.removeprefix(SCALAR_PREFIX)]
                return call("getvariable", string(variable))
            return node

        resolved: exp.Expr = tree.copy().transform(resolve)
        return resolved

    def _scalars(self, trees: Mapping[str, exp.Expr], relation: Relation) -> dict[str, str]:
        """Compute values over the whole relation; return the variable that holds each."""
        variables: dict[str, str] = {}
        if not trees:
            return variables
        with self._session.single_threaded():
            for name, tree in trees.items():
                variable = self._name("value")
                resolved = self._resolved(tree, relation)
                if isinstance(resolved, exp.Select):
                    query = _read_from(resolved, relation)
                else:
                    query = relation.from_it(resolved.as_("value"))
                assignment = exp.EQ(
                    this=exp.to_identifier(variable), expression=relation.whole(query).subquery()
                )
                item = exp.SetItem(this=assignment, kind="VARIABLE")
                self._session.run(exp.Set(expressions=[item]))
                variables[name] = variable
        return variables

    def _project(
        self, operator: Project, columns: tuple[Column, ...], relation: Relation
    ) -> Relation:
        trees = [output.tree for output in operator.outputs]
        windowed = any(tree.find(exp.Window) for tree in trees)
        uses_row = any(
            node.name == ROW_NAME for tree in trees for node in tree.find_all(exp.Placeholder)
        )
        if windowed or uses_row or operator.scalars:
            relation = self._with_places(relation)
        scalars = self._scalars(operator.scalars, relation)
        for function in operator.functions:
            run = function.make(self._runtime)
            self._session.register(
                function.name, run, takes=function.takes, returns=function.returns
            )
        ids: dict[str, str] = {}
        outputs: list[exp.Expr] = [exp.column(ROW)] if relation.places else []
        for output in operator.outputs:
            passed = self._passed_on(output, relation)
            new = passed if passed and passed not in ids.values() else self._name("c_")
            ids[output.column.name] = new
            outputs.append(self._resolved(output.tree, relation, scalars).as_(new))
        ordered = relation.ordered and not windowed
        return relation.then(relation.from_it(*outputs), ids=ids, columns=columns, ordered=ordered)

    def _passed_on(self, output: Output, relation: Relation) -> str | None:
        tree = output.tree
        return relation.ids[tree.name] if isinstance(tree, exp.Column) else None

    def _filter(self, operator: Filter, relation: Relation) -> Relation:
        keep = self._resolved(operator.keep, relation)
        return relation.then(relation.from_it(exp.Star()).where(keep))

    def _drop_duplicates(self, operator: DropDuplicates, relation: Relation) -> Relation:
        """Keep the first row of each 128-bit hash of the key, by a bit for each place."""
        relation = self._with_places(relation)
        among = operator.among and self._resolved(operator.among, relation)
        first = self._first_places(operator, among, relation)
        name = self._name("is_first_")
        self._session.register(
            name, lambda places: pc.take(first, places), takes=("BIGINT",), returns="BOOLEAN"
        )
        keep = call(name, exp.column(ROW))
        if among is not None:
            keep = case([(among, keep)], exp.true())
        return relation.then(relation.from_it(exp.Star()).where(keep))

    def _first_places(
        self, operator: DropDuplicates, among: exp.Expr | None, relation: Relation
    ) -> pa.BooleanArray:
        hashed = self._resolved(operator.key, relation)
        place = exp.Min(this=exp.column(ROW)).as_(ROW)
        query = relation.from_it(place).group_by(hashed)
        if among is not None:
            query = query.where(among.copy())
        flags = np.zeros(self._rows or 0, dtype=bool)
        stream = self._session.stream(relation.whole(query), _BATCH)
        for batch in self._session.batches(stream):
            flags[batch.column(0).to_numpy()] = True
        return pa.array(flags)

    def _sort(self, operator: Sort, relation: Relation) -> Relation:
        relation = self._with_places(relation)
        order = [self._resolved(one, relation) for one in operator.order]
        return self._put_down(relation, order=[*order, exp.column(ROW)])

    def _aggregate(
        self, operator: Aggregate, columns: tuple[Column, ...], relation: Relation
    ) -> Relation:
        relation = self._with_places(relation)
        keys = [exp.column(relation.ids[key.name]) for key in operator.keys]
        made = {output.column.name: self._name("c_") for output in operator.outputs}
        outputs = [
            self._resolved(output.tree, relation).as_(made[output.column.name])
            for output in operator.outputs
        ]
        first = exp.Min(this=exp.column(ROW)).as_(ROW)
        grouped = relation.from_it(first, *[key.copy() for key in keys], *outputs).group_by(*keys)
        if operator.append:
            ids = {**relation.ids, **made}
            query = self._joined(grouped, keys, list(made.values()), relation)
        else:
            ids = {key.name: relation.ids[key.name] for key in operator.keys} | made
            query = grouped
        with self._session.single_threaded():
            return self._put_down(relation.then(query, ids=ids, columns=columns, ordered=False))

    def _joined(
        self, grouped: exp.Select, keys: list[exp.Column], made: list[str], relation: Relation
    ) -> exp.Select:
        """Return each row of the relation beside its group's aggregates."""
        kept = [exp.column(one, "l") for one in (ROW, *relation.ids.values())]
        added = [exp.column(one, "r") for one in made]
        left = exp.to_table(relation.name).as_("l")
        return (
            exp.select(*kept, *added)
            .from_(left)
            .join(grouped.subquery("r"), on=_same(keys), join_type="left")
        )

    def _shuffle(
        self, operator: Shuffle, columns: tuple[Column, ...], relation: Relation
    ) -> Relation:
        """Give each row of a group the value of another, paired by two numberings of the group."""
        relation = self._with_places(relation)
        for name in operator.columns:
            if name in relation.ids:
                relation = self._shuffled(name, operator, relation)
        return replace(relation, columns=columns)

    def _shuffled(self, name: str, operator: Shuffle, relation: Relation) -> Relation:
        groups = [exp.column(relation.ids[group]) for group in operator.groups]
        old, new = relation.ids[name], self._name("c_")
        seeded = call("hash", exp.column(ROW), string(f"{operator.seed}|{name}"))
        by_place = _numbered(groups, [exp.column(ROW)]).as_("nth")
        by_chance = _numbered(groups, [seeded, exp.column(ROW)]).as_("nth")
        left = relation.from_it(exp.Star(), by_place)
        value = exp.column(old).as_(new)
        right = relation.from_it(*[one.copy() for one in groups], value, by_chance)
        ids = {one: new if one == name else id_ for one, id_ in relation.ids.items()}
        outputs = [exp.column(id_, "r" if id_ == new else "l") for id_ in (ROW, *ids.values())]
        query = (
            exp.select(*outputs)
            .from_(left.subquery("l"))
            .join(right.subquery("r"), on=_same([exp.column("nth"), *groups]))
        )
        return self._put_down(relation.then(query, ids=ids, ordered=False))


def _same(keys: list[exp.Column]) -> exp.Expr:
    """Return whether both sides of a join have equal keys; null equals null."""
    pairs = [(exp.column(key.name, "l"), exp.column(key.name, "r")) for key in keys]
    return exp.and_(*[exp.NullSafeEQ(this=left, expression=right) for left, right in pairs])


def _read_from(select: exp.Select, relation: Relation) -> exp.Select:
    """Return the SELECT with the relation where it names the table INPUT."""
    read = select.copy()
    for table in list(read.find_all(exp.Table)):
        if table.name == INPUT:
            table.replace(exp.to_table(relation.name))
    return read


def _numbered(groups: list[exp.Column], order: list[exp.Expr]) -> exp.Expr:
    ordered = exp.Order(expressions=[exp.Ordered(this=one) for one in order])
    return exp.Window(
        this=exp.RowNumber(), partition_by=[one.copy() for one in groups], order=ordered
    )
