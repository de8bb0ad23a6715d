"""What several commands share: where state is, how an error is told, which AWS is meant.

Here: options, and the way out. Not here: a command.
"""

import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cleanroom_pipeline.model import on_one_line

STATE_DIR = Path(".local")

StateDir = Annotated[
    Path, typer.Option("--state-dir", help="Where the local AWS and Dagster keep their state.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def fail(message: str, code: int = 2) -> NoReturn:
    """Say what is wrong, and end."""
    typer.echo("cleanroom: " + "\n".join(map(on_one_line, message.splitlines())), err=True)
    raise typer.Exit(code)


def load_environment(state_dir: Path) -> dict[str, str]:
    """Let this process see the pipeline's AWS: as the environment says, or the local one."""
    from cleanroom_pipeline.environment import MissingEnvironmentError, resolve_environment

    try:
        environment = resolve_environment(os.environ, state_dir / "aws.env")
    except MissingEnvironmentError as error:
        fail(str(error))
    os.environ.update(environment.variables)
    return environment.shown
