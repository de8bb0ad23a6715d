"""The real thing on one machine: a local AWS, a daemon, and resources that see both."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cleanroom_pipeline.demo.processes import LocalPipeline
from cleanroom_pipeline.demo.walkthrough import DEMO_PACE, pipeline_resources, received_messages
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import Batch, BatchState

PROJECT = Path(__file__).parents[2]
DEADLINE_SECONDS = 120.0


@dataclass
class Running:
    """A pipeline that runs, and what tests need to look into it."""

    pipeline: LocalPipeline
    resources: Any
    instance: dg.DagsterInstance

    @property
    def ledger(self) -> Ledger:
        ledger: Ledger = self.resources.ledger
        return ledger

    def wait_for(self, what: str, found: Callable[[], Any]) -> Any:
        """Wait until `found` gives something; fail with the logs' whereabouts if it never does."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (result := found()):
            self.pipeline.check()
            assert time.monotonic() < deadline, f"no {what}; see {self.pipeline.logs}"
            time.sleep(0.2)
        return result

    def batch_in(self, connector: str, state: BatchState, known: set[str]) -> Batch:
        """Wait for a batch, other than those known, to reach a state."""
        found: Batch = self.wait_for(
            f"{state} batch of {connector}",
            lambda: next(
                (
                    batch
                    for batch in self.ledger.batches(connector)
                    if batch.batch_id not in known and batch.state is state
                ),
                None,
            ),
        )
        return found

    def message_about(self, batch_id: str, outcome: str, holding: str = "") -> dict[str, Any]:
        """Wait for the SNS message about a batch; of several, for one that holds a text."""
        sqs = self.resources.storage.session.client("sqs")
        queue = self.pipeline.environment["CLEANROOM_NOTIFICATIONS_QUEUE_URL"]

        def received() -> dict[str, Any] | None:
            for message in received_messages(sqs, queue):
                attributes = {n: a["Value"] for n, a in message["MessageAttributes"].items()}
                told = (attributes.get("batch"), attributes["outcome"]) == (batch_id, outcome)
                if told and holding in message["Message"]:
                    return message
            return None

        found: dict[str, Any] = self.wait_for(f"message that {batch_id} {outcome}", received)
        return found


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a module's pipeline keeps its state."""
    return tmp_path_factory.mktemp("local")


@pytest.fixture(scope="module")
def start(state_dir: Path) -> Callable[..., Any]:
    """Start a pipeline on the module's state, as often as a test likes."""
    from contextlib import contextmanager

    @contextmanager
    def started(settings: str = "dagster.yaml", folder: str = "") -> Iterator[Running]:
        with (
            pytest.MonkeyPatch.context() as patch,
            LocalPipeline(
                state_dir / folder,
                PROJECT,
                ui_port=None,
                say=lambda _: None,
                pace=DEMO_PACE,
                settings=settings,
            ) as pipeline,
        ):
            patch.setenv("DAGSTER_HOME", str(pipeline.dagster_home))
            for name, value in pipeline.environment.items():
                patch.setenv(name, value)
            with (
                pipeline_resources(pipeline.environment, pipeline.dagster_home) as resources,
                dg.DagsterInstance.get() as instance,
            ):
                yield Running(pipeline, resources, instance)

    return started
