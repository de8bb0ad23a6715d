"""How an operation declares itself: name, tier, status, parameters, and the function behind it.

Here: the declarations, the registry they enter, reading of parameter values. Not here: what any one
operation does.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from cleanroom_pipeline.recipe.findings import not_among
from cleanroom_pipeline.recipe.plan import Datasets, Frame, Survey
from cleanroom_pipeline.recipe.steps import Step


class Status(StrEnum):
    """How far we know that an operation does what DataBrew does."""

    EXACT = "exact"  # AWS publishes outputs, and we give them cell by cell
    DOCUMENTED = "documented"  # follows AWS's documentation
    INFERRED = "inferred"  # AWS is silent on a detail; our choice is written in `doc`
    REFUSED = "refused"  # known, and not run: `doc` says why


class Kind(StrEnum):
    """What a parameter's text must hold."""

    TEXT = "text"
    COLUMN = "a column name"
    NEW_COLUMN = "a new column's name"
    COLUMNS = "column names as a JSON list"
    INTEGER = "a whole number"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    CHOICE = "one of its choices"
    CHOICES = "a JSON list of its choices"
    OBJECTS = "a JSON list of objects"
    MAPPING = "a JSON object of texts"


@dataclass(frozen=True)
class Parameter:
    """One parameter: what it holds, whether it must be there, what it means."""

    name: str
    kind: Kind
    doc: str
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True)
class PlanOptions:
    """What a plan depends on beside recipe and columns.

    Without `survey` and `datasets` a plan is made for checking, and can't run if it needs them.
    """

    seed: int = 0
    compat: bool = False
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    survey: Survey | None = None
    datasets: Datasets | None = None


@dataclass(frozen=True)
class Call:
    """A step with its parameters read: what an operation's function is given."""

    step: Step
    values: Mapping[str, Any]
    options: PlanOptions = field(default_factory=PlanOptions)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def sources(self) -> tuple[str, ...]:
        """The source columns, by whichever of the two spellings."""
        return tuple(self.values["sourceColumns"])

    @property
    def source(self) -> str:
        """The only source column."""
        return self.sources[0]


Build = Callable[[Call, Frame], Frame]


@dataclass(frozen=True)
class Operation:
    """The declaration of one operation. `check` looks at values that are right one by one."""

    name: str
    tier: int
    status: Status
    doc: str
    parameters: tuple[Parameter, ...] = ()
    build: Build | None = None
    conditions: bool = True
    check: Callable[[Mapping[str, Any]], Iterable[str]] | None = None

    @property
    def refused(self) -> bool:
        """Say whether a recipe with this operation is refused."""
        return self.build is None

    @property
    def several_sources(self) -> bool:
        """Say whether more than one source column may be named."""
        return any(one.name == "sourceColumns" for one in self.parameters)

    @property
    def allowed(self) -> tuple[str, ...]:
        """Parameter names that may be written, sorted; both spellings of the source column."""
        names = {one.name for one in self.parameters}
        if names & SOURCE_SPELLINGS:
            names |= SOURCE_SPELLINGS
        return tuple(sorted(names))


SOURCE_SPELLINGS = frozenset({"sourceColumn", "sourceColumns"})
# The console writes these beside the parameters that carry the meaning.
CONSOLE_ONLY = frozenset({"functionStepType", "firstN", "lastN", "maskMode", "mappingOption"})

SOURCE = Parameter("sourceColumn", Kind.COLUMN, "the column to change", required=True)
SOURCES = Parameter("sourceColumns", Kind.COLUMNS, "the columns to change", required=True)
TARGET = Parameter("targetColumn", Kind.NEW_COLUMN, "the new column", required=True)

_REGISTRY: dict[str, Operation] = {}


def register(operation: Operation) -> None:
    """Enter an operation; a name may be entered once."""
    if operation.name in _REGISTRY:
        message = f"operation {operation.name} is declared twice"
        raise ValueError(message)
    _REGISTRY[operation.name] = operation


def operation(
    name: str,
    status: Status,
    doc: str,
    *parameters: Parameter,
    tier: int = 1,
    conditions: bool = True,
    check: Callable[[Mapping[str, Any]], Iterable[str]] | None = None,
) -> Callable[[Build], Build]:
    """Declare the operation that the decorated function builds."""

    def enter(build: Build) -> Build:
        register(Operation(name, tier, status, doc, parameters, build, conditions, check))
        return build

    return enter


def registry() -> Mapping[str, Operation]:
    """Return every operation entered so far, by name."""
    return _REGISTRY


