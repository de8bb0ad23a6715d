"""Numbers into classes: BINARIZATION and BUCKETIZATION.

Here: thresholds, splits, percentages. Not here: categories of texts (categories.py).
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import (
    all_of,
    any_of,
    case,
    double,
    integer,
    is_null,
    null,
    number,
    paren,
    string,
)
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.operations.column_values import finite, percentile
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    TARGET,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.rewriting import new_column
from cleanroom_pipeline.recipe.plan import INTEGER, Frame, scalar

_WHOLE = 100


@operation(
    "BINARIZATION",
    Status.INFERRED,
    "1 for a number above the threshold, 0 for another, in a new column of whole numbers; with "
    "flip 0 and 1 change places. AWS is silent on null, empty and unreadable cells: null.",
    SOURCE,
    TARGET,
    Parameter("threshold", Kind.NUMBER, "the last number that is not above", required=True),
    Parameter("flip", Kind.BOOLEAN, "whether 0 and 1 change places", default=False),
    tier=2,
)
def binarization(call: Call, frame: Frame) -> Frame:
    """Compare with a threshold."""
    value = double(frame.column(call.source))
    above, other = (0, 1) if call["flip"] else (1, 0)
    greater = paren(exp.GT(this=value, expression=number(call["threshold"])))
    unreadable = any_of([is_null(value.copy()), function("isnan", value.copy())])
    tree = case([(unreadable, null()), (greater, integer(above))], integer(other))
    return new_column(call, frame, tree, type_=INTEGER)


def _splits(values: Mapping[str, Any]) -> tuple[float, ...] | None:
    """Return the levels as numbers, or None when one is no number."""
    try:
        return tuple(map(float, values["splits"]))
    except ValueError:
        return None


def _check_buckets(values: Mapping[str, Any]) -> Iterable[str]:
    count, percentage = len(values["bucketNames"]), values["percentage"]
    if (values["splits"] is None) == (percentage is None):
        yield "needs either 'splits' or 'percentage'"
        return
    if percentage is not None:
        if not (count - 1) * percentage < _WHOLE <= count * percentage:
            yield (
                f"{count} buckets of {percentage:g} percent each do not make 100 percent; the last "
                "may hold less"
            )
        return
    splits = _splits(values)
    if splits is None or any(math.isnan(one) for one in splits):
        yield "every one of 'splits' is a number, -Infinity or Infinity"
    elif list(splits) != sorted(set(splits)):
        yield "'splits' must rise from one to the next"
    elif len(splits) != count + 1:
        yield f"{count} buckets need {count + 1} splits; there are {len(splits)}"


@operation(
    "BUCKETIZATION",
    Status.INFERRED,
    "The name of the bucket that a number is in, in a new column. A bucket begins with its lower "
    "split and ends before the next; the last holds its upper split too, as Spark's Bucketizer "
    "does. With `percentage` each bucket holds that share of the column's numbers, in rising "
    "order: its bounds are percentiles, with linear interpolation, and equal numbers are always in "
    "one bucket. AWS is silent on the ends and on what the percentage is of. A number outside of "
    "all buckets, and a null, empty or unreadable cell, give null; so does, with `percentage`, "
    "what is not finite.",
    SOURCE,
    TARGET,
    Parameter("bucketNames", Kind.CHOICES, "the buckets' names as a JSON list", required=True),
    Parameter("splits", Kind.CHOICES, "the levels, one more than buckets, as a JSON list"),
    Parameter("percentage", Kind.NUMBER, "how much of the column each bucket holds", most=_WHOLE),
    tier=2,
    check=_check_buckets,
)
def bucketization(call: Call, frame: Frame) -> Frame:
    """Find each number's bucket."""
    column, names = frame.column(call.source), call["bucketNames"]
    splits = _splits(call.values) if call["splits"] is not None else None
    scalars: dict[str, exp.Expr] = {}
    if splits is not None:
        value, bounds = double(column), [number(one) for one in splits]
    else:
        value = finite(column)
        shares = [min(place * call["percentage"], _WHOLE) for place in range(len(names) + 1)]
        scalars = {f"bound_{place}": percentile(value, one) for place, one in enumerate(shares)}
        bounds = [scalar(name) for name in scalars]
    branches = []
    for place, name in enumerate(names):
        end = exp.LTE if place == len(names) - 1 else exp.LT
        above = paren(exp.GTE(this=value.copy(), expression=bounds[place]))
        below = paren(end(this=value.copy(), expression=bounds[place + 1].copy()))
        branches.append((all_of([above, below]), string(name)))
    return new_column(call, frame, case(branches), scalars=scalars)
