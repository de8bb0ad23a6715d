"""Operations that clean the text of cells in place, and those that cut a part out of it.

Here: case, prefixes, REMOVE_COMBINED, REPLACE_*, EXTRACT_*, FORMAT_DATE. Not here: missing values.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import dates, patterns
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import concat, string, text
from cleanroom_pipeline.recipe.findings import StepError
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
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
from cleanroom_pipeline.recipe.operations.rewriting import function_name, in_place, new_column
from cleanroom_pipeline.recipe.plan import Column, Frame, Runtime, VectorFunction

_PATTERN = Parameter("pattern", Kind.TEXT, "a regular expression", required=True)
_AFFIX = Parameter("pattern", Kind.TEXT, "the text to add", required=True)

_SIMPLE: Mapping[str, tuple[Status, str, Callable[[exp.Expr], exp.Expr]]] = {
    "LOWER_CASE": (Status.EXACT, "Lower case.", lambda tree: function("lower", tree)),
    "UPPER_CASE": (Status.EXACT, "Upper case.", lambda tree: function("upper", tree)),
    "ADD_SINGLE_QUOTES": (
        Status.DOCUMENTED, "Puts ' around.", lambda tree: concat(string("'"), tree, string("'"))
    ),
    "ADD_DOUBLE_QUOTES": (
        Status.DOCUMENTED, 'Puts " around.', lambda tree: concat(string('"'), tree, string('"'))
    ),
}  # fmt: skip


def _simple(name: str) -> Operation:
    status, doc, change = _SIMPLE[name]

    def build(call: Call, frame: Frame) -> Frame:
        return in_place(call, frame, lambda column: change(text(column)))

    tier = 2 if name.startswith("ADD_") else 1
    return Operation(name, tier, status, doc, (SOURCES,), build)


for _name in _SIMPLE:
    register(_simple(_name))


def capital_case(value: str) -> str:
    """Return the text with the first letter of each word in upper case, the rest in lower."""
    return re.sub(r"\S+", lambda word: word.group()[:1].upper() + word.group()[1:].lower(), value)


def sentence_case(value: str) -> str:
    """Return the text with the first letter of each sentence in upper case, the rest in lower."""
    lowered = value.lower()
    return re.sub(r"(^|[.!?]\s+)(\s*)(\w)", lambda part: part.group().upper(), lowered)


def text_function(name: str, change: Callable[[str], Any]) -> VectorFunction:
    """Return a vectorised function that applies a Python function to each distinct text."""

    def make(_: Runtime) -> Callable[[Any], Any]:
        from cleanroom_pipeline.recipe.vectorised import over_distinct

        return over_distinct(change)

    return VectorFunction(name, make)


def _by_python(name: str, doc: str, change: Callable[[str], str]) -> Operation:
    def build(call: Call, frame: Frame) -> Frame:
        made = text_function(function_name(call), change)
        return in_place(
            call, frame, lambda column: function(made.name, text(column)), functions=[made]
        )

    return Operation(name, 1, Status.DOCUMENTED, doc, (SOURCES,), build)


register(_by_python("CAPITAL_CASE", "Capitalises each word between white space.", capital_case))
register(_by_python("SENTENCE_CASE", "Capitalises each sentence.", sentence_case))


@operation("ADD_PREFIX", Status.DOCUMENTED, "Puts a text before.", SOURCES, _AFFIX)
def add_prefix(call: Call, frame: Frame) -> Frame:
    """Prepend; null stays null."""
    return in_place(call, frame, lambda one: concat(string(call["pattern"]), text(one)))


@operation("ADD_SUFFIX", Status.DOCUMENTED, "Puts a text after.", SOURCES, _AFFIX)
def add_suffix(call: Call, frame: Frame) -> Frame:
    """Append; null stays null."""
    return in_place(call, frame, lambda one: concat(text(one), string(call["pattern"])))


_WHITE = " \t\n\v\f\r"
_QUOTES = "'\""
_PUNCTUATION = ".!,?"
# The RE2 character classes of what goes wherever it stands; several flags make one class.
_CLASSES: Mapping[str, str] = {
    "removeLetters": "A-Za-z",
    "removeNumbers": "0-9",
    "removeSpecialCharacters": "!-/:-@\\[-`{-~",
    "removeAllPunctuation": _PUNCTUATION,
    "removeAllQuotes": _QUOTES,
    "removeAllWhitespace": _WHITE,
}
_ENDS: Mapping[str, str] = {
    "removeLeadingAndTrailingWhitespace": _WHITE,
    "removeLeadingAndTrailingQuotes": _QUOTES,
    "removeLeadingAndTrailingPunctuation": _PUNCTUATION,
}
_COLLAPSE = "collapseConsecutiveWhitespace"
_CUSTOM = {"removeCustomValue": "customValue", "removeCustomCharacters": "customCharacters"}
_FLAGS = (*_CUSTOM, *_CLASSES, *_ENDS, _COLLAPSE)


def _replaced(tree: exp.Expr, pattern: str, value: str) -> exp.Expr:
    return function("regexp_replace", tree, string(pattern), string(value), string("g"))


def _in_class(character: str) -> str:
    """Return a character as RE2 takes it inside brackets."""
    return f"\\{character}" if character in "\\]^-[" else character


def _check_remove_combined(values: Mapping[str, Any]) -> Iterable[str]:
    for flag, parameter in _CUSTOM.items():
        if values[flag] and not values[parameter]:
            yield f"{flag} needs {parameter!r}"


@operation(
    "REMOVE_COMBINED",
    Status.INFERRED,
    "Removes what its flags name. AWS does not say in which order several flags apply; ours: the "
    "custom value, all kinds of characters, both ends (white space, quotes, punctuation), then "
    "white space is collapsed.",
    SOURCES,
    *(Parameter(flag, Kind.BOOLEAN, "a flag", default=False) for flag in _FLAGS),
    *(Parameter(name, Kind.TEXT, "what to remove") for name in _CUSTOM.values()),
    check=_check_remove_combined,
)
def remove_combined(call: Call, frame: Frame) -> Frame:
    """Remove kinds of characters."""

    def change(column: Column) -> exp.Expr:
        tree = text(column)
        if call["removeCustomValue"]:
            tree = function("replace", tree, string(call["customValue"]), string(""))
        classes = [characters for flag, characters in _CLASSES.items() if call[flag]]
        if call["removeCustomCharacters"]:
            classes.append("".join(map(_in_class, call["customCharacters"])))
        if classes:
            tree = _replaced(tree, f"[{''.join(classes)}]", "")
        for flag, characters in _ENDS.items():
            if call[flag]:
                tree = function("trim", tree, string(characters))
        return _replaced(tree, f"[{_WHITE}]+", " ") if call[_COLLAPSE] else tree

    return in_place(call, frame, change)


def check_pattern(values: Mapping[str, Any]) -> Iterable[str]:
    """Say what is wrong with the regular expression in `pattern`."""
    problem = patterns.problem_with(values["pattern"])
    if problem:
        yield f"parameter 'pattern' {problem}"


@operation(
    "REPLACE_TEXT",
    Status.INFERRED,
    "Replaces every match of a pattern by a value, which is taken literally ($1 means nothing).",
    SOURCES,
    _PATTERN,
    Parameter("value", Kind.TEXT, "the replacement", default=""),
    check=check_pattern,
)
def replace_text(call: Call, frame: Frame) -> Frame:
    """Replace all matches."""
    functions: dict[str, VectorFunction] = {}

    def change(column: Column) -> exp.Expr:
        tree, made = patterns.replaced(
            text(column), call["pattern"], call["value"], function_name(call)
        )
        functions.update({one.name: one for one in made})
        return tree

    changed = {frame.column(name).name: change(frame.column(name)) for name in call.sources}
    return in_place(call, frame, lambda column: changed[column.name], functions=functions.values())


@operation(
    "EXTRACT_PATTERN",
    Status.INFERRED,
    "The first match of a pattern, in a new column; null when there is none.",
    SOURCE,
    TARGET,
    _PATTERN,
    check=check_pattern,
)
def extract_pattern(call: Call, frame: Frame) -> Frame:
    """Extract the first whole match."""
    column = frame.column(call.source)
    tree, made = patterns.extracted(text(column), call["pattern"], function_name(call))
    return new_column(call, frame, tree, functions=made)


def check_mask(name: str) -> Callable[[Mapping[str, Any]], Iterable[str]]:
    """Return a check of the date mask in a parameter."""

    def check(values: Mapping[str, Any]) -> Iterable[str]:
        try:
            dates.to_strftime(values[name] or dates.DEFAULT_MASK)
        except StepError as problem:
            yield str(problem)

    return check


@operation(
    "FORMAT_DATE",
    Status.INFERRED,
    "Spells dates by a mask (default yyyy-mm-dd HH:MM:SS); null for what is no date.",
    SOURCES,
    Parameter("targetDateFormat", Kind.TEXT, "the date mask", default=dates.DEFAULT_MASK),
    check=check_mask("targetDateFormat"),
)
def format_date(call: Call, frame: Frame) -> Frame:
    """Spell dates by a mask."""
    return in_place(call, frame, lambda one: dates.formatted(one, call["targetDateFormat"]))
