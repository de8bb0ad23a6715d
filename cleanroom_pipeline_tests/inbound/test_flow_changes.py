import copy
from typing import Any

import pytest

from cleanroom_pipeline.inbound.flow_changes import Change, flow_changes, update_of
from cleanroom_pipeline.inbound.flow_definitions import flow_definition, with_bucket
from cleanroom_pipeline.inbound.flows import ForeignFlowError, put_flow
from cleanroom_pipeline_tests.inbound.flow_models import MemoryFlows, as_described, assert_valid
from cleanroom_pipeline_tests.inbound.test_flow_definitions import CLICKS

WANTED = with_bucket(flow_definition(CLICKS), "bucket")
S3 = "destinationFlowConfigList.0.destinationConnectorProperties.S3"


def changed(path: str, value: Any, definition: dict[str, Any] | None = None) -> dict[str, Any]:
    """A flow as described, with another value at a path; None takes it away."""
    flow = copy.deepcopy(definition or as_described(WANTED))
    *parents, last = path.split(".")
    at: Any = flow
    for part in parents:
        at = at[int(part)] if isinstance(at, list) else at.setdefault(part, {})
    if value is None:
        del at[last]
    else:
        at[last] = value
    return flow


def test_what_aws_adds_to_a_flow_is_no_change() -> None:
    assert flow_changes(WANTED, as_described(WANTED)) == ()
    assert flow_changes(WANTED, WANTED) == ()


@pytest.mark.parametrize(
    ("path", "there", "change"),
    [
        ("description", "by hand", "description: 'by hand' -> (none)"),
        (
            "sourceFlowConfig.connectorProfileName",
            "old",
            "sourceFlowConfig.connectorProfileName: 'old' -> 'sfmc'",
        ),
        (
            "sourceFlowConfig.sourceConnectorProperties.CustomConnector.entityName",
            "OpenEvent",
            (
                "sourceFlowConfig.sourceConnectorProperties.CustomConnector.entityName: "
                "'OpenEvent' -> 'ClickEvent'"
            ),
        ),
        (
            "sourceFlowConfig.incrementalPullConfig.datetimeTypeFieldName",
            "At",
            "sourceFlowConfig.incrementalPullConfig.datetimeTypeFieldName: 'At' -> (none)",
        ),
        (f"{S3}.bucketName", "other", f"{S3}.bucketName: 'other' -> 'bucket'"),
        (
            f"{S3}.s3OutputFormatConfig.fileType",
            "CSV",
            f"{S3}.s3OutputFormatConfig.fileType: 'CSV' -> 'JSON'",
        ),
        (
            f"{S3}.s3OutputFormatConfig.prefixConfig",
            None,
            (
                f"{S3}.s3OutputFormatConfig.prefixConfig: (none) -> {{'prefixType': 'PATH', "
                "'pathPrefixHierarchy': ['EXECUTION_ID']}"
            ),
        ),
        (
            f"{S3}.s3OutputFormatConfig.preserveSourceDataTyping",
            True,
            f"{S3}.s3OutputFormatConfig.preserveSourceDataTyping: True -> False",
        ),
        ("tasks.0.taskType", "Filter", "tasks.0.taskType: 'Filter' -> 'Map_all'"),
        (
            "tasks.0.taskProperties.EXCLUDE_SOURCE_FIELDS_LIST",
            '["URL"]',
            "tasks.0.taskProperties.EXCLUDE_SOURCE_FIELDS_LIST: '[\"URL\"]' -> (none)",
        ),
        ("tags.cleanroom:inbound", "other", "tags.cleanroom:inbound: 'other' -> 'bucket'"),
    ],
)
def test_what_somebody_changed_is_told_with_its_path(path: str, there: Any, change: str) -> None:
    assert [str(one) for one in flow_changes(WANTED, changed(path, there))] == [change]


def test_a_task_too_many_and_one_that_is_missing_are_told_by_their_place() -> None:
    extra = {"taskType": "Mask", "sourceFields": ["URL"]}
    described = as_described(WANTED)
    described["tasks"].append(extra)
    assert flow_changes(WANTED, described) == (Change("tasks.1", extra, None),)
    described["tasks"].clear()
    assert flow_changes(WANTED, described) == (Change("tasks.0", None, WANTED["tasks"][0]),)


def test_the_tags_of_others_are_theirs() -> None:
    assert flow_changes(WANTED, changed("tags.team", "marketing")) == ()


def test_an_update_takes_what_a_create_does_but_for_the_tags() -> None:
    assert_valid("UpdateFlow", update_of(WANTED))
    assert WANTED.keys() - update_of(WANTED).keys() == {"tags"}


def test_a_flow_that_is_missing_is_created() -> None:
    flows = MemoryFlows()
    assert put_flow(flows, WANTED).words == "Created flow clicks."
    assert flow_changes(WANTED, flows.kept["clicks"]) == ()


def test_a_flow_as_it_should_be_is_left_alone() -> None:
    flows = MemoryFlows(WANTED)
    assert put_flow(flows, WANTED).words == ""
    assert flows.done == []


def test_a_flow_that_differs_is_updated_and_what_changed_is_told() -> None:
    flows = MemoryFlows()
    flows.kept["clicks"] = changed("sourceFlowConfig.connectorProfileName", "old")
    done = put_flow(flows, WANTED)
    assert done.words.splitlines() == [
        "Updated flow clicks:",
        "  sourceFlowConfig.connectorProfileName: 'old' -> 'sfmc'",
    ]
    assert flow_changes(WANTED, flows.kept["clicks"]) == ()


def test_a_flow_without_our_tags_is_taken_over() -> None:
    flows = MemoryFlows()
    flows.kept["clicks"] = changed("tags", None)
    put_flow(flows, WANTED)
    assert flows.done == ["tag clicks"]
    assert flows.kept["clicks"]["tags"] == WANTED["tags"]


def test_a_flow_of_another_connector_is_left_alone() -> None:
    flows = MemoryFlows()
    flows.kept["clicks"] = theirs = changed("tags.cleanroom:connector", "opens")
    with pytest.raises(ForeignFlowError, match="one of connector opens"):
        put_flow(flows, WANTED)
    assert flows.kept["clicks"] == theirs


def test_of_two_that_create_a_flow_at_once_the_later_finds_it() -> None:
    class Overtaken(MemoryFlows):
        def describe(self, flow: str) -> Any:
            found = super().describe(flow)
            if found is None:
                self.create(WANTED)
            return found

    flows = Overtaken()
    assert put_flow(flows, WANTED).changes == ()
    assert flows.done == ["create clicks"]
