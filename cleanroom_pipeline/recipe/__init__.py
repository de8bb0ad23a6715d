"""The DataBrew recipe language and an engine for it, as a library of its own.

Here: the names that callers need before they run anything. Not here: running (engine.py), files
(files.py); those bring DuckDB and pyarrow, and this does not.
"""

from cleanroom_pipeline.recipe.findings import Finding, RecipeError
from cleanroom_pipeline.recipe.language import Recipe, parse_recipe

__all__ = ["Finding", "Recipe", "RecipeError", "parse_recipe"]
