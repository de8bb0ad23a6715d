"""The only assembly: every connector, who is told, and what they run on.

Here: bringing definitions together. Not here: a definition.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

import cleanroom_pipeline.connectors
from cleanroom_pipeline.connector_types.check import check_connectors
from cleanroom_pipeline.inbound.assets import inbound_prefixes
from cleanroom_pipeline.inbound.pulls import PULL_JOB_SUFFIX
from cleanroom_pipeline.notify.sensors import build_notify_defs
from cleanroom_pipeline.resources import build_resources


def connector_tree() -> dg.ComponentTree:
    """Load every folder of `connectors/`; a mistake in one is refused with its file and line."""
    check_connectors(Path(cleanroom_pipeline.connectors.__file__).parent)
    return dg.ComponentTree.from_module(
        defs_module=cleanroom_pipeline.connectors, project_root=Path(__file__).parent.parent
    )


def build_connectors() -> dg.Definitions:
    """Build the definitions of every connector."""
    with warnings.catch_warnings():
        # Dagster warns of its own components' newness, once per connector and process.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        warnings.simplefilter("ignore", dg.BetaWarning)
        return connector_tree().build_defs()


def jobs_of(connectors: dg.Definitions) -> tuple[list[Any], list[Any]]:
    """Return the jobs that run batches, and those that pull."""
    jobs = list(connectors.jobs or [])
    pulls = [job for job in jobs if job.name.endswith(PULL_JOB_SUFFIX)]
    return [job for job in jobs if job not in pulls], pulls


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Assemble the code location; tests override resources, and patch nothing."""
    connectors = build_connectors()
    resources = build_resources(inbound_prefixes(connectors)) | dict(resource_overrides or {})
    return dg.Definitions.merge(
        connectors,
        build_notify_defs(*jobs_of(connectors)),
        dg.Definitions(resources=resources, executor=dg.in_process_executor),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return what `workspace.yaml` loads."""
    return build_defs()
