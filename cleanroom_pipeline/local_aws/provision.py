"""What an account needs before the pipeline can run in it, made on a local AWS by boto3.

Here: names, resources, and the environment that points the pipeline at them. Not here: the server.
"""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from cleanroom_pipeline.local_aws.clients import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    Clients,
    error_code,
)
from cleanroom_pipeline.local_aws.events import DATABREW_EVENT
from cleanroom_pipeline.local_aws.services import ACCOUNT
from cleanroom_pipeline.local_aws.snapshot import write_text_atomically
from cleanroom_pipeline.local_aws.token_endpoint import SFMC_SECRET_NAME

INBOUND_BUCKET = "cleanroom-inbound"
TRANSFORMED_BUCKET = "cleanroom-transformed"
INBOUND_PREFIX = "inbound/"
INBOUND_QUEUE = "cleanroom-inbound"
DEAD_LETTER_QUEUE = "cleanroom-inbound-dlq"
MAX_RECEIVE_COUNT = 5
LEDGER_TABLE = "cleanroom-ledger"
TOPIC = "cleanroom-notifications"
NOTIFICATIONS_QUEUE = "cleanroom-notifications-inbox"
DATABREW_EVENTS = "cleanroom-databrew-events"
"""The name of a queue, and of the rule that has EventBridge fill it."""
GLUE_DATABASE = "marketing"
KEY_ALIAS = "alias/cleanroom"
HMAC_SECRET_NAME = "cleanroom/hmac-key"  # noqa: S105  # a secret's name
DATABREW_ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/cleanroom-databrew"


