"""AppFlow's calls: each request is one of botocore's model, each answer is read as it is meant."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cleanroom_pipeline.aws.appflow import (
    CONFLICT,
    AppFlow,
    AppFlowInUseError,
    FlowRefusedError,
    Started,
)
from cleanroom_pipeline.inbound.flow_changes import update_of
from cleanroom_pipeline.inbound.flow_definitions import FlowSpec, flow_definition, with_bucket
from cleanroom_pipeline_tests.inbound.appflow_stand_in import appflow_over, error_of

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ARN = "arn:aws:appflow:us-east-1:123456789012:flow/f"
SPEC = FlowSpec("flow", "clicks", "Salesforce", "p", "Thing", "inbound/clicks/")
DEFINITION = with_bucket(flow_definition(SPEC), "bucket")
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


def test_a_flow_is_created_updated_described_and_deleted() -> None:
    script = Script(
        CreateFlow=[{"flowArn": ARN}],
        UpdateFlow=[{"flowStatus": "Active"}],
        DescribeFlow=[{"flowName": "flow"}, gone("DescribeFlow")],
        DeleteFlow=[{}, gone("DeleteFlow")],
    )
    appflow = appflow_over(script)
    assert appflow.create(DEFINITION)
    appflow.update(update_of(DEFINITION))
    assert appflow.describe("flow") == {"flowName": "flow"}
    assert appflow.describe("flow") is None
    assert (appflow.delete("flow"), appflow.delete("flow")) == (True, False)
    asked = dict(script.asked[:2])
    assert asked == {"CreateFlow": DEFINITION, "UpdateFlow": update_of(DEFINITION)}
    # AppFlow is never told to delete what is in use.
    assert all(not params.get("forceDelete") for _, params in script.asked)


def test_a_flow_that_is_there_is_not_created() -> None:
    assert not appflow_over(Script(CreateFlow=[conflict("CreateFlow")])).create(DEFINITION)


def test_a_flow_that_appflow_does_not_take_is_refused_with_its_words() -> None:
    script = Script(UpdateFlow=[error_of("UpdateFlow", "ValidationException", 400)])
    with pytest.raises(FlowRefusedError, match=r"refuses flow flow .ValidationException"):
        appflow_over(script).update(update_of(DEFINITION))


@pytest.mark.parametrize(
    ("operation", "delete", "said"),
    [
        ("DeleteFlow", lambda appflow: appflow.delete("clicks"), "Flow clicks is running"),
        (
            "DeleteConnectorProfile",
            lambda appflow: appflow.delete_profile("sfmc"),
            "in use by a flow",
        ),
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


def test_flows_are_listed_over_all_pages() -> None:
    script = Script(
        ListFlows=[
            {"flows": [{"flowName": "shop-b"}, {"flowName": "other"}], "nextToken": "2"},
            {"flows": [{"flowName": "shop-a"}]},
        ]
    )
    found = appflow_over(script).flows()
    assert [flow["flowName"] for flow in found] == ["shop-b", "other", "shop-a"]
    assert script.asked[1][1]["nextToken"] == "2"


def test_tags_are_set() -> None:
    script = Script(TagResource=[{}])
    appflow_over(script).put_tags(ARN, {"a": "c"})
    assert script.asked[0] == ("TagResource", {"resourceArn": ARN, "tags": {"a": "c"}})


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
