import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from cleanroom_pipeline.inbound.completion.decision import (
    CompletionPolicy,
    Decision,
    Look,
    Nothing,
    Waiting,
    Whole,
)
from cleanroom_pipeline.inbound.completion.provider_run import ProviderRun
from cleanroom_pipeline.inbound.completion.quiet_period import QuietPeriod
from cleanroom_pipeline.inbound.intake import Intake
from cleanroom_pipeline.inbound.sensors import DagsterRuns, sensor_result
from cleanroom_pipeline.inbound.tick import Tick, TickSettings, empty_notice
from cleanroom_pipeline.ledger import Delivery
from cleanroom_pipeline.model import (
    ATTEMPT_TAG,
    CONNECTOR_TAG,
    RETRY_STRATEGY_TAG,
    RUN_KEY_TAG,
    WILL_RETRY_TAG,
    Arrival,
    BatchState,
    NoticeKind,
)
from cleanroom_pipeline_tests.inbound.conftest import Put

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PARTITIONS = dg.DynamicPartitionsDefinition(name="shop__batches")
JOB = "shop__batch_job"
AT_ONCE = timedelta(0)


class Untold:
    """A policy that takes nothing as a signal, and has no positions."""

    name = "test"

    def is_signal(self, key: str) -> bool:
        return False

    def wanted_documents(self, signals: Sequence[Arrival]) -> Sequence[Arrival]:
        return ()

    def by_hand(self, look: Look, reason: str) -> Whole | None:
        return None


class AtOnce(Untold):
    """Whatever is there is whole."""

    def decide(self, look: Look) -> Decision:
        return Whole(look.data, "test") if look.data else Nothing("nothing")


class Never(Untold):
    """Whatever is there lacks a part."""

    def decide(self, look: Look) -> Decision:
        return Waiting("A part is missing.", missing=("in/b.csv",))


def job_of(*, fails: bool) -> dg.JobDefinition:
    @dg.asset(partitions_def=PARTITIONS, name="chain")
    def chain() -> None:
        if fails:
            raise ValueError("no")

    job = dg.define_asset_job(JOB, selection=[chain])
    return dg.Definitions(assets=[chain], jobs=[job]).resolve_job_def(JOB)


PASSING, FAILING = job_of(fails=False), job_of(fails=True)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def look(
    intake: Intake,
    instance: dg.DagsterInstance,
    policy: CompletionPolicy | None = None,
    *,
    cursor: str | None = None,
    later: timedelta = AT_ONCE,
    **settings: Any,
) -> dg.SensorResult:
    """Tick, and let the instance do with partitions what a daemon does."""
    chosen = TickSettings("shop", policy or AtOnce(), **settings)
    runs = DagsterRuns(instance, "shop__batches", datetime.now(UTC) + later)
    tick = Tick(chosen, intake, runs, time.monotonic)
    result = sensor_result(tick(cursor), PARTITIONS)
    for request in result.dynamic_partitions_requests or []:
        instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
    return result


def requests(result: dg.SensorResult) -> list[dg.RunRequest]:
    return list(result.run_requests or [])


def run(instance: dg.DagsterInstance, request: dg.RunRequest, job: dg.JobDefinition) -> None:
    """Run what was requested, as a daemon would."""
    job.execute_in_process(
        partition_key=request.partition_key,
        tags={**request.tags, RUN_KEY_TAG: str(request.run_key)},
        instance=instance,
        raise_on_error=False,
    )


def states(intake: Intake) -> list[BatchState]:
    return [batch.state for batch in intake.ledger.batches("shop")]


def test_an_empty_prefix_is_said_in_words(intake: Intake, instance: dg.DagsterInstance) -> None:
    result = look(intake, instance)
    assert result.skip_reason
    assert result.skip_reason.skip_message == "nothing"


