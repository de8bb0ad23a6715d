"""How a service of the local AWS answers: a table of operations, each checked by the model.

Here: from request to answer. Not here: what an operation does, or which service a request is for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.model import OperationModel

from cleanroom_pipeline.local_aws.http import Request, Response, WsgiApp, call, json_response
from cleanroom_pipeline.local_aws.service_model import ServiceError, ServiceModel, conform

ACCOUNT = "123456789012"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation: its checked parameters, and moto's answer for who wants it."""

    region: str
    params: Mapping[str, Any] = field(repr=False)
    ask_moto: Callable[[], Response] = field(repr=False)


Answer = Mapping[str, Any] | Response
Operation = Callable[[Call], Answer]


class Service:
    """A service whose requests are checked against its model before anybody sees them.

    `operations` are ours and their answers are checked too; all others are moto's, if `in_moto`.
    With `conforms`, what moto tells beyond the model is left out of our answers.
    """

    def __init__(
        self,
        name: str,
        operations: Mapping[str, Operation] | None = None,
        *,
        in_moto: bool = True,
        conforms: bool = False,
    ) -> None:
        self.model = ServiceModel(name)
        self._conforms = conforms
        self._operations = dict(operations or {})
        self._in_moto = in_moto
        unknown = set(self._operations) - set(self.model.model.operation_names)
        if unknown:
            raise ValueError(f"{name} has no operation {', '.join(sorted(unknown))}.")

    def answer(self, request: Request, region: str, moto: WsgiApp) -> Response:
        """Answer a request as the service would, errors included."""
        found = self.model.match(request.method, request.path, request.header("X-Amz-Target"))
        if found is None:
            return self._unknown("this operation")
        operation, labels = found
        try:
            params = self.model.parse(operation, labels, request.query, request.body)
            return self._run(operation, Call(region, params, lambda: call(moto, request)))
        except ServiceError as error:
            return self._error(error)

    def _run(self, operation: OperationModel, invoked: Call) -> Response:
        handler = self._operations.get(operation.name)
        if handler is None:
            answer = invoked.ask_moto() if self._in_moto else self._unknown(operation.name)
            # moto answers in HTML where it has no such operation, with a status that boto3 retries.
            html = answer.header("Content-Type").startswith("text/html") and answer.status >= 400
            return self._unknown(operation.name) if html else answer
        result = handler(invoked)
        if isinstance(result, Response):
            return result
        if self._conforms:
            result = conform(operation.output_shape, result)
        status = int(operation.http.get("responseCode", 200))
        body = self.model.serialize(operation, result)
        return Response(status, body, (("Content-Type", "application/json"),))

    def _error(self, error: ServiceError) -> Response:
        content = {"message": error.message, "Message": error.message, "__type": error.code}
        status = self.model.http_status(error.code)
        return json_response(status, content, (("x-amzn-ErrorType", error.code),))

    def _unknown(self, operation: str) -> Response:
        message = f"The local AWS does not have {operation} of {self.model.service}."
        content = {"message": message, "__type": "NotImplemented"}
        return json_response(501, content, (("x-amzn-ErrorType", "NotImplemented"),))


def page(
    items: list[Any], key: Callable[[Any], str], limit: int, token: str | None
) -> tuple[list[Any], str | None]:
    """Return one page of `items` and the token of the next: the key of the last item given."""
    start = 0
    if token is not None:
        keys = [key(item) for item in items]
        if token not in keys:
            raise ServiceError("ValidationException", "nextToken is none that was given out.")
        start = keys.index(token) + 1
    chunk = items[start : start + limit]
    more = start + limit < len(items)
    return chunk, key(chunk[-1]) if more else None
