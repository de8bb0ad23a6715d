"""The input as one relation whose columns have names of our own: c0, c1, ...

Here: a source, and what readers need to make one. Not here: any kind of file.

No name from a file reaches SQL but as a quoted identifier or a literal of an expression tree; no
path does but that of a link in the scratch folder.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import string
from cleanroom_pipeline.recipe.files import Columns, InputFile, Kind
from cleanroom_pipeline.recipe.plan import Column
from cleanroom_pipeline.recipe.session import Session


@dataclass(frozen=True)
class Source:
    """The input: its columns, and a query that gives them as c0, c1, ... in input order.

    `stored` are the columns as the files have them; `kind` is what their content showed.
    """

    session: Session
    columns: tuple[Column, ...]
    query: exp.Query
    stored: Columns
    kind: Kind

    def count_rows(self, *, whole: bool = False) -> int:
        """Return the number of rows; `whole` reads every cell, and so finds every broken one."""
        counted = exp.Count(this=exp.Star())
        select = exp.select(counted)
        if whole:
            cells = [exp.Count(this=exp.column(f"c{i}")) for i in range(len(self.columns))]
            select = exp.select(counted, *cells)
        return int(self.session.one(select.from_(self.query.subquery("source"))))


def linked(session: Session, file: InputFile) -> str:
    """Return the path of a link to the file, which no glob pattern or quote can be hidden in."""
    link = session.scratch / f"input-{len(session.sources):05d}"
    link.symlink_to(file.path.resolve(strict=True))
    session.sources[str(link)] = file.name
    return str(link)


def named(name: str, value: exp.Expr) -> exp.Expr:
    """Return a named argument of a table function."""
    return exp.EQ(this=exp.to_identifier(name), expression=value)


def path_list(files: Sequence[InputFile]) -> exp.Expr:
    """Return the files' paths, as a table function takes them."""
    return exp.Array(expressions=[string(str(file.path)) for file in files])


def in_order(selects: Sequence[exp.Select]) -> exp.Query:
    """Return the rows of all queries, one query after another."""
    query: exp.Query = selects[0]
    for select in selects[1:]:
        query = exp.union(query, select, distinct=False)
    return query


def untyped(names: Sequence[str]) -> Columns:
    """Return columns of which only the names are known."""
    return tuple((name, "") for name in names)
