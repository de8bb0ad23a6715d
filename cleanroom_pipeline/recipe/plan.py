"""What a recipe means: a list of relational nodes over sqlglot expression trees.

Here: nodes, columns and their types, how a step changes a frame. Not here: SQL text, files, or
anything that runs. Column references in a tree are plain columns named as the author names them;
`ROW` stands for the row's place in input order, `scalar(name)` for a value computed over the whole
column before the node runs, and a VectorFunction is called by its name.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sqlglot import exp

from cleanroom_pipeline.recipe.findings import StepError, did_you_mean
from cleanroom_pipeline.recipe.providers import CellCipher

TEXT = "VARCHAR"
BOOLEAN = "BOOLEAN"
BIGINT = "BIGINT"
INTEGER = "INTEGER"
DOUBLE = "DOUBLE"
DATE = "DATE"
TIMESTAMP = "TIMESTAMP"

ROW_NAME = "row"
SCALAR_PREFIX = "scalar:"
INPUT = "input"


@dataclass(frozen=True)
class Column:
    """A column: its name as the author knows it and its DuckDB type."""

    name: str
    type: str = TEXT

    @property
    def tree(self) -> exp.Expr:
        """The tree that gives its cells."""
        return reference(self.name)


@dataclass(frozen=True)
class Constant(Column):
    """A text that stands where a column may: the `value` parameter of a function."""

    @property
    def tree(self) -> exp.Expr:
        """The literal."""
        return exp.Literal.string(self.name)


@dataclass(frozen=True)
class Computed(Column):
    """A tree that stands where a column may."""

    of: exp.Expr = field(default_factory=exp.Null)

    @property
    def tree(self) -> exp.Expr:
        """The tree."""
        return self.of.copy()


@dataclass(frozen=True)
class Output:
    """A column and the tree that computes it from the columns before it."""

    column: Column
    tree: exp.Expr


class Survey(Protocol):
    """Looks at the data while a plan is made, for steps whose columns depend on it."""

    def rows(self, frame: "Frame", query: exp.Select) -> list[tuple[Any, ...]]:
        """Return the rows of a small query over INPUT, the rows as they are after the frame."""
        ...


class Datasets(Protocol):
    """The second inputs that a run was given."""

    def columns(self, name: str) -> tuple["Column", ...] | None:
        """Return the columns of a second input by its name or location; None: not given."""
        ...


class Runtime(Protocol):
    """What a vectorised function may ask for when a run begins."""

    def secret_string(self, secret_id: str, version: str | None) -> str:
        """Return the raw SecretString."""
        ...

    def secret_identity(self, secret_id: str, version: str | None) -> tuple[str, str] | None:
        """Return the secret's ARN and version id; None when its source does not know them."""
        ...

    def cell_cipher(self, kms_key_arn: str) -> CellCipher:
        """Return the cipher of a key that a key service holds."""
        ...


@dataclass(frozen=True)
class VectorFunction:
    """A function of columns that SQL can't say; `make` gives Arrow arrays -> Arrow array.

    It takes columns of the DuckDB types in `takes` and returns one of the type `returns`. It may be
    called once for equal cells of a column; a `volatile` one is given every row's.
    """

    name: str
    make: Callable[[Runtime], Callable[..., Any]]
    returns: str = TEXT
    takes: tuple[str, ...] = (TEXT,)
    volatile: bool = False


@dataclass(frozen=True)
class Made:
    """Cells that a step makes: their tree, DuckDB type, and the vectorised functions it calls."""

    tree: exp.Expr
    type: str = TEXT
    functions: tuple[VectorFunction, ...] = ()


@dataclass(frozen=True)
class Project:
    """New columns from old ones, row by row (or with windows over the whole input).

    Each of `scalars` is an aggregate over all rows, or a whole SELECT from the table INPUT.
    """

    outputs: tuple[Output, ...]
    scalars: Mapping[str, exp.Expr] = field(default_factory=dict)
    functions: tuple[VectorFunction, ...] = ()


@dataclass(frozen=True)
class Filter:
    """Keeps the rows where `keep` is true."""

    keep: exp.Expr


@dataclass(frozen=True)
class DropDuplicates:
    """Keeps the first row, in input order, of each key; rows outside `among` always stay."""

    key: exp.Expr
    among: exp.Expr | None = None


@dataclass(frozen=True)
class Sort:
    """Reorders the rows; equal ones stay in the order they had."""

    order: tuple[exp.Ordered, ...]


@dataclass(frozen=True)
class Aggregate:
    """One row a group, groups in order of first appearance; `append` keeps every row instead."""

    keys: tuple[Column, ...]
    outputs: tuple[Output, ...]
    append: bool = False


@dataclass(frozen=True)
class Shuffle:
    """Permutes the values of each column among the rows of a group, by a seeded order."""

    columns: tuple[str, ...]
    groups: tuple[str, ...]
    seed: str


@dataclass(frozen=True)
class Explode:
    """One row for each element of a list, which `target` holds; one row with null for none."""

    elements: exp.Expr
    target: Column


