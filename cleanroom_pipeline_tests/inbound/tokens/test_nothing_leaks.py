"""The pull job on a local AWS, well and badly: then all that it left is searched for the secret.

Everything logs at DEBUG into Dagster's own storage, which is more than a deployment would do.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cleanroom_pipeline.aws.session import LOGGERS_OF_BODIES, AwsSession
from cleanroom_pipeline.inbound import connector_token
from cleanroom_pipeline.inbound.connector_token import refresh_connector_token
from cleanroom_pipeline_tests.inbound.tokens.conftest import (
    CLIENT_ID,
    CLIENT_SECRET,
    EVERY_LOGGER,
    HURRIED,
    JOB,
    OLD_SECRET,
    Pulling,
)
from cleanroom_pipeline_tests.leaks import leaks_in, leaks_in_folder
from cleanroom_pipeline_tests.local_aws.token_scripts import scripted_tokens


def test_a_pull_that_works_leaves_no_secret_and_tells_when_its_token_expires(
    ready: Pulling, capfd: pytest.CaptureFixture[str]
) -> None:
    first = ready.run()
    assert first.success, ready.errors(first)
    second = ready.run()
    assert second.success, ready.errors(second)
    # Never a token of an earlier run.
    assert len(set(ready.tokens)) == len(ready.tokens) == 2
    (refreshed,) = [
        event
        for event in first.all_events
        if event.is_successful_output and event.step_key == refresh_connector_token.name
    ]
    metadata = refreshed.step_output_data.metadata
    assert set(metadata) == {
        "connector_profile",
        "token_expires_at",
        "token_lifetime_seconds",
        "secret_version",
    }
    assert metadata["token_lifetime_seconds"].value == 1079
    assert ready.leaks() == []
    out, err = capfd.readouterr()
    assert leaks_in([out.encode(), err.encode()], ready.secrets) == set()
    assert_that_enough_is_kept(ready)


def assert_that_enough_is_kept(pulling: Pulling) -> None:
    """Runs, their output, what libraries log, and what AWS keeps: all are where they are sought."""
    found = leaks_in_folder(pulling.home, {"op": "refresh_connector_token"})
    assert any(leak.startswith("history/runs") for leak in found)
    assert any("compute_logs" in leak for leak in found)
    for logged in ("Starting new HTTP connection", "GetSecretValue", "UpdateConnectorProfile"):
        assert leaks_in_folder(pulling.home, {"logged": logged})
    state = leaks_in([pulling.aws.freeze()], pulling.secrets)
    assert {leak.partition(" (")[0] for leak in state} >= {"client id", "client secret"}


def test_the_search_finds_the_secret_where_a_library_is_allowed_to_log_it(
    ready: Pulling, tmp_path: Path
) -> None:
    (tmp_path / "dagster.yaml").write_text(EVERY_LOGGER)
    with (
        pytest.MonkeyPatch.context() as patch,
        dg.DagsterInstance.from_config(str(tmp_path)) as instance,
        answers(ready, status=401),
    ):
        # A session silences them when it is made: so it is made first.
        AwsSession(region=ready.environment.region).client("secretsmanager")
        for name in LOGGERS_OF_BODIES:
            patch.setattr(logging.getLogger(name), "filters", [])
        job = ready.definitions.resolve_job_def(JOB)
        assert not job.execute_in_process(instance=instance, raise_on_error=False).success
    leaks = leaks_in_folder(tmp_path, {"client secret": CLIENT_SECRET})
    assert any("history/runs" in leak for leak in leaks)
    assert any("compute_logs" in leak for leak in leaks)


@contextmanager
def answers(pulling: Pulling, **spec: Any) -> Iterator[None]:
    """Let every token request be answered so."""
    with scripted_tokens(pulling.aws, {"times": None, **spec}):
        yield


@contextmanager
def hangs(pulling: Pulling) -> Iterator[None]:
    """Let no answer come for longer than anyone waits."""
    with (
        pytest.MonkeyPatch.context() as patch,
        answers(pulling, seconds=30),
    ):
        patch.setattr(connector_token, "PATIENCE", replace(HURRIED, read=0.3))
        yield


@contextmanager
def echo(pulling: Pulling, status: int, ending: str) -> Iterator[None]:
    """Let the answer repeat what was sent, as a careless server's does."""
    body = json.dumps({"error": CLIENT_SECRET, "access_token": f"{CLIENT_ID} {CLIENT_SECRET}"})
    with answers(pulling, status=status, body=body + ending):
        yield


