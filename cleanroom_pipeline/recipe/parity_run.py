"""Running a recipe to compare its output with files that DataBrew wrote.

Here: both outputs as streams of rows, in bounded memory. Not here: when rows are the same
(parity.py).
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cleanroom_pipeline.recipe.engine import Dataset, EngineSettings, run_recipe
from cleanroom_pipeline.recipe.files import FileFormat, InputFile
from cleanroom_pipeline.recipe.language import Recipe
from cleanroom_pipeline.recipe.output import OutputFile
from cleanroom_pipeline.recipe.parity import Comparison, compare
from cleanroom_pipeline.recipe.providers import CipherProvider, SecretProvider


def compare_with_files(
    recipe: Recipe,
    inputs: Sequence[InputFile],
    input_format: FileFormat,
    against: Sequence[InputFile],
    against_format: FileFormat,
    *,
    most: int,
    secrets: SecretProvider | None = None,
    ciphers: CipherProvider | None = None,
    datasets: Mapping[str, Dataset] | None = None,
    settings: EngineSettings,
) -> Comparison:
    """Return where our output differs from the files; keeps the first `most` cells that do.

    Raises what run_recipe does.
    """
    with tempfile.TemporaryDirectory(prefix="recipe-") as folder:
        ours = run_recipe(
            recipe,
            inputs,
            input_format,
            Path(folder) / "ours",
            secrets=secrets,
            ciphers=ciphers,
            datasets=datasets,
            settings=settings,
        )
        # A recipe without a step passes a file on as it is.
        theirs = run_recipe(
            replace(recipe, steps=()),
            against,
            against_format,
            Path(folder) / "theirs",
            settings=settings,
        )
        return compare(
            _batches(ours.files),
            _batches(theirs.files),
            (ours.schema, theirs.schema),
            csv=against_format.kind == "csv",
            most=most,
        )


def _batches(files: Sequence[OutputFile]) -> Iterator[pa.RecordBatch]:
    for file in files:
        with pq.ParquetFile(file.path) as opened:
            yield from opened.iter_batches()
