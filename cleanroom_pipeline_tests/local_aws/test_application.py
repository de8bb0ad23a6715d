import re
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cleanroom_pipeline.local_aws import admin
from cleanroom_pipeline.local_aws.application import Application, credential_scope
from cleanroom_pipeline.local_aws.background import Background
from cleanroom_pipeline.local_aws.calls import Calls
from cleanroom_pipeline.local_aws.clients import Clients, error_code
from cleanroom_pipeline.local_aws.clock import Clock
from cleanroom_pipeline.local_aws.faults import Faults
from cleanroom_pipeline.local_aws.server import HostRefusedError, LocalAws
from cleanroom_pipeline.local_aws.sources import Sources
from cleanroom_pipeline_tests.local_aws.conftest import NOON, REGION
from cleanroom_pipeline_tests.local_aws.http_client import send

EVERYWHERE = "0.0.0.0"  # noqa: S104  # to see that it is refused


@pytest.mark.parametrize("host", [EVERYWHERE, "192.168.1.7", "example.com", ""])
def test_it_listens_on_this_machine_only(host: str) -> None:
    with pytest.raises(HostRefusedError, match="never on"):
        LocalAws.start(host=host)


def test_one_process_has_one_local_aws(aws: LocalAws) -> None:
    with pytest.raises(RuntimeError, match="already"):
        LocalAws.start()


@pytest.mark.parametrize("headers", [{"Origin": "http://127.0.0.1"}, {"Host": "evil.example"}])
def test_web_pages_are_refused(aws: LocalAws, headers: dict[str, str]) -> None:
    assert send("GET", f"{aws.endpoint}/_local/clock", headers=headers).status == 403


def test_what_no_one_implements_is_told_at_once(aws: LocalAws, clients: Clients) -> None:
    for service, operation in (("appflow", "list_connectors"), ("databrew", "list_projects")):
        with pytest.raises(ClientError, match="does not have") as caught:
            getattr(clients.get(service, REGION), operation)()
        assert error_code(caught.value) == "NotImplemented"
        assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_moto_s_own_operations_are_checked_against_the_model_too(
    aws: LocalAws, clients: Clients
) -> None:
    with pytest.raises(ClientError, match="CSV") as caught:
        clients.get("databrew", REGION).create_dataset(
            Name="clicks", Format="WORD", Input={"S3InputDefinition": {"Bucket": "bucket"}}
        )
    assert error_code(caught.value) == "ValidationException"


def test_the_clock_is_shown_and_turned(aws: LocalAws) -> None:
    clock = f"{aws.endpoint}/_local/clock"
    assert send("GET", clock).content == {"now": NOON, "offset": 0}
    turned = send("POST", clock, {"advance": 60})
    assert turned.content == {"now": NOON + 60, "offset": 60, "settled": True}
    aws.reset()
    assert send("GET", clock).content["offset"] == 0


def documented_paths() -> set[tuple[str, str, int]]:
    """Return the table of the admin endpoint: methods, names, how many parts follow each."""
    found, path = set(), ""
    for line in str(admin.__doc__).splitlines():
        request = line.split("|")[1].strip() if line.startswith("| ") else ""
        method, _, rest = request.partition(" ")
        if not method.isupper():
            continue
        path = path if rest == "(the same)" else rest.removeprefix("/_local/")
        name, *parts = re.sub(r"^(appflow|databrew|<service>)/", "", path).split("/<")
        found.add((method, name, len(parts)))
    return found


def test_every_path_of_the_admin_endpoint_is_in_its_table() -> None:
    scripts = admin.Scripts({}, Faults(), Calls(), token=None)
    endpoint = admin.Admin(Clock(), Background(), Sources(), scripts)
    assert documented_paths() == set(endpoint.handlers)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "clock", {"advance": -1}, 400),
        ("POST", "clock", {"advance": "1"}, 400),
        ("POST", "clock", b"no json", 400),
        ("PUT", "appflow/outcomes/x", {"status": "Sucessful"}, 400),
        ("PUT", "token/outcomes", b"[]", 400),
        ("PUT", "faults", b"7", 400),
        ("PUT", "faults", {"kind": "flood"}, 400),
        ("PUT", "outcomes/x", {"state": "FAILED"}, 400),
        ("DELETE", "outcomes", b"", 400),
        ("PUT", "databrew/outcomes/x", {"status": "FAILED"}, 400),
        ("PUT", "appflow/sources/x/y", b"no json", 400),
        ("PUT", "appflow/sources/x/y?pull=some", b"{}", 400),
        ("GET", "nothing", b"", 404),
        ("PUT", "appflow/sources/x", b"{}", 404),
    ],
)
def test_a_wrong_admin_request_is_refused_with_a_reason(
    aws: LocalAws, method: str, path: str, body: Any, status: int
) -> None:
    answer = send(method, f"{aws.endpoint}/_local/{path}", body)
    assert answer.status == status
    assert answer.content["message"]


@pytest.mark.parametrize(
    ("authorization", "scope"),
    [
        (
            "AWS4-HMAC-SHA256 Credential=k/20270115/eu-west-1/AppFlow/aws4_request, Signature=s",
            ("appflow", "eu-west-1"),
        ),
        ("Bearer abc", None),
        ("AWS4-HMAC-SHA256 Credential=short/scope", None),
        (None, None),
    ],
)
def test_a_request_s_service_and_region_are_those_it_is_signed_for(
    authorization: str | None, scope: tuple[str, str] | None
) -> None:
    assert credential_scope(authorization) == scope


def test_stopping_waits_for_requests_under_way_and_takes_no_more() -> None:
    begun, release = threading.Event(), threading.Event()

    def slow(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        begun.set()
        release.wait(10)
        return [b"done"]

    application = Application(slow, {}, {}, lambda: None)
    environ = {"HTTP_HOST": "127.0.0.1", "PATH_INFO": "/", "REQUEST_METHOD": "GET"}
    parts: list[bytes] = []
    request = threading.Thread(
        target=lambda: parts.extend(application(dict(environ), lambda *_: None))
    )
    request.start()
    assert begun.wait(10)
    assert not application.stop_accepting(0.01)
    refused: list[str] = []
    list(application(dict(environ), lambda status, headers: refused.append(status)))
    assert refused[0].startswith("503")
    release.set()
    assert application.stop_accepting(10)
    request.join()
    assert parts == [b"done"]
