"""REPLACE_WITH_ROLLING_AVERAGE and REPLACE_WITH_ROLLING_SUM.

Here: a column of numbers that becomes a rolling value of itself. Not here: rolling values in a new
column, or values of the whole column (filling.py).
"""

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import double, integer
from cleanroom_pipeline.recipe.operations.column_values import number_fill
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    Call,
    Kind,
    Operation,
    Parameter,
    Status,
    register,
)
from cleanroom_pipeline.recipe.operations.rewriting import in_place
from cleanroom_pipeline.recipe.plan import DOUBLE, TEXT, Column, Frame, row

_AGGREGATES = {"AVERAGE": "avg", "SUM": "sum"}
_TYPE = Parameter(
    "columnDataType", Kind.CHOICE, "the type of the column: number", choices=("number",)
)
_PERIOD = Parameter(
    "period", Kind.INTEGER, "how many earlier rows the window holds", required=True, least=1
)


def _rolling(aggregate: str, column: Column, period: int) -> exp.Expr:
    order = exp.Order(expressions=[exp.Ordered(this=row())])
    frame = exp.WindowSpec(
        kind="ROWS",
        start=integer(period),
        start_side="PRECEDING",
        end=integer(1),
        end_side="PRECEDING",
    )
    window = exp.Window(this=function(aggregate, double(column)), order=order, spec=frame)
    return number_fill(window, column).tree


def _replace(call: Call, frame: Frame) -> Frame:
    aggregate = _AGGREGATES[call.step.operation.rpartition("_")[2]]
    type_ = TEXT if frame.column(call.source).type == TEXT else DOUBLE
    return in_place(
        call, frame, lambda column: _rolling(aggregate, column, call["period"]), type_=type_
    )


for _name in _AGGREGATES:
    register(
        Operation(
            f"REPLACE_WITH_ROLLING_{_name}",
            2,
            Status.INFERRED,
            f"Replaces each cell with the {_name.lower()} of the `period` rows before it, as they "
            "were before the step. AWS's page says each value, where the related operations "
            "replace invalid ones: conditions with IS_INVALID give that. AWS is silent on the "
            "rest: the row itself is not in the window; cells that are no number are left out; "
            "with none left the result is null. A text column holds it as text, another becomes "
            "DOUBLE.",
            (SOURCE, _TYPE, _PERIOD),
            _replace,
        )
    )
