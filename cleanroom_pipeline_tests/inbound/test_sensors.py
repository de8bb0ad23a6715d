import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.sqs import InboundQueue
from cleanroom_pipeline.inbound.completion import (
    CompleteDelivery,
    Decision,
    Look,
    Nothing,
    Whole,
)
from cleanroom_pipeline.inbound.intake import Found, Intake
from cleanroom_pipeline.inbound.sensors import (
    CompletionPolicy,
    ProviderRun,
    QuietPeriod,
    next_look,
    tick,
)
from cleanroom_pipeline.ledger import Delivery, Ledger
from cleanroom_pipeline.model import CONNECTOR_TAG, Arrival, BatchState

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PARTITIONS = dg.DynamicPartitionsDefinition(name="shop__batches")
LATER = QuietPeriod(timedelta(hours=1))


class AtOnce:
    """A completion policy for which whatever is there is whole."""

    name = "at_once"

    def decide(self, look: Look, deliveries: Iterable[CompleteDelivery]) -> Decision:
        return Whole(look.pending, "test") if look.pending else Nothing("nothing")


AT_ONCE = AtOnce()


@dg.asset(partitions_def=PARTITIONS)
def passing() -> None:
    """Stands for a chain that goes well."""


@dg.asset(partitions_def=PARTITIONS)
def failing() -> None:
    """Stands for a chain that fails."""
    raise ValueError("no")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def intake(storage: S3Storage, inbound_queue: InboundQueue, ledger: Ledger) -> Intake:
    return Intake(storage, inbound_queue, ledger, {"shop": "inbound/shop/"}, wait_seconds=0)


def put(intake: Intake, name: str) -> None:
    intake.storage.client.put_object(Bucket="inbound", Key=f"inbound/shop/{name}", Body=b"x")


def look(
    intake: Intake,
    instance: dg.DagsterInstance,
    policy: CompletionPolicy = AT_ONCE,
    cursor: str | None = None,
) -> dg.SensorResult:
    """Tick, and let the instance do what a daemon does with the result."""
    result = tick(
        "shop",
        "shop__batch_job",
        policy,
        PARTITIONS,
        intake,
        instance=instance,
        cursor=cursor,
        now=time.monotonic,
    )
    for request in result.dynamic_partitions_requests or []:
        instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
    return result


def cut_one(intake: Intake, instance: dg.DagsterInstance) -> tuple[str, dg.SensorResult]:
    put(intake, "a.csv")
    result = look(intake, instance)
    (batch,) = intake.ledger.batches("shop")
    return batch.batch_id, result


def run_chain(instance: dg.DagsterInstance, asset: dg.AssetsDefinition, batch_id: str) -> None:
    job = dg.define_asset_job("shop__batch_job", selection=[asset])
    dg.Definitions(assets=[asset], jobs=[job]).resolve_job_def(
        "shop__batch_job"
    ).execute_in_process(partition_key=batch_id, instance=instance, raise_on_error=False)


def test_an_empty_prefix_is_said_in_words(intake: Intake, instance: dg.DagsterInstance) -> None:
    result = look(intake, instance)
    assert result.skip_reason
    assert result.skip_reason.skip_message == "nothing"


def test_what_is_not_quiet_waits_and_says_until_when(
    intake: Intake, instance: dg.DagsterInstance
) -> None:
    put(intake, "a.csv")
    result = look(intake, instance, LATER)
    assert not result.run_requests
    assert result.skip_reason
    assert "3600 s of quiet are asked for. Whole at" in (result.skip_reason.skip_message or "")


def test_a_quiet_delivery_becomes_a_partition_and_a_run(
    intake: Intake, instance: dg.DagsterInstance
) -> None:
    batch_id, result = cut_one(intake, instance)
    assert instance.get_dynamic_partitions("shop__batches") == [batch_id]
    (request,) = result.run_requests or []
    assert request.partition_key == batch_id
    assert request.run_key == f"{batch_id}__attempt1"
    assert request.tags[CONNECTOR_TAG] == "shop"


def test_until_the_run_exists_the_same_request_is_made_again(
    intake: Intake, instance: dg.DagsterInstance
) -> None:
    """The answer of a tick may be lost with the process; its run key makes the repeat harmless."""
    _, first = cut_one(intake, instance)
    again = look(intake, instance, cursor=None)
    assert [r.run_key for r in again.run_requests or []] == [
        r.run_key for r in first.run_requests or []
    ]


def test_a_batch_that_has_a_run_is_not_requested_again(
    intake: Intake, instance: dg.DagsterInstance
) -> None:
    batch_id, _ = cut_one(intake, instance)
    run_chain(instance, passing, batch_id)
    assert not look(intake, instance).run_requests


def test_a_batch_whose_run_failed_is_failed_and_stays_so(
    intake: Intake, instance: dg.DagsterInstance
) -> None:
    batch_id, _ = cut_one(intake, instance)
    run_chain(instance, failing, batch_id)
    assert not look(intake, instance).run_requests
    assert intake.ledger.batch("shop", batch_id).state is BatchState.FAILED
    assert not look(intake, instance).run_requests


def test_files_that_come_while_a_batch_runs_form_the_next(
    intake: Intake, instance: dg.DagsterInstance
) -> None:
    first, _ = cut_one(intake, instance)
    put(intake, "late.csv")
    result = look(intake, instance)
    batches = [batch.batch_id for batch in intake.ledger.batches("shop")]
    assert len(batches) == 2
    assert {r.partition_key for r in result.run_requests or []} == set(batches)
    assert first in batches


def test_partitions_that_dagster_lost_come_back_from_the_ledger(
    intake: Intake, instance: dg.DagsterInstance
) -> None:
    batch_id, _ = cut_one(intake, instance)
    instance.delete_dynamic_partition("shop__batches", batch_id)
    look(intake, instance)
    assert instance.get_dynamic_partitions("shop__batches") == [batch_id]


def test_an_execution_that_ended_is_cut_at_once(
    intake: Intake, instance: dg.DagsterInstance
) -> None:
    put(intake, "flow/e1/a.json")
    assert not look(intake, instance, ProviderRun()).run_requests
    intake.ledger.record_delivery("shop", Delivery("e1", "inbound/shop/flow/e1/", 1, NOON))
    assert look(intake, instance, ProviderRun()).run_requests


@pytest.mark.parametrize("cursor", [None, "", "garbage", "[]", '{"version": 9}', '{"version": 1}'])
def test_without_a_cursor_the_wait_only_begins_again(cursor: str | None) -> None:
    found = Found((Arrival("a", "1", "e", 1, NOON),), NOON + timedelta(hours=1))
    assert next_look(found, cursor)[0].unchanged_since == found.at


def test_the_cursor_remembers_since_when_nothing_changed() -> None:
    files = (Arrival("a", "1", "e", 1, NOON),)
    _, cursor = next_look(Found(files, NOON), None)
    same, cursor = next_look(Found(files, NOON + timedelta(minutes=1)), cursor)
    assert same.unchanged_since == NOON
    more = (*files, Arrival("b", "1", "e", 1, NOON))
    changed, _ = next_look(Found(more, NOON + timedelta(minutes=2)), cursor)
    assert changed.unchanged_since == NOON + timedelta(minutes=2)


def test_the_cursor_is_small_whatever_it_looked_at() -> None:
    files = tuple(Arrival(f"in/{n}", "v", "e", 1, NOON) for n in range(10_000))
    assert len(next_look(Found(files, NOON), None)[1]) < 200
