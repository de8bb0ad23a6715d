"""Functions of texts that give a new column: the text family.

Here: case, parts, comparison of texts. Not here: what changes texts in place (cleaning.py).
"""

from collections.abc import Mapping

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import (
    integer,
    paren,
    string,
    text,
)
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    TARGET,
    Call,
    Kind,
    Operation,
    Parameter,
    Status,
    operation,
    register,
)
from cleanroom_pipeline.recipe.operations.functions import (
    ANY_SOURCE,
    VALUE,
    Binary,
    Unary,
    binary,
    check_operand,
    operand,
    unary,
)
from cleanroom_pipeline.recipe.operations.rewriting import new_column
from cleanroom_pipeline.recipe.plan import (
    BIGINT,
    BOOLEAN,
    TEXT,
    Frame,
)

_ACCENTED_LATIN = "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_WHITE = " \t\n\v\f\r"
_TEXTS: Mapping[str, Unary] = {
    "LOWER": lambda column: function("lower", text(column)),
    "UPPER": lambda column: function("upper", text(column)),
    "TRIM": lambda column: function("trim", text(column), string(_WHITE)),
    "REMOVE_WHITESPACE": lambda column: function(
        "translate", text(column), string(_WHITE), string("")
    ),
    "REMOVE_SYMBOLS": lambda column: function(
        "regexp_replace",
        text(column),
        string(f"[^A-Za-z0-9{_ACCENTED_LATIN}\\s]"),
        string(""),
        string("g"),
    ),
}
for _name, _change in _TEXTS.items():
    unary(_name, TEXT, _change)
unary("LEN", BIGINT, lambda column: function("length", text(column)))


def _compared(operator: type[exp.Binary]) -> Binary:
    return lambda a, b: paren(operator(this=text(a), expression=text(b)))


binary("EXACT", BOOLEAN, _compared(exp.EQ))
binary("STRING_GREATER_THAN", BOOLEAN, _compared(exp.GT))
binary("STRING_GREATER_THAN_EQUAL", BOOLEAN, _compared(exp.GTE))
binary("STRING_LESS_THAN", BOOLEAN, _compared(exp.LT))
binary("STRING_LESS_THAN_EQUAL", BOOLEAN, _compared(exp.LTE))


@operation(
    "MERGE_COLUMNS_AND_VALUES",
    Status.INFERRED,
    "Joins columns into a new one, as MERGE does.",
    SOURCES,
    TARGET,
    Parameter("delimiter", Kind.TEXT, "what stands between", default=""),
    tier=2,
)
def merge_columns_and_values(call: Call, frame: Frame) -> Frame:
    """Join texts."""
    parts = [text(frame.column(name)) for name in call.sources]
    return new_column(call, frame, function("concat_ws", string(call["delimiter"]), *parts))


def _side(name: str) -> None:
    def build(call: Call, frame: Frame) -> Frame:
        cut = function(name.lower(), text(operand(call, frame)), integer(call["position"]))
        return new_column(call, frame, cut)

    position = Parameter("position", Kind.INTEGER, "how many characters", required=True, least=0)
    doc = f"The {name.lower()}most characters of a cell, in a new column."
    parameters = (ANY_SOURCE, VALUE, TARGET, position)
    register(Operation(name, 2, Status.DOCUMENTED, doc, parameters, build, check=check_operand))


_side("LEFT")
_side("RIGHT")
