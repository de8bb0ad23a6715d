"""Operations that mask parts of cells in place.

Here: MASK_RANGE, MASK_CUSTOM, MASK_DELIMITER. Not here: MASK_DATE (date_masks.py), hashes (pii.py),
other values instead (substitution.py).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import patterns
from cleanroom_pipeline.recipe.detectors import Span
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import (
    concat,
    integer,
    paren,
    string,
    text,
)
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.entities import (
    ENTITY_FILTER,
    FILTER_DOC,
    CellChange,
    Change,
    by_cell,
    check_entities,
    limited,
)
from cleanroom_pipeline.recipe.operations.pattern_parameter import pattern_problem
from cleanroom_pipeline.recipe.operations.rewriting import function_name, in_place
from cleanroom_pipeline.recipe.plan import Column, Frame, Runtime

SYMBOL = Parameter("maskSymbol", Kind.TEXT, "the character to mask with", required=True)
_CLASSES = {"SYMBOLS": "!-/:-@\\[-`{-~", "WHITESPACE": " \\t\\n\\v\\f\\r"}
_ALPHABET = Parameter(
    "alphabet", Kind.CHOICES, "the kinds of characters that stay", choices=tuple(_CLASSES)
)


def check_symbol(values: Mapping[str, Any]) -> Iterable[str]:
    """Yield what is wrong with maskSymbol."""
    if len(values["maskSymbol"]) != 1:
        yield "parameter 'maskSymbol' must be a single character"


def _check_mask(values: Mapping[str, Any]) -> Iterable[str]:
    yield from check_symbol(values)
    yield from check_entities(values)


def _mask(call: Call) -> Change:
    """Return the text with every character masked but those of the kinds in `alphabet`."""
    classes = "".join(_CLASSES[one] for one in call["alphabet"] or ())
    hidden = re.compile(f"[^{classes}]" if classes else "(?s:.)")
    return lambda value: hidden.sub(lambda _: call["maskSymbol"], value)


def _masked(tree: exp.Expr, symbol: str, kept: Iterable[str]) -> exp.Expr:
    """Return the text with every character masked but those of the kept kinds."""
    pattern = f"[^{''.join(_CLASSES[one] for one in kept)}]"
    replacement = symbol.replace("\\", "\\\\")
    return function("regexp_replace", tree, string(pattern), string(replacement), string("g"))


def _edge(value: int, length: exp.Expr) -> exp.Expr:
    """Return a slice's edge as Python reads it: negative ones count from the end."""
    if value >= 0:
        return function("least", integer(value), length)
    moved = paren(exp.Add(this=length, expression=integer(value)))
    return function("greatest", moved, integer(0))


def _check_range(values: Mapping[str, Any]) -> Iterable[str]:
    yield from _check_mask(values)
    start, stop = values["start"], values["stop"]
    if stop is not None and start >= stop and (start < 0) == (stop < 0):
        yield "masks nothing: 'start' is not before 'stop'"


@operation(
    "MASK_RANGE",
    Status.EXACT,
    "Masks the characters from start (0-based, included) to stop (excluded), one symbol each; "
    "negative places count from the end. Characters are Unicode code points. Null and empty stay, "
    f"and so does what lies outside of the range. {FILTER_DOC}",
    SOURCES,
    SYMBOL,
    Parameter("start", Kind.INTEGER, "the first place masked", default=0),
    Parameter("stop", Kind.INTEGER, "the first place after it that is not"),
    _ALPHABET,
    ENTITY_FILTER,
    check=_check_range,
)
def mask_range(call: Call, frame: Frame) -> Frame:
    """Mask a range of characters."""
    if call["entityTypeFilter"]:
        return by_cell(call, frame, _range_in_parts)

    def change(column: Column) -> exp.Expr:
        tree = text(column)
        length = function("length", tree.copy())
        start = _edge(call["start"], length.copy())
        stop = length if call["stop"] is None else _edge(call["stop"], length.copy())
        size = function("greatest", paren(exp.Sub(this=stop, expression=start.copy())), integer(0))
        if call["alphabet"]:
            middle = function("substr", tree, _plus(start.copy(), 1), size.copy())
            hidden = _masked(middle, call["maskSymbol"], call["alphabet"])
        else:
            hidden = function("repeat", string(call["maskSymbol"]), size.copy())
        after = paren(exp.Add(this=start.copy(), expression=size))
        return concat(
            function("left", tree.copy(), start),
            hidden,
            function("substr", tree.copy(), _plus(after, 1)),
        )

    return in_place(call, frame, change)


def _range_in_parts(call: Call, column: Column) -> CellChange:
    masked = _mask(call)

    def change(part: str) -> str:
        start, stop, _ = slice(call["start"], call["stop"]).indices(len(part))
        stop = max(start, stop)
        return part[:start] + masked(part[start:stop]) + part[stop:]

    return lambda _: limited(call, column.name, change)


def _plus(tree: exp.Expr, value: int) -> exp.Expr:
    return paren(exp.Add(this=tree, expression=integer(value)))


def _check_mask_custom(values: Mapping[str, Any]) -> Iterable[str]:
    yield from _check_mask(values)
    if values["regex"]:
        yield from pattern_problem("customValue", values["customValue"])


