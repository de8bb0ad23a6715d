"""The `cleanroom` command: thin, it reads options, calls the library, and prints.

Here: commands, options, exit codes. Not here: anything worth a test of its own without a terminal.

Exit codes: 0 done; 1 the work was done and its outcome is bad; 2 it could not be done.
"""

import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cleanroom_pipeline.recipe import RecipeError, parse_recipe
from cleanroom_pipeline.recipe.engine import EngineError, EngineSettings, run_recipe
from cleanroom_pipeline.recipe.files import (
    FileFormat,
    FileReadError,
    InputFile,
    SchemaMismatchError,
    UnknownKindError,
    kind_of,
)

STATE_DIR = Path(".local")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="Marketing data to AWS Clean Rooms, with nobody's identity on show.",
)
table_app = typer.Typer(no_args_is_help=True, help="Published tables.")
recipe_app = typer.Typer(no_args_is_help=True, help="DataBrew recipes, without AWS.")
app.add_typer(table_app, name="table")
app.add_typer(recipe_app, name="recipe")

StateDir = Annotated[
    Path, typer.Option("--state-dir", help="Where the local AWS and Dagster keep their state.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class OutputKind(StrEnum):
    """What `recipe run` writes."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"


class Compat(StrEnum):
    """Whose reading of the documentation `recipe run` follows where DataBrew departs from it."""

    STRICT = "strict"
    DATABREW = "databrew"


@dataclass(frozen=True, slots=True)
class FileSecrets:
    """Secrets that files hold, by the names that a recipe knows them under."""

    paths: dict[str, Path]

    def secret_string(self, secret_id: str, version: str | None = None) -> str:
        """Return the file's text; the engine asks for the names that the recipe has."""
        del version
        return self.paths[secret_id].read_text(encoding="utf-8").strip()


def fail(message: str, code: int = 2) -> NoReturn:
    """Say what is wrong, and end."""
    typer.echo(f"cleanroom: {message}", err=True)
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


def secret_paths(options: list[str]) -> dict[str, Path]:
    """Read `NAME=FILE` options."""
    paths = {}
    for option in options:
        name, _, file = option.rpartition("=")
        if not name or not Path(file).is_file():
            fail(f"--secret wants NAME=FILE with a file that is there, not {option!r}.")
        paths[name] = Path(file)
    return paths


@recipe_app.command("run")
def recipe_run(
    recipe: Annotated[Path, typer.Argument(help="A recipe, as DataBrew exports it.")],
    inputs: Annotated[list[Path], typer.Argument(help="CSV, JSON Lines or Parquet files.")],
    output: Annotated[Path, typer.Option(help="The file to write.")],
    output_format: Annotated[
        OutputKind | None, typer.Option("--format", help="By default, as the output's name says.")
    ] = None,
    compat: Annotated[Compat, typer.Option(help="Follow DataBrew where it errs.")] = Compat.STRICT,
    seed: Annotated[int, typer.Option(help="The seed of steps that draw at random.")] = 0,
    secret: Annotated[
        list[str] | None, typer.Option(help="NAME=FILE: the file holds that SecretString.")
    ] = None,
    memory: Annotated[str, typer.Option(help="The engine's limit, as 1GB.")] = "1GB",
    as_json: AsJson = False,
) -> None:
    """Run a DataBrew recipe over files, on this machine."""
    try:
        kind = output_format.value if output_format else kind_of(output.name)
        parsed = parse_recipe(recipe.read_text(encoding="utf-8"), name=str(recipe))
        paths = secret_paths(secret or [])
        missing = [name for name in parsed.secret_ids if name not in paths]
        if missing:
            fail(f"The recipe needs --secret NAME=FILE for: {', '.join(missing)}.")
        files = [InputFile(path, str(path)) for path in inputs]
        settings = EngineSettings(
            memory_limit=memory,
            seed=seed,
            compat=compat is Compat.DATABREW,
            max_rows_per_file=sys.maxsize,
        )
        with tempfile.TemporaryDirectory(prefix="cleanroom-recipe-") as folder:
            result = run_recipe(
                parsed,
                files,
                FileFormat(kind=kind_of(inputs[0].name)),
                Path(folder),
                output=kind,
                secrets=FileSecrets(paths),
                settings=settings,
            )
            output.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(result.files[0].path, output)
    except RecipeError as error:
        fail(str(error), code=1)
    except (EngineError, FileReadError, SchemaMismatchError, UnknownKindError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}.")
    report: dict[str, Any] = {
        "rows_in": result.rows_in,
        "rows_out": result.rows_out,
        "seconds": round(result.seconds, 3),
        "output": str(output),
    }
    if as_json:
        typer.echo(json.dumps(report))
    else:
        typer.echo(
            f"{result.rows_in} rows in, {result.rows_out} rows out, {result.seconds:.1f} s: "
            f"{output}",
            file=sys.stderr,
        )
