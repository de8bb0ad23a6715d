"""The token endpoint of Salesforce Marketing Cloud: OAuth 2.0 client credentials (POST /v2/token).

Here: issuing tokens and knowing them again, and answers that a test or a demo scripts. Not here:
the clients' secrets; Secrets Manager has them.
"""

import hashlib
import json
import secrets
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from botocore.exceptions import ClientError

from cleanroom_pipeline.local_aws.clients import Clients, error_code
from cleanroom_pipeline.local_aws.clock import Clock
from cleanroom_pipeline.local_aws.http import Request, Response, json_response

LIFETIME_SECONDS = 1079
LONGEST_HANG_SECONDS = 60.0
SCOPE = "data_extensions_read email_read list_and_subscribers_read tracking_events_read"
SFMC_SECRET_NAME = "cleanroom/sfmc"  # noqa: S105  # a secret's name
OAUTH_ERRORS = {400: "invalid_request", 401: "invalid_client", 403: "unauthorized_client"}
NOT_CACHED = ("Cache-Control", "no-store")


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

    def issue(self, lifetime: float = LIFETIME_SECONDS) -> str:
        """Return a new token, good for `lifetime` seconds of the local AWS's clock."""
        token = self._new_token()
        with self._lock:
            self._expiry[self.digest(token)] = self._clock.now() + lifetime
        return token

    def is_valid(self, digest: str, at: float) -> bool:
        """Say whether the token of this digest was issued here and has not expired at that time.

        `at` may be any moment of a flow's run: a token that is valid when it starts can end in it.
        """
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


@dataclass(frozen=True, slots=True)
class Script:
    """How the next requests for a token are answered; `times` of them, all of them if None.

    `status` other than 200 is answered whoever asks, with `retry_after` as the header, `location`
    for a redirect. `body` stands for what would be answered else, such as a token cut short.
    `expires_in` is how long a token lives that is issued, and what is said of it. `seconds` is how
    long the answer is kept back, in real time. With `reset` the connection is cut instead.
    """

    status: int = 200
    retry_after: int | str | None = None
    location: str | None = None
    body: str | None = field(default=None, repr=False)
    expires_in: int = LIFETIME_SECONDS
    seconds: float = 0.0
    reset: bool = False
    times: int | None = 1


_MEMBERS: Mapping[str, tuple[type, ...]] = {
    "status": (int,),
    "retry_after": (int, str),
    "location": (str,),
    "body": (str,),
    "expires_in": (int,),
    "seconds": (int, float),
    "reset": (bool,),
    "times": (int, type(None)),
}


def read_script(spec: Mapping[str, Any]) -> Script:
    """Read what the admin endpoint was sent; ValueError names what is wrong with it."""
    unknown = sorted(set(spec) - set(_MEMBERS))
    if unknown:
        raise ValueError(f"Unknown: {', '.join(unknown)}. Allowed: {', '.join(_MEMBERS)}.")
    for name, value in spec.items():
        kinds = _MEMBERS[name]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ValueError(f"{name} must be of type {' or '.join(k.__name__ for k in kinds)}.")
    script = Script(**spec)
    if script.status < 200 or script.status not in set(HTTPStatus):
        raise ValueError("status must be one that HTTP knows, from 200 on.")
    if script.times is not None and script.times < 1:
        raise ValueError("times must be 1 or more, or null for all.")
    if not 0 <= script.seconds <= LONGEST_HANG_SECONDS:
        raise ValueError(f"seconds must be from 0 to {LONGEST_HANG_SECONDS:g}.")
    return script


