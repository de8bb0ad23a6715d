"""Functions that look for a pattern: STARTS_WITH, ENDS_WITH, FIND, RIGHT_FIND.

Here: where a match must stand, and its position. Not here: how a pattern is run
(recipe/patterns.py), or what changes texts by one (cleaning.py).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cleanroom_pipeline.recipe import patterns
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import text
from cleanroom_pipeline.recipe.operations.declaration import Call, Kind, Parameter, Status
from cleanroom_pipeline.recipe.operations.functions import of_cell
from cleanroom_pipeline.recipe.operations.pattern_parameter import PATTERN, check_pattern
from cleanroom_pipeline.recipe.operations.rewriting import function_name
from cleanroom_pipeline.recipe.plan import BIGINT, Column, Made

if TYPE_CHECKING:
    import regex

# How a pattern becomes one that only matches at an end.
_ANCHORED: Mapping[str, Callable[[str], str]] = {
    "STARTS_WITH": lambda pattern: f"\\A(?:{pattern})",
    "ENDS_WITH": lambda pattern: f"(?:{pattern})\\z",
}


def _anchored(name: str, place: str) -> None:
    def make(call: Call, column: Column) -> Made:
        pattern = _ANCHORED[name](call["pattern"])
        return patterns.found(text(column), pattern, function_name(call))

    def check(values: Mapping[str, Any]) -> Iterable[str]:
        problems = [*check_pattern(values)]
        yield from problems
        if not problems and patterns.problem_with(_ANCHORED[name](values["pattern"])):
            yield "parameter 'pattern' ends within a quotation or a comment; close it"

    of_cell(
        name,
        make,
        f"Whether a match of the pattern stands at the {place} of a text, as true or false in a "
        "new column; null gives null.",
        PATTERN,
        check=check,
    )


_anchored("STARTS_WITH", "beginning")
_anchored("ENDS_WITH", "end")


def position_from_left(
    pattern: "regex.Pattern[str]", value: str, first: int, timeout: float | None = None
) -> int | None:
    """Return the 1-based place of the first match that begins at `first` (1-based) or after it."""
    if first > len(value) + 1:
        return None
    match = pattern.search(value, first - 1, timeout=timeout)
    return match.start() + 1 if match else None


def position_from_right(
    pattern: "regex.Pattern[str]", value: str, last: int, timeout: float | None = None
) -> int | None:
    """Return the 1-based place, from the left, of the match that begins farthest to the right.

    It ends at the character that is number `last` from the right, or before it.
    """
    end = len(value) + 1 - last
    if end < 0:
        return None
    begun = [
        match.start() for match in pattern.finditer(value, 0, end, overlapped=True, timeout=timeout)
    ]
    return begun[-1] + 1 if begun else None


def _finder(name: str, find: Callable[..., int | None], doc: str, where: str) -> None:
    def make(call: Call, column: Column) -> Made:
        ready = patterns.compiled(call["pattern"], ignore_case=call["ignoreCase"])
        step = function_name(call)

        def run(value: str, left: float) -> int | None:
            return find(ready, value, call["position"], left)

        made = patterns.searching(step, run, BIGINT)
        return Made(function(step, text(column)), BIGINT, (made,))

    of_cell(
        name,
        make,
        f"{doc} Positions count characters (code points) from 1 at the left; no match, and null, "
        "give null. AWS does not say what the result is; ours is the position.",
        PATTERN,
        Parameter("position", Kind.INTEGER, where, default=1, least=1),
        Parameter(
            "ignoreCase",
            Kind.BOOLEAN,
            "whether upper and lower case of the letters A to Z are the same",
            default=False,
        ),
        status=Status.INFERRED,
        check=check_pattern,
    )


_finder(
    "FIND",
    position_from_left,
    "The position of the first match that begins at `position` or after it, in a new column.",
    "the first character looked at, from 1 at the left end",
)
_finder(
    "RIGHT_FIND",
    position_from_right,
    "The position of the match that begins farthest to the right, in a new column.",
    "the last character looked at, from 1 at the right end",
)
