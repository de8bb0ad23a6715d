import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.inbound.connector_profile import (
    LONGEST_CREDENTIAL,
    LONGEST_TOKEN,
    LONGEST_URL,
    AccessToken,
    Credentials,
    CredentialsError,
    InsecureUrlError,
    create_profile_request,
    read_credentials,
    token_request,
    token_url,
    update_profile_request,
    url_fault,
)
from cleanroom_pipeline.local_aws.service_model import ServiceModel, check

BASE = "https://abc.auth.marketingcloudapis.com/"
SECRET = 'se"c\\ret\u00e9/+%27'
CREDENTIALS = Credentials("id", SECRET, BASE, "510000000")
TOKEN = AccessToken("token-value", 1079, "https://abc.rest.marketingcloudapis.com/")
MODEL = ServiceModel("appflow").model


def secret(**members: Any) -> str:
    document = {"client_id": "i", "client_secret": "hunter2", "auth_base_uri": BASE} | members
    return json.dumps({name: value for name, value in document.items() if value is not ...})


def faults(operation: str, request: Any) -> list[str]:
    shape = MODEL.operation_model(operation).input_shape
    assert shape
    return check(shape, request)


# Requests


def test_an_update_is_field_by_field_what_marketing_cloud_needs() -> None:
    request = update_profile_request("sfmc-profile", CREDENTIALS, TOKEN)
    assert request == {
        "connectorProfileName": "sfmc-profile",
        "connectionMode": "Public",
        "connectorProfileConfig": {
            "connectorProfileProperties": {
                "CustomConnector": {
                    "profileProperties": {
                        "instanceUrl": "https://abc.rest.marketingcloudapis.com/"
                    },
                    "oAuth2Properties": {
                        "tokenUrl": "https://abc.auth.marketingcloudapis.com/v2/token",
                        "oAuth2GrantType": "CLIENT_CREDENTIALS",
                    },
                }
            },
            "connectorProfileCredentials": {
                "CustomConnector": {
                    "authenticationType": "OAUTH2",
                    "oauth2": {
                        "clientId": "id",
                        "clientSecret": SECRET,
                        "accessToken": "token-value",
                    },
                }
            },
        },
    }
    assert faults("UpdateConnectorProfile", request) == []


def test_a_creation_is_the_update_and_says_which_connector() -> None:
    request = create_profile_request("sfmc-profile", CREDENTIALS, TOKEN)
    assert request == {
        **update_profile_request("sfmc-profile", CREDENTIALS, TOKEN),
        "connectorType": "CustomConnector",
        "connectorLabel": "SalesforceMarketingCloud",
    }
    assert faults("CreateConnectorProfile", request) == []


def test_our_limits_are_appflows() -> None:
    limits = {name: MODEL.shape_for(name).metadata["max"] for name in ("ClientId", "ClientSecret")}
    assert limits == {"ClientId": LONGEST_CREDENTIAL, "ClientSecret": LONGEST_CREDENTIAL}
    assert MODEL.shape_for("AccessToken").metadata["max"] == LONGEST_TOKEN
    assert MODEL.shape_for("TokenUrl").metadata["max"] == LONGEST_URL


@given(
    client_secret=st.text(max_size=LONGEST_CREDENTIAL + 5),
    path=st.text(max_size=20),
    host=st.sampled_from(["abc.example.com", "localhost", "a b", "x@y", "[::1]", ""]),
)
def test_what_is_read_makes_requests_that_appflow_takes_and_all_else_is_refused_unrepeated(
    client_secret: str, path: str, host: str
) -> None:
    read = read_or_refused(
        secret(client_secret=client_secret, auth_base_uri=f"https://{host}/{path}")
    )
    if isinstance(read, str):
        assert len(client_secret) < 8 or client_secret not in read
        return
    credentials = read
    assert credentials.client_secret == client_secret
    assert faults("CreateConnectorProfile", create_profile_request("p", credentials, TOKEN)) == []


def read_or_refused(text: str) -> Credentials | str:
    """What is read of a secret's text, or the refusal."""
    try:
        return read_credentials("name", text)
    except CredentialsError as error:
        return str(error)


# The secret


def test_a_secret_with_all_members_is_read() -> None:
    text = secret(client_secret=SECRET, account_id=510000000, scope="email_read list_read")
    credentials = read_credentials("name", text)
    assert credentials == Credentials("i", SECRET, BASE, "510000000", "email_read list_read")
    assert token_request(credentials) == {
        "grant_type": "client_credentials",
        "client_id": "i",
        "client_secret": SECRET,
        "account_id": 510000000,
        "scope": "email_read list_read",
    }


def test_account_and_scope_are_asked_for_only_where_the_secret_has_them() -> None:
    for text in (secret(), secret(account_id="", scope=None)):
        assert set(token_request(read_credentials("name", text))) == {
            "grant_type",
            "client_id",
            "client_secret",
        }


@pytest.mark.parametrize("account_id", ["business-unit", "\u0661\u0662", "9" * 5000])
def test_an_account_id_that_is_no_number_is_passed_on_as_it_is(account_id: str) -> None:
    request = token_request(read_credentials("name", secret(account_id=account_id)))
    assert request["account_id"] == account_id