@contextmanager
def rotated_to(pulling: Pulling, **members: Any) -> Iterator[None]:
    pulling.keep(**members)
    yield


@contextmanager
def joined_by_hand(pulling: Pulling) -> Iterator[None]:
    """A secret as a template joins it: its quote ends the text too early."""
    pulling.keep_text(f'{{"client_id": "{CLIENT_ID}", "client_secret": "{CLIENT_SECRET}"}}')
    yield


@contextmanager
def profile_refused(pulling: Pulling, code: str) -> Iterator[None]:
    """Let AppFlow refuse the profile with a message that repeats what was sent."""

    def refuse(**event: Any) -> tuple[Any, dict[str, Any]]:
        sent = event["params"]["body"]
        sent = sent.decode() if isinstance(sent, bytes) else sent
        answer = type("Answer", (), {"status_code": 400, "headers": {}})()
        metadata = {"RequestId": "r-1", "HTTPStatusCode": 400}
        error = {"Code": code, "Message": f"Value '{CLIENT_SECRET}' in {sent} is no good"}
        return answer, {"Error": error, "ResponseMetadata": metadata}

    # The clients of the process are shared: this is the one that the op gets.
    events = AwsSession(region=pulling.environment.region).client("appflow").meta.events
    events.register("before-call", refuse)
    try:
        yield
    finally:
        events.unregister("before-call", refuse)


Trouble = Callable[[Pulling], Any]
TROUBLES: Mapping[str, tuple[Trouble, str]] = {
    "400": (lambda p: answers(p, status=400), "TokenRefusedError"),
    "401": (lambda p: answers(p, status=401), "TokenRefusedError"),
    "403": (lambda p: answers(p, status=403), "TokenRefusedError"),
    "302": (lambda p: answers(p, status=302, location="https://x.example"), "TokenRefusedError"),
    "429": (lambda p: answers(p, status=429, retry_after=3600), "TokenUnavailableError"),
    "503": (lambda p: answers(p, status=503), "TokenUnavailableError"),
    "reset": (lambda p: answers(p, reset=True), "TokenUnavailableError"),
    "hang": (lambda p: hangs(p), "TokenUnavailableError"),
    "401 with an echo": (lambda p: echo(p, 401, ""), "TokenRefusedError"),
    "503 with an echo": (lambda p: echo(p, 503, ""), "TokenUnavailableError"),
    "200 with an echo": (lambda p: echo(p, 200, ""), "TokenAnswerError"),
    "200, malformed": (lambda p: echo(p, 200, ","), "TokenAnswerError"),
    "joined by hand": (joined_by_hand, "CredentialsError"),
    "http elsewhere": (
        lambda p: rotated_to(p, auth_base_uri="http://auth.example.com/"),
        "InsecureUrlError",
    ),
    "swapped": (lambda p: rotated_to(p, auth_base_uri=CLIENT_SECRET), "CredentialsError"),
    "in the address": (
        lambda p: rotated_to(p, auth_base_uri=f"https://x:{OLD_SECRET}@a.example.com/"),
        "CredentialsError",
    ),
    "profile invalid": (
        lambda p: profile_refused(p, "ValidationException"),
        "ConnectorProfileError",
    ),
    "profile not signed in": (
        lambda p: profile_refused(p, "ConnectorAuthenticationException"),
        "ConnectorProfileError",
    ),
    "profile not created": (
        lambda p: profile_refused(p, "ResourceNotFoundException"),
        "ConnectorProfileError",
    ),
}


@pytest.mark.parametrize(("trouble", "error"), TROUBLES.values(), ids=list(TROUBLES))
def test_a_pull_that_fails_says_why_and_leaves_no_secret(
    ready: Pulling, trouble: Trouble, error: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with trouble(ready):
        result = ready.run()
    assert not result.success
    assert ready.errors(result) == [error]
    assert ready.leaks() == []
    out, err = capfd.readouterr()
    assert leaks_in([out.encode(), err.encode()], ready.secrets) == set()
