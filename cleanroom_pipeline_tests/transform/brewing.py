"""One batch of one connector on the stand-ins: its processes, and what is there in the end.

Here: what a process of ours does, from the start of a run to the record of its table. Not here: the
stand-ins, or what is expected (the tests).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from cleanroom_pipeline.ledger import ExternalRun, Ledger
from cleanroom_pipeline.model import (
    Arrival,
    Manifest,
    TransformedBatch,
    manifest_key,
)
from cleanroom_pipeline.recipe.engine import SecretError
from cleanroom_pipeline.recipe.errors import CipherError
from cleanroom_pipeline.recipe.providers import CellCipher
from cleanroom_pipeline.records import InboundSummary, read_transformed, write_inbound_summary
from cleanroom_pipeline.transform.databrew import DataBrewSettings, take_stock, tidy
from cleanroom_pipeline.transform.databrew_start import (
    RUN_KIND,
    Attempt,
    JobLimits,
    Starter,
    attempt_at,
)
from cleanroom_pipeline.transform.databrew_wait import Waiter
from cleanroom_pipeline.transform.parity import LocalEngine
from cleanroom_pipeline_tests.inbound.gate import Actor, CrashError, Gate
from cleanroom_pipeline_tests.inbound.stand_ins import MemoryTable
from cleanroom_pipeline_tests.transform.stand_ins import (
    BEGAN,
    LOG,
    MemoryBucket,
    MemoryDataBrew,
    TurnedClock,
)

SHOP = "shop"
BATCH = "20261124T031500Z-3f9a1c2b"
JOB = f"{SHOP}-{BATCH}"
RECIPE = '[{"Action":{"Operation":"LOWER_CASE","Parameters":{"sourceColumn":"email"}}}]'
ROWS = pa.table({"id": ["1", "2"], "email": ["a@b.c", "d@e.f"]})
FILE = Arrival("inbound/shop/a.csv", "v1", "e1", 10, BEGAN)


class NoKeys:
    """Has no secret and no key: nothing of these tests needs one."""

    def secret_string(self, secret_id: str, version: str | None = None) -> str:
        raise SecretError(secret_id)

    def cell_cipher(self, kms_key_arn: str) -> CellCipher:
        raise CipherError(kms_key_arn)


NO_KEYS = LocalEngine(NoKeys(), NoKeys())


def settings(**given: Any) -> DataBrewSettings:
    """Return the ops' configuration."""
    return DataBrewSettings(
        **{"connector": SHOP, "recipe": RECIPE, "format": {"kind": "csv"}, **given}
    )


@dataclass
class Brewing:
    """A batch to be brewed, and all that there is of it."""

    config: DataBrewSettings = field(default_factory=settings)
    written: pa.Table = field(default_factory=lambda: ROWS)
    gate: Gate = field(default_factory=Gate)
    clock: TurnedClock = field(default_factory=TurnedClock)

    def __post_init__(self) -> None:
        self.table = MemoryTable.behind(self.gate)
        self.ledger = Ledger(table=self.table)
        self.bucket = MemoryBucket.behind(self.gate)
        self.databrew = MemoryDataBrew.behind(self.gate, self.clock, self.bucket, self.written)
        self.bucket.put(FILE.key, b"id,email\n1")
        manifest = Manifest(SHOP, BATCH, "inbound", "0" * 64, (FILE,), "quiet_period", "test")
        self.bucket.put_record(manifest_key(SHOP, BATCH), manifest.to_json())
        write_inbound_summary(self.bucket, SHOP, BATCH, InboundSummary("csv", ("id", "email"), 2))

    def starter(self, config: DataBrewSettings | None = None) -> Starter:
        told = config or self.config
        limits = JobLimits(told.max_capacity, told.timeout_minutes, told.max_retries, told.tags)
        return Starter(
            storage=self.bucket,
            databrew=self.databrew,
            ledger=self.ledger,
            connector=SHOP,
            recipe=told.parsed_recipe(),
            format_of=told.file_format,
            limits=limits,
            times=self.clock.times,
            log=LOG,
        )

    def start(self, root: str = "root", write_id: str = "00000000-0") -> str:
        """Start or adopt for a Dagster run, as the first op does."""
        return self.starter().start_or_adopt(attempt(root, write_id))

    def waiter(self, run_id: str) -> Waiter:
        return Waiter(
            databrew=self.databrew,
            job=JOB,
            run_id=run_id,
            timeout_minutes=self.config.timeout_minutes,
            max_retries=self.config.max_retries,
            cost=self.config.cost_rule(),
            times=self.clock.times,
            log=LOG,
        )

    def finish(self, run_id: str) -> None:
        """Wait, take stock and tidy up, as the second op does."""
        run = self.waiter(run_id).wait()
        take_stock(self.config, self.bucket, BATCH, run, NO_KEYS, LOG)
        tidy(self.config, self.bucket, self.databrew, self.ledger, BATCH, LOG)

    def process(self, root: str = "root", write_id: str = "00000000-0") -> None:
        """Do all that one Dagster run does."""
        self.finish(self.start(root, write_id))

    def as_actor(self, actor: Actor, work: Callable[[], object]) -> bool:
        """Do work as a process; tell whether it came to a sudden end."""
        before, self.gate.actor = self.gate.actor, actor
        try:
            work()
        except CrashError:
            return True
        finally:
            self.gate.actor = before
        return False

    def record(self) -> ExternalRun | None:
        return self.ledger.external_run(SHOP, RUN_KIND, BATCH)

    def transformed(self) -> TransformedBatch:
        return read_transformed(self.bucket, SHOP, BATCH)


def attempt(root: str = "root", write_id: str = "00000000-0") -> Attempt:
    """Return an attempt of a Dagster run at the batch."""
    return attempt_at(SHOP, BATCH, root, write_id)
