"""What the demonstration shows at its end.

Here: reading it back from Dagster, Glue and the queue, and laying it out. Not here: the walk.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from cleanroom_pipeline.catalog.reader import read_table
from cleanroom_pipeline.definitions import build_defs
from cleanroom_pipeline.model import Stage, asset_path
from cleanroom_pipeline.status import published_tables

ROWS_SHOWN = 10

Say = Callable[[str], None]


class MissingReportError(LookupError):
    """Something that a finished walk must have left is not there."""


def latest_metadata(
    instance: dg.DagsterInstance, connector: str, stage: Stage, batch_id: str
) -> tuple[str, Mapping[str, Any]]:
    """Return the run id and the metadata of a batch's newest materialization of a stage."""
    key = dg.AssetKey(asset_path(connector, stage))
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=key, asset_partitions=[batch_id]), limit=1
    ).records
    if not records or records[0].asset_materialization is None:
        raise MissingReportError(f"{key.to_user_string()} has no materialization of {batch_id}.")
    entry = records[0]
    return entry.run_id, entry.asset_materialization.metadata  # type: ignore[union-attr]  # told apart above


def stage_times(instance: dg.DagsterInstance, run_id: str) -> list[tuple[str, float]]:
    """Return each step of a run with its seconds, in order."""
    steps = [s for s in instance.get_run_step_stats(run_id) if s.start_time and s.end_time]
    ordered = sorted(steps, key=lambda step: step.start_time or 0)
    return [(step.step_key, (step.end_time or 0) - (step.start_time or 0)) for step in ordered]


def column_lines(columns: Sequence[Mapping[str, str]], lineage: dg.TableColumnLineage) -> list[str]:
    """Return a line per column: name, type, and the inbound columns that it comes from."""
    origins = {
        column: ", ".join(dep.column_name for dep in deps)
        for column, deps in lineage.deps_by_column.items()
    }
    width = max(len(column["Name"]) for column in columns)
    return [
        f"{column['Name']:<{width}}  {column['Type']:<10} <- {origins.get(column['Name'], '')}"
        for column in columns
    ]


def print_connector(
    connector: str, batch_id: str, table: tuple[str, str], resources: Any, instance: Any, say: Say
) -> None:
    """Print one connector's batch: stages, counts, columns, rows."""
    run_id, inbound = latest_metadata(instance, connector, Stage.INBOUND_FILES, batch_id)
    _, transformed = latest_metadata(instance, connector, Stage.TRANSFORMED_TABLE, batch_id)
    glue_table = resources.glue.get_table(*table)
    if glue_table is None:
        raise MissingReportError(f"Glue has no table {'.'.join(table)}.")
    say(f"\n{connector}  (batch {batch_id})")
    say(f"  {inbound['files'].value} files, {inbound['bytes'].value} bytes")
    for step, seconds in stage_times(instance, run_id):
        say(f"  {seconds:6.2f} s  {step}")
    say(
        f"  rows in {transformed['rows_in'].value}, "
        f"rows out {transformed['dagster/partition_row_count'].value}"
    )
    say(f"  {'.'.join(table)} at {glue_table['StorageDescriptor']['Location']}")
    lineage = transformed["dagster/column_lineage"].value
    for line in column_lines(glue_table["StorageDescriptor"]["Columns"], lineage):
        say(f"    {line}")
    rows = read_table(glue_table, resources.storage.session, ROWS_SHOWN)
    if rows.num_rows != ROWS_SHOWN:
        raise MissingReportError(f"{'.'.join(table)} gave {rows.num_rows} rows, not {ROWS_SHOWN}.")
    say(rows.to_pandas().to_string(index=False, max_colwidth=24))


def print_report(
    published: Mapping[str, str],
    messages: Sequence[Mapping[str, Any]],
    resources: Any,
    instance: dg.DagsterInstance,
    say: Say,
) -> None:
    """Print what the walk left, and raise MissingReportError for what it didn't."""
    tables = published_tables(build_defs())
    for connector, batch_id in sorted(published.items()):
        print_connector(connector, batch_id, tables[connector], resources, instance, say)
    say("\nWhat people were told (SNS)")
    for message in messages:
        say(f"  {message['Subject']}")
        for line in str(message["Message"]).splitlines():
            say(f"    {line}")
        attributes = {name: a["Value"] for name, a in message.get("MessageAttributes", {}).items()}
        say(f"    {json.dumps(attributes)}")
