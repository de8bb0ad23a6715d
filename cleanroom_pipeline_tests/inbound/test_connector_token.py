import json

import pytest

from cleanroom_pipeline.aws.secrets_manager import SecretVersion
from cleanroom_pipeline.inbound.connector_profile import (
    AccessToken,
    Credentials,
    CredentialsError,
)
from cleanroom_pipeline.inbound.connector_token import Granted, grant_token
from cleanroom_pipeline.inbound.marketing_cloud import TokenRefusedError, TokenUnavailableError

NAME = "cleanroom/sfmc"
BASE = "https://abc.auth.marketingcloudapis.com/"


def version(version_id: str, client_secret: str) -> SecretVersion:
    document = {"client_id": "i", "client_secret": client_secret, "auth_base_uri": BASE}
    return SecretVersion(version_id, json.dumps(document))


class World:
    """A secret that has another version at each reading, and the one client secret that is good."""

    def __init__(self, *versions: SecretVersion, good: str) -> None:
        self.versions = list(versions)
        self.good = good
        self.asked: list[str] = []
        self.said: list[str] = []

    def read(self) -> SecretVersion:
        return self.versions.pop(0)

    def issue(self, credentials: Credentials) -> AccessToken:
        self.asked.append(credentials.client_secret)
        if credentials.client_secret != self.good:
            raise TokenRefusedError("answered 401", 401)
        return AccessToken("t", 1079, "https://rest")

    def grant(self) -> Granted:
        return grant_token(NAME, self.read, self.issue, self.said.append)


def test_a_good_secret_is_read_once_and_asked_with_once() -> None:
    world = World(version("v1", "one"), good="one")
    granted = world.grant()
    assert (granted.version_id, granted.credentials.client_secret) == ("v1", "one")
    assert (world.asked, world.said, world.versions) == (["one"], [], [])


@pytest.mark.parametrize("version_id", ["v2", "v1"])
def test_a_secret_that_was_rotated_meanwhile_is_asked_with_once_more(version_id: str) -> None:
    world = World(version("v1", "old"), version(version_id, "new"), good="new")
    granted = world.grant()
    assert (granted.version_id, granted.credentials.client_secret) == (version_id, "new")
    assert world.asked == ["old", "new"]
    assert world.said == [
        f"Secret '{NAME}' was rotated meanwhile: version {version_id} is asked with."
    ]


def test_another_version_with_the_same_value_is_asked_with_too() -> None:
    world = World(version("v1", "same"), version("v2", "same"), good="other")
    with pytest.raises(TokenRefusedError):
        world.grant()
    assert world.asked == ["same", "same"]


def test_a_secret_that_is_the_same_is_not_asked_with_again() -> None:
    world = World(version("v1", "old"), version("v1", "old"), good="new")
    with pytest.raises(TokenRefusedError, match="'cleanroom/sfmc' was read again and is the same"):
        world.grant()
    assert world.asked == ["old"]


def test_a_secret_is_not_read_a_third_time() -> None:
    world = World(*(version(f"v{n}", f"old{n}") for n in range(3)), good="new")
    with pytest.raises(TokenRefusedError, match=r"^answered 401$"):
        world.grant()
    assert world.asked == ["old0", "old1"]


@pytest.mark.parametrize(
    "error", [TokenRefusedError("no", 400), TokenRefusedError("no", 403), TokenUnavailableError()]
)
def test_any_other_trouble_is_none_of_the_secrets(error: Exception) -> None:
    world = World(version("v1", "one"), good="one")

    def issue(_: Credentials) -> AccessToken:
        raise error

    with pytest.raises(type(error)) as caught:
        grant_token(NAME, world.read, issue, world.said.append)
    assert caught.value is error


def test_a_secret_that_a_rotation_broke_is_named() -> None:
    world = World(version("v1", "old"), SecretVersion("v2", "{}"), good="new")
    with pytest.raises(CredentialsError, match="'cleanroom/sfmc' lacks client_id"):
        world.grant()


def test_no_repr_shows_what_was_granted() -> None:
    world = World(version("v1", "hunter2"), good="hunter2")
    granted = world.grant()
    assert "hunter2" not in repr(granted)
    assert "'t'" not in repr(granted)
