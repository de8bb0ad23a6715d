"""What the local AWS was asked for: every protocol, and what breaks a model."""

import contextlib
import json
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from cleanroom_pipeline.local_aws.calls import Calls
from cleanroom_pipeline.local_aws.clients import Clients
from cleanroom_pipeline.local_aws.provision import LocalEnvironment, provision
from cleanroom_pipeline.local_aws.recognition import protocol_of, status_of
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline_tests.local_aws.conftest import REGION
from cleanroom_pipeline_tests.local_aws.http_client import send

PIPELINE = "cleanroom-pipeline"


def told(aws: LocalAws) -> dict[str, Any]:
    return send("GET", f"{aws.endpoint}/_local/calls").content


@pytest.fixture
def pipeline(aws: LocalAws, environment: LocalEnvironment) -> Clients:
    """Clients in the name of a pipeline, of which nothing is known yet."""
    send("DELETE", f"{aws.endpoint}/_local/calls")
    return Clients(aws.endpoint, PIPELINE)


def ask_every_protocol(pipeline: Clients, environment: LocalEnvironment) -> None:
    s3 = pipeline.get("s3", REGION)
    bucket = {"Bucket": "cleanroom-inbound"}
    s3.put_object(**bucket, Key="a b/c+d", Body=b"x" * 100, Metadata={"my_key": "1"})
    s3.get_object(**bucket, Key="a b/c+d", Range="bytes=0-9")
    s3.head_object(**bucket, Key="a b/c+d")
    s3.list_objects_v2(**bucket, Prefix="a b/", MaxKeys=5)
    s3.list_object_versions(**bucket)
    s3.get_bucket_location(**bucket)
    s3.copy_object(**bucket, Key="e", CopySource={**bucket, "Key": "a b/c+d"})
    upload = s3.create_multipart_upload(**bucket, Key="big")["UploadId"]
    part = s3.upload_part(**bucket, Key="big", UploadId=upload, PartNumber=1, Body=b"x" * 6_000_000)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**bucket, Key="big", UploadId=upload, MultipartUpload=parts)
    s3.delete_objects(**bucket, Delete={"Objects": [{"Key": "e"}]})
    s3.delete_object(**bucket, Key="big")
    sqs = pipeline.get("sqs", REGION)
    sqs.receive_message(QueueUrl=environment.inbound_queue_url, MaxNumberOfMessages=10)
    sqs.send_message(QueueUrl=environment.inbound_queue_url, MessageBody="é")
    sns = pipeline.get("sns", REGION)
    told = {"outcome": {"DataType": "String", "StringValue": "published"}}
    sns.publish(TopicArn=environment.topic_arn, Message="m", Subject="s", MessageAttributes=told)
    dynamodb = pipeline.get("dynamodb", REGION)
    key = {"pk": {"S": "a"}, "sk": {"S": "b"}}
    dynamodb.put_item(TableName="cleanroom-ledger", Item={**key, "blob": {"B": b"\x00"}})
    dynamodb.get_item(TableName="cleanroom-ledger", Key=key, ConsistentRead=True)
    pipeline.get("kms", REGION).generate_data_key(KeyId="alias/cleanroom", KeySpec="AES_256")
    pipeline.get("secretsmanager", REGION).get_secret_value(SecretId="cleanroom/sfmc")
    pipeline.get("glue", REGION).get_database(Name="marketing")
    pipeline.get("databrew", REGION).list_jobs(MaxResults=5)
    pipeline.get("appflow", REGION).list_flows(maxResults=5)
    pipeline.get("cleanrooms", REGION).list_memberships()
    pipeline.get("sts", REGION).get_caller_identity()


ASKED = [
    "appflow:ListFlows",
    "cleanrooms:ListMemberships",
    "databrew:ListJobs",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "glue:GetDatabase",
    "kms:GenerateDataKey",
    "s3:CompleteMultipartUpload",
    "s3:CopyObject",
    "s3:CreateMultipartUpload",
    "s3:DeleteObject",
    "s3:DeleteObjects",
    "s3:GetBucketLocation",
    "s3:GetObject",
    "s3:HeadObject",
    "s3:ListObjectVersions",
    "s3:ListObjectsV2",
    "s3:PutObject",
    "s3:UploadPart",
    "secretsmanager:GetSecretValue",
    "sns:Publish",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
    "sts:GetCallerIdentity",
]


def test_an_operation_is_known_in_every_protocol_and_what_boto3_sends_breaks_no_model(
    aws: LocalAws, pipeline: Clients, environment: LocalEnvironment
) -> None:
    ask_every_protocol(pipeline, environment)
    assert told(aws) == {"calls": ASKED, "broken": []}


def test_a_request_that_is_looked_at_is_answered_as_any_other(
    aws: LocalAws, pipeline: Clients, environment: LocalEnvironment
) -> None:
    ask_every_protocol(pipeline, environment)
    s3 = pipeline.get("s3", REGION)
    found = s3.get_object(Bucket="cleanroom-inbound", Key="a b/c+d")
    assert (found["Body"].read(), found["Metadata"]) == (b"x" * 100, {"my_key": "1"})
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket="cleanroom-inbound")["Contents"]]
    assert keys == ["a b/c+d"]


