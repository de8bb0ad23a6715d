import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest
import urllib3

from cleanroom_pipeline.inbound import marketing_cloud
from cleanroom_pipeline.inbound.appflow_requests import AccessToken, Credentials
from cleanroom_pipeline.inbound.marketing_cloud import TokenError, issue_token

GOOD = {
    "access_token": "the-token",
    "expires_in": 1079,
    "rest_instance_url": "https://rest.example.com/",
}


class Endpoint(BaseHTTPRequestHandler):
    """Answers with what the test lined up, and keeps what it was asked."""

    answers: ClassVar[list[tuple[int, object]]] = []
    asked: ClassVar[list[tuple[str, str, dict[str, str]]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.path, self.headers["Content-Type"], json.loads(body)))
        status, document = self.answers.pop(0)
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def base_uri(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(
        marketing_cloud, "RETRIES", marketing_cloud.RETRIES.new(backoff_factor=0, backoff_jitter=0)
    )
    Endpoint.answers, Endpoint.asked = [], []
    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def issue(base_uri: str) -> AccessToken:
    return issue_token(Credentials("id", "hunter2", base_uri), urllib3.PoolManager())


def test_a_token_is_asked_for_in_json_at_one_slash(base_uri: str) -> None:
    Endpoint.answers = [(200, GOOD)]
    token = issue(base_uri)
    assert token == AccessToken("the-token", 1079, "https://rest.example.com/")
    path, content_type, body = Endpoint.asked[0]
    assert (path, content_type) == ("/v2/token", "application/json")
    assert body["grant_type"] == "client_credentials"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_trouble_is_tried_again(base_uri: str, status: int) -> None:
    Endpoint.answers = [(status, {}), (status, {}), (200, GOOD)]
    assert issue(base_uri).value == "the-token"


@pytest.mark.parametrize(("status", "hint"), [(401, "client secret is wrong"), (400, "scope")])
def test_a_refusal_is_not_tried_again_and_says_what_to_check(
    base_uri: str, status: int, hint: str
) -> None:
    Endpoint.answers = [(status, {"error": "hunter2"})]
    with pytest.raises(TokenError, match=hint) as caught:
        issue(base_uri)
    assert "hunter2" not in str(caught.value)
    assert len(Endpoint.asked) == 1


def test_an_answer_without_a_token_is_an_error(base_uri: str) -> None:
    Endpoint.answers = [(200, {"expires_in": 5})]
    with pytest.raises(TokenError, match="without a token"):
        issue(base_uri)


def test_an_address_that_nobody_answers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marketing_cloud, "RETRIES", urllib3.Retry(0))
    with pytest.raises(TokenError, match=r"127\.0\.0\.1:1/v2/token can't be reached"):
        issue("http://127.0.0.1:1")
