"""`cleanroom recipe`: DataBrew recipes, without AWS.

Here: its commands. Not here: what a recipe means (`recipe`).
"""

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cleanroom_pipeline.cli.shared import AsJson, fail
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

recipe_app = typer.Typer(no_args_is_help=True, help="DataBrew recipes, without AWS.")


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


def secret_paths(options: list[str]) -> dict[str, Path]:
    """Read `NAME=FILE` options."""
    paths = {}
    for option in options:
        name, _, file = option.rpartition("=")
        if not name or not Path(file).is_file():
            fail(f"--secret wants NAME=FILE with a file that is there, not {option!r}.")
        paths[name] = Path(file)
    return paths


def output_kind(output: Path, asked: OutputKind | None) -> OutputKind:
    """Return what is to be written: what was asked for, or what the output's name says."""
    named = asked or kind_of(output.name)
    if named not in list(OutputKind):
        fail(f"{output}: {named} can be read and not written; --format has what can.")
    return OutputKind(named)


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
        kind = output_kind(output, output_format)
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
                output=kind.value,
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
