"""A batch where a managed engine finds it: exactly the manifest's files under one prefix.

Here: copies, conversions, and the listing that proves that nothing else is there. Not here: what
reads them.
"""

import tempfile
from pathlib import Path

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.model import Arrival, Manifest
from cleanroom_pipeline.recipe import Recipe
from cleanroom_pipeline.recipe.engine import run_recipe
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.records import InboundSummary
from cleanroom_pipeline.transform.databrew_requests import reads_as_they_are
from cleanroom_pipeline.transform.local import downloaded


class StagingError(RuntimeError):
    """Other files lie under a batch's staged prefix than those that were put there."""


def stage_batch(
    storage: S3Storage,
    manifest: Manifest,
    file_format: FileFormat,
    summary: InboundSummary,
    prefix: str,
) -> FileFormat:
    """Put the batch under `prefix`, where nothing else lies; return the format that it has there.

    A dataset of DataBrew is a prefix or a pattern, neither of which can pin a version. Files that
    it reads as we do are copied within S3; of others our own reader makes Parquet. What an earlier
    attempt left is used or removed. Raises StagingError unless S3 lists just what belongs there.
    """
    if reads_as_they_are(
        file_format, plain=summary.plain, uniform=summary.uniform, bad_rows=summary.bad_rows
    ):
        staged = _stage_copies(storage, manifest, file_format, prefix)
    else:
        staged = _stage_as_parquet(storage, manifest, file_format, prefix)
        file_format = FileFormat(kind="parquet")
    _check_listing(storage, prefix, staged)
    return file_format


def _stage_copies(
    storage: S3Storage, manifest: Manifest, file_format: FileFormat, prefix: str
) -> dict[str, int]:
    wanted = {
        f"{prefix}{number:06d}.{file_format.kind}{_packed(arrival)}": arrival
        for number, arrival in enumerate(manifest.files)
    }
    # A staged key tells the place in the manifest, which never changes, so its content doesn't.
    there = _listing(storage, prefix)
    if any(key not in wanted or wanted[key].size != size for key, size in there.items()):
        storage.delete_transformed(prefix)
        there = {}
    for key, arrival in wanted.items():
        if key not in there:
            storage.copy_inbound(arrival, key)
    return {key: arrival.size for key, arrival in wanted.items()}


def _packed(arrival: Arrival) -> str:
    return ".gz" if arrival.key.lower().endswith(".gz") else ""


def _stage_as_parquet(
    storage: S3Storage, manifest: Manifest, file_format: FileFormat, prefix: str
) -> dict[str, int]:
    with (
        downloaded(storage, manifest) as files,
        tempfile.TemporaryDirectory(prefix="cleanroom-staging-") as folder,
    ):
        as_it_is = Recipe("conversion", ())
        converted = run_recipe(as_it_is, files, file_format, Path(folder)).files
        storage.delete_transformed(prefix)
        uploaded = [storage.upload(file.path, prefix + file.path.name) for file in converted]
    return {file.key: file.size for file in uploaded}


def _listing(storage: S3Storage, prefix: str) -> dict[str, int]:
    return {file.key: file.size for file in storage.list_transformed(prefix)}


def _check_listing(storage: S3Storage, prefix: str, staged: dict[str, int]) -> None:
    there = _listing(storage, prefix)
    wrong = sorted(key for key in there.keys() | staged if there.get(key) != staged.get(key))
    if wrong:
        raise StagingError(
            f"{len(staged)} files were staged under s3://{storage.transformed_bucket}/{prefix}, "
            f"and S3 lists {len(there)} there; first other one: {wrong[0]}. Nothing but this "
            "pipeline may write there. Run the batch again."
        )
