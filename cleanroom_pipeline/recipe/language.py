"""The recipe language: text to steps, and steps to the form CreateRecipe takes.

Here: parsing, normalising to strings, refusing what no engine could run. Not here: what a step
means (operations/, plan.py).

Read: a JSON list of `{"Action": ...}`, `{"RecipeAction": ...}` or `{"RecipeStep": {...}}`; lists,
maps, numbers and booleans native or as text; parameter names with the first letter in either case.
Emitted: `{"Action": ...}`, strings only, none of them empty. AWS allows 100 steps.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cleanroom_pipeline.recipe.findings import Finding, RecipeError, not_among
from cleanroom_pipeline.recipe.meaning import check_columns, check_step
from cleanroom_pipeline.recipe.steps import Condition, Step

MOST_STEPS = 100
LONGEST_VALUE = 32_768
LONGEST_CONDITION = 1_024
_SPACE = re.compile(r"[ \t\r\n]*")
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9]{1,128}")
_CONDITION_KEYS = ("Condition", "Value", "TargetColumn")


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
    """Return the recipe in a JSON text; raises RecipeError with everything that is wrong."""
    findings: list[Finding] = []
    steps = []
    for number, (raw, line) in enumerate(_elements(text, name), start=1):
        reader = _StepReader(number, line)
        step = reader.read(raw)
        findings += reader.findings
        if step is not None:
            steps.append(step)
            findings += check_step(step)
    if not steps and not findings:
        findings.append(Finding("holds no step"))
    if len(steps) > MOST_STEPS:
        findings.append(Finding(f"holds {len(steps)} steps; AWS allows {MOST_STEPS}"))
    if findings:
        raise RecipeError(name, findings)
    return Recipe(name, tuple(steps))


class _Duplicates(dict[str, Any]):
    """A JSON object that remembers names written twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.repeated = sorted({name for name in names if names.count(name) > 1})


def _elements(text: str, name: str) -> Iterator[tuple[Any, int]]:
    """Yield each element of the top-level JSON list with the line it begins on."""
    decoder = json.JSONDecoder(object_pairs_hook=_Duplicates)
    text = text.removeprefix("\ufeff")
    position = _skip(text, 0)
    if text[position : position + 1] != "[":
        raise RecipeError(name, [Finding("a recipe is a JSON list of steps", line=1)])
    position = _skip(text, position + 1)
    if text[position : position + 1] == "]":
        _refuse_rest(text, position + 1, name)
        return
    while True:
        start = position
        try:
            element, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise RecipeError(
                name, [Finding(f"not JSON: {error.msg}", line=error.lineno)]
            ) from None
        except RecursionError:
            raise RecipeError(
                name, [Finding("nested too deeply", line=_line(text, start))]
            ) from None
        yield element, _line(text, start)
        position = _skip(text, position)
        separator = text[position : position + 1]
        if separator == "]":
            _refuse_rest(text, position + 1, name)
            return
        if separator != ",":
            problem = Finding("not JSON: expecting ',' or ']'", line=_line(text, position))
            raise RecipeError(name, [problem])
        position = _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _refuse_rest(text: str, position: int, name: str) -> None:
    end = _skip(text, position)
    if end != len(text):
        raise RecipeError(name, [Finding("text after the list of steps", line=_line(text, end))])


class _StepReader:
    """Reads one element of the list; what is wrong with its form goes into `findings`."""

    def __init__(self, number: int, line: int) -> None:
        self.number = number
        self.line = line
        self.operation: str | None = None
        self.findings: list[Finding] = []

    def problem(self, message: str) -> None:
        self.findings.append(Finding(message, self.number, self.operation, self.line))

    def read(self, raw: Any) -> Step | None:
        if isinstance(raw, Mapping) and set(raw) == {"RecipeStep"}:
            raw = raw["RecipeStep"]
        if not isinstance(raw, Mapping):
            self.problem("a step is a JSON object with an Action")
            return None
        self._only_keys(raw, ("Action", "RecipeAction", "ConditionExpressions"), "step")
        action = raw.get("Action", raw.get("RecipeAction"))
        if not isinstance(action, Mapping) or not isinstance(action.get("Operation"), str):
            self.problem("a step needs an Action with an Operation")
            return None
        self.operation = action["Operation"]
        self._only_keys(action, ("Operation", "Parameters"), "Action")
        parameters = self._parameters(action.get("Parameters") or {})
        conditions = self._conditions(raw.get("ConditionExpressions") or [])
        return Step(self.operation, parameters, conditions, self.number, self.line)

    def _only_keys(self, raw: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
        for key in raw:
            if key not in known:
                self.problem(f"unknown key {key!r} in the {where}{not_among(key, known)}")
        for key in getattr(raw, "repeated", ()):
            self.problem(f"key {key!r} is written twice in the {where}")

    def _parameters(self, raw: Any) -> dict[str, str]:
        if not isinstance(raw, Mapping):
            self.problem("Parameters is a JSON object")
            return {}
        self._only_keys(raw, tuple(raw), "Parameters")
        parameters: dict[str, str] = {}
        for written, value in raw.items():
            name = written[:1].lower() + written[1:]
            if not _PARAMETER_NAME.fullmatch(name):
                self.problem(f"parameter {written!r}: a name holds letters and digits only")
            elif name in parameters:
                self.problem(f"parameter {name!r} is written twice")
            elif (text := _as_text(value)) is not None:
                parameters[name] = text
                if len(text) > LONGEST_VALUE:
                    self.problem(f"parameter {name!r} is longer than {LONGEST_VALUE} characters")
        return parameters

    def _conditions(self, raw: Any) -> tuple[Condition, ...]:
        if not isinstance(raw, Sequence) or isinstance(raw, str):
            self.problem("ConditionExpressions is a JSON list")
            return ()
        read = [self._condition(one) for one in raw]
        return tuple(one for one in read if one is not None)

    def _condition(self, raw: Any) -> Condition | None:
        if not isinstance(raw, Mapping):
            self.problem("a condition is a JSON object")
            return None
        self._only_keys(raw, _CONDITION_KEYS, "condition")
        name, target = raw.get("Condition"), raw.get("TargetColumn")
        if not isinstance(name, str) or not isinstance(target, str) or not name or not target:
            self.problem("a condition needs Condition and TargetColumn")
            return None
        value = _as_text(raw.get("Value"))
        if value is not None and len(value) > LONGEST_CONDITION:
            self.problem(f"a condition's Value is longer than {LONGEST_CONDITION} characters")
        return Condition(name, target, value)


def _as_text(value: Any) -> str | None:
    """Return a parameter's value as AWS takes it; None for what says nothing."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
