"""The engine `local`: a recipe over a batch's files, in this process, in bounded memory.

Here: pinned versions to a scratch folder, the recipe, the results to S3. Not here: what a recipe
means (`recipe`), or when this engine is chosen (`transform.assets`).
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.model import Engine, Manifest, TransformedBatch, data_prefix
from cleanroom_pipeline.recipe import Recipe
from cleanroom_pipeline.recipe.engine import Dataset, EngineSettings, SecretProvider, run_recipe
from cleanroom_pipeline.recipe.files import InputFile
from cleanroom_pipeline.recipe.providers import CipherProvider
from cleanroom_pipeline.records import FormatChoice


@contextmanager
def downloaded(storage: S3Storage, manifest: Manifest) -> Iterator[Sequence[InputFile]]:
    """Hold the batch's files, in manifest order, in a scratch folder that goes away afterwards."""
    with tempfile.TemporaryDirectory(prefix="cleanroom-transform-") as folder:
        files = [
            InputFile(Path(folder, f"{number:06d}"), arrival.key)
            for number, arrival in enumerate(manifest.files)
        ]
        for file, arrival in zip(files, manifest.files, strict=True):
            storage.download_inbound(arrival, file.path)
        yield files


def seed_of(manifest: Manifest) -> int:
    """Return the seed of a batch's random steps: the same each time, and nobody's to guess.

    The digest covers the version ids of the files, which only readers of the bucket know. Whoever
    knows a seed can undo SHUFFLE_ROWS.
    """
    return int(manifest.digest, 16)


def transform_batch(
    storage: S3Storage,
    manifest: Manifest,
    recipe: Recipe,
    format_choice: FormatChoice,
    secrets: SecretProvider,
    ciphers: CipherProvider,
    settings: EngineSettings,
    *,
    write_id: str,
    fetch: Callable[[Path], Mapping[str, Dataset]] = lambda _: {},
) -> TransformedBatch:
    """Run the recipe and write its Parquet under a prefix that is this run's alone.

    `fetch` brings the recipe's second datasets into a folder.
    """
    prefix = data_prefix(manifest.connector, manifest.batch_id, write_id)
    with (
        downloaded(storage, manifest) as files,
        tempfile.TemporaryDirectory(prefix="cleanroom-datasets-") as second,
        tempfile.TemporaryDirectory(prefix="cleanroom-output-") as output,
    ):
        result = run_recipe(
            recipe,
            files,
            format_choice.for_batch([file.key for file in manifest.files]),
            Path(output),
            secrets=secrets,
            ciphers=ciphers,
            datasets=fetch(Path(second)),
            settings=replace(settings, seed=seed_of(manifest)),
        )
        uploaded = tuple(
            storage.upload(file.path, prefix + file.path.name) for file in result.files
        )
    return TransformedBatch(
        connector=manifest.connector,
        batch_id=manifest.batch_id,
        engine=Engine.LOCAL,
        bucket=storage.transformed_bucket,
        prefix=prefix,
        files=uploaded,
        rows_in=result.rows_in,
        rows_out=result.rows_out,
        recipe_sha256=recipe.sha256,
    )