@dataclass(frozen=True)
class Join:
    """Rows of a second input beside rows of this one, keys compared as text.

    The order is that of this input, then that of the second; its rows without a partner come last.
    Each of `right` is a column of the second input and the name it gets.
    """

    dataset: str
    side: str
    keys: tuple[tuple[exp.Expr, exp.Expr], ...]
    left: tuple[str, ...]
    right: tuple[tuple[str, str], ...]
    excluding: bool = False


@dataclass(frozen=True)
class Union:
    """The rows of this input, then those of second inputs, each as the outputs of its columns."""

    outputs: tuple[Output, ...]
    others: tuple[tuple[str, tuple[Output, ...]], ...]


@dataclass(frozen=True)
class Opened:
    """Stands for a step whose columns depend on data, where a plan is made without any."""

    sources: tuple[str, ...]


Operator = (
    Project | Filter | DropDuplicates | Sort | Aggregate | Shuffle | Explode | Join | Union | Opened
)


@dataclass(frozen=True)
class Node:
    """One relational operator, the step it comes from and the columns after it."""

    step: int
    operator: Operator
    columns: tuple[Column, ...]


def changes_rows(node: Node) -> bool:
    """Say whether there may be other rows after a node than before, other than by groups."""
    return isinstance(node.operator, Filter | DropDuplicates | Explode | Join | Union)


def row() -> exp.Expr:
    """Return the tree of the row's place in input order (0-based)."""
    return exp.Placeholder(this=ROW_NAME)


def scalar(name: str) -> exp.Expr:
    """Return the tree of a value that the node's `scalars` computes."""
    return exp.Placeholder(this=SCALAR_PREFIX + name)


def reference(name: str) -> exp.Column:
    """Return the tree of a column of the author's."""
    return exp.Column(this=exp.Identifier(this=name, quoted=True))


@dataclass(frozen=True)
class Frame:
    """The columns at one place in a recipe, and the nodes that led there.

    An `opened` frame may have more columns than are known: any name is taken for a text column.
    """

    columns: tuple[Column, ...]
    nodes: tuple[Node, ...] = ()
    step: int = 0  # the number of the step whose nodes come next
    opened: bool = False
    inputs: frozenset[str] = frozenset()  # the names of the columns before the first step

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column of that name; StepError says what removed it, which names are near."""
        for column in self.columns:
            if column.name == name:
                return column
        if self.opened:
            return Column(name)
        gone = self._removed_by(name)
        why = f"; step {gone} removed or renamed it" if gone is not None else ""
        raise StepError(f"unknown column {name!r}{why}{did_you_mean(name, self.names)}")

    def _removed_by(self, name: str) -> int | None:
        """Return the step after which a column of that name was there no more."""
        found, there = None, name in self.inputs
        for node in self.nodes:
            was, there = there, name in {column.name for column in node.columns}
            if was and not there:
                found = node.step
        return found

    def refuse_existing(self, name: str) -> None:
        """Raise StepError when a column of that name is already there."""
        if name in self.names:
            raise StepError(f"column {name!r} already exists; choose another target name")

    def then(self, operator: Operator, columns: Sequence[Column] | None = None) -> "Frame":
        """Return the frame after one more node."""
        after = self.columns if columns is None else tuple(columns)
        if not after and not self.opened:
            raise StepError("no column would be left")
        nodes = (*self.nodes, Node(self.step, operator, after))
        return replace(self, columns=after, nodes=nodes)

    def open(self, sources: Sequence[str], columns: Sequence[Column]) -> "Frame":
        """Return the frame after a step that makes columns nobody knows without the data."""
        return replace(self, opened=True).then(Opened(tuple(sources)), columns)

    def project(
        self,
        outputs: Iterable[Output],
        *,
        scalars: Mapping[str, exp.Expr] | None = None,
        functions: Iterable[VectorFunction] = (),
    ) -> "Frame":
        """Return the frame whose columns are exactly `outputs`."""
        made = tuple(outputs)
        operator = Project(made, scalars or {}, tuple(functions))
        return self.then(operator, [output.column for output in made])

    def select(self, names: Iterable[str]) -> "Frame":
        """Return the frame of these columns, unchanged, in this order."""
        return self.project(keep(self.column(name)) for name in names)

    def replaced(
        self,
        changes: Mapping[str, Output],
        *,
        scalars: Mapping[str, exp.Expr] | None = None,
        functions: Iterable[VectorFunction] = (),
    ) -> "Frame":
        """Return the frame with some columns computed anew in their places."""
        outputs = [changes.get(column.name, keep(column)) for column in self.columns]
        return self.project(outputs, scalars=scalars, functions=functions)

    def added(
        self,
        outputs: Sequence[Output],
        *,
        scalars: Mapping[str, exp.Expr] | None = None,
        functions: Iterable[VectorFunction] = (),
    ) -> "Frame":
        """Return the frame with new columns at its end."""
        seen = set(self.names)
        for output in outputs:
            if output.column.name in seen:
                raise StepError(
                    f"column {output.column.name!r} already exists; choose another target name"
                )
            seen.add(output.column.name)
        kept = [keep(column) for column in self.columns]
        return self.project([*kept, *outputs], scalars=scalars, functions=functions)


def keep(column: Column) -> Output:
    """Return the output that passes a column on unchanged."""
    return Output(column, reference(column.name))
