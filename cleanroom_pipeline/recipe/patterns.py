"""Regular expressions of recipes: which engine runs one, and as what tree.

Here: the choice between RE2 (inside DuckDB) and the package `regex`, and how long one may take. Not
here: steps, or how a pattern is read (java_patterns.py) and spelled (pattern_spelling.py).

A pattern means what java.util.regex.Pattern without flags makes of it, as its `find` does: AWS runs
recipes on Spark. It is read into a tree of our own and spelled anew. RE2 runs what it takes the
same way, perhaps only in texts of some characters; `regex` runs the rest, over the distinct values
of each batch. What neither runs with Java's meaning is refused, never run with another one.

Java alone can match nothing between the two halves of a character beyond U+FFFF; here a character
is never cut.
"""

import re
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

import regex
from sqlglot import exp

from cleanroom_pipeline.recipe.errors import EngineError
from cleanroom_pipeline.recipe.expressions import call, case, full_match, string
from cleanroom_pipeline.recipe.java_classes import PatternError
from cleanroom_pipeline.recipe.java_patterns import parse
from cleanroom_pipeline.recipe.pattern_spelling import Re2Spelling, for_re2, for_regex
from cleanroom_pipeline.recipe.pattern_trees import least_width
from cleanroom_pipeline.recipe.plan import BOOLEAN, TEXT, Made, Runtime, VectorFunction

__all__ = [
    "PatternError",
    "bounded",
    "compiled",
    "each_match",
    "extracted",
    "found",
    "problem_with",
    "replaced",
    "runs_on_re2",
    "searching",
    "with_value",
]

Result = TypeVar("Result")

# Ordinary patterns take some 0.1 microseconds a character.
FREE_SECONDS = 5.0
_SECONDS_PER_CHARACTER = 20e-6
_STEP_NAME = re.compile(r"step_(\d+)_(.+)_\d+")


@lru_cache(maxsize=1024)
def _re2(pattern: str) -> Re2Spelling | None:
    """Return the pattern's spelling for RE2, where RE2 takes it and means the same by it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    spelling = for_re2(parse(pattern))
    if spelling is None:
        return None
    try:
        pc.match_substring_regex(pa.array([""]), spelling.pattern)
    except pa.ArrowInvalid:
        return None
    return spelling


def runs_on_re2(pattern: str) -> bool:
    """Say whether RE2 runs the pattern, on some texts at least."""
    return _re2(pattern) is not None


def problem_with(pattern: str) -> str | None:
    """Return why the pattern is not run, as the end of a sentence, or None."""
    try:
        compiled(pattern)
    except PatternError as error:
        return f"is no regular expression that can be run: it {error}"
    return None


@lru_cache(maxsize=1024)
def compiled(pattern: str, *, ignore_case: bool = False) -> "regex.Pattern[str]":
    """Return a pattern of Java's as `regex` runs it; PatternError where it can't be.

    Groups keep their numbers and names. `ignore_case` is Java's CASE_INSENSITIVE: ASCII letters
    alone. Look for all matches by `each_match`, and call it within `bounded`.
    """
    try:
        return regex.compile(for_regex(parse(pattern, ignore_case=ignore_case)), regex.VERSION0)
    except regex.error as error:
        message = f"is more than the engine takes: {error}"
        raise PatternError(message) from None


def each_match(
    pattern: "regex.Pattern[str]", text: str, timeout: float | None = None
) -> "Iterator[regex.Match[str]]":
    """Yield the matches that Java's `find` gives one after another.

    After an empty match it goes on one character further; `finditer` would look for another match
    in the same place first.
    """
    place = 0
    while place <= len(text):
        match = pattern.search(text, place, timeout=timeout)
        if match is None:
            return
        yield match
        place = match.end() + (match.end() == match.start())


def bounded(
    name: str,
    run: Callable[[str, float], Result],
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Callable[[str], Result]:
    """Return a function of a text that ends the run with EngineError when it takes too long.

    `run` is given the text and the seconds left, which it hands to `regex` as `timeout`. Some
    seconds are free, others come with every character, so a run's time is bounded by its input.
    `name` is what `rewriting.function_name` gives.
    """
    left = FREE_SECONDS

    def limited(text: str) -> Result:
        nonlocal left
        left += len(text) * _SECONDS_PER_CHARACTER
        started = clock()
        try:
            result = run(text, left)
        except TimeoutError:
            left = 0.0
        else:
            left -= clock() - started
            if left > 0:
                return result
        raise EngineError(_too_long(name))

    return limited


def _too_long(name: str) -> str:
    found = _STEP_NAME.fullmatch(name)
    where = f"step {found[1]} ({found[2].upper()})" if found else name
    return (
        f"{where}: the regular expression takes too long on these cells; write it so that it has "
        "fewer ways to match the same text (no repetition within a repetition, or a possessive one)"
    )


def searching(name: str, run: Callable[[str, float], Any], returns: str = TEXT) -> VectorFunction:
    """Return a vectorised function of a text that ends the run when its searches take too long.

    `run` and `name` are as `bounded` takes them.
    """

    def make(_: Runtime) -> Callable[[Any], Any]:
        from cleanroom_pipeline.recipe.vectorised import over_distinct

        return over_distinct(bounded(name, run), returns)

    return VectorFunction(name, make, returns)


def _chosen(
    tree: exp.Expr,
    pattern: str,
    name: str,
    on_re2: Callable[[exp.Expr, exp.Expr], exp.Expr] | None,
    run: Callable[["regex.Pattern[str]", str, float], Any],
    returns: str = TEXT,
) -> Made:
    """Return RE2's tree, of text and pattern, where it means the same, else `run` on `regex`."""
    ready = compiled(pattern)
    exact = searching(name, lambda text, left: run(ready, text, left), returns)
    spelling = _re2(pattern) if on_re2 else None
    if on_re2 is None or spelling is None:
        return Made(call(name, tree), returns, (exact,))
    fast = on_re2(tree, string(spelling.pattern))
    if spelling.guard is None:
        return Made(fast, returns)
    slow = call(name, tree.copy())
    either = case([(full_match(tree.copy(), spelling.guard), fast)], slow)
    return Made(either, returns, (exact,))


