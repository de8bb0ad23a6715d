"""HTTP as WSGI sees it: a request read once, an answer written once.

Here: the two types and their conversion. Not here: who answers what.
"""

import json
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BytesIO
from typing import Any, NoReturn
from urllib.parse import urlsplit

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class AnswerLostError(Exception):
    """What was asked for is done, and nobody shall hear of it: the connection is to be dropped."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its body in memory; `path` is still quoted."""

    environ: dict[str, Any] = field(repr=False)
    method: str
    path: str
    query: str
    body: bytes = field(repr=False)

    def header(self, name: str) -> str | None:
        """Return a header's value by its name, in any case."""
        value = self.environ.get("HTTP_" + name.upper().replace("-", "_"))
        return str(value) if value is not None else None

    @property
    def content_type(self) -> str:
        """The media type of the body, without parameters."""
        return str(self.environ.get("CONTENT_TYPE", "")).partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Response:
    """One answer, its body in memory."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[str, str], ...] = ()

    def header(self, name: str) -> str:
        """Return a header's value by its name, empty if it is absent."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), "")


def json_response(
    status: int, content: Mapping[str, Any], headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    """Return an answer whose body is a JSON object."""
    body = json.dumps(content).encode()
    return Response(status, body, (("Content-Type", "application/json"), *headers))


def read_request(environ: dict[str, Any]) -> Request:
    """Read a request and its whole body; the body can then be read again by another application."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    in_chunks = environ.get("wsgi.input_terminated") and "CONTENT_LENGTH" not in environ
    body = environ["wsgi.input"].read(-1 if in_chunks else length) if length or in_chunks else b""
    environ["wsgi.input"] = BytesIO(body)
    raw = environ.get("REQUEST_URI") or environ.get("PATH_INFO", "/")
    return Request(
        environ=environ,
        method=environ["REQUEST_METHOD"],
        path=urlsplit(raw).path or "/",
        query=environ.get("QUERY_STRING", ""),
        body=body,
    )


def call(app: WsgiApp, request: Request) -> Response:
    """Pass a request on to another WSGI application and return its whole answer."""
    head: list[Any] = []
    request.environ["wsgi.input"] = BytesIO(request.body)
    parts = app(
        request.environ, lambda status, headers, _error=None: head.extend([status, headers])
    )
    try:
        body = b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close:
            close()
    return Response(int(head[0].split()[0]), body, tuple(head[1]))


def send(response: Response, start_response: Callable[..., Any]) -> list[bytes]:
    """Write an answer to the WSGI server."""
    headers = [(k, v) for k, v in response.headers if k.lower() != "content-length"]
    status = f"{response.status} {HTTPStatus(response.status).phrase}"
    start_response(status, [*headers, ("Content-Length", str(len(response.body)))])
    return [response.body]


def drop_connection(environ: Mapping[str, Any]) -> NoReturn:
    """End the caller's connection without an answer; raises what the WSGI server takes for that.

    Closing the socket object alone would leave the caller waiting: the server holds it open.
    """
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("The local AWS drops this connection, as it was told to.")
