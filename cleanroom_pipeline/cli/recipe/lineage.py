"""`cleanroom recipe lineage`.

Here: the command. Not here: following columns (`recipe.lineage`).
"""

import json
from collections.abc import Mapping

import typer

from cleanroom_pipeline.cli.recipe.options import (
    Columns,
    RecipeFile,
    read_columns,
    read_recipe,
    tell,
    told_errors,
)
from cleanroom_pipeline.cli.shared import AsJson
from cleanroom_pipeline.recipe import Recipe
from cleanroom_pipeline.recipe.lineage import ColumnOrigin, plan_lineage
from cleanroom_pipeline.recipe.meaning import build_plan
from cleanroom_pipeline.recipe.operations.declaration import PlanOptions


def lineage_text(recipe: Recipe, origins: Mapping[str, ColumnOrigin]) -> str:
    """Return a line for each output column."""

    def steps(origin: ColumnOrigin) -> str:
        named = (f"{number} {recipe.steps[number - 1].operation}" for number in origin.steps)
        return f" by {', '.join(named)}" if origin.steps else ""

    return "\n".join(
        f"{name} <- {', '.join(sorted(origin.columns)) or 'no column'}{steps(origin)}"
        for name, origin in origins.items()
    )


def recipe_lineage(recipe: RecipeFile, columns: Columns, as_json: AsJson = False) -> None:
    """Show which input columns and which steps each output column depends on."""
    with told_errors():
        parsed = read_recipe(recipe)
        given = read_columns(columns)
        plan = build_plan(parsed.steps, given, PlanOptions(), name=parsed.name)
        origins = plan_lineage(plan, given)
    if as_json:
        found = {
            name: {"columns": sorted(origin.columns), "steps": list(origin.steps)}
            for name, origin in origins.items()
        }
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        tell(lineage_text(parsed, origins))
