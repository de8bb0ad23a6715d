"""Operations that mask parts of cells in place.

Here: MASK_RANGE, MASK_DATE, MASK_CUSTOM, MASK_DELIMITER. Not here: hashes (pii.py), other values
instead (substitution.py).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import (
    all_of,
    any_of,
    case,
    concat,
    full_match,
    integer,
    is_null,
    paren,
    refuse_cell,
    string,
    text,
    try_cast,
)
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.operations.cleaning import text_function
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.pii import refusal
from cleanroom_pipeline.recipe.operations.rewriting import function_name, in_place
from cleanroom_pipeline.recipe.plan import DATE, Column, Frame

_SYMBOL = Parameter("maskSymbol", Kind.TEXT, "the character to mask with", required=True)
_NO_FILTER = Parameter("entityTypeFilter", Kind.TEXT, "which personal data to look for")


def _check_symbol(values: Mapping[str, Any]) -> Iterable[str]:
    if len(values["maskSymbol"]) != 1:
        yield "parameter 'maskSymbol' must be a single character"


def _check_mask(values: Mapping[str, Any]) -> Iterable[str]:
    yield from _check_symbol(values)
    if values.get("entityTypeFilter"):
        yield (
            "entityTypeFilter is refused: AWS's detector can't be reproduced, and a cell that it "
            "would have found might stay in clear text. Leave it out to mask every cell"
        )


_CLASSES = {"SYMBOLS": "!-/:-@\\[-`{-~", "WHITESPACE": " \\t\\n\\v\\f\\r"}
_ALPHABET = Parameter(
    "alphabet", Kind.CHOICES, "the kinds of characters that stay", choices=tuple(_CLASSES)
)


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


@operation(
    "MASK_RANGE",
    Status.EXACT,
    "Masks the characters from start (0-based, included) to stop (excluded), one symbol each; "
    "negative places count from the end. Characters are Unicode code points.",
    SOURCES,
    _SYMBOL,
    Parameter("start", Kind.INTEGER, "the first place masked", default=0),
    Parameter("stop", Kind.INTEGER, "the first place after it that is not"),
    _ALPHABET,
    _NO_FILTER,
    check=_check_mask,
)
def mask_range(call: Call, frame: Frame) -> Frame:
    """Mask a range of characters."""

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


def _plus(tree: exp.Expr, value: int) -> exp.Expr:
    return paren(exp.Add(this=tree, expression=integer(value)))


_DATE_PARTS = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND")
_ISO_MOMENT = r"(\d{4})-(\d{2})-(\d{2})(?:([T ])(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z?))?"
# The group of _ISO_MOMENT that holds each part.
_PART_GROUPS = {"HOUR": 5, "MINUTE": 6, "SECOND": 7, "MILLISECOND": 8}


@operation(
    "MASK_DATE",
    Status.DOCUMENTED,
    "Masks parts of an ISO date (yyyy-mm-dd, with a time or without), a symbol a digit; spelled "
    "with slashes, as DataBrew spells them. Null and empty stay. A cell that is no ISO date "
    "ends the run. With `compat`, a date whose last field is at most 12 is read as yyyy-dd-mm, as "
    "AWS's published sample shows; DataBrew then masks the wrong field.",
    SOURCES,
    _SYMBOL,
    Parameter("redact", Kind.CHOICES, "what to mask", required=True, choices=_DATE_PARTS),
    Parameter("locale", Kind.TEXT, "the language of month names; ISO dates hold none"),
    check=_check_symbol,
)
def mask_date(call: Call, frame: Frame) -> Frame:
    """Mask parts of dates."""

    def change(column: Column) -> exp.Expr:
        tree = text(column)
        empty = any_of([is_null(tree), paren(exp.EQ(this=tree.copy(), expression=string("")))])
        moment = all_of(
            [
                full_match(tree.copy(), _ISO_MOMENT),
                paren(exp.Not(this=is_null(try_cast(_left(tree, 10), DATE)))),
            ]
        )
        date = _masked_date(call, tree)
        stop = refuse_cell(refusal(call, column.name, "an ISO date"))
        return case([(empty, tree), (moment, concat(date, _masked_time(call, tree)))], stop)

    return in_place(call, frame, change)


def _left(tree: exp.Expr, size: int) -> exp.Expr:
    return function("left", tree.copy(), integer(size))


def _masked_date(call: Call, tree: exp.Expr) -> exp.Expr:
    year = _field(call, "YEAR", function("substr", tree.copy(), integer(1), integer(4)))
    second = function("substr", tree.copy(), integer(6), integer(2))
    third = function("substr", tree.copy(), integer(9), integer(2))

    def spelled(second_part: str, third_part: str) -> exp.Expr:
        slash = string("/")
        fields = (_field(call, second_part, second), _field(call, third_part, third))
        return concat(year.copy(), slash, fields[0], slash.copy(), fields[1])

    right = spelled("MONTH", "DAY")
    if not call.options.compat:
        return right
    ambiguous = paren(exp.LTE(this=try_cast(third.copy(), "INTEGER"), expression=integer(12)))
    return case([(ambiguous, spelled("DAY", "MONTH"))], right)


def _masked_time(call: Call, tree: exp.Expr) -> exp.Expr:
    def group(number: int) -> exp.Expr:
        return function("regexp_extract", tree.copy(), string(_ISO_MOMENT), integer(number))

    def part(name: str) -> exp.Expr:
        return _field(call, name, group(_PART_GROUPS[name]))

    def after(separator: str, name: str) -> exp.Expr:
        there = paren(exp.NEQ(this=group(_PART_GROUPS[name]), expression=string("")))
        return case([(there, concat(string(separator), part(name)))], string(""))

    spelled = concat(
        group(4), part("HOUR"), string(":"), part("MINUTE"), after(":", "SECOND"),
        after(".", "MILLISECOND"), group(9),
    )  # fmt: skip
    longer = paren(exp.GT(this=function("length", tree.copy()), expression=integer(10)))
    return case([(longer, spelled)], string(""))


def _field(call: Call, part: str, digits: exp.Expr) -> exp.Expr:
    if part not in call["redact"]:
        return digits.copy()
    return function("repeat", string(call["maskSymbol"]), function("length", digits.copy()))


def _check_mask_custom(values: Mapping[str, Any]) -> Iterable[str]:
    yield from _check_mask(values)
    if values["regex"]:
        try:
            re.compile(values["customValue"], re.ASCII)
        except re.error as error:
            yield f"parameter 'customValue' is no regular expression: {error}"


@operation(
    "MASK_CUSTOM",
    Status.INFERRED,
    "Masks each character of every match of customValue: a text or, with regex, a pattern (run by "
    "Python's `re` with ASCII classes).",
    SOURCES,
    _SYMBOL,
    Parameter("customValue", Kind.TEXT, "what to mask", required=True),
    Parameter("regex", Kind.BOOLEAN, "whether customValue is a pattern", default=False),
    _NO_FILTER,
    check=_check_mask_custom,
)
def mask_custom(call: Call, frame: Frame) -> Frame:
    """Mask every match."""
    symbol, value = call["maskSymbol"], call["customValue"]
    if not call["regex"]:
        stars = string(symbol * len(value))
        return in_place(
            call, frame, lambda one: function("replace", text(one), string(value), stars.copy())
        )
    compiled = re.compile(value, re.ASCII)
    made = text_function(
        function_name(call),
        lambda cell: compiled.sub(lambda match: symbol * len(match.group()), cell),
    )
    return in_place(call, frame, lambda one: function(made.name, text(one)), functions=[made])


def _check_mask_delimiter(values: Mapping[str, Any]) -> Iterable[str]:
    yield from _check_mask(values)
    if not values["startDelimiter"] and not values["endDelimiter"]:
        yield "needs 'startDelimiter', 'endDelimiter' or both"
    if values["preserveDelimiters"] is not None:
        yield (
            "preserveDelimiters is refused: AWS's name and description of it contradict each "
            "other. Leave it out: delimiters then stay"
        )


def delimited_spans(value: str, start: str | None, end: str | None) -> list[tuple[int, int]]:
    """Return the spans between delimiters; one that is never closed reaches the end of the text."""
    if start is None:
        place = value.find(end or "")
        return [(0, place)] if place >= 0 else []
    spans: list[tuple[int, int]] = []
    position = value.find(start)
    while position >= 0:
        begin = position + len(start)
        stop = value.find(end, begin) if end else -1
        if stop < 0:
            return [*spans, (begin, len(value))]
        spans.append((begin, stop))
        position = value.find(start, stop + len(end or ""))
    return spans


@operation(
    "MASK_DELIMITER",
    Status.INFERRED,
    "Masks what stands between each start delimiter and the next end delimiter; without one of "
    "them up to the text's end, or from its beginning. Delimiters stay.",
    SOURCES,
    _SYMBOL,
    Parameter("startDelimiter", Kind.TEXT, "what stands before the masked text"),
    Parameter("endDelimiter", Kind.TEXT, "what stands after it"),
    Parameter("preserveDelimiters", Kind.BOOLEAN, "refused"),
    _ALPHABET,
    _NO_FILTER,
    check=_check_mask_delimiter,
)
def mask_delimiter(call: Call, frame: Frame) -> Frame:
    """Mask between delimiters."""
    classes = "".join(_CLASSES[one] for one in call["alphabet"] or ())
    hidden = re.compile(f"[^{classes}]" if classes else "(?s:.)")

    def masked(span: str) -> str:
        return hidden.sub(lambda _: call["maskSymbol"], span)

    def change(value: str) -> str:
        parts, done = [], 0
        for begin, stop in delimited_spans(value, call["startDelimiter"], call["endDelimiter"]):
            parts += [value[done:begin], masked(value[begin:stop])]
            done = stop
        return "".join([*parts, value[done:]])

    made = text_function(function_name(call), change)
    return in_place(call, frame, lambda one: function(made.name, text(one)), functions=[made])
