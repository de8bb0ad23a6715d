"""`cleanroom appflow`: flows as the connectors' YAML says, and as they are.

Here: its commands. Not here: what they do (`flows`).

Exit codes of `plan`: 0 nothing is to be done; 2 something is. Of `apply` and `delete`: 0 done; 1
something could not be done. Of all: 3 it could not begin.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cleanroom_pipeline.cli.shared import STATE_DIR, AsJson, StateDir, fail, load_environment
from cleanroom_pipeline.model import on_one_line

if TYPE_CHECKING:
    from cleanroom_pipeline.flows import FlowDesk, Planned

appflow_app = typer.Typer(
    no_args_is_help=True, help="AppFlow flows: what differs from the YAML, and putting it right."
)

CHANGES, COULD_NOT_BEGIN = 2, 3
Connectors = Annotated[
    list[str] | None, typer.Argument(help="The connectors' names; all if none is given.")
]


@contextmanager
def desk(state_dir: Path) -> Iterator["FlowDesk"]:
    """Open the desk; an error that a person can do something about is told, and ends."""
    try:
        load_environment(state_dir)
    except typer.Exit as told:
        # A missing environment is told with the code that says here that something is to be done.
        raise typer.Exit(COULD_NOT_BEGIN) from told
    from cleanroom_pipeline.flows import flow_desk
    from cleanroom_pipeline.status import UnknownConnectorError

    try:
        with flow_desk() as opened:
            yield opened
    except UnknownConnectorError as error:
        fail(str(error), code=COULD_NOT_BEGIN)


def tell(lines: Sequence["Planned"], *, as_json: bool) -> None:
    """Print what is planned, or was done."""
    if as_json:
        typer.echo(json.dumps([line.document() for line in lines], indent=2))
        return
    for line in lines:
        typer.echo("\n".join(map(on_one_line, line.text().splitlines())))


@appflow_app.command("plan")
def appflow_plan(
    connectors: Connectors = None, state_dir: StateDir = STATE_DIR, as_json: AsJson = False
) -> None:
    """Show what `apply` would do: flows to create, to update, and those of no connector."""
    with desk(state_dir) as opened:
        lines = opened.plan(connectors or [])
    tell(lines, as_json=as_json)
    if any(line.is_change for line in lines):
        raise typer.Exit(CHANGES)


@appflow_app.command("apply")
def appflow_apply(
    connectors: Connectors = None, state_dir: StateDir = STATE_DIR, as_json: AsJson = False
) -> None:
    """Create what is missing and update what differs; print each change."""
    from cleanroom_pipeline.flows import FAILED

    with desk(state_dir) as opened:
        lines = opened.apply(connectors or [])
    tell(lines, as_json=as_json)
    if any(line.action == FAILED for line in lines):
        raise typer.Exit(1)


@appflow_app.command("delete")
def appflow_delete(
    connectors: Annotated[
        list[str], typer.Argument(help="Connectors, also ones that nobody declares any more.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    state_dir: StateDir = STATE_DIR,
    as_json: AsJson = False,
) -> None:
    """Delete connectors' flows, and the connector profiles that were made for them."""
    from cleanroom_pipeline.flows import FAILED

    with desk(state_dir) as opened:
        if not yes:
            doomed = opened.doomed(connectors)
            names = ", ".join(doomed) or "no flow"
            fail(f"This deletes {names}, and their records of executions. Say --yes.", code=1)
        lines = opened.delete(connectors)
    tell(lines, as_json=as_json)
    if any(line.action == FAILED for line in lines):
        raise typer.Exit(1)
