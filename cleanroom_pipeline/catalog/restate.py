"""Publishing a day: the batch that holds it replaces it, and every other day stays as it is.

Here: the order of what is read and written, and what stops it. Not here: what is shared with a
snapshot (`catalog.publish`), the form of the documents (`catalog.table_input`).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from cleanroom_pipeline.aws.glue import GlueCatalog, TableChangedError
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.catalog.publish import (
    Published,
    PublishError,
    TableTarget,
    checked_facts,
    location_of,
    newer_batch,
    refuse_another_owner,
    verified,
)
from cleanroom_pipeline.catalog.readiness import Finding, TableFacts, storage_of
from cleanroom_pipeline.catalog.table_input import (
    DAY_KEY,
    LAST_BATCH_PARAMETER,
    batch_of,
    columns_listed,
    columns_of,
    day_table_input,
    partition_input,
    rows_of,
)
from cleanroom_pipeline.model import ColumnSpec, TransformedBatch


def day_of(transformed: TransformedBatch, day: str | None) -> date:
    """Return the day that a batch's manifest names; PublishError if it names none."""
    try:
        return date.fromisoformat(day or "")
    except ValueError as error:
        raise PublishError(
            f"Batch {transformed.batch_id} of {transformed.connector} is of no one day, and its "
            "table is replaced day by day. A batch that a person cut may hold several: send its "
            "days again, and raise completion.days where they are too late for it."
        ) from error


def publish_day(
    transformed: TransformedBatch,
    day: date,
    target: TableTarget,
    storage: S3Storage,
    glue: GlueCatalog,
) -> Published:
    """Verify, check, and switch one day of the table to this batch with one call.

    1. The table is made, if it is not there; readers find no day in it then.
    2. The day's partition is created, or updated: from then on readers see the batch.
    3. The table is told its last batch, and what columns mean by now.

    A day shows the batch of it that was cut last, so an older one that runs again, or runs late, is
    verified and checked, and switches nothing.

    Raises PublishError, NotReadyError, UnmappableTypeError, or what GlueCatalog's `put_table` and
    `put_partition` raise. Readers then see the day as it was, or, if 3. failed, as it is from now
    on; running again does what is left. Glue can't refuse to update a partition that somebody else
    has just updated, so two runs of one day must not overlap. The sensor sees to that; where a
    person's rerun does, the later run tells if it finds the other's batch in the place of its own.
    """
    files, footer = verified(transformed, storage)
    columns = columns_of(footer.schema, target.comments)
    table = glue.get_table(target.database, target.table)
    refuse_another_owner(table, transformed)
    partitions = glue.get_partitions(target.database, target.table)
    partition = partition_input(day, columns, transformed)
    others = tuple(other for other in partitions if other["Values"] != partition["Values"])
    last = batch_of(table, LAST_BATCH_PARAMETER)
    planned = _planned(target, columns, transformed, last)
    findings = checked_facts(TableFacts(target.database, planned, files, partition, others))
    _refuse_another_form(table, planned, partitions, target, transformed)
    if table is None or not partitions:
        glue.put_table(target.database, planned, replaces=table)
    earlier = glue.get_partition(target.database, target.table, partition["Values"])
    newer = newer_batch(earlier, transformed)
    if newer is None:
        newer = _switch(glue, target, partition, earlier, transformed)
        _tell_last_batch(glue, target, columns, transformed)
    shown = partition if newer is None or earlier is None else earlier
    return _published(transformed, day, columns, findings, earlier, newer, [*others, shown])


def _planned(
    target: TableTarget,
    columns: Sequence[ColumnSpec],
    transformed: TransformedBatch,
    last_batch: str | None,
) -> dict[str, Any]:
    return day_table_input(
        target.table,
        columns,
        transformed,
        description=target.description,
        last_batch=last_batch,
    )


def _refuse_another_form(
    table: Mapping[str, Any] | None,
    planned: Mapping[str, Any],
    partitions: Sequence[Mapping[str, Any]],
    target: TableTarget,
    transformed: TransformedBatch,
) -> None:
    """Raise PublishError where the table is not one of days, or its days have other columns."""
    if table is None:
        return
    keys = columns_listed({"Columns": table.get("PartitionKeys")})
    if keys != ((DAY_KEY["Name"], DAY_KEY["Type"]),):
        raise PublishError(
            f"{target.name} is there, and is not partitioned by {DAY_KEY['Name']} alone. Give "
            f"{transformed.connector} another table, or drop this one."
        )
    shown, given = columns_listed(storage_of(table)), columns_listed(storage_of(planned))
    if partitions and shown != given:
        raise PublishError(
            f"Batch {transformed.batch_id} has other columns than {target.name}, which shows "
            f"{len(partitions)} days. The table's: {_in_words(shown)}. The batch's: "
            f"{_in_words(given)}. Let the recipe give the table's columns, or publish to another "
            "table."
        )


def _in_words(columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {type_}" for name, type_ in columns)


def _switch(
    glue: GlueCatalog,
    target: TableTarget,
    partition: Mapping[str, Any],
    earlier: Mapping[str, Any] | None,
    transformed: TransformedBatch,
) -> str | None:
    """Write the partition; return the newer batch that another run wrote over it, if one did."""
    glue.put_partition(target.database, target.table, partition, replaces=earlier)
    shown = glue.get_partition(target.database, target.table, partition["Values"])
    newer = newer_batch(shown, transformed)
    if newer is None and location_of(shown) != transformed.location:
        raise TableChangedError(
            f"Another run wrote or dropped day {partition['Values'][0]} of {target.name} while "
            f"batch {transformed.batch_id} was being published. Run glue_table again."
        )
    return newer


def _tell_last_batch(
    glue: GlueCatalog,
    target: TableTarget,
    columns: Sequence[ColumnSpec],
    transformed: TransformedBatch,
) -> None:
    table = glue.get_table(target.database, target.table)
    if table is None:
        raise TableChangedError(
            f"{target.name} was dropped while batch {transformed.batch_id} was being published. "
            "Run glue_table again."
        )
    last = max(batch_of(table, LAST_BATCH_PARAMETER) or "", transformed.batch_id)
    told = _planned(target, columns, transformed, last)
    glue.put_table(target.database, told, replaces=table)


def _published(
    transformed: TransformedBatch,
    day: date,
    columns: tuple[ColumnSpec, ...],
    findings: tuple[Finding, ...],
    earlier: Mapping[str, Any] | None,
    newer: str | None,
    shown: Sequence[Mapping[str, Any]],
) -> Published:
    return Published(
        location=transformed.location,
        previous_location=location_of(earlier),
        rows=transformed.rows_out,
        columns=columns,
        findings=findings,
        superseded_by=newer,
        table_rows=sum(map(rows_of, shown)),
        day=day,
    )
