from typing import Any

import boto3
from botocore.validate import ParamValidator

from cleanroom_pipeline.inbound.appflow_requests import (
    create_flow_request,
    delivery_prefix,
)

MODEL: Any = boto3.client("appflow", region_name="us-east-1").meta.service_model


def test_requests_are_what_appflows_model_takes() -> None:
    flow = create_flow_request("flow", "p", "ClickEvent", "bucket", "inbound/clicks/")
    report = ParamValidator().validate(flow, MODEL.operation_model("CreateFlow").input_shape)
    assert not report.has_errors(), report.generate_report()


def test_files_of_an_execution_are_under_its_id() -> None:
    assert delivery_prefix("inbound/clicks/", "flow", "e1") == "inbound/clicks/flow/e1/"