def test_what_is_not_quiet_waits_and_says_until_when(
    intake: Intake, instance: dg.DagsterInstance, put: Put
) -> None:
    put("inbound/shop/a.csv")
    result = look(intake, instance, QuietPeriod(timedelta(hours=1)))
    assert not requests(result)
    assert result.skip_reason
    assert "3600 s of quiet are asked for. Whole at" in (result.skip_reason.skip_message or "")


def test_a_whole_delivery_becomes_a_partition_and_a_run(
    intake: Intake, instance: dg.DagsterInstance, put: Put
) -> None:
    put("inbound/shop/a.csv")
    (request,) = requests(look(intake, instance))
    assert instance.get_dynamic_partitions("shop__batches") == [request.partition_key]
    assert request.run_key == f"{request.partition_key}__attempt1"
    assert request.tags[CONNECTOR_TAG] == "shop"
    assert request.tags[ATTEMPT_TAG] == "1"
    assert request.tags[RETRY_STRATEGY_TAG] == "ALL_STEPS"


def test_until_the_run_exists_the_same_request_is_made_again(
    intake: Intake, instance: dg.DagsterInstance, put: Put
) -> None:
    """The answer of a tick may be lost with the process; its run key makes the repeat harmless."""
    put("inbound/shop/a.csv")
    first = requests(look(intake, instance))
    assert [r.run_key for r in requests(look(intake, instance))] == [r.run_key for r in first]


def test_a_batch_whose_run_failed_is_failed_and_stays_so(
    intake: Intake, instance: dg.DagsterInstance, put: Put
) -> None:
    put("inbound/shop/a.csv")
    (request,) = requests(look(intake, instance))
    run(instance, request, FAILING)
    assert not requests(look(intake, instance))
    assert states(intake) == [BatchState.FAILED]
    assert not requests(look(intake, instance))


def test_a_run_that_dagster_will_start_again_is_not_over_unless_it_never_does(
    intake: Intake, instance: dg.DagsterInstance, put: Put
) -> None:
    put("inbound/shop/a.csv")
    (request,) = requests(look(intake, instance))
    run(instance, request, FAILING)
    (record,) = instance.get_run_records()
    instance.add_run_tags(record.dagster_run.run_id, {WILL_RETRY_TAG: "true"})
    assert not requests(look(intake, instance))
    assert states(intake) == [BatchState.CUT]
    look(intake, instance, later=timedelta(minutes=11))
    assert states(intake) == [BatchState.FAILED]


def test_a_batch_that_a_person_wants_again_is_requested_as_another_attempt(
    intake: Intake, instance: dg.DagsterInstance, put: Put
) -> None:
    put("inbound/shop/a.csv")
    (first,) = requests(look(intake, instance))
    run(instance, first, FAILING)
    look(intake, instance)
    (batch,) = intake.ledger.batches("shop")
    assert intake.ledger.run_again(batch, at=NOON)
    (second,) = requests(look(intake, instance))
    assert second.run_key == f"{batch.batch_id}__attempt2"


def test_files_that_come_while_a_batch_runs_form_the_next(
    intake: Intake, instance: dg.DagsterInstance, put: Put
) -> None:
    put("inbound/shop/a.csv")
    (first,) = requests(look(intake, instance))
    intake.ledger.move("shop", str(first.partition_key), BatchState.RUNNING, run_id="r", at=NOON)
    put("inbound/shop/late.csv")
    keys = {request.partition_key for request in requests(look(intake, instance))}
    assert len(list(intake.ledger.batches("shop"))) == 2
    assert keys - {first.partition_key}


def test_in_order_the_second_batch_waits_for_the_first(
    intake: Intake, instance: dg.DagsterInstance, put: Put
) -> None:
    put("inbound/shop/a.csv")
    (first,) = requests(look(intake, instance, in_order=True))
    put("inbound/shop/b.csv")
    assert [r.run_key for r in requests(look(intake, instance, in_order=True))] == [first.run_key]
    run(instance, first, FAILING)
    look(intake, instance, in_order=True)
    (second,) = requests(look(intake, instance, in_order=True))
    assert second.partition_key != first.partition_key


