from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from cleanroom_pipeline.aws.secrets_manager import SecretError, Secrets, SecretVersion
from cleanroom_pipeline.aws.session import AwsSession

NAME = "cleanroom/sfmc"


@pytest.fixture
def client(aws: AwsSession) -> Any:
    client: Any = aws.client("secretsmanager")
    client.create_secret(Name=NAME, SecretString="first")
    return client


def test_each_read_is_of_what_is_current_then(aws: AwsSession, client: Any) -> None:
    secrets = Secrets(session=aws)
    first = secrets.current(NAME)
    client.put_secret_value(SecretId=NAME, SecretString="second")
    second = secrets.current(NAME)
    assert (first.text, second.text) == ("first", "second")
    assert first.version_id != second.version_id
    assert secrets.secret_string(NAME) == "second"
    assert secrets.secret_string(NAME, first.version_id) == "first"
    assert secrets.secret_identity(NAME)[1] == second.version_id


def test_a_version_that_a_rotation_is_still_testing_is_not_used(
    aws: AwsSession, client: Any
) -> None:
    client.put_secret_value(
        SecretId=NAME, SecretString="not valid yet", VersionStages=["AWSPENDING"]
    )
    assert Secrets(session=aws).current(NAME).text == "first"


def test_aws_is_asked_for_the_current_version_by_name(aws: AwsSession, client: Any) -> None:
    asked: list[dict[str, Any]] = []
    session = AwsSession(region=aws.region, assume_role_session_name="asked by name")
    session.client("secretsmanager").meta.events.register(
        "provide-client-params.secrets-manager.GetSecretValue",
        lambda params, **_: asked.append(dict(params)),
    )
    secrets = Secrets(session=session)
    version = secrets.current(NAME).version_id
    secrets.secret_string(NAME, version)
    assert asked == [
        {"SecretId": NAME, "VersionStage": "AWSCURRENT"},
        {"SecretId": NAME, "VersionId": version},
    ]


def test_a_secret_that_is_not_there_is_named_with_what_to_do(aws: AwsSession) -> None:
    with pytest.raises(SecretError, match=r"'none' can't be read \(ResourceNotFound.*create it"):
        Secrets(session=aws).secret_string("none")


def test_a_binary_secret_is_refused_by_name(aws: AwsSession, client: Any) -> None:
    client.create_secret(Name="binary", SecretBinary=b"hunter2")
    with pytest.raises(SecretError, match="'binary' holds binary data") as caught:
        Secrets(session=aws).current("binary")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (
            ClientError(
                {
                    "Error": {"Code": "AccessDeniedException", "Message": "no"},
                    "ResponseMetadata": {"RequestId": "r-1"},  # type: ignore[typeddict-item]  # all that is read of it
                },
                "GetSecretValue",
            ),
            r"'cleanroom/sfmc' .*AccessDeniedException, request id r-1\).*GetSecretValue on it",
        ),
        (EndpointConnectionError(endpoint_url="https://x"), r"\(EndpointConnectionError\).*a way"),
    ],
)
def test_any_trouble_with_the_call_names_the_secret(
    aws: AwsSession, raised: Exception, said: str
) -> None:
    def fail(**_: Any) -> None:
        raise raised

    session = AwsSession(region=aws.region, assume_role_session_name=type(raised).__name__)
    session.client("secretsmanager").meta.events.register("before-call", fail)
    with pytest.raises(SecretError, match=said):
        Secrets(session=session).secret_string(NAME)


def test_no_repr_shows_the_text() -> None:
    assert "hunter2" not in repr(SecretVersion("v1", "hunter2"))
