import json
import socket
import threading
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.inbound.connector_profile import (
    AccessToken,
    Credentials,
    InsecureUrlError,
)
from cleanroom_pipeline.inbound.marketing_cloud import (
    LONGEST_ANSWER_BYTES,
    REFUSED,
    Answer,
    Patience,
    TokenAnswerError,
    TokenError,
    TokenRefusedError,
    TokenUnavailableError,
    issue_token,
    pause_before_next,
    read_token,
    seconds_asked,
)

GOOD = {
    "access_token": "the-token",
    "expires_in": 1079,
    "rest_instance_url": "https://rest.example.com/",
}
SECRET = "hunter2-of-the-client"
NOW = 1_800_000_000.0
PATIENCE = Patience(attempts=4, connect=1, read=0.2, whole_answer=5)


class Endpoint:
    """Answers with what the test lined up, and keeps what it was asked and how long it had to wait.

    An answer is (status, document, headers); a text is sent as it is, None cuts the connection,
    and a number is a silence of as many seconds.
    """

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.pauses: list[float] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.asked.append((self.path, self.headers["Content-Type"], json.loads(body)))
                answer = endpoint.answers.pop(0)
                if answer is None:
                    self.connection.shutdown(socket.SHUT_RDWR)
                elif isinstance(answer, float):
                    endpoint.let_go.wait(answer)
                else:
                    self.send(*answer)

            def send(
                self, status: int, document: object, headers: dict[str, str] | None = None
            ) -> None:
                data = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self.let_go = threading.Event()
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}"

    def issue(self, patience: Patience = PATIENCE, **members: Any) -> AccessToken:
        credentials = Credentials("id", SECRET, f"{self.base}/", **members)
        with urllib3.PoolManager() as pool:
            return issue_token(
                credentials,
                pool,
                patience=patience,
                now=lambda: NOW,
                sleep=self.pauses.append,
                jitter=lambda: 0.5,
            )


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    serve = endpoint.server.serve_forever
    thread = threading.Thread(target=serve, kwargs={"poll_interval": 0.01})
    thread.start()
    yield endpoint
    endpoint.let_go.set()
    endpoint.server.shutdown()
    thread.join()
    endpoint.server.server_close()


def test_a_token_is_asked_for_in_json_at_one_slash(endpoint: Endpoint) -> None:
    endpoint.answers = [(200, GOOD)]
    token = endpoint.issue(account_id="51", scope="email_read")
    assert token == AccessToken("the-token", 1079, "https://rest.example.com/")
    assert endpoint.asked == [
        (
            "/v2/token",
            "application/json",
            {
                "grant_type": "client_credentials",
                "client_id": "id",
                "client_secret": SECRET,
                "account_id": 51,
                "scope": "email_read",
            },
        )
    ]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_a_passing_trouble_is_tried_again_after_growing_pauses(
    endpoint: Endpoint, status: int
) -> None:
    endpoint.answers = [(status, {}), (status, {}), (200, GOOD)]
    assert endpoint.issue().value == "the-token"
    assert endpoint.pauses == [0.25, 0.5]


@pytest.mark.parametrize("trouble", [None, 1.0, (200, b"", {"Content-Length": "50"})])
def test_a_broken_connection_is_tried_again(endpoint: Endpoint, trouble: Any) -> None:
    endpoint.answers = [trouble, (200, GOOD)]
    if trouble == 1.0:
        # The server answers one at a time: let it go as soon as the client has given up.
        endpoint.let_go.wait = lambda _=None: threading.Event().wait(0.3)  # type: ignore[method-assign, assignment]  # a silence, longer than PATIENCE.read
    assert endpoint.issue().value == "the-token"
    assert len(endpoint.asked) == 2


def test_a_retry_after_is_waited_for(endpoint: Endpoint) -> None:
    date = formatdate(NOW + 20, usegmt=True)
    endpoint.answers = [
        (429, {}, {"Retry-After": "3"}),
        (503, {}, {"Retry-After": date}),
        (200, GOOD),
    ]
    endpoint.issue()
    assert endpoint.pauses == [3.5, 20.5]


def test_a_retry_after_that_is_too_long_ends_it_with_how_long_it_is(endpoint: Endpoint) -> None:
    endpoint.answers = [(429, {}, {"Retry-After": "3600"})]
    with pytest.raises(TokenUnavailableError, match=r"answered 429 and asks .* for 3600 s.* 1 att"):
        endpoint.issue()
    assert endpoint.pauses == []


def test_a_trouble_that_lasts_ends_after_so_many_attempts(endpoint: Endpoint) -> None:
    endpoint.answers = [(503, {"echo": SECRET})] * 4
    with pytest.raises(TokenUnavailableError, match="answered 503, at the last of 4") as caught:
        endpoint.issue()
    assert len(endpoint.asked) == 4
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "said"), [*REFUSED.items(), (302, "sends us elsewhere"), (418, "secret's values")]
)
def test_a_refusal_is_not_tried_again_and_says_what_to_check(
    endpoint: Endpoint, status: int, said: str
) -> None:
    endpoint.answers = [(status, {"error": SECRET, "error_description": SECRET})]
    with pytest.raises(TokenRefusedError) as caught:
        endpoint.issue()
    assert f"{endpoint.base}/v2/token answered {status}: " in str(caught.value)
    assert said in str(caught.value)
    assert caught.value.status == status
    assert SECRET not in repr(caught.value)
    assert len(endpoint.asked) == 1


