"""Rows on their way: a chain of queries over internal column names.

Here: the chain, its columns, what is known of the order of rows. Not here: which node becomes which
query (relations.py).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.plan import Column

ROW = "place"


@dataclass(frozen=True)
class Relation:
    """Rows on their way: a chain of queries, each reading the one before, over internal names.

    `places`: the last query also gives ROW, each row's place; `dense`: they are 0, 1, 2 ... without
    gaps. `ordered`: it gives rows in order.
    """

    chain: tuple[exp.CTE, ...]
    ids: Mapping[str, str]
    columns: tuple[Column, ...]
    places: bool = False
    dense: bool = True
    ordered: bool = True

    @classmethod
    def of(
        cls, query: exp.Query, ids: Mapping[str, str], columns: tuple[Column, ...]
    ) -> "Relation":
        """Return the relation of a query."""
        return cls((cte("q0", query),), ids, columns)

    @property
    def name(self) -> str:
        """The name of the last query."""
        return self.chain[-1].alias

    def narrowed(self, names: Collection[str]) -> "Relation":
        """Return the relation of some of its columns."""
        return replace(self, ids={name: id_ for name, id_ in self.ids.items() if name in names})

    def from_it(self, *outputs: exp.Expr) -> exp.Select:
        """Return SELECT outputs FROM the last query; only `whole` makes it one that can run."""
        return selected(outputs).from_(self.name)

    def then(self, query: exp.Query, **changes: Any) -> "Relation":
        """Return the relation whose last query is this one, which reads the one before."""
        return replace(self, chain=(*self.chain, cte(f"q{len(self.chain)}", query)), **changes)

    def whole(self, query: exp.Query) -> exp.Query:
        """Return a query on this relation with all that it reads."""
        chain = exp.With(expressions=[one.copy() for one in self.chain])
        running = query.copy()
        running.set("with_", chain)
        return running


def selected(outputs: Sequence[exp.Expr]) -> exp.Select:
    """Return SELECT outputs; where no column is needed, rows still have to hold something."""
    return exp.select(*(outputs or [exp.Null()]))


def cte(name: str, query: exp.Query) -> exp.CTE:
    """Return a query under a name that later ones read it by."""
    return exp.CTE(
        this=query, alias=exp.TableAlias(this=exp.to_identifier(name)), materialized=False
    )
