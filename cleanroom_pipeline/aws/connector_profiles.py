"""AppFlow's connector profiles: put one in place, whether it is there or not.

Here: calls that carry a token, and errors that never repeat it. Not here: what goes into a profile
(`inbound.connector_profile`), or flows (`aws.appflow`).
"""

import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cleanroom_pipeline.aws.session import AWS_ERRORS, error_code, request_id_of

if TYPE_CHECKING:
    from types_boto3_appflow import AppflowClient

ATTEMPTS = 4
LONGEST_PAUSE = 2.0
CONFLICT = "ConflictException"
MISSING = "ResourceNotFoundException"
WHAT_TO_DO = {
    "AccessDeniedException": (
        "Let this role call appflow:CreateConnectorProfile and appflow:UpdateConnectorProfile, and "
        "secretsmanager:CreateSecret, PutSecretValue and PutResourcePolicy on appflow!*"
    ),
    "ConnectorAuthenticationException": (
        "Marketing Cloud refused the new token: look at the package's permissions and at its list "
        "of allowed addresses"
    ),
    CONFLICT: "Someone else keeps changing this profile: run the pull again when they are done",
    "ServiceQuotaExceededException": (
        "This account has as many connector profiles as it may: delete one, or ask AWS for more"
    ),
    "ValidationException": "Compare the secret with docs/connector-tokens.md",
}
ELSE = "Run the pull again, and ask AWS if this lasts"


class ConnectorProfileError(RuntimeError):
    """AppFlow refuses a connector profile. The message holds no word of what was sent.

    Nor AppFlow's own: it may repeat a value that it refuses. CloudTrail has it.
    """


def put_profile(
    client: "AppflowClient",
    create: Mapping[str, Any],
    update: Mapping[str, Any],
    *,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
) -> str:
    """Update the connector profile, or create it where it is missing; return which it was.

    Whoever else creates it first, or changes it at the same time, is waited for.
    """
    for attempt in range(ATTEMPTS):
        sleep(LONGEST_PAUSE * jitter() if attempt else 0.0)
        code = _tried(client.update_connector_profile, update)
        if code is None:
            return "updated"
        if code == MISSING:
            code = _tried(client.create_connector_profile, create, passing=(CONFLICT,))
            if code is None:
                return "created"
    raise ConnectorProfileError(_message(update["connectorProfileName"], CONFLICT, None))


def _tried(
    call: Callable[..., Any],
    request: Mapping[str, Any],
    passing: tuple[str, ...] = (CONFLICT, MISSING),
) -> str | None:
    """Return None once it is done, or the code of an error that passes; raise for any other."""
    try:
        call(**request)
    except AWS_ERRORS as error:
        code = error_code(error)
        if code in passing:
            return code
        # From None: the cause's text is AppFlow's.
        message = _message(request["connectorProfileName"], code, request_id_of(error))
        raise ConnectorProfileError(message) from None
    return None


def _message(profile: str, code: str, request_id: str | None) -> str:
    reference = f", request id {request_id}" if request_id else ""
    return (
        f"AppFlow refuses the connector profile {profile!r} ({code}{reference}). "
        f"{WHAT_TO_DO.get(code, ELSE)}. AppFlow's own words may repeat what was sent: they are in "
        "CloudTrail, and not here."
    )
