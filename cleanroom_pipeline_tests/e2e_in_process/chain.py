"""A connector from its inbound bucket to its table, in one process and on a clock that is turned.

Here: what a provider, a daemon and a reader do, step by step. Not here: what a provider delivers
(`demo.providers`), and what is expected of it (the tests).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pyarrow as pa

from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.aws.sqs import InboundQueue, QueueMessage
from cleanroom_pipeline.catalog.assets import TABLE_METADATA
from cleanroom_pipeline.catalog.reader import read_table
from cleanroom_pipeline.demo.providers.layout import Delivered
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import Batch, Stage, asset_path
from cleanroom_pipeline.records import read_manifest, read_transformed


@dataclass
class Clock:
    """The time that AWS tells, in UTC; nothing but a test turns it."""

    now: datetime

    def naive(self) -> datetime:
        """Return the time as moto keeps it."""
        return self.now.replace(tzinfo=None)

    def wait(self, **duration: float) -> None:
        """Let time pass."""
        self.now += timedelta(**duration)


class PromptQueue(InboundQueue):
    """A queue that is not waited for: with a clock that stands still, the wait would not end."""

    def receive(self, *, wait_seconds: int = 0) -> tuple[QueueMessage, ...]:
        """Receive what is there."""
        del wait_seconds
        return super().receive()


def as_they_are(resources: Mapping[str, Any]) -> dict[str, dg.ResourceDefinition]:
    """Bind resources so that their AWS clients are shared.

    Otherwise Dagster makes resources anew for each tick and run, which costs a second each.
    """
    hardcoded = dg.ResourceDefinition.hardcoded_resource
    return {name: hardcoded(resource) for name, resource in resources.items()}


@dataclass
class Chain:
    """One connector of some definitions, whose resources are bound, in an instance of Dagster."""

    connector: str
    definitions: dg.Definitions
    resources: dict[str, Any]
    instance: dg.DagsterInstance
    clock: Clock
    reader: AwsSession
    cursor: str | None = None

    @property
    def ledger(self) -> Ledger:
        """The ledger that the sensor and the runs write to."""
        ledger: Ledger = self.resources["ledger"]
        return ledger

    def deliver(self, *files: Delivered) -> None:
        """Write objects into the inbound bucket; each tells the queue of itself."""
        storage = self.resources["storage"]
        for file in files:
            storage.client.put_object(Bucket=storage.inbound_bucket, Key=file.key, Body=file.body)

    def tick(self) -> dg.SensorResult:
        """Evaluate the connector's sensor, and do with partitions what a daemon does."""
        sensor = self.definitions.resolve_sensor_def(f"{self.connector}__quiet_period_sensor")
        needed = {name: self.resources[name] for name in sensor.required_resource_keys}
        with dg.build_sensor_context(
            self.instance, self.cursor, resources=as_they_are(needed)
        ) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        for request in result.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(
                request.partitions_def_name, list(request.partition_keys)
            )
        self.cursor = result.cursor
        return result

    def waits(self) -> str:
        """Tick; return what the sensor says, which is all that it does."""
        known = len(self.batches())
        result = self.tick()
        assert not result.run_requests
        assert len(self.batches()) == known
        assert result.skip_reason
        return str(result.skip_reason.skip_message)

    def cut(self) -> list[dg.RunRequest]:
        """Tick; return the runs that the sensor requests, in the order of their batches' cut."""
        requests = self.tick().run_requests or []
        return sorted(requests, key=lambda request: str(request.partition_key))

    def publish(self, request: dg.RunRequest) -> None:
        """Run the connector's job for a batch, as a daemon does."""
        job = self.definitions.resolve_job_def(f"{self.connector}__batch_job")
        done = job.execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            tags=dict(request.tags),
        )
        assert done.success

    def publish_next(self) -> Batch:
        """Tick; publish the one batch that is cut, and return it as the ledger has it then."""
        (request,) = self.cut()
        self.publish(request)
        return self.ledger.batch(self.connector, str(request.partition_key))

    def publish_again(self, batch_id: str) -> None:
        """Ask for another run of a batch, as a person does, and run what the sensor requests."""
        batch = self.ledger.batch(self.connector, batch_id)
        assert self.ledger.run_again(batch, at=self.clock.now)
        assert self.publish_next().batch_id == batch_id

    def batches(self) -> list[Batch]:
        """Return the connector's batches, as the ledger has them, the earliest first."""
        found = self.ledger.batches(self.connector)
        return sorted(found, key=lambda batch: batch.batch_id)

    def keys_of(self, batch_id: str) -> set[str]:
        """Return the keys of the objects that a batch was cut of."""
        manifest = read_manifest(self.resources["storage"], self.connector, batch_id)
        return {file.key for file in manifest.files}

    def table(self) -> pa.Table:
        """Read the connector's table by its Glue entry alone."""
        return read_table(self._entry(), self.reader)

    def rows(self, columns: Iterable[str]) -> list[tuple[Any, ...]]:
        """Return these columns of the connector's table, in order."""
        return in_order(self.table().select(list(columns)))

    def table_of(self, batch_id: str) -> pa.Table:
        """Read what the last run of a batch wrote, whether the table shows it or not."""
        written = read_transformed(self.resources["storage"], self.connector, batch_id)
        entry = self._entry()
        storage = {**entry["StorageDescriptor"], "Location": written.location}
        return read_table({**entry, "StorageDescriptor": storage}, self.reader)

    def _entry(self) -> dict[str, Any]:
        key = dg.AssetKey(asset_path(self.connector, Stage.GLUE_TABLE))
        asset = self.definitions.resolve_asset_graph().get(key)
        database, name = str(asset.metadata[TABLE_METADATA]).split(".")
        glue: GlueCatalog = self.resources["glue"]
        entry = glue.get_table(database, name)
        assert entry
        return entry


def in_order(rows: pa.Table | Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows in an order that goes by their values, as neither files nor engine have one."""
    if isinstance(rows, pa.Table):
        rows = zip(*(column.to_pylist() for column in rows.columns), strict=True)
    return sorted(rows, key=repr)


def addresses_in(table: pa.Table) -> list[str]:
    """Return the names of columns in which something looks like an e-mail address."""
    return [name for name in table.column_names if "@" in str(table[name].to_pylist())]
