"""What the recipe commands share: options, how they are read, how errors are told.

Here: arguments to recipes, files, secrets and settings. Not here: a command.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cleanroom_pipeline.cli.shared import fail
from cleanroom_pipeline.model import on_one_line
from cleanroom_pipeline.recipe import Recipe, RecipeError, parse_recipe
from cleanroom_pipeline.recipe.engine import Dataset, EngineError, EngineSettings, SecretError
from cleanroom_pipeline.recipe.file_columns import columns_of_files
from cleanroom_pipeline.recipe.files import (
    FileFormat,
    FileReadError,
    InputFile,
    SchemaMismatchError,
    UnknownKindError,
    kind_of,
)
from cleanroom_pipeline.recipe.output import ONE_FILE
from cleanroom_pipeline.recipe.plan import Column

_MEMORY = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})? ?[KMGT]i?B", re.IGNORECASE)


class Compat(StrEnum):
    """Whose reading of the documentation a run follows where DataBrew departs from it."""

    STRICT = "strict"
    DATABREW = "databrew"


RecipeFile = Annotated[Path, typer.Argument(help="A recipe: JSON or YAML, as DataBrew exports it.")]
Inputs = Annotated[list[Path], typer.Argument(help="Files of one kind that hold the rows.")]
CompatOption = Annotated[Compat, typer.Option(help="Follow DataBrew where it errs.")]
Seed = Annotated[int, typer.Option(help="The seed of steps that draw at random.")]
Secret = Annotated[
    list[str] | None,
    typer.Option("--secret", help="NAME=FILE: the file holds that SecretString. May be repeated."),
]
DatasetOption = Annotated[
    list[str] | None,
    typer.Option("--dataset", help="NAME=FILE: a second input of JOIN or UNION. May be repeated."),
]
Memory = Annotated[str, typer.Option(help="The engine's limit, as 1GB.")]
Columns = Annotated[
    str, typer.Option("--columns", help="Names with commas between, or a file that has them.")
]
ShowValues = Annotated[
    bool, typer.Option("--show-values", help="Print cells as they are, personal ones too.")
]


@dataclass(frozen=True, slots=True)
class FileSecrets:
    """Secrets that files hold, by the names that a recipe knows them under."""

    paths: dict[str, Path]

    def secret_string(self, secret_id: str, version: str | None = None) -> str:
        """Return the file's text, SecretError if it is none; a recipe's names are all there."""
        del version
        try:
            return self.paths[secret_id].read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            raise SecretError(f"the file of the secret {secret_id!r} is not UTF-8") from None


@contextmanager
def told_errors(*, recipe_code: int = 1) -> Iterator[None]:
    """Tell what can't be done, and end; `recipe_code` is the exit code for a recipe's findings."""
    try:
        yield
    except RecipeError as error:
        fail(str(error), code=recipe_code)
    except (EngineError, FileReadError, SchemaMismatchError, UnknownKindError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}." if error.filename else str(error))


def recipe_text(path: Path) -> str:
    """Return a recipe file's text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        fail(f"{path}: byte {error.start}: not UTF-8.")


def read_recipe(path: Path, secrets: FileSecrets | None = None) -> Recipe:
    """Return the recipe of a file; ends when it needs a secret that is not among those given."""
    parsed = parse_recipe(recipe_text(path), name=str(path))
    missing = [name for name in parsed.secret_ids if secrets and name not in secrets.paths]
    if missing:
        fail(f"The recipe needs --secret NAME=FILE for: {', '.join(missing)}.")
    return parsed


def _named_files(options: Sequence[str] | None, option: str) -> Iterator[tuple[str, Path]]:
    for written in options or ():
        name, _, file = written.rpartition("=")
        if not name or not Path(file).is_file():
            fail(f"{option} wants NAME=FILE with a file that is there, not {written!r}.")
        yield name, Path(file)


def read_secrets(options: Sequence[str] | None) -> FileSecrets:
    """Read `NAME=FILE` options."""
    return FileSecrets(dict(_named_files(options, "--secret")))


def input_files(paths: Sequence[Path]) -> tuple[list[InputFile], FileFormat]:
    """Return files as the engine takes them, and their kind, which the first one's name tells."""
    return [InputFile(path, str(path)) for path in paths], FileFormat(kind=kind_of(paths[0].name))


def read_datasets(options: Sequence[str] | None) -> dict[str, Dataset]:
    """Read `NAME=FILE` options; the files of one name belong together."""
    paths: dict[str, list[Path]] = {}
    for name, path in _named_files(options, "--dataset"):
        paths.setdefault(name, []).append(path)
    return {name: Dataset(*input_files(files)) for name, files in paths.items()}


def read_columns(written: str) -> tuple[Column, ...]:
    """Return the columns of a file, with their types, or the names written, as texts."""
    if Path(written).is_file():
        return columns_of_files(*input_files([Path(written)]))
    if "," not in written and _names_a_file(written):
        fail(f"--columns: there is no file {written}.")
    names = [name.strip() for name in written.split(",")]
    if not all(names):
        fail(f"--columns wants names with commas between, or a file that is there: {written!r}.")
    return tuple(Column(name) for name in names)


def _names_a_file(written: str) -> bool:
    try:
        kind_of(written)
    except UnknownKindError:
        return False
    return True


def settings_of(compat: Compat, seed: int, memory: str, *, tally: bool = False) -> EngineSettings:
    """Return the engine's settings; whatever is written goes into one file."""
    if not _MEMORY.fullmatch(memory):
        fail(f"--memory wants a size such as 500MB or 2GB, not {memory!r}.")
    return EngineSettings(
        memory_limit=memory,
        seed=seed,
        compat=compat is Compat.DATABREW,
        max_rows_per_file=ONE_FILE,
        tally=tally,
    )


def tell(text: str, *, err: bool = False) -> None:
    """Print lines, without what would command a terminal."""
    typer.echo("\n".join(map(on_one_line, text.split("\n"))), err=err)
