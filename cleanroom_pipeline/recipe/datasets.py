"""The second inputs of JOIN and UNION: files that a run is given under a name.

Here: the files of a dataset, opening those that a recipe asks for. Not here: fetching them, or what
a join does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cleanroom_pipeline.recipe.files import FileFormat, InputFile
from cleanroom_pipeline.recipe.plan import Column
from cleanroom_pipeline.recipe.reading.source import Source
from cleanroom_pipeline.recipe.session import Session
from cleanroom_pipeline.recipe.sources import open_source


@dataclass(frozen=True)
class Dataset:
    """Files of one format that belong together."""

    files: Sequence[InputFile]
    format: FileFormat


class OpenDatasets:
    """Datasets by name (or S3 location), each opened when a step first asks for it."""

    def __init__(self, session: Session, datasets: Mapping[str, Dataset]) -> None:
        self._session = session
        self._datasets = datasets
        self.sources: dict[str, Source] = {}

    def columns(self, name: str) -> tuple[Column, ...] | None:
        """Return a dataset's columns; None when the run was not given it."""
        if name not in self._datasets:
            return None
        if name not in self.sources:
            dataset = self._datasets[name]
            self.sources[name] = open_source(self._session, dataset.files, dataset.format)
        return self.sources[name].columns
