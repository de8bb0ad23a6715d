import json
from typing import Any
from urllib.parse import urlencode

import pytest

from cleanroom_pipeline.local_aws.clients import Clients
from cleanroom_pipeline.local_aws.provision import LocalEnvironment
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline_tests.local_aws.conftest import REGION
from cleanroom_pipeline_tests.local_aws.http_client import send
from cleanroom_pipeline_tests.local_aws.marketing import client_of


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
