"""Batch ids and manifests, made from nothing but the arrivals themselves.

Here: the digest, the id, and the check of a manifest against what is there. Not here: S3.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC

from cleanroom_pipeline.model import Arrival, Manifest, newest


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


def build_manifest(
    connector: str, bucket: str, files: Iterable[Arrival], *, policy: str, reason: str
) -> Manifest:
    """Return the manifest of a new batch. The same files always give the same batch id."""
    listed = tuple(sorted(files))
    latest = newest(listed)
    if latest is None:
        raise ManifestError(f"A batch of {connector} needs at least one file.")
    content = digest(listed)
    return Manifest(
        connector=connector,
        batch_id=f"{latest.astimezone(UTC):%Y%m%dT%H%M%SZ}-{content[:8]}",
        bucket=bucket,
        digest=content,
        files=listed,
        policy=policy,
        reason=reason,
    )


def check_present(manifest: Manifest, present: Mapping[str, Arrival | None]) -> None:
    """Raise ManifestError unless each pinned version is there, as it was.

    `present` maps each file's key to what S3 has now under the pinned version id.
    """
    gone = [file.key for file in manifest.files if present.get(file.key) is None]
    if gone:
        raise ManifestError(
            f"Batch {manifest.batch_id} of {manifest.connector} pins {len(gone)} object version(s) "
            f"that are gone from bucket {manifest.bucket}: {_named(gone)}. Restore them, or let a "
            "person cut a new batch from what is left."
        )
    changed = [
        file.key
        for file in manifest.files
        if (there := present[file.key]) and (there.etag, there.size) != (file.etag, file.size)
    ]
    if changed:
        raise ManifestError(
            f"Batch {manifest.batch_id} of {manifest.connector}: S3 has other bytes than the "
            f"manifest under {_named(changed)}."
        )


def _named(keys: list[str], most: int = 10) -> str:
    shown = ", ".join(keys[:most])
    return shown if len(keys) <= most else f"{shown} and {len(keys) - most} more"
