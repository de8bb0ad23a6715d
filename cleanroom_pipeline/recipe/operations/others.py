"""Functions that belong to no other family.

Here: COALESCE. Not here: all others.
"""

from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import cast, text
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    TARGET,
    Call,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.rewriting import new_column
from cleanroom_pipeline.recipe.plan import Frame
from cleanroom_pipeline.recipe.widening import common_type


@operation(
    "COALESCE",
    Status.DOCUMENTED,
    "The first cell of a row that is not null, in the order of the columns, in a new column; the "
    "empty text is not null. Of the narrowest type that holds all columns exactly, else text.",
    SOURCES,
    TARGET,
    tier=2,
)
def coalesce(call: Call, frame: Frame) -> Frame:
    """Take the first cell that is there."""
    columns = [frame.column(name) for name in call.sources]
    type_ = common_type(column.type for column in columns)
    if type_ is None:
        return new_column(call, frame, function("coalesce", *[text(one) for one in columns]))
    trees = [one.tree if one.type == type_ else cast(one.tree, type_) for one in columns]
    return new_column(call, frame, function("coalesce", *trees), type_=type_)
