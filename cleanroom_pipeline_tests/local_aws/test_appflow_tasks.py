import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.local_aws.appflow_tasks import (
    MARKETING_CLOUD_TIME,
    TaskFailedError,
    keeps_of,
    seconds_of,
    takes_of,
    zone_of,
)
from cleanroom_pipeline.local_aws.service_model import ServiceError, ServiceModel

NOON = "2027-01-15T12:00:00Z"
OPERATORS = ServiceModel("appflow").model.shape_for("Operator").metadata["enum"]
OURS = {
    "PROJECTION",
    "LESS_THAN",
    "GREATER_THAN",
    "CONTAINS",
    "BETWEEN",
    "LESS_THAN_OR_EQUAL_TO",
    "GREATER_THAN_OR_EQUAL_TO",
    "EQUAL_TO",
    "NOT_EQUAL_TO",
}
BOUNDS = {"VALUE": "1", "LOWER_BOUND": "1", "UPPER_BOUND": "2"}


def a_filter(operator: str, field: str = "at", **properties: str) -> dict[str, Any]:
    return {
        "taskType": "Filter",
        "sourceFields": [field],
        "connectorOperator": {"CustomConnector": operator},
        "taskProperties": properties,
    }


def kept(task: dict[str, Any], *values: Any, zone: Any = UTC) -> list[Any]:
    (keep,) = keeps_of([task], zone)
    return [value for value in values if keep({"at": value})]


@pytest.mark.parametrize(
    ("operator", "properties", "expected"),
    [
        ("LESS_THAN", {"VALUE": "9"}, [7]),
        ("LESS_THAN_OR_EQUAL_TO", {"VALUE": "9"}, [7, 9]),
        ("GREATER_THAN", {"VALUE": "9"}, [10.5, "11"]),
        ("GREATER_THAN_OR_EQUAL_TO", {"VALUE": "9"}, [9, 10.5, "11"]),
        ("BETWEEN", {"LOWER_BOUND": "9", "UPPER_BOUND": "10.5"}, [9, 10.5]),
        ("EQUAL_TO", {"VALUE": "9"}, [9]),
        ("EQUAL_TO", {"VALUES": "7, 9"}, [7, 9]),
        ("EQUAL_TO", {"VALUES": "[7, 11]"}, [7, "11"]),
        ("NOT_EQUAL_TO", {"VALUE": "9"}, [7, 10.5, "11", None]),
    ],
)
def test_numbers_are_compared_as_numbers(
    operator: str, properties: dict[str, str], expected: list[Any]
) -> None:
    task = a_filter(operator, DATA_TYPE="integer", **properties)
    assert kept(task, 7, 9, 10.5, "11", None) == expected


def test_texts_are_compared_as_they_are() -> None:
    assert kept(a_filter("CONTAINS", VALUE="lic"), "click", "open", None) == ["click"]
    assert kept(a_filter("LESS_THAN", VALUE="9"), "10", "9") == ["10"]


@given(st.integers(10**9, 4 * 10**9), st.integers(0, 10**7))
def test_a_bound_in_milliseconds_is_one_in_iso_8601(low: int, width: int) -> None:
    texts = [datetime.fromtimestamp(low + d, tz=UTC).isoformat() for d in (-1, 0, width, width + 1)]
    in_milliseconds = {
        "LOWER_BOUND": str(low * 1000),
        "UPPER_BOUND": str((low + width) * 1000),
    }
    in_iso = {"LOWER_BOUND": texts[1], "UPPER_BOUND": texts[2]}
    for bounds in (in_milliseconds, in_iso):
        task = a_filter("BETWEEN", DATA_TYPE="datetime", **bounds)
        assert kept(task, *texts) == [text for text in texts if texts[1] <= text <= texts[2]]


def test_marketing_cloud_tells_times_without_a_zone_in_utc_minus_6() -> None:
    assert zone_of("SalesforceMarketingCloud") is MARKETING_CLOUD_TIME
    assert zone_of("GoogleAnalytics4") is UTC
    task = a_filter("GREATER_THAN_OR_EQUAL_TO", DATA_TYPE="datetime", VALUE=NOON)
    times = ["2027-01-15T05:59:59", "2027-01-15T06:00:00", "2027-01-15T12:00:00+00:00"]
    assert kept(task, *times, zone=MARKETING_CLOUD_TIME) == times[1:]
    assert kept(task, *times, zone=UTC) == times[2:]


def test_a_record_that_can_t_be_compared_is_told_by_its_field_alone() -> None:
    task = a_filter("GREATER_THAN", DATA_TYPE="datetime", VALUE=NOON)
    with pytest.raises(TaskFailedError, match="at holds") as caught:
        kept(task, "hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("task", "why"),
    [
        (a_filter("BETWEEN", LOWER_BOUND="1"), "UPPER_BOUND"),
        (a_filter("GREATER_THAN"), "VALUE"),
        (a_filter("GREATER_THAN", DATA_TYPE="datetime", VALUE="soon"), "VALUE holds"),
        ({**a_filter("GREATER_THAN", VALUE="1"), "sourceFields": ["a", "b"]}, "one source field"),
    ],
)
def test_a_filter_that_says_too_little_is_refused(task: dict[str, Any], why: str) -> None:
    with pytest.raises(ServiceError, match=why) as caught:
        keeps_of([task], UTC)
    assert caught.value.code == "ValidationException"


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operator_of_the_model_is_run_or_refused_by_its_name(operator: str) -> None:
    task = a_filter(operator, **BOUNDS)
    if operator in OURS:
        keeps_of([task], UTC)
        return
    with pytest.raises(ServiceError, match=operator) as caught:
        keeps_of([task], UTC)
    assert caught.value.code == "UnsupportedOperationException"


@pytest.mark.parametrize(
    "kind", ServiceModel("appflow").model.shape_for("TaskType").metadata["enum"]
)
def test_a_task_of_the_model_is_run_or_refused_by_its_name(kind: str) -> None:
    task = {"taskType": kind, "sourceFields": ["a"]}
    if kind in {"Map", "Map_all", "Filter"}:
        takes_of([task])
        return
    with pytest.raises(ServiceError, match=kind):
        takes_of([task])


def test_map_all_may_leave_fields_out() -> None:
    properties = {"EXCLUDE_SOURCE_FIELDS_LIST": json.dumps(["b"])}
    (take,) = takes_of([{"taskType": "Map_all", "sourceFields": [], "taskProperties": properties}])
    assert take({"a": 1, "b": 2}) == {"a": 1}


def test_digits_are_milliseconds() -> None:
    assert seconds_of("1800000000000", UTC) == seconds_of(1_800_000_000_000, UTC) == 1_800_000_000
