"""The local AWS as a process: what it holds outlives it."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.local_aws.clients import Clients
from cleanroom_pipeline.local_aws.provision import LocalEnvironment, provision
from cleanroom_pipeline_tests.local_aws.conftest import REGION
from cleanroom_pipeline_tests.local_aws.http_client import send
from cleanroom_pipeline_tests.local_aws.marketing import Marketing

DEADLINE = 60.0


class Process:
    """Starts and stops one local AWS on a state directory."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.address = state_dir / "local_aws.json"
        self.running: subprocess.Popen[str] | None = None

    def launch(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "cleanroom_pipeline.local_aws"]
        self.running = subprocess.Popen(  # our own module, by this interpreter
            [*command, "--state-dir", str(self.state_dir), *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self.running

    def start(self, *arguments: str) -> str:
        process = self.launch(*arguments)
        wait_until(lambda: self.address.exists() or process.poll() is not None)
        content = json.loads(self.address.read_text())
        assert content["pid"] == process.pid
        return str(content["endpoint"])

    def stop(self, number: int = signal.SIGTERM) -> str:
        """Send the signal and return what the process wrote to its standard error."""
        assert self.running is not None
        self.running.send_signal(number)
        _, errors = self.running.communicate(timeout=DEADLINE)
        assert self.running.returncode == 0, errors
        assert not self.address.exists()
        return errors


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path / "state")
    yield process
    if process.running and process.running.poll() is None:
        process.running.kill()
        process.running.communicate()


def told_by_the_topic(clients: Clients, environment: LocalEnvironment) -> list[str]:
    """Publish, and return what arrives: a restored topic must still know its subscriptions."""
    clients.get("sns", REGION).publish(TopicArn=environment.topic_arn, Message="it worked")
    sqs, url = clients.get("sqs", REGION), environment.notifications_queue_url
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"])["Message"] for message in messages]


def state_of(endpoint: str, ciphertext: bytes) -> dict[str, Any]:
    """What a client can see of everything that must outlive a restart."""
    clients = Clients(endpoint)
    s3 = clients.get("s3", REGION)
    versions = s3.list_object_versions(Bucket="cleanroom-inbound")["Versions"]
    dynamodb, glue = clients.get("dynamodb", REGION), clients.get("glue", REGION)
    sqs, environment = clients.get("sqs", REGION), provision(endpoint)
    waiting = sqs.get_queue_attributes(
        QueueUrl=environment.inbound_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    secret = clients.get("secretsmanager", REGION).get_secret_value(SecretId="cleanroom/hmac-key")
    return {
        "environment": environment,
        "objects": {
            version["VersionId"]: s3.get_object(
                Bucket="cleanroom-inbound", Key=version["Key"], VersionId=version["VersionId"]
            )["Body"].read()
            for version in versions
        },
        "plaintext": clients.get("kms", REGION).decrypt(CiphertextBlob=ciphertext)["Plaintext"],
        "messages": waiting["Attributes"],
        "secret": secret["SecretString"],
        "published": told_by_the_topic(clients, environment),
        "ledger": dynamodb.scan(TableName="cleanroom-ledger")["Items"],
        "databases": [d["Name"] for d in glue.get_databases()["DatabaseList"]],
        "recipes": clients.get("databrew", REGION).list_recipes()["Recipes"],
        "flows": clients.get("appflow", REGION).list_flows()["flows"],
        "clock": send("GET", f"{endpoint}/_local/clock").content["offset"],
    }


def fill(endpoint: str) -> bytes:
    """Put something into every service; return a text that the KMS key encrypted."""
    provision(endpoint)
    clients = Clients(endpoint)
    s3 = clients.get("s3", REGION)
    for body in (b"first", b"second"):
        s3.put_object(Bucket="cleanroom-inbound", Key="inbound/a/x.csv", Body=body)
    s3.put_object(Bucket="cleanroom-inbound", Key="inbound/a/big", Body=b"x" * 9_000_000)
    clients.get("dynamodb", REGION).put_item(
        TableName="cleanroom-ledger", Item={"pk": {"S": "a"}, "sk": {"S": "b"}}
    )
    databrew = clients.get("databrew", REGION)
    step = {"Action": {"Operation": "LOWER_CASE", "Parameters": {"sourceColumn": "email"}}}
    databrew.create_recipe(Name="people", Steps=[step])
    databrew.publish_recipe(Name="people")
    marketing = Marketing(endpoint, clients)
    marketing.fill({"SubscriberKey": "a"})
    send("POST", f"{endpoint}/_local/clock", {"advance": 90})
    encrypted = clients.get("kms", REGION).encrypt(KeyId="alias/cleanroom", Plaintext=b"top")
    return bytes(encrypted["CiphertextBlob"])


def test_a_restart_goes_on_where_the_last_one_stopped(process: Process) -> None:
    endpoint = process.start()
    ciphertext = fill(endpoint)
    before = state_of(endpoint, ciphertext)
    assert len(before["objects"]) == 3
    assert before["plaintext"] == b"top"
    assert process.stop() == ""
    assert process.start() == endpoint
    assert state_of(endpoint, ciphertext) == before


def test_the_calls_of_a_pipeline_are_written_to_the_file_that_the_environment_names(
    process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls.txt"
    monkeypatch.setenv("CLEANROOM_LOCAL_AWS_CALLS", str(calls))
    endpoint = process.start()
    provision(endpoint)
    assert not calls.exists()
    pipeline = Clients(endpoint, "cleanroom-pipeline")
    pipeline.get("databrew", REGION).list_jobs()
    pipeline.get("s3", REGION).list_buckets()
    assert calls.read_text() == "databrew:ListJobs\ns3:ListBuckets\n"


def test_what_was_scripted_outlives_a_restart(process: Process) -> None:
    endpoint = process.start()
    send("PUT", f"{endpoint}/_local/databrew/outcomes/*", {"state": "FAILED", "times": None})
    send("PUT", f"{endpoint}/_local/faults", {"service": "databrew", "kind": "error"})
    faults = send("GET", f"{endpoint}/_local/faults")
    process.stop()
    assert send("GET", f"{process.start()}/_local/faults") == faults


def test_by_the_real_clock_a_run_ends_by_itself(process: Process) -> None:
    endpoint = process.start()
    provision(endpoint)
    marketing = Marketing(endpoint, Clients(endpoint))
    marketing.fill({"SubscriberKey": "a"})
    marketing.start()
    wait_until(lambda: marketing.records()[0]["executionStatus"] != "InProgress")
    assert marketing.records()[0]["executionStatus"] == "Successful"
    assert len(marketing.objects()) == 1


def test_another_port_is_taken_where_the_last_one_is_not_free(process: Process) -> None:
    endpoint = process.start()
    process.stop(signal.SIGINT)
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", int(endpoint.rsplit(":", 1)[1])))
        occupied.listen()
        assert process.start() != endpoint


def test_it_ends_with_the_process_it_was_started_for(process: Process) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE
    )  # waits, no more
    process.start("--parent-pid", str(parent.pid))
    parent.communicate()
    assert process.running is not None
    process.running.communicate(timeout=DEADLINE)
    assert process.running.returncode == 0
    assert (process.state_dir / "local_aws.snapshot").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(("--host", "192.0.2.1"), "never on 192.0.2.1"), (("--port", "{taken}"), "Port {taken}")],
)
def test_a_start_that_can_t_be_says_why(
    process: Process, arguments: tuple[str, str], reason: str
) -> None:
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", 0))
        occupied.listen()
        taken = occupied.getsockname()[1]
        launched = process.launch(*(argument.format(taken=taken) for argument in arguments))
        _, errors = launched.communicate(timeout=DEADLINE)
    assert launched.returncode == 1
    assert errors.startswith("The local AWS did not start.")
    assert reason.format(taken=taken) in errors
    assert not process.address.exists()
    assert not (process.state_dir / "local_aws.snapshot").exists()
