"""Cutting a text where regular expressions match.

Here: the pieces between delimiters, the part between two of them. Not here: columns, steps, or the
dialect of patterns (patterns.py).

Matches are those that java.util.regex finds, and pieces those of its `split`, which Spark's split
is: the leftmost delimiter comes first (of several in one place the one listed first), and an empty
match at the beginning of the text cuts nothing. `left` is the number of seconds a search may take;
TimeoutError says that one took longer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import regex

from cleanroom_pipeline.recipe.java_patterns import parse
from cleanroom_pipeline.recipe.pattern_trees import Chars
from cleanroom_pipeline.recipe.pattern_trees import Sequence as Parts
from cleanroom_pipeline.recipe.patterns import compiled


@dataclass(frozen=True)
class Delimiter:
    """What separates; an `included` one stays in a piece. `linear`: no search takes long."""

    pattern: "regex.Pattern[str]"
    included: bool = False
    linear: bool = False

    def search(self, text: str, place: int, left: float) -> "regex.Match[str] | None":
        """Return the first match from a place on; watching the time makes it eight times slower."""
        return self.pattern.search(text, place, timeout=None if self.linear else left)


def delimiter(pattern: str, *, included: bool = False) -> Delimiter:
    """Return the delimiter of a regular expression; PatternError where it can't be run."""
    return Delimiter(compiled(pattern), included, _characters(pattern) is not None)


@dataclass(frozen=True)
class Span:
    """Where a pair of delimiters is in a text, each from its first character to after its last."""

    first: tuple[int, int]
    last: tuple[int, int]


def _next(
    delimiters: Sequence[Delimiter], text: str, place: int, left: float
) -> "tuple[regex.Match[str], Delimiter] | None":
    found: tuple[regex.Match[str], Delimiter] | None = None
    for one in delimiters:
        match = one.search(text, place, left)
        if match and (found is None or match.start() < found[0].start()):
            found = match, one
    return found


def _cuts(
    delimiters: Sequence[Delimiter], text: str, left: float
) -> Iterator[tuple[int, int, bool]]:
    """Yield where each delimiter begins and ends, and whether it is included."""
    place = 0
    while place <= len(text):
        found = _next(delimiters, text, place, left)
        if found is None:
            return
        match, matched = found
        if match.end() > 0:
            yield match.start(), match.end(), matched.included
        place = match.end() + (match.end() == match.start())


def pieces(delimiters: Sequence[Delimiter], text: str, limit: int, left: float) -> list[str]:
    """Return the pieces of a text cut at its first `limit` delimiters: at most limit + 1."""
    parts, begin = [], 0
    for start, end, included in islice(_cuts(delimiters, text, left), limit):
        parts.append(text[begin : end if included else start])
        begin = end
    return [*parts, text[begin:]]


def span(first: Delimiter, last: Delimiter, text: str, place: int, left: float) -> Span | None:
    """Return the first pair from a place on: the nearest `last` after the nearest `first`."""
    opening = first.search(text, place, left)
    if opening is None:
        return None
    closing = last.search(text, opening.end(), left)
    return closing and Span(opening.span(), closing.span())


def between(first: Delimiter, last: Delimiter, text: str, left: float) -> str | None:
    """Return what the first pair of delimiters encloses; None where there is no pair."""
    found = span(first, last, text, 0, left)
    return None if found is None else text[found.first[1] : found.last[0]]


def with_between(first: Delimiter, last: Delimiter, text: str, value: str, left: float) -> str:
    """Return the text with what each pair of delimiters encloses replaced by a value."""
    parts, begin, place = [], 0, 0
    while place <= len(text):
        found = span(first, last, text, place, left)
        if found is None:
            break
        parts += [text[begin : found.first[1]], value, text[found.last[0] : found.last[1]]]
        begin = found.last[1]
        place = begin + (begin == found.first[0])
    return "".join([*parts, text[begin:]])


def around(first: Delimiter, last: Delimiter, text: str, left: float) -> list[str]:
    """Return what is before, between and after the first pair; included delimiters go between.

    A text without the first delimiter is one piece, one without the last is two: nothing is lost.
    """
    opening = first.search(text, 0, left)
    if opening is None:
        return [text]
    before = text[: opening.start()]
    begin = opening.start() if first.included else opening.end()
    closing = last.search(text, opening.end(), left)
    if closing is None:
        return [before, text[begin:]]
    end = closing.end() if last.included else closing.start()
    return [before, text[begin:end], text[closing.end() :]]


def _characters(pattern: str) -> tuple[Chars, ...] | None:
    """Return what a pattern takes one after another, or None when it may take more or less."""
    tree = parse(pattern)
    parts = tree.parts if isinstance(tree, Parts) else (tree,)
    characters = tuple(part for part in parts if isinstance(part, Chars))
    return characters if len(characters) == len(parts) else None


def literal(pattern: str) -> str | None:
    """Return the only text that a pattern matches, or None when it is not a plain text."""
    taken = []
    for one in _characters(pattern) or ():
        ((first, last), *others) = one.points or ((0, 1),)
        if others or first != last:
            return None
        taken.append(chr(first))
    return "".join(taken) or None