class ValueProblem(ValueError):  # noqa: N818 - a sentence about one parameter, never raised outside
    """A parameter's text does not hold what its kind asks for."""


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueProblem("is not JSON") from None
    except RecursionError:
        raise ValueProblem("is nested too deeply") from None


def _texts(text: str) -> tuple[str, ...]:
    value = _json(text) if text.lstrip().startswith("[") else [text]
    if not isinstance(value, list) or not value or not all(isinstance(x, str) for x in value):
        raise ValueProblem("is not a JSON list of texts")
    if len(set(value)) != len(value):
        raise ValueProblem("names something twice")
    return tuple(value)


def _integer(text: str) -> int:
    if not re.fullmatch(r"\s*[+-]?\d{1,18}\s*", text):
        raise ValueProblem("is not a whole number")
    return int(text)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueProblem("is not a number") from None
    if not math.isfinite(value):
        raise ValueProblem("is not a finite number")
    return value


def _boolean(text: str) -> bool:
    try:
        return {"true": True, "false": False}[text.strip().lower()]
    except KeyError:
        raise ValueProblem("is neither true nor false") from None


def _objects(text: str) -> list[dict[str, Any]]:
    value = _json(text)
    if not isinstance(value, list) or not value or not all(isinstance(x, dict) for x in value):
        raise ValueProblem("is not a JSON list of objects")
    return value


def _mapping(text: str) -> dict[str, str]:
    value = _json(text)
    if not isinstance(value, dict) or not value:
        raise ValueProblem("is not a JSON object with at least one entry")
    if not all(isinstance(one, str | int | float) for one in value.values()):
        raise ValueProblem("maps something to what is neither text nor number")
    return {key: str(one) for key, one in value.items()}


_READERS: Mapping[Kind, Callable[[str], Any]] = {
    Kind.TEXT: str,
    Kind.COLUMN: str,
    Kind.NEW_COLUMN: str,
    Kind.COLUMNS: _texts,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.CHOICE: str,
    Kind.CHOICES: _texts,
    Kind.OBJECTS: _objects,
    Kind.MAPPING: _mapping,
}


def read_value(parameter: Parameter, text: str) -> Any:
    """Return the value that a parameter's text holds; ValueProblem says why there is none."""
    value = _READERS[parameter.kind](text)
    if parameter.choices:
        chosen = value if parameter.kind is Kind.CHOICES else (value,)
        for one in chosen:
            if one not in parameter.choices:
                raise ValueProblem(f"must not be {one!r}{not_among(one, parameter.choices)}")
    if parameter.least is not None and value < parameter.least:
        raise ValueProblem(f"must be at least {parameter.least}")
    if parameter.most is not None and value > parameter.most:
        raise ValueProblem(f"must be at most {parameter.most}")
    return value


def read_call(declared: Operation, step: Step) -> tuple[Call, list[str]]:
    """Return the call that a step makes, and what is wrong with its parameters."""
    given = {name: text for name, text in step.parameters.items() if name not in CONSOLE_ONLY}
    problems = [
        f"unknown parameter {name!r}{not_among(name, declared.allowed)}"
        for name in sorted(set(given) - set(declared.allowed))
    ]
    values: dict[str, Any] = {}
    for parameter in declared.parameters:
        if parameter.name in SOURCE_SPELLINGS:
            problems += _read_sources(declared, parameter, given, values)
            continue
        values[parameter.name] = parameter.default
        if parameter.name not in given:
            if parameter.required:
                problems.append(f"missing parameter {parameter.name!r}: {parameter.doc}")
            continue
        try:
            values[parameter.name] = read_value(parameter, given[parameter.name])
        except ValueProblem as problem:
            problems.append(f"parameter {parameter.name!r} {problem}")
    if not problems and declared.check:
        problems += declared.check(values)
    return Call(step, values), problems


def _read_sources(
    declared: Operation, parameter: Parameter, given: Mapping[str, str], values: dict[str, Any]
) -> list[str]:
    """Read sourceColumn or sourceColumns, whichever is there, into `sourceColumns`."""
    written = sorted(SOURCE_SPELLINGS & set(given))
    values["sourceColumns"] = ()
    if not written:
        return [f"missing parameter {parameter.name!r}: {parameter.doc}"] * parameter.required
    if len(written) > 1:
        return ["sourceColumn and sourceColumns are both there; write one of them"]
    text = given[written[0]]
    try:
        names = (text,) if written == ["sourceColumn"] else _texts(text)
    except ValueProblem as problem:
        return [f"parameter {written[0]!r} {problem}"]
    values["sourceColumns"] = names
    if len(names) > 1 and not declared.several_sources:
        return [f"parameter {written[0]!r} names {len(names)} columns; only one is possible"]
    return []
