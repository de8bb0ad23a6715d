"""docs/connector-tokens.md: its secrets are read, its command works, its tables are complete."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.aws.connector_profiles import ATTEMPTS, ConnectorProfileError
from cleanroom_pipeline.aws.secrets_manager import SecretError, Secrets
from cleanroom_pipeline.aws.session import ROLE_SESSION_NAME, AwsSession
from cleanroom_pipeline.inbound.connector_profile import (
    FORMER,
    LONGEST_CREDENTIAL,
    NEEDED,
    Credentials,
    CredentialsError,
    InsecureUrlError,
    read_credentials,
    token_request,
    token_url,
)
from cleanroom_pipeline.inbound.connector_token import TokenSettings
from cleanroom_pipeline.inbound.marketing_cloud import (
    MOVED,
    PATIENCE,
    REFUSED,
    TokenError,
)
from cleanroom_pipeline.resources import OPTIONAL_OF_SESSION

PAGE = (Path(__file__).parents[2] / "docs" / "connector-tokens.md").read_text(encoding="utf-8")
SECRETS = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def table(section: str) -> list[list[str]]:
    """The rows of a section's table, cell by cell, without its head."""
    part = PAGE.split(f"\n## {section}\n")[1].partition("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_both_secrets_are_read_with_what_is_said_of_them() -> None:
    ours, former = (read_credentials("cleanroom/sfmc", text) for text in SECRETS)
    assert ours.client_secret == 'a"b\\c'
    assert f"`{ours.client_secret}`" in PAGE
    assert token_request(ours)["account_id"] == 510000000
    base = "https://mc563885gzs27c5t9"
    for credentials in (ours, former):
        assert token_url(credentials) == f"{base}.auth.marketingcloudapis.com/v2/token"
    assert former.instance_url == f"{base}.rest.marketingcloudapis.com/"


def test_the_command_stores_the_secret_as_it_is_in_the_file(
    aws: AwsSession, tmp_path: Path
) -> None:
    (tmp_path / "secret.json").write_text(SECRETS[0])
    (command,) = COMMANDS
    program, service, operation, *options = shlex.split(command)
    given = dict(zip(options[::2], options[1::2], strict=True))
    assert (program, service, operation) == ("aws", "secretsmanager", "create-secret")
    assert set(given) == {"--name", "--secret-string"}
    file = tmp_path / given["--secret-string"].removeprefix("file://")
    client: Any = aws.client("secretsmanager")
    client.create_secret(Name=given["--name"], SecretString=file.read_text())
    stored = Secrets(session=aws).secret_string(given["--name"])
    assert read_credentials("s", stored) == read_credentials("s", SECRETS[0])


def test_every_key_that_is_read_is_in_the_table_and_no_other() -> None:
    rows = {row[0].strip("`"): row for row in table("The secret")}
    assert set(rows) == set(Credentials.__slots__) | set(FORMER)
    assert {name for name, row in rows.items() if row[1].startswith("yes")} == set(NEEDED)
    assert str(LONGEST_CREDENTIAL) in rows["client_id"][2]


def test_every_error_is_in_the_table_and_no_other() -> None:
    told = {re.findall(r"`(\w+)`", row[0])[0] for row in table("When it fails")}
    errors = {SecretError, CredentialsError, InsecureUrlError, ConnectorProfileError}
    assert told == {error.__name__ for error in errors | set(TokenError.__subclasses__())}


@pytest.mark.parametrize("status", REFUSED)
def test_every_status_that_has_an_explanation_is_in_the_table_with_it(status: int) -> None:
    (row,) = [row for row in table("When it fails") if row[0].endswith(f", {status}")]
    assert row[1] in REFUSED[status]


def test_the_numbers_are_those_of_the_code() -> None:
    rows = {row[0].strip("`"): row for row in table("When it fails")}
    assert rows["TokenUnavailableError"][3] == f"{PATIENCE.attempts - 1} times"
    assert rows["ConnectorProfileError"][3] == f"a conflict, {ATTEMPTS - 1} times"
    limits = [PATIENCE.first_pause * 2**n for n in range(PATIENCE.attempts - 1)]
    assert max(limits) <= PATIENCE.longest_pause
    assert f"part of {', '.join(f'{limit:g}' for limit in limits)} s" in PAGE
    assert f"of more than {PATIENCE.longest_retry_after:g} s" in PAGE
    text = " ".join(PAGE.split())
    assert f"up to {PATIENCE.longest_retry_after:g} s is waited for" in text
    assert f"may take {PATIENCE.connect:g} s, and each silence {PATIENCE.read:g} s" in text
    minimum = TokenSettings(secret="s", profile="p").minimum_lifetime_seconds
    assert f"`minimum_lifetime_seconds` ({minimum})" in PAGE
    assert MOVED.startswith("it sends us elsewhere, where credentials don't go")


def test_every_variable_of_the_session_is_in_the_table() -> None:
    rows = {row[0].split("`")[1]: row[1] for row in table("Which account")}
    assert set(OPTIONAL_OF_SESSION.values()) <= set(rows)
    assert ROLE_SESSION_NAME in rows["CLEANROOM_ASSUME_ROLE_SESSION_NAME"]
    assert all(rows.values())
