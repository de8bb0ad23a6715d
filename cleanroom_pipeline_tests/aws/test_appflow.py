"""AppFlow's calls: each request is one of botocore's model, each answer is read as it is meant."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cleanroom_pipeline.aws.appflow import (
    CHOSEN_ONCE,
    CONFLICT,
    AppFlow,
    AppFlowInUseError,
    Started,
)
from cleanroom_pipeline.inbound.appflow_requests import create_flow_request
from cleanroom_pipeline_tests.inbound.appflow_stand_in import MODEL, appflow_over, error_of

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ARN = "arn:aws:appflow:us-east-1:123456789012:flow/f"
DEFINITION = {
    **create_flow_request("flow", "p", "ClickEvent", "bucket", "inbound/clicks/"),
    "tags": {"a": "b"},
    "kmsArn": "arn:aws:kms:us-east-1:123456789012:key/k",
}
Answer = Mapping[str, Any] | ClientError


class Script:
    """Answers, by operation, in order; what was asked is kept."""

    def __init__(self, **answers: Sequence[Answer]) -> None:
        self.answers = {name: list(given) for name, given in answers.items()}
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    def __call__(self, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append((operation, params))
        answer = self.answers[operation].pop(0)
        if isinstance(answer, ClientError):
            raise answer
        return answer


def gone(operation: str) -> ClientError:
    return error_of(operation, "ResourceNotFoundException", 404)


def conflict(operation: str) -> ClientError:
    return error_of(operation, CONFLICT, 409)


def record(name: str, state: str = "Successful") -> dict[str, Any]:
    return {
        "executionId": name,
        "executionStatus": state,
        "startedAt": NOON,
        "executionResult": {
            "errorInfo": {"putFailuresCount": 2, "executionMessage": "why"},
            "recordsProcessed": 5,
            "bytesWritten": 7,
        },
    }


def test_what_update_flow_does_not_take_is_what_create_flow_takes_beside_it() -> None:
    create: Any = MODEL.model.operation_model("CreateFlow").input_shape
    update: Any = MODEL.model.operation_model("UpdateFlow").input_shape
    assert set(create.members) - set(update.members) == CHOSEN_ONCE


def test_a_flow_is_created_updated_described_and_deleted() -> None:
    script = Script(
        CreateFlow=[{"flowArn": ARN}],
        UpdateFlow=[{"flowStatus": "Active"}],
        DescribeFlow=[{"flowName": "flow"}, gone("DescribeFlow")],
        DeleteFlow=[{}, gone("DeleteFlow")],
    )
    appflow = appflow_over(script)
    appflow.create(DEFINITION)
    appflow.update(DEFINITION)
    assert appflow.describe("flow") == {"flowName": "flow"}
    assert appflow.describe("flow") is None
    assert (appflow.delete("flow"), appflow.delete("flow")) == (True, False)
    asked = dict(script.asked[:2])
    assert asked["CreateFlow"] == DEFINITION
    assert asked["UpdateFlow"] == {k: v for k, v in DEFINITION.items() if k not in CHOSEN_ONCE}
    # AppFlow is never told to delete what is in use.
    assert all(not params.get("forceDelete") for _, params in script.asked)


def test_a_flow_that_is_missing_is_created_and_one_that_is_there_is_left() -> None:
    script = Script(
        DescribeFlow=[gone("DescribeFlow"), {"flowName": "flow"}], CreateFlow=[{"flowArn": ARN}]
    )
    appflow = appflow_over(script)
    assert appflow.ensure_flow(DEFINITION)
    assert not appflow.ensure_flow(DEFINITION)


@pytest.mark.parametrize(
    ("operation", "delete", "said"),
    [
        ("DeleteFlow", lambda appflow: appflow.delete("clicks"), "flow clicks while it is running"),
        ("DeleteConnectorProfile", lambda appflow: appflow.delete_profile("sfmc"), "a flow uses"),
    ],
)
def test_what_is_in_use_is_not_deleted_and_it_is_said_what_to_do(
    operation: str, delete: Callable[[AppFlow], bool], said: str
) -> None:
    with pytest.raises(AppFlowInUseError, match=said):
        delete(appflow_over(Script(**{operation: [conflict(operation)]})))


def test_a_profile_is_deleted_once() -> None:
    script = Script(DeleteConnectorProfile=[{}, gone("DeleteConnectorProfile")])
    appflow = appflow_over(script)
    assert (appflow.delete_profile("sfmc"), appflow.delete_profile("sfmc")) == (True, False)


def test_a_profile_is_found_by_its_whole_name() -> None:
    details = {"connectorProfileDetails": [{"connectorProfileName": "sfmc"}]}
    appflow = appflow_over(Script(DescribeConnectorProfiles=[details, {}]))
    assert appflow.profile("sfmc") == {"connectorProfileName": "sfmc"}
    assert appflow.profile("sfmc") is None


def test_flows_are_listed_over_all_pages_by_the_beginning_of_their_names() -> None:
    script = Script(
        ListFlows=[
            {"flows": [{"flowName": "shop-b"}, {"flowName": "other"}], "nextToken": "2"},
            {"flows": [{"flowName": "shop-a"}]},
        ]
    )
    found = appflow_over(script).flows("shop-")
    assert [flow["flowName"] for flow in found] == ["shop-a", "shop-b"]
    assert script.asked[1][1]["nextToken"] == "2"


def test_tags_are_read_set_and_removed() -> None:
    script = Script(
        ListTagsForResource=[{"tags": {"a": "b"}}, {}], TagResource=[{}], UntagResource=[{}]
    )
    appflow = appflow_over(script)
    assert (appflow.tags(ARN), appflow.tags(ARN)) == ({"a": "b"}, {})
    appflow.put_tags(ARN, {"a": "c"}, ["d"])
    appflow.put_tags(ARN, {})
    assert dict(script.asked[2:]) == {
        "TagResource": {"resourceArn": ARN, "tags": {"a": "c"}},
        "UntagResource": {"resourceArn": ARN, "tagKeys": ["d"]},
    }


def test_executions_are_read_a_page_at_a_time_and_no_further_than_needed() -> None:
    first = {"flowExecutions": [record("e1"), record("e2")], "nextToken": "2"}
    script = Script(DescribeFlowExecutionRecords=[first])
    found = appflow_over(script).execution("f-1", "e2")
    assert found
    assert (found.state, found.message, found.records) == ("Successful", "why", 5)
    assert (found.bytes_written, found.put_failures, found.started_at) == (7, 2, NOON)
    assert len(script.asked) == 1


def test_an_execution_on_a_later_page_is_found_and_another_is_not() -> None:
    def pages() -> list[Answer]:
        return [
            {"flowExecutions": [record("e1")], "nextToken": "2"},
            {"flowExecutions": [record("e2", "InProgress")]},
        ]

    appflow = appflow_over(Script(DescribeFlowExecutionRecords=[*pages(), *pages()]))
    assert appflow.execution("f-1", "e2")
    assert appflow.execution("f-1", "e3") is None


def test_a_flow_that_is_gone_has_no_executions() -> None:
    operation = "DescribeFlowExecutionRecords"
    assert list(appflow_over(Script(**{operation: [gone(operation)]})).executions("f-1")) == []


def test_a_start_answers_with_an_execution_or_a_refusal() -> None:
    script = Script(StartFlow=[{"executionId": "e1"}, conflict("StartFlow"), {}])
    appflow = appflow_over(script)
    assert appflow.start("f-1", "token") == Started("e1")
    refused = appflow.start("f-1", "token")
    assert (refused.execution_id, refused.refusal) == (None, CONFLICT)
    assert appflow.start("f-1", "token") == Started(None)
    assert script.asked[0][1] == {"flowName": "f-1", "clientToken": "token"}


def test_a_start_that_fails_otherwise_is_raised() -> None:
    failed = error_of("StartFlow", "InternalServerException", 500)
    with pytest.raises(ClientError):
        appflow_over(Script(StartFlow=[failed])).start("f-1", "token")


def test_a_cancel_tells_whether_there_was_anything_to_cancel() -> None:
    script = Script(CancelFlowExecutions=[{}, {"invalidExecutions": ["e1"]}])
    appflow = appflow_over(script)
    assert (appflow.cancel("f-1", "e1"), appflow.cancel("f-1", "e1")) == (True, False)
