"""Access tokens of Salesforce Marketing Cloud.

Here: the one HTTP request that issues a token, its time-outs, its retries, and what a refusal
means. Not here: what is asked for (`inbound.connector_profile`), or what a token is used for
(`inbound.connector_token`).
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import urllib3

from cleanroom_pipeline.inbound.connector_profile import (
    LONGEST_TOKEN,
    AccessToken,
    Credentials,
    check_url,
    token_request,
    token_url,
    url_fault,
)

LONGEST_ANSWER_BYTES = 100_000
CHUNK_BYTES = 16_384
LONGEST_LIFETIME_SECONDS = 10**9
REFUSED = {
    400: "the request is not understood: check scope and account_id in the secret",
    401: "the client id or the client secret is wrong, or the package was removed",
    403: "the package lacks a permission, or this address is not on its allow list",
    404: "there is no token endpoint: check auth_base_uri in the secret",
}
MOVED = "it sends us elsewhere, where credentials don't go: check auth_base_uri in the secret"
# https://datatracker.ietf.org/doc/html/rfc6749#section-5.2: one of these words may be repeated.
OAUTH_ERRORS = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)
# A connection that was refused, cut or too slow may be better the next time; a certificate that
# does not fit, or an address that is none, will not.
PASSING = (
    urllib3.exceptions.TimeoutError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ProtocolError,
)


class TokenError(RuntimeError):
    """Marketing Cloud issued no token. The message never holds a credential."""


class TokenRefusedError(TokenError):
    """Marketing Cloud says no, and would say so again; the message tells what to check."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class TokenUnavailableError(TokenError):
    """Marketing Cloud could not be asked, or was too busy, for as long as we tried."""


class TokenAnswerError(TokenError):
    """Marketing Cloud answered with success and without a token that can be used."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often, and for how long, a token is asked for; all in seconds but `attempts`.

    A pause is a random part of a limit that doubles up to `longest_pause`
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/, full jitter). A
    Retry-After is waited for, and up to a second more; one longer than `longest_retry_after` ends
    the attempt, as coming back earlier would only be refused again.
    """

    attempts: int = 5
    first_pause: float = 0.5
    longest_pause: float = 8.0
    longest_retry_after: float = 60.0
    connect: float = 5.0
    read: float = 10.0
    whole_answer: float = 30.0


PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the body may hold a token, so no repr shows it.

    `trouble` says why there is no answer that counts; it is empty where there is one.
    """

    trouble: str = ""
    status: int = 0
    retry_after: str | None = None
    body: bytes = field(repr=False, default=b"")


def issue_token(
    credentials: Credentials,
    pool: urllib3.PoolManager,
    *,
    patience: Patience = PATIENCE,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
) -> AccessToken:
    """Ask for a token. 5xx, 408, 429 and broken connections are tried again, all else is not.

    A token lives about 18 minutes and there is no refresh token: each run asks for its own. Raises
    TokenRefusedError, TokenUnavailableError or TokenAnswerError; no redirect is followed. Raises
    CredentialsError, before anything is sent, for an address that credentials may not go to.
    """
    url = token_url(credentials)
    check_url("Marketing Cloud's credentials", "auth_base_uri", url)
    for attempt in range(1, patience.attempts + 1):
        answer = _ask(url, credentials, pool, patience, now)
        if not answer.trouble:
            return _token(url, credentials, answer)
        pause = pause_before_next(attempt, answer.retry_after, patience, now, jitter)
        if pause is None:
            break
        sleep(pause)
    raise TokenUnavailableError(
        f"{url} {answer.trouble}, at the last of {attempt} attempts. Run the pull again later; if "
        "this lasts, look at Salesforce's status page, and check auth_base_uri in the secret."
    )


def pause_before_next(
    attempt: int,
    retry_after: str | None,
    patience: Patience,
    now: Callable[[], float],
    jitter: Callable[[], float],
) -> float | None:
    """Return how long to wait after a failed attempt (the first is 1); None to give up."""
    if attempt >= patience.attempts:
        return None
    asked = seconds_asked(retry_after, now)
    if asked is not None and asked > patience.longest_retry_after:
        return None
    if asked is not None:
        return asked + jitter()
    # Not by ** of any attempt: a float has an end, and patience a limit.
    doubled: float = patience.first_pause * 2 ** min(attempt - 1, 30)
    return min(patience.longest_pause, doubled) * jitter()


def seconds_asked(retry_after: str | None, now: Callable[[], float]) -> float | None:
    """Return the seconds that a Retry-After asks for, as a number or a date; None if neither.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.fromtimestamp(now(), UTC)).total_seconds())


