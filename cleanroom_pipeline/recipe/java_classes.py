"""Java's character classes and escapes, read into sets of code points.

Here: the reader of a pattern's characters, escapes, what stands in brackets. Not here: the rest of
the grammar (java_patterns.py), the sets that have names (code_points.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import regex

from cleanroom_pipeline.recipe import code_points
from cleanroom_pipeline.recipe.code_points import CASED, Points, complement, intersection, union


class PatternError(ValueError):
    """A pattern that is not run; the message is the end of a sentence that begins with it."""


@dataclass(frozen=True)
class Flags:
    """What `(?imsx)` switches."""

    ignore_case: bool = False
    multiline: bool = False
    dot_all: bool = False
    comments: bool = False

    LETTERS: ClassVar[Mapping[str, str]] = {
        "i": "ignore_case",
        "m": "multiline",
        "s": "dot_all",
        "x": "comments",
    }


DEEPEST = 50
_CLASSES: Mapping[str, Points] = {
    "d": code_points.DIGIT,
    "w": code_points.WORD,
    "s": code_points.SPACE,
    "h": code_points.HORIZONTAL,
    "v": code_points.VERTICAL,
}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "a": "\a", "e": "\x1b"}
_NUMBERS = (
    (r"0([0-3][0-7]{2}|[0-7]{1,2})", 8),
    (r"x([0-9a-fA-F]{2})", 16),
    (r"x\{([0-9a-fA-F]{1,8})\}", 16),
)
_PAIR = regex.compile(r"u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_UNIT = regex.compile(r"u([0-9a-fA-F]{4})")
_COMMENT = regex.compile(r"(?:[ \t\n\x0b\f\r]|#[^\n\r\x85\u2028\u2029]*)*")


class Reader:
    """The characters of a pattern from left to right; what stood between \\Q and \\E is quoted."""

    def __init__(self, pattern: str) -> None:
        self._text, self._quoted = _unquoted(pattern)
        self._at = 0
        self.depth = 0

    @property
    def at_end(self) -> bool:
        """Say whether all is read."""
        return self._at >= len(self._text)

    def deeper(self) -> None:
        """Count one more group or class that is open; PatternError when there are too many."""
        self.depth += 1
        if self.depth > DEEPEST:
            message = f"nests more than {DEEPEST} groups or classes"
            raise PatternError(message)

    def peek(self) -> str:
        """Return the next character if it is not quoted, else nothing."""
        there = not self.at_end and not self._quoted[self._at]
        return self._text[self._at] if there else ""

    def sees(self, text: str) -> bool:
        """Say whether this text comes next, unquoted."""
        end = self._at + len(text)
        return self._text[self._at : end] == text and not any(self._quoted[self._at : end])

    def takes(self, text: str) -> bool:
        """Go past this text if it comes next, unquoted, and say so."""
        found = self.sees(text)
        if found:
            self._at += len(text)
        return found

    def next(self) -> tuple[str, bool]:
        """Return the next character and whether it is quoted."""
        if self.at_end:
            raise PatternError("ends too early")
        self._at += 1
        return self._text[self._at - 1], self._quoted[self._at - 1]

    def matches(self, pattern: "str | regex.Pattern[str]") -> "regex.Match[str] | None":
        """Return the match of a pattern of ours that begins here, unquoted, or None."""
        found = regex.compile(pattern).match(self._text, self._at)
        return found if found and not any(self._quoted[self._at : found.end()]) else None

    def advance(self, found: "regex.Match[str]") -> None:
        """Go past a match."""
        self._at = found.end()

    def skip_comments(self, flags: Flags) -> None:
        """Go past white space and comments, under (?x)."""
        while flags.comments and self.sees_space():
            found = _COMMENT.match(self._text, self._at)
            if found is None or any(self._quoted[self._at : found.end()]):
                raise PatternError("has \\Q within a comment")
            self.advance(found)

    def sees_space(self) -> bool:
        """Say whether white space or a comment comes next, unquoted."""
        return self.peek() in set(" \t\n\v\f\r#")


def _unquoted(pattern: str) -> tuple[str, list[bool]]:
    """Return the pattern without \\Q and \\E, and which of its characters stood between them."""
    text: list[str] = []
    quoted: list[bool] = []
    at, inside = 0, False
    while at < len(pattern):
        size = 1
        if inside and pattern.startswith("\\E", at):
            inside, size = False, 2
        elif not inside and pattern.startswith("\\Q", at):
            inside, size = True, 2
        else:
            size = 2 if not inside and pattern[at] == "\\" else 1
            part = pattern[at : at + size]
            text.extend(part)
            quoted.extend([inside] * len(part))
        at += size
    return "".join(text), quoted


def class_escape(reader: Reader, flags: Flags) -> Points | None:
    """Read what follows a \\ if it is a class such as \\d or \\p{L}; None when it is not."""
    char = reader.peek()
    if char.lower() in _CLASSES and char:
        reader.next()
        if char == "v" and reader.sees("-"):
            raise PatternError("has \\v before a -, which Java takes for another character")
        points = _CLASSES[char.lower()]
        return points if char.islower() else complement(points)
    if char not in {"p", "P"}:
        return None
    found = reader.matches(r"[pP](?:\{(\^?[A-Za-z0-9_=]+)\}|([A-Z]))")
    if not found:
        raise PatternError("has \\p without the name of a class in {}")
    reader.advance(found)
    name = found[1] or found[2]
    if flags.ignore_case and name in CASED:
        message = f"uses \\p{{{name}}} under (?i), which versions of Java read differently"
        raise PatternError(message)
    known = code_points.named(name)
    if known is None:
        message = f"uses \\p{{{name}}}, a class that is not known here"
        raise PatternError(message)
    return known if char == "p" else complement(known)


def single_escape(reader: Reader) -> str:
    """Read what follows a \\ as one character."""
    for pattern, base in _NUMBERS:
        if found := reader.matches(pattern):
            reader.advance(found)
            return _character(int(found[1], base))
    if found := reader.matches(_PAIR):
        reader.advance(found)
        units = bytes.fromhex(found[1] + found[2])
        return units.decode("utf-16-be")
    if found := reader.matches(_UNIT):
        reader.advance(found)
        return _character(int(found[1], 16))
    if found := reader.matches(r"c([@-_])"):
        reader.advance(found)
        return chr(ord(found[1]) ^ 0x40)
    char, _ = reader.next()
    if char in _CONTROLS:
        return _CONTROLS[char]
    if char.isascii() and char.isalnum():
        message = f"uses \\{char}, which means nothing in Java or is not run here"
        raise PatternError(message)
    return char


def _character(number: int) -> str:
    if not any(first <= number <= last for first, last in code_points.EVERYTHING):
        raise PatternError("names a code point that no text can hold")
    return chr(number)


def bracketed(reader: Reader, flags: Flags) -> Points:
    """Read a class whose opening bracket is read, up to its closing one.

    A negated class that holds another class or && is refused: Java 8 negates its first part alone,
    Java 9 the whole. So is && beside more than plain characters or one nested class.
    """
    reader.deeper()
    negated = reader.takes("^")
    if reader.sees("]"):
        raise PatternError("has a class that begins with ]; write \\]")
    operands = [_operand(reader, flags)]
    while reader.takes("&&"):
        if reader.sees("&"):
            raise PatternError("has &&& in a class")
        operands.append(_operand(reader, flags))
    if not reader.takes("]"):
        raise PatternError("has a [ without ]")
    reader.depth -= 1
    if negated and (len(operands) > 1 or operands[0].nested):
        raise PatternError(
            "negates a class that holds another class or &&; versions of Java differ"
        )
    if len(operands) > 1 and any(one.nested + one.plain != 1 for one in operands):
        raise PatternError("has && beside a mix of characters and classes; versions of Java differ")
    points = operands[0].points
    for operand in operands[1:]:
        points = intersection(points, operand.points)
    return complement(points) if negated else points


@dataclass(frozen=True)
class _Operand:
    """What stands on one side of &&: its set, how many nested classes, whether more beside."""

    points: Points
    nested: int
    plain: bool


def _operand(reader: Reader, flags: Flags) -> _Operand:
    sets: list[Points] = []
    nested = 0
    plain = False
    while not (reader.at_end or reader.sees("]") or reader.sees("&&")):
        if reader.takes("["):
            nested += 1
            sets.append(bracketed(reader, flags))
            continue
        plain = True
        sets.append(_item(reader, flags))
    return _Operand(union(*sets), nested, plain)


def _item(reader: Reader, flags: Flags) -> Points:
    """Read a character, a range or an escaped class."""
    if flags.comments and reader.sees_space():
        raise PatternError("has a space or # in a class under (?x); write a \\ before it")
    if reader.sees("\\"):
        reader.next()
        points = class_escape(reader, flags)
        if points is not None:
            return points
        first = single_escape(reader)
    else:
        first, _ = reader.next()
    last = first
    if reader.sees("-") and not reader.sees("-]") and not reader.sees("-["):
        last = _range_end(reader, flags)
    if last < first:
        raise PatternError("has a range that goes backwards, as in [z-a]")
    points = code_points.between(ord(first), ord(last))
    return code_points.either_case(points) if flags.ignore_case else points


def _range_end(reader: Reader, flags: Flags) -> str:
    reader.next()
    if flags.comments and reader.sees_space():
        raise PatternError("has a space or # in a class under (?x); write a \\ before it")
    if reader.sees("&&"):
        raise PatternError("has && after a -")
    if not reader.takes("\\"):
        return reader.next()[0]
    if reader.peek() and reader.peek() in "dDwWsShHvVpP":
        raise PatternError("has a range that ends in a class, as in [a-\\d]")
    return single_escape(reader)
