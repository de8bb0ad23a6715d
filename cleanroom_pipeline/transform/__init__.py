"""The transform stage: a recipe runs over a batch, on the chosen engine.

Here: both engines as Dagster sees them. Not here: what a recipe means (`recipe`).
"""
