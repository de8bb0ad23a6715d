"""`cleanroom recipe operations`.

Here: the command. Not here: what is known of operations (`recipe.described`).
"""

import json

import typer

from cleanroom_pipeline.cli.recipe.options import tell
from cleanroom_pipeline.cli.shared import AsJson
from cleanroom_pipeline.recipe.described import all_operations, operations_text


def recipe_operations(as_json: AsJson = False) -> None:
    """Show every operation that AWS documents: how it is run here, or why it is not."""
    operations = all_operations()
    if as_json:
        typer.echo(json.dumps([one.to_json() for one in operations], indent=2))
    else:
        tell(operations_text(operations))