@dataclass(frozen=True, slots=True)
class LocalEnvironment:
    """Where everything is: what the pipeline reads from its environment variables."""

    endpoint: str
    region: str
    inbound_queue_url: str
    topic_arn: str
    notifications_queue_url: str
    kms_key_arn: str
    databrew_events_queue_url: str

    def as_env(self) -> dict[str, str]:
        """Return the environment variables of a pipeline that runs on this local AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "CLEANROOM_INBOUND_BUCKET": INBOUND_BUCKET,
            "CLEANROOM_TRANSFORMED_BUCKET": TRANSFORMED_BUCKET,
            "CLEANROOM_INBOUND_QUEUE_URL": self.inbound_queue_url,
            "CLEANROOM_LEDGER_TABLE": LEDGER_TABLE,
            "CLEANROOM_TOPIC_ARN": self.topic_arn,
            "CLEANROOM_NOTIFICATIONS_QUEUE_URL": self.notifications_queue_url,
            "CLEANROOM_KMS_KEY_ARN": self.kms_key_arn,
            "CLEANROOM_DATABREW_ROLE_ARN": DATABREW_ROLE_ARN,
            "CLEANROOM_DATABREW_EVENTS_QUEUE": self.databrew_events_queue_url,
            "CLEANROOM_GLUE_DATABASE": GLUE_DATABASE,
        }


def provision(endpoint: str, *, region: str = "us-east-1") -> LocalEnvironment:
    """Make what is missing and leave alone what is there; secrets are random and then kept."""
    aws = _Account(Clients(endpoint), region)
    key_arn = aws.key()
    for bucket in (INBOUND_BUCKET, TRANSFORMED_BUCKET):
        aws.bucket(bucket, key_arn)
    dead_letters = aws.queue(DEAD_LETTER_QUEUE)
    redrive = {"deadLetterTargetArn": dead_letters[1], "maxReceiveCount": MAX_RECEIVE_COUNT}
    inbound_url, inbound_arn = aws.queue(INBOUND_QUEUE, RedrivePolicy=json.dumps(redrive))
    aws.notify_of_objects(inbound_arn)
    aws.ledger()
    inbox_url, inbox_arn = aws.queue(NOTIFICATIONS_QUEUE)
    topic_arn = aws.topic(inbox_arn)
    aws.glue_database()
    aws.secret_once(HMAC_SECRET_NAME, base64.b64encode(secrets.token_bytes(32)).decode())
    aws.sfmc_secret(endpoint)
    events_url, events_arn = aws.queue(DATABREW_EVENTS)
    aws.databrew_events(events_arn)
    return LocalEnvironment(
        endpoint, region, inbound_url, topic_arn, inbox_url, key_arn, events_url
    )


class _Account:
    """One region of the account: each method makes one kind of resource unless it is there."""

    def __init__(self, clients: Clients, region: str) -> None:
        self._region = region
        names = ("s3", "kms", "sqs", "dynamodb", "sns", "glue", "secretsmanager", "events")
        self._aws: dict[str, Any] = {name: clients.get(name, region) for name in names}

    def key(self) -> str:
        kms = self._aws["kms"]
        try:
            return str(kms.describe_key(KeyId=KEY_ALIAS)["KeyMetadata"]["Arn"])
        except ClientError as error:
            _expect(error, "NotFoundException")
        metadata = kms.create_key(Description="Data of cleanroom_pipeline")["KeyMetadata"]
        kms.create_alias(AliasName=KEY_ALIAS, TargetKeyId=metadata["KeyId"])
        return str(metadata["Arn"])

    def bucket(self, name: str, key_arn: str) -> None:
        s3 = self._aws["s3"]
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        try:
            s3.create_bucket(Bucket=name, **({} if self._region == "us-east-1" else elsewhere))
        except ClientError as error:
            _expect(error, "BucketAlreadyOwnedByYou")
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn}
        rule = {"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": True}
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})

    def queue(self, name: str, **attributes: str) -> tuple[str, str]:
        sqs = self._aws["sqs"]
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(url), str(answer["Attributes"]["QueueArn"])

    def notify_of_objects(self, queue_arn: str) -> None:
        s3 = self._aws["s3"]
        current = s3.get_bucket_notification_configuration(Bucket=INBOUND_BUCKET)
        if current.get("QueueConfigurations"):
            # Each time it is set, S3 sends a test event to the queue.
            return
        rule = {"Name": "prefix", "Value": INBOUND_PREFIX}
        to_queue = {
            "Id": "inbound",
            "QueueArn": queue_arn,
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [rule]}},
        }
        s3.put_bucket_notification_configuration(
            Bucket=INBOUND_BUCKET, NotificationConfiguration={"QueueConfigurations": [to_queue]}
        )

    def ledger(self) -> None:
        dynamodb = self._aws["dynamodb"]
        keys = {"pk": "HASH", "sk": "RANGE"}
        try:
            dynamodb.create_table(
                TableName=LEDGER_TABLE,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": k, "AttributeType": "S"} for k in keys],
                KeySchema=[{"AttributeName": k, "KeyType": kind} for k, kind in keys.items()],
            )
        except ClientError as error:
            _expect(error, "ResourceInUseException")
            return
        dynamodb.get_waiter("table_exists").wait(TableName=LEDGER_TABLE)
        dynamodb.update_time_to_live(
            TableName=LEDGER_TABLE,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
        )

    def topic(self, inbox_arn: str) -> str:
        sns = self._aws["sns"]
        arn = str(sns.create_topic(Name=TOPIC)["TopicArn"])
        known = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
        if not any(subscription["Endpoint"] == inbox_arn for subscription in known):
            sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=inbox_arn)
        return arn

    def databrew_events(self, queue_arn: str) -> None:
        pattern = {"source": ["aws.databrew"], "detail-type": [DATABREW_EVENT]}
        self._aws["events"].put_rule(Name=DATABREW_EVENTS, EventPattern=json.dumps(pattern))
        targets = [{"Id": DATABREW_EVENTS, "Arn": queue_arn}]
        self._aws["events"].put_targets(Rule=DATABREW_EVENTS, Targets=targets)

    def glue_database(self) -> None:
        try:
            self._aws["glue"].create_database(DatabaseInput={"Name": GLUE_DATABASE})
        except ClientError as error:
            _expect(error, "AlreadyExistsException")

    def secret_once(self, name: str, text: str) -> str:
        client = self._aws["secretsmanager"]
        try:
            return str(client.get_secret_value(SecretId=name)["SecretString"])
        except ClientError as error:
            _expect(error, "ResourceNotFoundException")
        client.create_secret(Name=name, SecretString=text)
        return text

    def sfmc_secret(self, endpoint: str) -> None:
        fresh = {
            "client_id": secrets.token_hex(12),
            "client_secret": secrets.token_urlsafe(24),
            "auth_base_uri": endpoint,
            "account_id": "510000000",
        }
        known = json.loads(self.secret_once(SFMC_SECRET_NAME, json.dumps(fresh)))
        if known["auth_base_uri"] != endpoint:
            moved = json.dumps({**known, "auth_base_uri": endpoint})
            self._aws["secretsmanager"].put_secret_value(
                SecretId=SFMC_SECRET_NAME, SecretString=moved
            )


def _expect(error: ClientError, code: str) -> None:
    if error_code(error) != code:
        raise error


def write_env_file(path: Path, env: Mapping[str, str]) -> None:
    """Write KEY=value lines, mode 0600, at once; ValueError for what no such line can hold."""
    for name, value in env.items():
        if not name.isidentifier() or "\n" in value or "\r" in value:
            raise ValueError(f"{name!r} and its value do not fit a line of an environment file.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(path, "".join(f"{name}={value}\n" for name, value in env.items()))
