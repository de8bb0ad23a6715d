"""Operations that clean the text of cells in place.

Here: case, quotes, prefixes, REMOVE_COMBINED, REPLACE_TEXT, FORMAT_DATE. Not here: missing values,
parts between delimiters or positions (extracting.py).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import dates, patterns
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import concat, string, text
from cleanroom_pipeline.recipe.findings import StepError
from cleanroom_pipeline.recipe.letter_case import capitalised, lower, upper
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    Call,
    Kind,
    Operation,
    Parameter,
    Status,
    operation,
    register,
)
from cleanroom_pipeline.recipe.operations.pattern_parameter import PATTERN, check_pattern
from cleanroom_pipeline.recipe.operations.rewriting import function_name, in_place
from cleanroom_pipeline.recipe.plan import TEXT, Column, Frame, Made
from cleanroom_pipeline.recipe.python_functions import cell_function

_AFFIX = Parameter("pattern", Kind.TEXT, "the text to add", required=True)

_NULL = "Null stays null, and the empty text stays empty."


def _by_maker(call: Call, frame: Frame, make: Callable[[exp.Expr, str], Made]) -> Frame:
    """Return the frame with each source changed by a tree that may need a function of its own."""
    name = function_name(call)
    made = {one: make(text(frame.column(one)), name) for one in call.sources}
    functions = {one.name: one for cells in made.values() for one in cells.functions}
    return in_place(call, frame, lambda one: made[one.name].tree, functions=functions.values())


def _in_case(name: str, mapped: Callable[[exp.Expr, str], Made], doc: str) -> None:
    def build(call: Call, frame: Frame) -> Frame:
        return _by_maker(call, frame, mapped)

    register(Operation(name, 1, Status.DOCUMENTED, doc, (SOURCES,), build))


_in_case("LOWER_CASE", lower, f"Lower case, by Unicode's full mapping. {_NULL}")
_in_case("UPPER_CASE", upper, f"Upper case, by Unicode's full mapping (ß becomes SS). {_NULL}")


def capital_case(value: str) -> str:
    """Return the text with the first letter of each word in upper case, the rest in lower."""
    return re.sub(r"\S+", lambda word: capitalised(word.group()), value)


_SENTENCE_ENDS = frozenset(".!?")
_AFTER_AN_END = frozenset("\"')]}\u2019\u201d\u00bb")


def sentence_case(value: str) -> str:
    """Return the text with the first letter of each sentence in upper case, the rest in lower."""
    changed = []
    begins, ended = True, False
    for character in value.lower():
        if begins and character.isalnum():
            changed.append(character.title())
            begins = False
        else:
            changed.append(character)
        if character in _SENTENCE_ENDS:
            ended = True
        elif character.isspace():
            begins = begins or ended
        elif character not in _AFTER_AN_END:
            ended = False
    return "".join(changed)


def _by_python(name: str, doc: str, change: Callable[[str], str]) -> None:
    def make(tree: exp.Expr, called: str) -> Made:
        return Made(function(called, tree), TEXT, (cell_function(called, change),))

    def build(call: Call, frame: Frame) -> Frame:
        return _by_maker(call, frame, make)

    register(Operation(name, 1, Status.INFERRED, doc, (SOURCES,), build))


_by_python(
    "CAPITAL_CASE",
    "Puts the first character of each word in upper case and the rest in lower; a word is what "
    f"stands between white space. {_NULL}",
    capital_case,
)
_by_python(
    "SENTENCE_CASE",
    "Puts the first letter of each sentence in upper case and the rest in lower; a sentence ends "
    f"with . ! or ? before white space, an abbreviation too. {_NULL}",
    sentence_case,
)


def _around(name: str, mark: str, called: str) -> None:
    def build(call: Call, frame: Frame) -> Frame:
        return in_place(
            call, frame, lambda column: concat(string(mark), text(column), string(mark))
        )

    doc = f"Puts a {called} quotation mark before and after a cell, an empty one too; null stays."
    register(Operation(name, 2, Status.DOCUMENTED, doc, (SOURCES,), build))


_around("ADD_SINGLE_QUOTES", "'", "single")
_around("ADD_DOUBLE_QUOTES", '"', "double")


@operation(
    "ADD_PREFIX",
    Status.DOCUMENTED,
    "Puts a text before a cell, an empty one too; null stays.",
    SOURCES,
    _AFFIX,
)
def add_prefix(call: Call, frame: Frame) -> Frame:
    """Prepend; null stays null."""
    return in_place(call, frame, lambda one: concat(string(call["pattern"]), text(one)))


@operation(
    "ADD_SUFFIX",
    Status.DOCUMENTED,
    "Puts a text after a cell, an empty one too; null stays.",
    SOURCES,
    _AFFIX,
)
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
_FLAGS: Mapping[str, str] = {
    "removeCustomValue": "whether the text in customValue goes",
    "removeCustomCharacters": "whether each of the characters in customCharacters goes",
    "removeLetters": "whether A-Z and a-z go",
    "removeNumbers": "whether 0-9 go",
    "removeSpecialCharacters": "whether the 32 of ASCII that are neither letter nor digit go",
    "removeAllPunctuation": "whether . ! , ? go",
    "removeAllQuotes": "whether ' and \" go",
    "removeAllWhitespace": "whether spaces, tabs and line ends go",
    "removeLeadingAndTrailingWhitespace": "whether spaces, tabs and line ends go at both ends",
    "removeLeadingAndTrailingQuotes": "whether ' and \" go at both ends",
    "removeLeadingAndTrailingPunctuation": "whether . ! , ? go at both ends",
    _COLLAPSE: "whether white space in a row becomes one space",
}
_CUSTOM_DOCS = {
    "customValue": "the text to remove, taken literally",
    "customCharacters": "the characters to remove, one beside another",
}


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
    "white space is collapsed. Letters, digits, white space and special characters are those of "
    "ASCII, punctuation is . ! , ? and quotes are ' and \". Null stays null.",
    SOURCES,
    *(Parameter(flag, Kind.BOOLEAN, doc, default=False) for flag, doc in _FLAGS.items()),
    *(Parameter(name, Kind.TEXT, doc) for name, doc in _CUSTOM_DOCS.items()),
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


@operation(
    "REPLACE_TEXT",
    Status.INFERRED,
    "Replaces every match of a pattern by a value, which is taken literally ($1 means nothing); "
    "without a value matches are removed. Null stays null.",
    SOURCES,
    PATTERN,
    Parameter("value", Kind.TEXT, "the replacement", default=""),
    check=check_pattern,
)
def replace_text(call: Call, frame: Frame) -> Frame:
    """Replace all matches."""
    return _by_maker(
        call,
        frame,
        lambda tree, name: patterns.replaced(tree, call["pattern"], call["value"], name),
    )


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
    "Spells dates by a mask (default yyyy-mm-dd HH:MM:SS) as text; null for null and for what is "
    "no date.",
    SOURCES,
    Parameter("targetDateFormat", Kind.TEXT, "the date mask", default=dates.DEFAULT_MASK),
    check=check_mask("targetDateFormat"),
)
def format_date(call: Call, frame: Frame) -> Frame:
    """Spell dates by a mask."""
    return in_place(call, frame, lambda one: dates.formatted(one, call["targetDateFormat"]))
