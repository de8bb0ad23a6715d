"""The parameter that holds a regular expression.

Here: the parameter, and whether its pattern can be run. Not here: how a pattern is run
(recipe/patterns.py), any operation.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from cleanroom_pipeline.recipe import patterns
from cleanroom_pipeline.recipe.operations.declaration import Kind, Parameter

PATTERN = Parameter("pattern", Kind.TEXT, "a regular expression, as Java takes it", required=True)


def pattern_problem(name: str, pattern: str) -> Iterable[str]:
    """Yield what is wrong with the regular expression in a parameter."""
    problem = patterns.problem_with(pattern)
    if problem:
        yield f"parameter {name!r} {problem}"


def check_pattern(values: Mapping[str, Any]) -> Iterable[str]:
    """Yield what is wrong with the regular expression in `pattern`."""
    yield from pattern_problem("pattern", values["pattern"])
