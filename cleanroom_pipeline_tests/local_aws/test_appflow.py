import json
from typing import Any
from urllib.parse import unquote_plus

import pytest
from botocore.exceptions import ClientError

from cleanroom_pipeline.local_aws.clients import Clients, error_code
from cleanroom_pipeline.local_aws.provision import LocalEnvironment
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline_tests.local_aws.conftest import NOON, REGION
from cleanroom_pipeline_tests.local_aws.marketing import FLOW, PROFILE, Marketing, flow_definition


class TurnedMarketing(Marketing):
    """One whose executions end when the test turns the clock."""

    def __init__(self, aws: LocalAws, environment: LocalEnvironment, clients: Clients) -> None:
        super().__init__(aws.endpoint, clients)
        self.aws = aws
        self.environment = environment

    def run(self) -> dict[str, Any]:
        """Start the flow, turn the clock past its end, and return its execution record."""
        execution_id = self.start()
        self.aws.advance(1)
        (record,) = (r for r in self.records() if r["executionId"] == execution_id)
        return record


@pytest.fixture
def marketing(aws: LocalAws, environment: LocalEnvironment, clients: Clients) -> TurnedMarketing:
    return TurnedMarketing(aws, environment, clients)


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return error_code(caught.value)


def test_an_execution_delivers_all_records_as_json_lines(marketing: TurnedMarketing) -> None:
    marketing.fill({"SubscriberKey": "a", "SendID": 7}, {"SubscriberKey": "é", "SendID": None})
    execution_id = marketing.start()
    (running,) = marketing.records()
    assert running["executionStatus"] == "InProgress"
    assert "executionResult" not in running
    assert marketing.objects() == {}

    marketing.aws.advance(1)
    (done,) = marketing.records()
    ((key, lines),) = marketing.objects().items()
    assert key.startswith(f"inbound/sfmc_click_events/{FLOW}/{execution_id}/")
    assert lines == [
        {"SubscriberKey": "a", "SendID": "7"},
        {"SubscriberKey": "é", "SendID": None},
    ]
    assert done["executionId"] == execution_id
    assert done["executionStatus"] == "Successful"
    assert done["executionResult"]["recordsProcessed"] == 2
    assert done["executionResult"]["bytesWritten"] > 0
    assert done["startedAt"].timestamp() == NOON
    assert done["lastUpdatedAt"].timestamp() == NOON + 1


