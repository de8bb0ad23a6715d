"""Glue: read a table, and switch it.

Here: calls. Not here: what the table says (`catalog.table_input`), or whether it is good.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from cleanroom_pipeline.aws.session import AwsSession

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient


class MissingDatabaseError(LookupError):
    """The Glue database is not there; the pipeline makes tables, not databases."""


class TableChangedError(RuntimeError):
    """Somebody else created, changed or dropped the table between our reading and our writing."""


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
            raise TableChangedError(_changed(database, table_input, "dropped")) from error
        except errors.AlreadyExistsException as error:
            raise TableChangedError(_changed(database, table_input, "created")) from error
        except errors.ConcurrentModificationException as error:
            raise TableChangedError(_changed(database, table_input, "changed")) from error


def _changed(database: str, table_input: Mapping[str, Any], what: str) -> str:
    return (
        f"Table {table_input['Name']!r} of Glue database {database!r} was {what} by somebody else "
        "while this batch was being published. Run glue_table again."
    )
