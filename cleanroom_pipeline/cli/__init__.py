"""The `cleanroom` command: thin, it reads options, calls the library, and prints.

Here: commands, options, exit codes. Not here: anything worth a test of its own without a terminal.

Exit codes: 0 done; 1 the work was done and its outcome is bad; 2 it could not be done.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from cleanroom_pipeline.cli.appflow import appflow_app
from cleanroom_pipeline.cli.batch import batch_app
from cleanroom_pipeline.cli.pull import pull
from cleanroom_pipeline.cli.recipe import recipe_app
from cleanroom_pipeline.cli.shared import STATE_DIR, AsJson, StateDir, fail, load_environment

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="Marketing data to AWS Clean Rooms, with nobody's identity on show.",
)
table_app = typer.Typer(no_args_is_help=True, help="Published tables.")
app.command()(pull)
app.add_typer(appflow_app, name="appflow")
app.add_typer(batch_app, name="batch")
app.add_typer(table_app, name="table")
app.add_typer(recipe_app, name="recipe")


@app.command()
def demo(state_dir: StateDir = STATE_DIR) -> None:
    """Bring one push and one pull delivery to their Glue tables, on a new local AWS."""
    from cleanroom_pipeline.demo.walkthrough import DemoError, run_demo

    try:
        run_demo(state_dir, Path.cwd(), say=typer.echo)
    except DemoError as error:
        fail(str(error), code=1)


@app.command()
def ui(
    state_dir: StateDir = STATE_DIR,
    port: Annotated[int, typer.Option(help="The port of the Dagster UI on 127.0.0.1.")] = 3000,
) -> None:
    """Start the local AWS, the Dagster daemon and its UI; Ctrl-C stops all of them."""
    from cleanroom_pipeline.demo.walkthrough import DemoError, run_ui

    try:
        run_ui(state_dir, Path.cwd(), port=port, say=typer.echo)
    except DemoError as error:
        fail(str(error), code=1)


@app.command()
def status(state_dir: StateDir = STATE_DIR, as_json: AsJson = False) -> None:
    """Show connectors, their batches and published tables, and how to reach the AWS they are in."""
    shown = load_environment(state_dir)
    from cleanroom_pipeline.status import status_of, status_text

    found = status_of(shown)
    typer.echo(json.dumps(found, indent=2) if as_json else status_text(found))


@table_app.command("show")
def table_show(
    connector: Annotated[str, typer.Argument(help="The connector's name.")],
    limit: Annotated[int, typer.Option(min=1, help="How many rows.")] = 10,
    state_dir: StateDir = STATE_DIR,
    as_json: AsJson = False,
) -> None:
    """Read rows of a published table back through the Glue catalog."""
    load_environment(state_dir)
    from cleanroom_pipeline.status import UnknownConnectorError, published_rows

    try:
        rows = published_rows(connector, limit)
    except UnknownConnectorError as error:
        fail(str(error))
    if rows is None:
        fail(f"{connector} has no published table yet; `cleanroom status` tells why.", code=1)
    if as_json:
        typer.echo(json.dumps(rows.to_pylist(), indent=2, default=str))
    else:
        typer.echo(rows.to_pandas().to_string(index=False))
