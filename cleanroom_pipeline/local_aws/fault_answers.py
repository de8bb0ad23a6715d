"""What the caller sees of a fault: an error in the form of its service, or no answer at all.

Here: codes, statuses and bodies by service and protocol. Not here: who meets a fault (`faults`).
"""

from collections.abc import Mapping
from xml.sax.saxutils import escape

from cleanroom_pipeline.local_aws.faults import FaultRule
from cleanroom_pipeline.local_aws.http import Response, json_response
from cleanroom_pipeline.local_aws.recognition import TOKEN_SERVICE, protocol_of, status_of

REQUEST_ID = "00000000-0000-0000-0000-00000000fa17"

THROTTLES: Mapping[str, tuple[str, int]] = {
    "s3": ("SlowDown", 503),
    "sqs": ("RequestThrottled", 403),
    "sns": ("Throttled", 429),
    "sts": ("Throttling", 400),
    "iam": ("Throttling", 400),
    "dynamodb": ("ProvisionedThroughputExceededException", 400),
    "databrew": ("ThrottlingException", 429),
    "appflow": ("ThrottlingException", 429),
    "cleanrooms": ("ThrottlingException", 429),
    TOKEN_SERVICE: ("too_many_requests", 429),
}
"""Each service's own way to say "too much": code and status. Of all others it is OTHER_THROTTLE."""
OTHER_THROTTLE = ("ThrottlingException", 400)

ERRORS: Mapping[str, str] = {"s3": "InternalError", TOKEN_SERVICE: "server_error"}
"""The code of a 5xx, where it isn't OTHER_ERROR."""
OTHER_ERROR = "InternalServerException"


def fault_response(rule: FaultRule, service: str) -> Response:
    """Return the answer of a request that meets `rule`, which is a throttle or an error."""
    if rule.kind == "throttle":
        code, status = THROTTLES.get(service, OTHER_THROTTLE)
        code, status = rule.code or code, rule.status or status
        message = rule.message or "Rate exceeded"
    else:
        code = rule.code or ERRORS.get(service, OTHER_ERROR)
        status = rule.status or (status_of(service, code) if rule.code else 500)
        message = rule.message or "The local AWS fails here, as it was told to."
    return _error(service, status, code, message)


def _error(service: str, status: int, code: str, message: str) -> Response:
    protocol = protocol_of(service)
    request_id = ("x-amzn-RequestId", REQUEST_ID)
    xml = (("Content-Type", "text/xml"), request_id)
    fault = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if service == TOKEN_SERVICE:
        retry = (("Retry-After", "1"),) if status == 429 else ()
        return json_response(status, {"error": code, "error_description": message}, retry)
    if protocol == "rest-xml":
        body = f"<Error>{fault}<RequestId>{REQUEST_ID}</RequestId></Error>"
        return Response(status, body.encode(), xml)
    if protocol == "query":
        side = "Receiver" if status >= 500 else "Sender"
        body = (
            f"<ErrorResponse><Error><Type>{side}</Type>{fault}</Error>"
            f"<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
        )
        return Response(status, body.encode(), xml)
    content = {"__type": code, "message": message, "Message": message}
    return json_response(status, content, (("x-amzn-ErrorType", code), request_id))
