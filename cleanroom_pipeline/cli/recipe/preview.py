"""`cleanroom recipe preview`.

Here: the command. Not here: what a step did (`recipe.preview`).
"""

import json
from dataclasses import asdict
from typing import Annotated

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
from cleanroom_pipeline.cli.shared import AsJson, fail
from cleanroom_pipeline.recipe.engine import DEFAULT_MEMORY
from cleanroom_pipeline.recipe.preview import preview, preview_text


def recipe_preview(
    recipe: RecipeFile,
    inputs: Inputs,
    rows: Annotated[int, typer.Option(min=1, help="How many rows of the input to take.")] = 250,
    step: Annotated[int | None, typer.Option(min=1, help="Show this step alone.")] = None,
    print_rows: Annotated[
        int, typer.Option("--print", min=1, help="How many rows to print of each step.")
    ] = 10,
    show_values: ShowValues = False,
    compat: CompatOption = Compat.STRICT,
    seed: Seed = 0,
    secret: Secret = None,
    dataset: DatasetOption = None,
    memory: Memory = DEFAULT_MEMORY,
    as_json: AsJson = False,
) -> None:
    """Show what each step does to the first rows, before beside after; personal data is hidden.

    Letters show as x and digits as 9 in columns that a personal data step names, that come from
    the same input column, or that look personal by their names or cells.
    """
    with told_errors():
        secrets = read_secrets(secret)
        parsed = read_recipe(recipe, secrets)
        if step is not None and step > len(parsed.steps):
            fail(f"--step: the recipe has {len(parsed.steps)} steps.")
        files, input_format = input_files(inputs)
        previews = preview(
            parsed,
            files,
            input_format,
            rows=rows,
            step=step,
            show_values=show_values,
            secrets=secrets,
            datasets=read_datasets(dataset),
            settings=settings_of(compat, seed, memory),
        )
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in previews], ensure_ascii=False))
    else:
        tell(preview_text(previews, print_rows))