def test_the_delivery_is_an_s3_event(marketing: TurnedMarketing) -> None:
    sqs, url = marketing.clients.get("sqs", REGION), marketing.environment.inbound_queue_url
    sqs.purge_queue(QueueUrl=url)
    marketing.fill({"SubscriberKey": "a"})
    marketing.run()
    (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    (event,) = json.loads(message["Body"])["Records"]
    assert event["eventName"] == "ObjectCreated:Put"
    assert [unquote_plus(event["s3"]["object"]["key"])] == list(marketing.objects())


def test_an_empty_source_is_a_success_without_a_file(marketing: TurnedMarketing) -> None:
    done = marketing.run()
    assert done["executionStatus"] == "Successful"
    assert done["executionResult"]["recordsProcessed"] == 0
    assert marketing.objects() == {}


def test_each_full_pull_delivers_everything_again(marketing: TurnedMarketing) -> None:
    marketing.fill({"id": "1"})
    marketing.run()
    marketing.fill({"id": "2"}, method="POST")
    marketing.run()
    assert sorted(len(lines) for lines in marketing.objects().values()) == [1, 2]


def test_an_incremental_source_delivers_each_record_once(marketing: TurnedMarketing) -> None:
    marketing.fill({"id": "1"}, query="?pull=new")
    marketing.run()
    marketing.fill({"id": "2"}, method="POST", query="?pull=new")
    marketing.run()
    assert marketing.run()["executionResult"]["recordsProcessed"] == 0
    assert sorted(lines[0]["id"] for lines in marketing.objects().values()) == ["1", "2"]


def test_the_same_client_token_is_the_same_execution(marketing: TurnedMarketing) -> None:
    first = marketing.start(clientToken="token-1")
    assert marketing.start(clientToken="token-1") == first
    marketing.aws.advance(1)
    assert marketing.start(clientToken="token-1") == first
    assert len(marketing.records()) == 1


def test_a_flow_runs_once_at_a_time(marketing: TurnedMarketing) -> None:
    marketing.start()
    with pytest.raises(ClientError) as caught:
        marketing.start()
    assert code_of(caught) == "ConflictException"
    marketing.aws.advance(1)
    marketing.start()


def test_a_profile_without_a_token_fails_the_execution(marketing: TurnedMarketing) -> None:
    marketing.fill({"id": "1"})
    marketing.update_profile(None)
    done = marketing.run()
    assert done["executionStatus"] == "Error"
    assert "Authentication failed" in done["executionResult"]["errorInfo"]["executionMessage"]
    assert marketing.objects() == {}


def test_an_expired_token_fails_until_the_profile_has_a_new_one(marketing: TurnedMarketing) -> None:
    marketing.aws.advance(1077)
    assert marketing.run()["executionStatus"] == "Successful"
    marketing.aws.advance(2)
    assert marketing.run()["executionStatus"] == "Error"
    marketing.update_profile(marketing.new_token())
    assert marketing.run()["executionStatus"] == "Successful"


def test_no_answer_holds_a_credential(marketing: TurnedMarketing) -> None:
    answer = marketing.appflow.describe_connector_profiles(connectorProfileNames=[PROFILE])
    (profile,) = answer["connectorProfileDetails"]
    assert profile["connectorLabel"] == "SalesforceMarketingCloud"
    assert "oAuth2Properties" in profile["connectorProfileProperties"]["CustomConnector"]
    flow = marketing.appflow.describe_flow(flowName=FLOW)
    assert "hunter2" not in str(answer) + str(flow)


def test_a_scripted_error_is_the_execution_s_message(marketing: TurnedMarketing) -> None:
    marketing.fill({"id": "1"})
    marketing.script(status="Error", message="The API limit (2000) was reached.")
    done = marketing.run()
    assert done["executionStatus"] == "Error"
    message = done["executionResult"]["errorInfo"]["executionMessage"]
    assert message == "The API limit  2000  was reached."
    assert marketing.run()["executionStatus"] == "Successful"


def test_a_success_may_have_put_failures(marketing: TurnedMarketing) -> None:
    marketing.fill({"id": "1"}, {"id": "2"}, {"id": "3"})
    marketing.script(status="Successful", put_failures=2)
    result = marketing.run()["executionResult"]
    assert result["errorInfo"]["putFailuresCount"] == 2
    assert [len(lines) for lines in marketing.objects().values()] == [1]


def test_a_hanging_execution_hangs_until_it_is_cancelled(marketing: TurnedMarketing) -> None:
    marketing.script(status="InProgress")
    hanging = marketing.start()
    marketing.aws.advance(86_400)
    assert marketing.records()[0]["executionStatus"] == "InProgress"
    answer = marketing.appflow.cancel_flow_executions(
        flowName=FLOW, executionIds=[hanging, "unknown"]
    )
    assert answer["invalidExecutions"] == ["unknown"]
    assert marketing.records()[0]["executionStatus"] == "CancelStarted"
    marketing.aws.advance(1)
    assert marketing.records()[0]["executionStatus"] == "Canceled"
    assert marketing.objects() == {}


def test_a_missing_bucket_fails_the_execution(marketing: TurnedMarketing) -> None:
    marketing.fill({"id": "1"})
    marketing.appflow.update_flow(**flow_definition("no-such-bucket"))
    done = marketing.run()
    assert done["executionStatus"] == "Error"
    message = done["executionResult"]["errorInfo"]["executionMessage"]
    assert "no-such-bucket" in message
    assert "NoSuchBucket" in message


def test_execution_records_come_in_pages_newest_first(marketing: TurnedMarketing) -> None:
    started = [marketing.run()["executionId"] for _ in range(3)]
    first = marketing.appflow.describe_flow_execution_records(flowName=FLOW, maxResults=2)
    marketing.run()
    second = marketing.appflow.describe_flow_execution_records(
        flowName=FLOW, maxResults=2, nextToken=first["nextToken"]
    )
    listed = [e["executionId"] for e in first["flowExecutions"] + second["flowExecutions"]]
    assert listed == started[::-1]
    assert "nextToken" not in second


def test_a_flow_tells_its_last_execution(marketing: TurnedMarketing) -> None:
    assert "lastRunExecutionDetails" not in marketing.appflow.describe_flow(flowName=FLOW)
    marketing.run()
    flow = marketing.appflow.describe_flow(flowName=FLOW)
    assert flow["lastRunExecutionDetails"]["mostRecentExecutionStatus"] == "Successful"
    (listed,) = marketing.appflow.list_flows()["flows"]
    assert (listed["flowName"], listed["triggerType"]) == (FLOW, "OnDemand")


def test_only_a_scheduled_flow_can_be_stopped(marketing: TurnedMarketing) -> None:
    with pytest.raises(ClientError) as caught:
        marketing.appflow.stop_flow(flowName=FLOW)
    assert code_of(caught) == "UnsupportedOperationException"
    trigger = {
        "triggerType": "Scheduled",
        "triggerProperties": {"Scheduled": {"scheduleExpression": "rate(1hours)"}},
    }
    scheduled = {**flow_definition(), "flowName": "nightly", "triggerConfig": trigger}
    assert marketing.appflow.create_flow(**scheduled)["flowStatus"] == "Draft"
    started = marketing.appflow.start_flow(flowName="nightly")
    assert started["flowStatus"] == "Active"
    assert "executionId" not in started
    assert marketing.appflow.stop_flow(flowName="nightly")["flowStatus"] == "Suspended"


def test_a_profile_in_use_is_not_deleted_unless_forced(marketing: TurnedMarketing) -> None:
    with pytest.raises(ClientError, match=FLOW) as caught:
        marketing.appflow.delete_connector_profile(connectorProfileName=PROFILE)
    assert code_of(caught) == "ConflictException"
    marketing.appflow.delete_connector_profile(connectorProfileName=PROFILE, forceDelete=True)
    assert marketing.run()["executionStatus"] == "Error"


def test_a_running_flow_is_not_deleted_unless_forced(marketing: TurnedMarketing) -> None:
    marketing.start()
    with pytest.raises(ClientError) as caught:
        marketing.appflow.delete_flow(flowName=FLOW)
    assert code_of(caught) == "ConflictException"
    marketing.appflow.delete_flow(flowName=FLOW, forceDelete=True)
    with pytest.raises(ClientError) as caught:
        marketing.appflow.describe_flow(flowName=FLOW)
    assert code_of(caught) == "ResourceNotFoundException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_names_are_taken_once_and_a_retried_creation_is_no_second_one(
    marketing: TurnedMarketing,
) -> None:
    with pytest.raises(ClientError) as caught:
        marketing.appflow.create_flow(**flow_definition())
    assert code_of(caught) == "ConflictException"
    other = {**flow_definition(), "flowName": "other", "clientToken": "token-1"}
    arns = {marketing.appflow.create_flow(**other)["flowArn"] for _ in range(2)}
    assert len(arns) == 1


def test_a_flow_needs_its_connector_profile(marketing: TurnedMarketing) -> None:
    definition = {**flow_definition(), "flowName": "other"}
    definition["sourceFlowConfig"] = {
        **definition["sourceFlowConfig"],
        "connectorProfileName": "gone",
    }
    with pytest.raises(ClientError, match="gone") as caught:
        marketing.appflow.create_flow(**definition)
    assert code_of(caught) == "ResourceNotFoundException"
    del definition["sourceFlowConfig"]["connectorProfileName"]
    with pytest.raises(ClientError, match="connectorProfileName") as caught:
        marketing.appflow.create_flow(**definition)
    assert code_of(caught) == "ValidationException"


def test_regions_are_apart(marketing: TurnedMarketing) -> None:
    elsewhere = marketing.clients.get("appflow", "eu-west-1")
    assert elsewhere.list_flows()["flows"] == []
    assert elsewhere.describe_connector_profiles()["connectorProfileDetails"] == []
