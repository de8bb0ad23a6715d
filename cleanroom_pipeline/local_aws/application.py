"""The one WSGI application: who answers a request, ours or moto's.

Here: dispatch, and counting what is under way. Not here: any service's own answers.
"""

import ipaddress
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from cleanroom_pipeline.local_aws.http import (
    Request,
    Response,
    WsgiApp,
    json_response,
    read_request,
    send,
)
from cleanroom_pipeline.local_aws.services import Service

ADMIN_PREFIX = "/_local/"
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
    ) -> None:
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
        for prefix, endpoint in self._endpoints.items():
            if path == prefix or (prefix.endswith("/") and path.startswith(prefix)):
                return send(endpoint.answer(read_request(environ)), start_response)
        if path == RESET_PATH and environ["REQUEST_METHOD"] == "POST":
            self._on_reset()
        name, region = credential_scope(environ.get("HTTP_AUTHORIZATION")) or ("", "")
        service = self._services.get(name)
        if service is None:
            return self._moto(environ, start_response)
        response = service.answer(read_request(environ), region, self._moto)
        return send(response, start_response)