def overlapping_spans(value: str, sought: str) -> list[Span]:
    """Return where a text stands in another, also where one occurrence reaches into the next."""
    spans: list[Span] = []
    place = value.find(sought)
    while place >= 0:
        spans.append((place, place + len(sought)))
        place = value.find(sought, place + 1)
    return spans


@operation(
    "MASK_CUSTOM",
    Status.INFERRED,
    "Masks each character of every occurrence of customValue, also of those that overlap; with "
    "regex, of every match of it as a pattern. Upper and lower case differ. Null and empty stay. "
    f"{FILTER_DOC}",
    SOURCES,
    SYMBOL,
    Parameter("customValue", Kind.TEXT, "what to mask", required=True),
    Parameter("regex", Kind.BOOLEAN, "whether customValue is a pattern", default=False),
    ENTITY_FILTER,
    check=_check_mask_custom,
)
def mask_custom(call: Call, frame: Frame) -> Frame:
    """Mask every match."""
    sought = call["customValue"]
    if call["regex"] or call["entityTypeFilter"] or _overlaps_itself(sought):
        return by_cell(call, frame, _custom)
    stars = string(call["maskSymbol"] * len(sought))
    return in_place(
        call, frame, lambda one: function("replace", text(one), string(sought), stars.copy())
    )


def _overlaps_itself(value: str) -> bool:
    return any(value.startswith(value[place:]) for place in range(1, len(value)))


def _custom(call: Call, column: Column) -> CellChange:
    symbol: str = call["maskSymbol"]
    sought = call["customValue"]

    def hidden(span: str) -> str:
        return symbol * len(span)

    def change(value: str) -> str:
        return covered(value, overlapping_spans(value, sought), hidden)

    def make(_: Runtime) -> Change:
        if not call["regex"]:
            return limited(call, column.name, change)
        pattern = patterns.compiled(sought)

        def change_matches(value: str, left: float) -> str:
            found = patterns.each_match(pattern, value, left)
            return covered(value, (match.span() for match in found), hidden)

        in_time: Change = patterns.bounded(function_name(call), change_matches)
        return limited(call, column.name, in_time)

    return make


def covered(value: str, spans: Iterable[Span], change: Change) -> str:
    """Return a text with its spans changed; spans come in order of where they begin."""
    made, done = [], 0
    for begin, end in spans:
        begin = max(begin, done)
        made += [value[done:begin], change(value[begin:end])]
        done = max(done, end)
    return "".join([*made, value[done:]])


def _check_mask_delimiter(values: Mapping[str, Any]) -> Iterable[str]:
    yield from _check_mask(values)
    if not values["startDelimiter"] and not values["endDelimiter"]:
        yield "needs 'startDelimiter', 'endDelimiter' or both"


def delimited_spans(
    value: str, start: str | None, end: str | None, *, whole: bool = False
) -> list[Span]:
    """Return the spans between delimiters, with the delimiters themselves if `whole`.

    What is never closed reaches the end of the text. A start between delimiters needs an end of its
    own, unless both are the same text. Without `start`, a text that holds no end is one span.
    """
    if not start:
        place = value.find(end or "")
        if place < 0:
            return [(0, len(value))]
        return [(0, place + len(end or "") if whole else place)]
    spans: list[Span] = []
    place = value.find(start)
    while place >= 0:
        begin = place + len(start)
        stop, after = _closing(value, begin, start, end)
        spans.append((place, after) if whole else (begin, stop))
        place = value.find(start, after)
    return spans


def _closing(value: str, begin: int, start: str, end: str | None) -> Span:
    """Return where the end delimiter of what begins there stands; the text's end for none."""
    depth, place, stop = 1, begin, -1
    while end:
        if stop < place:
            stop = value.find(end, place)
        if stop < 0:
            break
        opened = value.find(start, place, stop) if start != end else -1
        if opened >= 0:
            depth, place = depth + 1, opened + len(start)
            continue
        depth, place = depth - 1, stop + len(end)
        if depth == 0:
            return stop, place
    return len(value), len(value)


@operation(
    "MASK_DELIMITER",
    Status.INFERRED,
    "Masks what stands between each start delimiter and the end delimiter that closes it, one "
    "symbol a character; without startDelimiter from the text's beginning to the first end "
    "delimiter, without endDelimiter up to the text's end. What is never closed is masked to the "
    "end, and a text without the only delimiter, an end, is masked whole. With both, a text "
    f"without a start stays. Null and empty stay. {FILTER_DOC}",
    SOURCES,
    SYMBOL,
    Parameter("startDelimiter", Kind.TEXT, "what stands before the masked text"),
    Parameter("endDelimiter", Kind.TEXT, "what stands after it"),
    Parameter(
        "preserveDelimiters",
        Kind.BOOLEAN,
        "true masks the delimiters too: so AWS describes it, against its name",
        default=False,
    ),
    _ALPHABET,
    ENTITY_FILTER,
    check=_check_mask_delimiter,
)
def mask_delimiter(call: Call, frame: Frame) -> Frame:
    """Mask between delimiters."""
    return by_cell(call, frame, _delimited)


def _delimited(call: Call, column: Column) -> CellChange:
    masked = _mask(call)

    def change(value: str) -> str:
        spans = delimited_spans(
            value,
            call["startDelimiter"],
            call["endDelimiter"],
            whole=call["preserveDelimiters"],
        )
        return covered(value, spans, masked)

    return lambda _: limited(call, column.name, change)
