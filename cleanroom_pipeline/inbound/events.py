"""What S3's notifications say.

Here: reading a message's body, and finding the connector that a key belongs to. Not here: queues.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from urllib.parse import unquote_plus

from cleanroom_pipeline.model import Arrival, utc_moment


class MessageError(ValueError):
    """A message is no S3 notification. Its content is not repeated: it could be anything."""


class OverlapError(ValueError):
    """Two connectors would both take the same objects."""


@dataclass(frozen=True, slots=True)
class CreatedObject:
    """An object that a notification says was created; what it says of the version may be partial.

    `created_at` is when a multipart upload was completed: LastModified says when it was begun.
    """

    bucket: str
    key: str
    created_at: datetime
    version_id: str | None = None
    etag: str | None = None
    size: int | None = None

    @property
    def arrival(self) -> Arrival | None:
        """The arrival, if the notification says all of it."""
        if not self.version_id or not self.etag or self.size is None:
            return None
        # LastModified has whole seconds, and what a listing tells is held against what this does.
        at = self.created_at.replace(microsecond=0)
        return Arrival(self.key, self.version_id, self.etag, self.size, at)


def created_objects(body: str) -> tuple[CreatedObject, ...]:
    """Read a notification; `s3:TestEvent` and events of other kinds give nothing.

    Keys come URL-encoded with `+` for a blank:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    try:
        document = json.loads(body)
        if document.get("Event") == "s3:TestEvent":
            return ()
        return tuple(
            _created(record)
            for record in document["Records"]
            if record["eventName"].removeprefix("s3:").startswith("ObjectCreated:")
        )
    except RecursionError:
        raise MessageError("A message of the inbound queue is nested too deep.") from None
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise MessageError(
            f"A message of the inbound queue is no S3 notification ({type(error).__name__})."
        ) from None


def _created(record: Mapping[str, Any]) -> CreatedObject:
    described, size = record["s3"]["object"], record["s3"]["object"].get("size")
    # A lone surrogate is no text, and no key of S3's.
    described["key"].encode()
    return CreatedObject(
        bucket=str(record["s3"]["bucket"]["name"]),
        key=unquote_plus(described["key"]),
        version_id=described.get("versionId"),
        etag=described.get("eTag"),
        size=None if size is None else int(size),
        created_at=utc_moment(record["eventTime"]),
    )


def connector_of(key: str, prefixes: Mapping[str, str]) -> str | None:
    """Return the connector whose inbound prefix the key is under; `prefixes` is name to prefix."""
    return next((name for name, prefix in prefixes.items() if key.startswith(prefix)), None)


def check_prefixes(prefixes: Iterable[tuple[str, str]]) -> None:
    """Raise OverlapError where one connector's prefix holds another's."""
    ordered = sorted((prefix, name) for name, prefix in prefixes)
    for (outer, one), (inner, other) in pairwise(ordered):
        if inner.startswith(outer):
            raise OverlapError(
                f"Connectors {one} ({outer!r}) and {other} ({inner!r}) have inbound prefixes of "
                "which one holds the other: an object would belong to both. Give each its own."
            )
