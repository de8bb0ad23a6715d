"""A project of one connector that a test writes, loaded as Dagster loads one, over moto.

Here: from YAML to a chain. Not here: the connectors of docs/sources.md (`conftest`).
"""

import base64
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.message_encryption import MessageEncryption
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.secrets_manager import Secrets
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.connector_types.check import check_connectors
from cleanroom_pipeline.inbound.assets import inbound_prefixes
from cleanroom_pipeline.inbound.sensors import InboundRoutes
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline_tests.e2e_in_process.chain import Chain, Clock, as_they_are
from cleanroom_pipeline_tests.e2e_in_process.provided import KEY
from cleanroom_pipeline_tests.e2e_in_process.recipes import SECRET

PACKAGE = "written_project"


def load_project(
    root: Path, connector: str, recipe: str | None, monkeypatch: pytest.MonkeyPatch
) -> dg.Definitions:
    """Write a connector's folder, its recipe beside it if there is one, and load the project."""
    folder = root / PACKAGE / "only"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "defs.yaml").write_text(connector, encoding="utf-8")
    if recipe is not None:
        (folder / "recipe.json").write_text(recipe, encoding="utf-8")
    check_connectors(folder.parent)
    monkeypatch.syspath_prepend(root)
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    importlib.invalidate_caches()
    module = importlib.import_module(PACKAGE)
    return dg.ComponentTree.from_module(defs_module=module, project_root=root).build_defs()


@contextmanager
def project_chain(
    connector: str,
    definitions: dg.Definitions,
    clock: Clock,
    reader: AwsSession,
    *,
    storage: S3Storage,
    ledger: Ledger,
    inbound_queue: Any,
    appflow: Any,
) -> Iterator[Chain]:
    """Bind a project's resources; the database and the secret are made."""
    aws = storage.session
    aws.client("glue").create_database(DatabaseInput={"Name": "marketing"})
    aws.client("secretsmanager").create_secret(
        Name=SECRET, SecretString=base64.b64encode(KEY).decode()
    )
    resources: dict[str, Any] = {
        "storage": storage,
        "ledger": ledger,
        "inbound_queue": inbound_queue,
        "inbound_routes": InboundRoutes(prefixes=inbound_prefixes(definitions)),
        "secrets": Secrets(session=aws),
        "message_encryption": MessageEncryption(session=aws),
        "glue": GlueCatalog(session=aws),
        "appflow": appflow,
    }
    bound = dg.Definitions.merge(definitions, dg.Definitions(resources=as_they_are(resources)))
    name = yaml.safe_load(connector)["attributes"]["name"]
    with dg.DagsterInstance.ephemeral() as instance:
        yield Chain(name, bound, resources, instance, clock, reader)
