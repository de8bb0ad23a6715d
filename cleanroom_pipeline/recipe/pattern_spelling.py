"""Spelling a pattern's tree for RE2 and for the package `regex`.

Here: both spellings, and which texts RE2 agrees with Java on. Not here: reading patterns.

Each class is written out as the code points it holds, each flag is gone, so neither engine's own
ideas of white space, letters, line ends or case come in.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cleanroom_pipeline.recipe import code_points
from cleanroom_pipeline.recipe.code_points import EVERYTHING, Points
from cleanroom_pipeline.recipe.pattern_trees import (
    Atomic,
    BackReference,
    Chars,
    Choice,
    Greed,
    Group,
    Look,
    Pattern,
    Place,
    Repeat,
    Sequence,
    least_width,
    nodes,
)

_MOST_REPEATS_OF_RE2 = 1_000
_LETTER = r"[\p{L}\p{Nd}]"
# Java takes a mark that follows a letter or digit, with nothing but marks between, for part of it.
_AFTER_WORD = rf"(?<=[_\p{{L}}\p{{Nd}}]|{_LETTER}\p{{Mn}}+)"
_BEFORE_WORD = rf"(?:(?=[_\p{{L}}\p{{Nd}}])|(?=\p{{Mn}})(?<={_LETTER}\p{{Mn}}*))"
_NOT_BEFORE_WORD = rf"(?![_\p{{L}}\p{{Nd}}])(?:(?!\p{{Mn}})|(?<!{_LETTER}\p{{Mn}}*))"
_NOT_AFTER_WORD = _AFTER_WORD.replace("(?<=", "(?<!")
_LINE_END = r"\r\x85\u2028\u2029"
_REGEX_PLACES = {
    Place.BEGIN: r"\A",
    Place.END: r"\Z",
    Place.LAST_END: rf"(?:(?=\r\n\Z)|(?<!\r)(?=\n\Z)|(?=[{_LINE_END}]?\Z))",
    Place.LINE_BEGIN: r"(?!\Z)(?:\A|(?<=[\n\x85\u2028\u2029])|(?<=\r)(?!\n))",
    Place.LINE_END: rf"(?:(?<!\r)(?=\n)|(?=[{_LINE_END}])|\Z)",
    Place.BOUNDARY: (rf"(?:{_AFTER_WORD}{_NOT_BEFORE_WORD}|{_NOT_AFTER_WORD}{_BEFORE_WORD})"),
    Place.NO_BOUNDARY: (rf"(?:{_AFTER_WORD}{_BEFORE_WORD}|{_NOT_AFTER_WORD}{_NOT_BEFORE_WORD})"),
}
_RE2_PLACES = {
    Place.BEGIN: r"\A",
    Place.END: r"\z",
    Place.LAST_END: r"\z",
    Place.BOUNDARY: r"\b",
    Place.NO_BOUNDARY: r"\B",
}
# Where RE2's spelling of a place means the same only in some texts: the characters of those.
_AGREED = {
    Place.LAST_END: code_points.complement(code_points.LINE_ENDS),
    Place.BOUNDARY: code_points.ASCII,
    Place.NO_BOUNDARY: code_points.ASCII,
}


@dataclass(frozen=True)
class Re2Spelling:
    """A pattern for RE2; it means the same as Java's in texts of the characters in `among`."""

    pattern: str
    among: Points = EVERYTHING

    @property
    def guard(self) -> str | None:
        """The RE2 pattern of all such texts, or None for every text."""
        return None if self.among == EVERYTHING else _re2_set(self.among) + "*"


def for_re2(tree: Pattern) -> Re2Spelling | None:
    """Return the spelling for RE2, or None where its meaning would be another or it has none."""
    among = EVERYTHING
    for node in nodes(tree):
        if not _same_in_re2(node):
            return None
        if isinstance(node, Place):
            among = code_points.intersection(among, _AGREED.get(node, EVERYTHING))
    return Re2Spelling(_re2(tree), among)


def _same_in_re2(node: Pattern) -> bool:
    """Say whether RE2 has the node, and takes the same branch of it first as backtracking does."""
    match node:
        case Look() | Atomic() | BackReference():
            return False
        case Place():
            return node in _RE2_PLACES
        case Chars(points):
            return bool(points)
        case Repeat(body, least, most, greed):
            countable = max(least, most or 0) <= _MOST_REPEATS_OF_RE2
            return countable and greed is not Greed.POSSESSIVE and least_width(body) > 0
    return True


def _re2(node: Pattern) -> str:
    match node:
        case Chars(points):
            return _re2_set(points)
        case Sequence(parts):
            return "".join(map(_re2, parts))
        case Choice(branches):
            return _choice(map(_re2, branches))
        case Repeat(body, least, most, greed):
            return f"(?:{_re2(body)}){_count(least, most)}{greed.value}"
        case Group(body):
            return f"(?:{_re2(body)})"
        case Place():
            return _RE2_PLACES[node]
    raise TypeError(type(node).__name__)


def _re2_set(points: Points) -> str:
    return _set(points, lambda one: f"\\x{{{one:x}}}")


def for_regex(node: Pattern) -> str:
    """Return the spelling for the package `regex`; it numbers and names the same groups."""
    match node:
        case Chars(points):
            return _set(points, lambda one: f"\\U{one:08x}") if points else "(?!)"
        case Sequence(parts):
            return "".join(map(for_regex, parts))
        case Choice(branches):
            return _choice(map(for_regex, branches))
        case Repeat(body, least, most, greed):
            # Java takes each pass of a possessive repetition for good, not only all of them.
            opening = "(?>" if greed is Greed.POSSESSIVE else "(?:"
            return f"{opening}{for_regex(body)}){_count(least, most)}{greed.value}"
        case Group(body, _, name):
            return f"({f'?P<{name}>' if name else ''}{for_regex(body)})"
        case Look(body, ahead, negative):
            return f"(?{'' if ahead else '<'}{'!' if negative else '='}{for_regex(body)})"
        case Atomic(body):
            return f"(?>{for_regex(body)})"
        case BackReference(number):
            return f"(?:\\{number})"
        case Place():
            return _REGEX_PLACES[node]
    raise TypeError(type(node).__name__)


def _choice(branches: Iterable[str]) -> str:
    return f"(?:{'|'.join(branches)})"


def _count(least: int, most: int | None) -> str:
    short = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((least, most))
    return short or f"{{{least},{'' if most is None else most}}}"


def _set(points: Points, escape: Callable[[int], str]) -> str:
    def one(point: int) -> str:
        char = chr(point)
        return char if char.isascii() and char.isalnum() else escape(point)

    if len(points) == 1 and points[0][0] == points[0][1]:
        return one(points[0][0])
    ranges = [
        one(first) if first == last else f"{one(first)}-{one(last)}" for first, last in points
    ]
    return f"[{''.join(ranges)}]"
