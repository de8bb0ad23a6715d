"""Source profiles: how a provider lays out and delivers its files, as defaults of a connector.

Here: which profiles there are (`profiles/*.yaml`), how a connector's YAML goes over one, and the
recipes that we ship for them. Not here: the settings that they fill (`settings`), and what the
providers write (`docs/sources.md`).
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError, create_model, model_validator

RECIPES = "recipes"
"""The folder of the recipes that we ship, among the profiles."""

PROFILE_FIELD = "profile"
CHOICES = ("policy", "kind")
"""Fields whose value says what the fields beside them mean."""

ENDING = ".yaml"


class UnknownProfileError(ValueError):
    """A connector names a source profile that is not there; the message says which are."""

    def __init__(self, name: object) -> None:
        self.name = name
        known = ", ".join(profile_names())
        super().__init__(f"there is no source profile {name!r}. Allowed: {known}")


@cache
def _texts() -> Mapping[str, str]:
    folder = resources.files(__package__) / "profiles"
    return {
        entry.name.removesuffix(ENDING): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(ENDING)
    }


def profile_names() -> tuple[str, ...]:
    """Return the names of all source profiles, sorted."""
    return tuple(_texts())


def profile_defaults(name: object) -> dict[str, Any]:
    """Return a profile's defaults, in the form of a connector's attributes; UnknownProfileError."""
    # A name from a connector's YAML is held against the names that are there, and builds no path.
    if not isinstance(name, str) or name not in _texts():
        raise UnknownProfileError(name)
    defaults: dict[str, Any] = yaml.safe_load(_texts()[name])
    return defaults


def with_profile(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a connector's attributes over the defaults of the profile that it names, if any.

    The connector wins, field by field; a list replaces a list. Where the connector chooses another
    `policy` or `kind` than the profile, nothing is left of what the profile says beside it: those
    settings belong to the other choice. Raises UnknownProfileError.
    """
    name = attributes.get(PROFILE_FIELD)
    return dict(attributes) if name is None else _over(profile_defaults(name), attributes)


def _over(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    if any(c in defaults and c in given and defaults[c] != given[c] for c in CHOICES):
        return dict(given)
    return {**defaults, **{name: _field(defaults.get(name), v) for name, v in given.items()}}


def _field(default: Any, given: Any) -> Any:
    if isinstance(default, Mapping) and isinstance(given, Mapping):
        return _over(default, given)
    return given


def filled(attributes: Any) -> Any:
    """Return `with_profile` of what pydantic is about to validate; an unknown profile is its error.

    The error is of the field `profile`, so that whoever reports it finds the line.
    """
    if not isinstance(attributes, Mapping):
        return attributes
    try:
        return with_profile(attributes)
    except UnknownProfileError as error:
        raise ValidationError.from_exception_data(
            "profile",
            [
                {
                    "type": "value_error",
                    "loc": (PROFILE_FIELD,),
                    "input": attributes[PROFILE_FIELD],
                    "ctx": {"error": error},
                }
            ],
        ) from error


def has_recipe(folder: Path, name: str) -> bool:
    """Tell whether a connector's folder has a recipe of that name, or we ship one."""
    return (folder / name).is_file() or name in shipped_recipes()


@cache
def shipped_recipes() -> Mapping[str, str]:
    """Return the texts of the recipes that we ship, by file name."""
    folder = resources.files(__package__) / "profiles" / RECIPES
    return {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir()}


def recipe_text(folder: Path, name: str) -> str:
    """Return the recipe beside a connector's YAML, or else the one of that name that we ship.

    Raises FileNotFoundError where there is neither.
    """
    path = folder / name
    if not path.is_file() and name in shipped_recipes():
        return shipped_recipes()[name]
    return path.read_text(encoding="utf-8")


@cache
def filled_model(model: type[BaseModel]) -> type[BaseModel]:
    """Return a model like this one that fills what it is given from the profile that it names.

    Dagster checks a component's YAML by a model that it derives from the component's fields alone;
    validators of the component itself are not in it.
    """
    fill: Any = model_validator(mode="before")(filled)
    return create_model(model.__name__, __base__=model, __validators__={"fill": fill})