def test_a_secret_that_an_editor_put_a_mark_before_is_read() -> None:
    assert read_credentials("name", "\ufeff" + secret()) == read_credentials("name", secret())


def test_the_secret_of_the_former_solution_is_read() -> None:
    text = json.dumps(
        {
            "profile_name": "stack-connector",
            "client_id": "i",
            "client_secret": "hunter2",
            # The base address ended with a slash, and the former solution added one.
            "token_endpoint": "https://abc.auth.marketingcloudapis.com//v2/token",
            "instance_url": "https://abc.rest.marketingcloudapis.com/",
        }
    )
    credentials = read_credentials("name", text)
    assert token_url(credentials) == "https://abc.auth.marketingcloudapis.com/v2/token"
    assert credentials.instance_url == "https://abc.rest.marketingcloudapis.com/"


def test_of_both_shapes_ours_counts() -> None:
    text = secret(token_endpoint="https://old.example.com/v2/token")
    assert token_url(read_credentials("name", text)) == f"{BASE}v2/token"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no json", "JSON object with client_id, client_secret, auth_base_uri"),
        ('{"client_secret": "hunter"2"}', "backslash before it"),
        ("[" * 100_000, "JSON object"),
        ("[]", "JSON object"),
        ('"text"', "JSON object"),
        ('{"client_secret": "hunter2"}', "lacks client_id, auth_base_uri"),
        (secret(client_secret=""), "lacks client_secret"),
        (secret(client_secret=None), "lacks client_secret"),
        (secret(client_id=["hunter2"]), "client_id must be a text"),
        (secret(client_secret=True), "client_secret must be a text"),
        (secret(scope={"hunter2": 1}), "scope must be a text"),
        (secret(client_secret="hunter2\n"), "client_secret holds white space"),
        (secret(client_id="hunter 2"), "client_id holds white space"),
        (secret(client_secret="hunter2" * 100), "more than 512 characters"),
        (secret(client_secret="hunter2\ud800"), "client_secret holds half a character"),
        (secret(auth_base_uri="hunter2"), "auth_base_uri must begin with https://"),
        (secret(auth_base_uri="https://"), "auth_base_uri must"),
        (secret(auth_base_uri="ftp://hunter2.com"), "auth_base_uri must begin with https://"),
        (secret(auth_base_uri="https://me:hunter2@a.example.com"), "user name or a password"),
        (secret(auth_base_uri="https://localhost\\@hunter2.com"), "auth_base_uri must"),
        (secret(auth_base_uri="https://a.example.com/?hunter2=1"), "no query"),
        (secret(auth_base_uri="https://a.example.com:hunter2/"), "is no address"),
        (secret(auth_base_uri="https://[hunter2"), "is no address"),
        (secret(auth_base_uri="https://a.exa\nmple.com"), "unusual character"),
        (secret(auth_base_uri=f"https://a.example.com/{'x' * 256}"), "longer than 256"),
        (secret(instance_url="hunter2"), "instance_url must begin with https://"),
    ],
)
def test_a_bad_secret_is_named_with_what_is_wrong_and_never_shown(text: str, said: str) -> None:
    with pytest.raises(CredentialsError, match="'cleanroom/sfmc'") as caught:
        read_credentials("cleanroom/sfmc", text)
    assert said in str(caught.value)
    assert "hunter" not in str(caught.value)


# Addresses


@pytest.mark.parametrize("slashes", ["", "/", "//", "/v2/token", "/v2/token/", "//v2//token//"])
@pytest.mark.parametrize("base", ["https://a.example.com", "https://a.example.com/tenant"])
def test_the_token_address_is_one_whatever_slashes_the_base_has(base: str, slashes: str) -> None:
    assert token_url(Credentials("i", "s", base + slashes)) == f"{base}/v2/token"


@pytest.mark.parametrize("base", [" https://a.example.com \n", "HTTPS://a.example.com/"])
def test_a_base_that_was_pasted_untidily_is_understood(base: str) -> None:
    credentials = read_credentials("name", secret(auth_base_uri=base))
    assert token_url(credentials) == "https://a.example.com/v2/token"


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:4566", "http://localhost:4566/", "http://127.9.9.9/v2/token"]
)
def test_this_machine_may_be_asked_in_clear(base: str) -> None:
    assert read_credentials("name", secret(auth_base_uri=base)).auth_base_uri == base


@pytest.mark.parametrize(
    "base",
    [
        "http://abc.auth.marketingcloudapis.com/",
        "http://localhost.example.com/",
        "http://127.0.0.1.example.com/",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
        "http://2130706433/",
    ],
)
def test_anyone_else_may_not(base: str) -> None:
    with pytest.raises(InsecureUrlError, match="sent in clear: it must begin with https"):
        read_credentials("name", secret(auth_base_uri=base))
    assert url_fault(base.replace("http://", "https://")) is None


def test_no_repr_shows_a_credential_or_a_token() -> None:
    for shown in (repr(CREDENTIALS), str(CREDENTIALS), f"{CREDENTIALS}"):
        assert "'id'" not in shown
        assert "ret" not in shown
    assert "token-value" not in repr(TOKEN)
