"""Numbers written as texts, and statistics of them in plain Python.

Here: cells to generate, which of them are numbers, what several oracles compute. Not here: oracles
of one operation.
"""

import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st

Cell = str | None
_Value = TypeVar("_Value", float, str)
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
CELLS = st.one_of(
    st.none(),
    st.integers(-9, 9).map(str),
    st.decimals(-1000, 1000, places=2).map(str),
    st.sampled_from([" 7 ", "+3", "1e2", ".5", "4.", "-0", "007"]),
    st.sampled_from(["", "n/a", "zwölf", "1,5", "0x1F", "1_000", "٣", "--1", "🙂"]),
)
MODES: Mapping[str, Callable[[list[float]], Any]] = {
    "MINIMUM": min,
    "MAXIMUM": max,
    "AVERAGE": statistics.fmean,
    "NONE": lambda values: values[0] if len(values) == 1 else None,
}


def numbers(cells: Iterable[Cell]) -> list[float]:
    """Return what Spark reads as numbers."""
    return [float(cell) for cell in cells if cell is not None and _NUMBER.fullmatch(cell)]


def present(cells: Iterable[Cell]) -> list[str]:
    """Return the cells that are neither null nor empty."""
    return [cell for cell in cells if cell]


def modes(values: Iterable[_Value]) -> list[_Value]:
    """Return the most frequent values, in ascending order."""
    counted = Counter(values)
    return sorted(value for value, count in counted.items() if count == max(counted.values()))


def nth(values: Iterable[float], k: int) -> float | None:
    """Return the k-th largest value."""
    ordered = sorted(values, reverse=True)
    return ordered[k - 1] if len(ordered) >= k else None


def of_numbers(make: Callable[[list[float]], Any]) -> Callable[[Sequence[Cell]], Any]:
    """Return a function of the numbers among cells that is null when there are none."""
    return lambda cells: make(numbers(cells)) if numbers(cells) else None


def mode_of(pick: Callable[[list[float]], Any]) -> Callable[[Sequence[Cell]], Any]:
    """Return the function of cells that picks from the modes of their numbers."""
    return of_numbers(lambda values: pick(modes(values)))


def close(values: Iterable[Any]) -> list[Any]:
    """Return values to compare with, floats up to what the order of adding may change."""
    return [
        pytest.approx(one, rel=1e-12, abs=1e-9) if isinstance(one, float) else one for one in values
    ]
