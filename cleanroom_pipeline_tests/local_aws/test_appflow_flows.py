"""Flows of other kinds: scheduled and incremental ones, with filters, from other applications."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cleanroom_pipeline.local_aws.clients import Clients, error_code
from cleanroom_pipeline.local_aws.provision import LocalEnvironment
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline_tests.local_aws.conftest import NOON
from cleanroom_pipeline_tests.local_aws.http_client import send
from cleanroom_pipeline_tests.local_aws.marketing import FLOW, Marketing, flow_definition

HOUR = 3600.0


def at(hours: float) -> str:
    """Return a time so many hours after the clock's start."""
    return datetime.fromtimestamp(NOON + hours * HOUR, tz=UTC).isoformat()


@pytest.fixture
def marketing(aws: LocalAws, environment: LocalEnvironment, clients: Clients) -> Marketing:
    return Marketing(aws.endpoint, clients)


def delivered(marketing: Marketing) -> list[list[str]]:
    """Return the ids of each object, the first delivery first."""
    found = marketing.objects()
    return [[line["id"] for line in found[key]] for key in sorted(found, key=lambda k: k[-19:])]


def with_tasks(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {**flow_definition(), "tasks": list(tasks)}


def scheduled(**schedule: Any) -> dict[str, Any]:
    expression = {"scheduleExpression": "rate(1hours)"}
    trigger = {
        "triggerType": "Scheduled",
        "triggerProperties": {"Scheduled": {**expression, **schedule}},
    }
    return {**flow_definition(), "triggerConfig": trigger}


def by_field(definition: dict[str, Any], field: str) -> dict[str, Any]:
    source = {
        **definition["sourceFlowConfig"],
        "incrementalPullConfig": {"datetimeTypeFieldName": field},
    }
    return {**definition, "sourceFlowConfig": source}


def test_a_filter_on_a_date_pulls_its_window_alone(aws: LocalAws, marketing: Marketing) -> None:
    window = {
        "taskType": "Filter",
        "sourceFields": ["EventDate"],
        "connectorOperator": {"CustomConnector": "BETWEEN"},
        "taskProperties": {
            "DATA_TYPE": "datetime",
            "LOWER_BOUND": str(int(NOON * 1000)),
            "UPPER_BOUND": str(int((NOON + HOUR) * 1000)),
        },
    }
    map_all = {"taskType": "Map_all", "sourceFields": []}
    marketing.appflow.update_flow(**with_tasks(window, map_all))
    marketing.fill(*({"id": str(n), "EventDate": at(n - 1)} for n in range(5)))
    marketing.start()
    aws.advance(1)
    assert delivered(marketing) == [["1", "2"]]
    (record,) = marketing.records()
    assert record["executionResult"]["recordsProcessed"] == 2


def test_a_record_that_can_t_be_filtered_fails_the_flow(
    aws: LocalAws, marketing: Marketing
) -> None:
    late = {
        "taskType": "Filter",
        "sourceFields": ["EventDate"],
        "connectorOperator": {"CustomConnector": "GREATER_THAN"},
        "taskProperties": {"DATA_TYPE": "datetime", "VALUE": at(0)},
    }
    marketing.appflow.update_flow(**with_tasks(late, {"taskType": "Map_all", "sourceFields": []}))
    marketing.fill({"id": "1", "EventDate": "hunter2"})
    marketing.start()
    aws.advance(1)
    (record,) = marketing.records()
    message = record["executionResult"]["errorInfo"]["executionMessage"]
    assert record["executionStatus"] == "Error"
    assert "EventDate" in message
    assert "hunter2" not in message


def test_a_scheduled_flow_runs_when_it_is_active_and_its_time_has_come(
    aws: LocalAws, marketing: Marketing
) -> None:
    marketing.appflow.update_flow(**scheduled(scheduleStartTime=NOON + HOUR))
    marketing.fill({"id": "1"})
    aws.advance(2 * HOUR)
    assert marketing.records() == []
    marketing.update_profile(None)
    token = marketing.new_token()
    marketing.update_profile(token)
    assert "executionId" not in marketing.appflow.start_flow(flowName=FLOW)
    aws.advance(1)
    assert [r["executionStatus"] for r in marketing.records()] == ["Successful"]
    marketing.appflow.stop_flow(flowName=FLOW)
    aws.advance(5 * HOUR)
    assert len(marketing.records()) == 1


def test_runs_that_were_missed_are_made_up_for_once(aws: LocalAws, marketing: Marketing) -> None:
    marketing.appflow.update_flow(**scheduled())
    marketing.appflow.start_flow(flowName=FLOW)
    aws.advance(1)
    aws.advance(5 * HOUR)
    aws.advance(1)
    assert len(marketing.records()) == 2


def test_an_incremental_flow_pulls_by_its_field_what_is_new_since_the_last_run(
    aws: LocalAws, marketing: Marketing
) -> None:
    definition = scheduled(dataPullMode="Incremental", scheduleExpression="rate(5minutes)")
    marketing.appflow.update_flow(**by_field(definition, "EventDate"))
    marketing.fill(
        {"id": "older than 30 days", "EventDate": at(-31 * 24)},
        {"id": "old", "EventDate": at(-24)},
        {"id": "new", "EventDate": at(0.05)},
        {"id": "future", "EventDate": at(2)},
    )
    marketing.appflow.start_flow(flowName=FLOW)
    aws.advance(1)
    aws.advance(299)
    aws.advance(1)
    assert delivered(marketing) == [["old"], ["new"]]
    second, first = marketing.records()
    assert first["dataPullEndTime"] == second["dataPullStartTime"]
    assert second["dataPullEndTime"].timestamp() == NOON + 300


def test_a_failed_run_s_window_is_pulled_by_the_next_one(
    aws: LocalAws, marketing: Marketing
) -> None:
    definition = scheduled(dataPullMode="Incremental", scheduleExpression="rate(5minutes)")
    marketing.appflow.update_flow(**by_field(definition, "EventDate"))
    marketing.fill({"id": "1", "EventDate": at(-1)})
    marketing.script(status="Error")
    marketing.appflow.start_flow(flowName=FLOW)
    aws.advance(1)
    assert delivered(marketing) == []
    aws.advance(300)
    aws.advance(1)
    assert delivered(marketing) == [["1"]]


def test_an_incremental_flow_without_a_field_pulls_each_record_once(
    aws: LocalAws, marketing: Marketing
) -> None:
    definition = scheduled(dataPullMode="Incremental", scheduleExpression="rate(5minutes)")
    marketing.appflow.update_flow(**definition)
    marketing.fill({"id": "1"})
    marketing.appflow.start_flow(flowName=FLOW)
    aws.advance(1)
    marketing.fill({"id": "2"}, method="POST")
    aws.advance(299)
    aws.advance(1)
    assert delivered(marketing) == [["1"], ["2"]]


def test_a_complete_flow_pulls_all_each_time(aws: LocalAws, marketing: Marketing) -> None:
    definition = scheduled(dataPullMode="Complete", scheduleExpression="rate(5minutes)")
    marketing.appflow.update_flow(**definition)
    marketing.fill({"id": "1"})
    marketing.appflow.start_flow(flowName=FLOW)
    aws.advance(1)
    aws.advance(299)
    aws.advance(1)
    assert delivered(marketing) == [["1"], ["1"]]


def test_a_schedule_that_we_can_t_keep_is_refused(marketing: Marketing) -> None:
    with pytest.raises(ClientError, match="rate") as caught:
        marketing.appflow.update_flow(**scheduled(scheduleExpression="cron(0 3 * * ? *)"))
    assert error_code(caught.value) == "UnsupportedOperationException"


@pytest.mark.parametrize(
    ("connector", "label", "properties", "entity"),
    [
        ("CustomConnector", "GoogleAnalytics4", {"CustomConnector": {"entityName": "r"}}, "r"),
        ("Googleanalytics", None, {"GoogleAnalytics": {"object": "sessions"}}, "sessions"),
        ("Salesforce", None, {"Salesforce": {"object": "Contact"}}, "Contact"),
        ("SAPOData", None, {"SAPOData": {"objectPath": "/orders"}}, "/orders"),
    ],
)
def test_any_application_can_be_pulled_from(
    aws: LocalAws,
    environment: LocalEnvironment,
    marketing: Marketing,
    connector: str,
    label: str | None,
    properties: dict[str, Any],
    entity: str,
) -> None:
    member = next(iter(properties))
    profile = PROFILES[member]
    marketing.appflow.create_connector_profile(
        connectorProfileName="other",
        connectorType=connector,
        connectionMode="Public",
        connectorProfileConfig=profile,
        **({"connectorLabel": label} if label else {}),
    )
    source = {
        "connectorType": connector,
        "connectorProfileName": "other",
        "sourceConnectorProperties": properties,
    }
    flow = {**flow_definition(), "flowName": "other-flow", "sourceFlowConfig": source}
    marketing.appflow.create_flow(**flow)
    path = f"_local/appflow/sources/{label or connector}/{entity.replace('/', '%2F')}"
    assert send("PUT", f"{aws.endpoint}/{path}", b'{"id": "1"}\n').status == 200
    marketing.appflow.start_flow(flowName="other-flow")
    aws.advance(1)
    assert delivered(marketing) == [["1"]]


GRANTED = {
    "tokenUrl": "https://oauth2.googleapis.com/token",
    "oAuth2GrantType": "AUTHORIZATION_CODE",
}
PROFILES: dict[str, dict[str, Any]] = {
    "CustomConnector": {
        "connectorProfileProperties": {"CustomConnector": {"oAuth2Properties": GRANTED}},
        "connectorProfileCredentials": {
            "CustomConnector": {"authenticationType": "OAUTH2", "oauth2": {"clientId": "c"}}
        },
    },
    "GoogleAnalytics": {
        "connectorProfileProperties": {"GoogleAnalytics": {}},
        "connectorProfileCredentials": {"GoogleAnalytics": {"clientId": "c", "clientSecret": "s"}},
    },
    "Salesforce": {
        "connectorProfileProperties": {"Salesforce": {"instanceUrl": "https://x.example"}},
        "connectorProfileCredentials": {"Salesforce": {"accessToken": "t"}},
    },
    "SAPOData": {
        "connectorProfileProperties": {
            "SAPOData": {
                "applicationHostUrl": "https://x.example",
                "applicationServicePath": "/sap",
                "portNumber": 443,
                "clientNumber": "100",
            }
        },
        "connectorProfileCredentials": {
            "SAPOData": {"basicAuthCredentials": {"username": "u", "password": "p"}}
        },
    },
}


def test_several_objects_are_several_flows_with_one_token(
    aws: LocalAws, marketing: Marketing
) -> None:
    for entity in ("Subscriber", "Send"):
        path = f"_local/appflow/sources/SalesforceMarketingCloud/{entity}"
        assert (
            send("PUT", f"{aws.endpoint}/{path}", f'{{"id": "{entity}"}}\n'.encode()).status == 200
        )
        source = {
            **flow_definition()["sourceFlowConfig"],
            "sourceConnectorProperties": {"CustomConnector": {"entityName": entity}},
        }
        flow = {**flow_definition(), "flowName": f"{entity}-flow", "sourceFlowConfig": source}
        marketing.appflow.create_flow(**flow)
        marketing.appflow.start_flow(flowName=f"{entity}-flow")
    aws.advance(1)
    found = {key.split("/")[2]: lines for key, lines in marketing.objects().items()}
    assert found == {"Subscriber-flow": [{"id": "Subscriber"}], "Send-flow": [{"id": "Send"}]}
