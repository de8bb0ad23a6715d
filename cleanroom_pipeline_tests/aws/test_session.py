import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.exceptions import ClientError

from cleanroom_pipeline.aws.session import (
    AwsSession,
    add_request_id,
    error_code,
    request_id_of,
)

ROLE = "arn:aws:iam::123456789012:role/pipeline"


class Aws:
    """STS that gives roles, and a Secrets Manager that has no secret: both over HTTP."""

    def __init__(self) -> None:
        self.lifetime = timedelta(hours=1)
        self.assumed: list[dict[str, str]] = []
        self.signed_by: list[str] = []
        aws = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                credential = self.headers["Authorization"].partition("Credential=")[2]
                aws.signed_by.append(credential.partition("/")[0])
                if "AssumeRole" in body:
                    self.answer(200, "text/xml", aws.assume(body))
                else:
                    refusal = {"__type": "ResourceNotFoundException", "Message": "There is none."}
                    self.answer(400, "application/x-amz-json-1.1", json.dumps(refusal))

            def answer(self, status: int, kind: str, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.send_header("x-amzn-RequestId", "11111111-2222")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def assume(self, body: str) -> str:
        self.assumed.append({name: values[0] for name, values in parse_qs(body).items()})
        expires = (datetime.now(UTC) + self.lifetime).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            "<AssumeRoleResult><Credentials>"
            f"<AccessKeyId>ASIAROLE{len(self.assumed)}</AccessKeyId>"
            "<SecretAccessKey>of-the-role</SecretAccessKey><SessionToken>token</SessionToken>"
            f"<Expiration>{expires}</Expiration></Credentials></AssumeRoleResult>"
            "</AssumeRoleResponse>"
        )


@pytest.fixture
def http_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOWN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
    aws = Aws()
    thread = threading.Thread(target=aws.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield aws
    aws.server.shutdown()
    thread.join()
    aws.server.server_close()


def ask(session: AwsSession) -> None:
    with pytest.raises(ClientError, match="ResourceNotFound"):
        session.client("secretsmanager").get_secret_value(SecretId="none")


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("appflow", "describe_flow", {"flowName": "none"}),
        ("databrew", "describe_job", {"Name": "none"}),
        ("dynamodb", "describe_table", {"TableName": "none"}),
        ("glue", "get_database", {"Name": "none"}),
        ("kms", "describe_key", {"KeyId": "alias/none"}),
        ("s3", "get_object", {"Bucket": "none", "Key": "none"}),
        ("s3", "head_object", {"Bucket": "none", "Key": "none"}),
        ("secretsmanager", "get_secret_value", {"SecretId": "none"}),
        ("sns", "publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:no", "Message": "m"}),
        ("sqs", "get_queue_attributes", {"QueueUrl": "https://sqs/123456789012/none"}),
    ],
)
def test_a_failed_call_of_any_service_tells_its_request_id(
    aws: AwsSession, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    # Stands for the service, whichever moto knows: what is under test comes after the answer.
    def refused(**_: Any) -> tuple[Any, dict[str, Any]]:
        metadata = {"RequestId": "abc-123", "HTTPStatusCode": 404}
        answer = type("Answer", (), {"status_code": 404, "headers": {}})()
        error = {"Code": "NoSuchThing", "Message": "There is none."}
        return answer, {"Error": error, "ResponseMetadata": metadata}

    session = AwsSession(region=aws.region, assume_role_session_name=f"only-{service}-{operation}")
    client = session.client(service)
    client.meta.events.register("before-call", refused)
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**arguments)
    assert str(caught.value).endswith("There is none. (request id abc-123)")
    assert (error_code(caught.value), request_id_of(caught.value)) == ("NoSuchThing", "abc-123")


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("databrew", "describe_job", {"Name": "none"}),
        ("dynamodb", "describe_table", {"TableName": "none"}),
        ("glue", "get_database", {"Name": "none"}),
        ("kms", "describe_key", {"KeyId": "alias/none"}),
        ("s3", "get_object", {"Bucket": "none", "Key": "none"}),
        ("secretsmanager", "get_secret_value", {"SecretId": "none"}),
        ("sns", "publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:no", "Message": "m"}),
        ("sqs", "get_queue_url", {"QueueName": "none"}),
    ],
)
def test_over_http_too_whatever_protocol_the_service_speaks(
    endpoint: str,
    http_aws: Aws,
    service: str,
    operation: str,
    arguments: dict[str, Any],
) -> None:
    client = AwsSession(region="us-east-1", endpoint_url=endpoint).client(service)
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**arguments)
    sent = caught.value.response["ResponseMetadata"]["RequestId"]
    assert len(sent) > 8
    assert str(caught.value).endswith(f"(request id {sent})")


def test_the_request_id_is_what_the_service_sent(http_aws: Aws) -> None:
    session = AwsSession(region="us-east-1", endpoint_url=http_aws.endpoint)
    with pytest.raises(ClientError, match=r"There is none. \(request id 11111111-2222\)$"):
        session.client("secretsmanager").get_secret_value(SecretId="none")