class TokenEndpoint:
    """Answers as Marketing Cloud does, for every client that a secret names right now.

    A client is known by any secret of this region whose value is a JSON object with its client_id
    and client_secret: one that the demo made, or one that a test did.
    """

    def __init__(self, clients: Clients, region: str, tokens: Tokens) -> None:
        self._clients = clients
        self._region = region
        self.tokens = tokens
        self._script: Script | None = None
        self._lock = threading.Lock()
        self._stopped_hanging = threading.Event()

    def script(self, spec: Mapping[str, Any]) -> None:
        """Let the next requests be answered so, in place of an earlier script; see `Script`.

        ValueError says what is wrong with it.
        """
        script = read_script(spec)
        with self._lock:
            self._script = script

    def clear(self) -> None:
        """Forget the script, and let go of whoever hangs."""
        with self._lock:
            self._script = None
            self._stopped_hanging.set()
            self._stopped_hanging = threading.Event()

    def answer(self, request: Request) -> Response:
        """Answer one token request."""
        script = self._take()
        if script.seconds:
            self._stopped_hanging.wait(script.seconds)
        if script.reset:
            return _cut(request)
        if script.status != 200 or script.body is not None:
            return _scripted(script)
        return self._answer(request, script.expires_in)

    def _take(self) -> Script:
        with self._lock:
            script = self._script or Script(times=None)
            if script.times is not None:
                left = script.times - 1
                self._script = replace(script, times=left) if left > 0 else None
            return script

    def _answer(self, request: Request, lifetime: int) -> Response:
        if request.method != "POST":
            return json_response(405, {"error": "method_not_allowed"}, (("Allow", "POST"),))
        asked = _members(request)
        if asked is None:
            return _refusal(400, "invalid_request", "The body is neither JSON nor a form.")
        if asked.get("grant_type") != "client_credentials":
            return _refusal(400, "unsupported_grant_type", "Only client_credentials is known.")
        if not self._is_a_client(asked):
            return _refusal(401, "invalid_client", "The client id or its secret is wrong.")
        base = f"{self._clients.endpoint}/"
        return json_response(
            200,
            {
                "access_token": self.tokens.issue(lifetime),
                "token_type": "Bearer",
                "expires_in": lifetime,
                "scope": SCOPE,
                "rest_instance_url": base,
                "soap_instance_url": base,
            },
            (NOT_CACHED,),
        )

    def _is_a_client(self, asked: Mapping[str, Any]) -> bool:
        # All are always compared: how long it takes tells nothing about any of them.
        fits = [_is_the_client(asked, known) for known in self._known()]
        return any(fits)

    def _known(self) -> Iterator[Mapping[str, Any]]:
        client = self._clients.get("secretsmanager", self._region)
        for page in client.get_paginator("list_secrets").paginate():
            for secret in page["SecretList"]:
                try:
                    value = client.get_secret_value(SecretId=secret["ARN"])
                    known = json.loads(value.get("SecretString", ""))
                except ClientError as error:
                    # Deleted meanwhile, or never given a value.
                    if error_code(error) != "ResourceNotFoundException":
                        raise
                    continue
                except ValueError:
                    continue
                if isinstance(known, dict) and known.get("client_id"):
                    yield known


def _is_the_client(asked: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    id_fits, secret_fits = (
        secrets.compare_digest(
            str(asked.get(name, "")).encode(), str(known.get(name) or "").encode()
        )
        for name in ("client_id", "client_secret")
    )
    return bool(known.get("client_secret")) and id_fits and secret_fits


def _scripted(script: Script) -> Response:
    headers = [NOT_CACHED]
    if script.retry_after is not None:
        headers.append(("Retry-After", str(script.retry_after)))
    if script.location is not None:
        headers.append(("Location", script.location))
    if script.body is not None:
        return Response(script.status, script.body.encode(), tuple(headers))
    error = OAUTH_ERRORS.get(script.status, "temporarily_unavailable")
    return json_response(script.status, {"error": error}, tuple(headers))


def _cut(request: Request) -> Response:
    """Cut the connection, so that the client sees a reset and nothing of the answer."""
    connection: socket.socket | None = request.environ.get("werkzeug.socket")
    if connection is None:
        raise ValueError("This server does not hand out its connections: reset can't be scripted.")
    # No lingering: the system sends a reset in place of an orderly end. The shutdown lets the
    # server's own writing fail, as it does when a client has gone away.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RDWR)
    return Response(503)


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
    return json_response(status, content, (NOT_CACHED,))
