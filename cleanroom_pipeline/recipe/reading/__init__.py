"""Readers, one module per kind of file, and what they share.

Here: from the bytes of files to a relation of DuckDB's. Not here: recipes, or where files are from.
"""
