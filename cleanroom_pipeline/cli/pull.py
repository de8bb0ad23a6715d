"""`cleanroom pull`: a pull now, or of days that are past.

Here: the command. Not here: what it does (`pull_runs`).
"""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cleanroom_pipeline.cli.shared import STATE_DIR, StateDir, fail, load_environment


def pull(
    connector: Annotated[str, typer.Argument(help="The connector's name.")],
    objects: Annotated[
        list[str] | None,
        typer.Option("--object", help="Of several objects, this one. May be given again."),
    ] = None,
    first: Annotated[
        str, typer.Option("--from", help="The first day, like 2026-10-01, in UTC.")
    ] = "",
    end: Annotated[
        str, typer.Option("--to", help="The day after the last one, like 2026-11-01.")
    ] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run is over.")] = False,
    state_dir: StateDir = STATE_DIR,
) -> None:
    """Ask for a run of a connector's pull job: as on its schedule, or of days that are past."""
    load_environment(state_dir)
    local_home = state_dir / "dagster"
    if not os.environ.get("DAGSTER_HOME") and local_home.is_dir():
        os.environ["DAGSTER_HOME"] = str(local_home.resolve())
    if not os.environ.get("DAGSTER_HOME"):
        fail("DAGSTER_HOME is not set, so no daemon would see the run.")
    from cleanroom_pipeline.inbound.windows import WindowError
    from cleanroom_pipeline.pull_runs import LaunchError, pull_connector, run_configs_of
    from cleanroom_pipeline.status import UnknownConnectorError

    if bool(first) != bool(end):
        fail("--from and --to go together.")
    try:
        configs = run_configs_of(pull_connector(connector), tuple(objects or ()), first, end)
        run_ids = [ask_for(connector, config) for config in configs]
    except (UnknownConnectorError, WindowError) as error:
        fail(str(error))
    except LaunchError as error:
        fail(str(error), code=1)
    if wait:
        ends = [went_well(run_id) for run_id in run_ids]
        if not all(ends):
            raise typer.Exit(1)


def ask_for(connector: str, config: dict[str, Any]) -> str:
    """Ask for one run, and say so; return its id."""
    from cleanroom_pipeline.pull_runs import launch

    run_id = launch(connector, config, Path.cwd(), os.environ)
    first, end = config.get("first"), config.get("end")
    days = f", for days from {first} on and before {end}" if first else ""
    typer.echo(f"Asked for run {run_id}{days}.")
    return run_id


def went_well(run_id: str) -> bool:
    """Wait for a run, and say how it ended."""
    import dagster as dg

    from cleanroom_pipeline.pull_runs import wait_for_run

    with dg.DagsterInstance.get() as instance:
        well = wait_for_run(instance, run_id)
    typer.echo(f"Run {run_id} " + ("went well." if well else "failed: look at it in Dagster."))
    return well
