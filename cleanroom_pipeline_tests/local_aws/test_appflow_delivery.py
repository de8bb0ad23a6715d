import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.local_aws.appflow_delivery import (
    deliverable,
    json_lines,
    message,
    object_key,
    refuse_unsupported,
)
from cleanroom_pipeline.local_aws.service_model import ServiceError, ServiceModel, check

MODEL = ServiceModel("appflow").model

AT = 1_800_000_000.0  # 2027-01-15T08:00:00Z

MAP_ALL = {"taskType": "Map_all", "sourceFields": []}


def flow(tasks: list[dict[str, Any]] | None = None, **output_format: Any) -> dict[str, Any]:
    s3 = {"bucketName": "b", "bucketPrefix": "inbound", "s3OutputFormatConfig": output_format}
    source = {"CustomConnector": {"entityName": "ClickEvent"}}
    return {
        "flowName": "clicks",
        "triggerConfig": {"triggerType": "OnDemand"},
        "sourceFlowConfig": {
            "connectorType": "CustomConnector",
            "sourceConnectorProperties": source,
        },
        "destinationFlowConfigList": [
            {"connectorType": "S3", "destinationConnectorProperties": {"S3": s3}}
        ],
        "tasks": tasks or [MAP_ALL],
    }


def test_without_typing_every_value_is_text_and_null_stays() -> None:
    record = {"n": 1, "f": 1.5, "b": True, "t": "é", "nothing": None, "list": [1]}
    assert deliverable(flow(), [record]) == [
        {"n": "1", "f": "1.5", "b": "true", "t": "é", "nothing": None, "list": "[1]"}
    ]


def test_with_typing_values_stay_as_they_are() -> None:
    assert deliverable(flow(preserveSourceDataTyping=True), [{"n": 1}]) == [{"n": 1}]


def test_map_tasks_choose_and_rename_fields() -> None:
    projection = {
        "taskType": "Filter",
        "sourceFields": ["a", "b"],
        "connectorOperator": {"CustomConnector": "PROJECTION"},
    }
    rename = {"taskType": "Map", "sourceFields": ["a"], "destinationField": "alpha"}
    records = deliverable(flow([projection, rename]), [{"a": "1", "b": "2"}, {"b": "3"}])
    assert records == [{"alpha": "1"}, {}]


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({}, "inbound/clicks/id/id-2027-01-15T08-00-00"),
        (
            {"prefixType": "PATH", "prefixFormat": "DAY"},
            "inbound/clicks/2027/01/15/id/id-2027-01-15T08-00-00",
        ),
        (
            {"prefixType": "PATH", "pathPrefixHierarchy": ["SCHEMA_VERSION", "EXECUTION_ID"]},
            "inbound/clicks/schemaVersion_1/id/id-2027-01-15T08-00-00",
        ),
        (
            {"prefixType": "FILENAME", "prefixFormat": "MONTH"},
            "inbound/clicks/id/2027-01-id-2027-01-15T08-00-00",
        ),
    ],
)
def test_the_object_s_key_follows_the_flow_s_prefix_configuration(
    config: dict[str, Any], key: str
) -> None:
    assert object_key(flow(prefixConfig=config), "id", AT) == key


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"tasks": [{"taskType": "Mask", "sourceFields": ["a"]}]}, "Mask"),
        ({"destinationFlowConfigList": []}, "one S3 destination"),
        ({"triggerConfig": {"triggerType": "Event"}}, "event"),
        (flow(fileType="PARQUET"), "PARQUET"),
    ],
)
def test_what_we_cannot_run_is_refused(change: dict[str, Any], what: str) -> None:
    with pytest.raises(ServiceError, match=what):
        refuse_unsupported({**flow(), **change})


@given(st.lists(st.dictionaries(st.text(min_size=1), st.none() | st.integers() | st.text())))
def test_json_lines_hold_one_record_a_line(records: list[dict[str, Any]]) -> None:
    lines = json_lines(records).decode().split("\n")
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == records


@given(st.text())
def test_a_message_fits_both_members_of_the_model(text: str) -> None:
    for shape in ("ExecutionMessage", "MostRecentExecutionMessage"):
        assert check(MODEL.shape_for(shape), message(text)) == []
