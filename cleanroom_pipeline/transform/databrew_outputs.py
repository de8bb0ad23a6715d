"""What a DataBrew run has written, checked before anything is made of it.

Here: its part files, found by the run's own record, their footers and columns. Not here: what the
recipe should give (`transform.expected_columns`), or copying: the files stay where they are.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa

from cleanroom_pipeline.aws.databrew import JobRun
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.external_runs import ExternalRunError
from cleanroom_pipeline.model import TransformedFile
from cleanroom_pipeline.parquet_footer import NotParquetError, read_footer
from cleanroom_pipeline.transform.expected_columns import ExpectedColumns, departures

PART = re.compile(r"_part\d+")


class RunOutputError(ExternalRunError):
    """A run SUCCEEDED, and what it left is not the table that its recipe gives."""


@dataclass(frozen=True, slots=True)
class RunOutput:
    """The folder that holds a run's part files directly, the files, and what their footers say."""

    prefix: str
    files: tuple[TransformedFile, ...]
    schema: pa.Schema
    rows: int


def read_output(storage: S3Storage, run: JobRun, expected: ExpectedColumns) -> RunOutput:
    """Return what a run wrote; RunOutputError says what is wrong with it."""
    prefix, files = part_files(storage, run)
    schemas, rows = [], 0
    for file in files:
        try:
            footer = read_footer(storage.range_reader(file.key), file.size)
        except NotParquetError as error:
            raise RunOutputError(
                f"{_left(run)} {file.key}, which is no Parquet: {error}"
            ) from error
        schemas.append(footer.schema)
        rows += footer.rows
    _check_alike(run, files, schemas)
    if found := departures(expected, schemas[0]):
        raise RunOutputError(
            f"{_left(run)} other columns than its recipe gives: {'; '.join(found)}. Nothing is "
            "published. See whether DataBrew's recipe is the connector's, and its files are the "
            "batch's."
        )
    return RunOutput(prefix, files, schemas[0], rows)


def _left(run: JobRun) -> str:
    return f"DataBrew run {run.run_id} SUCCEEDED and left"


def part_files(storage: S3Storage, run: JobRun) -> tuple[str, tuple[TransformedFile, ...]]:
    """Return the folder that a run wrote its part files to, and the files.

    Where it wrote is what its own record says: the job may have been given another place since.
    DataBrew makes a folder there and names it itself; names are never guessed.
    """
    ours = [out.prefix for out in run.outputs if out.bucket == storage.transformed_bucket]
    if len(ours) != 1 or not ours[0]:
        raise RunOutputError(
            f"DataBrew run {run.run_id} tells of {len(run.outputs)} outputs; there must be one, "
            f"under a prefix of s3://{storage.transformed_bucket}/."
        )
    listed = storage.list_transformed(ours[0])
    files = tuple(file for file in listed if PART.search(PurePosixPath(file.key).name))
    folders = {str(PurePosixPath(file.key).parent) + "/" for file in files}
    if len(folders) != 1:
        raise RunOutputError(
            f"{_left(run)} {len(folders)} folders with part files under "
            f"s3://{storage.transformed_bucket}/{ours[0]}; there must be one."
        )
    return folders.pop(), files


def _check_alike(
    run: JobRun, files: Sequence[TransformedFile], schemas: Sequence[pa.Schema]
) -> None:
    for file, schema in zip(files, schemas, strict=True):
        if not schema.equals(schemas[0]):
            first = {(one.name, str(one.type)) for one in schemas[0]}
            differ = sorted({name for name, _ in first ^ {(o.name, str(o.type)) for o in schema}})
            raise RunOutputError(
                f"{_left(run)} part files of more than one schema: {file.key} is not as "
                f"{files[0].key} in {', '.join(differ) or 'the order of its columns'}."
            )
