"""Operations that bring a second input in.

Here: JOIN, UNION. Not here: the second inputs' files (recipe/datasets.py).

A second input is what the run was given under the dataset's name, or under its S3 location. Where a
recipe is only checked, nothing is known of it but what the step says.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import INTEGER_TYPES, cast, is_numeric, null
from cleanroom_pipeline.recipe.findings import StepError
from cleanroom_pipeline.recipe.operations.declaration import (
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.rewriting import as_type, free_name
from cleanroom_pipeline.recipe.plan import DOUBLE, TEXT, Column, Frame, Join, Output, Union
from cleanroom_pipeline.recipe.steps import Step
from cleanroom_pipeline.recipe.widening import common_type

_SIDES: Mapping[str, tuple[str, bool]] = {
    "INNER_JOIN": ("inner", False),
    "LEFT_JOIN": ("left", False),
    "RIGHT_JOIN": ("right", False),
    "OUTER_JOIN": ("full", False),
    "LEFT_EXCLUDING_JOIN": ("left", True),
    "RIGHT_EXCLUDING_JOIN": ("right", True),
    "OUTER_EXCLUDING_JOIN": ("full", True),
}


def _columns_of(call: Call, names: Sequence[str]) -> tuple[str, tuple[Column, ...] | None]:
    """Return the name under which a second input was given, and its columns.

    The columns are None when a recipe is only checked. Raises StepError for one that is not there.
    """
    datasets = call.options.datasets
    if datasets is None:
        return names[0], None
    for name in names:
        columns = datasets.columns(name)
        if columns is not None:
            return name, columns
    raise StepError(f"reads a second dataset that the run was not given: {' or '.join(names)}")


def second_inputs(step: Step) -> list[tuple[str, ...]]:
    """Return the second inputs that a step reads, each by the names it may be given under."""
    given = step.parameters
    if step.operation == "JOIN":
        pairs = [(given.get("secondaryDatasetName"), given.get("secondInputLocation"))]
    elif step.operation == "UNION":
        pairs = _union_inputs(given.get("secondaryDatasetNames"), given.get("secondaryInputs"))
    else:
        pairs = []
    return [tuple(name for name in pair if name) for pair in pairs]


def _union_inputs(names: str | None, inputs: str | None) -> list[tuple[str | None, str | None]]:
    one = names is not None and not names.lstrip().startswith("[")
    named = [names] if one else json.loads(names or "[]")
    located = locations(inputs) if inputs else []
    return list(zip_longest(named, located))


def _check_join(values: Mapping[str, Any]) -> Iterable[str]:
    if values["secondaryDatasetName"] is None and values["secondInputLocation"] is None:
        yield "needs 'secondaryDatasetName' or 'secondInputLocation'"
    for pair in values["joinKeys"]:
        if set(pair) != {"key", "value"} or not all(isinstance(x, str) for x in pair.values()):
            yield 'joinKeys is a list of {"key": column of this input, "value": of the second}'
            return


@operation(
    "JOIN",
    Status.INFERRED,
    "Puts rows of a second dataset beside rows that have equal keys (of different types: "
    "numbers by value, else as text; null equals nothing). leftColumns say what stays of the "
    "columns of before the recipe; what steps made stays too. A right column whose name is "
    "there already gets the suffix _2 (_3 ...). Rows stay in this input's order; rows of the "
    "second without a partner come last.",
    Parameter("joinKeys", Kind.OBJECTS, "pairs of key (this) and value (second)", required=True),
    Parameter("joinType", Kind.CHOICE, "which rows stay", required=True, choices=tuple(_SIDES)),
    Parameter("leftColumns", Kind.COLUMNS, "the columns of this input that stay"),
    Parameter("rightColumns", Kind.COLUMNS, "the columns of the second input", required=True),
    Parameter("secondInputLocation", Kind.TEXT, "where the second input is, as s3://..."),
    Parameter("secondaryDatasetName", Kind.TEXT, "the second dataset's name"),
    tier=2,
    conditions=False,
    check=_check_join,
)
def join(call: Call, frame: Frame) -> Frame:
    """Join a second input."""
    (given,) = second_inputs(call.step)
    name, known = _columns_of(call, given)
    second = Frame(known or (), opened=known is None)
    left = _left_columns(call, frame)
    right = [second.column(one) for one in call["rightColumns"]]
    taken = [column.name for column in left]
    pairs = []
    for column in right:
        fresh = free_name(column.name, taken)
        taken.append(fresh)
        pairs.append((column.name, fresh))
    keys = tuple(
        _comparable(frame.column(pair["key"]), second.column(pair["value"]))
        for pair in call["joinKeys"]
    )
    side, excluding = _SIDES[call["joinType"]]
    after = [
        *left,
        *[Column(fresh, one.type) for one, (_, fresh) in zip(right, pairs, strict=True)],
    ]
    names = tuple(column.name for column in left)
    return frame.then(Join(name, side, keys, names, tuple(pairs), excluding), after)


def _comparable(left: Column, right: Column) -> tuple[exp.Expr, exp.Expr]:
    """Return both keys in the type that holds them both; other numbers by value, else as text."""
    types = {left.type, right.type}
    type_ = common_type(types) or TEXT
    if types <= INTEGER_TYPES:
        type_ = "HUGEINT"
    elif type_ == TEXT and types & {DOUBLE, "FLOAT"} and all(map(is_numeric, types)):
        type_ = DOUBLE
    return as_type(left, type_), as_type(right, type_)


def _left_columns(call: Call, frame: Frame) -> list[Column]:
    """Return the left columns that stay; the console's lists may lack what steps have made."""
    if not call["leftColumns"]:
        return list(frame.columns)
    wanted = set(call["leftColumns"])
    for name in call["leftColumns"]:
        frame.column(name)
    return [one for one in frame.columns if one.name in wanted or one.name not in frame.inputs]


