"""AppFlow's requests held against botocore's model, and an AppFlow that keeps flows in memory.

Here: what tests of flows share. Not here: executions.
"""

import copy
from collections.abc import Mapping
from typing import Any

from botocore.validate import ParamValidator

from cleanroom_pipeline.local_aws.service_model import ServiceModel

MODEL: Any = ServiceModel("appflow").model


def assert_valid(operation: str, request: Any) -> None:
    """Fail unless the request is one that AppFlow's model takes, enumerations included."""
    shape: Any = MODEL.operation_model(operation).input_shape
    report = ParamValidator().validate(request, shape)
    assert not report.has_errors(), report.generate_report()
    _assert_enums(shape, request)


def _assert_enums(shape: Any, value: Any) -> None:
    if shape.type_name == "structure":
        for name, inner in value.items():
            _assert_enums(shape.members[name], inner)
    elif shape.type_name == "list":
        for inner in value:
            _assert_enums(shape.member, inner)
    elif shape.type_name == "map":
        for name, inner in value.items():
            _assert_enums(shape.key, name)
            _assert_enums(shape.value, inner)
    elif getattr(shape, "enum", None):
        assert value in shape.enum


def as_described(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return what DescribeFlow may answer of a flow, with all that AWS adds."""
    told = copy.deepcopy(dict(definition))
    told["triggerConfig"]["triggerProperties"] = {}
    for task in told["tasks"]:
        if task["taskType"] == "Map_all":
            task["connectorOperator"] = {"CustomConnector": "NO_OP"}
            task["taskProperties"] = {"EXCLUDE_SOURCE_FIELDS_LIST": "[]"}
    (destination,) = told["destinationFlowConfigList"]
    output = destination["destinationConnectorProperties"]["S3"]["s3OutputFormatConfig"]
    output["aggregationConfig"]["targetFileSize"] = 0
    del output["preserveSourceDataTyping"]
    arn = f"arn:aws:appflow:us-east-1:123456789012:flow/{told['flowName']}"
    return told | {"flowArn": arn, "flowStatus": "Active", "schemaVersion": 1}


class MemoryFlows:
    """AppFlow, as far as flows go; every request is held against the model."""

    def __init__(self, *definitions: Mapping[str, Any]) -> None:
        self.kept = {one["flowName"]: as_described(one) for one in definitions}
        self.done: list[str] = []

    def describe(self, flow: str) -> Mapping[str, Any] | None:
        return copy.deepcopy(self.kept.get(flow))

    def create(self, definition: Mapping[str, Any]) -> bool:
        assert_valid("CreateFlow", definition)
        if definition["flowName"] in self.kept:
            return False
        self.kept[definition["flowName"]] = as_described(definition)
        self.done.append(f"create {definition['flowName']}")
        return True

    def update(self, definition: Mapping[str, Any]) -> None:
        assert_valid("UpdateFlow", definition)
        kept = self.kept[definition["flowName"]]
        self.kept[definition["flowName"]] = {
            **as_described({**definition, "tags": kept.get("tags", {})})
        }
        self.done.append(f"update {definition['flowName']}")

    def put_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        assert_valid("TagResource", {"resourceArn": arn, "tags": dict(tags)})
        kept = self.kept[arn.rpartition("/")[2]]
        kept["tags"] = {**kept.get("tags", {}), **tags}
        self.done.append(f"tag {arn.rpartition('/')[2]}")
