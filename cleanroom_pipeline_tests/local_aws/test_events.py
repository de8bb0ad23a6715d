"""What EventBridge is told of runs that ended, and what it isn't."""

import json
from typing import Any

import pytest

from cleanroom_pipeline.local_aws.clients import Clients
from cleanroom_pipeline.local_aws.provision import LocalEnvironment
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline_tests.local_aws.brewery import JOB, Brewery
from cleanroom_pipeline_tests.local_aws.conftest import REGION
from cleanroom_pipeline_tests.local_aws.marketing import FLOW, Marketing


def received(clients: Clients, queue_url: str) -> list[dict[str, Any]]:
    sqs = clients.get("sqs", REGION)
    answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
    for message in answer.get("Messages", []):
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


@pytest.fixture
def told(environment: LocalEnvironment, clients: Clients) -> Any:
    return lambda: received(clients, environment.databrew_events_queue_url)


@pytest.mark.parametrize(
    ("state", "severity"),
    [("SUCCEEDED", "INFO"), ("STOPPED", "WARN"), ("FAILED", "ERROR"), ("TIMEOUT", "ERROR")],
)
def test_a_run_s_end_is_told_as_databrew_does(
    brewery: Brewery, told: Any, state: str, severity: str
) -> None:
    brewery.job()
    brewery.script(state=state, message="as told")
    run = brewery.run()
    (event,) = told()
    assert set(event) == {
        "version",
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
        "detail",
    }
    assert (event["source"], event["detail-type"]) == ("aws.databrew", "DataBrew Job State Change")
    assert (event["account"], event["region"]) == ("123456789012", REGION)
    assert event["time"] in {"2027-01-15T08:00:01Z", "2027-01-15T08:01:00Z"}
    message = run.get("ErrorMessage") or event["detail"]["message"]
    assert event["detail"] == {
        "jobName": JOB,
        "severity": severity,
        "state": state,
        "jobRunId": run["RunId"],
        "message": message,
    }


@pytest.mark.parametrize(
    ("kind", "times"), [("once", 1), ("missing", 0), ("duplicate", 2), ("early", 1)]
)
def test_an_end_is_told_as_often_as_the_script_says(
    brewery: Brewery, told: Any, kind: str, times: int
) -> None:
    brewery.job()
    brewery.script(events=kind)
    assert brewery.run()["State"] == "SUCCEEDED"
    events = told()
    assert len(events) == times
    assert len({event["id"] for event in events}) == min(times, 1)


def test_an_early_event_tells_what_the_run_does_not_show_yet(brewery: Brewery, told: Any) -> None:
    brewery.job()
    brewery.script(state="FAILED", events="early", seconds=600)
    run_id = brewery.start()
    assert told() == []
    brewery.aws.advance(1)
    assert [event["detail"]["state"] for event in told()] == ["FAILED"]
    assert brewery.describe(run_id)["State"] == "RUNNING"
    brewery.aws.advance(600)
    assert brewery.describe(run_id)["State"] == "FAILED"
    assert told() == []


@pytest.mark.parametrize("outcome", [{"state": "SOMETHING_NEW"}, {"vanish": True}])
def test_of_what_is_no_end_nothing_is_told(
    brewery: Brewery, told: Any, outcome: dict[str, Any]
) -> None:
    brewery.job()
    brewery.script(**outcome)
    brewery.start()
    brewery.aws.advance(60)
    assert told() == []


def test_a_run_that_is_tried_again_is_told_of_once(brewery: Brewery, told: Any) -> None:
    brewery.job(MaxRetries=1)
    brewery.script(state="FAILED")
    brewery.run()
    assert [event["detail"]["state"] for event in told()] == ["SUCCEEDED"]


def test_a_disabled_rule_and_one_whose_queue_is_gone_hold_nothing_up(
    brewery: Brewery, told: Any, clients: Clients
) -> None:
    events, sqs = clients.get("events", REGION), clients.get("sqs", REGION)
    gone = sqs.create_queue(QueueName="gone")["QueueUrl"]
    pattern = json.dumps({"source": ["aws.databrew"]})
    events.put_rule(Name="a-gone", EventPattern=pattern)
    target = {"Id": "gone", "Arn": f"arn:aws:sqs:{REGION}:123456789012:gone"}
    events.put_targets(Rule="a-gone", Targets=[target])
    sqs.delete_queue(QueueUrl=gone)
    brewery.job()
    assert brewery.run()["State"] == "SUCCEEDED"
    assert len(told()) == 1
    events.disable_rule(Name="cleanroom-databrew-events")
    assert brewery.run()["State"] == "SUCCEEDED"
    assert told() == []


@pytest.fixture
def flows(aws: LocalAws, environment: LocalEnvironment, clients: Clients) -> Any:
    """A Marketing Cloud account, and a function that returns the events of its flows."""
    events, sqs = clients.get("events", REGION), clients.get("sqs", REGION)
    url = sqs.create_queue(QueueName="flows")["QueueUrl"]
    events.put_rule(Name="flows", EventPattern=json.dumps({"source": ["aws.appflow"]}))
    target = {"Id": "flows", "Arn": f"arn:aws:sqs:{REGION}:123456789012:flows"}
    events.put_targets(Rule="flows", Targets=[target])
    return Marketing(aws.endpoint, clients), lambda: received(clients, url)


def test_a_flow_s_end_is_told_as_appflow_does(aws: LocalAws, flows: Any) -> None:
    marketing, told = flows
    marketing.fill({"id": "1"}, {"id": "2"})
    execution_id = marketing.start()
    aws.advance(1)
    (event,) = told()
    assert event["detail-type"] == "AppFlow End Flow Run Report"
    assert event["resources"] == [f"arn:aws:appflow:{REGION}:123456789012:flow/{FLOW}"]
    detail = event["detail"]
    assert detail["flow-name"] == FLOW
    assert detail["execution-id"] == execution_id
    assert detail["status"] == "Execution Successful"
    assert (detail["source"], detail["source-object"]) == ("CustomConnector", "ClickEvent")
    assert (detail["destination"], detail["destination-object"]) == ("S3", "cleanroom-inbound")
    assert (detail["num-of-records-processed"], detail["num-of-record-failures"]) == ("2", "0")
    assert detail["trigger-type"] == "ONDEMAND"
    assert "error" not in detail


def test_a_flow_s_failure_is_told_with_its_message(aws: LocalAws, flows: Any) -> None:
    marketing, told = flows
    marketing.script(status="Error", message="no quota", events="duplicate")
    marketing.start()
    aws.advance(1)
    first, second = told()
    assert first == second
    assert first["detail"]["status"] == "Execution Failed"
    assert first["detail"]["error"] == "no quota"
