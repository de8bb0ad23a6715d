"""What a connector profile of Salesforce Marketing Cloud is made of: credentials, token, requests.

Here: pure functions from a secret's text to what is sent to Marketing Cloud and to AppFlow. Not
here: reading the secret, or any call.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

CONNECTOR_LABEL = "SalesforceMarketingCloud"
CONNECTION_MODE = "Public"
TOKEN_PATH = ["v2", "token"]

# AppFlow's model: shapes ClientId, ClientSecret, AccessToken and TokenUrl. A test holds these
# against it. The service repeats a value that it refuses, so it must not come to that.
LONGEST_CREDENTIAL = 512
LONGEST_TOKEN = 4096
LONGEST_URL = 256
_NUMBER = re.compile(r"[0-9]{1,18}")
_HOST = re.compile(r"[A-Za-z0-9.-]+")
_PATH = re.compile(r"[-A-Za-z0-9/._~%]*")

NEEDED = ("client_id", "client_secret", "auth_base_uri")
# As AWS's former solution names them: the whole address of the token endpoint, the REST address.
FORMER = ("token_endpoint", "instance_url")
IN_CLEAR = "is an http address, so credentials would be sent in clear: it must begin with https://"


class CredentialsError(ValueError):
    """A secret does not hold the credentials that a pull needs. Its values are never repeated."""


class InsecureUrlError(CredentialsError):
    """An address would have credentials sent in clear; only this machine may be spoken to so."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a Marketing Cloud package gives for a server-to-server integration.

    `instance_url` is the REST address where the secret has one; a token comes with its own.
    """

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    auth_base_uri: str
    account_id: str | None = None
    scope: str | None = None
    instance_url: str | None = None


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token that Marketing Cloud issued, the seconds it lives, and where its REST API is."""

    value: str = field(repr=False)
    expires_in: int
    rest_instance_url: str


def read_credentials(secret_id: str, secret_string: str) -> Credentials:
    """Read the secret's JSON: ours, or that of AWS's former solution; docs/connector-tokens.md.

    CredentialsError names what is missing or wrong, never what is there; InsecureUrlError says
    that an address is http elsewhere than on this machine.
    """
    try:
        # Some editors put a byte order mark before what they save.
        document = json.loads(secret_string.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise CredentialsError(
            f"Secret {secret_id!r} must hold a JSON object with {', '.join(NEEDED)}. A quote or a "
            "backslash in a value has a backslash before it."
        )
    values = {name: _text(secret_id, document, name) for name in (*NEEDED, *FORMER)}
    values["auth_base_uri"] = values["auth_base_uri"] or values["token_endpoint"]
    missing = [name for name in NEEDED if not values[name]]
    if missing:
        raise CredentialsError(f"Secret {secret_id!r} lacks {', '.join(missing)}.")
    for name in ("client_id", "client_secret"):
        _check_credential(secret_id, name, values[name])
    credentials = Credentials(
        client_id=values["client_id"],
        client_secret=values["client_secret"],
        auth_base_uri=values["auth_base_uri"],
        account_id=_text(secret_id, document, "account_id") or None,
        scope=_text(secret_id, document, "scope") or None,
        instance_url=values["instance_url"] or None,
    )
    where = f"Secret {secret_id!r}"
    check_url(where, "auth_base_uri", token_url(credentials))
    if credentials.instance_url:
        check_url(where, "instance_url", credentials.instance_url)
    return credentials


def _text(secret_id: str, document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise CredentialsError(f"Secret {secret_id!r}: {name} must be a text.")
    text = str(value)
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise CredentialsError(f"Secret {secret_id!r}: {name} holds half a character (\\ud800...).")
    return text


def _check_credential(secret_id: str, name: str, value: str) -> None:
    if len(value.split()) != 1 or value != value.strip():
        raise CredentialsError(
            f"Secret {secret_id!r}: {name} holds white space, which AppFlow refuses. A line end "
            "may have been pasted along."
        )
    if len(value) > LONGEST_CREDENTIAL:
        raise CredentialsError(
            f"Secret {secret_id!r}: {name} has more than {LONGEST_CREDENTIAL} characters, which "
            "AppFlow refuses."
        )


def check_url(where: str, name: str, url: str) -> None:
    """Raise InsecureUrlError or CredentialsError if credentials may not be sent to an address."""
    fault = url_fault(url)
    if fault:
        error = InsecureUrlError if fault == IN_CLEAR else CredentialsError
        raise error(f"{where}: {name} {fault}.")


def url_fault(url: str) -> str | None:
    """Say why credentials may not be sent to an address, without repeating it; None if they may."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "is no address"
    if len(url) > LONGEST_URL:
        return f"is longer than {LONGEST_URL} characters, which AppFlow refuses"
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        return "must begin with https:// and name a host"
    if "@" in parts.netloc:
        return "must not hold a user name or a password"
    if not _is_plain(url, parts):
        return "must be https://<host>/, with no query, no fragment and no unusual character"
    return IN_CLEAR if parts.scheme == "http" and not is_loopback(parts.hostname) else None


def _is_plain(url: str, parts: SplitResult) -> bool:
    # Whatever is odd in an address, one library reads as one host and another as another.
    port = f":{parts.port}" if parts.port is not None else ""
    host = parts.netloc.removesuffix(port)
    plain = f"{parts.scheme}://{host}{port}{parts.path}" == url
    return plain and bool(_HOST.fullmatch(host)) and bool(_PATH.fullmatch(parts.path))


def is_loopback(host: str) -> bool:
    """Say whether a host can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def token_url(credentials: Credentials) -> str:
    """Return where tokens are issued, whatever slashes the base URI has, and /v2/token or not."""
    scheme, separator, rest = credentials.auth_base_uri.strip().partition("://")
    host, *path = rest.split("/")
    path = [part for part in path if part]
    if path[-2:] == TOKEN_PATH:
        path = path[:-2]
    return f"{scheme.lower()}{separator}{'/'.join([host, *path, *TOKEN_PATH])}"


def token_request(credentials: Credentials) -> dict[str, str | int]:
    """Return the body of a token request; account_id is a number there.

    https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/access-token-s2s.html
    """
    body: dict[str, str | int] = {
        "grant_type": "client_credentials",
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
    }
    account_id = credentials.account_id
    if account_id:
        body["account_id"] = int(account_id) if _NUMBER.fullmatch(account_id) else account_id
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
        "connectionMode": CONNECTION_MODE,
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
