"""Both engines on one batch, for a person who asks how they differ.

Here: finding the connector, having DataBrew run where it has not, tidying up, a report. Not here:
the terminal (`cli`), the run or the comparison (`transform`).
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

import cleanroom_pipeline.connectors
from cleanroom_pipeline.connector_types.base import ConnectorBase
from cleanroom_pipeline.definitions import connector_tree
from cleanroom_pipeline.model import Engine, TransformedFile
from cleanroom_pipeline.records import (
    MissingRecordError,
    read_inbound_summary,
    read_manifest,
    read_transformed,
)
from cleanroom_pipeline.resources import build_resources
from cleanroom_pipeline.status import UnknownConnectorError
from cleanroom_pipeline.transform.databrew import DataBrewSettings, starter_of
from cleanroom_pipeline.transform.databrew_outputs import read_output
from cleanroom_pipeline.transform.databrew_start import Attempt, Times, parity_attempt
from cleanroom_pipeline.transform.databrew_wait import Waiter
from cleanroom_pipeline.transform.datasets import DatasetSource, fetch_datasets
from cleanroom_pipeline.transform.expected_columns import expected_columns
from cleanroom_pipeline.transform.parity import LocalEngine, Parity, compare_engines

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BothEngines:
    """One connector, what its YAML says of both engines, and where its batches are."""

    settings: DataBrewSettings
    datasets: dict[str, DatasetSource]
    resources: Any
    sleep: Callable[[float], None] = time.sleep

    def compare(self, batch_id: str, write_id: str, *, fresh: bool, most: int) -> Parity:
        """Return how the engines differ on a batch.

        DataBrew's side is what the batch's last run of it wrote by this recipe, if it did; else, or
        when `fresh`, a run of a job for this alone, of which nothing is left afterwards.
        """
        recipe, storage = self.settings.parsed_recipe(), self.resources.storage
        connector = self.settings.connector
        manifest = read_manifest(storage, connector, batch_id)
        summary = read_inbound_summary(storage, connector, batch_id)
        glue = self.resources.glue
        local = LocalEngine(
            self.resources.secrets,
            self.resources.message_encryption,
            lambda folder: fetch_datasets(storage, glue, self.datasets, folder),
        )
        with self._written(batch_id, write_id, fresh=fresh) as files:
            return compare_engines(
                storage,
                manifest,
                recipe,
                self.settings.file_format(summary.kind),
                summary.columns,
                files,
                local,
                most=most,
            )

    @contextmanager
    def _written(
        self, batch_id: str, write_id: str, *, fresh: bool
    ) -> Iterator[tuple[TransformedFile, ...]]:
        there = () if fresh else self._by_last_run(batch_id)
        if there:
            yield there
            return
        attempt = parity_attempt(self.settings.connector, batch_id, write_id)
        try:
            yield self._by_new_run(attempt)
        finally:
            self._tidy(attempt)

    def _by_last_run(self, batch_id: str) -> tuple[TransformedFile, ...]:
        storage = self.resources.storage
        try:
            found = read_transformed(storage, self.settings.connector, batch_id)
        except MissingRecordError:
            return ()
        same = found.recipe_sha256 == self.settings.parsed_recipe().sha256
        if found.engine is not Engine.DATABREW or not same:
            return ()
        there = {file.key for file in storage.list_transformed(found.prefix)}
        return found.files if {file.key for file in found.files} <= there else ()

    def _by_new_run(self, attempt: Attempt) -> tuple[TransformedFile, ...]:
        resources, settings = self.resources, self.settings
        starter = starter_of(settings, resources.storage, resources.databrew, resources.ledger, log)
        waiter = Waiter(
            databrew=resources.databrew,
            job=attempt.job,
            run_id=starter.start_or_adopt(attempt),
            timeout_minutes=settings.timeout_minutes,
            max_retries=settings.max_retries,
            cost=settings.cost_rule(),
            times=Times(lambda: datetime.now(UTC), time.monotonic, self.sleep),
            log=log,
        )
        try:
            run = waiter.wait()
        except KeyboardInterrupt:
            resources.databrew.stop(waiter.job, waiter.run_id)
            raise
        summary = read_inbound_summary(resources.storage, settings.connector, attempt.batch_id)
        expected = expected_columns(settings.parsed_recipe(), summary.columns)
        return read_output(resources.storage, run, expected).files

    def _tidy(self, attempt: Attempt) -> None:
        """Drop job, dataset and files; what can't be dropped now, pruning drops a day later."""
        try:
            self.resources.databrew.delete_job(attempt.job)
            self.resources.databrew.delete_dataset(attempt.job)
            for prefix in (attempt.staged, attempt.output):
                self.resources.storage.delete_transformed(prefix)
        except Exception:
            log.exception("Something of the comparison is left in DataBrew or S3.")


def connector_folder(root: Path, connector: str) -> Path:
    """Return the folder whose YAML declares a connector."""
    for path in sorted(root.glob("*/defs.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        if document["attributes"]["name"] == connector:
            return path.parent
    raise UnknownConnectorError(f"No folder of {root} declares the connector {connector!r}.")


def databrew_settings(component: ConnectorBase, folder: Path) -> DataBrewSettings:
    """Return what the ops would be told, whichever engine the connector has."""
    _, text = component.read_recipe(folder)
    options = asdict(component.inbound.format.choice().options)
    return DataBrewSettings(
        connector=component.name,
        recipe=text,
        format={name: value for name, value in options.items() if value is not None},
        **component.databrew.for_ops(),
    )


@contextmanager
def both_engines(connector: str) -> Iterator[BothEngines]:
    """Open a connector for comparing; UnknownConnectorError names those that there are."""
    declared = {one.name: one for one in connector_tree().get_all_components(of_type=ConnectorBase)}
    if connector not in declared:
        raise UnknownConnectorError(
            f"There is no connector {connector!r}; there are {', '.join(sorted(declared))}."
        )
    component = declared[connector]
    folder = connector_folder(Path(cleanroom_pipeline.connectors.__file__).parent, connector)
    settings = databrew_settings(component, folder)
    datasets = {one.name: one.source() for one in component.datasets}
    with dg.build_resources(build_resources({})) as resources:
        yield BothEngines(settings, datasets, resources)
