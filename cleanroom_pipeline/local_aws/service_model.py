"""One AWS service by its botocore model: which operation a request is, and what it may hold.

Here: reading and checking requests and answers, pure. Not here: what an operation does.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from urllib.parse import parse_qs, unquote

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape
from botocore.model import ServiceModel as BotocoreModel
from botocore.validate import ParamValidator

LABEL = re.compile(r"\{(\w+)(\+?)\}")


class ServiceError(Exception):
    """An error that the service answers with: a code of its model, and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Scripted(str):
    """A value that a test or a demo asked for; it may be one that the model's enum doesn't have."""

    __slots__ = ()


class AnswerError(RuntimeError):
    """An answer of ours breaks the service's model: a bug of the local AWS, not of its caller."""


@dataclass(frozen=True, slots=True)
class Route:
    """An operation, and how its method and path are recognised."""

    operation: OperationModel
    method: str
    path: re.Pattern[str]


class ServiceModel:
    """Finds operations in HTTP requests (REST-JSON and JSON protocols) and checks both sides."""

    def __init__(self, service: str) -> None:
        self.service = service
        description = Loader().load_service_model(service, "service-2")
        self.model = BotocoreModel(description, service)
        self._target = self.model.metadata.get("targetPrefix")
        names = self.model.operation_names
        self._routes = [self._route(self.model.operation_model(name)) for name in names]
        # The most literal path first: /recipes/{name} also fits /recipes/x/publishRecipe's start.
        self._routes.sort(key=lambda route: -len(LABEL.sub("", route.operation.http["requestUri"])))

    @staticmethod
    def _route(operation: OperationModel) -> Route:
        uri = operation.http["requestUri"].split("?")[0]
        literals = [re.escape(part) for part in LABEL.split(uri)[::3]]
        labels = [
            f"(?P<{name}>{'.+' if greedy else '[^/]+'})" for name, greedy in LABEL.findall(uri)
        ]
        pattern = "".join(part + label for part, label in zip(literals, [*labels, ""], strict=True))
        return Route(operation, operation.http["method"], re.compile(pattern + "/?"))

    def match(
        self, method: str, path: str, target: str | None
    ) -> tuple[OperationModel, dict[str, str]] | None:
        """Return the operation of a request and the labels in its (still quoted) path."""
        if self._target:
            prefix, _, name = (target or "").partition(".")
            known = prefix == self._target and name in self.model.operation_names
            return (self.model.operation_model(name), {}) if known else None
        for route in self._routes:
            found = route.path.fullmatch(path) if route.method == method else None
            if found:
                return route.operation, {k: unquote(v) for k, v in found.groupdict().items()}
        return None

    def parse(
        self, operation: OperationModel, labels: Mapping[str, str], query: str, body: bytes
    ) -> dict[str, Any]:
        """Return the checked parameters; ServiceError (ValidationException) says what is wrong."""
        shape = operation.input_shape
        if not isinstance(shape, StructureShape):
            return {}
        params = _body_members(body)
        asked = parse_qs(query, keep_blank_values=True)
        for name, member in shape.members.items():
            location = member.serialization.get("location")
            wire = member.serialization.get("name", name)
            if location == "uri" and wire in labels:
                params[name] = labels[wire]
            if location == "querystring" and wire in asked:
                params[name] = _from_query(member, asked[wire])
        faults = check(shape, params)
        if faults:
            raise ServiceError("ValidationException", "; ".join(faults))
        return params

    def serialize(self, operation: OperationModel, answer: Mapping[str, Any]) -> bytes:
        """Return the answer as JSON; AnswerError where it breaks the model."""
        shape = operation.output_shape
        faults = check(shape, answer) if isinstance(shape, StructureShape) else []
        if faults:
            raise AnswerError(f"{self.service}.{operation.name} answers: {'; '.join(faults)}")
        return json.dumps(answer).encode()

    def http_status(self, code: str) -> int:
        """Return the HTTP status of an error code, 400 for one that the model doesn't name."""
        if code not in self.model.shape_names:
            return 400
        metadata = self.model.shape_for(code).metadata
        return int(metadata.get("error", {}).get("httpStatusCode", 400))


def _from_query(member: Shape, values: list[str]) -> Any:
    """Return what a query says of a member: all of a list, the last of anything else."""
    if member.type_name == "list":
        return values
    return int(values[-1]) if member.type_name in {"integer", "long"} else values[-1]


def _body_members(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body) if body else {}
    except ValueError:
        raise ServiceError("ValidationException", "The request's body is no JSON.") from None
    if not isinstance(members, dict):
        raise ServiceError("ValidationException", "The request's body is no JSON object.")
    return members


def conform(shape: Shape | None, value: Any) -> Any:
    """Return what of `value` its shape knows: no members beyond it, no nulls, times as numbers."""
    if isinstance(shape, StructureShape):
        known = {k: value[k] for k in shape.members if value.get(k) is not None}
        return {name: conform(shape.members[name], item) for name, item in known.items()}
    if isinstance(shape, ListShape):
        return [conform(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: conform(shape.value, item) for key, item in value.items()}
    return float(value) if shape is not None and shape.type_name == "timestamp" else value


def check(shape: Shape, value: Any) -> list[str]:
    """Say where `value` breaks `shape`: unknown and missing members, types, enum, pattern, sizes.

    The sentences name members, never their values: a value may be a credential.
    """
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        return [_without_value(fault) for fault in report.generate_report().splitlines()]
    return list(_constraints(shape, value, shape.name))


def _without_value(fault: str) -> str:
    return re.sub(r"value: .*, (type|valid)", r"\1", fault)


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        # The models are written for Java: a few of its patterns Python can't read.
        return None


@lru_cache(maxsize=4096)
def _string_faults(shape: StringShape, value: str) -> tuple[str, ...]:
    faults = []
    if shape.enum and value not in shape.enum:
        faults.append(f"must be one of {', '.join(shape.enum)}")
    if len(value) > shape.metadata.get("max", len(value)):
        faults.append(f"has more than {shape.metadata['max']} characters")
    pattern = _compiled(shape.metadata["pattern"]) if "pattern" in shape.metadata else None
    if pattern and not pattern.fullmatch(value):
        faults.append(f"does not fit the pattern {pattern.pattern}")
    return tuple(faults)


def _constraints(shape: Shape, value: Any, where: str) -> Iterator[str]:
    yield from _size_faults(shape, value, where)
    for part, item, place in _parts(shape, value, where):
        yield from _constraints(part, item, place)
    if isinstance(shape, StringShape) and not isinstance(value, Scripted):
        yield from (f"{where} {fault}" for fault in _string_faults(shape, value))


def _parts(shape: Shape, value: Any, where: str) -> Iterator[tuple[Shape, Any, str]]:
    if isinstance(shape, StructureShape):
        given = (name for name in shape.members if value.get(name) is not None)
        yield from ((shape.members[name], value[name], f"{where}.{name}") for name in given)
    elif isinstance(shape, ListShape):
        yield from ((shape.member, item, f"{where}[{i}]") for i, item in enumerate(value))
    elif isinstance(shape, MapShape):
        yield from ((shape.key, key, f"{where} (a key)") for key in value)
        yield from ((shape.value, item, f"{where}.{key}") for key, item in value.items())


def _size_faults(shape: Shape, value: Any, where: str) -> Iterator[str]:
    limit = shape.metadata.get("max")
    if limit is None:
        return
    if shape.type_name in {"list", "map"} and len(value) > limit:
        yield f"{where} has more than {limit} items"
    if shape.type_name in {"integer", "long"} and value > limit:
        yield f"{where} is greater than {limit}"
