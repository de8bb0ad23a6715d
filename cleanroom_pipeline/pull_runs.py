"""A pull that a person asks for: now, or for days that are past.

Here: what the run is given, asking the daemon for it, and waiting for its end. Not here: the
terminal (`cli.pull`), what a pull does (`inbound.pulls`).
"""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from cleanroom_pipeline.connector_types.appflow_pull import AppFlowPullConnector
from cleanroom_pipeline.definitions import connector_tree
from cleanroom_pipeline.inbound.pulls import PULL_JOB_SUFFIX, asked_for
from cleanroom_pipeline.inbound.windows import Days, WindowError
from cleanroom_pipeline.status import UnknownConnectorError

POLL_SECONDS = 1.0


class LaunchError(RuntimeError):
    """Dagster did not take the request for a run. The message is Dagster's."""


def run_configs_of(
    connector: AppFlowPullConnector, objects: tuple[str, ...], first: str, end: str
) -> list[dict[str, Any]]:
    """Return the run config of each run that is needed; {} where nothing is asked for but a pull.

    One run pulls so many days, and no more. `objects` are Marketing Cloud objects, entities or
    feeds. WindowError says what can't be asked.
    """
    feeds = connector.feeds()
    names = {name: feed.name for feed in feeds for name in (feed.what, feed.name)}
    unknown = [name for name in objects if name not in names]
    if unknown:
        told = ", ".join(feed.what for feed in feeds)
        raise WindowError(f"{connector.name} has no object {unknown[0]!r}; it has {told}.")
    chosen = [names[name] for name in objects]
    asked_for([feed.feed_pull() for feed in feeds], chosen, first, end)
    if len(feeds) == 1:
        chosen = []
    stretches = [("", "")]
    if first:
        parts = Days.read(first, end).parts()
        stretches = [(part.first.isoformat(), part.end.isoformat()) for part in parts]
    asked = [{"objects": chosen, "first": first, "end": end} for first, end in stretches]
    return [{name: value for name, value in one.items() if value} for one in asked]


def pull_connector(name: str) -> AppFlowPullConnector:
    """Return the connector of that name; UnknownConnectorError names those that there are."""
    declared = {
        one.name: one for one in connector_tree().get_all_components(of_type=AppFlowPullConnector)
    }
    if name not in declared:
        raise UnknownConnectorError(
            f"There is no connector {name!r} that pulls; there are "
            f"{', '.join(sorted(declared)) or 'none'}."
        )
    return declared[name]


def launch(
    connector: str, run_config: Mapping[str, Any], folder: Path, environment: Mapping[str, str]
) -> str:
    """Ask for a run of the pull job, as `dagster job launch` does; return the run's id.

    `folder` has workspace.yaml. Raises LaunchError.
    """
    run_id = str(uuid.uuid4())
    command = [
        str(Path(sys.executable).with_name("dagster")),
        *("job", "launch", "-w", "workspace.yaml", "-j", connector + PULL_JOB_SUFFIX),
        *("--run-id", run_id),
        *(("--config-json", json.dumps(run_config)) if run_config else ()),
    ]
    done = subprocess.run(  # noqa: S603 (our own command: names and days were checked before)
        command, cwd=folder, env=dict(environment), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LaunchError(f"`dagster job launch` failed:\n{done.stdout}{done.stderr}")
    return run_id


def wait_for_run(
    instance: dg.DagsterInstance, run_id: str, sleep: Callable[[float], None] = time.sleep
) -> bool:
    """Wait until a run is over; return whether it went well. Its own time-outs end it."""
    while True:
        run = instance.get_run_by_id(run_id)
        if run is None:
            raise LaunchError(f"Dagster has no run {run_id}: was it deleted?")
        if run.is_finished:
            return run.is_success
        sleep(POLL_SECONDS)
