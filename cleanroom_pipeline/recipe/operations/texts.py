"""Functions of texts that give a new column: the text family.

Here: case, parts, characters, comparison of texts. Not here: patterns (matching.py), or what
changes texts in place (cleaning.py).
"""

from collections.abc import Callable, Mapping

from sqlglot import exp

from cleanroom_pipeline.recipe import letter_case
from cleanroom_pipeline.recipe.expressions import (
    any_of,
    case,
    cast,
    integer,
    paren,
    string,
    text,
    whole_number,
)
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.operations.cleaning import capital_case
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    TARGET,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.extracting import POSITIONS, check_positions, part
from cleanroom_pipeline.recipe.operations.functions import (
    Binary,
    binary,
    of_cell,
    unary,
)
from cleanroom_pipeline.recipe.operations.rewriting import function_name, new_column
from cleanroom_pipeline.recipe.plan import BIGINT, BOOLEAN, TEXT, Column, Frame, Made
from cleanroom_pipeline.recipe.python_functions import cell_function

_NULL = "Null gives null."
_MAPPING = "Letters of any script, by Unicode's full mapping (\u00df is SS in upper case)."


def _cased(name: str, change: Callable[[exp.Expr, str], Made], doc: str) -> None:
    def make(call: Call, column: Column) -> Made:
        return change(text(column), function_name(call))

    of_cell(name, make, f"{doc} {_NULL}")


def _proper(tree: exp.Expr, name: str) -> Made:
    return Made(function(name, tree), TEXT, (cell_function(name, capital_case),))


_cased("LOWER", letter_case.lower, f"The text in lower case, in a new column. {_MAPPING}")
_cased("UPPER", letter_case.upper, f"The text in upper case, in a new column. {_MAPPING}")
_cased(
    "PROPER",
    _proper,
    "The text with the first letter of each word between white space as a capital and the rest in "
    "lower case, as CAPITAL_CASE does, in a new column.",
)

_ACCENTED_LATIN = "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_WHITE = " \t\n\v\f\r"
_WHITE_NAMES = "space, tab, line feed, vertical tab, form feed, carriage return"

unary(
    "TRIM",
    TEXT,
    lambda column: function("trim", text(column), string(_WHITE)),
    f"The text without white space ({_WHITE_NAMES}) at its ends, in a new column. {_NULL}",
    status=Status.INFERRED,
)
unary(
    "REMOVE_WHITESPACE",
    TEXT,
    lambda column: function("translate", text(column), string(_WHITE), string("")),
    f"The text without white space ({_WHITE_NAMES}), in a new column. {_NULL}",
    status=Status.INFERRED,
)
unary(
    "REMOVE_SYMBOLS",
    TEXT,
    lambda column: function(
        "regexp_replace",
        text(column),
        string(f"[^A-Za-z0-9{_ACCENTED_LATIN}{_WHITE}]"),
        string(""),
        string("g"),
    ),
    "The text without characters that are neither English letters, digits, accented Latin letters "
    f"(U+00C0 to U+024F, U+1E00 to U+1EFF) nor white space, in a new column. {_NULL}",
    status=Status.INFERRED,
)
unary(
    "LEN",
    BIGINT,
    lambda column: function("length", text(column)),
    f"How many characters (code points) a text has, in a new column. {_NULL}",
)


def _between(tree: exp.Expr, low: int, high: int) -> exp.Expr:
    return paren(exp.Between(this=tree, low=integer(low), high=integer(high)))


def _character(column: Column) -> exp.Expr:
    code = whole_number(column, BIGINT)
    # Surrogates, between the two ranges, are no characters.
    known = any_of([_between(code, 0, 0xD7FF), _between(code.copy(), 0xE000, 0x10FFFF)])
    return function("chr", cast(case([(known, code.copy())]), "INTEGER"))


unary(
    "CHAR",
    TEXT,
    _character,
    "The Unicode character of a code point, in a new column. A fraction is cut off; what is no "
    "number or no code point of a character gives null.",
    status=Status.INFERRED,
)
unary(
    "UNICODE",
    BIGINT,
    lambda column: cast(function("unicode", function("nullif", text(column), string(""))), BIGINT),
    "The Unicode code point of a text's first character, in a new column; null and the empty text "
    "give null.",
    status=Status.INFERRED,
)


def _compared(operator: type[exp.Binary]) -> Binary:
    return lambda a, b: paren(operator(this=text(a), expression=text(b)))


_COMPARISONS: Mapping[str, tuple[type[exp.Binary], str]] = {
    "EXACT": (exp.EQ, "is the same as"),
    "STRING_GREATER_THAN": (exp.GT, "comes after"),
    "STRING_GREATER_THAN_EQUAL": (exp.GTE, "is the same as or comes after"),
    "STRING_LESS_THAN": (exp.LT, "comes before"),
    "STRING_LESS_THAN_EQUAL": (exp.LTE, "is the same as or comes before"),
}
for _name, (_operator, _relation) in _COMPARISONS.items():
    binary(
        _name,
        BOOLEAN,
        _compared(_operator),
        f"Whether the first text {_relation} the second, as true or false in a new column. Texts "
        "are in the order of their code points (upper case before lower); cells of other types are "
        "compared as texts. A null on either side gives null.",
        status=Status.INFERRED,
    )


@operation(
    "MERGE_COLUMNS_AND_VALUES",
    Status.INFERRED,
    "Joins the cells of columns into a text in a new column; nulls are left out with their "
    "delimiter, and a row of nulls gives the empty text.",
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
    def make(call: Call, column: Column) -> Made:
        return Made(function(name.lower(), text(column), integer(call["position"])), TEXT)

    of_cell(
        name,
        make,
        f"The {name.lower()}most characters (code points) of a text, all of a shorter one, in a "
        f"new column. {_NULL}",
        Parameter("position", Kind.INTEGER, "how many characters", required=True, least=0),
    )


_side("LEFT")
_side("RIGHT")


def _substring(call: Call, column: Column) -> Made:
    return Made(part(text(column), call["startPosition"], call["endPosition"]), TEXT)


of_cell(
    "SUBSTRING",
    _substring,
    "The characters (code points) from startPosition to endPosition, both included and counted "
    f"from 1, in a new column; a shorter text gives what it has of them. {_NULL}",
    *POSITIONS,
    check=check_positions,
)

_MOST_REPETITIONS = 10_000
of_cell(
    "REPEAT_STRING",
    lambda call, column: Made(function("repeat", text(column), integer(call["count"])), TEXT),
    f"A text so many times after another, in a new column; at most {_MOST_REPETITIONS} times, "
    f"which is a bound of this engine. {_NULL}",
    Parameter(
        "count",
        Kind.INTEGER,
        "how many times",
        required=True,
        least=0,
        most=_MOST_REPETITIONS,
    ),
)
