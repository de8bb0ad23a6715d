"""The project's pull job on a local AWS, with a secret and tokens that are hard to escape."""

import json
import secrets as chance
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cleanroom_pipeline.definitions import build_defs
from cleanroom_pipeline.demo.click_events import click_events
from cleanroom_pipeline.demo.deliveries import fill_marketing_cloud
from cleanroom_pipeline.inbound import connector_token
from cleanroom_pipeline.inbound.connector_token import TokenSettings, refresh_connector_token
from cleanroom_pipeline.inbound.marketing_cloud import Patience
from cleanroom_pipeline.local_aws.clients import Clients
from cleanroom_pipeline.local_aws.provision import LocalEnvironment, provision
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline_tests.leaks import leaks_in, leaks_in_folder
from cleanroom_pipeline_tests.local_aws.token_scripts import scripted_tokens

CONNECTOR = "sfmc_click_events"
JOB = f"{CONNECTOR}__pull_job"
SECRET_NAME = "cleanroom/sfmc"
CLIENT_ID = "client-id-Qw7ZtN3vXk9Lm2"
CLIENT_SECRET = 'q"uo\\te/s+%27\u00e9\u4e16Zt8vL2mXw9K4nR7pJx1'
OLD_SECRET = 'old"\\\u00e9Hj5gF8dS2aP0oI9uY7'
HURRIED = Patience(attempts=2, first_pause=0.01, longest_pause=0.01)
EVERY_LOGGER = """
telemetry: {enabled: false}
python_logs: {managed_python_loggers: [root], python_log_level: DEBUG}
"""


@dataclass(frozen=True)
class Refreshed:
    """What a refresh tells: metadata of its output, what it logged, classes of its errors."""

    metadata: dict[str, Any]
    said: list[str]
    errors: list[str]


@dataclass
class Pulling:
    """The pull job of the project, an instance with files, and the local AWS that it runs on."""

    aws: LocalAws
    clients: Clients
    environment: LocalEnvironment
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    home: Path
    tokens: list[str]

    def keep(self, **members: Any) -> None:
        """Rotate the secret."""
        document = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "auth_base_uri": f"{self.environment.endpoint}/",
        }
        self.keep_text(json.dumps(document | members))

    def keep_text(self, text: str) -> None:
        client = self.clients.get("secretsmanager", self.environment.region)
        client.put_secret_value(SecretId=SECRET_NAME, SecretString=text)

    def run(self) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_job_def(JOB)
        return job.execute_in_process(instance=self.instance, raise_on_error=False)

    def refresh(self) -> "Refreshed":
        """Run the op alone, in an instance of its own."""

        @dg.job
        def refresh_alone() -> None:
            refresh_connector_token()

        settings = TokenSettings(secret=SECRET_NAME, profile=CONNECTOR).model_dump()
        with dg.DagsterInstance.ephemeral() as instance:
            result = refresh_alone.execute_in_process(
                run_config={"ops": {refresh_connector_token.name: {"config": settings}}},
                resources={
                    name: (self.definitions.resources or {})[name]
                    for name in ("secrets", "appflow")
                },
                instance=instance,
                raise_on_error=False,
            )
            logs = instance.all_logs(result.run_id)
        return Refreshed(
            {
                name: value.value
                for event in result.all_events
                if event.is_successful_output
                for name, value in event.step_output_data.metadata.items()
            },
            [entry.user_message for entry in logs if not entry.is_dagster_event],
            self.errors(result),
        )

    def errors(self, result: dg.ExecuteInProcessResult) -> list[str]:
        """The classes of the errors that steps failed with."""
        return [
            str(event.step_failure_data.error.cause.cls_name)
            for event in result.all_events
            if event.is_step_failure
            and event.step_failure_data.error
            and event.step_failure_data.error.cause
        ]

    @property
    def secrets(self) -> Mapping[str, str]:
        issued = {f"token {number}": token for number, token in enumerate(self.tokens)}
        return {"client id": CLIENT_ID, "client secret": CLIENT_SECRET, "old": OLD_SECRET, **issued}

    def leaks(self) -> list[str]:
        """Every place where something secret is, in what Dagster and the local AWS keep."""
        return [*leaks_in_folder(self.home, self.secrets), *sorted(self.leaks_in_aws())]

    def leaks_in_aws(self) -> set[str]:
        """What is secret in the local AWS's whole state; Secrets Manager's own is left out."""
        client = self.clients.get("secretsmanager", self.environment.region)
        kept = client.get_secret_value(SecretId=SECRET_NAME)["SecretString"]
        client.delete_secret(SecretId=SECRET_NAME, ForceDeleteWithoutRecovery=True)
        state = self.aws.freeze()
        client.create_secret(Name=SECRET_NAME, SecretString=kept)
        return leaks_in([state], self.secrets)


@pytest.fixture(scope="package")
def pulling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pulling]:
    home = tmp_path_factory.mktemp("dagster_home")
    (home / "dagster.yaml").write_text(EVERY_LOGGER)
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        aws = stack.enter_context(LocalAws.start())
        environment = provision(aws.endpoint)
        for name, value in {**environment.as_env(), "DAGSTER_HOME": str(home)}.items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        patch.setattr(connector_token, "PATIENCE", HURRIED)
        tokens: list[str] = []
        endpoint = stack.enter_context(scripted_tokens(aws, {}))

        def unusual_token() -> str:
            tokens.append(f'to"k\\en/+%2F\u00e9{chance.token_hex(12)}')
            return tokens[-1]

        patch.setattr(endpoint.tokens, "_new_token", unusual_token)
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
        clients = Clients(aws.endpoint)
        yield Pulling(aws, clients, environment, build_defs(), instance, home, tokens)


@pytest.fixture
def ready(pulling: Pulling) -> Pulling:
    """A secret that is good, and a source with something in it."""
    pulling.keep()
    fill_marketing_cloud(pulling.environment.endpoint, click_events(20, seed=7))
    return pulling
