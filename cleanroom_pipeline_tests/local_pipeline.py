"""A local AWS with nothing but what the pipeline needs, for tests of commands that reach it.

Here: fixtures and helpers. Not here: tests.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cleanroom_pipeline.cli import app
from cleanroom_pipeline.local_aws.clients import Clients
from cleanroom_pipeline.local_aws.provision import LocalEnvironment, provision
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline_tests.local_aws.marketing import profile_config

FLOW = "sfmc_click_events"
REGION = "us-east-1"


@pytest.fixture(scope="module")
def server() -> Iterator[LocalAws]:
    with LocalAws.start() as started:
        yield started


@pytest.fixture
def pipeline(server: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalEnvironment:
    """A local AWS with nothing but what the pipeline needs and its connector profile."""
    server.reset()
    environment = provision(server.endpoint)
    for name, value in environment.as_env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    Clients(server.endpoint).get("appflow", REGION).create_connector_profile(
        connectorProfileName=FLOW,
        connectorType="CustomConnector",
        connectorLabel="SalesforceMarketingCloud",
        connectionMode="Public",
        connectorProfileConfig=profile_config(server.endpoint, None),
    )
    return environment


def appflow(server: LocalAws) -> Any:
    return Clients(server.endpoint).get("appflow", REGION)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))
