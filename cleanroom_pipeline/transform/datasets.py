"""The second datasets of a connector's recipe, from where they lie to files of a run.

Here: fetching a prefix of the inbound bucket, or the files of a Glue table of ours. Not here: what
JOIN and UNION do (`recipe`), or the form of the setting (`connector_types`).

They are read as they are when a batch runs: a batch that runs again may meet another state of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.model import Arrival
from cleanroom_pipeline.recipe.engine import Dataset
from cleanroom_pipeline.recipe.files import FileFormat, InputFile
from cleanroom_pipeline.records import FormatChoice


class MissingDatasetError(LookupError):
    """A second dataset of a recipe is not there, or not where this pipeline may read."""


@dataclass(frozen=True, slots=True)
class InboundDataset:
    """Files under a prefix of the inbound bucket."""

    prefix: str
    format: FormatChoice


@dataclass(frozen=True, slots=True)
class TableDataset:
    """A Glue table whose Parquet lies in the transformed bucket."""

    database: str
    table: str


DatasetSource = InboundDataset | TableDataset


def fetch_datasets(
    storage: S3Storage, glue: GlueCatalog, sources: Mapping[str, DatasetSource], folder: Path
) -> dict[str, Dataset]:
    """Download each dataset into a folder of its own; MissingDatasetError if one is not there."""
    fetched = {}
    for place, (name, source) in enumerate(sources.items()):
        own = folder / f"dataset-{place:03d}"
        own.mkdir()
        if isinstance(source, InboundDataset):
            fetched[name] = _from_inbound(storage, name, source, own)
        else:
            fetched[name] = _from_table(storage, glue, name, source, own)
    return fetched


def _from_inbound(storage: S3Storage, name: str, source: InboundDataset, folder: Path) -> Dataset:
    arrivals = [one for one in _inbound_objects(storage, source.prefix) if one.size]
    if not arrivals:
        where = f"s3://{storage.inbound_bucket}/{source.prefix}"
        raise MissingDatasetError(f"Dataset {name}: no file lies under {where}.")
    files = []
    for number, arrival in enumerate(arrivals):
        file = InputFile(folder / f"{number:06d}", arrival.key)
        storage.download_inbound(arrival, file.path)
        files.append(file)
    return Dataset(files, source.format.for_batch([arrival.key for arrival in arrivals]))


def _inbound_objects(storage: S3Storage, prefix: str) -> Iterator[Arrival]:
    after: str | None = ""
    while after is not None:
        page = storage.list_inbound_page(prefix, after=after)
        yield from page.objects
        after = page.last_key


def _from_table(
    storage: S3Storage, glue: GlueCatalog, name: str, source: TableDataset, folder: Path
) -> Dataset:
    table = glue.get_table(source.database, source.table)
    named = f"{source.database}.{source.table}"
    if table is None:
        raise MissingDatasetError(f"Dataset {name}: there is no Glue table {named}.")
    location = str(table["StorageDescriptor"]["Location"])
    ours = f"s3://{storage.transformed_bucket}/"
    if not location.startswith(ours) or table.get("PartitionKeys"):
        raise MissingDatasetError(
            f"Dataset {name}: the table {named} is partitioned, or lies outside of {ours}; only "
            "whole tables that this pipeline publishes can be read."
        )
    files = []
    # Without a slash at its end the prefix would be that of other tables too.
    prefix = location.removeprefix(ours).rstrip("/") + "/"
    for number, file in enumerate(storage.list_transformed(prefix)):
        files.append(InputFile(folder / f"{number:06d}", file.key))
        storage.download_transformed(file.key, files[-1].path)
    if not files:
        raise MissingDatasetError(f"Dataset {name}: the table {named} has no file.")
    return Dataset(files, FileFormat(kind="parquet"))
