"""The steps of a recipe as they are written: names and strings, without meaning.

Here: Step, Condition, the canonical API form. Not here: parsing (language.py), meaning (plan.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Condition:
    """One ConditionExpression: `condition` holds of the cell in `target_column`."""

    condition: str
    target_column: str
    value: str | None = None

    def to_api(self) -> dict[str, str]:
        """Return the entry as CreateRecipe takes it."""
        entry = {"Condition": self.condition, "TargetColumn": self.target_column}
        return entry | ({"Value": self.value} if self.value else {})


@dataclass(frozen=True)
class Step:
    """One step: an operation, its parameters as strings, its conditions (all must hold)."""

    operation: str
    parameters: Mapping[str, str]
    conditions: tuple[Condition, ...] = ()
    number: int = field(default=1, compare=False)
    line: int | None = field(default=None, compare=False)

    def to_api(self) -> dict[str, Any]:
        """Return the step as CreateRecipe takes it: strings only, none of them empty."""
        action: dict[str, Any] = {"Operation": self.operation}
        parameters = {name: self.parameters[name] for name in sorted(self.parameters)}
        if parameters:
            action["Parameters"] = parameters
        step: dict[str, Any] = {"Action": action}
        if self.conditions:
            step["ConditionExpressions"] = [one.to_api() for one in self.conditions]
        return step
