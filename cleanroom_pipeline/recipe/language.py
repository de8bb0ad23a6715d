"""The recipe language: text to steps, and steps to the form CreateRecipe takes.

Here: reading steps, normalising to strings, refusing what no engine could run. Not here: JSON and
YAML (recipe_text.py, yaml_text.py), what a step means (operations/, plan.py).

Read: a list of `{"Action": ...}`, `{"RecipeAction": ...}` or `{"RecipeStep": {...}}`; lists, maps,
numbers and booleans native or as text; names with the first letter in either case.
Emitted: `{"Action": ...}`, strings only, none of them empty. AWS allows 100 steps.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeGuard

from cleanroom_pipeline.recipe.findings import Finding, RecipeError, not_among
from cleanroom_pipeline.recipe.meaning import check_columns, check_step
from cleanroom_pipeline.recipe.recipe_text import (
    elements,
    encoded,
    holds_half_a_character,
)
from cleanroom_pipeline.recipe.steps import Condition, Step

MOST_STEPS = 100
MOST_READ = 10 * MOST_STEPS
LONGEST_VALUE = 32_768
LONGEST_CONDITION = 1_024
LONGEST_COLUMN = 1_024
LONGEST_NAME = 128
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9]{1,128}")
_ACTIONS = ("Action", "RecipeAction")
_STEP_KEYS = (*_ACTIONS, "ConditionExpressions")
_ACTION_KEYS = ("Operation", "Parameters")
_CONDITION_KEYS = ("Condition", "Value", "TargetColumn")
# The console writes this place for a column that was not moved to one.
_SAYS_NOTHING = ("targetIndex", "NaN")
_LONGEST_SHOWN = 80


@dataclass(frozen=True)
class Recipe:
    """A parsed recipe; `name` is what messages call it."""

    name: str
    steps: tuple[Step, ...]

    @cached_property
    def sha256(self) -> str:
        """The hex SHA-256 of the canonical API form."""
        canonical = json.dumps(
            self.to_api(), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()

    def to_api(self) -> list[dict[str, Any]]:
        """Return the steps exactly as CreateRecipe takes them."""
        return [step.to_api() for step in self.steps]

    @property
    def secret_ids(self) -> tuple[str, ...]:
        """The secrets the steps name, each once, in order."""
        named = [
            step.parameters["secretId"] for step in self.steps if "secretId" in step.parameters
        ]
        return tuple(dict.fromkeys(named))

    def check(self, columns: Sequence[str] | None = None) -> tuple[Finding, ...]:
        """Return what is wrong with the steps and, given the input's columns, with their flow."""
        found = [finding for step in self.steps for finding in check_step(step)]
        if columns is not None and not found:
            found += check_columns(self.steps, columns)
        return tuple(found)


def parse_recipe(text: str, *, name: str) -> Recipe:
    """Return the recipe in a JSON or YAML text; raises RecipeError with everything that is wrong.

    It is an UnreadableRecipeError when no step could be read of the text.
    """
    findings: list[Finding] = []
    steps = []
    number = 0
    for number, (raw, line) in enumerate(elements(text, name), start=1):
        if number > MOST_READ:
            break
        reader = _StepReader(number, line)
        step = reader.read(raw)
        findings += reader.findings
        if step is not None:
            steps.append(step)
            findings += check_step(step)
    if number == 0:
        findings.append(Finding("holds no step"))
    if number > MOST_STEPS:
        many = f"more than {MOST_READ}" if number > MOST_READ else number
        findings.append(Finding(f"holds {many} steps; AWS allows {MOST_STEPS}"))
    if findings:
        raise RecipeError(name, findings)
    return Recipe(name, tuple(steps))


