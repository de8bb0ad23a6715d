"""A recipe's text as plain values: steps and the lines they begin on.

Here: which form a text has (JSON or YAML), the values both forms are read into, the JSON reader.
Not here: YAML (yaml_text.py), what a step may hold (language.py).

A form is told by the content: a text that begins with `[` or `{` is JSON. In either, the steps are
a list, or the `Steps` of an object, as describe-recipe prints it.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cleanroom_pipeline.recipe.findings import Finding, RecipeError

LONGEST_TEXT = 8 * 1024 * 1024
DEEPEST = 32
STEPS = "Steps"
_SPACE = re.compile(r"[ \t\r\n]*")
_SURROGATE = re.compile("[\ud800-\udfff]")


class UnreadableRecipeError(RecipeError):
    """A text that is neither JSON nor YAML, or that holds no list of steps."""


@dataclass(frozen=True)
class Number:
    """A number as it is written, so that none is rounded."""

    text: str


class Object(dict[str, Any]):
    """A JSON object or YAML mapping that remembers names written twice."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        made = list(pairs)
        super().__init__(made)
        self.repeated: tuple[str, ...] = ()
        if len(self) < len(made):
            times = Counter(name for name, _ in made)
            self.repeated = tuple(sorted(name for name, count in times.items() if count > 1))


Elements = Iterator[tuple[Any, int]]
# Yields elements, and returns where they end.
_Scan = Generator[tuple[Any, int], None, int]


def unreadable(name: str, message: str, line: int | None = None) -> UnreadableRecipeError:
    """Return the error that a text can't be read, for one reason."""
    return UnreadableRecipeError(name, [Finding(message, line=line)])


def not_steps(name: str, line: int = 1) -> UnreadableRecipeError:
    """Return the error that a text is no list of steps."""
    return unreadable(name, f"a recipe is a list of steps, or an object with {STEPS}", line)


def elements(text: str, name: str) -> Elements:
    """Yield each step's value with the line it begins on; UnreadableRecipeError when none can be.

    A value is text, bool, None, Number, list or Object; a number that is none is `float("nan")`.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > LONGEST_TEXT:
        raise unreadable(name, f"longer than {LONGEST_TEXT} characters")
    if text[_skip(text, 0) :][:1] in ("[", "{"):
        return _Json(text, name).elements()
    from cleanroom_pipeline.recipe.yaml_text import yaml_elements

    return yaml_elements(text, name)


def encoded(value: Any) -> str:
    """Return a value as JSON without spaces. Raises ValueError, a sentence, when it has none.

    Numbers are written as they were.
    """
    return _encoded(value, 0)


def _encoded(value: Any, depth: int) -> str:
    if depth > DEEPEST:
        raise ValueError("is nested too deeply")
    if isinstance(value, Number):
        return value.text
    if isinstance(value, float):
        raise ValueError("holds a number that JSON can't write")  # noqa: TRY004 - a value of a text
    if isinstance(value, list):
        return f"[{','.join(_encoded(one, depth + 1) for one in value)}]"
    if isinstance(value, Mapping):
        if repeated := getattr(value, "repeated", ()):
            raise ValueError(f"holds the key {repeated[0]!r} twice")
        pairs = [f"{_plain(key)}:{_encoded(one, depth + 1)}" for key, one in value.items()]
        return f"{{{','.join(pairs)}}}"
    return _plain(value)


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def holds_half_a_character(text: str) -> bool:
    """Say whether a text holds a lone surrogate, which no file or database can."""
    return _SURROGATE.search(text) is not None


def _no_number(_: str) -> float:
    return float("nan")


class _Json:
    """Reads a JSON text element by element, so that each one's line is known."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        decoder = json.JSONDecoder(
            object_pairs_hook=Object,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_number,
        )
        self._decode: Callable[[str, int], tuple[Any, int]] = decoder.raw_decode
        self._counted = (0, 1)

    def elements(self) -> Elements:
        """Yield the elements of the list of steps."""
        start = _skip(self._text, 0)
        if self._text[start] == "[":
            end = yield from self._list(start)
        else:
            end = yield from self._object(start)
        end = _skip(self._text, end)
        if end != len(self._text):
            raise self._error("text after the list of steps", end)

    def _list(self, start: int) -> _Scan:
        position = _skip(self._text, start + 1)
        if self._text[position : position + 1] == "]":
            return position + 1
        while True:
            begin = position
            element, position = self._value(position)
            yield element, self._line(begin)
            position, ended = self._next(position, "]")
            if ended:
                return position

    def _object(self, start: int) -> _Scan:
        """Yield the steps of a describe-recipe document; what else it tells is no part of them."""
        position = _skip(self._text, start + 1)
        found = False
        while self._text[position : position + 1] != "}":
            begin = position
            key, position = self._value(position)
            position = _skip(self._text, position)
            if not isinstance(key, str) or self._text[position : position + 1] != ":":
                raise self._error("not JSON: expecting a name and ':'", begin)
            position = _skip(self._text, position + 1)
            if key == STEPS and self._text[position : position + 1] == "[":
                if found:
                    raise self._error(f"{STEPS} is written twice", begin)
                found = True
                position = yield from self._list(position)
            else:
                _, position = self._value(position)
            position, ended = self._next(position, "}")
            if ended:
                break
        else:
            position += 1
        if not found:
            raise not_steps(self._name, self._line(start))
        return position

    def _next(self, position: int, closing: str) -> tuple[int, bool]:
        """Return where the next element begins, or what follows the closing bracket."""
        position = _skip(self._text, position)
        separator = self._text[position : position + 1]
        if separator == closing:
            return position + 1, True
        if separator != ",":
            raise self._error(f"not JSON: expecting ',' or '{closing}'", position)
        return _skip(self._text, position + 1), False

    def _value(self, position: int) -> tuple[Any, int]:
        try:
            return self._decode(self._text, position)
        except json.JSONDecodeError as error:
            raise unreadable(self._name, f"not JSON: {error.msg}", error.lineno) from None
        except RecursionError:
            raise self._error("nested too deeply", position) from None

    def _error(self, message: str, position: int) -> UnreadableRecipeError:
        return unreadable(self._name, message, self._line(position))

    def _line(self, position: int) -> int:
        """Return the line of a position, counted on from that of the last one asked for."""
        before, line = self._counted
        if position < before:
            before, line = 0, 1
        self._counted = (position, line + self._text.count("\n", before, position))
        return self._counted[1]


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