def test_a_word_of_oauths_own_is_passed_on(endpoint: Endpoint) -> None:
    endpoint.answers = [(401, {"error": "invalid_client", "error_description": SECRET})]
    with pytest.raises(TokenRefusedError, match=r"answered 401 \(invalid_client\): the client id"):
        endpoint.issue()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(endpoint: Endpoint, status: int) -> None:
    endpoint.answers = [(status, {}, {"Location": f"{endpoint.base}/elsewhere"}), (200, GOOD)]
    with pytest.raises(TokenRefusedError, match="where credentials don't go"):
        endpoint.issue()
    assert len(endpoint.asked) == 1


def test_nothing_is_sent_in_clear_to_another_machine() -> None:
    pool: Any = None
    with pytest.raises(InsecureUrlError, match="sent in clear"):
        issue_token(Credentials("id", SECRET, "http://auth.example.com"), pool)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "no JSON object"),
        (b"<html>" + SECRET.encode(), "no JSON object"),
        (b"\xff\xfe", "no JSON object"),
        (b"[" * 50_000, "no JSON object"),
        ([GOOD], "no JSON object"),
        (b"x" * (LONGEST_ANSWER_BYTES + 1), "more than 100000 bytes"),
        (GOOD | {"access_token": ""}, "no access_token"),
        (GOOD | {"access_token": [SECRET]}, "no access_token"),
        (GOOD | {"access_token": f"{SECRET} {SECRET}"}, "no access_token"),
        (GOOD | {"access_token": SECRET * 300}, "more than the 4096 characters"),
        (GOOD | {"expires_in": SECRET}, "expires_in is no number"),
        (GOOD | {"expires_in": 0}, "expires_in is no number"),
        (GOOD | {"expires_in": -5}, "expires_in is no number"),
        (GOOD | {"expires_in": True}, "expires_in is no number"),
        (GOOD | {"expires_in": 10**30}, "expires_in is no number"),
        (GOOD | {"expires_in": None}, "expires_in is no number"),
        (GOOD | {"rest_instance_url": None}, "rest_instance_url is missing"),
        (GOOD | {"rest_instance_url": [SECRET]}, "rest_instance_url is missing"),
        (GOOD | {"rest_instance_url": SECRET}, "rest_instance_url must begin with https"),
        (GOOD | {"rest_instance_url": "http://a.example.com"}, "in clear"),
    ],
)
def test_an_answer_without_a_usable_token_is_an_error_that_repeats_nothing(
    endpoint: Endpoint, document: object, said: str
) -> None:
    endpoint.answers = [(200, document)]
    with pytest.raises(TokenAnswerError, match=r"answered 200, and .*auth_base_uri") as caught:
        endpoint.issue()
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_rest_address_of_the_secret_serves_where_the_answer_has_none() -> None:
    body = json.dumps({"access_token": "t", "expires_in": "600"}).encode()
    token = read_token(body, "https://rest.example.com/")
    assert token == AccessToken("t", 600, "https://rest.example.com/")


def test_an_answer_that_drips_is_given_up(endpoint: Endpoint) -> None:
    endpoint.answers = [(200, GOOD)] * 4
    with pytest.raises(TokenUnavailableError, match=r"can't be reached \(TimeoutError\)"):
        endpoint.issue(Patience(attempts=4, read=1, whole_answer=-1))
    assert len(endpoint.asked) == 4


def test_an_address_that_nobody_answers_is_named_after_all_attempts() -> None:
    pauses: list[float] = []
    credentials = Credentials("id", SECRET, "http://127.0.0.1:1")
    with (
        urllib3.PoolManager() as pool,
        pytest.raises(TokenUnavailableError, match=r"127\.0\.0\.1:1/v2/token can't be reached \(N"),
    ):
        issue_token(credentials, pool, patience=PATIENCE, sleep=pauses.append)
    assert len(pauses) == 3


def test_a_server_that_speaks_no_tls_is_given_up_at_once(endpoint: Endpoint) -> None:
    base = endpoint.base.replace("http:", "https:")
    with (
        urllib3.PoolManager() as pool,
        pytest.raises(TokenUnavailableError, match="trying again would not help") as caught,
    ):
        issue_token(Credentials("id", SECRET, base), pool, patience=PATIENCE, sleep=fail)
    assert caught.value.__suppress_context__


def fail(_: float) -> None:
    pytest.fail("There is nothing to wait for.")


@given(
    attempt=st.integers(1, 10_000),
    retry_after=st.none() | st.text(max_size=40) | st.integers(0, 10**12).map(str),
    jitter=st.floats(0, 1),
)
def test_a_pause_is_never_shorter_than_asked_and_never_longer_than_patience_has(
    attempt: int, retry_after: str | None, jitter: float
) -> None:
    patience = Patience(attempts=10_000)
    pause = pause_before_next(attempt, retry_after, patience, lambda: NOW, lambda: jitter)
    asked = seconds_asked(retry_after, lambda: NOW)
    if attempt == 10_000 or (asked or 0) > patience.longest_retry_after:
        assert pause is None
    else:
        assert pause is not None
        assert (asked or 0) <= pause <= patience.longest_retry_after + 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("Fri, 31 Jan 999999999999999999999 12:00:00 GMT", None),
        ("Fri, 31 Feb 2026 25:61:61 +9999", None),
        (" 120 ", 120),
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW - 90, usegmt=True), 0),
    ],
)
def test_a_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert seconds_asked(header, lambda: NOW) == seconds


def test_no_repr_shows_an_answer() -> None:
    assert SECRET not in repr(Answer("", 200, None, SECRET.encode()))
    assert issubclass(TokenRefusedError, TokenError)
