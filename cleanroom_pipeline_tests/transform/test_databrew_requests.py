from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.transform.databrew_requests import (
    ADOPTABLE_STATES,
    JOB_RUN_STATES,
    dataset_format,
    job_name,
    reads_as_they_are,
    recipe_name,
)

MODEL: Any = boto3.client("databrew", region_name="us-east-1").meta.service_model


def test_every_state_of_a_job_run_is_known_and_no_other() -> None:
    known = JOB_RUN_STATES.going | JOB_RUN_STATES.good | JOB_RUN_STATES.bad
    assert known == set(MODEL.shape_for("JobRunState").enum)
    assert JOB_RUN_STATES.going > ADOPTABLE_STATES


def test_the_longest_names_fit() -> None:
    longest = job_name("c" * 60, "20261124T031500Z-3f9a1c2b")
    assert len(longest) <= MODEL.shape_for("JobName").metadata["max"]
    assert recipe_name("shop", "0123456789abcdef") == "shop-0123456789ab"


@pytest.mark.parametrize(
    ("file_format", "request_"),
    [
        (FileFormat(kind="parquet"), {"Format": "PARQUET"}),
        (
            FileFormat(kind="csv", delimiter=";", header=False),
            {"Format": "CSV", "FormatOptions": {"Csv": {"Delimiter": ";", "HeaderRow": False}}},
        ),
        (
            FileFormat(kind="jsonl"),
            {"Format": "JSON", "FormatOptions": {"Json": {"MultiLine": False}}},
        ),
    ],
)
def test_formats_are_said_as_databrew_says_them(
    file_format: FileFormat, request_: dict[str, Any]
) -> None:
    assert dataset_format(file_format) == request_
    shape = MODEL.operation_model("CreateDataset").input_shape
    full = {"Name": "n", "Input": {"S3InputDefinition": {"Bucket": "bucket"}}, **request_}
    assert not ParamValidator().validate(full, shape).has_errors()


@pytest.mark.parametrize(
    ("file_format", "found", "as_they_are"),
    [
        (FileFormat(delimiter=";", header=False), {}, True),
        (FileFormat(kind="jsonl"), {}, True),
        (FileFormat(kind="parquet"), {}, True),
        (FileFormat(escape='"'), {}, True),
        (FileFormat(escape="\\"), {}, False),
        (FileFormat(quote="'"), {}, False),
        (FileFormat(null_text="NULL"), {}, False),
        (FileFormat(kind="json"), {}, False),
        (FileFormat(kind="avro"), {}, False),
        (FileFormat(kind="orc"), {}, False),
        (FileFormat(kind="xlsx"), {}, False),
        (FileFormat(), {"plain": False}, False),
        (FileFormat(kind="parquet"), {"uniform": False}, False),
        (FileFormat(), {"bad_rows": 1}, False),
    ],
)
def test_what_databrew_reads_as_we_do(
    file_format: FileFormat, found: dict[str, Any], *, as_they_are: bool
) -> None:
    facts: dict[str, Any] = {"plain": True, "uniform": True, "bad_rows": 0, **found}
    assert reads_as_they_are(file_format, **facts) is as_they_are
