"""Both engines on one batch: where the table that DataBrew wrote differs from ours.

Here: bringing a batch and a run's files together, and what is told of it. Not here: comparing
(`recipe.parity`), or running DataBrew (`transform.databrew_start`).
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.model import Manifest, TransformedFile
from cleanroom_pipeline.recipe import Recipe
from cleanroom_pipeline.recipe.engine import Dataset, EngineSettings, SecretProvider
from cleanroom_pipeline.recipe.files import FileFormat, InputFile
from cleanroom_pipeline.recipe.parity import Comparison, Suspects, suspects
from cleanroom_pipeline.recipe.parity_run import compare_with_files
from cleanroom_pipeline.recipe.plan import Column
from cleanroom_pipeline.recipe.providers import CipherProvider
from cleanroom_pipeline.transform.local import downloaded, seed_of


@dataclass(frozen=True, slots=True)
class Parity:
    """How two tables of one batch differ, and which step is suspected of each difference."""

    found: Comparison
    who: Suspects

    @property
    def same(self) -> bool:
        """Tell whether both engines gave the same rows. A managed engine has them in any order."""
        found = self.found
        in_place = found.rows_equal == found.rows_ours == found.rows_theirs
        return not (found.missing or found.extra) and (in_place or found.reordered)


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """What the local engine needs to run a batch's recipe beside its files."""

    secrets: SecretProvider
    ciphers: CipherProvider
    fetch: Callable[[Path], Mapping[str, Dataset]] = lambda _: {}
    memory_limit: str = EngineSettings().memory_limit


def compare_engines(
    storage: S3Storage,
    manifest: Manifest,
    recipe: Recipe,
    file_format: FileFormat,
    columns: Sequence[str],
    theirs: Sequence[TransformedFile],
    local: LocalEngine,
    *,
    most: int = 0,
) -> Parity:
    """Run the recipe here and compare with part files of DataBrew's; keep `most` cells that differ.

    `columns` are those of the batch's files. Raises what `run_recipe` does.
    """
    with (
        downloaded(storage, manifest) as inputs,
        tempfile.TemporaryDirectory(prefix="cleanroom-parity-") as folder,
    ):
        against = []
        for number, file in enumerate(theirs):
            against.append(InputFile(Path(folder, f"{number:06d}.parquet"), file.key))
            storage.download_transformed(file.key, against[-1].path)
        second = Path(folder, "datasets")
        second.mkdir()
        found = compare_with_files(
            recipe,
            inputs,
            file_format,
            against,
            FileFormat(kind="parquet"),
            most=most,
            secrets=local.secrets,
            ciphers=local.ciphers,
            datasets=local.fetch(second),
            settings=EngineSettings(memory_limit=local.memory_limit, seed=seed_of(manifest)),
        )
    return Parity(found, suspects(recipe, [Column(name) for name in columns]))
