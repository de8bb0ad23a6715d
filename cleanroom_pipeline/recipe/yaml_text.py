"""A recipe written as YAML, as the DataBrew console exports it.

Here: YAML's events to plain values, with what is refused of YAML. Not here: JSON (recipe_text.py),
what a step may hold (language.py).

A recipe needs lists, mappings and scalars alone. Anchors, aliases and tags are refused, so a short
text can't stand for a long one and nothing is constructed. Plain scalars are read so that a text
stays the text it is: only null, true, false, JSON's numbers and NaN are anything else.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from cleanroom_pipeline.recipe.recipe_text import (
    DEEPEST,
    STEPS,
    Elements,
    Number,
    Object,
    UnreadableRecipeError,
    not_steps,
    unreadable,
)

MOST_NODES = 100_000
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+([eE][-+][0-9]+)?)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NO_ALIASES = "anchors and aliases are refused in a recipe; write the value where it is meant"
_NO_TAGS = "tags are refused in a recipe; write plain lists, mappings and texts"
# What PyYAML raises beside its own errors on escapes and directives that hold huge numbers.
_PROBLEMS = (yaml.YAMLError, ValueError, OverflowError)


class _Steps(list[tuple[Any, int]]):
    """The list of steps, each with its line."""


def yaml_elements(text: str, name: str) -> Elements:
    """Yield each step's value with the line it begins on."""
    try:
        document = _Yaml(text, name).document()
    except UnreadableRecipeError:
        raise
    except _PROBLEMS as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "holds what YAML does not allow"
        line = None if mark is None else mark.line + 1
        raise unreadable(name, f"not YAML: {problem}", line) from None
    steps = document
    if isinstance(document, Object):
        if STEPS in document.repeated:
            raise unreadable(name, f"{STEPS} is written twice")
        steps = document.get(STEPS)
    if not isinstance(steps, _Steps):
        raise not_steps(name)
    return iter(steps)


class _Yaml:
    """Builds values from events; a list that may be the steps keeps its lines."""

    def __init__(self, text: str, name: str) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._name = name
        self._nodes = 0

    def document(self) -> Any:
        """Return the only document's value; None when there is none."""
        value: Any = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._error("holds more than one YAML document", event)
                value = self._value(self._next(), 0)
        return value

    def _next(self) -> yaml.Event:
        return next(self._events)

    def _value(self, event: yaml.Event, depth: int) -> Any:
        self._check(event, depth)
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(depth)
        return Object(self._pairs(depth))

    def _check(self, event: yaml.Event, depth: int) -> None:
        self._nodes += 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise self._error(_NO_ALIASES, event)
        if getattr(event, "tag", None) is not None:
            raise self._error(_NO_TAGS, event)
        if self._nodes > MOST_NODES:
            raise self._error(f"holds more than {MOST_NODES} values", event)
        if depth > DEEPEST:
            raise self._error("nested too deeply", event)

    def _sequence(self, depth: int) -> list[Any]:
        items = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append((self._value(event, depth + 1), _line(event)))
        # Depth 1 is the list under `Steps`.
        return _Steps(items) if depth <= 1 else [value for value, _ in items]

    def _pairs(self, depth: int) -> Iterator[tuple[str, Any]]:
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            self._check(event, depth)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._error("a key must be a text", event)
            yield event.value, self._value(self._next(), depth + 1)

    def _error(self, message: str, event: yaml.Event) -> UnreadableRecipeError:
        return unreadable(self._name, message, _line(event))


def _line(event: yaml.Event) -> int:
    return 1 if event.start_mark is None else event.start_mark.line + 1


def _scalar(event: yaml.ScalarEvent) -> Any:
    """Return a scalar's value; what is quoted is a text whatever it says."""
    text: str = event.value
    if event.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    return Number(text) if _NUMBER.fullmatch(text) else text
