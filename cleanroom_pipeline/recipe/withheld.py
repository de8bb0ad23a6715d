"""Keeps what a plan saw of the data out of what is said of the plan.

Here: a survey that remembers the texts it gave, and messages without them. Not here: the survey
itself (session.py), or what a step does with a value (operations/).

ONE_HOT_ENCODING, PIVOT, TRANSPOSE and the unnesting of JSON text name columns and fields by cells.
Such a name is in every later frame, so a message about another column could tell it.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.plan import Frame, Survey

INSTEAD = "(from a cell)"


class WatchedSurvey:
    """A survey that remembers each text that it gave, and each text in JSON that it gave."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self.seen: set[str] = set()

    def rows(self, frame: Frame, query: exp.Select) -> list[tuple[Any, ...]]:
        """Return the rows of a small query, as the survey gives them."""
        rows = self._survey.rows(frame, query)
        for text in (cell for row in rows for cell in row if isinstance(cell, str)):
            self.seen.update(_texts(text))
        return rows


def _texts(text: str) -> Iterator[str]:
    """Yield a text and, where it is JSON, every key and every text in it."""
    yield text
    try:
        inside = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    while inside:
        one = inside.pop()
        if isinstance(one, dict):
            yield from one
            inside.extend(one.values())
        elif isinstance(one, list):
            inside.extend(one)
        elif isinstance(one, str):
            yield one


def withhold(message: str, seen: Iterable[str], written: str) -> str:
    """Return a message without the texts in `seen`; those that stand in `written` may be told.

    `written` is what the recipe's author knows: the recipe, and the names of the input's columns.
    Messages quote names.
    """
    for text in sorted(seen, key=len, reverse=True):
        if text and not _part(text).search(written):
            # As messages spell it: plain, as a Python literal, as an SQL identifier.
            for spelling in {text, repr(text)[1:-1], text.replace('"', '""')}:
                message = _part(spelling).sub(INSTEAD, message)
    return message


def _part(text: str) -> re.Pattern[str]:
    """Return a pattern of a text that is a name or a part of one: after a quote, `_` or a point.

    So a cell that is a number or a word of ours leaves the sentence as it is.
    """
    return re.compile(rf"(?<=[^\w\s]|_){re.escape(text)}(?![^\W_])")
