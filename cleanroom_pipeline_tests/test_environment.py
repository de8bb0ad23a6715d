from pathlib import Path

import pytest

from cleanroom_pipeline.environment import NEEDED, MissingEnvironmentError, resolve_environment

FULL = dict.fromkeys(NEEDED, "value")


def local_file(tmp_path: Path) -> Path:
    path = tmp_path / "aws.env"
    path.write_text("AWS_REGION=us-east-1\nAWS_SECRET_ACCESS_KEY=a=b\n\n")
    return path


def test_the_environment_goes_before_the_local_aws(tmp_path: Path) -> None:
    environ = FULL | {"AWS_SECRET_ACCESS_KEY": "hunter2"}
    environment = resolve_environment(environ, local_file(tmp_path))
    assert environment.variables == {}
    assert environment.shown == FULL


def test_a_role_is_shown_and_its_external_id_is_not(tmp_path: Path) -> None:
    role = {"CLEANROOM_ASSUME_ROLE_ARN": "arn:aws:iam::123456789012:role/pipeline"}
    environ = FULL | role | {"CLEANROOM_ASSUME_ROLE_EXTERNAL_ID": "partner-7"}
    assert resolve_environment(environ, local_file(tmp_path)).shown == FULL | role


def test_the_local_aws_serves_where_nothing_is_set(tmp_path: Path) -> None:
    environment = resolve_environment({"AWS_REGION": "eu-west-1"}, local_file(tmp_path))
    assert environment.variables["AWS_SECRET_ACCESS_KEY"] == "a=b"


def test_a_half_set_environment_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    environ = {"CLEANROOM_INBOUND_BUCKET": "mine"}
    with pytest.raises(MissingEnvironmentError, match="CLEANROOM_LEDGER_TABLE"):
        resolve_environment(environ, local_file(tmp_path))


def test_with_neither_a_way_to_start_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingEnvironmentError, match="make ui"):
        resolve_environment({}, tmp_path / "aws.env")
