"""How outliers are told from the other numbers of their column.

Here: the three strategies as trees, and their parameters. Not here: what becomes of outliers
(outliers.py).

A column's numbers are its finite ones; null, empty and unreadable cells, NaN and infinity are no
numbers: they count in no statistic and are never outliers. AWS names the strategies and gives no
formula. Ours, with the score that must exceed the threshold:
Z_SCORE: |x - mean| / standard deviation (the population's, as AWS defines VARIANCE);
MODIFIED_Z_SCORE: 0.6745 |x - median| / median absolute deviation (Iglewicz and Hoaglin);
IQR: how many interquartile ranges x is below the first or above the third quartile (Tukey).
Quartiles and percentiles are linear between two numbers. A deviation of 0 makes nothing an outlier.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import all_of, any_of, case, null, number, paren
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.operations.column_values import finite, percentile
from cleanroom_pipeline.recipe.operations.declaration import Call, Kind, Parameter
from cleanroom_pipeline.recipe.plan import INPUT, Frame, scalar

Statistic = Callable[[exp.Expr], exp.Expr]
Known = Callable[[str], exp.Expr]
_NORMAL_DEVIATION = 0.6745  # the median absolute deviation of a normal distribution, in sigmas


@dataclass(frozen=True)
class Strategy:
    """The statistics of a column's numbers, and the tree that says which number is an outlier."""

    statistics: Mapping[str, Statistic]
    beyond: Callable[[exp.Expr, Known, float], exp.Expr]


def _aggregate(name: str) -> Statistic:
    return lambda numbers: function(name, numbers)


def _percentile(percent: float) -> Statistic:
    return lambda numbers: percentile(numbers, percent)


def greater(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """Return (left > right)."""
    return paren(exp.GT(this=left, expression=right))


def _score_above(factor: float) -> Callable[[exp.Expr, Known, float], exp.Expr]:
    def beyond(value: exp.Expr, known: Known, threshold: float) -> exp.Expr:
        distance = function("abs", paren(exp.Sub(this=value, expression=known("centre"))))
        weighed = paren(exp.Mul(this=number(factor), expression=distance))
        score = paren(exp.Div(this=weighed, expression=known("spread")))
        spread = all_of(
            [greater(known("spread"), number(0)), function("isfinite", known("spread"))]
        )
        return all_of([spread, greater(score, number(threshold))])

    return beyond


def _outside_fences(value: exp.Expr, known: Known, threshold: float) -> exp.Expr:
    between = paren(exp.Sub(this=known("third"), expression=known("first")))
    reach = paren(exp.Mul(this=number(threshold), expression=between))
    low = paren(exp.Sub(this=known("first"), expression=reach))
    high = paren(exp.Add(this=known("third"), expression=reach.copy()))
    return any_of([greater(low, value), greater(value.copy(), high)])


_STRATEGIES: Mapping[str, Strategy] = {
    "Z_SCORE": Strategy(
        {"centre": _aggregate("avg"), "spread": _aggregate("stddev_pop")}, _score_above(1.0)
    ),
    "MODIFIED_Z_SCORE": Strategy(
        {"centre": _aggregate("median"), "spread": _aggregate("mad")},
        _score_above(_NORMAL_DEVIATION),
    ),
    "IQR": Strategy({"first": _percentile(25), "third": _percentile(75)}, _outside_fences),
}
STRATEGY = Parameter(
    "outlierStrategy",
    Kind.CHOICE,
    "how outliers are told from other numbers",
    required=True,
    choices=tuple(_STRATEGIES),
)
THRESHOLD = Parameter(
    "threshold", Kind.NUMBER, "the score that an outlier exceeds", default=3.0, least=0
)
MINIMUM = Parameter("minValue", Kind.NUMBER, "the percentile below which", least=0, most=100)
MAXIMUM = Parameter("maxValue", Kind.NUMBER, "the percentile above which", least=0, most=100)
HOW = (
    "Outliers: the score of outlierStrategy exceeds the threshold, over the column's finite "
    "numbers (Z_SCORE: distance from the mean in population standard deviations; "
    "MODIFIED_Z_SCORE: 0.6745 times the distance from the median in median absolute deviations; "
    "IQR: distance beyond the first or third quartile in interquartile ranges; AWS gives no "
    "formulas)."
)


class Outliers:
    """The outliers of a step's column: as a tree of a row, and as one inside a scalar."""

    def __init__(self, call: Call, frame: Frame) -> None:
        """Take the step's strategy, threshold and percentiles."""
        self.column = frame.column(call.source)
        self.value = finite(self.column)
        self._strategy = _STRATEGIES[call["outlierStrategy"]]
        self._threshold: float = call["threshold"]
        self._ends = {name: call.values.get(name) for name in ("minValue", "maxValue")}

    def _statistics(self) -> dict[str, Statistic]:
        ends = {name: _percentile(end) for name, end in self._ends.items() if end is not None}
        return {**self._strategy.statistics, **ends}

    @property
    def scalars(self) -> dict[str, exp.Expr]:
        """The statistics that the trees of a row ask for."""
        return {name: make(self.value.copy()) for name, make in self._statistics().items()}

    def are(self, known: Known = scalar) -> exp.Expr:
        """Return whether the row's number is an outlier: true or false, never null."""
        beyond = self._strategy.beyond(self.value.copy(), known, self._threshold)
        return function("coalesce", beyond, exp.false())

    def are_outside_percentiles(self) -> exp.Expr:
        """Return whether it is an outlier below minValue's percentile or above maxValue's."""
        below = greater(scalar("minValue"), self.value.copy())
        above = greater(self.value.copy(), scalar("maxValue"))
        return all_of([self.are(), any_of([below, above])])

    def others(self) -> exp.Expr:
        """Return the row's number, null for an outlier, to aggregate over INPUT."""

        def known(name: str) -> exp.Expr:
            statistic = self._statistics()[name](self.value.copy())
            return exp.select(statistic.as_("value")).from_(INPUT).subquery()

        return case([(self.are(known), null())], self.value.copy())
