from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from cleanroom_pipeline.aws.passing import passing


def client_error(code: str, status: int) -> ClientError:
    parsed: Any = {
        "Error": {"Code": code, "Message": "of jane@example.com"},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "r-1"},
    }
    return ClientError(parsed, "DescribeJobRun")


@pytest.mark.parametrize(
    "error",
    [
        client_error("ThrottlingException", 400),
        client_error("TooManyRequestsException", 429),
        client_error("Whatever", 429),
        client_error("InternalServerException", 500),
        client_error("503", 503),
        client_error("RequestTimeout", 400),
        EndpointConnectionError(endpoint_url="https://appflow"),
        ConnectTimeoutError(endpoint_url="https://appflow"),
        ReadTimeoutError(endpoint_url="https://appflow"),
    ],
    ids=str,
)
def test_throttling_server_errors_and_silence_pass(error: Exception) -> None:
    assert passing(error)


@pytest.mark.parametrize(
    "error",
    [
        client_error("ValidationException", 400),
        client_error("AccessDeniedException", 403),
        client_error("ResourceNotFoundException", 404),
        client_error("ConflictException", 409),
        NoCredentialsError(),
        ValueError("no"),
    ],
    ids=str,
)
def test_what_a_repetition_would_not_change_does_not_pass(error: Exception) -> None:
    assert passing(error) is None


def test_the_words_name_the_call_and_the_request_and_nothing_that_the_error_says() -> None:
    words = passing(client_error("ThrottlingException", 400))
    assert words == "ThrottlingException to DescribeJobRun, HTTP 400, request r-1"