@dataclass
class _StepReader:
    """Reads one element of the list; what is wrong with its form goes into `findings`."""

    number: int
    line: int
    operation: str | None = None
    findings: list[Finding] = field(default_factory=list)

    def problem(self, message: str) -> None:
        self.findings.append(Finding(message, self.number, self.operation, self.line))

    def read(self, raw: Any) -> Step | None:
        if isinstance(raw, Mapping) and [*map(_capital, raw)] == ["RecipeStep"]:
            self._twice(raw, "step")
            (raw,) = raw.values()
        if not isinstance(raw, Mapping):
            self.problem("a step is an object with an Action")
            return None
        known = self._known(raw, _STEP_KEYS, "step")
        written = [known[key] for key in _ACTIONS if key in known]
        if len(written) > 1:
            self.problem("Action and RecipeAction are both there; write one of them")
        action = written[0] if written else None
        if not isinstance(action, Mapping):
            self.problem("a step needs an Action with an Operation")
            return None
        parts = self._known(action, _ACTION_KEYS, "Action")
        operation = parts.get("Operation")
        if not _is_name(operation):
            self.problem("a step needs an Action with an Operation")
            return None
        self.operation = operation
        parameters = self._parameters(parts.get("Parameters"))
        conditions = self._conditions(known.get("ConditionExpressions"))
        return Step(operation, parameters, conditions, self.number, self.line)

    def _known(self, raw: Mapping[str, Any], known: tuple[str, ...], where: str) -> dict[str, Any]:
        """Return the values of the known keys, by their names with a capital letter."""
        found: dict[str, Any] = {}
        self._twice(raw, where)
        for key, value in raw.items():
            name = _capital(key)
            if name not in known:
                self.problem(f"unknown key {_shown(key)} in the {where}{not_among(key, known)}")
            elif name in found:
                self.problem(f"key {name!r} is written twice in the {where}")
            else:
                found[name] = value
        return found

    def _twice(self, raw: Mapping[str, Any], where: str) -> None:
        for key in getattr(raw, "repeated", ()):
            self.problem(f"key {_shown(key)} is written twice in the {where}")

    def _parameters(self, raw: Any) -> dict[str, str]:
        if raw is None:
            return {}
        if not isinstance(raw, Mapping):
            self.problem("Parameters is an object")
            return {}
        self._twice(raw, "Parameters")
        parameters: dict[str, str] = {}
        for written, value in raw.items():
            name = written[:1].lower() + written[1:]
            if not _PARAMETER_NAME.fullmatch(name):
                self.problem(f"parameter {_shown(written)}: a name holds letters and digits only")
            elif name in parameters:
                self.problem(f"parameter {name!r} is written twice")
            else:
                text = self._text(value, f"parameter {name!r}", LONGEST_VALUE)
                if text is not None and (name, text) != _SAYS_NOTHING:
                    parameters[name] = text
        return parameters

    def _text(self, value: Any, what: str, longest: int) -> str | None:
        """Return a value as AWS takes it; None for what says nothing or can't be taken."""
        if value is None or value == "" or isinstance(value, float):
            return None
        try:
            text = value if isinstance(value, str) else encoded(value)
        except ValueError as problem:
            self.problem(f"{what} {problem}")
            return None
        if len(text) > longest:
            self.problem(f"{what} is longer than {longest} characters")
        if holds_half_a_character(text):
            self.problem(f"{what} holds half a character (a lone surrogate)")
        return text

    def _conditions(self, raw: Any) -> tuple[Condition, ...]:
        if raw is None:
            return ()
        if not isinstance(raw, list):
            self.problem("ConditionExpressions is a list")
            return ()
        read = [self._condition(one) for one in raw]
        return tuple(one for one in read if one is not None)

    def _condition(self, raw: Any) -> Condition | None:
        if not isinstance(raw, Mapping):
            self.problem("a condition is an object")
            return None
        known = self._known(raw, _CONDITION_KEYS, "condition")
        name = known.get("Condition")
        target = self._text(known.get("TargetColumn"), "a condition's TargetColumn", LONGEST_COLUMN)
        if not _is_name(name) or target is None:
            self.problem("a condition needs Condition and TargetColumn")
            return None
        value = self._text(known.get("Value"), "a condition's Value", LONGEST_CONDITION)
        return Condition(name, target, value)


def _is_name(value: Any) -> TypeGuard[str]:
    """Say whether a value may be an operation's or a condition's name; which, others say."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME


def _capital(key: str) -> str:
    return key[:1].upper() + key[1:]


def _shown(written: str) -> str:
    """Return a name as messages quote it: what is no name may be long."""
    return repr(written if len(written) <= _LONGEST_SHOWN else f"{written[:_LONGEST_SHOWN]}...")
