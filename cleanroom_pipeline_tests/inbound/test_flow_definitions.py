from datetime import date
from typing import Any

import pytest

from cleanroom_pipeline.connector_types.source_settings import NO_SOURCES
from cleanroom_pipeline.inbound.flow_definitions import (
    APPLICATIONS,
    CUSTOM,
    MARKETING_CLOUD,
    Field,
    FieldFilter,
    FlowSpec,
    connector_type_of,
    delivery_prefix,
    flow_definition,
    of_day,
    with_bucket,
)
from cleanroom_pipeline_tests.inbound.flow_models import MODEL, assert_valid

APPFLOW = MODEL
CLICKS = FlowSpec(
    name="clicks",
    connector="clicks",
    application=MARKETING_CLOUD,
    profile="sfmc",
    entity="ClickEvent",
    prefix="inbound/clicks/",
    api_version="v1",
)
DAY = date(2026, 10, 1)
FIRST_MILLISECOND, LAST_MILLISECOND = "1790812800000", "1790899199999"


def enum(shape: str) -> set[str]:
    return set(APPFLOW.shape_for(shape).enum)


def spec(application: str) -> FlowSpec:
    return FlowSpec("flow", "shop", application, "profile", "Thing", "inbound/shop/", "v1")


def filters_of(definition: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {
        next(iter(task["connectorOperator"].values())): task["taskProperties"]
        for task in definition["tasks"]
        if task["taskType"] == "Filter"
    }


def test_every_type_of_connector_is_a_source_of_ours_or_refused() -> None:
    assert set(APPLICATIONS) | NO_SOURCES == enum("ConnectorType")
    assert set(APPLICATIONS) & NO_SOURCES == set()
    sources = set(APPFLOW.shape_for("SourceConnectorProperties").members)
    assert {known.member for known in APPLICATIONS.values()} == sources - {"S3"}


@pytest.mark.parametrize("application", APPLICATIONS)
def test_an_application_is_named_and_filters_as_the_service_model_says(application: str) -> None:
    known = APPLICATIONS[application]
    properties = APPFLOW.shape_for("SourceConnectorProperties").members[known.member]
    assert known.entity in properties.members
    operators = set(APPFLOW.shape_for("ConnectorOperator").members[known.member].enum)
    assert known.half_open == ({"GREATER_THAN_OR_EQUAL_TO", "LESS_THAN"} <= operators)
    assert known.between == ("BETWEEN" in operators)


@pytest.mark.parametrize("application", [*APPLICATIONS, "GoogleAnalytics4", "MyConnector"])
def test_a_flow_of_any_application_is_what_appflow_takes_with_a_day_and_without(
    application: str,
) -> None:
    definition = flow_definition(spec(application))
    assert_valid("CreateFlow", with_bucket(definition, "bucket"))
    if APPLICATIONS[connector_type_of(application)].filters_dates:
        assert_valid("CreateFlow", with_bucket(of_day(definition, DAY, "At"), "bucket"))


def test_a_label_is_a_custom_connector() -> None:
    source = flow_definition(spec("GoogleAnalytics4"))["sourceFlowConfig"]
    assert source["connectorType"] == CUSTOM
    assert source["sourceConnectorProperties"] == {CUSTOM: {"entityName": "Thing"}}


def test_the_flow_of_an_object_is_as_it_was_shipped() -> None:
    assert with_bucket(flow_definition(CLICKS), "inbound-bucket") == {
        "flowName": "clicks",
        "triggerConfig": {"triggerType": "OnDemand"},
        "sourceFlowConfig": {
            "connectorType": "CustomConnector",
            "apiVersion": "v1",
            "connectorProfileName": "sfmc",
            "sourceConnectorProperties": {"CustomConnector": {"entityName": "ClickEvent"}},
        },
        "destinationFlowConfigList": [
            {
                "connectorType": "S3",
                "destinationConnectorProperties": {
                    "S3": {
                        "bucketName": "inbound-bucket",
                        "bucketPrefix": "inbound/clicks",
                        "s3OutputFormatConfig": {
                            "fileType": "JSON",
                            "prefixConfig": {
                                "prefixType": "PATH",
                                "pathPrefixHierarchy": ["EXECUTION_ID"],
                            },
                            "aggregationConfig": {"aggregationType": "SingleFile"},
                            "preserveSourceDataTyping": False,
                        },
                    }
                },
            }
        ],
        "tasks": [{"taskType": "Map_all", "sourceFields": []}],
        "tags": {"cleanroom:connector": "clicks", "cleanroom:inbound": "inbound-bucket"},
    }


def test_files_of_an_execution_are_under_its_id_and_those_of_a_day_under_the_day() -> None:
    definition = flow_definition(CLICKS)
    assert delivery_prefix(definition, "e1") == "inbound/clicks/clicks/e1/"
    of_one_day = of_day(definition, DAY, "EventDate")
    assert delivery_prefix(of_one_day, "e1") == (
        "inbound/clicks/day=2026-10-01/clicks-day-20261001/e1/"
    )


def test_a_day_is_from_its_midnight_on_and_before_the_next() -> None:
    tasks = filters_of(of_day(flow_definition(CLICKS), DAY, "EventDate"))
    assert tasks["GREATER_THAN_OR_EQUAL_TO"] == {
        "DATA_TYPE": "DateTime",
        "VALUE": FIRST_MILLISECOND,
    }
    assert int(tasks["LESS_THAN"]["VALUE"]) == int(LAST_MILLISECOND) + 1


def test_where_there_is_between_alone_a_day_ends_with_its_last_millisecond() -> None:
    tasks = filters_of(of_day(flow_definition(spec("Marketo")), DAY, "createdAt", "date"))
    assert tasks == {
        "BETWEEN": {
            "DATA_TYPE": "date",
            "LOWER_BOUND": FIRST_MILLISECOND,
            "UPPER_BOUND": LAST_MILLISECOND,
        }
    }


def test_days_have_flows_of_their_own_which_leave_the_whole_one_alone() -> None:
    whole = flow_definition(CLICKS)
    days = [of_day(whole, day, "EventDate") for day in (DAY, date(2026, 10, 2))]
    assert len({one["flowName"] for one in [whole, *days]}) == 3
    assert whole == flow_definition(CLICKS)
    assert days[0]["tags"] == {"cleanroom:connector": "clicks", "cleanroom:day": "2026-10-01"}


def test_fields_are_mapped_each_with_its_type_and_read_alone() -> None:
    mapped = FlowSpec(
        **{
            **{name: getattr(CLICKS, name) for name in CLICKS.__dataclass_fields__},
            "fields": [Field("ID", "id", "Long", "String"), Field("URL", "url")],
            "filters": [
                FieldFilter("EventType", "EQUAL_TO", "String", ("Click",)),
                FieldFilter("SendID", "EQUAL_TO", "Long", ("7", "8")),
            ],
        }
    )
    definition = flow_definition(mapped)
    assert_valid("CreateFlow", with_bucket(definition, "bucket"))
    kinds = [(task["taskType"], task["sourceFields"]) for task in definition["tasks"]]
    assert kinds == [
        ("Filter", ["EventType"]),
        ("Filter", ["SendID"]),
        ("Filter", ["ID", "URL"]),
        ("Map", ["ID"]),
        ("Map", ["URL"]),
    ]
    assert definition["tasks"][0]["taskProperties"]["VALUE"] == "Click"
    assert definition["tasks"][1]["taskProperties"]["VALUES"] == "7,8"
    assert definition["tasks"][3]["destinationField"] == "id"
    assert definition["tasks"][3]["taskProperties"] == {
        "SOURCE_DATA_TYPE": "Long",
        "DESTINATION_DATA_TYPE": "String",
    }
