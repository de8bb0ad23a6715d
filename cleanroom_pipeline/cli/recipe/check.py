"""`cleanroom recipe check`.

Here: the command. Not here: the checks (`recipe.language`, `recipe.meaning`).
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from cleanroom_pipeline.cli.recipe.options import (
    RecipeFile,
    read_columns,
    recipe_text,
    tell,
    told_errors,
)
from cleanroom_pipeline.cli.shared import AsJson
from cleanroom_pipeline.recipe import Finding, RecipeError, parse_recipe
from cleanroom_pipeline.recipe.file_columns import check_typed
from cleanroom_pipeline.recipe.recipe_text import UnreadableRecipeError


def findings_json(name: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return findings as JSON's own values."""
    return {
        "recipe": name,
        "findings": [
            {
                "step": one.step,
                "operation": one.operation,
                "line": one.line,
                "message": one.message,
            }
            for one in findings
        ],
    }


def recipe_check(
    recipe: RecipeFile,
    columns: Annotated[
        str | None,
        typer.Option(help="The input's columns: names with commas between, or a file of rows."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell all that is wrong with a recipe: exit code 0 nothing, 1 something, 2 unreadable."""
    code = 0
    findings: Sequence[Finding] = ()
    with told_errors():
        given = None if columns is None else read_columns(columns)
        text = recipe_text(recipe)
        try:
            parsed = parse_recipe(text, name=str(recipe))
            findings = () if given is None else check_typed(parsed, given)
            code = 1 if findings else 0
        except RecipeError as error:
            findings = error.findings
            code = 2 if isinstance(error, UnreadableRecipeError) else 1
    if as_json:
        typer.echo(json.dumps(findings_json(str(recipe), findings)))
    else:
        tell("\n".join(map(str, findings)) or f"{recipe}: nothing is wrong with it.")
    raise typer.Exit(code)
