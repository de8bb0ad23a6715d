"""Running a plan: each node of it as DuckDB SQL over internal column names.

Here: how a node becomes a query, and when rows are put down. Not here: where to (stages.py), files,
or what a step means.

Rows are streamed until a node needs more than one pass or the rows' places. Then the stream is put
down in order, which gives each row its place. A node that loses the order marks the relation, and
the order is restored when rows are put down again or leave.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call, case, string
from cleanroom_pipeline.recipe.optimise import columns_of, optimised
from cleanroom_pipeline.recipe.plan import (
    BIGINT,
    BOOLEAN,
    ROW_NAME,
    SCALAR_PREFIX,
    Aggregate,
    Column,
    DropDuplicates,
    Explode,
    Filter,
    Frame,
    Join,
    Operator,
    Output,
    Project,
    Runtime,
    Shuffle,
    Sort,
    Union,
    changes_rows,
)
from cleanroom_pipeline.recipe.reading.source import Source
from cleanroom_pipeline.recipe.relation import ROW, Relation, cte
from cleanroom_pipeline.recipe.session import Session
from cleanroom_pipeline.recipe.stages import Stage, put_down
from cleanroom_pipeline.recipe.tables import (
    LEFT_PLACE,
    RIGHT_PLACE,
    beside_groups,
    elements,
    from_source,
    internal_names,
    joined,
    numbered,
    read_from,
    reads_places,
    same,
)

_BATCH = 122_880


class Interpreter:
    """Runs the nodes of a plan one after another in a session; second inputs by their names."""

    def __init__(
        self,
        session: Session,
        runtime: Runtime,
        seconds: Mapping[str, Source] | None = None,
        *,
        tally: bool = False,
    ) -> None:
        self._session = session
        self._runtime = runtime
        self._seconds = seconds or {}
        self.removed: Counter[int] | None = Counter() if tally else None
        self._count = 0
        self._step = 0
        self._counting = False  # whether to read the rows is to count some that are removed
        self._stage: Stage | None = None
        self._all_rows = True
        self.rows_in: int | None = None

    def run(self, plan: Frame, relation: Relation) -> Relation:
        """Return the relation after the last node, its order restored, without places."""
        relation = self.after(plan, relation)
        outputs = [exp.column(relation.ids[name]) for name in plan.names]
        select = relation.from_it(*outputs)
        if not relation.ordered:
            select = select.order_by(exp.column(ROW))
        return replace(relation.then(select), places=False, ordered=True)

    def after(self, plan: Frame, relation: Relation) -> Relation:
        """Return the relation after the last node, in whatever order its rows may be."""
        best = optimised(plan, relation.columns)
        relation = relation.narrowed(best.inputs)
        for node in best.plan.nodes:
            self._all_rows = self._all_rows and not changes_rows(node)
            self._step = node.step
            relation = self._node(node.operator, node.columns, relation)
            relation = relation.narrowed({column.name for column in node.columns})
        return relation

    def look(self, plan: Frame, relation: Relation, query: exp.Select) -> list[tuple[Any, ...]]:
        """Return the rows of a small query that reads the rows after a plan from INPUT."""
        relation = self.after(plan.select(sorted(columns_of(query))), relation)
        if any(one.name == ROW_NAME for one in query.find_all(exp.Placeholder)):
            relation = self._with_places(relation)
        resolved = self._resolved(query, relation)
        rows = self._session.rows(relation.whole(read_from(resolved, relation)))
        if self._stage:
            self._stage.remove()
        return rows

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
            Explode: self._explode,
            Join: self._join,
            Union: self._union,
        }
        return handlers[type(operator)](operator, columns, relation)

    def _put_down(self, relation: Relation, *, order: list[exp.Expr] | None = None) -> Relation:
        """Return the same rows, put down where they can be read again."""
        outputs = [exp.column(one) for one in relation.ids.values()]
        select = relation.from_it(*outputs)
        if order:
            select = select.order_by(*order)
        elif not relation.ordered:
            select = select.order_by(exp.column(ROW))
        stage = put_down(self._session, self._name("stage"), relation.whole(select))
        self._counting = False
        if self._stage:
            self._stage.remove()
        self._stage = stage
        if self._all_rows and self.rows_in is None:
            self.rows_in = stage.rows
        query = stage.select([exp.column(one) for one in relation.ids.values()])
        return replace(relation, chain=(cte("q0", query),), places=True, dense=True, ordered=True)

    def _with_places(self, relation: Relation, *, dense: bool = False) -> Relation:
        """Return rows with their places, which may be read more than once and not count twice."""
        there = relation.places and (relation.dense or not dense)
        return relation if there and not self._counting else self._put_down(relation)

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
                    query: exp.Query = read_from(resolved, relation)
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
        numbered_by = any(map(reads_places, trees))
        if windowed or numbered_by or operator.scalars:
            relation = self._with_places(relation, dense=numbered_by)
        scalars = self._scalars(operator.scalars, relation)
        for function in operator.functions:
            run = function.make(self._runtime)
            self._session.register(
                function.name,
                run,
                takes=function.takes,
                returns=function.returns,
                volatile=function.volatile,
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
        keep = self._tallied(self._resolved(operator.keep, relation))
        return relation.then(relation.from_it(exp.Star()).where(keep), dense=False)

    def _tallied(self, keep: exp.Expr) -> exp.Expr:
        """Return a condition that also counts, for the step, the rows it does not keep."""
        if self.removed is None:
            return keep
        self._counting = True
        removed, step, name = self.removed, self._step, self._name("tally_")
        lock = Lock()

        def tally(kept: Any) -> Any:
            gone = len(kept) - (pc.sum(kept).as_py() or 0)
            # Threads count at once, and an addition to an entry can be interrupted.
            with lock:
                removed[step] += gone
            return kept

        self._session.register(name, tally, takes=(BOOLEAN,), returns=BOOLEAN, volatile=True)
        return call(name, keep)

    def _drop_duplicates(self, operator: DropDuplicates, relation: Relation) -> Relation:
        """Keep the first row of each 128-bit hash of the key, by a bit for each place."""
        relation = self._with_places(relation)
        among = operator.among and self._resolved(operator.among, relation)
        first = self._first_places(operator, among, relation)
        name = self._name("is_first_")
        self._session.register(
            name, lambda places: pc.take(first, places), takes=(BIGINT,), returns=BOOLEAN
        )
        keep = call(name, exp.column(ROW))
        if among is not None:
            keep = case([(among, keep)], exp.true())
        query = relation.from_it(exp.Star()).where(self._tallied(keep))
        return relation.then(query, dense=False)

    def _first_places(
        self, operator: DropDuplicates, among: exp.Expr | None, relation: Relation
    ) -> pa.BooleanArray:
        hashed = self._resolved(operator.key, relation)
        place = exp.Min(this=exp.column(ROW)).as_(ROW)
        query = relation.from_it(place).group_by(hashed)
        if among is not None:
            query = query.where(among.copy())
        flags = np.zeros(self._stage.rows if self._stage else 0, dtype=bool)
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
            query = beside_groups(grouped, keys, list(made.values()), relation)
        else:
            ids = {key.name: relation.ids[key.name] for key in operator.keys} | made
            query = grouped
        with self._session.single_threaded():
            return self._put_down(relation.then(query, ids=ids, columns=columns, ordered=False))

    def _shuffle(
        self, operator: Shuffle, columns: tuple[Column, ...], relation: Relation
    ) -> Relation:
        """Give each row of a group the value of another, paired by two numberings of the group."""
        relation = self._with_places(relation, dense=True)
        for name in operator.columns:
            if name in relation.ids:
                relation = self._shuffled(name, operator, relation)
        return replace(relation, columns=columns)

    def _shuffled(self, name: str, operator: Shuffle, relation: Relation) -> Relation:
        groups = [exp.column(relation.ids[group]) for group in operator.groups]
        old, new = relation.ids[name], self._name("c_")
        seeded = call("hash", exp.column(ROW), string(f"{operator.seed}|{name}"))
        by_place = numbered(groups, [exp.column(ROW)]).as_("nth")
        by_chance = numbered(groups, [seeded, exp.column(ROW)]).as_("nth")
        left = relation.from_it(exp.Star(), by_place)
        value = exp.column(old).as_(new)
        right = relation.from_it(*[one.copy() for one in groups], value, by_chance)
        ids = {one: new if one == name else id_ for one, id_ in relation.ids.items()}
        outputs = [exp.column(id_, "r" if id_ == new else "l") for id_ in (ROW, *ids.values())]
        query = (
            exp.select(*outputs)
            .from_(left.subquery("l"))
            .join(right.subquery("r"), on=same([exp.column("nth"), *groups]))
        )
        return self._put_down(relation.then(query, ids=ids, ordered=False))

    def _streamed(self, relation: Relation) -> Relation:
        """Return the rows in their order, without their places."""
        return relation if relation.ordered else self._put_down(relation)

    def _explode(
        self, operator: Explode, columns: tuple[Column, ...], relation: Relation
    ) -> Relation:
        relation = self._streamed(relation)
        made = self._name("c_")
        kept = {
            column.name: relation.ids[column.name]
            for column in columns
            if column.name in relation.ids and column.name != operator.target.name
        }
        rows = elements(self._resolved(operator.elements, relation)).as_(made)
        query = relation.from_it(*[exp.column(id_) for id_ in kept.values()], rows)
        ids = {**kept, operator.target.name: made}
        return relation.then(query, ids=ids, columns=columns, places=False)

    def _join(self, operator: Join, columns: tuple[Column, ...], relation: Relation) -> Relation:
        """Join two tables with places; equal places of one input stand together, in order."""
        relation = self._with_places(relation)
        second = self._seconds[operator.dataset]
        names = internal_names(second.columns)
        table = self._name("second")
        self._session.create(table, second.query)
        placed = exp.select(exp.column("rowid").as_(ROW), exp.Star()).from_(table)
        wanted = {column.name for column in columns}
        made = {name: self._name("c_") for _, name in operator.right if name in wanted}
        ids = {name: id_ for name, id_ in relation.ids.items() if name in operator.left}
        other = self._name("right_")
        query = joined(operator, (relation.name, relation.ids), (other, names), made)
        placed_step = cte(other, placed)
        chained = replace(relation, chain=(*relation.chain[:-1], placed_step, relation.chain[-1]))
        result = chained.then(query, ids=ids | made, columns=columns, places=False)
        order: list[exp.Expr] = [
            exp.Ordered(this=exp.column(place), nulls_first=False)
            for place in (LEFT_PLACE, RIGHT_PLACE)
        ]
        result = self._put_down(result, order=order)
        self._session.run(exp.Drop(tables=[exp.to_table(table)], kind="TABLE"))
        return result

    def _union(self, operator: Union, columns: tuple[Column, ...], relation: Relation) -> Relation:
        relation = self._streamed(relation)
        ids = {output.column.name: self._name("c_") for output in operator.outputs}
        mine = [
            self._resolved(output.tree, relation).as_(ids[output.column.name])
            for output in operator.outputs
        ]
        query: exp.Query = relation.from_it(*mine)
        for place, (name, outputs) in enumerate(operator.others):
            others = from_source(outputs, self._seconds[name], f"other{place}")
            query = exp.union(query, others, distinct=False)
        return relation.then(query, ids=ids, columns=columns, places=False)