def _lists(text_: str, what: str) -> list[Any]:
    value = json.loads(text_)
    if not isinstance(value, list) or not value:
        message = f"{what} is not a JSON list"
        raise ValueError(message)
    return value


def locations(text_: str) -> list[str]:
    """Return where UNION's secondaryInputs are, each as s3://bucket/key or database.table.

    Raises ValueError for another form.
    """
    found = []
    for entry in _lists(text_, "secondaryInputs"):
        match entry:
            case {"S3InputDefinition": {"Bucket": str(bucket), **rest}}:
                found.append(f"s3://{bucket}/{rest.get('Key', '')}")
            case {"DataCatalogInputDefinition": {"DatabaseName": str(db), "TableName": str(name)}}:
                found.append(f"{db}.{name}")
            case _:
                message = "secondaryInputs holds something other than S3 or catalog inputs"
                raise ValueError(message)
    return found


def _check_union(values: Mapping[str, Any]) -> Iterable[str]:
    try:
        columns = _lists(values["datasetsColumns"], "datasetsColumns")
        named = len(values["secondaryDatasetNames"] or ())
        located = len(locations(values["secondaryInputs"])) if values["secondaryInputs"] else 0
    except ValueError as error:
        yield str(error)
        return
    seconds = max(named, located)
    if min(named, located) not in {0, seconds} or not seconds:
        yield "secondaryDatasetNames and secondaryInputs name the same datasets, or one is absent"
    if len(columns) != seconds + 1:
        yield f"datasetsColumns has {len(columns)} lists, for this input and {seconds} others"
    width = len(values["targetColumnNames"])
    for one in columns:
        if not isinstance(one, list) or len(one) != width:
            yield f"each list of datasetsColumns has one entry for each of {width} targets"
        elif not all(entry is None or isinstance(entry, str) for entry in one):
            yield "datasetsColumns holds column names, and null where a dataset has no such column"


@operation(
    "UNION",
    Status.INFERRED,
    "The rows of this input, then those of each second dataset. A target column has the type that "
    "holds all of them, else text; where a dataset has no such column, it is null.",
    Parameter("datasetsColumns", Kind.TEXT, "a JSON list of lists of column names", required=True),
    Parameter("targetColumnNames", Kind.COLUMNS, "the names of the result", required=True),
    Parameter("secondaryDatasetNames", Kind.COLUMNS, "the second datasets' names"),
    Parameter("secondaryInputs", Kind.TEXT, "where they are, a JSON list of input definitions"),
    tier=2,
    conditions=False,
    check=_check_union,
)
def union(call: Call, frame: Frame) -> Frame:
    """Append second inputs."""
    lists = json.loads(call["datasetsColumns"])
    seconds = [_columns_of(call, names) for names in second_inputs(call.step)]
    frames = [frame, *[Frame(known or (), opened=known is None) for _, known in seconds]]
    cells = [
        [None if name is None else one.column(name) for name in wanted]
        for one, wanted in zip(frames, lists, strict=True)
    ]
    targets = []
    for place, name in enumerate(call["targetColumnNames"]):
        types = [cell.type for row in cells if (cell := row[place]) is not None]
        targets.append(Column(name, (common_type(types) if types else None) or TEXT))
    outputs = [
        tuple(
            Output(target, as_type(cell, target.type) if cell else cast(null(), target.type))
            for cell, target in zip(row, targets, strict=True)
        )
        for row in cells
    ]
    others = tuple((name, own) for (name, _), own in zip(seconds, outputs[1:], strict=True))
    return frame.then(Union(outputs[0], others), targets)
