import json
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from cleanroom_pipeline.inbound.appflow_requests import (
    EXECUTION_STATES,
    NOT_LISTED,
    AccessToken,
    Credentials,
    CredentialsError,
    create_profile_request,
    read_credentials,
    token_request,
    token_url,
    update_profile_request,
)

CREDENTIALS = Credentials("id", 'sec"ret\\', "https://abc.auth.example.com/", "business-unit")
TOKEN = AccessToken("token-value", 1079, "https://abc.rest.example.com/")
MODEL: Any = boto3.client("appflow", region_name="us-east-1").meta.service_model


def assert_valid(operation: str, request: Any) -> None:
    report = ParamValidator().validate(request, MODEL.operation_model(operation).input_shape)
    assert not report.has_errors(), report.generate_report()


def test_requests_are_what_appflows_model_takes() -> None:
    assert_valid("UpdateConnectorProfile", update_profile_request("p", CREDENTIALS, TOKEN))
    assert_valid("CreateConnectorProfile", create_profile_request("p", CREDENTIALS, TOKEN))


def test_the_profile_points_at_the_rest_address_that_came_with_the_token() -> None:
    request = update_profile_request("p", CREDENTIALS, TOKEN)
    custom = request["connectorProfileConfig"]["connectorProfileProperties"]["CustomConnector"]
    assert custom["profileProperties"] == {"instanceUrl": "https://abc.rest.example.com/"}


def test_every_execution_status_of_appflow_is_known_and_no_other() -> None:
    known = EXECUTION_STATES.going | EXECUTION_STATES.good | EXECUTION_STATES.bad
    assert known - {NOT_LISTED} == set(MODEL.shape_for("ExecutionStatus").enum)


@pytest.mark.parametrize("base", ["https://a.example.com", "https://a.example.com/"])
def test_the_token_address_has_one_slash_whatever_the_base_ends_with(base: str) -> None:
    assert token_url(Credentials("i", "s", base)) == "https://a.example.com/v2/token"


def test_a_secret_with_quotes_and_backslashes_survives() -> None:
    document = {"client_id": "i", "client_secret": 'a"b\\c', "auth_base_uri": "https://a"}
    credentials = read_credentials("name", json.dumps(document))
    assert token_request(credentials)["client_secret"] == 'a"b\\c'


def test_account_and_scope_are_asked_for_only_where_the_secret_has_them() -> None:
    assert token_request(CREDENTIALS)["account_id"] == "business-unit"
    assert "scope" not in token_request(CREDENTIALS)


@pytest.mark.parametrize("secret", ["no json", "[]", '"text"', '{"client_secret": "hunter2"}'])
def test_a_bad_secret_is_named_and_never_shown(secret: str) -> None:
    with pytest.raises(CredentialsError, match="'cleanroom/sfmc'") as caught:
        read_credentials("cleanroom/sfmc", secret)
    assert "hunter2" not in str(caught.value)
    assert "client_id" in str(caught.value)


def test_no_repr_shows_a_credential_or_a_token() -> None:
    assert "sec" not in repr(CREDENTIALS)
    assert "token-value" not in repr(TOKEN)
