import dagster as dg
import pytest
from dagster import DagsterInvalidConfigError

from cleanroom_pipeline.environment import NEEDED
from cleanroom_pipeline.resources import build_resources


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NEEDED:
        monkeypatch.setenv(name, "value")
    monkeypatch.delenv("CLEANROOM_LEDGER_TABLE")
    with (
        pytest.raises(DagsterInvalidConfigError, match="CLEANROOM_LEDGER_TABLE"),
        dg.build_resources(build_resources({})),
    ):
        pass


def test_nothing_is_asked_of_aws_until_a_run_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NEEDED:
        monkeypatch.setenv(name, "value")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with dg.build_resources(build_resources({"shop": "inbound/shop/"})) as resources:
        assert resources.storage.inbound_bucket == "value"
        assert resources.inbound_routes.prefixes == {"shop": "inbound/shop/"}


def test_the_role_to_assume_is_bound_where_the_environment_names_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in NEEDED:
        monkeypatch.setenv(name, "value")
    monkeypatch.setenv("CLEANROOM_ASSUME_ROLE_ARN", "arn:aws:iam::123456789012:role/pipeline")
    monkeypatch.setenv("CLEANROOM_ASSUME_ROLE_EXTERNAL_ID", "")
    with dg.build_resources(build_resources({})) as resources:
        session = resources.secrets.session
        assert session.assume_role_arn == "arn:aws:iam::123456789012:role/pipeline"
        assert session.assume_role_external_id is None
        assert session.assume_role_session_name is None


def test_the_command_line_asks_for_every_variable_that_resources_read() -> None:
    named = {
        value.env_var_name
        for resource in build_resources({}, environ={}).values()
        for value in flattened(resource)
        if isinstance(value, dg.EnvVar)
    }
    assert named == set(NEEDED)


def flattened(resource: object) -> list[object]:
    values: list[object] = []
    for value in vars(resource).values():
        values += flattened(value) if isinstance(value, dg.ConfigurableResource) else [value]
    return values
