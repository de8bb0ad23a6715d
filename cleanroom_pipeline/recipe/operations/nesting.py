"""Operations that put columns into structs, lists and maps.

Here: NEST_TO_*. Not here: taking them out (unnesting.py), nested types (recipe/nested.py).
"""

from collections.abc import Sequence

from sqlglot import exp

from cleanroom_pipeline.recipe import nested
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import string
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    TARGET,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.rewriting import as_type, new_column
from cleanroom_pipeline.recipe.plan import (
    TEXT,
    Column,
    Frame,
)
from cleanroom_pipeline.recipe.widening import common_type

_REMOVE_ALL = Parameter(
    "removeSourceColumns", Kind.BOOLEAN, "whether the source columns go", default=False
)


def _nested(call: Call, frame: Frame, tree: exp.Expr, type_: str) -> Frame:
    made = new_column(call, frame, tree, type_=type_)
    if not call["removeSourceColumns"]:
        return made
    return made.select([name for name in made.names if name not in call.sources])


@operation(
    "NEST_TO_ARRAY",
    Status.DOCUMENTED,
    "Makes a list of the cells of a row, in the order of sourceColumns; of several types, the one "
    "that holds all, else text. A null cell is a null element.",
    SOURCES,
    TARGET,
    _REMOVE_ALL,
    tier=3,
)
def nest_to_array(call: Call, frame: Frame) -> Frame:
    """Put columns into a list."""
    columns = [frame.column(name) for name in call.sources]
    type_ = common_type([column.type for column in columns]) or TEXT
    cells = [as_type(column, type_) for column in columns]
    return _nested(call, frame, exp.Array(expressions=cells), nested.list_of(type_))


@operation(
    "NEST_TO_MAP",
    Status.DOCUMENTED,
    "Makes a map from column name to cell; of several types, the one that holds all, else text. "
    "A null cell is a null value.",
    SOURCES,
    TARGET,
    _REMOVE_ALL,
    tier=3,
)
def nest_to_map(call: Call, frame: Frame) -> Frame:
    """Put columns into a map."""
    columns = [frame.column(name) for name in call.sources]
    type_ = common_type([column.type for column in columns]) or TEXT
    names = exp.Array(expressions=[string(column.name) for column in columns])
    cells = exp.Array(expressions=[as_type(column, type_) for column in columns])
    return _nested(call, frame, function("map", names, cells), nested.map_of(type_))


@operation(
    "NEST_TO_STRUCT",
    Status.DOCUMENTED,
    "Makes a struct with a field for each column, of the column's own type.",
    SOURCES,
    TARGET,
    _REMOVE_ALL,
    tier=3,
)
def nest_to_struct(call: Call, frame: Frame) -> Frame:
    """Put columns into a struct."""
    columns = [frame.column(name) for name in call.sources]
    nested.refuse_fields(call.sources)
    return _nested(call, frame, _packed(columns), nested.struct_of(columns))


def _packed(columns: Sequence[Column]) -> exp.Expr:
    fields = [
        exp.PropertyEQ(this=exp.to_identifier(one.name, quoted=True), expression=one.tree)
        for one in columns
    ]
    return exp.Struct(expressions=fields)
