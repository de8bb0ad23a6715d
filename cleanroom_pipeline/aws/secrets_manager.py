"""Secrets Manager: read a secret by name, at run time.

Here: the call, and errors that name the secret and never hold its value. Not here: what is in it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
from botocore.exceptions import ClientError

from cleanroom_pipeline.aws.session import AwsSession

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient


class SecretError(RuntimeError):
    """A secret can't be read. The message names it and says nothing of its value."""


class Secrets(dg.ConfigurableResource[Any]):
    """Reads secrets; each read is a fresh one, so that a rotated secret serves the next run."""

    session: dg.ResourceDependency[AwsSession]

    def secret_string(self, secret_id: str, version: str | None = None) -> str:
        """Return the SecretString of `secret_id`, its current version by default."""
        answer = self._read(secret_id, version)
        if "SecretString" not in answer:
            raise SecretError(f"Secret {secret_id!r} holds binary data; a SecretString is needed.")
        return str(answer["SecretString"])

    def secret_identity(self, secret_id: str, version: str | None = None) -> tuple[str, str]:
        """Return the secret's ARN and the id of the version that `secret_string` would read."""
        answer = self._read(secret_id, version)
        return answer["ARN"], answer["VersionId"]

    def _read(self, secret_id: str, version: str | None) -> Mapping[str, Any]:
        client: SecretsManagerClient = self.session.client("secretsmanager")
        pinned: dict[str, Any] = {"VersionId": version} if version else {}
        try:
            return client.get_secret_value(SecretId=secret_id, **pinned)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise SecretError(
                f"Secret {secret_id!r} can't be read ({code}). Create it in Secrets Manager, or "
                "let this role call secretsmanager:GetSecretValue on it."
            ) from error
