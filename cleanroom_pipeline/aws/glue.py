"""Glue: read a table and its partitions, and switch them.

Here: calls. Not here: what the table says (`catalog.table_input`), or whether it is good.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from cleanroom_pipeline.aws.session import AwsSession

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient


class MissingDatabaseError(LookupError):
    """The Glue database is not there; the pipeline makes tables, not databases."""


class TableChangedError(RuntimeError):
    """Somebody else created, changed or dropped what we read before we could write it."""


class GlueCatalog(dg.ConfigurableResource[Any]):
    """The Glue Data Catalog of this account."""

    session: dg.ResourceDependency[AwsSession]

    @property
    def client(self) -> "GlueClient":
        """The shared Glue client."""
        client: GlueClient = self.session.client("glue")
        return client

    def get_table(self, database: str, table: str) -> dict[str, Any] | None:
        """Return the table as Glue has it; None if there is none."""
        try:
            answer = self.client.get_table(DatabaseName=database, Name=table)
        except self.client.exceptions.EntityNotFoundException:
            return None
        return dict(answer["Table"])

    def put_table(
        self, database: str, table_input: Mapping[str, Any], replaces: Mapping[str, Any] | None
    ) -> None:
        """Create the table, or update the one that was read before.

        Its VersionId goes along, so that Glue refuses the update where somebody else was quicker.
        The table is never dropped: Clean Rooms' configured tables refer to it. Raises
        MissingDatabaseError or TableChangedError, and has changed nothing then.
        """
        errors = self.client.exceptions
        request: dict[str, Any] = {"DatabaseName": database, "TableInput": dict(table_input)}
        try:
            if replaces is None:
                self.client.create_table(**request)
            elif "VersionId" in replaces:
                self.client.update_table(**request, VersionId=replaces["VersionId"])
            else:
                self.client.update_table(**request)
        except errors.EntityNotFoundException as error:
            if replaces is None:
                raise MissingDatabaseError(
                    f"Glue has no database {database!r}. It is part of what infra/ provisions."
                ) from error
            raise TableChangedError(_changed(database, table_input["Name"], "dropped")) from error
        except errors.AlreadyExistsException as error:
            raise TableChangedError(_changed(database, table_input["Name"], "created")) from error
        except errors.ConcurrentModificationException as error:
            raise TableChangedError(_changed(database, table_input["Name"], "changed")) from error

    def get_partitions(self, database: str, table: str) -> list[dict[str, Any]]:
        """Return all partitions, without their columns, sorted by their values; none of no table.

        A year of days is one page: https://docs.aws.amazon.com/glue/latest/webapi/API_GetPartitions.html
        """
        pages = self.client.get_paginator("get_partitions").paginate(
            DatabaseName=database, TableName=table, ExcludeColumnSchema=True
        )
        try:
            partitions = [dict(partition) for page in pages for partition in page["Partitions"]]
        except self.client.exceptions.EntityNotFoundException:
            return []
        return sorted(partitions, key=lambda partition: partition["Values"])

    def get_partition(
        self, database: str, table: str, values: Sequence[str]
    ) -> dict[str, Any] | None:
        """Return the partition of these values, one for each key; None if there is none."""
        try:
            answer = self.client.get_partition(
                DatabaseName=database, TableName=table, PartitionValues=list(values)
            )
        except self.client.exceptions.EntityNotFoundException:
            return None
        return dict(answer["Partition"])

    def put_partition(
        self,
        database: str,
        table: str,
        partition_input: Mapping[str, Any],
        replaces: Mapping[str, Any] | None,
    ) -> None:
        """Create the partition, or update the one that was read before, by one call.

        Glue keeps no versions of partitions: it refuses to create one that is there and to update
        one that is not, and lets the last of several updates win. Raises TableChangedError, and
        has changed nothing then.
        """
        errors = self.client.exceptions
        request: dict[str, Any] = {
            "DatabaseName": database,
            "TableName": table,
            "PartitionInput": dict(partition_input),
        }
        values = list(partition_input["Values"])
        what = f"{table} (partition {', '.join(values)})"
        try:
            if replaces is None:
                self.client.create_partition(**request)
            else:
                self.client.update_partition(**request, PartitionValueList=values)
        except errors.EntityNotFoundException as error:
            raise TableChangedError(_changed(database, what, "dropped")) from error
        except errors.AlreadyExistsException as error:
            raise TableChangedError(_changed(database, what, "created")) from error
        except errors.ConcurrentModificationException as error:
            raise TableChangedError(_changed(database, what, "changed")) from error


def _changed(database: str, table: str, what: str) -> str:
    return (
        f"Table {table!r} of Glue database {database!r} was {what} by somebody else while this "
        "batch was being published. Run glue_table again."
    )
