"""Which operation of which service a request asks for, and where it breaks the service's model.

Here: every protocol that AWS has, by botocore's models and moto's reading of requests. Not here:
the services that we answer ourselves; they refuse such a request (`services`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, StructureShape
from moto.core.parse import PROTOCOL_PARSERS, RequestParserError
from moto.core.request import Request as MotoRequest
from moto.core.request import determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

from cleanroom_pipeline.local_aws.http import read_request
from cleanroom_pipeline.local_aws.service_model import check

TOKEN_SERVICE = "token"  # noqa: S105  # a name in rules, for Marketing Cloud's token endpoint
TOKEN_OPERATION = "IssueToken"  # noqa: S105  # as above
UNKNOWN = ""
SIGNED_AS: Mapping[str, str] = {
    "monitoring": "cloudwatch",
    "email": "ses",
    "states": "stepfunctions",
}
"""Services whose name in a signature is not their name in boto3."""
TOLERATED = ("ChecksumMode must be one of",)
"""What Arrow's S3 client sends beside S3's model, and S3 takes."""
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Recognised:
    """A request's service and operation, by boto3's names; the operation is empty if unknown."""

    service: str
    operation: str
    model: OperationModel | None = None
    labels: Mapping[str, Any] | None = None


@cache
def _model_of(service: str) -> Any:
    """Return a service's description; None where botocore has none."""
    try:
        return get_service_model(service)
    except UnknownServiceError:
        return None


def protocol_of(service: str) -> str:
    """Return the protocol in which a service answers; JSON for one that botocore doesn't know."""
    model = _model_of(service)
    return str(model.metadata["protocol"]) if model else "json"


def status_of(service: str, code: str) -> int:
    """Return the HTTP status of a service's error, 400 where its model doesn't say."""
    model = _model_of(service)
    if model is None or code not in model.shape_names:
        return 400
    return int(model.shape_for(code).metadata.get("error", {}).get("httpStatusCode", 400))


def recognise(environ: dict[str, Any], signed_as: str) -> Recognised:
    """Return what a request asks for, of the service that its signature names.

    A form is read, and can be read again; any other body is left alone.
    """
    service = SIGNED_AS.get(signed_as, signed_as) or "s3"
    if _model_of(service) is None:
        return Recognised(service, UNKNOWN)
    if str(environ.get("CONTENT_TYPE", "")).startswith(FORM):
        _read_again(environ)
    request = MotoRequest(dict(environ))
    try:
        operation, labels = get_service_router(service).match(request)
    except (NotFound, NotImplementedError):
        return Recognised(service, UNKNOWN)
    finally:
        _read_again(environ)
    return Recognised(service, operation.name, operation, labels)


def _read_again(environ: dict[str, Any]) -> None:
    """Let a form's body be read once more, after somebody has read it."""
    if not str(environ.get("CONTENT_TYPE", "")).startswith(FORM):
        return
    if not isinstance(environ["wsgi.input"], BytesIO):
        read_request(environ)
    environ["wsgi.input"].seek(0)


def broken_rules(environ: dict[str, Any], recognised: Recognised) -> list[str]:
    """Say where a request breaks its operation's model, naming members and never their values.

    Only a body with members is read, and can be read again; an object's content is left alone.
    """
    operation = recognised.model
    shape = operation.input_shape if operation else None
    if operation is None or not isinstance(shape, StructureShape):
        return []
    payload = shape.serialization.get("payload")
    is_content = payload and shape.members[payload].type_name in {"blob", "string"}
    body = b"" if is_content else read_request(environ).body
    request = MotoRequest({**environ, "wsgi.input": BytesIO(body)})
    protocol = determine_request_protocol(
        get_service_model(recognised.service), request.content_type
    )
    try:
        params = PROTOCOL_PARSERS[protocol](operation).parse(  # type: ignore[arg-type]  # moto adds to botocore's class
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": body,
                "url_path": request.path,
                "url_params": dict(recognised.labels or {}),
            }
        )
    except (RequestParserError, ValueError, TypeError, KeyError, AttributeError) as error:
        return [f"The request can't be read: {type(error).__name__}."]
    faults = check(shape, {name: value for name, value in params.items() if value is not None})
    return [fault for fault in faults if not any(known in fault for known in TOLERATED)]
