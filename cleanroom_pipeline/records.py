"""What stages leave for one another about a batch, and how its files are read.

Here: reading and writing a batch's records in S3, the format of its files. Not here: the ledger,
which remembers states (`ledger`), and the records' form (`model`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.model import (
    Manifest,
    RecordError,
    TransformedBatch,
    manifest_key,
    records_prefix,
    transformed_record_key,
)
from cleanroom_pipeline.recipe.files import FileFormat, Kind, kind_of

INBOUND_RECORD = "inbound.json"


class MissingRecordError(LookupError):
    """A stage finds no record of the stage before it."""


class MixedFormatsError(ValueError):
    """The files of one batch are of more than one kind."""


@dataclass(frozen=True, slots=True)
class FormatChoice:
    """How a connector's files are read; with `by_name`, each batch's kind is told by file names."""

    options: FileFormat
    by_name: bool

    def for_batch(self, keys: Sequence[str]) -> FileFormat:
        """Return the one format of a batch's files; MixedFormatsError if names tell of several.

        A name in `.json` may stand for lines of JSON too, so it goes with `.jsonl`.
        """
        if not self.by_name:
            return self.options
        kinds = {kind_of(key): key for key in keys}
        if kinds.keys() == {"json", "jsonl"}:
            del kinds["jsonl"]
        if len(kinds) > 1:
            named = "; ".join(f"{kind}: {key}" for kind, key in sorted(kinds.items()))
            raise MixedFormatsError(
                f"The files of one batch must be of one kind, and these are not: {named}."
            )
        return replace(self.options, kind=next(iter(kinds)))


@dataclass(frozen=True, slots=True)
class InboundSummary:
    """What was found in a batch's files: their kind, their columns by name, rows of all of them.

    `plain`: any reader of their kind reads the files as we do, as far as their bytes go; `uniform`:
    they have the same columns of the same types in the same order; `bad_rows` were put aside.
    """

    kind: Kind
    columns: tuple[str, ...]
    rows: int
    plain: bool = True
    uniform: bool = True
    bad_rows: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return a document that JSON can hold."""
        return {"version": 1, **asdict(self), "columns": list(self.columns)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave; RecordError if it is not of that form."""
        try:
            return cls(
                kind_of(f"a.{document['kind']}"),
                tuple(document["columns"]),
                int(document["rows"]),
                plain=bool(document.get("plain", True)),
                uniform=bool(document.get("uniform", True)),
                bad_rows=int(document.get("bad_rows", 0)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RecordError(f"A record lacks or misstates a field: {error!r}.") from error


def quarantine_prefix(connector: str, batch_id: str) -> str:
    """Return where the bad rows of a batch are put aside in the transformed bucket."""
    return records_prefix(connector, batch_id).replace("manifests/", "quarantine/", 1)


def read_manifest(storage: S3Storage, connector: str, batch_id: str) -> Manifest:
    """Read a batch's manifest; MissingRecordError if there is none."""
    key = manifest_key(connector, batch_id)
    record = storage.get_record(key)
    if record is None:
        raise MissingRecordError(
            f"Batch {batch_id} of {connector} has no manifest at "
            f"s3://{storage.transformed_bucket}/{key}."
        )
    return Manifest.from_json(record)


def read_inbound_summary(storage: S3Storage, connector: str, batch_id: str) -> InboundSummary:
    """Read what inbound_files found in a batch; MissingRecordError if it has not looked yet."""
    record = storage.get_record(records_prefix(connector, batch_id) + INBOUND_RECORD)
    if record is None:
        raise MissingRecordError(
            f"Nobody has looked into batch {batch_id} of {connector}. Run its inbound_files first."
        )
    return InboundSummary.from_json(record)


def write_inbound_summary(
    storage: S3Storage, connector: str, batch_id: str, summary: InboundSummary
) -> None:
    """Write what was found in a batch's files; the batch never changes, so neither does this."""
    storage.put_record(records_prefix(connector, batch_id) + INBOUND_RECORD, summary.to_json())


def read_transformed(storage: S3Storage, connector: str, batch_id: str) -> TransformedBatch:
    """Read what the last good transformation of a batch left; MissingRecordError if none did."""
    key = transformed_record_key(connector, batch_id)
    record = storage.get_record(key)
    if record is None:
        raise MissingRecordError(
            f"Batch {batch_id} of {connector} is not transformed yet: there is no "
            f"s3://{storage.transformed_bucket}/{key}. Run its transformed_table first."
        )
    return TransformedBatch.from_json(record)


def write_transformed(storage: S3Storage, transformed: TransformedBatch) -> None:
    """Write the record of a transformation, in place of an earlier one of the same batch."""
    storage.put_record(
        transformed_record_key(transformed.connector, transformed.batch_id), transformed.to_json()
    )
