import base64
import json
from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.environment import read_env_file
from cleanroom_pipeline.local_aws.clients import Clients
from cleanroom_pipeline.local_aws.provision import (
    LocalEnvironment,
    provision,
    write_env_file,
)
from cleanroom_pipeline_tests.local_aws.conftest import REGION


def secrets_of(clients: Clients) -> dict[str, str]:
    client = clients.get("secretsmanager", REGION)
    names = ("cleanroom/hmac-key", "cleanroom/sfmc")
    return {name: client.get_secret_value(SecretId=name)["SecretString"] for name in names}


def messages(clients: Clients, url: str) -> list[Any]:
    answer = clients.get("sqs", REGION).receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def test_the_environment_names_what_a_pipeline_needs(environment: LocalEnvironment) -> None:
    env = environment.as_env()
    assert set(env) == {
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "CLEANROOM_INBOUND_BUCKET",
        "CLEANROOM_TRANSFORMED_BUCKET",
        "CLEANROOM_INBOUND_QUEUE_URL",
        "CLEANROOM_LEDGER_TABLE",
        "CLEANROOM_TOPIC_ARN",
        "CLEANROOM_NOTIFICATIONS_QUEUE_URL",
        "CLEANROOM_KMS_KEY_ARN",
        "CLEANROOM_DATABREW_ROLE_ARN",
        "CLEANROOM_DATABREW_EVENTS_QUEUE",
        "CLEANROOM_GLUE_DATABASE",
    }
    assert all(env.values())


def test_a_second_time_changes_nothing(environment: LocalEnvironment, clients: Clients) -> None:
    s3 = clients.get("s3", REGION)
    s3.put_object(Bucket="cleanroom-inbound", Key="inbound/a/x.csv", Body=b"x")
    before = secrets_of(clients), messages(clients, environment.inbound_queue_url)
    assert provision(environment.endpoint) == environment
    assert secrets_of(clients) == before[0]
    assert messages(clients, environment.inbound_queue_url) == []
    assert s3.get_object(Bucket="cleanroom-inbound", Key="inbound/a/x.csv")["Body"].read() == b"x"
    topics = clients.get("sns", REGION).list_subscriptions()["Subscriptions"]
    assert len(topics) == 1


def test_secrets_differ_between_accounts(environment: LocalEnvironment, clients: Clients) -> None:
    first = secrets_of(clients)
    assert len(base64.b64decode(first["cleanroom/hmac-key"], validate=True)) == 32
    sfmc = json.loads(first["cleanroom/sfmc"])
    assert set(sfmc) == {"client_id", "client_secret", "auth_base_uri", "account_id"}
    assert sfmc["auth_base_uri"] == environment.endpoint
    for name in first:
        clients.get("secretsmanager", REGION).delete_secret(
            SecretId=name, ForceDeleteWithoutRecovery=True
        )
    provision(environment.endpoint)
    assert not set(first.values()) & set(secrets_of(clients).values())


def test_another_address_moves_the_token_endpoint_and_keeps_its_client(
    environment: LocalEnvironment, clients: Clients
) -> None:
    before = json.loads(secrets_of(clients)["cleanroom/sfmc"])
    moved = environment.endpoint.replace("127.0.0.1", "localhost")
    provision(moved)
    after = json.loads(secrets_of(clients)["cleanroom/sfmc"])
    assert after == {**before, "auth_base_uri": moved}


def test_objects_are_encrypted_and_versioned_without_asking(
    environment: LocalEnvironment, clients: Clients
) -> None:
    s3 = clients.get("s3", REGION)
    for bucket in ("cleanroom-inbound", "cleanroom-transformed"):
        s3.put_object(Bucket=bucket, Key="other/x", Body=b"x")
        head = s3.head_object(Bucket=bucket, Key="other/x")
        assert head["ServerSideEncryption"] == "aws:kms"
        assert head["SSEKMSKeyId"] == environment.kms_key_arn
        assert head["BucketKeyEnabled"]
        assert head["VersionId"] != "null"


def test_an_object_under_inbound_is_told_to_the_queue_and_no_other(
    environment: LocalEnvironment, clients: Clients
) -> None:
    messages(clients, environment.inbound_queue_url)
    s3 = clients.get("s3", REGION)
    for key in ("inbound/a/x.csv", "manifests/x.json"):
        s3.put_object(Bucket="cleanroom-inbound", Key=key, Body=b"x")
    told = messages(clients, environment.inbound_queue_url)
    names = [record["s3"]["object"]["key"] for body in told for record in body["Records"]]
    assert names == ["inbound%2Fa%2Fx.csv"]


def test_a_message_received_too_often_goes_to_the_dead_letters(
    environment: LocalEnvironment, clients: Clients
) -> None:
    sqs = clients.get("sqs", REGION)
    attributes = sqs.get_queue_attributes(
        QueueUrl=environment.inbound_queue_url, AttributeNames=["RedrivePolicy"]
    )["Attributes"]
    redrive = json.loads(attributes["RedrivePolicy"])
    assert int(redrive["maxReceiveCount"]) == 5
    assert redrive["deadLetterTargetArn"].endswith(":cleanroom-inbound-dlq")


def test_a_notification_arrives_in_the_inbox_in_its_envelope(
    environment: LocalEnvironment, clients: Clients
) -> None:
    clients.get("sns", REGION).publish(TopicArn=environment.topic_arn, Message="it worked")
    (envelope,) = messages(clients, environment.notifications_queue_url)
    assert envelope["Message"] == "it worked"


def test_the_ledger_has_its_keys_and_forgets_by_expires_at(
    environment: LocalEnvironment, clients: Clients
) -> None:
    dynamodb = clients.get("dynamodb", REGION)
    table = dynamodb.describe_table(TableName="cleanroom-ledger")["Table"]
    keys = {key["AttributeName"]: key["KeyType"] for key in table["KeySchema"]}
    assert keys == {"pk": "HASH", "sk": "RANGE"}
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    ttl = dynamodb.describe_time_to_live(TableName="cleanroom-ledger")["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "expires_at"
    clients.get("glue", REGION).get_database(Name="marketing")


def test_an_environment_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "aws.env"
    env = {"A": "1", "EMPTY": "", "WITH": "a=b c"}
    write_env_file(path, env)
    assert read_env_file(path) == env
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["aws.env"]


@pytest.mark.parametrize("env", [{"A": "1\nB=2"}, {"A=B": "1"}, {"A\n": "1"}])
def test_an_environment_file_holds_one_line_a_variable(tmp_path: Path, env: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        write_env_file(tmp_path / "aws.env", env)


def test_a_line_that_is_no_variable_is_named(tmp_path: Path) -> None:
    path = tmp_path / "aws.env"
    path.write_text("A=1\nwhat\n")
    with pytest.raises(ValueError, match="line 2"):
        read_env_file(path)
