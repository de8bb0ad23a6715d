"""Scripts the token endpoint of a local AWS in this process, and forgets them afterwards."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cleanroom_pipeline.local_aws.application import TOKEN_PATH
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline.local_aws.token_endpoint import TokenEndpoint


@contextmanager
def scripted_tokens(aws: LocalAws, spec: Mapping[str, Any]) -> Iterator[TokenEndpoint]:
    """Script the next answers for the time of the block; `{}` is the endpoint's own answer."""
    endpoint = aws._application._endpoints[TOKEN_PATH]
    assert isinstance(endpoint, TokenEndpoint)
    if spec:
        endpoint.script(spec)
    try:
        yield endpoint
    finally:
        endpoint.clear()
