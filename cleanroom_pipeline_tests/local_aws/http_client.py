"""Plain HTTP to the local AWS, for the paths that no boto3 client knows."""

import json
import urllib.error
import urllib.request
from typing import Any, NamedTuple

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Answer(NamedTuple):
    status: int
    content: dict[str, Any]


def send(
    method: str, url: str, body: bytes | dict[str, Any] = b"", headers: dict[str, str] | None = None
) -> Answer:
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    request = urllib.request.Request(
        url, data=data, method=method
    )  # a loopback address that the test made
    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
        request.add_header(name, value)
    try:
        with _OPENER.open(request, timeout=60) as answer:
            return Answer(answer.status, json.loads(answer.read()))
    except urllib.error.HTTPError as error:
        return Answer(error.code, json.loads(error.read()))