def replaced(tree: exp.Expr, pattern: str, value: str, name: str) -> Made:
    """Return the text with every match replaced by `value`, taken literally."""

    def on_re2(text: exp.Expr, spelled: exp.Expr) -> exp.Expr:
        literal = string(value.replace("\\", "\\\\"))
        return call("regexp_replace", text, spelled, literal, string("g"))

    def run(ready: "regex.Pattern[str]", text: str, left: float) -> str:
        return with_value(ready, text, value, left)

    # RE2 skips an empty match right after another match, Java does not.
    nullable = least_width(parse(pattern)) == 0
    return _chosen(tree, pattern, name, None if nullable else on_re2, run)


def with_value(ready: "regex.Pattern[str]", text: str, value: str, left: float) -> str:
    """Return the text with each match of Java's `find` replaced by a value, taken literally."""
    parts, end = [], 0
    for match in each_match(ready, text, left):
        parts += [text[end : match.start()], value]
        end = match.end()
    return "".join([*parts, text[end:]])


def extracted(tree: exp.Expr, pattern: str, name: str) -> Made:
    """Return the first match, or null."""

    def on_re2(text: exp.Expr, spelled: exp.Expr) -> exp.Expr:
        there = call("regexp_matches", text, spelled)
        return case([(there, call("regexp_extract", text.copy(), spelled.copy()))])

    def run(ready: "regex.Pattern[str]", text: str, left: float) -> str | None:
        match = ready.search(text, timeout=left)
        return match.group() if match else None

    return _chosen(tree, pattern, name, on_re2, run)


def found(tree: exp.Expr, pattern: str, name: str) -> Made:
    """Return whether the text holds a match; null for null."""

    def on_re2(text: exp.Expr, spelled: exp.Expr) -> exp.Expr:
        return call("regexp_matches", text, spelled)

    def run(ready: "regex.Pattern[str]", text: str, left: float) -> bool:
        return ready.search(text, timeout=left) is not None

    return _chosen(tree, pattern, name, on_re2, run, BOOLEAN)
