from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.local_aws.service_model import AnswerError, ServiceError, ServiceModel

APPFLOW = ServiceModel("appflow")
DATABREW = ServiceModel("databrew")
GLUE = ServiceModel("glue")


def parse(model: ServiceModel, method: str, path: str, body: bytes = b"", query: str = "") -> Any:
    found = model.match(method, path, None)
    assert found is not None
    operation, labels = found
    return operation.name, model.parse(operation, labels, query, body)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/jobs/nightly/startJobRun", ("StartJobRun", {"Name": "nightly"})),
        (
            "GET",
            "/jobs/nightly/jobRun/db_1",
            ("DescribeJobRun", {"Name": "nightly", "RunId": "db_1"}),
        ),
        ("GET", "/jobs/a%20b", ("DescribeJob", {"Name": "a b"})),
        ("POST", "/recipes/r/publishRecipe", ("PublishRecipe", {"Name": "r"})),
    ],
)
def test_an_operation_is_found_by_method_and_path(
    method: str, path: str, expected: tuple[str, dict[str, str]]
) -> None:
    assert parse(DATABREW, method, path) == expected


def test_numbers_in_the_query_are_numbers() -> None:
    _, params = parse(DATABREW, "GET", "/jobs/nightly/jobRuns", query="maxResults=5")
    assert params == {"Name": "nightly", "MaxResults": 5}


def test_json_services_are_told_by_their_target() -> None:
    found = GLUE.match("POST", "/", "AWSGlue.GetTable")
    assert found is not None
    assert found[0].name == "GetTable"
    assert GLUE.match("POST", "/", "AWSGlue.NoSuchThing") is None


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"{}", "flowName"),
        (b'{"flowName": 7}', "flowName"),
        (b'{"flowName": "x"}', "pattern"),
        (b'{"flowName": "a/b"}', "pattern"),
        (b'{"flowName": "' + b"a" * 257 + b'"}', "256"),
        (b'{"flowName": "nightly", "speed": 1}', "speed"),
        (b"[]", "JSON object"),
        (b"{", "no JSON"),
    ],
)
def test_a_request_that_breaks_the_model_is_refused_with_the_reason(
    body: bytes, fault: str
) -> None:
    with pytest.raises(ServiceError, match=fault) as caught:
        parse(APPFLOW, "POST", "/start-flow", body)
    assert caught.value.code == "ValidationException"


def test_a_refusal_never_quotes_what_was_sent() -> None:
    body = (
        b'{"connectorProfileName": ["hunter2"], "connectorType": "hunter2", "connectionMode": "x"}'
    )
    with pytest.raises(ServiceError) as caught:
        parse(APPFLOW, "POST", "/create-connector-profile", body)
    assert "hunter2" not in str(caught.value)


def test_an_answer_that_breaks_the_model_is_our_bug() -> None:
    operation = DATABREW.model.operation_model("DescribeJobRun")
    with pytest.raises(AnswerError, match="State"):
        DATABREW.serialize(operation, {"JobName": "nightly", "State": "DONE"})
    with pytest.raises(AnswerError, match="JobName"):
        DATABREW.serialize(operation, {})
    with pytest.raises(AnswerError, match="Colour"):
        DATABREW.serialize(operation, {"JobName": "nightly", "Colour": "red"})


def test_no_member_of_a_body_has_another_name_on_the_wire() -> None:
    """`parse` and `serialize` rely on it; a new botocore that changes it must be noticed."""
    for model in (APPFLOW, DATABREW):
        for name in model.model.shape_names:
            shape = model.model.shape_for(name)
            for member_name, member in getattr(shape, "members", {}).items():
                in_body = "location" not in member.serialization
                assert not in_body or member.serialization.get("name", member_name) == member_name


@given(st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_!@#.-]{1,40}", fullmatch=True))
def test_every_name_the_pattern_allows_is_taken(name: str) -> None:
    _, params = parse(APPFLOW, "POST", "/start-flow", b'{"flowName": "%s"}' % name.encode())
    assert params == {"flowName": name}
