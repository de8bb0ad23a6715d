"""Checks connectors' YAML before Dagster loads it, so that a mistake is told with all that helps.

Here: file, line, what is wrong, what is allowed. Not here: the form itself (`settings`), which this
reads; and recipes, which check themselves.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import pydantic
import yaml

from cleanroom_pipeline.connector_types.appflow_pull import AppFlowPullConnector
from cleanroom_pipeline.connector_types.base import ConnectorBase
from cleanroom_pipeline.connector_types.profiles import has_recipe
from cleanroom_pipeline.connector_types.s3_push import S3PushConnector

CONNECTOR_TYPES: dict[str, type[ConnectorBase]] = {
    f"{type_.__module__}.{type_.__name__}": type_
    for type_ in (AppFlowPullConnector, S3PushConnector)
}
TEMPLATE = "{{"
QUOTED = re.compile("'([^']*)'")

Location = Sequence[int | str]


class ConnectorError(ValueError):
    """Connectors are not of the form that they must have; the message has a line per mistake."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("Connectors can't be loaded:\n" + "\n".join(f"  {m}" for m in mistakes))


def check_connectors(folder: Path) -> None:
    """Check every `*/defs.yaml` below `folder`; ConnectorError with all mistakes of all of them."""
    mistakes = [
        mistake
        for path in sorted(folder.glob("*/defs.yaml"))
        for mistake in mistakes_in(path.read_text(encoding="utf-8"), path)
    ]
    if mistakes:
        raise ConnectorError(mistakes)


def mistakes_in(text: str, path: Path) -> list[str]:
    """Return the mistakes in one connector's YAML, each with file and line."""
    shown = f"{path.parent.name}/{path.name}"
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return [f"{shown}:{line}: this is no YAML: {error.problem}."]
    if not isinstance(document, dict) or not isinstance(document.get("attributes"), dict):
        return [f"{shown}:1: a connector has two fields: type, attributes."]
    type_ = CONNECTOR_TYPES.get(document.get("type", ""))
    if type_ is None:
        known = _choices(str(document.get("type")), list(CONNECTOR_TYPES))
        return [f"{shown}:{_line(root, ['type'])}: type: there is no such connector type{known}"]
    mistakes = [
        f"{shown}:{_line(root, ['attributes', *location])}: {what}"
        for location, what in _mistakes(type_, document["attributes"])
    ]
    if not mistakes:
        mistakes = [
            f"{shown}:{_line(root, ['attributes', *location])}: recipe: there is no file {recipe} "
            "beside it."
            for location, recipe in _recipes(type_, document["attributes"])
            if not has_recipe(path.parent, recipe)
        ]
    return mistakes


def _recipes(
    type_: type[ConnectorBase], attributes: dict[str, Any]
) -> Iterator[tuple[Location, str]]:
    """Yield the recipe of each feed, and where it is named, or would be."""
    try:
        feeds = type_.model_validate(attributes).feeds()
    except pydantic.ValidationError:
        # A template stands where something else belongs, so what it makes is not known yet.
        default = type_.model_fields["recipe"].default
        yield ["recipe"], str(attributes.get("recipe", default))
        return
    several = "objects" in attributes
    for place, feed in enumerate(feeds):
        yield ["objects", place, "recipe"] if several else ["recipe"], feed.recipe


def _mistakes(
    type_: type[ConnectorBase], attributes: dict[str, Any]
) -> Iterator[tuple[Location, str]]:
    try:
        type_.model_validate(attributes)
    except pydantic.ValidationError as error:
        for found in error.errors(include_url=False):
            location = [part for part in found["loc"] if _is_in(attributes, part)]
            field = ".".join(str(part) for part in found["loc"])
            if found["type"] == "extra_forbidden":
                allowed = _fields_beside(type_, found["loc"])
                yield location, f"{field}: no such field{_choices(str(found['loc'][-1]), allowed)}"
            # A template is text until Dagster renders it, and is checked then.
            elif isinstance(found["input"], str) and TEMPLATE in found["input"]:
                continue
            elif found["type"] == "missing":
                yield location, f"{field}: is needed."
            else:
                told = found["msg"].removeprefix("Value error, ")
                yield location, f"{field}: {told}{_nearest(found)}"


def _nearest(found: Any) -> str:
    """Return the choice that was meant, most likely, as the end of a sentence."""
    if found["type"] != "literal_error":
        return "."
    choices = QUOTED.findall(found["ctx"]["expected"])
    near = difflib.get_close_matches(str(found["input"]), choices, n=1)
    return f"; did you mean {near[0]!r}?" if near else "."


def _is_in(attributes: Any, name: int | str) -> bool:
    if isinstance(attributes, dict):
        return name in attributes or any(_is_in(value, name) for value in attributes.values())
    return isinstance(attributes, list) and isinstance(name, int)


def _fields_beside(type_: type[pydantic.BaseModel], location: Location) -> list[str]:
    """Return the fields of the model that the last part of `location` is in.

    Items of lists and mappings, and members of unions, are parts of a location that are no field.
    """
    models = [type_]
    for part in location[:-1]:
        inner = [
            model.model_fields[str(part)].annotation
            for model in models
            if str(part) in model.model_fields
        ]
        models = [found for annotation in inner for found in _models_in(annotation)] or models
    return sorted({name for model in models for name in model.model_fields})


def _models_in(annotation: Any) -> Iterator[type[pydantic.BaseModel]]:
    """Return the models that an annotation speaks of: optional, in a union, in a list."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _choices(given: str, allowed: Sequence[str]) -> str:
    near = difflib.get_close_matches(given, allowed, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"{hint} Allowed: {', '.join(allowed)}."


def _line(node: yaml.Node | None, location: Location) -> int:
    """Return the line of what `location` leads to, or of the last part of it that is there."""
    line = node.start_mark.line + 1 if node else 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if str(part) not in pairs:
                break
            key, node = pairs[str(part)]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
