"""The example connectors of docs/sources.md, loaded as Dagster loads a project's, over moto."""

import base64
import importlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import dagster as dg
import pytest
import yaml

from cleanroom_pipeline.aws.appflow import AppFlow
from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.message_encryption import MessageEncryption
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.secrets_manager import Secrets
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.aws.sqs import InboundQueue
from cleanroom_pipeline.connector_types.check import check_connectors
from cleanroom_pipeline.inbound.assets import inbound_prefixes
from cleanroom_pipeline.inbound.sensors import InboundRoutes
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline_tests.connector_types.test_profiles import examples
from cleanroom_pipeline_tests.e2e_in_process.chain import (
    Chain,
    Clock,
    PromptQueue,
    as_they_are,
)
from cleanroom_pipeline_tests.e2e_in_process.provided import KEY
from cleanroom_pipeline_tests.e2e_in_process.recipes import RECIPES, SECRET

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
# Where moto asks for the time: of an object, of an answer, of a message.
MOTO_CLOCKS = ("moto.s3.models.utcnow", "moto.core.responses.utcnow", "moto.core.utils.utcnow")
PACKAGE = "documented_connectors"

StartChain = Callable[[str], Chain]


@pytest.fixture(scope="package")
def connectors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.Definitions]:
    """The documented examples with their recipes, each in a folder of its own, as one project."""
    root = tmp_path_factory.mktemp("project")
    package = root / PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    for profile, example in examples().items():
        folder = package / example["attributes"]["name"]
        folder.mkdir()
        (folder / "defs.yaml").write_text(yaml.safe_dump(example), encoding="utf-8")
        (folder / "recipe.json").write_text(json.dumps(RECIPES[profile]), encoding="utf-8")
    check_connectors(package)
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(root)
        module = importlib.import_module(PACKAGE)
        tree = dg.ComponentTree.from_module(defs_module=module, project_root=root)
        yield tree.build_defs()


@pytest.fixture
def clock(aws: AwsSession, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that AWS goes by."""
    del aws
    clock = Clock(NOON)
    for name in MOTO_CLOCKS:
        monkeypatch.setattr(name, clock.naive)
    return clock


class PortSession(AwsSession):
    """A session whose clients go through a port, whatever the environment says."""

    endpoint: str

    def client(self, service: str) -> Any:
        """Return a client of its own."""
        return boto3.client(service, region_name=self.region, endpoint_url=self.endpoint)


@pytest.fixture
def reader(aws: AwsSession, endpoint: str) -> AwsSession:
    """A session through the port, for whoever reads tables."""
    return PortSession(region=aws.region, endpoint=endpoint)


@pytest.fixture
def start_chain(
    connectors: dg.Definitions,
    aws: AwsSession,
    storage: S3Storage,
    ledger: Ledger,
    inbound_queue: InboundQueue,
    clock: Clock,
    reader: AwsSession,
) -> Iterator[StartChain]:
    """Start the chain of the example of a profile."""
    aws.client("glue").create_database(DatabaseInput={"Name": "marketing"})
    aws.client("secretsmanager").create_secret(
        Name=SECRET, SecretString=base64.b64encode(KEY).decode()
    )
    resources: dict[str, Any] = {
        "storage": storage,
        "ledger": ledger,
        "inbound_queue": PromptQueue(session=aws, queue_url=inbound_queue.queue_url),
        "inbound_routes": InboundRoutes(prefixes=inbound_prefixes(connectors)),
        "secrets": Secrets(session=aws),
        "message_encryption": MessageEncryption(session=aws),
        "glue": GlueCatalog(session=aws),
        "appflow": AppFlow(session=aws),
    }
    bound = dg.Definitions.merge(connectors, dg.Definitions(resources=as_they_are(resources)))
    with dg.DagsterInstance.ephemeral() as instance:
        yield lambda profile: Chain(
            examples()[profile]["attributes"]["name"],
            bound,
            resources,
            instance,
            clock,
            reader,
        )
