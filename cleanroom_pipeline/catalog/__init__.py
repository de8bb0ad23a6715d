"""The catalog stage: from Parquet files to a Glue table that Clean Rooms can query.

Here: types, names, readiness, the switch. Not here: how the files came about, or analysis rules.
"""
