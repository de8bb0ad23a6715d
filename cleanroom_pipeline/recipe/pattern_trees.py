"""What a regular expression is made of, flags resolved and classes as sets of code points.

Here: the nodes, and what can be said of a tree by itself. Not here: reading Java's spelling
(java_patterns.py), writing another (pattern_spelling.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from cleanroom_pipeline.recipe.code_points import Points


class Greed(Enum):
    """How a repetition takes: as much as it can, as little, or as much and never less."""

    GREEDY = ""
    LAZY = "?"
    POSSESSIVE = "+"


class Place(Enum):
    """What has no width."""

    BEGIN = "the beginning of the text"
    END = "the end of the text"
    LAST_END = "the end, or before a last line terminator"
    LINE_BEGIN = "the beginning of a line"
    LINE_END = "the end of a line"
    BOUNDARY = "between a word and what is none"
    NO_BOUNDARY = "anywhere else"


@dataclass(frozen=True)
class Chars:
    """One character of a set."""

    points: Points


@dataclass(frozen=True)
class Sequence:
    """One part after another."""

    parts: tuple["Pattern", ...]


@dataclass(frozen=True)
class Choice:
    """The first branch that leads to a match."""

    branches: tuple["Pattern", ...]


@dataclass(frozen=True)
class Repeat:
    """A body several times; `most` is None for no limit."""

    body: "Pattern"
    least: int
    most: int | None
    greed: Greed


@dataclass(frozen=True)
class Group:
    """A body that is remembered, by number and perhaps by name."""

    body: "Pattern"
    number: int
    name: str | None = None


@dataclass(frozen=True)
class Look:
    """A body that must, or must not, match here; it takes nothing."""

    body: "Pattern"
    ahead: bool
    negative: bool


@dataclass(frozen=True)
class Atomic:
    """A body that gives nothing back."""

    body: "Pattern"


@dataclass(frozen=True)
class BackReference:
    """What a group took, once more."""

    number: int


Pattern = Chars | Sequence | Choice | Repeat | Group | Look | Atomic | BackReference | Place


def children(node: Pattern) -> tuple[Pattern, ...]:
    """Return the parts right below a node."""
    match node:
        case Sequence(parts):
            return parts
        case Choice(branches):
            return branches
        case Repeat(body) | Group(body) | Look(body) | Atomic(body):
            return (body,)
    return ()


def nodes(node: Pattern) -> Iterator[Pattern]:
    """Yield a node and all below it."""
    yield node
    for child in children(node):
        yield from nodes(child)


def least_width(node: Pattern) -> int:
    """Return a length that no match of the node is shorter than; exact when that is 0."""
    match node:
        case Chars():
            return 1
        case Sequence(parts):
            return sum(map(least_width, parts))
        case Choice(branches):
            return min(map(least_width, branches))
        case Repeat(body, least):
            return least * least_width(body)
        case Group(body) | Atomic(body):
            return least_width(body)
    return 0


def greatest_width(node: Pattern) -> int | None:
    """Return the length that no match is longer than, or None where there is none."""
    match node:
        case Chars():
            return 1
        case Sequence(parts):
            widths = [greatest_width(part) for part in parts]
            return None if None in widths else sum(one for one in widths if one)
        case Choice(branches):
            widths = [greatest_width(branch) for branch in branches]
            return None if None in widths else max(one or 0 for one in widths)
        case Repeat(body, _, most):
            width = greatest_width(body)
            return None if width is None or most is None else width * most
        case Group(body) | Atomic(body):
            return greatest_width(body)
        case BackReference():
            return None
    return 0
