"""The columns of files, read before any row is.

Here: names and types that a recipe can be checked against. Not here: whether rows can be read
(inspection.py), what a recipe makes of columns (meaning.py).
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from cleanroom_pipeline.recipe.files import FileFormat, InputFile
from cleanroom_pipeline.recipe.findings import Finding, RecipeError
from cleanroom_pipeline.recipe.language import Recipe
from cleanroom_pipeline.recipe.meaning import build_plan
from cleanroom_pipeline.recipe.operations.declaration import PlanOptions
from cleanroom_pipeline.recipe.plan import Column
from cleanroom_pipeline.recipe.session import Session
from cleanroom_pipeline.recipe.sources import open_source


def columns_of_files(files: Sequence[InputFile], format_: FileFormat) -> tuple[Column, ...]:
    """Return the columns as a recipe sees them. Raises FileReadError, or SchemaMismatchError."""
    with (
        tempfile.TemporaryDirectory(prefix="recipe-") as scratch,
        Session(Path(scratch), memory_limit="512MB", threads=1) as session,
    ):
        return open_source(session, files, format_).columns


def check_typed(recipe: Recipe, columns: Sequence[Column]) -> tuple[Finding, ...]:
    """Return what is wrong with a recipe over columns whose types are known."""
    found = recipe.check([column.name for column in columns])
    if found:
        return found
    try:
        build_plan(recipe.steps, columns, PlanOptions(), name=recipe.name)
    except RecipeError as error:
        return error.findings
    return ()
