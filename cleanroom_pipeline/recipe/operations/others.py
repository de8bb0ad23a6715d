"""Functions that belong to no other family.

Here: COALESCE. Not here: all others.
"""

from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import (
    text,
)
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    TARGET,
    Call,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.rewriting import new_column
from cleanroom_pipeline.recipe.plan import (
    Frame,
)


@operation(
    "COALESCE",
    Status.DOCUMENTED,
    "The first cell of a row that is not null, as text unless all columns are of one type.",
    SOURCES,
    TARGET,
    tier=2,
)
def coalesce(call: Call, frame: Frame) -> Frame:
    """Take the first cell that is there."""
    columns = [frame.column(name) for name in call.sources]
    types = {column.type for column in columns}
    if len(types) == 1:
        trees = [column.tree for column in columns]
        return new_column(call, frame, function("coalesce", *trees), type_=types.pop())
    return new_column(call, frame, function("coalesce", *[text(one) for one in columns]))
