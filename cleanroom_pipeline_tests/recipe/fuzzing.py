"""Random recipes, right and wrong ones, from the operations' own declarations.

Here: drawing steps, parameters and conditions. Not here: what must hold for them (test_fuzz.py).
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cleanroom_pipeline.recipe import RecipeError, conditions, parse_recipe
from cleanroom_pipeline.recipe.operations import registry
from cleanroom_pipeline.recipe.operations.catalogue import OPERATIONS
from cleanroom_pipeline.recipe.operations.declaration import Kind, Operation, Parameter

COLUMNS = ("name", "e-mail", 'quoted "x"; DROP TABLE t; --', "größe 📏", "amount", "day", "tags")
TEXTS = (
    "", " ", "a", "Zoë", "%", "_", "'", '"', "`", "\\", "\x00", "\ud7ff", "😀" * 3, "x" * 300,
    "[", "(", "(a+)+$", "(?<=x)y", "\\d+", "{", "[]", "{}", "null", "NaN", "-1", "1e999",
    "9" * 40, "true", "2024-02-30", "yyyy-MM-dd", "UTC", "s3://b/k", "; --", "' OR 1=1 --",
    "`name`", "`name` = 1", "case when `amount` > 1 then 'a' else 'b' end", "#", "*", ",", "string",
)  # fmt: skip
NUMBERS = ("0", "1", "2", "-1", "3.5", "100", "1000000", "-0", "1e3", "999999999999")
_MOST_TRIES = 40
_OBJECT_KEYS = ("sourceColumn", "key", "value", "sourceColumnName", "targetColumnName")


class Drawing:
    """Draws recipes by a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def recipe(self) -> list[Any]:
        """Return one to five steps as a recipe file holds them; three in four look right alone."""
        draw = self._step if self._chance(4) else self._right_step
        return [draw() for _ in range(self._random.randint(1, 5))]

    def _right_step(self) -> dict[str, Any]:
        """Return a step that nothing is wrong with over the columns, unless none comes up."""
        for _ in range(_MOST_TRIES):
            step = self._step()
            try:
                if not parse_recipe(json.dumps([step]), name="step").check(COLUMNS):
                    return step
            except RecipeError:
                continue
        return step

    def _chance(self, one_in: int) -> bool:
        return self._random.randrange(one_in) == 0

    def _of(self, choices: Sequence[Any]) -> Any:
        return self._random.choice(choices)

    def _step(self) -> dict[str, Any]:
        if self._chance(25):
            name = self._of([*OPERATIONS, "NO_SUCH_OPERATION", ""])
        else:
            name = self._of(list(registry()))
        declared = registry().get(name)
        made: dict[str, Any] = {
            "Action": {"Operation": name, "Parameters": self._parameters(declared)}
        }
        if self._chance(4):
            made["ConditionExpressions"] = [self._condition()]
        return made

    def _parameters(self, declared: Operation | None) -> dict[str, Any]:
        if declared is None:
            return {"sourceColumn": self._of(COLUMNS)}
        made = {}
        for one in declared.parameters:
            if (one.required and not self._chance(40)) or self._chance(3):
                made[one.name] = self._value(one)
        if self._chance(40):
            made["unknownOne"] = "x"
        return made

    def _value(self, parameter: Parameter) -> Any:
        if self._chance(12):
            return self._of(TEXTS)
        if parameter.choices and parameter.kind is Kind.CHOICE:
            return self._of(parameter.choices)
        draw: Mapping[Kind, Callable[[], Any]] = {
            Kind.COLUMN: lambda: self._of(COLUMNS),
            Kind.NEW_COLUMN: lambda: self._of(["new", "new 2", "größer", *COLUMNS]),
            Kind.COLUMNS: lambda: self._some(COLUMNS),
            Kind.CHOICES: lambda: self._some(parameter.choices or TEXTS),
            Kind.INTEGER: lambda: self._of(NUMBERS),
            Kind.NUMBER: lambda: self._of(NUMBERS),
            Kind.BOOLEAN: lambda: self._of(["true", "false"]),
            Kind.MAPPING: lambda: json.dumps({self._of(TEXTS): self._of(TEXTS)}),
            Kind.OBJECTS: lambda: json.dumps([{key: self._of(COLUMNS) for key in _OBJECT_KEYS}]),
        }
        return draw.get(parameter.kind, lambda: self._of(TEXTS))()

    def _some(self, choices: Sequence[str]) -> str:
        return json.dumps(self._random.sample(choices, self._random.randint(1, 2)))

    def _condition(self) -> dict[str, Any]:
        made = {"Condition": self._of(conditions.NAMES), "TargetColumn": self._of(COLUMNS)}
        return made if self._chance(5) else made | {"Value": self._of((*TEXTS, *NUMBERS))}
