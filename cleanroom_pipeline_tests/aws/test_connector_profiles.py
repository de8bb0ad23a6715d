from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from cleanroom_pipeline.aws.connector_profiles import (
    ATTEMPTS,
    WHAT_TO_DO,
    ConnectorProfileError,
    put_profile,
)
from cleanroom_pipeline.local_aws.service_model import ServiceModel

CREATE = {"connectorProfileName": "sfmc", "of": "create"}
UPDATE = {"connectorProfileName": "sfmc", "of": "update"}
TOKEN = "hunter2-the-token"
DONE = ""


class Client:
    """AppFlow as far as profiles go: each call ends as the next code says, or is done."""

    def __init__(self, *codes: str | Exception) -> None:
        self.codes = list(codes)
        self.calls: list[str] = []
        self.update_connector_profile = self.call("update", UPDATE)
        self.create_connector_profile = self.call("create", CREATE)

    def call(self, name: str, expected: dict[str, str]) -> Callable[..., None]:
        def called(**request: str) -> None:
            assert request == expected
            self.calls.append(name)
            code = self.codes.pop(0)
            if isinstance(code, Exception):
                raise code
            if code:
                error: Any = {
                    "Error": {"Code": code, "Message": f"Value '{TOKEN}' is no good"},
                    "ResponseMetadata": {"RequestId": "r-1"},
                }
                raise ClientError(error, name)

        return called


def put(client: Client) -> tuple[str, list[float]]:
    pauses: list[float] = []
    appflow: Any = client
    done = put_profile(appflow, CREATE, UPDATE, sleep=pauses.append, jitter=lambda: 0.5)
    return done, pauses


MISSING, CONFLICT = "ResourceNotFoundException", "ConflictException"


@pytest.mark.parametrize(
    ("codes", "calls", "done"),
    [
        ([DONE], ["update"], "updated"),
        ([MISSING, DONE], ["update", "create"], "created"),
        ([MISSING, CONFLICT, DONE], ["update", "create", "update"], "updated"),
        ([CONFLICT, DONE], ["update", "update"], "updated"),
        ([CONFLICT, MISSING, DONE], ["update", "update", "create"], "created"),
        (
            [MISSING, CONFLICT, MISSING, DONE],
            ["update", "create", "update", "create"],
            "created",
        ),
    ],
)
def test_a_profile_is_updated_or_created_whoever_else_is_at_it(
    codes: list[str], calls: list[str], done: str
) -> None:
    client = Client(*codes)
    assert put(client)[0] == done
    assert client.calls == calls


def test_others_are_waited_for_between_attempts_and_not_for_ever() -> None:
    client = Client(*[CONFLICT] * ATTEMPTS)
    pauses: list[float] = []
    appflow: Any = client
    with pytest.raises(ConnectorProfileError, match=r"'sfmc' .*Someone else keeps changing"):
        put_profile(appflow, CREATE, UPDATE, sleep=pauses.append, jitter=lambda: 0.5)
    assert pauses == [0.0, *[1.0] * (ATTEMPTS - 1)]


@pytest.mark.parametrize(
    "code", [*sorted(set(WHAT_TO_DO) - {CONFLICT}), "InternalServerException", "SomethingNew"]
)
@pytest.mark.parametrize("before", [[], [MISSING]])
def test_a_refusal_tells_code_request_and_what_to_do_and_nothing_of_what_was_sent(
    code: str, before: list[str]
) -> None:
    client = Client(*before, code)
    with pytest.raises(
        ConnectorProfileError, match=rf"'sfmc' \({code}, request id r-1\)"
    ) as caught:
        put(client)
    assert WHAT_TO_DO.get(code, "ask AWS if this lasts") in str(caught.value)
    assert TOKEN not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_request_that_botocore_refuses_is_not_repeated_either() -> None:
    client = Client(ParamValidationError(report=f"value: {TOKEN}"))
    with pytest.raises(ConnectorProfileError, match=r"'sfmc' \(ParamValidationError\)") as caught:
        put(client)
    assert TOKEN not in repr(caught.value)


def test_every_error_that_appflows_model_has_for_a_profile_is_dealt_with() -> None:
    model = ServiceModel("appflow").model
    known = {
        shape.name
        for operation in ("UpdateConnectorProfile", "CreateConnectorProfile")
        for shape in model.operation_model(operation).error_shapes
    }
    of_iam = {"AccessDeniedException"}
    general = {"InternalServerException"}
    assert known == (set(WHAT_TO_DO) - of_iam) | {MISSING} | general
