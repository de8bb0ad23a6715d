import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline_tests.inbound.tokens.conftest import (
    CLIENT_ID,
    CLIENT_SECRET,
    OLD_SECRET,
    Pulling,
)
from cleanroom_pipeline_tests.local_aws.token_scripts import scripted_tokens

PROFILE = "sfmc_click_events"


def appflow(pulling: Pulling) -> Any:
    return pulling.clients.get("appflow", pulling.environment.region)


def remove_profile(pulling: Pulling) -> None:
    """As a person does who starts anew; the profile may be there or not."""
    client = appflow(pulling)
    known = client.describe_connector_profiles(connectorProfileNames=[PROFILE])
    if known["connectorProfileDetails"]:
        client.delete_connector_profile(connectorProfileName=PROFILE, forceDelete=True)


def test_a_profile_is_made_the_first_time_and_updated_from_then_on(ready: Pulling) -> None:
    remove_profile(ready)
    assert "Connector profile sfmc_click_events created" in ready.refresh().said[0]
    assert "Connector profile sfmc_click_events updated" in ready.refresh().said[0]
    (profile,) = appflow(ready).describe_connector_profiles(connectorProfileNames=[PROFILE])[
        "connectorProfileDetails"
    ]
    endpoint = ready.environment.endpoint
    assert profile["connectorType"] == "CustomConnector"
    assert profile["connectorLabel"] == "SalesforceMarketingCloud"
    assert profile["connectionMode"] == "Public"
    assert profile["connectorProfileProperties"]["CustomConnector"] == {
        "profileProperties": {"instanceUrl": f"{endpoint}/"},
        "oAuth2Properties": {
            "tokenUrl": f"{endpoint}/v2/token",
            "oAuth2GrantType": "CLIENT_CREDENTIALS",
        },
    }


def test_it_tells_when_the_token_expires_and_which_secret_it_is_of(ready: Pulling) -> None:
    before = datetime.now(UTC).timestamp()
    refreshed = ready.refresh()
    client = ready.clients.get("secretsmanager", ready.environment.region)
    current = client.get_secret_value(SecretId="cleanroom/sfmc")["VersionId"]
    expires_at = refreshed.metadata.pop("token_expires_at")
    assert before + 1078 <= expires_at <= datetime.now(UTC).timestamp() + 1079
    assert refreshed.metadata == {
        "connector_profile": PROFILE,
        "token_lifetime_seconds": 1079,
        "secret_version": current,
    }
    until = datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert f"lives 1079 s, until {until}." in refreshed.said[0]


def test_a_token_that_ends_too_soon_is_used_with_a_warning(ready: Pulling) -> None:
    with scripted_tokens(ready.aws, {"expires_in": 59}):
        refreshed = ready.refresh()
    assert refreshed.errors == []
    assert "lives 59 s, less than the 60 s" in refreshed.said[0]
    assert "updated" in refreshed.said[1]


def test_the_next_run_uses_a_rotated_secret(ready: Pulling) -> None:
    first = ready.refresh()
    ready.keep(client_secret=OLD_SECRET)
    second = ready.refresh()
    assert second.errors == []
    assert first.metadata["secret_version"] != second.metadata["secret_version"]


@contextmanager
def rotated_after_reading(pulling: Pulling, **members: Any) -> Iterator[None]:
    """Rotate the secret just after it was read for the first time."""
    done: list[bool] = []

    def rotate(**_: Any) -> None:
        if not done:
            done.append(True)
            pulling.keep(**members)

    event = "after-call.secrets-manager.GetSecretValue"
    session = AwsSession(region=pulling.environment.region)
    events = session.client("secretsmanager").meta.events
    events.register(event, rotate)
    try:
        yield
    finally:
        events.unregister(event, rotate)
    assert done


def test_a_run_that_a_rotation_overtakes_reads_the_secret_again(ready: Pulling) -> None:
    ready.keep(client_secret=OLD_SECRET)
    with rotated_after_reading(ready):
        refreshed = ready.refresh()
    assert refreshed.errors == []
    assert "was rotated meanwhile" in refreshed.said[0]
    assert refreshed.metadata["secret_version"] in refreshed.said[0]


def test_a_rotation_that_came_to_nothing_is_asked_with_once_more_and_no_further(
    ready: Pulling,
) -> None:
    with (
        scripted_tokens(ready.aws, {"status": 401, "times": 2}),
        rotated_after_reading(ready, client_secret=OLD_SECRET),
    ):
        assert ready.refresh().errors == ["TokenRefusedError"]
        # Both scripted answers are used up, and there was no third request.
        assert ready.refresh().errors == []


@pytest.mark.parametrize(
    "trouble", [{"status": 503}, {"status": 429, "retry_after": 0}, {"reset": True}]
)
def test_a_passing_trouble_is_overcome_within_the_op(
    ready: Pulling, trouble: dict[str, Any]
) -> None:
    with scripted_tokens(ready.aws, trouble):
        assert ready.refresh().errors == []


def test_the_secret_of_the_former_solution_serves(ready: Pulling) -> None:
    endpoint = ready.environment.endpoint
    ready.keep_text(
        json.dumps(
            {
                "profile_name": "stack-connector",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "token_endpoint": f"{endpoint}//v2/token",
                "instance_url": f"{endpoint}/",
            }
        )
    )
    assert ready.refresh().errors == []


def test_a_flow_that_outlived_its_token_gets_a_new_one_from_the_next_run(ready: Pulling) -> None:
    assert ready.run().success
    ready.aws.advance(1080)
    client = appflow(ready)
    started = client.start_flow(flowName=PROFILE)["executionId"]
    deadline = time.monotonic() + 30
    while (state := state_of(client, started)) == "InProgress":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert state == "Error"
    result = ready.run()
    assert result.success, ready.errors(result)


def state_of(client: Any, execution_id: str) -> str:
    records = client.describe_flow_execution_records(flowName=PROFILE)["flowExecutions"]
    return str(next(r["executionStatus"] for r in records if r["executionId"] == execution_id))
