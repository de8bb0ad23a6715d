"""What we ask of Salesforce Marketing Cloud, for its profile, and what AppFlow's states mean.

Here: pure functions from settings to requests. Not here: calls, waiting, flows (`inbound.
flow_definitions`).
"""

import json
from dataclasses import dataclass, field
from typing import Any

from cleanroom_pipeline.external_runs import States
from cleanroom_pipeline.inbound.flow_definitions import MARKETING_CLOUD

# botocore's AppFlow model, shape ExecutionStatus; a test holds this against it. An execution that
# was started a moment ago may not be listed yet.
NOT_LISTED = "NotListedYet"
EXECUTION_STATES = States(
    service="AppFlow",
    going=frozenset({"InProgress", "CancelStarted", NOT_LISTED}),
    good=frozenset({"Successful"}),
    bad=frozenset({"Error", "Canceled"}),
)


class CredentialsError(ValueError):
    """A secret does not hold the credentials that a pull needs. Its values are never repeated."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a Marketing Cloud package gives for a server-to-server integration."""

    client_id: str
    client_secret: str = field(repr=False)
    auth_base_uri: str
    account_id: str | None = None
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token that Marketing Cloud issued, the seconds it lives, and where its REST API is."""

    value: str = field(repr=False)
    expires_in: int
    rest_instance_url: str


def read_credentials(secret_id: str, secret_string: str) -> Credentials:
    """Read the secret's JSON: client_id, client_secret, auth_base_uri; account_id, scope if given.

    CredentialsError names what is missing, never what is there.
    """
    needed = ("client_id", "client_secret", "auth_base_uri")
    try:
        document = json.loads(secret_string)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise CredentialsError(
            f"Secret {secret_id!r} must hold a JSON object with {', '.join(needed)}."
        ) from None
    missing = [name for name in needed if not document.get(name)]
    if missing:
        raise CredentialsError(f"Secret {secret_id!r} lacks {', '.join(missing)}.")
    return Credentials(
        client_id=str(document["client_id"]),
        client_secret=str(document["client_secret"]),
        auth_base_uri=str(document["auth_base_uri"]),
        account_id=str(document["account_id"]) if document.get("account_id") else None,
        scope=str(document["scope"]) if document.get("scope") else None,
    )


def token_url(credentials: Credentials) -> str:
    """Return where tokens are issued, whatever slashes the base URI ends with."""
    return credentials.auth_base_uri.rstrip("/") + "/v2/token"


def token_request(credentials: Credentials) -> dict[str, str]:
    """Return the body of a token request.

    https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/access-token-s2s.html
    """
    body = {
        "grant_type": "client_credentials",
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
    }
    if credentials.account_id:
        body["account_id"] = credentials.account_id
    if credentials.scope:
        body["scope"] = credentials.scope
    return body


def _profile_config(credentials: Credentials, token: AccessToken) -> dict[str, Any]:
    return {
        "connectorProfileProperties": {
            "CustomConnector": {
                "profileProperties": {"instanceUrl": token.rest_instance_url},
                "oAuth2Properties": {
                    "tokenUrl": token_url(credentials),
                    "oAuth2GrantType": "CLIENT_CREDENTIALS",
                },
            }
        },
        "connectorProfileCredentials": {
            "CustomConnector": {
                "authenticationType": "OAUTH2",
                "oauth2": {
                    "clientId": credentials.client_id,
                    "clientSecret": credentials.client_secret,
                    "accessToken": token.value,
                },
            }
        },
    }


def update_profile_request(
    profile: str, credentials: Credentials, token: AccessToken
) -> dict[str, Any]:
    """Return the arguments of UpdateConnectorProfile."""
    return {
        "connectorProfileName": profile,
        "connectionMode": "Public",
        "connectorProfileConfig": _profile_config(credentials, token),
    }


def create_profile_request(
    profile: str, credentials: Credentials, token: AccessToken
) -> dict[str, Any]:
    """Return the arguments of CreateConnectorProfile."""
    return {
        **update_profile_request(profile, credentials, token),
        "connectorType": "CustomConnector",
        "connectorLabel": MARKETING_CLOUD,
    }
