"""The one WSGI application: who answers a request, ours or moto's.

Here: dispatch, faults on the way, and counting what is under way. Not here: any service's own
answers.
"""

import ipaddress
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from cleanroom_pipeline.local_aws.calls import Calls
from cleanroom_pipeline.local_aws.clients import IN_PERSON, ITSELF
from cleanroom_pipeline.local_aws.fault_answers import fault_response
from cleanroom_pipeline.local_aws.faults import Faults
from cleanroom_pipeline.local_aws.http import (
    AnswerLostError,
    Request,
    Response,
    WsgiApp,
    drop_connection,
    json_response,
    read_request,
    send,
)
from cleanroom_pipeline.local_aws.recognition import (
    TOKEN_OPERATION,
    TOKEN_SERVICE,
    Recognised,
    broken_rules,
    recognise,
)
from cleanroom_pipeline.local_aws.services import Service

ADMIN_PREFIX = "/_local/"
MOTO_PATH = "/moto-api/"
RESET_PATH = "/moto-api/reset"
TOKEN_PATH = "/v2/token"  # noqa: S105  # a path, as Marketing Cloud has it


class Endpoint(Protocol):
    """What answers a path of our own."""

    def answer(self, request: Request) -> Response:
        """Answer a request."""
        ...


def is_loopback(host: str) -> bool:
    """Say whether a host name or address can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def credential_scope(authorization: str | None) -> tuple[str, str] | None:
    """Return (service, region) of a SigV4 Authorization header; None for any other."""
    _, _, rest = (authorization or "").partition("Credential=")
    parts = rest.split(",")[0].strip().split("/")
    return (parts[-2].lower(), parts[-3]) if len(parts) >= 5 else None


def is_signed(environ: Mapping[str, Any]) -> bool:
    """Say whether a request is to AWS: it is signed, in its header or in its address."""
    asked = environ.get("QUERY_STRING", "")
    by_address = any(member in asked for member in ("X-Amz-Credential", "AWSAccessKeyId"))
    return by_address or credential_scope(environ.get("HTTP_AUTHORIZATION")) is not None


def from_browser(environ: Mapping[str, Any]) -> bool:
    """Say whether a web page sent the request: it carries an Origin, or a name that is not ours."""
    host = urlsplit(f"//{environ.get('HTTP_HOST', '')}").hostname or ""
    return "HTTP_ORIGIN" in environ or not (is_loopback(host) or host.endswith(".localhost"))


class Application:
    """Dispatches by path (`/_local/`, `/v2/token`), then by the service that signs the request.

    No web page may talk to it: everything here trusts whoever can reach the port.
    """

    def __init__(
        self,
        moto: WsgiApp,
        services: Mapping[str, Service],
        endpoints: Mapping[str, Endpoint],
        on_reset: Callable[[], None],
        faults: Faults | None = None,
        calls: Calls | None = None,
    ) -> None:
        self._faults = faults or Faults()
        self._calls = calls or Calls()
        self._moto = moto
        self._services = services
        self._endpoints = endpoints
        self._on_reset = on_reset
        self._quiet = threading.Condition()
        self._under_way = 0
        self._stopping = False

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request."""
        with self._quiet:
            refused = self._stopping
            self._under_way += not refused
        if refused:
            response = json_response(503, {"message": "Stopping."}, (("Connection", "close"),))
            return send(response, start_response)
        return self._counted(environ, start_response)

    def _counted(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterator[bytes]:
        # A generator: its end comes even where the client is gone and the server forgets to close.
        try:
            parts = self._dispatch(environ, start_response)
            try:
                yield from parts
            finally:
                close = getattr(parts, "close", None)
                if close:
                    close()
        finally:
            with self._quiet:
                self._under_way -= 1
                self._quiet.notify_all()

    def stop_accepting(self, timeout: float) -> bool:
        """Refuse new requests, and wait for those under way; False when time ran out."""
        with self._quiet:
            self._stopping = True
            return self._quiet.wait_for(lambda: self._under_way == 0, timeout)

    def _dispatch(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if from_browser(environ):
            message = "The local AWS answers programs of this machine, not web pages."
            return send(json_response(403, {"message": message}), start_response)
        path = environ.get("PATH_INFO", "/")
        if path.startswith(MOTO_PATH):
            if path == RESET_PATH and environ["REQUEST_METHOD"] == "POST":
                self._on_reset()
            return self._moto(environ, start_response)
        if path.startswith(ADMIN_PREFIX):
            return self._answer(environ, start_response)
        return self._with_faults(environ, start_response)

    def _with_faults(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a request to a service, or do what a fault has in store for it."""
        agent = str(environ.get("HTTP_USER_AGENT", ""))
        if ITSELF in agent:
            return self._answer(environ, start_response)
        asked = self._recognised(environ)
        if IN_PERSON not in agent and is_signed(environ):
            self._calls.asked(asked.service, asked.operation, broken_rules(environ, asked))
        if not self._faults.any:
            return self._answer(environ, start_response)
        met = self._faults.meet(asked.service, asked.operation)
        if met.seconds:
            time.sleep(met.seconds)
        if met.rule is None:
            return self._answer(environ, start_response)
        if met.rule.kind == "lost_answer":
            _exhaust(self._answer(environ, lambda *_: None))
        if met.rule.kind in {"lost_answer", "reset"}:
            drop_connection(environ)
        read_request(environ)
        return send(fault_response(met.rule, asked.service), start_response)

    @staticmethod
    def _recognised(environ: dict[str, Any]) -> Recognised:
        if environ.get("PATH_INFO") == TOKEN_PATH:
            return Recognised(TOKEN_SERVICE, TOKEN_OPERATION)
        scope = credential_scope(environ.get("HTTP_AUTHORIZATION"))
        return recognise(environ, scope[0] if scope else "")

    def _answer(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        for prefix, endpoint in self._endpoints.items():
            if path == prefix or (prefix.endswith("/") and path.startswith(prefix)):
                return send(endpoint.answer(read_request(environ)), start_response)
        name, region = credential_scope(environ.get("HTTP_AUTHORIZATION")) or ("", "")
        service = self._services.get(name)
        if service is None:
            return self._moto(environ, start_response)
        try:
            response = service.answer(read_request(environ), region, self._moto)
        except AnswerLostError:
            drop_connection(environ)
        return send(response, start_response)


def _exhaust(parts: Iterable[bytes]) -> None:
    for _ in parts:
        pass
    close = getattr(parts, "close", None)
    if close:
        close()
