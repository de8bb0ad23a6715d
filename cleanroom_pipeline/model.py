"""Frozen types, names and S3 paths that several stages share.

Here: what an arrival, a batch and its records are, and where they live. Not here: how a stage does
its work, anything of Dagster's or of an AWS client.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

CONNECTOR_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
BATCH_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
WRITE_ID = re.compile(r"[0-9a-f]{8}(-\d+)?")
_WORD = re.compile(r"\S+")
_AT_SIGNS = ("@", "%40")


# The tag by which AWS resources of ours tell their connector.
RESOURCE_TAG = "cleanroom:connector"
# Tags of a run: ours, and some of Dagster's own.
CONNECTOR_TAG = "cleanroom/connector"
ATTEMPT_TAG = "cleanroom/attempt"
PARTITION_TAG = "dagster/partition"
RETRY_STRATEGY_TAG = "dagster/retry_strategy"
RUN_KEY_TAG = "dagster/run_key"
SCHEDULED_TAG = ".dagster/scheduled_execution_time"
WILL_RETRY_TAG = "dagster/will_retry"

# Metadata that one stage leaves on its asset and another reads.
ROWS_IN_METADATA = "rows_in"
SUPERSEDED_METADATA = "superseded_by"


class Stage(StrEnum):
    """The assets of a connector, in the order in which data passes them."""

    INBOUND_FILES = "inbound_files"
    TRANSFORMED_TABLE = "transformed_table"
    GLUE_TABLE = "glue_table"
    CONFIGURED_TABLE = "configured_table"


class BatchState(StrEnum):
    """What the ledger knows of a batch. A replaced one was cut again, from what was left of it."""

    CUT = "cut"
    RUNNING = "running"
    PUBLISHED = "published"
    FAILED = "failed"
    REPLACED = "replaced"


class Engine(StrEnum):
    """What runs a recipe."""

    LOCAL = "local"
    DATABREW = "databrew"


class RecordError(ValueError):
    """A stored record, or a name from outside, is not of the form it must have."""


def asset_path(connector: str, stage: Stage) -> list[str]:
    """Return the parts of the asset key: `[connector, stage]`."""
    return [connector, stage.value]


def partitions_name(connector: str) -> str:
    """Return the name of the connector's dynamic partitions, whose keys are batch ids."""
    return f"{connector}__batches"


def checked(pattern: re.Pattern[str], value: str, what: str) -> str:
    """Return `value` if it has the form it must have before it becomes part of a path or a name."""
    if not pattern.fullmatch(value):
        raise RecordError(f"{what} must match {pattern.pattern!r}, and does not.")
    return value


def on_one_line(text: str) -> str:
    """Return the text with `?` for what does not print: a key may hold a terminal's commands."""
    return "".join(c if c.isprintable() else "?" for c in text)


def without_addresses(text: str) -> str:
    """Return the text with `(address)` for each word that may be or hold an e-mail address."""
    return _WORD.sub(
        lambda word: "(address)" if any(sign in word[0] for sign in _AT_SIGNS) else word[0], text
    )


def records_prefix(connector: str, batch_id: str) -> str:
    """Return where a batch's records live in the transformed bucket."""
    name = checked(CONNECTOR_NAME, connector, "A connector's name")
    return f"manifests/{name}/{checked(BATCH_ID, batch_id, 'A batch id')}/"


def manifest_key(connector: str, batch_id: str) -> str:
    """Return the S3 key of the batch's manifest."""
    return records_prefix(connector, batch_id) + "manifest.json"


def transformed_record_key(connector: str, batch_id: str) -> str:
    """Return the S3 key of the record that the last good transformation of the batch left."""
    return records_prefix(connector, batch_id) + "transformed.json"


def staging_prefix(connector: str, batch_id: str) -> str:
    """Return where a managed engine finds this batch's files and no other's."""
    return records_prefix(connector, batch_id).replace("manifests/", "staging/", 1)


def data_prefix(connector: str, batch_id: str, write_id: str) -> str:
    """Return the prefix that one run writes its Parquet files under, and nobody else anything.

    A rerun of a batch writes under a prefix of its own, so that readers of the published one are
    never shown half a table.
    """
    base = records_prefix(connector, batch_id).replace("manifests/", "tables/", 1)
    return f"{base}{checked(WRITE_ID, write_id, 'A write id')}/"


def utc_text(moment: datetime) -> str:
    """Return the moment as ISO 8601 in UTC, with a `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def utc_moment(text: str) -> datetime:
    """Read what `utc_text` wrote."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


