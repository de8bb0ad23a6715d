"""Publishing: the files are verified, the planned table is checked, then Glue is switched at once.

Here: the order, and what stops it, where a batch is the whole table; what is shared with days. Not
here: the checks themselves (`catalog.readiness`), the form of the table (`catalog.table_input`), a
batch that is one day of the table (`catalog.restate`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest
from typing import Any

import pyarrow as pa

from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.catalog.readiness import (
    Finding,
    Severity,
    TableFacts,
    TableFile,
    check_table,
    storage_of,
)
from cleanroom_pipeline.catalog.table_input import (
    CONNECTOR_PARAMETER,
    batch_of,
    columns_of,
    table_input,
)
from cleanroom_pipeline.model import ColumnSpec, TransformedBatch
from cleanroom_pipeline.parquet_footer import Footer, NotParquetError, read_footer

BLOCKING = frozenset({Severity.ERROR, Severity.PRIVACY})


class PublishError(RuntimeError):
    """What would be published is not what was transformed; the earlier table stays as it is."""


class NotReadyError(PublishError):
    """Clean Rooms would not accept the table, or not read it right; `findings` says why."""

    def __init__(self, table: str, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        listed = "\n".join(f"  {f.check_id}: {f.message} {f.fix}" for f in findings)
        super().__init__(f"{table} is not published; {len(findings)} checks fail:\n{listed}")


@dataclass(frozen=True, slots=True)
class TableTarget:
    """Where a batch is published: Glue's database and table, and what the columns mean."""

    database: str
    table: str
    description: str
    comments: Mapping[str, str]

    @property
    def name(self) -> str:
        """Database and table, as SQL writes them."""
        return f"{self.database}.{self.table}"


@dataclass(frozen=True, slots=True)
class Published:
    """What readers see from now on, what they saw before, and what was found on the way.

    With `superseded_by`, readers go on seeing that batch, because it is newer than this one. Where
    the batch is one day of the table, `previous_location` is of that `day`, and `table_rows` are
    those of all days that readers see; else they are the batch's.
    """

    location: str
    previous_location: str | None
    rows: int
    columns: tuple[ColumnSpec, ...]
    findings: tuple[Finding, ...]
    superseded_by: str | None
    table_rows: int
    day: date | None = None


def verified(
    transformed: TransformedBatch, storage: S3Storage
) -> tuple[tuple[TableFile, ...], Footer]:
    """Read and verify a batch's files; return them, and one footer. Raises PublishError."""
    if transformed.bucket != storage.transformed_bucket:
        raise PublishError(
            f"Batch {transformed.batch_id} was written to {transformed.location}, and the "
            f"transformed bucket is {storage.transformed_bucket}. Run transformed_table again."
        )
    files = read_files(storage, transformed)
    return files, verify_files(storage, transformed, files)


def read_files(storage: S3Storage, transformed: TransformedBatch) -> tuple[TableFile, ...]:
    """Read the footer of every object under the prefix; one that is not Parquet has none."""
    files = []
    for file in storage.list_transformed(transformed.prefix):
        try:
            footer: Footer | None = read_footer(storage.range_reader(file.key), file.size)
        except NotParquetError:
            footer = None
        files.append(TableFile(file.key.removeprefix(transformed.prefix), file.size, footer))
    return tuple(files)


def verify_files(
    storage: S3Storage, transformed: TransformedBatch, files: Sequence[TableFile]
) -> Footer:
    """Raise PublishError unless the files are the record's; return the first one's footer."""
    _verify_names_and_sizes(transformed, files)
    footers = [file.footer for file in files if file.footer]
    if len(footers) != len(files) or not footers:
        names = ", ".join(file.name for file in files if not file.footer) or "no file at all"
        raise PublishError(f"Under {transformed.location}, this is not Parquet: {names}.")
    for file, footer in zip(files, footers, strict=True):
        if differing := _differences(footers[0].schema, footer.schema):
            raise PublishError(
                f"{files[0].name} and {file.name} under {transformed.location} differ in schema: "
                f"{differing}."
            )
    rows = sum(footer.rows for footer in footers)
    if rows != transformed.rows_out:
        raise PublishError(
            f"The files under {transformed.location} hold {rows} rows; the transformation wrote "
            f"{transformed.rows_out}."
        )
    _verify_encryption(storage, transformed)
    return footers[0]


