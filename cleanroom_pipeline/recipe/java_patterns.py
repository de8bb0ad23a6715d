"""Java's regular expressions (java.util.regex.Pattern without flags), read into our own tree.

Here: the grammar outside of brackets. Not here: character classes (java_classes.py), which engine
runs a pattern (patterns.py).

The meaning is that of Java 8 to 17, on which Spark runs. What these versions read differently, what
Java refuses, and what we have no exact way to run raises PatternError, which names it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import regex

from cleanroom_pipeline.recipe import code_points
from cleanroom_pipeline.recipe.code_points import Points
from cleanroom_pipeline.recipe.java_classes import (
    Flags,
    PatternError,
    Reader,
    bracketed,
    class_escape,
    single_escape,
)
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
    greatest_width,
    least_width,
    nodes,
)

LONGEST = 10_000
MOST_REPEATS = 10_000
_QUANTIFIERS: Mapping[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_GREEDS = {"?": Greed.LAZY, "+": Greed.POSSESSIVE}
_PLACES = {
    "A": Place.BEGIN,
    "z": Place.END,
    "Z": Place.LAST_END,
    "b": Place.BOUNDARY,
    "B": Place.NO_BOUNDARY,
}
_REFUSED_ESCAPES = {
    "G": "\\G (the end of the match before)",
    "X": "\\X (a grapheme cluster)",
    "N": "\\N (a character by its name)",
    "E": "\\E without \\Q",
}
_REFUSED_FLAGS = {
    "d": "(?d) (UNIX_LINES)",
    "u": "(?u) (UNICODE_CASE)",
    "U": "(?U) (UNICODE_CHARACTER_CLASS)",
}
_ANY_LINE_END = Choice(
    (
        Sequence((Chars(code_points.of("\r")), Chars(code_points.of("\n")))),
        Chars(code_points.VERTICAL),
    )
)


@dataclass
class _Groups:
    """The groups seen so far; those in `closed` may be referred to."""

    count: int = 0
    names: dict[str, int] = field(default_factory=dict)
    closed: frozenset[int] = frozenset()


class _Parser(Reader):
    """Reads one pattern, by recursive descent."""

    def __init__(self, pattern: str) -> None:
        super().__init__(pattern)
        self.groups = _Groups()

    def choice(self, flags: Flags) -> Pattern:
        """Read branches up to the end or a closing parenthesis; flags set inside last till then."""
        self.deeper()
        branches: list[Pattern] = []
        parts: list[Pattern] = []
        while True:
            self.skip_comments(flags)
            if self.at_end or self.sees(")"):
                break
            if self.takes("|"):
                branches.append(Sequence(tuple(parts)))
                parts = []
                continue
            changed = self.flags_alone(flags)
            if changed is not None:
                flags = changed
                continue
            parts.append(self.repeated(flags))
        branches.append(Sequence(tuple(parts)))
        self.depth -= 1
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def flags_alone(self, flags: Flags) -> Flags | None:
        """Read `(?i)` and return the flags after it; None when something else is here."""
        found = self.matches(r"\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?\)")
        return self.flags(flags, found) if found and found.end() > found.start() + 3 else None

    def flags(self, flags: Flags, found: "regex.Match[str]") -> Flags:
        self.advance(found)
        for letters, value in ((found[1] or "", True), (found[2] or "", False)):
            for letter in letters:
                if letter in _REFUSED_FLAGS:
                    message = f"uses the flag {_REFUSED_FLAGS[letter]}, which is not run here"
                    raise PatternError(message)
                if letter not in Flags.LETTERS:
                    message = f"uses an unknown flag, {letter!r}"
                    raise PatternError(message)
                flags = replace(flags, **{Flags.LETTERS[letter]: value})
        return flags

    def repeated(self, flags: Flags) -> Pattern:
        """Read one part with its quantifier."""
        atom = self.atom(flags)
        self.skip_comments(flags)
        quantifier = self.quantifier()
        if quantifier is None:
            return atom
        least, most = quantifier
        if isinstance(atom, Look | Place):
            raise PatternError("repeats what has no width")
        greed = self.greed()
        self.skip_comments(flags)
        if self.peek_quantifier():
            raise PatternError("has two quantifiers in a row")
        if least > 1 and least_width(atom) == 0:
            raise PatternError("repeats at least twice what may be empty; engines differ on it")
        if atom == _ANY_LINE_END:
            # Java gives none of \r\n back once it repeats \R.
            return Repeat(Atomic(atom), least, most, greed)
        if _ANY_LINE_END in nodes(atom):
            raise PatternError("repeats a group with \\R in it; versions of Java differ")
        return Repeat(atom, least, most, greed)

    def greed(self) -> Greed:
        for letter, one in _GREEDS.items():
            if self.takes(letter):
                return one
        return Greed.GREEDY

    def peek_quantifier(self) -> bool:
        return any(self.sees(one) for one in "*+?{")

    def quantifier(self) -> tuple[int, int | None] | None:
        for letter, counts in _QUANTIFIERS.items():
            if self.takes(letter):
                return counts
        if not self.sees("{"):
            return None
        found = self.matches(r"\{(\d{1,9})(,(\d{1,9})?)?\}")
        if not found:
            raise PatternError("has a { that begins no repetition such as {2,3}; write \\{")
        self.advance(found)
        least = int(found[1])
        most = least if found[2] is None else int(found[3]) if found[3] else None
        if most is not None and most < least:
            raise PatternError("repeats from more to less, as in {3,2}")
        if max(least, most or 0) > MOST_REPEATS:
            message = f"repeats more than {MOST_REPEATS} times"
            raise PatternError(message)
        return least, most

    def atom(self, flags: Flags) -> Pattern:
        if self.peek_quantifier():
            raise PatternError("has a quantifier that repeats nothing")
        char, quoted = self.next()
        if quoted:
            return self.literal(char, flags)
        readers: Mapping[str, Callable[[], Pattern]] = {
            "(": lambda: self.group(flags),
            "[": lambda: Chars(bracketed(self, flags)),
            "\\": lambda: self.escape(flags),
            ".": lambda: Chars(_dot(flags)),
            "^": lambda: Place.LINE_BEGIN if flags.multiline else Place.BEGIN,
            "$": lambda: Place.LINE_END if flags.multiline else Place.LAST_END,
        }
        return readers[char]() if char in readers else self.literal(char, flags)

    def literal(self, char: str, flags: Flags) -> Pattern:
        points = code_points.of(char)
        return Chars(code_points.either_case(points) if flags.ignore_case else points)

    def escape(self, flags: Flags) -> Pattern:
        if self.at_end:
            raise PatternError("ends with a \\ that escapes nothing")
        char = self.peek()
        if char in _PLACES:
            self.next()
            if char == "b" and self.matches(r"\{"):
                raise PatternError("uses \\b{...}, which is not run here")
            return _PLACES[char]
        if char in _REFUSED_ESCAPES:
            message = f"uses {_REFUSED_ESCAPES[char]}, which is not run here"
            raise PatternError(message)
        if char == "R":
            self.next()
            return _ANY_LINE_END
        if char in "123456789":
            return self.numbered_reference(flags)
        if char == "k":
            return self.named_reference(flags)
        points = class_escape(self, flags)
        if points is None:
            return self.literal(single_escape(self), flags)
        return Chars(points)

    def numbered_reference(self, flags: Flags) -> Pattern:
        """Read as many digits as name a group that is there, one at least: Java's rule."""
        number = int(self.next()[0])
        while (more := self.matches(r"[0-9]")) and number * 10 + int(more[0]) <= self.groups.count:
            number = number * 10 + int(more[0])
            self.advance(more)
        return self.reference(number, f"\\{number}", flags)

    def named_reference(self, flags: Flags) -> Pattern:
        found = self.matches(r"k<([a-zA-Z][a-zA-Z0-9]*)>")
        if not found:
            raise PatternError("has \\k without the name of a group in <>")
        self.advance(found)
        number = self.groups.names.get(found[1], 0)
        return self.reference(number, f"\\k<{found[1]}>", flags)

    def reference(self, number: int, spelled: str, flags: Flags) -> Pattern:
        if number not in self.groups.closed:
            message = f"refers by {spelled} to no group that ends before it outside of look-around"
            raise PatternError(message)
        if flags.ignore_case:
            message = f"refers back by {spelled} under (?i), which is not run here"
            raise PatternError(message)
        return BackReference(number)

    def group(self, flags: Flags) -> Pattern:
        """Read a group whose opening parenthesis is read."""
        if not self.takes("?"):
            if flags.comments and self.sees_space():
                self.skip_comments(flags)
                if self.sees("?"):
                    raise PatternError("has a space within (? under (?x)")
            return self.remembered(flags, None)
        for opening, ahead, negative in _LOOKS:
            if found := self.matches(opening):
                self.advance(found)
                return self.look(flags, ahead=ahead, negative=negative)
        if found := self.matches(r"<([a-zA-Z][a-zA-Z0-9]*)>"):
            self.advance(found)
            return self.remembered(flags, found[1])
        if self.takes(">"):
            return Atomic(self.closed(flags))
        if found := self.matches(r"([a-zA-Z]*)(?:-([a-zA-Z]*))?:"):
            return self.closed(self.flags(flags, found))
        raise PatternError("has a group of an unknown kind after (?")

    def closed(self, flags: Flags) -> Pattern:
        body = self.choice(flags)
        if not self.takes(")"):
            raise PatternError("has a ( without )")
        return body

    def remembered(self, flags: Flags, name: str | None) -> Pattern:
        self.groups.count += 1
        number = self.groups.count
        if name is not None:
            if name in self.groups.names:
                message = f"names two groups {name!r}"
                raise PatternError(message)
            self.groups.names[name] = number
        body = self.closed(flags)
        self.groups.closed |= {number}
        return Group(body, number, name)

    def look(self, flags: Flags, *, ahead: bool, negative: bool) -> Pattern:
        outside = self.groups.closed
        body = self.closed(flags)
        # What a group took inside of look-around is not the same in all engines.
        self.groups.closed = outside
        if not ahead:
            _check_look_behind(body)
        return Look(body, ahead, negative)