@dataclass(frozen=True, slots=True, order=True)
class Arrival:
    """One object version seen in the inbound bucket. Sizes are in bytes."""

    key: str
    version_id: str
    etag: str
    size: int
    last_modified: datetime

    def to_json(self) -> dict[str, Any]:
        """Return a document that JSON can hold."""
        return {
            "key": self.key,
            "version_id": self.version_id,
            "etag": self.etag,
            "size": self.size,
            "last_modified": utc_text(self.last_modified),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave; RecordError if a field is missing or of another type."""
        try:
            return cls(
                key=str(document["key"]),
                version_id=str(document["version_id"]),
                etag=str(document["etag"]),
                size=int(document["size"]),
                last_modified=utc_moment(document["last_modified"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecordError(f"An arrival lacks or misstates a field: {error!r}.") from error


@dataclass(frozen=True, slots=True)
class Manifest:
    """The file list of one batch. `files` is sorted by key; `digest` is of their identities.

    `signals` are objects that hold no data and are used up by it, and so are `deliveries`, by
    execution id. `positions` are the last that it takes, by stream. `day` is the day that it holds
    in full. `records` is how many rows the provider says it has. `recut_of` is the batch from whose
    files a person had this one made.
    """

    connector: str
    batch_id: str
    bucket: str
    digest: str
    files: tuple[Arrival, ...]
    policy: str
    reason: str
    signals: tuple[Arrival, ...] = ()
    deliveries: tuple[str, ...] = ()
    positions: Mapping[str, int] = field(default_factory=dict)
    day: str | None = None
    records: int | None = None
    recut_of: str | None = None

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    def to_json(self) -> dict[str, Any]:
        """Return a document that JSON can hold."""
        return {
            "version": 1,
            "connector": self.connector,
            "batch_id": self.batch_id,
            "bucket": self.bucket,
            "digest": self.digest,
            "policy": self.policy,
            "reason": self.reason,
            "day": self.day,
            "records": self.records,
            "recut_of": self.recut_of,
            "deliveries": list(self.deliveries),
            "positions": dict(self.positions),
            "signals": [signal.to_json() for signal in self.signals],
            "files": [file.to_json() for file in self.files],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave; RecordError if it is not of that form."""
        try:
            return cls(
                connector=checked(CONNECTOR_NAME, document["connector"], "A connector's name"),
                batch_id=checked(BATCH_ID, document["batch_id"], "A batch id"),
                bucket=document["bucket"],
                digest=document["digest"],
                files=tuple(Arrival.from_json(file) for file in document["files"]),
                policy=document["policy"],
                reason=document["reason"],
                signals=tuple(Arrival.from_json(file) for file in document.get("signals", ())),
                deliveries=tuple(document.get("deliveries", ())),
                positions={str(s): int(p) for s, p in document.get("positions", {}).items()},
                day=document.get("day"),
                records=document.get("records"),
                recut_of=document.get("recut_of"),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecordError(f"A manifest lacks or misstates a field: {error!r}.") from error


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the ledger knows it. Batch ids of a connector sort in the order of their cuts.

    `attempt` counts the runs that were asked for. `day` is as in the manifest.
    """

    connector: str
    batch_id: str
    state: BatchState
    files: int
    size: int
    updated_at: datetime
    policy: str = ""
    reason: str = ""
    attempt: int = 1
    day: str | None = None
    was_published: bool = False
    run_id: str | None = None


class NoticeKind(StrEnum):
    """Why people are told of a delivery: it should be whole and is not, or it is and is empty."""

    OVERDUE = "overdue"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that people are to be told of a connector, once for each `state_id`.

    `missing` holds the first names of what is waited for. Of an empty delivery, `waiting_for` says
    how it is known, and both times are when it was found.
    """

    connector: str
    state_id: str
    since: datetime
    deadline: datetime
    waiting_for: str
    missing: tuple[str, ...] = ()
    kind: NoticeKind = NoticeKind.OVERDUE


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column of a Glue table: its name, its Glue type, and what it is in words."""

    name: str
    type: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class TransformedFile:
    """One Parquet file that a transformation wrote. Size is in bytes."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class TransformedBatch:
    """What a transformation left: which files, how many rows, by which recipe and engine."""

    connector: str
    batch_id: str
    engine: Engine
    bucket: str
    prefix: str
    files: tuple[TransformedFile, ...]
    rows_in: int
    rows_out: int
    recipe_sha256: str
    external_run_id: str | None = None

    @property
    def location(self) -> str:
        """The S3 address of the folder that holds the files directly."""
        return f"s3://{self.bucket}/{self.prefix}"

    def to_json(self) -> dict[str, Any]:
        """Return a document that JSON can hold."""
        return {
            "version": 1,
            "connector": self.connector,
            "batch_id": self.batch_id,
            "engine": self.engine.value,
            "bucket": self.bucket,
            "prefix": self.prefix,
            "files": [{"key": file.key, "size": file.size} for file in self.files],
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "recipe_sha256": self.recipe_sha256,
            "external_run_id": self.external_run_id,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave; RecordError if it is not of that form."""
        try:
            return cls(
                connector=document["connector"],
                batch_id=document["batch_id"],
                engine=Engine(document["engine"]),
                bucket=document["bucket"],
                prefix=document["prefix"],
                files=tuple(TransformedFile(f["key"], int(f["size"])) for f in document["files"]),
                rows_in=int(document["rows_in"]),
                rows_out=int(document["rows_out"]),
                recipe_sha256=document["recipe_sha256"],
                external_run_id=document["external_run_id"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RecordError(f"A record lacks or misstates a field: {error!r}.") from error