def _ask(
    url: str,
    credentials: Credentials,
    pool: urllib3.PoolManager,
    patience: Patience,
    now: Callable[[], float],
) -> Answer:
    """Ask once; TokenUnavailableError where asking again is no use."""
    try:
        response = pool.request(
            "POST",
            url,
            json=token_request(credentials),
            headers={"Accept": "application/json"},
            timeout=urllib3.Timeout(connect=patience.connect, read=patience.read),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            body = _read(response, now() + patience.whole_answer, now)
        finally:
            response.close()
    except PASSING as error:
        return Answer(f"can't be reached ({type(error).__name__})")
    except urllib3.exceptions.HTTPError as error:
        # From None: what urllib3 says of a connection may repeat what was sent.
        raise TokenUnavailableError(
            f"{url} can't be reached ({type(error).__name__}), and trying again would not help. "
            "Check auth_base_uri in the secret, and the certificates that this machine trusts."
        ) from None
    status, retry_after = response.status, response.headers.get("Retry-After")
    if status in {408, 429} or 500 <= status <= 599:
        asked = seconds_asked(retry_after, now)
        wish = f" and asks to be left alone for {asked:.0f} s" if asked else ""
        return Answer(f"answered {status}{wish}", status, retry_after)
    return Answer("", status, None, body)


def _read(response: urllib3.BaseHTTPResponse, until: float, now: Callable[[], float]) -> bytes:
    """Read an answer that is neither endless nor dripping; ours is a few hundred bytes."""
    body = b""
    while part := response.read1(CHUNK_BYTES):
        body += part
        if len(body) > LONGEST_ANSWER_BYTES:
            return body
        if now() > until:
            raise urllib3.exceptions.TimeoutError
    return body


def _token(url: str, credentials: Credentials, answer: Answer) -> AccessToken:
    if answer.status != 200:
        fallback = MOVED if 300 <= answer.status <= 399 else "check the secret's values"
        why = REFUSED.get(answer.status, fallback)
        raise TokenRefusedError(
            f"{url} answered {answer.status}{_oauth_error(answer.body)}: {why}.", answer.status
        )
    token = read_token(answer.body, credentials.instance_url)
    if isinstance(token, str):
        raise TokenAnswerError(
            f"{url} answered 200, and {token}. Check that auth_base_uri in the secret is the "
            "Authentication Base URI of the package."
        )
    return token


def _oauth_error(body: bytes) -> str:
    try:
        said = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f" ({said})" if isinstance(said, str) and said in OAUTH_ERRORS else ""


def read_token(body: bytes, instance_url: str | None) -> AccessToken | str:
    """Return the token in an answer, or what is wrong with it, in words that repeat nothing.

    `instance_url` is used where the answer names no REST address.
    """
    if len(body) > LONGEST_ANSWER_BYTES:
        return f"the answer has more than {LONGEST_ANSWER_BYTES} bytes"
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return "the answer is no JSON object"
    value = document.get("access_token")
    if not isinstance(value, str) or not value or len(value.split()) != 1 or value != value.strip():
        return "there is no access_token in it"
    if len(value) > LONGEST_TOKEN:
        return f"its access_token has more than the {LONGEST_TOKEN} characters that AppFlow takes"
    seconds = _seconds(document.get("expires_in"))
    if seconds is None:
        return "its expires_in is no number of seconds above zero"
    url = document.get("rest_instance_url") or instance_url
    fault = url_fault(url) if isinstance(url, str) else "is missing"
    if not isinstance(url, str) or fault:
        return f"its rest_instance_url {fault}"
    return AccessToken(value, seconds, url)


def _seconds(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = int(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds <= LONGEST_LIFETIME_SECONDS else None
