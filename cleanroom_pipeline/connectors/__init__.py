"""Data only: one folder per connector, with its `defs.yaml` and its `recipe.json`.

Here: YAML and JSON. Not here: Python, this line apart.
"""
