"""Steps of the recipe language that a source's settings put before a connector's own.

Here: pure functions from settings to steps, and putting them first. Not here: the settings
(`connector_types.source_settings`), and what a step means (`recipe`).

They are ordinary steps, so that both engines run them, the recipe's hash covers them, and lineage
shows them. Nothing else is done to a batch before its recipe.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from cleanroom_pipeline.recipe import Recipe, RecipeError
from cleanroom_pipeline.recipe.findings import Finding
from cleanroom_pipeline.recipe.language import MOST_STEPS
from cleanroom_pipeline.recipe.steps import Condition, Step

OFFSET = re.compile(r"[+-](?:(?:0[0-9]|1[0-7]):[0-5][0-9]|18:00)")
UTC_MASK = "yyyy-mm-dd HH:MM:SS.SSS"
LOCAL_ENDING = "__as_delivered"
NUMBER_COLUMN = "__number_within_key"


def utc_steps(columns: Sequence[str], offset: str) -> tuple[Step, ...]:
    """Return the steps that make columns of times at a fixed offset, such as -06:00, times in UTC.

    A column keeps its name and its place; its cells become texts `yyyy-mm-dd HH:MM:SS.SSS`. A cell
    that states a zone itself is that moment, and one that is no time becomes null.
    """
    return tuple(chain.from_iterable(_to_utc(column, offset) for column in columns))


def _to_utc(column: str, offset: str) -> list[Step]:
    delivered = column + LOCAL_ENDING
    convert = {
        "sourceColumn": delivered,
        "targetColumn": column,
        "fromTimeZone": f"UTC{offset}",
        "toTimeZone": "UTC",
        "dateTimeFormat": UTC_MASK,
    }
    return [
        Step("RENAME", {"sourceColumn": column, "targetColumn": delivered}),
        Step("CONVERT_TIMEZONE", convert),
        Step("MOVE_AFTER", {"sourceColumn": column, "targetColumn": delivered}),
        Step("DELETE", {"sourceColumns": json.dumps([delivered])}),
    ]


def unique_steps(key: Sequence[str]) -> tuple[Step, ...]:
    """Return the steps that keep the first of the rows that agree in all columns of a key.

    Null is a value like any other here: a row without any part of its key is kept once.
    """
    if not key:
        return ()
    listed = json.dumps(list(key))
    later = Condition("GREATER_THAN", NUMBER_COLUMN, "1")
    return (
        Step("ROW_NUMBER", {"groupByColumns": listed, "targetColumn": NUMBER_COLUMN}),
        Step("REMOVE_VALUES", {"sourceColumn": NUMBER_COLUMN}, (later,)),
        Step("DELETE", {"sourceColumns": json.dumps([NUMBER_COLUMN])}),
    )


def with_steps_before(recipe: Recipe, steps: Sequence[Step]) -> Recipe:
    """Return the recipe with steps before its own, which keep the lines that they are written in.

    Raises RecipeError for more steps than AWS allows, and for a step that can't be right.
    """
    whole = [*steps, *recipe.steps]
    if len(whole) > MOST_STEPS:
        told = f"holds {len(recipe.steps)} steps, and settings of the source add {len(steps)}"
        raise RecipeError(recipe.name, [Finding(f"{told}; AWS allows {MOST_STEPS}")])
    numbered = (replace(step, number=number) for number, step in enumerate(whole, start=1))
    made = Recipe(recipe.name, tuple(numbered))
    if findings := made.check():
        raise RecipeError(recipe.name, findings)
    return made