def _verify_names_and_sizes(transformed: TransformedBatch, files: Sequence[TableFile]) -> None:
    written = {(file.key.removeprefix(transformed.prefix), file.size) for file in transformed.files}
    present = {(file.name, file.size) for file in files}
    if written != present:
        differing = ", ".join(sorted({name for name, _ in written ^ present}))
        raise PublishError(
            f"Under {transformed.location} is not what was written there: {differing}. Run "
            "transformed_table again."
        )


def _differences(first: pa.Schema, other: pa.Schema) -> str:
    """Return the fields in which two schemas differ, in words; nothing where they are equal."""
    if first.equals(other):
        return ""
    pairs = zip_longest(map(_field, first), map(_field, other), fillvalue="nothing")
    told = "; ".join(f"{one} against {two}" for one, two in pairs if one != two)
    return told or "what it is does not show in the names of the types"


def _field(field: pa.Field) -> str:
    return f"{field.name} {field.type}{'' if field.nullable else ' not null'}"


def _verify_encryption(storage: S3Storage, transformed: TransformedBatch) -> None:
    for file in transformed.files:
        key = storage.kms_key_of(file.key)
        if key != storage.kms_key_arn:
            raise PublishError(
                f"s3://{transformed.bucket}/{file.key} is encrypted under {key or 'no KMS key'}, "
                f"and must be under {storage.kms_key_arn}."
            )


def checked_facts(facts: TableFacts) -> tuple[Finding, ...]:
    """Run the readiness checks; return what they found, or raise NotReadyError with what blocks."""
    findings = check_table(facts)
    blocking = [finding for finding in findings if finding.severity in BLOCKING]
    if blocking:
        raise NotReadyError(f"{facts.database}.{facts.table['Name']}", blocking)
    return findings


def refuse_another_owner(table: Mapping[str, Any] | None, transformed: TransformedBatch) -> None:
    """Raise PublishError where the table is another connector's."""
    parameters = (table or {}).get("Parameters") or {}
    owner = parameters.get(CONNECTOR_PARAMETER, transformed.connector)
    if owner != transformed.connector:
        raise PublishError(
            f"The table shows batches of connector {owner!r}. Give {transformed.connector} a table "
            "of its own."
        )


def newer_batch(entry: Mapping[str, Any] | None, transformed: TransformedBatch) -> str | None:
    """Return the batch that a table or a partition shows, if it is newer than this one."""
    shown = batch_of(entry)
    return shown if shown is not None and shown > transformed.batch_id else None


def location_of(entry: Mapping[str, Any] | None) -> str | None:
    """Return where the files of a table or a partition lie."""
    return None if entry is None else storage_of(entry).get("Location")


def publish(
    transformed: TransformedBatch, target: TableTarget, storage: S3Storage, glue: GlueCatalog
) -> Published:
    """Verify, check, and switch the table to this batch with one call.

    A snapshot table shows the newest batch, so an older one that runs again, or runs late, is
    verified and checked, and switches nothing. Batch ids sort by time.

    Raises PublishError, NotReadyError, UnmappableTypeError, or what `GlueCatalog.put_table` raises,
    and has changed nothing then.
    """
    files, footer = verified(transformed, storage)
    columns = columns_of(footer.schema, target.comments)
    planned = table_input(target.table, columns, transformed, description=target.description)
    findings = checked_facts(TableFacts(target.database, planned, files))
    earlier = glue.get_table(target.database, target.table)
    refuse_another_owner(earlier, transformed)
    if earlier and earlier.get("PartitionKeys"):
        raise PublishError(
            f"{target.name} is partitioned, and a snapshot is not. Give the connector another "
            "table, or `load: restate`."
        )
    newer = newer_batch(earlier, transformed)
    if newer is None:
        glue.put_table(target.database, planned, replaces=earlier)
    return Published(
        location=transformed.location,
        previous_location=location_of(earlier),
        rows=transformed.rows_out,
        columns=columns,
        findings=findings,
        superseded_by=newer,
        table_rows=transformed.rows_out,
    )
