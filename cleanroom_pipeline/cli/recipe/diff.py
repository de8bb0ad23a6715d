"""`cleanroom recipe diff`.

Here: the command. Not here: comparing (`recipe.parity`).
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cleanroom_pipeline.cli.recipe.options import (
    Compat,
    CompatOption,
    DatasetOption,
    Inputs,
    Memory,
    RecipeFile,
    Secret,
    Seed,
    ShowValues,
    input_files,
    read_datasets,
    read_recipe,
    read_secrets,
    settings_of,
    tell,
    told_errors,
)
from cleanroom_pipeline.cli.shared import AsJson
from cleanroom_pipeline.recipe.engine import DEFAULT_MEMORY
from cleanroom_pipeline.recipe.file_columns import columns_of_files
from cleanroom_pipeline.recipe.parity import (
    Comparison,
    Suspects,
    comparison_text,
    shown,
    suspects,
)
from cleanroom_pipeline.recipe.parity_run import compare_with_files


def comparison_json(found: Comparison, who: Suspects, *, show: bool) -> dict[str, Any]:
    """Return a comparison as JSON's own values; cells as a report shows them."""
    return {
        "equal": found.equal,
        "rows_ours": found.rows_ours,
        "rows_theirs": found.rows_theirs,
        "rows_equal": found.rows_equal,
        "reordered": found.reordered,
        "columns_missing": list(found.missing),
        "columns_extra": list(found.extra),
        "columns_in_order": found.same_order,
        "columns": [
            {"column": name, "cells": count, "step": who.of(name)}
            for name, count in found.columns.items()
        ],
        "first": [
            {
                "row": one.row,
                "column": one.column,
                "step": who.of(one.column),
                "ours": shown(one.ours, show=show),
                "theirs": shown(one.theirs, show=show),
            }
            for one in found.first
        ],
    }


def recipe_diff(
    recipe: RecipeFile,
    inputs: Inputs,
    against: Annotated[
        list[Path],
        typer.Option(help="What DataBrew wrote: CSV, JSON or Parquet. May be repeated, in order."),
    ],
    first: Annotated[int, typer.Option(min=1, help="How many cells to show.")] = 10,
    show_values: ShowValues = False,
    compat: CompatOption = Compat.DATABREW,
    seed: Seed = 0,
    secret: Secret = None,
    dataset: DatasetOption = None,
    memory: Memory = DEFAULT_MEMORY,
    as_json: AsJson = False,
) -> None:
    """Run a recipe and compare with DataBrew's output: exit code 0 equal, 1 different, 2 can't."""
    with told_errors(recipe_code=2):
        secrets = read_secrets(secret)
        parsed = read_recipe(recipe, secrets)
        files, input_format = input_files(inputs)
        theirs, their_format = input_files(against)
        who = suspects(parsed, columns_of_files(files, input_format))
        found = compare_with_files(
            parsed,
            files,
            input_format,
            theirs,
            their_format,
            most=first,
            secrets=secrets,
            datasets=read_datasets(dataset),
            settings=settings_of(compat, seed, memory),
        )
    if as_json:
        typer.echo(json.dumps(comparison_json(found, who, show=show_values), ensure_ascii=False))
    else:
        tell(comparison_text(found, parsed, who, show=show_values))
    raise typer.Exit(0 if found.equal else 1)
