"""Outliers against NumPy, on generated columns.

Here: which numbers are outliers, what replaces them. Not here: chosen examples (golden/outliers/),
refusals (test_outliers.py).
"""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cleanroom_pipeline_tests.recipe.oracles.runs import after
from cleanroom_pipeline_tests.recipe.running import step

Numbers = np.ndarray[Any, np.dtype[np.float64]]
NUMBERS = st.one_of(
    st.integers(-8, 8).map(float), st.floats(-1e6, 1e6, width=32), st.sampled_from([1e3, -1e3])
)
CELLS = st.lists(
    st.one_of(NUMBERS, NUMBERS, st.sampled_from([None, float("inf"), float("nan")])),
    min_size=4,
    max_size=40,
)
STRATEGIES = st.sampled_from(["Z_SCORE", "MODIFIED_Z_SCORE", "IQR"])
THRESHOLDS = st.sampled_from([0.5, 1.0, 1.5, 3.0])
OF_OTHERS: dict[str, Callable[[Sequence[float]], float]] = {
    "AVERAGE": statistics.fmean,
    "MEDIAN": statistics.median,
    "SUM": sum,
    "MAX": max,
}
# Columns without spread, and scores within rounding of the threshold, are many and say nothing.
FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


def run(cells: list[float | None], operation: str, **parameters: Any) -> dict[str, list[Any]]:
    columns = {"x": (pa.float64(), cells), "n": (pa.int64(), range(len(cells)))}
    return after(columns, step(operation, sourceColumn="x", **parameters))


def scores(values: Numbers, strategy: str) -> Numbers:
    """Return how far each value is from the others, in the strategy's measure."""
    if strategy == "IQR":
        first, third = np.percentile(values, [25, 75])
        outside = np.maximum(first - values, values - third)
        return np.asarray(np.where(outside > 0, outside, 0) / (third - first))
    median = np.median(values)
    centre, spread = values.mean(), values.std()
    if strategy == "MODIFIED_Z_SCORE":
        centre, spread = median, np.median(abs(values - median)) / 0.6745
    return np.asarray(abs(values - centre) / spread)


def outliers(cells: list[float | None], strategy: str, threshold: float) -> list[bool]:
    """Return which cells are outliers; columns without spread or with a close call are skipped."""
    there = [cell is not None and np.isfinite(cell) for cell in cells]
    values = np.array([cell for cell, is_there in zip(cells, there, strict=True) if is_there])
    assume(len(values) > 0)
    with np.errstate(all="ignore"):
        score = scores(values, strategy)
    assume(np.isfinite(score).all() and (abs(score - threshold) > 1e-6).all())
    assume(np.ptp(values) > 1e-6)
    found = iter(score > threshold)
    return [bool(next(found)) if is_there else False for is_there in there]


def same(found: list[Any], expected: list[Any]) -> None:
    assert found == [
        pytest.approx(one, nan_ok=True) if one is not None else one for one in expected
    ]


@FEW
@given(CELLS, STRATEGIES, THRESHOLDS)
def test_outliers_are_flagged_and_removed(
    cells: list[float | None], strategy: str, threshold: float
) -> None:
    far = outliers(cells, strategy, threshold)
    how = {"outlierStrategy": strategy, "threshold": threshold}
    flagged = run(cells, "FLAG_OUTLIERS", targetColumn="far", **how)
    assert flagged["far"] == [str(one) for one in far]
    kept = run(cells, "REMOVE_OUTLIERS", removeType="DELETE_ROWS", **how)
    assert kept["n"] == [place for place, one in enumerate(far) if not one]
    cleared = run(cells, "REMOVE_OUTLIERS", removeType="CLEAR", **how)
    same(cleared["x"], [None if one else x for x, one in zip(cells, far, strict=True)])


@FEW
@given(CELLS, STRATEGIES, THRESHOLDS, st.sampled_from(list(OF_OTHERS)))
def test_outliers_are_replaced_by_values_of_the_others(
    cells: list[float | None], strategy: str, threshold: float, name: str
) -> None:
    far = outliers(cells, strategy, threshold)
    pairs = list(zip(cells, far, strict=True))
    others = [x for x, one in pairs if not one and x is not None and np.isfinite(x)]
    assume(others)
    replaced = run(
        cells,
        "REPLACE_OUTLIERS",
        outlierStrategy=strategy,
        threshold=threshold,
        replaceType=f"REPLACE_WITH_{name}",
    )
    expected = float(OF_OTHERS[name](others))
    same(replaced["x"], [expected if one else x for x, one in pairs])


@FEW
@given(CELLS, STRATEGIES, THRESHOLDS, st.integers(0, 50), st.integers(50, 100))
def test_percentiles_cap_outliers_or_limit_which_ones_go(
    cells: list[float | None], strategy: str, threshold: float, low: int, high: int
) -> None:
    far = outliers(cells, strategy, threshold)
    pairs = list(zip(cells, far, strict=True))
    finite = [x for x in cells if x is not None and np.isfinite(x)]
    least, most = np.percentile(finite, [low, high])
    assume(all(x in {least, most} or min(abs(x - least), abs(x - most)) > 1e-6 for x in finite))
    how = {"outlierStrategy": strategy, "threshold": threshold, "minValue": low, "maxValue": high}
    capped = run(cells, "REPLACE_OUTLIERS", replaceType="WINSORIZE_VALUES", **how)
    same(
        capped["x"],
        [float(np.clip(x, least, most)) if x is not None and one else x for x, one in pairs],
    )
    kept = run(cells, "REMOVE_OUTLIERS", removeType="DELETE_ROWS", trimValue="true", **how)
    gone = [one and x is not None and not least <= x <= most for x, one in pairs]
    assert kept["n"] == [place for place, one in enumerate(gone) if not one]


@FEW
@given(CELLS)
def test_rescaled_numbers_have_mean_0_and_deviation_1(cells: list[float | None]) -> None:
    outliers(cells, "Z_SCORE", -1.0)
    how = {"targetColumn": "z", "outlierStrategy": "Z_SCORE"}
    scaled = run(cells, "RESCALE_OUTLIERS_WITH_Z_SCORE", **how)["z"]
    there = [cell is not None and np.isfinite(cell) for cell in cells]
    assert [one is not None for one in scaled] == there
    numbers = np.array([one for one in scaled if one is not None])
    assert numbers.mean() == pytest.approx(0, abs=1e-6)
    assert numbers.std() == pytest.approx(1)
    before = np.array([cell for cell in cells if cell is not None and np.isfinite(cell)])
    assert numbers == pytest.approx((before - before.mean()) / before.std(), abs=1e-9)
