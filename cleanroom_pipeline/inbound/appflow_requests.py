"""What we ask of AppFlow and of Salesforce Marketing Cloud.

Here: pure functions from settings to requests. Not here: calls, or waiting, or what the state of an
execution means (`inbound.appflow_execution`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CONNECTOR_LABEL = "SalesforceMarketingCloud"
API_VERSION = "v1"


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
        "connectorLabel": CONNECTOR_LABEL,
    }


def create_flow_request(
    flow: str, profile: str, entity: str, bucket: str, prefix: str
) -> Mapping[str, Any]:
    """Return the arguments of CreateFlow: all fields of one object, as JSON Lines, on demand.

    Files land under `<prefix><flow>/<execution id>/`, so that a run's files are known by its id.
    """
    return {
        "flowName": flow,
        "triggerConfig": {"triggerType": "OnDemand"},
        "sourceFlowConfig": {
            "connectorType": "CustomConnector",
            "apiVersion": API_VERSION,
            "connectorProfileName": profile,
            "sourceConnectorProperties": {"CustomConnector": {"entityName": entity}},
        },
        "destinationFlowConfigList": [
            {
                "connectorType": "S3",
                "destinationConnectorProperties": {
                    "S3": {
                        "bucketName": bucket,
                        "bucketPrefix": prefix.rstrip("/"),
                        "s3OutputFormatConfig": {
                            "fileType": "JSON",
                            "prefixConfig": {
                                "prefixType": "PATH",
                                "pathPrefixHierarchy": ["EXECUTION_ID"],
                            },
                            "aggregationConfig": {"aggregationType": "SingleFile"},
                            "preserveSourceDataTyping": False,
                        },
                    }
                },
            }
        ],
        "tasks": [{"taskType": "Map_all", "sourceFields": []}],
    }


def delivery_prefix(prefix: str, flow: str, execution_id: str) -> str:
    """Return the prefix that an execution's files are under."""
    return f"{prefix}{flow}/{execution_id}/"
