"""Regular expressions of recipes: which engine runs one, and as what tree.

Here: the choice between RE2 (inside DuckDB) and Python's `re`. Not here: steps.

AWS runs Java's dialect. RE2 agrees with it on classes such as `\\d`, `\\w`, `\\s` (ASCII); it
has no lookaround and no back references; a pattern that RE2 refuses runs on Python's `re`, with
ASCII classes, over the distinct values of each batch. A pattern that both refuse is refused.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call, case, string
from cleanroom_pipeline.recipe.plan import BOOLEAN, TEXT, Runtime, VectorFunction

Made = tuple[exp.Expr, tuple[VectorFunction, ...]]


@lru_cache(maxsize=1024)
def runs_on_re2(pattern: str) -> bool:
    """Say whether RE2 takes the pattern."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid:
        return False
    return True


def problem_with(pattern: str) -> str | None:
    """Return why no engine runs the pattern, or None."""
    if runs_on_re2(pattern):
        return None
    try:
        re.compile(pattern, re.ASCII)
    except re.error as error:
        return f"is no regular expression: {error}"
    return None


def _python(
    name: str, pattern: str, run: Callable[[re.Pattern[str], str], Any], returns: str
) -> VectorFunction:
    compiled = re.compile(pattern, re.ASCII)

    def make(_: Runtime) -> Callable[[Any], Any]:
        from cleanroom_pipeline.recipe.vectorised import over_distinct

        return over_distinct(lambda value: run(compiled, value), returns)

    return VectorFunction(name, make, returns)


def replaced(tree: exp.Expr, pattern: str, value: str, name: str) -> Made:
    """Return the text with every match replaced by `value`, taken literally."""
    if runs_on_re2(pattern):
        literal = string(value.replace("\\", "\\\\"))
        return call("regexp_replace", tree, string(pattern), literal, string("g")), ()
    function = _python(name, pattern, lambda found, text: found.sub(lambda _: value, text), TEXT)
    return call(name, tree), (function,)


def extracted(tree: exp.Expr, pattern: str, name: str) -> Made:
    """Return the first match, or null."""
    if runs_on_re2(pattern):
        found = call("regexp_matches", tree, string(pattern))
        return case([(found, call("regexp_extract", tree.copy(), string(pattern)))]), ()

    def run(compiled: re.Pattern[str], text: str) -> str | None:
        match = compiled.search(text)
        return match.group() if match else None

    return call(name, tree), (_python(name, pattern, run, TEXT),)


def found(tree: exp.Expr, pattern: str, name: str) -> Made:
    """Return whether the text holds a match; null for null."""
    if runs_on_re2(pattern):
        return call("regexp_matches", tree, string(pattern)), ()
    run = _python(name, pattern, lambda compiled, text: bool(compiled.search(text)), BOOLEAN)
    return call(name, tree), (run,)
