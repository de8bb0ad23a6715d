"""Which columns may show a person, so that what is printed does not.

Here: telling such columns, and what stands for their cells. Not here: finding personal data for a
step (detectors.py), masking what is published (operations/).

A column is taken for personal when a step of the pii family names it or a column of the same
origin, when its name says so, or when a cell of it holds what a detector finds for sure. The guess
errs on the side of hiding.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from cleanroom_pipeline.recipe.detectors import DETECTORS
from cleanroom_pipeline.recipe.findings import RecipeError
from cleanroom_pipeline.recipe.language import Recipe
from cleanroom_pipeline.recipe.lineage import ColumnOrigin, plan_lineage
from cleanroom_pipeline.recipe.meaning import build_plan
from cleanroom_pipeline.recipe.operations import catalogue
from cleanroom_pipeline.recipe.operations.declaration import PlanOptions, read_call, registry
from cleanroom_pipeline.recipe.plan import Column
from cleanroom_pipeline.recipe.steps import Step

_WORDS = frozenset(
    "email mail phone mobile telephone tel fax ssn passport iban birthdate birthday dob birth "
    "firstname lastname fullname surname forename maiden fname lname name names address street "
    "postcode postal zip zipcode ip maid idfa gaid aaid creditcard card cc".split()
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SURE = ("EMAIL", "PHONE_NUMBER", "CREDIT_CARD", "IP_ADDRESS", "MAC_ADDRESS", "USA_SSN")
_FAMILY = "pii"


def sounds_personal(name: str) -> bool:
    """Say whether a column's name has a word that names personal data."""
    return any(word.lower() in _WORDS for word in _WORD.findall(name))


@lru_cache(maxsize=100_000)
def _holds_personal_data(text: str) -> bool:
    return any(True for kind in _SURE for _ in DETECTORS[kind].find(text))


def looks_personal(cells: Iterable[str | None]) -> bool:
    """Say whether one of the cells holds personal data for sure."""
    return any(_holds_personal_data(cell) for cell in cells if cell)


def shape(text: str) -> str:
    """Return what a text is like without what it says: letters as x, digits as 9.

    ASCII punctuation and spaces stay, so that a change of form can be seen; all else is `?`.
    """
    return "".join(map(_sign, text))


def _sign(character: str) -> str:
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "X" if character.isupper() else "x"
    return character if character.isascii() and character.isprintable() else "?"


def _sources(step: Step) -> tuple[str, ...]:
    """Return the columns that a step names as its sources, by either spelling."""
    call, _ = read_call(registry()[step.operation], step)
    return tuple(call.values.get("sourceColumns", ()))


class PersonalColumns:
    """The personal columns of a recipe over an input, at any place of the recipe."""

    def __init__(self, recipe: Recipe, inputs: Sequence[Column], looking: Iterable[str]) -> None:
        """Take the names of columns whose cells look personal from `looking`."""
        self._recipe = recipe
        self._inputs = tuple(inputs)
        self._looking = frozenset(looking)
        names = [column.name for column in inputs]
        self._origins = {one for one in names if sounds_personal(one) or one in self._looking}
        self._named: dict[str, int] = {}
        for done, step in enumerate(recipe.steps):
            if catalogue.OPERATIONS[step.operation].family == _FAMILY:
                before = self._lineage(done)
                for name in _sources(step):
                    self._named[name] = done
                    self._origins |= before[name].columns if name in before else {name}

    def _lineage(self, done: int) -> dict[str, ColumnOrigin]:
        """Return where the columns after the first `done` steps come from, as far as is known."""
        steps = self._recipe.steps[:done]
        try:
            plan = build_plan(steps, self._inputs, PlanOptions(), name=self._recipe.name)
        except RecipeError:
            return {}
        return plan_lineage(plan, self._inputs)

    def after(self, done: int, names: Iterable[str]) -> frozenset[str]:
        """Return which of the columns after the first `done` steps are to be hidden.

        One whose origin only the data can tell is hidden as soon as anything is.
        """
        lineage = self._lineage(done)

        def hidden(name: str) -> bool:
            if name in self._named or name in self._looking or sounds_personal(name):
                return True
            if name not in lineage:
                return bool(self._origins)
            return bool(lineage[name].columns & self._origins)

        return frozenset(name for name in names if hidden(name))