@pytest.mark.parametrize(
    "parsed",
    [
        {"ResponseMetadata": {"RequestId": "r", "HTTPStatusCode": 200}, "Error": {"Message": "m"}},
        {"ResponseMetadata": {"HTTPStatusCode": 400}, "Error": {"Message": "m"}},
        {"Error": {"Message": "m"}},
    ],
)
def test_what_is_no_failed_call_of_aws_is_left_as_it_is(parsed: dict[str, Any]) -> None:
    add_request_id(parsed=parsed)
    assert parsed["Error"] == {"Message": "m"}
    nothing_at_all: dict[str, Any] = {}
    add_request_id(parsed=nothing_at_all)
    assert nothing_at_all == {}


def test_an_error_that_never_got_to_aws_has_no_request_id() -> None:
    assert request_id_of(ConnectionError("no")) is None
    assert error_code(ConnectionError("no")) == "ConnectionError"


def test_without_a_role_the_callers_own_credentials_sign(http_aws: Aws) -> None:
    session = AwsSession(region="us-east-1", endpoint_url=http_aws.endpoint)
    ask(session)
    assert http_aws.signed_by == ["AKIAOWN"]
    credentials = session.credentials()
    assert credentials
    assert credentials.access_key == "AKIAOWN"


def test_a_role_is_assumed_once_for_all_services_and_signs_everything_else(http_aws: Aws) -> None:
    session = AwsSession(
        region="us-east-1",
        endpoint_url=http_aws.endpoint,
        assume_role_arn=ROLE,
        assume_role_external_id="partner-7",
        assume_role_session_name="nightly",
    )
    ask(session)
    ask(session)
    with pytest.raises(ClientError):
        session.client("kms").describe_key(KeyId="none")
    (asked,) = http_aws.assumed
    assert {name: asked[name] for name in ("RoleArn", "ExternalId", "RoleSessionName")} == {
        "RoleArn": ROLE,
        "ExternalId": "partner-7",
        "RoleSessionName": "nightly",
    }
    assert http_aws.signed_by == ["AKIAOWN", *["ASIAROLE1"] * 3]
    credentials = session.credentials()
    assert credentials
    assert (credentials.access_key, credentials.token) == ("ASIAROLE1", "token")


def test_a_role_that_is_about_to_expire_is_assumed_again(http_aws: Aws) -> None:
    session = AwsSession(
        region="us-east-1", endpoint_url=http_aws.endpoint, assume_role_arn=f"{ROLE}/short"
    )
    http_aws.lifetime = timedelta(minutes=1)
    ask(session)
    ask(session)
    assert [asked["RoleSessionName"] for asked in http_aws.assumed] == ["cleanroom-pipeline"] * 2
    assert "ExternalId" not in http_aws.assumed[0]
    assert http_aws.signed_by == ["AKIAOWN", "ASIAROLE1", "AKIAOWN", "ASIAROLE2"]


def test_a_profile_gives_the_credentials(
    http_aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text("[other]\naws_access_key_id=AKIAOTHER\naws_secret_access_key=other\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    ask(AwsSession(region="us-east-1", endpoint_url=http_aws.endpoint, profile="other"))
    assert http_aws.signed_by == ["AKIAOTHER"]


def test_clients_outlive_the_resource_and_belong_to_its_settings(
    aws: AwsSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = AwsSession(region="us-east-1").client("sqs")
    assert AwsSession(region="us-east-1").client("sqs") is client
    others = [
        AwsSession(region="eu-west-1"),
        AwsSession(region="us-east-1", endpoint_url="http://127.0.0.1:1"),
        AwsSession(region="us-east-1", assume_role_arn=ROLE),
    ]
    assert len({id(session.client("sqs")) for session in [aws, *others]}) == 4
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    assert AwsSession(region="us-east-1").client("sqs") is not client


def test_threads_that_ask_at_once_get_one_client(aws: AwsSession) -> None:
    session = AwsSession(region="us-west-1")
    together = threading.Barrier(8)

    def ask_for_one(_: int) -> int:
        together.wait(10)
        return id(session.client("glue"))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask_for_one, range(8)))) == 1


FORK = """
import os, signal, threading
from cleanroom_pipeline.aws import session as module

parent = module.AwsSession(region="us-east-1")
client = parent.client("sqs")
held, go_on = threading.Event(), threading.Event()

def hold():
    with module._lock:
        held.set()
        go_on.wait(60)

holder = threading.Thread(target=hold, daemon=True)
holder.start()
held.wait(10)
child = os.fork()
if child == 0:
    signal.alarm(30)
    os._exit(0 if parent.client("sqs") is not client else 3)
_, status = os.waitpid(child, 0)
go_on.set()
holder.join()
assert os.waitstatus_to_exitcode(status) == 0, status
assert parent.client("sqs") is client
"""


def test_a_forked_child_has_clients_of_its_own_even_if_the_lock_was_held() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_no_body_is_logged_whatever_the_level(
    aws: AwsSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("botocore", "botocore.endpoint", "botocore.parsers", "botocore.auth"):
        caplog.set_level(logging.DEBUG, logger=name)
    client = AwsSession(region="us-east-1").client("secretsmanager")
    client.create_secret(Name="s", SecretString="hunter2-of-the-secret")
    assert client.get_secret_value(SecretId="s")["SecretString"] == "hunter2-of-the-secret"
    assert any(record.name.startswith("botocore") for record in caplog.records)
    assert "hunter2-of-the-secret" not in caplog.text