def test_a_partition_that_dagster_lost_comes_back_while_its_batch_is_active(
    intake: Intake, instance: dg.DagsterInstance, put: Put
) -> None:
    put("inbound/shop/a.csv")
    (request,) = requests(look(intake, instance))
    instance.delete_dynamic_partition("shop__batches", str(request.partition_key))
    look(intake, instance)
    assert instance.get_dynamic_partitions("shop__batches") == [request.partition_key]


def test_an_execution_that_ended_is_cut_at_once(
    intake: Intake, instance: dg.DagsterInstance, put: Put
) -> None:
    put("inbound/shop/flow/e1/a.json")
    assert not requests(look(intake, instance, ProviderRun()))
    intake.ledger.record_delivery("shop", Delivery("e1", "inbound/shop/flow/e1/", 1, NOON))
    assert requests(look(intake, instance, ProviderRun()))
    assert intake.ledger.pending("shop").deliveries == ()


def test_an_execution_that_brought_nothing_is_a_recorded_empty_delivery(
    intake: Intake, instance: dg.DagsterInstance
) -> None:
    intake.ledger.record_delivery("shop", Delivery("e1", "inbound/shop/flow/e1/", 0, NOON))
    assert not requests(look(intake, instance, ProviderRun()))
    (empty,) = intake.ledger.empty_deliveries("shop", 9)
    assert "e1" in empty.reason
    assert intake.ledger.pending("shop").deliveries == ()
    assert states(intake) == []
    look(intake, instance, ProviderRun())
    (notice,) = intake.ledger.notices()
    assert (notice.kind, notice.waiting_for) == (NoticeKind.EMPTY, empty.reason)


def test_each_execution_that_brought_nothing_is_told_and_empty_pushes_are_not() -> None:
    told = [empty_notice("shop", ids, "none", NOON) for ids in (["e1"], ["e2"], ["e1"])]
    assert told[0] == told[2] != told[1]
    assert empty_notice("shop", [], "none", NOON) is None


def test_people_are_told_once_of_a_delivery_that_is_overdue_with_what_it_lacks(
    intake: Intake, instance: dg.DagsterInstance, put: Put
) -> None:
    put("inbound/shop/a.csv")
    soon, late = timedelta(hours=1), timedelta(seconds=-2)
    look(intake, instance, Never(), deadline=soon)
    assert intake.ledger.notices() == ()
    look(intake, instance, Never(), deadline=late)
    (notice,) = intake.ledger.notices()
    assert (notice.waiting_for, notice.missing) == ("A part is missing.", ("in/b.csv",))
    put("inbound/shop/c.csv")
    look(intake, instance, Never(), deadline=late)
    assert intake.ledger.notices() == (notice,)
    intake.ledger.mark_told(notice, at=NOON)
    look(intake, instance, Never(), deadline=late)
    assert intake.ledger.notices() == ()


def test_a_lost_cursor_loses_nothing(
    intake: Intake, instance: dg.DagsterInstance, put: Put
) -> None:
    put("inbound/shop/a.csv")
    cursor = look(intake, instance, Never()).cursor
    assert requests(look(intake, instance, cursor=cursor))
    assert not requests(look(intake, instance, Never(), cursor=None))[1:]
    assert len(list(intake.ledger.batches("shop"))) == 1


def test_what_no_message_told_of_is_found_at_the_next_reconciliation(
    intake: Intake, instance: dg.DagsterInstance, put: Put
) -> None:
    cursor = look(intake, instance).cursor
    put("inbound/shop/a.csv")
    intake.queue.client.purge_queue(QueueUrl=intake.queue.queue_url)
    assert not requests(look(intake, instance, cursor=cursor))
    assert requests(look(intake, instance, cursor=cursor, reconcile_every=timedelta(0)))
