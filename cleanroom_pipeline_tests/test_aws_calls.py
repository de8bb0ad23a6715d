"""The list of AWS calls is that of the pipeline, and the tests' watch over it works."""

import re
from typing import Any

import pytest
from botocore.client import BaseClient

from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.aws.sns import SnsTopic
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline_tests.aws_calls import API_CALL, PACKAGE, Watch, listed

# boto3's transfers of files and the AWS Encryption SDK make these; nobody calls them by name.
BY_LIBRARIES = {
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "s3:AbortMultipartUpload",
    "s3:CompleteMultipartUpload",
    "s3:CopyObject",
    "s3:CreateMultipartUpload",
    "s3:UploadPart",
    "s3:UploadPartCopy",
}


def test_the_list_has_no_call_that_no_module_makes() -> None:
    paths = [*(PACKAGE / "aws").rglob("*.py"), *(PACKAGE / "inbound").rglob("*.py")]
    source = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    named = {
        name: re.sub(r"(?<!^)(?=[A-Z])", "_", name.split(":")[1]).lower()
        for name in listed() - BY_LIBRARIES
    }
    assert [name for name, snake in named.items() if snake not in source] == []
    assert len(named) > 30


def test_the_pipelines_calls_are_seen_and_the_tests_own_are_not(
    ledger: Ledger, aws: AwsSession, aws_calls: set[str]
) -> None:
    client: Any = aws.client("dynamodb")
    client.list_tables()
    ledger.head("clicks")
    assert "dynamodb:GetItem" in aws_calls
    assert "dynamodb:ListTables" not in aws_calls


def test_a_request_that_breaks_its_model_fails_the_test_that_made_it(aws: AwsSession) -> None:
    topic = SnsTopic(session=aws, topic_arn="arn:aws:sns:us-east-1:123456789012:t")
    with pytest.raises(AssertionError, match="sns:Publish breaks its model"):
        topic.publish("subject", 3, {})  # type: ignore[arg-type]


def test_a_call_that_is_not_listed_fails_the_test_that_made_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlisted = Watch(known=set())
    monkeypatch.setattr(BaseClient, API_CALL, unlisted.over(getattr(BaseClient, API_CALL)))
    with pytest.raises(AssertionError, match="dynamodb:GetItem is not in"):
        ledger.head("clicks")
