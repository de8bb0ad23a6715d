"""RANDOM and RANDOM_BETWEEN.

Here: random numbers in a new column. Not here: random values in place of personal data
(substitution.py), from where the draw comes.
"""

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import cast, number, paren
from cleanroom_pipeline.recipe.operations.declaration import (
    TARGET,
    Call,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.rewriting import new_column
from cleanroom_pipeline.recipe.operations.substitution import BOUNDS, check_bounds, random_integer
from cleanroom_pipeline.recipe.plan import BIGINT, DOUBLE, Frame

# As many as a DOUBLE holds between 0 and 1 at equal distances.
_STEPS = 2**53
_SEEDED = (
    "It depends on the run's seed, the step, the new column's name and the row's place, so a run "
    "with the same seed gives the same numbers"
)


@operation(
    "RANDOM",
    Status.INFERRED,
    f"A random number from 0 up to but not including 1, in a new column. {_SEEDED}.",
    TARGET,
    tier=2,
)
def random_number(call: Call, frame: Frame) -> Frame:
    """Draw numbers below one."""
    drawn = cast(random_integer(call, call["targetColumn"], 0, _STEPS - 1), DOUBLE)
    tree = paren(exp.Div(this=drawn, expression=number(float(_STEPS))))
    return new_column(call, frame, tree, type_=DOUBLE)


@operation(
    "RANDOM_BETWEEN",
    Status.INFERRED,
    "A random whole number from lowerBound to upperBound, both included, in a new column. "
    f"{_SEEDED}. AWS does not say whether bounds may have a fraction; here they are whole.",
    *BOUNDS,
    TARGET,
    tier=2,
    check=check_bounds,
)
def random_between(call: Call, frame: Frame) -> Frame:
    """Draw whole numbers between bounds."""
    bounds = call["lowerBound"], call["upperBound"]
    tree = random_integer(call, call["targetColumn"], *bounds)
    return new_column(call, frame, tree, type_=BIGINT)