def test_pyarrow_s_own_client_is_recorded_and_its_chunks_arrive(
    aws: LocalAws, pipeline: Clients
) -> None:
    from pyarrow.fs import S3FileSystem

    host = aws.endpoint.removeprefix("http://")
    files = S3FileSystem(
        access_key="local",
        secret_key="local",
        region=REGION,
        scheme="http",
        endpoint_override=host,
    )
    with files.open_output_stream("cleanroom-transformed/x/y") as stream:
        stream.write(b"x" * 6_000_000)
    with files.open_input_file("cleanroom-transformed/x/y") as file:
        assert file.read() == b"x" * 6_000_000
    asked = set(told(aws)["calls"])
    assert {"s3:CreateMultipartUpload", "s3:UploadPart", "s3:GetObject"} <= asked
    assert told(aws)["broken"] == []


def test_who_sets_an_account_up_or_looks_into_it_is_no_pipeline(
    aws: LocalAws, pipeline: Clients
) -> None:
    provision(aws.endpoint)
    Clients(aws.endpoint).get("s3", REGION).list_buckets()
    assert told(aws)["calls"] == []


SIGNED = "AWS4-HMAC-SHA256 Credential=k/20270115/us-east-1/{}/aws4_request, Signature=s"


@pytest.mark.parametrize(
    ("service", "headers", "body", "broken"),
    [
        (
            "dynamodb",
            {
                "X-Amz-Target": "DynamoDB_20120810.GetItem",
                "Content-Type": "application/x-amz-json-1.0",
            },
            json.dumps({"TableName": "hunter2"}).encode(),
            "dynamodb:GetItem: ",
        ),
        (
            "sns",
            {"Content-Type": "application/x-www-form-urlencoded"},
            b"Action=Publish&Version=2010-03-31&TopicArn=hunter2",
            "sns:Publish: Missing required parameter",
        ),
        (
            "kms",
            {
                "X-Amz-Target": "TrentService.GenerateDataKey",
                "Content-Type": "application/x-amz-json-1.1",
            },
            json.dumps({"KeyId": "k", "KeySpec": "hunter2"}).encode(),
            "kms:GenerateDataKey: ",
        ),
        (
            "appflow",
            {"Content-Type": "application/json"},
            b'{"flowName": "hunter2"',
            "appflow:StartFlow: Missing required parameter",
        ),
        (
            "s3",
            {"Content-Type": "application/xml"},
            b"<Delete><hunter2>",
            "s3:DeleteObjects: The request can't be read",
        ),
    ],
)
def test_a_request_that_breaks_its_model_is_told_without_its_values(
    aws: LocalAws,
    pipeline: Clients,
    service: str,
    headers: dict[str, str],
    body: bytes,
    broken: str,
) -> None:
    signed = {"Authorization": SIGNED.format(service), **headers}
    path = {"appflow": "/start-flow", "s3": "/bucket?delete"}.get(service, "/")
    request = Request(aws.endpoint + path, data=body, headers=signed, method="POST")
    with contextlib.suppress(OSError):  # whatever moto makes of it
        urlopen(request, timeout=30).close()
    found = told(aws)["broken"]
    assert any(fault.startswith(broken) for fault in found), found
    assert "hunter2" not in str(found)


def test_an_unsigned_request_is_nobody_s_call_and_a_presigned_one_is(
    aws: LocalAws, pipeline: Clients
) -> None:
    with contextlib.suppress(OSError):
        urlopen(aws.endpoint, timeout=30).close()
    assert told(aws)["calls"] == []
    s3 = pipeline.get("s3", REGION)
    where = {"Bucket": "cleanroom-inbound", "Key": "gone"}
    with contextlib.suppress(OSError):
        urlopen(s3.generate_presigned_url("get_object", where), timeout=30).close()
    assert told(aws)["calls"] == ["s3:GetObject"]


def test_an_operation_that_no_model_has_is_told_without_a_name(
    aws: LocalAws, pipeline: Clients
) -> None:
    send(
        "POST",
        f"{aws.endpoint}/no/such/path",
        headers={"Authorization": SIGNED.format("databrew")},
    )
    assert told(aws)["calls"] == ["databrew:"]


@pytest.mark.parametrize(
    ("service", "protocol"),
    [("s3", "rest-xml"), ("sns", "query"), ("glue", "json"), ("no-such-service", "json")],
)
def test_a_service_s_protocol_is_its_model_s(service: str, protocol: str) -> None:
    assert protocol_of(service) == protocol


def test_a_status_is_the_model_s_or_400() -> None:
    assert status_of("databrew", "ConflictException") == 409
    assert status_of("databrew", "Unheard") == 400
    assert status_of("no-such-service", "ConflictException") == 400


def test_the_file_of_calls_grows_over_processes_and_stays_sorted(tmp_path: Path) -> None:
    path = tmp_path / "new" / "calls.txt"
    first, second = Calls(path), Calls(path)
    first.asked("s3", "PutObject")
    second.asked("databrew", "StartJobRun")
    first.asked("s3", "GetObject")
    first.asked("s3", "GetObject")
    lines = ["databrew:StartJobRun", "s3:GetObject", "s3:PutObject"]
    assert path.read_text().splitlines() == lines
    first.clear()
    assert first.told() == {"calls": [], "broken": []}
    second.asked("appflow", "StartFlow")
    assert path.read_text().splitlines() == ["appflow:StartFlow", *lines]
