"""Which failures of a call to AWS pass by themselves, so that whoever waits may ask again.

Here: telling them apart, and naming one without its text. Not here: the retries that botocore does
first (`aws.session`), or how long anybody waits.
"""

from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    MetadataRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnectionError

# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
THROTTLING = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
TIMED_OUT = frozenset({"RequestTimeout", "RequestTimeoutException"})
TOO_MANY_REQUESTS = 429
FIRST_SERVER_ERROR = 500
# No answer came, or none could be asked for: the network, or where credentials come from.
UNANSWERED = (NoConnectionError, HTTPClientError, CredentialRetrievalError, MetadataRetrievalError)


def passing(error: Exception) -> str | None:
    """Return in words what failed if it passes by itself, None if it does not.

    That is throttling, a server's error, or no answer. The words hold a code and the request id,
    and nothing of the error's text.
    """
    if isinstance(error, UNANSWERED):
        return f"no answer ({type(error).__name__})"
    if not isinstance(error, ClientError):
        return None
    code = error.response.get("Error", {}).get("Code", "")
    about = error.response.get("ResponseMetadata", {})
    status = about.get("HTTPStatusCode", 0)
    passes = (
        code in THROTTLING | TIMED_OUT
        or status == TOO_MANY_REQUESTS
        or status >= FIRST_SERVER_ERROR
    )
    if not passes:
        return None
    return f"{code} to {error.operation_name}, HTTP {status}, request {about.get('RequestId', '?')}"
