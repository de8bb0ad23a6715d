"""Operations that split a column into several, and that which joins several.

Here: MERGE, SPLIT_COLUMN_*. Not here: taking a part out (extracting.py).

The new columns are called <source>_1, <source>_2, ... and stand where the source stood, which goes:
AWS is silent, and a column left behind could leak. Delimiters are regular expressions; positions
count code points from 1. AWS does not say where an included delimiter goes: here it stays at the
end of the piece before it.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import patterns
from cleanroom_pipeline.recipe.delimiters import (
    Delimiter,
    around,
    delimiter,
    literal,
    pieces,
)
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import case, concat, integer, paren, string, text
from cleanroom_pipeline.recipe.findings import StepError, not_among
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    SOURCES,
    TARGET,
    Call,
    Kind,
    Parameter,
    Status,
    ValueProblem,
    operation,
)
from cleanroom_pipeline.recipe.operations.extracting import POSITIONS, START, check_positions, part
from cleanroom_pipeline.recipe.operations.pattern_parameter import pattern_problem
from cleanroom_pipeline.recipe.operations.rewriting import function_name, new_column
from cleanroom_pipeline.recipe.plan import INPUT, Column, Frame, Output, VectorFunction, keep

MOST_INTERVALS = 100
_LIST = "VARCHAR[]"
_LIMIT = Parameter("limit", Kind.INTEGER, "how often to split", default=1, least=1, most=20)
_INCLUDED = "whether the delimiter stays, at the end of the piece before it"
# As regular expressions these mean something that no recipe splits at.
_NOT_THEMSELVES = frozenset("|.^$")


@operation(
    "MERGE",
    Status.INFERRED,
    "Joins columns into a new one, at the end; nulls are left out with their delimiter, as Spark's "
    "concat_ws does, empty texts are not; a row of nulls gives the empty text. The sources stay.",
    SOURCES,
    TARGET,
    Parameter("delimiter", Kind.TEXT, "what stands between", default=""),
)
def merge(call: Call, frame: Frame) -> Frame:
    """Join texts."""
    parts = [text(frame.column(name)) for name in call.sources]
    return new_column(call, frame, function("concat_ws", string(call["delimiter"]), *parts))


def _split(
    frame: Frame,
    name: str,
    trees: Sequence[exp.Expr],
    functions: Iterable[VectorFunction] = (),
) -> Frame:
    """Return the frame with a column replaced, in its place, by new ones of these trees."""
    outputs = [Output(Column(f"{name}_{place}"), tree) for place, tree in enumerate(trees, 1)]
    others = {one for one in frame.names if one != name}
    for output in outputs:
        if output.column.name in others:
            raise StepError(f"column {output.column.name!r} already exists; rename it first")
    made: list[Output] = []
    for column in frame.columns:
        made += outputs if column.name == name else [keep(column)]
    return frame.project(made, functions=functions)


def _elements(tree: exp.Expr, count: int) -> list[exp.Expr]:
    """Return the first elements of a list, null where there is none."""
    return [function("list_extract", tree.copy(), integer(place + 1)) for place in range(count)]


def _delimiter_problem(name: str, pattern: str, remedy: str = "") -> Iterable[str]:
    if pattern in _NOT_THEMSELVES:
        yield (
            f"parameter {name!r} is the regular expression {pattern}, which does not mean the "
            f"character itself; write \\{pattern}{remedy}"
        )
    else:
        yield from pattern_problem(name, pattern)


def _check_split(values: Mapping[str, Any]) -> Iterable[str]:
    if not values["isText"]:
        yield from _delimiter_problem("pattern", values["pattern"], ", or isText true")


def _at_text(tree: exp.Expr, mark: str, limit: int, *, included: bool) -> list[exp.Expr]:
    """Return the pieces between plain texts as SQL, which is many times faster."""
    listed = function("string_split", tree, string(mark))
    size = function("len", listed.copy())
    more = [
        paren(exp.GT(this=size.copy(), expression=integer(place + 1))) for place in range(limit)
    ]
    cut = _elements(listed, limit)
    if included:
        cut = [
            case([(there, concat(one, string(mark)))], one.copy())
            for there, one in zip(more, cut, strict=True)
        ]
    others = function("list_slice", listed.copy(), integer(limit + 1), size.copy())
    rest = function("array_to_string", others, string(mark))
    return [*cut, case([(more[-1].copy(), rest)])]


@operation(
    "SPLIT_COLUMN_SINGLE_DELIMITER",
    Status.INFERRED,
    "Splits at the first `limit` delimiters into limit + 1 columns <source>_1, ..., which take the "
    "source's place; the source goes (AWS is silent; a column left behind could leak). A piece "
    "that is not there is null; the empty text is one empty piece. An included delimiter stays at "
    "the end of the piece before it (AWS is silent). The pattern is a regular expression unless "
    "isText is true.",
    SOURCE,
    Parameter("pattern", Kind.TEXT, "the delimiter", required=True),
    _LIMIT,
    Parameter("includeInSplit", Kind.BOOLEAN, _INCLUDED, default=False),
    Parameter("isText", Kind.BOOLEAN, "whether the pattern is a plain text", default=False),
    conditions=False,
    check=_check_split,
)
def split_column_single_delimiter(call: Call, frame: Frame) -> Frame:
    """Split a column at a delimiter."""
    pattern, limit, included = call["pattern"], call["limit"], call["includeInSplit"]
    plain = pattern if call["isText"] else literal(pattern)
    if plain is None:
        return _at_delimiters(call, frame, [delimiter(pattern, included=included)])
    column = frame.column(call.source)
    return _split(frame, column.name, _at_text(text(column), plain, limit, included=included))


def _at_delimiters(call: Call, frame: Frame, delimiters: Sequence[Delimiter]) -> Frame:
    limit = call["limit"]
    return _by_pieces(
        call, frame, limit + 1, lambda one, left: pieces(delimiters, one, limit, left)
    )


def _by_pieces(
    call: Call, frame: Frame, count: int, run: Callable[[str, float], list[str]]
) -> Frame:
    column = frame.column(call.source)
    made = patterns.searching(function_name(call), run, _LIST)
    trees = _elements(function(made.name, text(column)), count)
    return _split(frame, column.name, trees, [made])


_OPTION_KEYS = ("pattern", "includeInSplit")


def _read_option(written: Any) -> tuple[str, bool]:
    """Return the pattern of {"pattern": ..., "includeInSplit": ...} and whether it is included."""
    if not isinstance(written, dict):
        raise ValueProblem('is not a JSON object of the form {"pattern":",","includeInSplit":true}')
    for key in written:
        if key not in _OPTION_KEYS:
            raise ValueProblem(f"has an unknown key {key!r}{not_among(key, _OPTION_KEYS)}")
    pattern = written.get("pattern")
    if not isinstance(pattern, str) or not pattern:
        raise ValueProblem("needs a pattern")
    included = str(written.get("includeInSplit", False)).lower()
    if included not in {"true", "false"}:
        raise ValueProblem("has an includeInSplit that is neither true nor false")
    return pattern, included == "true"


def _option_problems(name: str, written: Any) -> Iterable[str]:
    try:
        pattern, _ = _read_option(written)
    except ValueProblem as problem:
        yield f"parameter {name!r} {problem}"
    else:
        yield from _delimiter_problem(name, pattern)


def _compiled_option(written: Any) -> Delimiter:
    pattern, included = _read_option(written)
    return delimiter(pattern, included=included)


def _check_options(values: Mapping[str, Any]) -> Iterable[str]:
    for written in values["patternOptions"]:
        yield from _option_problems("patternOptions", written)


@operation(
    "SPLIT_COLUMN_MULTIPLE_DELIMITER",
    Status.INFERRED,
    "Splits at the first `limit` places where any of several delimiters matches, as "
    "SPLIT_COLUMN_SINGLE_DELIMITER does: the leftmost comes first, of several in one place the one "
    "listed first. The source goes; a piece that is not there is null; an included delimiter stays "
    "at the end of the piece before it.",
    SOURCE,
    Parameter(
        "patternOptions",
        Kind.OBJECTS,
        'the delimiters: a list of {"pattern": a regular expression, "includeInSplit": true or '
        "false}",
        required=True,
    ),
    _LIMIT,
    tier=2,
    conditions=False,
    check=_check_options,
)
def split_column_multiple_delimiter(call: Call, frame: Frame) -> Frame:
    """Split a column at any of several delimiters."""
    return _at_delimiters(call, frame, [_compiled_option(one) for one in call["patternOptions"]])


_PAIR = ("patternOption1", "patternOption2")


def _json(written: str) -> Any:
    try:
        return json.loads(written)
    except ValueError:
        return None


def _check_pair(values: Mapping[str, Any]) -> Iterable[str]:
    for name in _PAIR:
        yield from _option_problems(name, _json(values[name]))


@operation(
    "SPLIT_COLUMN_BETWEEN_DELIMITER",
    Status.INFERRED,
    "Splits into three columns: what is before the first match of one delimiter, what is between "
    "it and the next match of another, and what comes after; included delimiters are in the second "
    "column. Without the first delimiter all is in <source>_1, without the other the rest is in "
    "<source>_2; the columns left over are null. The source goes.",
    SOURCE,
    *(
        Parameter(
            name,
            Kind.TEXT,
            f'the {which} delimiter: {{"pattern": a regular expression, "includeInSplit": true or '
            "false}",
            required=True,
        )
        for name, which in zip(_PAIR, ("first", "second"), strict=True)
    ),
    tier=2,
    conditions=False,
    check=_check_pair,
)
def split_column_between_delimiter(call: Call, frame: Frame) -> Frame:
    """Split a column around a pair of delimiters."""
    first, last = (_compiled_option(_json(call[name])) for name in _PAIR)
    return _by_pieces(call, frame, 3, lambda one, left: around(first, last, one, left))


@operation(
    "SPLIT_COLUMN_BETWEEN_POSITIONS",
    Status.INFERRED,
    "Splits into three columns: the characters before startPosition, those from it to endPosition, "
    "both included and counted from 1, and those after; a part beyond the end of a cell is empty, "
    "all are null for null. The source goes.",
    SOURCE,
    *POSITIONS,
    tier=2,
    conditions=False,
    check=check_positions,
)
def split_column_between_positions(call: Call, frame: Frame) -> Frame:
    """Split a column before and after a part."""
    start, end = call["startPosition"], call["endPosition"]
    column = frame.column(call.source)
    bounds = ((1, start - 1), (start, end), (end + 1, None))
    return _split(frame, column.name, [part(text(column), *one) for one in bounds])


@operation(
    "SPLIT_COLUMN_FROM_START",
    Status.INFERRED,
    "Splits into two columns: the first `position` characters, and the others, which are empty for "
    "a cell that has no more; both are null for null. The source goes.",
    SOURCE,
    Parameter("position", Kind.INTEGER, "how many characters come first", required=True, least=0),
    tier=2,
    conditions=False,
)
def split_column_from_start(call: Call, frame: Frame) -> Frame:
    """Split a column after its first characters."""
    column, position = frame.column(call.source), call["position"]
    trees = [part(text(column), 1, position), part(text(column), position + 1)]
    return _split(frame, column.name, trees)


@operation(
    "SPLIT_COLUMN_FROM_END",
    Status.INFERRED,
    "Splits into two columns: the last `position` characters are the second, what is before them "
    "the first, which is empty for a cell that has no more; both are null for null. The source "
    "goes.",
    SOURCE,
    Parameter("position", Kind.INTEGER, "how many characters come last", required=True, least=0),
    tier=2,
    conditions=False,
)
def split_column_from_end(call: Call, frame: Frame) -> Frame:
    """Split a column before its last characters."""
    column, position = frame.column(call.source), call["position"]
    spelled = text(column)
    size = paren(exp.Sub(this=function("length", spelled), expression=integer(position)))
    first = function("left", spelled.copy(), function("greatest", size, integer(0)))
    last = function("right", spelled.copy(), integer(position))
    return _split(frame, column.name, [first, last])


def _longest(call: Call, frame: Frame, column: Column) -> int | None:
    """Return the length of the longest text of a column; None where no data is there to see."""
    if call.options.survey is None:
        return None
    longest = exp.Max(this=function("length", text(column)))
    ((size,),) = call.options.survey.rows(frame, exp.select(longest).from_(INPUT))
    return size or 0


@operation(
    "SPLIT_COLUMN_WITH_INTERVALS",
    Status.INFERRED,
    "Splits into parts of `interval` characters from startPosition on, counted from 1; what is "
    "before startPosition, if anything can be, is the first column. There are as many columns as "
    f"the longest cell needs, at most {MOST_INTERVALS}; a part beyond the end of a cell is empty, "
    "all are null for null. The source goes.",
    SOURCE,
    START,
    Parameter("interval", Kind.INTEGER, "how long each part is", required=True, least=1),
    tier=2,
    conditions=False,
)
def split_column_with_intervals(call: Call, frame: Frame) -> Frame:
    """Split a column into parts of the same length."""
    column = frame.column(call.source)
    size = _longest(call, frame, column)
    if size is None:
        others = [one for one in frame.columns if one.name != column.name]
        return frame.open(call.sources, others)
    start, interval = call["startPosition"], call["interval"]
    begins = list(range(start, size + 1, interval)) or [start]
    bounds = [(1, start - 1)] if start > 1 else []
    bounds += [(begin, begin + interval - 1) for begin in begins]
    if len(bounds) > MOST_INTERVALS:
        raise StepError(f"would make {len(bounds)} columns, more than {MOST_INTERVALS}")
    return _split(frame, column.name, [part(text(column), *one) for one in bounds])
