"""Rows put down on their way, to be read more than once, each by its place.

Here: where they are put, and how they are read again. Not here: which rows (relations.py).

A Parquet file takes a quarter of the memory that a DuckDB table does, and with rows beyond the
memory limit it is written once, where a table's blocks are spilled and read back again and again:
10 million rows of ten texts took 13.2 s and 0.6 GB, and with a table 15.6 s and 1.0 GB.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call, string
from cleanroom_pipeline.recipe.relation import ROW
from cleanroom_pipeline.recipe.session import Session

# What Parquet gives back as it was. HUGEINT comes back as DOUBLE, and nested types may hold it.
_GIVEN_BACK = re.compile(
    r"VARCHAR|BOOLEAN|TINYINT|SMALLINT|INTEGER|BIGINT|FLOAT|DOUBLE|DATE|TIMESTAMP|DECIMAL\(.*\)"
)


@dataclass(frozen=True)
class Stage:
    """Rows in a Parquet file, or in a scratch table of the name; `rows` is how many."""

    session: Session
    name: str
    rows: int
    file: Path | None = None

    def select(self, outputs: Sequence[exp.Expr]) -> exp.Select:
        """Return SELECT each row's place, from 0, as ROW, and outputs."""
        if self.file is None:
            return exp.select(exp.column("rowid").as_(ROW), *outputs).from_(self.name)
        numbered = exp.EQ(this=exp.column("file_row_number"), expression=exp.true())
        reader = call("read_parquet", string(str(self.file)), numbered)
        return exp.select(exp.column("file_row_number").as_(ROW), *outputs).from_(reader)

    def remove(self) -> None:
        """Remove the rows: nobody reads them any more."""
        if self.file is None:
            self.session.run(exp.Drop(tables=[exp.to_table(self.name)], kind="TABLE"))
        else:
            self.file.unlink()


def put_down(session: Session, name: str, query: exp.Query) -> Stage:
    """Put the rows of a query down, in its order."""
    if all(_GIVEN_BACK.fullmatch(type_) for type_ in session.types(query)):
        file = session.scratch / f"{name}.parquet"
        return Stage(session, name, session.copy(query, file), file)
    session.create(name, query)
    counted = exp.select(exp.Count(this=exp.Star())).from_(name)
    return Stage(session, name, int(session.one(counted)))
