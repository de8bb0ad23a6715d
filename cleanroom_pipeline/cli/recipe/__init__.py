"""`cleanroom recipe`: DataBrew recipes, all but `parity` without AWS.

Here: its commands, one module each. Not here: what a recipe means (`recipe`).
"""

import typer

from cleanroom_pipeline.cli.recipe.check import recipe_check
from cleanroom_pipeline.cli.recipe.diff import recipe_diff
from cleanroom_pipeline.cli.recipe.lineage import recipe_lineage
from cleanroom_pipeline.cli.recipe.operations import recipe_operations
from cleanroom_pipeline.cli.recipe.parity import recipe_parity
from cleanroom_pipeline.cli.recipe.preview import recipe_preview
from cleanroom_pipeline.cli.recipe.run import recipe_run

recipe_app = typer.Typer(no_args_is_help=True, help="DataBrew recipes, without AWS.")
recipe_app.command("run")(recipe_run)
recipe_app.command("check")(recipe_check)
recipe_app.command("preview")(recipe_preview)
recipe_app.command("operations")(recipe_operations)
recipe_app.command("lineage")(recipe_lineage)
recipe_app.command("diff")(recipe_diff)
recipe_app.command("parity")(recipe_parity)
