"""Outliers: flagged, removed, replaced, rescaled.

Here: the five operations. Not here: how outliers are told from other numbers
(outlier_strategies.py), cells that are missing or invalid (filling.py, quality.py).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import case, null, number, paren, string
from cleanroom_pipeline.recipe.operations.column_values import (
    Fill,
    custom_fill,
    finite,
    modes,
    number_fill,
)
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    TARGET,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.outlier_strategies import (
    HOW,
    MAXIMUM,
    MINIMUM,
    STRATEGY,
    THRESHOLD,
    Outliers,
    greater,
)
from cleanroom_pipeline.recipe.operations.quality import FLAGS, flagged
from cleanroom_pipeline.recipe.operations.rewriting import (
    as_type,
    in_place,
    new_column,
    without_rows,
)
from cleanroom_pipeline.recipe.operations.skewness import (
    SKEW_DOC,
    SKEW_FUNCTION,
    SKEW_VALUE,
    check_skew,
    skewed,
)
from cleanroom_pipeline.recipe.plan import (
    DOUBLE,
    INPUT,
    TEXT,
    Frame,
    scalar,
)


def _check_percentiles(values: Mapping[str, Any]) -> Iterable[str]:
    low, high = values["minValue"], values["maxValue"]
    if low is not None and high is not None and low > high:
        yield "minValue must not be greater than maxValue"


def _check_trimmed(values: Mapping[str, Any]) -> Iterable[str]:
    yield from _check_percentiles(values)
    if values["trimValue"] and None in {values["minValue"], values["maxValue"]}:
        yield "trimValue true needs minValue and maxValue"


@operation(
    "FLAG_OUTLIERS",
    Status.INFERRED,
    "Says in a new column whether a number is an outlier; null, empty and unreadable cells are "
    f"none. {HOW}",
    SOURCE,
    TARGET,
    STRATEGY,
    THRESHOLD,
    *FLAGS,
    tier=2,
)
def flag_outliers(call: Call, frame: Frame) -> Frame:
    """Flag outliers."""
    outliers = Outliers(call, frame)
    return new_column(call, frame, flagged(call, outliers.are()), scalars=outliers.scalars)


@operation(
    "REMOVE_OUTLIERS",
    Status.INFERRED,
    "Removes the rows of outliers (DELETE_ROWS), or makes their cells null (CLEAR). With trimValue "
    "only outliers below the minValue-th or above the maxValue-th percentile of the column's "
    f"numbers; without it minValue and maxValue have no effect. {HOW}",
    SOURCE,
    STRATEGY,
    THRESHOLD,
    Parameter(
        "removeType",
        Kind.CHOICE,
        "what is removed",
        required=True,
        choices=("DELETE_ROWS", "CLEAR"),
    ),
    Parameter("trimValue", Kind.BOOLEAN, "whether the percentiles count", default=False),
    MINIMUM,
    MAXIMUM,
    tier=2,
    check=_check_trimmed,
)
def remove_outliers(call: Call, frame: Frame) -> Frame:
    """Filter out, or empty, outliers."""
    outliers = Outliers(call, frame)
    gone = outliers.are_outside_percentiles() if call["trimValue"] else outliers.are()
    if call["removeType"] == "CLEAR":
        return in_place(
            call,
            frame,
            lambda column: case([(gone, null())], column.tree),
            type_=outliers.column.type,
            scalars=outliers.scalars,
        )
    return without_rows(call, frame, gone, scalars=outliers.scalars)


_PICKS = {"MIN": "min", "MAX": "max", "AVERAGE": "avg"}
_OF_OTHERS = {"AVERAGE": "avg", "MEDIAN": "median", "SUM": "sum", "MAX": "max"}
_TRIMS_BY_ITSELF = {"REPLACE_WITH_NULL", "REPLACE_WITH_MODE", "WINSORIZE_VALUES"}
_REPLACE_TYPES = (
    "WINSORIZE_VALUES",
    "REPLACE_WITH_CUSTOM",
    "REPLACE_WITH_EMPTY",
    "REPLACE_WITH_NULL",
    "REPLACE_WITH_MODE",
    *(f"REPLACE_WITH_{name}" for name in _OF_OTHERS),
)


def _trims(values: Mapping[str, Any]) -> bool:
    """Say whether the percentiles limit what is replaced; for three types they do unless told."""
    written: bool | None = values["trimValue"]
    return values["replaceType"] in _TRIMS_BY_ITSELF if written is None else written


def _check_replaced(values: Mapping[str, Any]) -> Iterable[str]:
    yield from _check_percentiles(values)
    kind = values["replaceType"]
    if None in {values["minValue"], values["maxValue"]}:
        if kind == "WINSORIZE_VALUES":
            yield "WINSORIZE_VALUES needs minValue and maxValue"
        elif _trims(values):
            yield (
                f"{kind} needs minValue and maxValue, unless trimValue is false"
                if values["trimValue"] is None
                else "trimValue true needs minValue and maxValue"
            )
    if (kind == "REPLACE_WITH_CUSTOM") != (values["value"] is not None):
        yield "REPLACE_WITH_CUSTOM, and nothing else, needs 'value'"
    if kind == "REPLACE_WITH_MODE" and values["modeType"] is None:
        yield "REPLACE_WITH_MODE needs 'modeType'"


def _replacement(call: Call, outliers: Outliers) -> Fill:
    column, kind = outliers.column, call["replaceType"]
    if kind == "WINSORIZE_VALUES":
        capped = function("least", outliers.value.copy(), scalar("maxValue"))
        return number_fill(function("greatest", capped, scalar("minValue")), column)
    if kind == "REPLACE_WITH_CUSTOM":
        return custom_fill(call["value"], column)
    if kind == "REPLACE_WITH_EMPTY":
        return Fill(string(""), TEXT)
    if kind == "REPLACE_WITH_NULL":
        return Fill(null(), column.type)
    if kind == "REPLACE_WITH_MODE":
        of_others = modes(outliers.others(), _PICKS[call["modeType"]])
    else:
        aggregate = function(_OF_OTHERS[kind.rpartition("_")[2]], outliers.others())
        of_others = exp.select(aggregate.as_("value")).from_(INPUT)
    return number_fill(scalar("replacement"), column, {"replacement": of_others})


@operation(
    "REPLACE_OUTLIERS",
    Status.INFERRED,
    "Replaces outliers: with `value` (CUSTOM), the empty text (EMPTY; the column becomes text), "
    "null (NULL), a value of the column's numbers that are no outliers (MODE, of several what "
    "modeType says, AVERAGE, MEDIAN, SUM, MAX; AWS is silent on which numbers), or, "
    "WINSORIZE_VALUES, with the nearer of the minValue-th and maxValue-th percentiles of the "
    "column's numbers where they are beyond it. trimValue limits all this to outliers below the "
    "one percentile or above the other; NULL, MODE and WINSORIZE_VALUES have it unless told. "
    "Numbers in a text column are written as text; a column of "
    f"another type that gets computed numbers becomes DOUBLE. Other cells stay. {HOW}",
    SOURCE,
    STRATEGY,
    THRESHOLD,
    Parameter(
        "replaceType", Kind.CHOICE, "what replaces them", required=True, choices=_REPLACE_TYPES
    ),
    Parameter("modeType", Kind.CHOICE, "which of several modes", choices=tuple(_PICKS)),
    Parameter("value", Kind.TEXT, "the value of REPLACE_WITH_CUSTOM"),
    Parameter("trimValue", Kind.BOOLEAN, "whether the percentiles count"),
    MINIMUM,
    MAXIMUM,
    tier=2,
    check=_check_replaced,
)
def replace_outliers(call: Call, frame: Frame) -> Frame:
    """Write something else in place of outliers."""
    outliers = Outliers(call, frame)
    replaced = outliers.are_outside_percentiles() if _trims(call.values) else outliers.are()
    fill = _replacement(call, outliers)
    return in_place(
        call,
        frame,
        lambda column: case([(replaced, fill.tree)], as_type(column, fill.type)),
        type_=fill.type,
        scalars={**outliers.scalars, **fill.scalars},
    )


_NO_EFFECT = (
    " AWS's page has a strategy and a threshold and says that the data values are rescaled, not "
    "that others stay: all of the column's numbers are, and those two have no effect."
)


@operation(
    "RESCALE_OUTLIERS_WITH_Z_SCORE",
    Status.INFERRED,
    "The column's numbers scaled to mean 0 and standard deviation 1 (the population's), in a new "
    "column. Null, empty, unreadable and infinite cells give null; so does everything when all "
    f"numbers are equal.{_NO_EFFECT}",
    SOURCE,
    TARGET,
    STRATEGY,
    THRESHOLD,
    tier=3,
)
def rescale_outliers_with_z_score(call: Call, frame: Frame) -> Frame:
    """Scale to z-scores."""
    value = finite(frame.column(call.source))
    scalars = {"mean": function("avg", value), "spread": function("stddev_pop", value.copy())}
    distance = paren(exp.Sub(this=value.copy(), expression=scalar("mean")))
    score = paren(exp.Div(this=distance, expression=scalar("spread")))
    scaled = case([(greater(scalar("spread"), number(0)), score)])
    return new_column(call, frame, scaled, type_=DOUBLE, scalars=scalars)


@operation(
    "RESCALE_OUTLIERS_WITH_SKEW",
    Status.INFERRED,
    f"A function of the column's numbers, in a new column. {SKEW_DOC}{_NO_EFFECT}",
    SOURCE,
    TARGET,
    STRATEGY,
    THRESHOLD,
    SKEW_FUNCTION,
    SKEW_VALUE,
    tier=3,
    check=check_skew,
)
def rescale_outliers_with_skew(call: Call, frame: Frame) -> Frame:
    """Apply the function, as SKEWNESS does."""
    return new_column(call, frame, skewed(call.values, frame.column(call.source)), type_=DOUBLE)
