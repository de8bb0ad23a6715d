"""The token endpoint of Salesforce Marketing Cloud: OAuth 2.0 client credentials (POST /v2/token).

Here: issuing tokens and knowing them again. Not here: the client's secret; Secrets Manager has it.
"""

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from botocore.exceptions import ClientError

from cleanroom_pipeline.local_aws.clients import Clients, error_code
from cleanroom_pipeline.local_aws.clock import Clock
from cleanroom_pipeline.local_aws.http import Request, Response, json_response

LIFETIME_SECONDS = 1079
SCOPE = "data_extensions_read email_read list_and_subscribers_read tracking_events_read"
SFMC_SECRET_NAME = "cleanroom/sfmc"  # noqa: S105  # a secret's name


class Tokens:
    """The access tokens that were issued, by their digests, and when each expires."""

    def __init__(self, clock: Clock, new_token: Callable[[], str] | None = None) -> None:
        self._clock = clock
        self._new_token = new_token or (lambda: secrets.token_urlsafe(48))
        self._expiry: dict[str, float] = {}
        self._lock = threading.Lock()

    @staticmethod
    def digest(token: str) -> str:
        """Return what is kept of a token."""
        return hashlib.sha256(token.encode()).hexdigest()

    def issue(self) -> str:
        """Return a new token, good for LIFETIME_SECONDS."""
        token = self._new_token()
        with self._lock:
            self._expiry[self.digest(token)] = self._clock.now() + LIFETIME_SECONDS
        return token

    def is_valid(self, digest: str, at: float) -> bool:
        """Say whether the token of this digest was issued here and has not expired at that time."""
        with self._lock:
            return at < self._expiry.get(digest, float("-inf"))

    def dump(self) -> dict[str, float]:
        """Return the digests and their expiry, for a snapshot."""
        with self._lock:
            return dict(self._expiry)

    def restore(self, expiry: Mapping[str, float]) -> None:
        """Take over what `dump` returned; an empty mapping forgets all."""
        with self._lock:
            self._expiry = dict(expiry)


class TokenEndpoint:
    """Answers as Marketing Cloud does, for the client that `cleanroom/sfmc` names right now."""

    def __init__(self, clients: Clients, region: str, tokens: Tokens) -> None:
        self._clients = clients
        self._region = region
        self._tokens = tokens

    def answer(self, request: Request) -> Response:
        """Answer one token request."""
        if request.method != "POST":
            return json_response(405, {"error": "method_not_allowed"}, (("Allow", "POST"),))
        asked = _members(request)
        if asked is None:
            return _refusal(400, "invalid_request", "The body is neither JSON nor a form.")
        if asked.get("grant_type") != "client_credentials":
            return _refusal(400, "unsupported_grant_type", "Only client_credentials is known.")
        if not self._is_the_client(asked):
            return _refusal(401, "invalid_client", "The client id or its secret is wrong.")
        base = f"{self._clients.endpoint}/"
        return json_response(
            200,
            {
                "access_token": self._tokens.issue(),
                "token_type": "Bearer",
                "expires_in": LIFETIME_SECONDS,
                "scope": SCOPE,
                "rest_instance_url": base,
                "soap_instance_url": base,
            },
            (("Cache-Control", "no-store"),),
        )

    def _is_the_client(self, asked: Mapping[str, Any]) -> bool:
        known = self._secret()
        # Both are always compared: how long it takes tells nothing about either.
        id_fits, secret_fits = (
            secrets.compare_digest(
                str(asked.get(name, "")).encode(), str(known.get(name, "")).encode()
            )
            for name in ("client_id", "client_secret")
        )
        return bool(known) and id_fits and secret_fits

    def _secret(self) -> dict[str, str]:
        client = self._clients.get("secretsmanager", self._region)
        try:
            text = client.get_secret_value(SecretId=SFMC_SECRET_NAME)["SecretString"]
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            return {}
        known: dict[str, str] = json.loads(text)
        return known


def _members(request: Request) -> dict[str, Any] | None:
    try:
        if request.content_type == "application/x-www-form-urlencoded":
            return dict(parse_qsl(request.body.decode()))
        members = json.loads(request.body)
    except ValueError:
        return None
    return members if isinstance(members, dict) else None


def _refusal(status: int, error: str, description: str) -> Response:
    content = {"error": error, "error_description": description, "error_uri": ""}
    return json_response(status, content, (("Cache-Control", "no-store"),))
