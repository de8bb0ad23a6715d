"""The cut: from files that are whole to a batch that nothing can change.

Here: the order of the writes, each of which can be repeated. Not here: which files are whole
(`inbound.completion`), and the conditions of the writes (`ledger`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.inbound.completion.decision import Whole
from cleanroom_pipeline.inbound.manifest import build_manifest
from cleanroom_pipeline.ledger import Head, Ledger
from cleanroom_pipeline.ledger.table import never
from cleanroom_pipeline.ledger.writes import next_head
from cleanroom_pipeline.model import Manifest, manifest_key
from cleanroom_pipeline.records import read_manifest


@dataclass(frozen=True, slots=True)
class Cut:
    """A batch whose cut has begun; unfinished ones are finished by whoever comes next.

    `head` is what the head is after it, if no other decision has come since.
    """

    manifest: Manifest
    finished: bool
    head: Head


def write_manifest(
    storage: S3Storage,
    connector: str,
    whole: Whole,
    head: Head,
    *,
    policy: str,
    at: datetime,
    recut_of: str | None = None,
) -> Manifest:
    """Write the manifest of a batch to be, under an id that no other one has."""
    last_batch = head.last_batch
    while True:
        manifest = build_manifest(
            connector,
            storage.inbound_bucket,
            whole,
            policy=policy,
            at=at,
            last_batch=last_batch,
            recut_of=recut_of,
        )
        key = manifest_key(connector, manifest.batch_id)
        if storage.put_new_record(key, manifest.to_json()):
            return manifest
        # A cut that came to nothing left it; the same one again may take it as it is.
        if read_manifest(storage, connector, manifest.batch_id) == manifest:
            return manifest
        last_batch = manifest.batch_id


def cut(
    storage: S3Storage,
    ledger: Ledger,
    connector: str,
    whole: Whole,
    head: Head,
    *,
    policy: str,
    at: datetime,
    recut_of: str | None = None,
    out_of_time: Callable[[], bool] = never,
) -> Cut | None:
    """Cut a batch; None where another decision came after `head` was read."""
    manifest = write_manifest(
        storage, connector, whole, head, policy=policy, at=at, recut_of=recut_of
    )
    if not ledger.begin_cut(manifest, head):
        return None
    finished = ledger.finish_cut(manifest, at=at, out_of_time=out_of_time)
    return Cut(manifest, finished, replace(next_head(head, manifest.batch_id), open_batch=None))


def finish_open(
    storage: S3Storage,
    ledger: Ledger,
    connector: str,
    *,
    at: datetime,
    out_of_time: Callable[[], bool] = never,
) -> bool:
    """Finish a cut that was begun and not ended; False where time is up before it is finished."""
    batch_id = ledger.head(connector).open_batch
    if batch_id is None:
        return True
    manifest = read_manifest(storage, connector, batch_id)
    return ledger.finish_cut(manifest, at=at, out_of_time=out_of_time)
