"""Taking one value out of a nested column by a path.

Here: EXTRACT_VALUE and its paths. Not here: columns of all fields (unnesting.py).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import nested
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import case, string, try_cast
from cleanroom_pipeline.recipe.findings import StepError, did_you_mean
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
from cleanroom_pipeline.recipe.operations.unnesting import field_of
from cleanroom_pipeline.recipe.plan import (
    TEXT,
    Column,
    Computed,
    Frame,
)

_STEP_OF_PATH = re.compile(r"\.?(?:`((?:[^`]|``)+)`|([^`.\[\]]+)|\[(\d{1,6})\])")


def path_steps(path: str) -> list[str | int] | None:
    """Return the names and places (0-based) of a path such as `user`.`tags`[0], or None."""
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        found = _STEP_OF_PATH.match(path, position)
        if not found:
            return None
        quoted, plain, place = found.groups()
        steps.append(int(place) if place else quoted.replace("``", "`") if quoted else plain)
        position = found.end()
    return steps or None


def _check_path(values: Mapping[str, Any]) -> Iterable[str]:
    if path_steps(values["path"]) is None:
        yield "parameter 'path' is not of the form `field`.`field`[0]"


@operation(
    "EXTRACT_VALUE",
    Status.INFERRED,
    "Takes a value out of a struct, list or map, or out of JSON text, by a path of back-ticked "
    "names and [places from 0]; it may begin with the column's own name. What is missing is null.",
    SOURCE,
    TARGET,
    Parameter("path", Kind.TEXT, "the way to the value, as `user`.`id`", required=True),
    tier=2,
    check=_check_path,
)
def extract_value(call: Call, frame: Frame) -> Frame:
    """Take one value out of a nested column."""
    column = frame.column(call.source)
    steps = path_steps(call["path"]) or []
    fields = nested.struct_fields(column.type)
    own = steps[0] == column.name and not (fields and column.name in {one.name for one in fields})
    if own and len(steps) > 1:
        steps = steps[1:]
    if column.type == TEXT:
        pointer = "".join("/" + str(one).replace("~", "~0").replace("/", "~1") for one in steps)
        read = function("json_extract_string", column.tree, string(pointer))
        return new_column(call, frame, case([(function("json_valid", column.tree), read)]))
    value: Column = column
    for one in steps:
        value = _inside(value, one)
    return new_column(call, frame, value.tree, type_=value.type)


def _inside(value: Column, step: str | int) -> Column:
    """Return what stands at one step of a path."""
    element = nested.element_type(value.type)
    if element is not None and isinstance(step, int):
        place = exp.Literal.number(step + 1)
        return Computed(value.name, element, function("list_extract", value.tree, place))
    types = nested.map_types(value.type)
    if types is not None:
        key = try_cast(string(str(step)), types[0])
        found = function("map_extract", value.tree, key)
        return Computed(
            value.name, types[1], function("list_extract", found, exp.Literal.number(1))
        )
    fields = {one.name: one for one in nested.struct_fields(value.type) or ()}
    if step not in fields:
        known = did_you_mean(str(step), fields)
        raise StepError(f"path: there is no {step!r} in a value of type {value.type}{known}")
    return field_of(value, fields[str(step)])
