"""Batch ids and manifests, made from what a batch takes and the time of its cut.

Here: the digest, the id, and the check of a manifest against what is there. Not here: S3.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from cleanroom_pipeline.inbound.completion.decision import Whole
from cleanroom_pipeline.model import Arrival, Manifest, on_one_line

STAMP = "%Y%m%dT%H%M%SZ"


class ManifestError(ValueError):
    """A manifest can't be made, or no longer says what is there."""


def digest(files: Iterable[Arrival]) -> str:
    """Return the SHA-256 of the files' identities, whatever order they come in.

    Lengths stand before the parts, so that no two different lists read the same.
    """
    state = hashlib.sha256()
    for file in sorted(files):
        for part in (file.key, file.version_id, file.etag, str(file.size)):
            encoded = part.encode()
            state.update(len(encoded).to_bytes(8, "big") + encoded)
    return state.hexdigest()


def moment_of(batch_id: str) -> datetime:
    """Return the moment of the cut that a batch id tells."""
    return datetime.strptime(batch_id.partition("-")[0], STAMP).replace(tzinfo=UTC)


def cut_moment(at: datetime, last_batch: str | None) -> datetime:
    """Return the moment that a new batch's id tells, in whole seconds: later than the last one's.

    So the ids of a connector's batches sort in the order of their cuts, whatever a clock does.
    """
    moment = at.astimezone(UTC).replace(microsecond=0)
    if last_batch is None:
        return moment
    return max(moment, moment_of(last_batch) + timedelta(seconds=1))


def build_manifest(
    connector: str,
    bucket: str,
    whole: Whole,
    *,
    policy: str,
    at: datetime,
    last_batch: str | None = None,
    recut_of: str | None = None,
) -> Manifest:
    """Return the manifest of a new batch that is cut at `at`, after `last_batch`."""
    files = tuple(sorted(whole.files))
    if not files:
        raise ManifestError(f"A batch of {connector} needs at least one file.")
    content = digest(files)
    return Manifest(
        connector=connector,
        batch_id=f"{cut_moment(at, last_batch):{STAMP}}-{content[:8]}",
        bucket=bucket,
        digest=content,
        files=files,
        policy=policy,
        reason=whole.reason,
        signals=tuple(sorted(whole.signals)),
        deliveries=whole.deliveries,
        positions=dict(whole.positions),
        day=whole.day,
        records=whole.records,
        recut_of=recut_of,
    )


def check_present(manifest: Manifest, present: Mapping[str, Arrival | None]) -> None:
    """Raise ManifestError unless each pinned version is there, as it was.

    `present` maps each file's key to what S3 has now under the pinned version id.
    """
    gone = [file.key for file in manifest.files if present.get(file.key) is None]
    if gone:
        raise ManifestError(
            f"Batch {manifest.batch_id} of {manifest.connector} pins {len(gone)} object version(s) "
            f"that are gone from bucket {manifest.bucket}: {named(gone)}. Restore them, or cut a "
            f"new batch from what is left: cleanroom batch cut {manifest.connector} "
            f"--again {manifest.batch_id} --reason ..."
        )
    changed = [
        file.key
        for file in manifest.files
        if (there := present[file.key]) and (there.etag, there.size) != (file.etag, file.size)
    ]
    if changed:
        raise ManifestError(
            f"Batch {manifest.batch_id} of {manifest.connector}: S3 has other bytes than the "
            f"manifest under {named(changed)}."
        )


def named(keys: list[str], most: int = 10) -> str:
    """Return names in words, up to `most` of them."""
    shown = ", ".join(map(on_one_line, keys[:most]))
    return shown if len(keys) <= most else f"{shown} and {len(keys) - most} more"
