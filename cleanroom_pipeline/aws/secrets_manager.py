"""Secrets Manager: read a secret by name, at run time.

Here: the call, and errors that name the secret and never hold its value. Not here: what is in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from cleanroom_pipeline.aws.session import AWS_ERRORS, AwsSession, error_code, request_id_of

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

CURRENT = "AWSCURRENT"
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html#API_GetSecretValue_Errors
WHAT_TO_DO = {
    "ResourceNotFoundException": (
        "There is no such secret, or no such version of it, in this account and region: create it, "
        "or correct the name."
    ),
    "AccessDeniedException": "Let this role call secretsmanager:GetSecretValue on it.",
    "DecryptionFailure": "Let this role use the secret's KMS key: kms:Decrypt.",
    "InvalidRequestException": "It may be marked for deletion: restore it.",
}
ELSE = "Look whether this role has credentials and a way to Secrets Manager, and try again."


class SecretError(RuntimeError):
    """A secret can't be read. The message names it and says nothing of its value."""


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """A secret's text, and the id of the version that it is of."""

    version_id: str
    text: str = field(repr=False)


class Secrets(dg.ConfigurableResource[Any]):
    """Reads secrets; each read is a fresh one, so that a rotated secret serves the next run.

    Nothing is kept between reads. Without a version, the one labelled AWSCURRENT is asked for by
    name: during a rotation, AWSPENDING is there as well and isn't valid yet.
    """

    session: dg.ResourceDependency[AwsSession]

    def secret_string(self, secret_id: str, version: str | None = None) -> str:
        """Return the SecretString of `secret_id`, its current version by default."""
        return _text(secret_id, self._read(secret_id, version))

    def current(self, secret_id: str) -> SecretVersion:
        """Return the SecretString that is current now, and which version it is."""
        answer = self._read(secret_id, None)
        return SecretVersion(str(answer["VersionId"]), _text(secret_id, answer))

    def secret_identity(self, secret_id: str, version: str | None = None) -> tuple[str, str]:
        """Return the secret's ARN and the id of the version that `secret_string` would read."""
        answer = self._read(secret_id, version)
        return answer["ARN"], answer["VersionId"]

    def _read(self, secret_id: str, version: str | None) -> Mapping[str, Any]:
        client: SecretsManagerClient = self.session.client("secretsmanager")
        try:
            if version:
                return client.get_secret_value(SecretId=secret_id, VersionId=version)
            return client.get_secret_value(SecretId=secret_id, VersionStage=CURRENT)
        except AWS_ERRORS as error:
            code, request_id = error_code(error), request_id_of(error)
            reference = f", request id {request_id}" if request_id else ""
            raise SecretError(
                f"Secret {secret_id!r} can't be read ({code}{reference}). "
                f"{WHAT_TO_DO.get(code, ELSE)}"
            ) from error


def _text(secret_id: str, answer: Mapping[str, Any]) -> str:
    if "SecretString" not in answer:
        raise SecretError(f"Secret {secret_id!r} holds binary data; a SecretString is needed.")
    return str(answer["SecretString"])