_LOOKS = ((r"=", True, False), (r"!", True, True), (r"<=", False, False), (r"<!", False, True))


def _check_look_behind(body: Pattern) -> None:
    if greatest_width(body) is None:
        raise PatternError("looks behind for something without a greatest length, as Java can't")
    for node in nodes(body):
        if isinstance(node, Repeat) and node.most != 1 and not isinstance(node.body, Chars):
            raise PatternError("looks behind for a group that is repeated, as Java can't always")
        possessive = isinstance(node, Repeat) and node.greed is Greed.POSSESSIVE
        if possessive or isinstance(node, Atomic | Look):
            raise PatternError("looks behind for what gives nothing back or looks around itself")


def _dot(flags: Flags) -> Points:
    if flags.dot_all:
        return code_points.EVERYTHING
    return code_points.complement(code_points.LINE_ENDS)


def parse(pattern: str, *, ignore_case: bool = False) -> Pattern:
    """Return the tree of a pattern; PatternError says what is refused, as the end of a sentence."""
    if len(pattern) > LONGEST:
        message = f"is longer than {LONGEST} characters"
        raise PatternError(message)
    parser = _Parser(pattern)
    tree = parser.choice(Flags(ignore_case=ignore_case))
    if not parser.at_end:
        raise PatternError("has a ) without (")
    return tree
