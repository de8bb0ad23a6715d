import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3

from cleanroom_pipeline.local_aws.clients import Clients
from cleanroom_pipeline.local_aws.provision import LocalEnvironment
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline.local_aws.token_endpoint import Tokens, read_script
from cleanroom_pipeline_tests.local_aws.conftest import NOON, REGION
from cleanroom_pipeline_tests.local_aws.http_client import send
from cleanroom_pipeline_tests.local_aws.marketing import client_of
from cleanroom_pipeline_tests.local_aws.token_scripts import scripted_tokens


def test_the_client_of_the_secret_gets_a_token(
    environment: LocalEnvironment, clients: Clients
) -> None:
    url = f"{environment.endpoint}/v2/token"
    answer = send("POST", url, client_of(clients))
    assert answer.status == 200
    assert set(answer.content) == {
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "rest_instance_url",
        "soap_instance_url",
    }
    assert answer.content["token_type"] == "Bearer"
    assert answer.content["expires_in"] == 1079
    assert (
        send("POST", url, client_of(clients)).content["access_token"]
        != (answer.content["access_token"])
    )


def test_a_form_is_taken_as_well(environment: LocalEnvironment, clients: Clients) -> None:
    form = urlencode(client_of(clients)).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert send("POST", f"{environment.endpoint}/v2/token", form, headers).status == 200


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "wrong"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_anyone_else_is_refused(
    environment: LocalEnvironment,
    clients: Clients,
    change: dict[str, Any],
    status: int,
    error: str,
) -> None:
    answer = send("POST", f"{environment.endpoint}/v2/token", {**client_of(clients), **change})
    assert (answer.status, answer.content["error"]) == (status, error)


def test_a_rotated_secret_counts_at_once(environment: LocalEnvironment, clients: Clients) -> None:
    old = client_of(clients)
    rotated = json.dumps({"client_id": old["client_id"], "client_secret": "new"})
    clients.get("secretsmanager", REGION).put_secret_value(
        SecretId="cleanroom/sfmc", SecretString=rotated
    )
    url = f"{environment.endpoint}/v2/token"
    assert send("POST", url, old).status == 401
    assert send("POST", url, {**old, "client_secret": "new"}).status == 200


def test_without_the_secret_nobody_is_the_client(aws: LocalAws) -> None:
    empty = {"grant_type": "client_credentials", "client_id": "", "client_secret": ""}
    assert send("POST", f"{aws.endpoint}/v2/token", empty).status == 401


def test_only_post_and_only_json_or_a_form(aws: LocalAws) -> None:
    assert send("GET", f"{aws.endpoint}/v2/token").status == 405
    assert send("POST", f"{aws.endpoint}/v2/token", b"no json").content["error"] == (
        "invalid_request"
    )


def test_any_secret_with_a_client_makes_one(
    environment: LocalEnvironment, clients: Clients
) -> None:
    made = {"client_id": "another", "client_secret": 'quo"te\\', "token_endpoint": "anywhere"}
    secrets = clients.get("secretsmanager", REGION)
    for name, text in (
        ("a/second", json.dumps(made)),
        ("no/json", "{"),
        ("no/object", "[]"),
        ("no/secret", json.dumps({"client_id": "open", "client_secret": ""})),
    ):
        secrets.create_secret(Name=name, SecretString=text)
    secrets.create_secret(Name="no/text", SecretBinary=b"x")
    url = f"{environment.endpoint}/v2/token"
    asked = {"grant_type": "client_credentials", **made}
    assert send("POST", url, asked).status == 200
    assert send("POST", url, {**asked, "client_secret": "wrong"}).status == 401
    assert send("POST", url, {**asked, "client_id": "open", "client_secret": ""}).status == 401
    assert send("POST", url, client_of(clients)).status == 200
    secrets.delete_secret(SecretId="a/second", ForceDeleteWithoutRecovery=True)
    assert send("POST", url, asked).status == 401


def test_a_scripted_refusal_counts_as_often_as_it_says(
    aws: LocalAws, environment: LocalEnvironment, clients: Clients
) -> None:
    url = f"{environment.endpoint}/v2/token"
    with scripted_tokens(aws, {"status": 503, "retry_after": 7, "times": 2}):
        for _ in range(2):
            answer = urllib3.request("POST", url, json=client_of(clients), retries=False)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
        assert send("POST", url, client_of(clients)).status == 200


def test_a_script_without_end_lasts_until_it_is_replaced_or_forgotten(
    aws: LocalAws, environment: LocalEnvironment, clients: Clients
) -> None:
    url = f"{environment.endpoint}/v2/token"
    with scripted_tokens(aws, {"status": 401, "times": None}) as endpoint:
        assert [send("POST", url, client_of(clients)).status for _ in range(3)] == [401] * 3
        endpoint.script({"status": 429})
        assert [send("POST", url, client_of(clients)).status for _ in range(2)] == [429, 200]
        endpoint.script({"status": 500, "times": None})
    assert send("POST", url, client_of(clients)).status == 200


def test_a_token_lives_as_long_as_scripted(
    aws: LocalAws, environment: LocalEnvironment, clients: Clients
) -> None:
    with scripted_tokens(aws, {"expires_in": 5}) as endpoint:
        url = f"{environment.endpoint}/v2/token"
        answer = send("POST", url, client_of(clients)).content
        assert answer["expires_in"] == 5
        digest = Tokens.digest(answer["access_token"])
        assert endpoint.tokens.is_valid(digest, NOON + 4.9)
        assert not endpoint.tokens.is_valid(digest, NOON + 5)


def test_a_body_a_redirect_and_a_hang_are_answered_as_scripted(
    aws: LocalAws, environment: LocalEnvironment, clients: Clients
) -> None:
    url = f"{environment.endpoint}/v2/token"
    ask: dict[str, Any] = {"json": client_of(clients), "retries": False, "redirect": False}
    with scripted_tokens(aws, {"body": '{"access_'}) as endpoint:
        answer = urllib3.request("POST", url, **ask)
        assert (answer.status, answer.data) == (200, b'{"access_')
        endpoint.script({"status": 307, "location": "http://127.0.0.1:1/"})
        answer = urllib3.request("POST", url, **ask)
        assert (answer.status, answer.headers["Location"]) == (307, "http://127.0.0.1:1/")
        endpoint.script({"seconds": 0.2})
        began = time.monotonic()
        assert send("POST", url, client_of(clients)).status == 200
        assert time.monotonic() - began >= 0.2


def test_a_reset_is_a_connection_that_breaks(
    aws: LocalAws, environment: LocalEnvironment, clients: Clients
) -> None:
    url = f"{environment.endpoint}/v2/token"
    with (
        scripted_tokens(aws, {"reset": True}),
        pytest.raises(urllib3.exceptions.ProtocolError),
    ):
        urllib3.request("POST", url, json=client_of(clients), retries=False)
    assert send("POST", url, client_of(clients)).status == 200


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"state": 401}, "Unknown: state. Allowed: status, retry_after"),
        ({"status": "401"}, "status must be of type int"),
        ({"status": True}, "status must be of type int"),
        ({"status": 100}, "from 200 on"),
        ({"status": 299}, "from 200 on"),
        ({"reset": 1}, "reset must be of type bool"),
        ({"seconds": -1}, "from 0 to 60"),
        ({"seconds": 61}, "from 0 to 60"),
        ({"times": 0}, "1 or more, or null"),
        ({"times": "2"}, "times must be of type int or NoneType"),
    ],
)
def test_a_script_that_makes_no_sense_is_refused(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_script(spec)
