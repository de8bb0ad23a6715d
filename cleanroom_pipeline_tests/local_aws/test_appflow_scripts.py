"""Scripted executions: every status of the model, others, and all that a caller can miss."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from cleanroom_pipeline.local_aws.appflow_state import STATUSES
from cleanroom_pipeline.local_aws.clients import Clients, error_code
from cleanroom_pipeline.local_aws.outcomes import Outcome
from cleanroom_pipeline.local_aws.provision import LocalEnvironment
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline.local_aws.service_model import ServiceModel
from cleanroom_pipeline_tests.local_aws.conftest import REGION
from cleanroom_pipeline_tests.local_aws.marketing import (
    FLOW,
    PROFILE,
    Marketing,
    flow_definition,
    profile_config,
)

MODEL_S = ServiceModel("appflow").model.shape_for("ExecutionStatus").metadata["enum"]
DAY = 86_400.0


@pytest.fixture
def marketing(aws: LocalAws, environment: LocalEnvironment, clients: Clients) -> Marketing:
    marketing = Marketing(aws.endpoint, clients)
    marketing.fill({"id": "1"})
    return marketing


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return error_code(caught.value)


def impatient(endpoint: str) -> Any:
    """Return a client that tries once."""
    return boto3.client(
        "appflow",
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def test_we_know_the_statuses_that_the_model_has() -> None:
    assert set(MODEL_S) == STATUSES


@pytest.mark.parametrize("status", [*MODEL_S, "SomethingNew"])
def test_an_execution_has_the_status_that_was_scripted_and_keeps_it(
    aws: LocalAws, marketing: Marketing, status: str
) -> None:
    marketing.script(status=status, message="as told")
    marketing.start()
    for _ in range(2):
        aws.advance(DAY / 100)
        (record,) = marketing.records()
        assert record["executionStatus"] == status
    told = marketing.appflow.describe_flow(flowName=FLOW)["lastRunExecutionDetails"]
    assert told["mostRecentExecutionStatus"] == status
    assert bool(marketing.objects()) == (status == "Successful")


@pytest.mark.parametrize("status", ["Error", "Canceled"])
def test_an_execution_that_ended_badly_says_why(
    aws: LocalAws, marketing: Marketing, status: str
) -> None:
    marketing.script(status=status, message="as told")
    marketing.start()
    aws.advance(1)
    (record,) = marketing.records()
    assert record["executionResult"]["errorInfo"]["executionMessage"] == "as told"


def test_a_slow_execution_lasts_as_long_as_it_was_told_to(
    aws: LocalAws, marketing: Marketing
) -> None:
    marketing.script(seconds=600)
    marketing.start()
    aws.advance(599)
    assert marketing.records()[0]["executionStatus"] == "InProgress"
    aws.advance(1)
    assert marketing.records()[0]["executionStatus"] == "Successful"


def test_an_execution_ends_after_so_many_polls_whatever_the_clock_says(
    aws: LocalAws, marketing: Marketing
) -> None:
    marketing.script(status="Error", after_polls=2)
    marketing.start()
    aws.advance(DAY)
    statuses = [marketing.records()[0]["executionStatus"] for _ in range(4)]
    assert statuses == ["InProgress", "InProgress", "Error", "Error"]


def test_a_success_after_so_many_polls_delivers(aws: LocalAws, marketing: Marketing) -> None:
    marketing.script(after_polls=1)
    marketing.start()
    assert [marketing.records()[0]["executionStatus"] for _ in range(1)] == ["InProgress"]
    marketing.records()
    aws.advance(0)
    assert marketing.records()[0]["executionStatus"] == "Successful"
    assert len(marketing.objects()) == 1


def test_a_start_whose_answer_is_lost_has_happened_once_per_client_token(
    aws: LocalAws, marketing: Marketing
) -> None:
    marketing.script(lost_answer=True)
    with pytest.raises(ConnectionClosedError):
        impatient(aws.endpoint).start_flow(flowName=FLOW, clientToken="tick-1")
    (record,) = marketing.records()
    assert marketing.start(clientToken="tick-1") == record["executionId"]
    assert len(marketing.records()) == 1


def test_boto3_s_own_second_try_finds_the_execution_by_its_token(
    aws: LocalAws, marketing: Marketing
) -> None:
    marketing.script(lost_answer=True)
    execution_id = marketing.start(clientToken="tick-1")
    assert [record["executionId"] for record in marketing.records()] == [execution_id]


def test_a_vanished_execution_is_listed_no_more(aws: LocalAws, marketing: Marketing) -> None:
    marketing.script(vanish=True, after_polls=1)
    marketing.start()
    assert len(marketing.records()) == 1
    assert marketing.records() == []
    marketing.start()
    aws.advance(1)
    assert len(marketing.records()) == 1


def test_a_test_in_this_process_scripts_by_the_handle(aws: LocalAws, marketing: Marketing) -> None:
    aws.outcomes["appflow"].add(FLOW, Outcome("Error", "no quota"))
    marketing.start()
    aws.advance(1)
    assert marketing.records()[0]["executionStatus"] == "Error"


def test_a_token_that_expires_while_the_flow_runs_fails_it(
    aws: LocalAws, marketing: Marketing
) -> None:
    marketing.script(seconds=1200)
    marketing.start()
    aws.advance(1200)
    (record,) = marketing.records()
    message = record["executionResult"]["errorInfo"]["executionMessage"]
    assert record["executionStatus"] == "Error"
    assert "expired while the flow ran" in message
    assert marketing.objects() == {}


def test_a_flow_whose_profile_got_a_new_token_meanwhile_goes_through(
    aws: LocalAws, marketing: Marketing
) -> None:
    marketing.script(seconds=1200)
    marketing.start()
    aws.advance(600)
    marketing.update_profile(marketing.new_token())
    aws.advance(600)
    assert marketing.records()[0]["executionStatus"] == "Successful"


def test_what_needs_the_application_is_refused_without_a_token_that_it_knows(
    aws: LocalAws, marketing: Marketing
) -> None:
    appflow, refused = marketing.appflow, marketing.appflow.exceptions
    with pytest.raises(refused.ConnectorAuthenticationException) as caught:
        marketing.update_profile("not-issued-here")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 401
    assert "not-issued-here" not in str(caught.value)
    with pytest.raises(refused.ConnectorAuthenticationException):
        appflow.create_connector_profile(
            connectorProfileName="other",
            connectorType="CustomConnector",
            connectorLabel="SalesforceMarketingCloud",
            connectionMode="Public",
            connectorProfileConfig=profile_config(aws.endpoint, "not-issued-here"),
        )
    names = [p["connectorProfileName"] for p in _profiles(appflow)]
    assert names == [PROFILE]
    aws.advance(1080)
    other = {**flow_definition(), "flowName": "other"}
    with pytest.raises(refused.ConnectorAuthenticationException):
        appflow.create_flow(**other)
    with pytest.raises(refused.ConnectorAuthenticationException):
        appflow.update_flow(**flow_definition())
    marketing.update_profile(None)
    appflow.update_flow(**flow_definition())
    marketing.update_profile(marketing.new_token())
    appflow.create_flow(**other)


def _profiles(appflow: Any) -> list[dict[str, Any]]:
    answer = appflow.describe_connector_profiles()
    listed: list[dict[str, Any]] = answer["connectorProfileDetails"]
    return listed


def test_a_running_flow_is_not_changed(aws: LocalAws, marketing: Marketing) -> None:
    marketing.start()
    with pytest.raises(ClientError) as caught:
        marketing.appflow.update_flow(**flow_definition("elsewhere"))
    assert code_of(caught) == "ConflictException"
    aws.advance(1)
    marketing.appflow.update_flow(**flow_definition("elsewhere"))


def test_a_flow_s_tags_are_kept_over_an_update(marketing: Marketing) -> None:
    appflow = marketing.appflow
    appflow.create_flow(**{**flow_definition(), "flowName": "tagged", "tags": {"a": "1", "b": "2"}})
    arn = appflow.describe_flow(flowName="tagged")["flowArn"]
    appflow.tag_resource(resourceArn=arn, tags={"b": "3", "c": "4"})
    appflow.untag_resource(resourceArn=arn, tagKeys=["a"])
    appflow.update_flow(**{**flow_definition(), "flowName": "tagged"})
    tags = {"b": "3", "c": "4"}
    assert appflow.list_tags_for_resource(resourceArn=arn)["tags"] == tags
    assert appflow.describe_flow(flowName="tagged")["tags"] == tags
    with pytest.raises(ClientError) as caught:
        appflow.tag_resource(resourceArn=f"{arn}-not", tags=tags)
    assert code_of(caught) == "ResourceNotFoundException"


def test_a_flow_is_described_with_what_aws_fills_in(marketing: Marketing) -> None:
    flow = marketing.appflow.describe_flow(flowName=FLOW)
    assert flow["tasks"] == [
        {
            "taskType": "Map_all",
            "sourceFields": [],
            "connectorOperator": {"CustomConnector": "NO_OP"},
            "taskProperties": {},
        }
    ]
    (destination,) = flow["destinationFlowConfigList"]
    assert destination["destinationConnectorProperties"]["S3"]["s3OutputFormatConfig"] == {
        "fileType": "JSON",
        "prefixConfig": {"pathPrefixHierarchy": []},
        "aggregationConfig": {"aggregationType": "None"},
        "preserveSourceDataTyping": False,
    }
    source = flow["sourceFlowConfig"]["sourceConnectorProperties"]
    assert source == {"CustomConnector": {"entityName": "ClickEvent", "customProperties": {}}}
