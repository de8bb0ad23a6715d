"""Python functions of cells, made callable from a step's trees.

Here: the vectorised function of such a function, and the fast way beside it. Not here: any
particular function (letter_case.py, operations/), mapping over arrays (vectorised.py).
"""

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call, case, equal
from cleanroom_pipeline.recipe.plan import TEXT, Made, Runtime, VectorFunction


def cell_function(
    name: str, change: Callable[[Any], Any], returns: str = TEXT, takes: str = TEXT
) -> VectorFunction:
    """Return a vectorised function that applies `change` to each distinct cell; null stays null."""

    def make(_: Runtime) -> Callable[[Any], Any]:
        from cleanroom_pipeline.recipe.vectorised import over_distinct

        return over_distinct(change, returns)

    return VectorFunction(name, make, returns, (takes,))


def row_function(
    name: str, change: Callable[..., Any], takes: tuple[str, ...], returns: str = TEXT
) -> VectorFunction:
    """Return a vectorised function that applies `change` to the cells of each distinct row.

    It takes columns of the DuckDB types in `takes`; a null cell is None.
    """

    def make(_: Runtime) -> Callable[..., Any]:
        from cleanroom_pipeline.recipe.vectorised import over_rows

        return over_rows(change, returns)

    return VectorFunction(name, make, returns, takes)


def is_ascii(tree: exp.Expr) -> exp.Expr:
    """Return whether a text holds nothing but ASCII: as many bytes as code points."""
    return equal(call("strlen", tree), call("length", tree.copy()))


def unless_ascii(tree: exp.Expr, fast: exp.Expr, exact: VectorFunction) -> Made:
    """Return `fast` for a text of ASCII alone, else what the exact function gives of the text."""
    slow = call(exact.name, tree.copy())
    return Made(case([(is_ascii(tree), fast)], slow), exact.returns, (exact,))
