import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.aws.sns import SnsTopic
from cleanroom_pipeline.external_runs import ExternalRunError
from cleanroom_pipeline.ledger import LedgerError
from cleanroom_pipeline.model import CONNECTOR_TAG
from cleanroom_pipeline.notify.message import Outcome
from cleanroom_pipeline.notify.ops import facts_of
from cleanroom_pipeline.notify.sensors import (
    INTERVAL_SECONDS,
    build_notify_defs,
    build_notify_sensor,
    notify_job,
    notify_overdue_sensor,
    notify_request,
)

BATCH = "20261124T120000Z-00000001"
PARTITIONS = dg.DynamicPartitionsDefinition(name="shop__batches")
ADDRESS = "jane.doe@example.com"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        ephemeral.add_dynamic_partitions("shop__batches", [BATCH])
        yield ephemeral


def transformed() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"rows_in": 10, "dagster/partition_row_count": 9})


def published() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"dagster/table_name": "marketing.shop"})


class SecretError(RuntimeError):
    """An error of another package that has the name of one of ours."""


@dg.op
def work() -> None:
    """Stands for a batch."""


@dg.job(tags={CONNECTOR_TAG: "shop"})
def shop__batch_job() -> None:
    """Stands for the job of a connector."""
    work()


@dg.op
def fail() -> None:
    """Stands for a batch that fails."""
    raise ValueError("no")


@dg.job(tags={CONNECTOR_TAG: "shop"})
def shop__pull_job() -> None:
    """Stands for a pull that fails."""
    fail()


def run_chain(instance: dg.DagsterInstance, error: Exception | None = None) -> dg.DagsterRun:
    """Run a chain like a connector's, which may fail in its last stage."""

    @dg.asset(key=["shop", "transformed_table"], partitions_def=PARTITIONS)
    def transformed_table() -> dg.MaterializeResult[None]:
        return transformed()

    @dg.asset(key=["shop", "glue_table"], deps=[transformed_table], partitions_def=PARTITIONS)
    def glue_table() -> dg.MaterializeResult[None]:
        if error:
            raise error
        return published()

    assets = [transformed_table, glue_table]
    job = dg.define_asset_job("shop__batch_job", assets, tags={CONNECTOR_TAG: "shop"})
    result = (
        dg.Definitions(assets=assets, jobs=[job])
        .resolve_job_def("shop__batch_job")
        .execute_in_process(partition_key=BATCH, instance=instance, raise_on_error=False)
    )
    run = instance.get_run_by_id(result.run_id)
    assert run
    return run


def test_facts_of_a_run_that_went_well(instance: dg.DagsterInstance) -> None:
    facts = facts_of(instance, run_chain(instance), Outcome.PUBLISHED)
    assert (facts.connector, facts.batch_id, facts.job) == ("shop", BATCH, "shop__batch_job")
    assert (facts.rows_in, facts.rows_out, facts.table) == (10, 9, "marketing.shop")
    assert facts.failure is None


def test_an_error_of_ours_is_told_with_its_text(instance: dg.DagsterInstance) -> None:
    run = run_chain(instance, ExternalRunError("ended as FAILED.\nDataBrew says: no"))
    failure = facts_of(instance, run, Outcome.FAILED).failure
    assert failure
    assert failure.step == "shop__glue_table"
    assert failure.error == "ExternalRunError"
    assert failure.reason == "ended as FAILED.\nDataBrew says: no"


def test_what_caused_an_error_of_ours_is_not_told(instance: dg.DagsterInstance) -> None:
    error = ExternalRunError("A file can't be read.")
    error.__cause__ = ValueError(f"could not convert {ADDRESS}")
    failure = facts_of(instance, run_chain(instance, error), Outcome.FAILED).failure
    assert failure
    assert failure.reason == "A file can't be read."


def test_of_an_error_of_others_the_class_is_told_and_no_more(instance: dg.DagsterInstance) -> None:
    run = run_chain(instance, ValueError(f"could not convert {ADDRESS}"))
    failure = facts_of(instance, run, Outcome.FAILED).failure
    assert failure
    assert (failure.error, failure.reason) == ("ValueError", None)


def test_an_error_of_others_that_is_named_as_one_of_ours_is_not_taken_for_it(
    instance: dg.DagsterInstance,
) -> None:
    run = run_chain(instance, SecretError(f"no secret for {ADDRESS}"))
    failure = facts_of(instance, run, Outcome.FAILED).failure
    assert failure
    assert (failure.error, failure.reason) == ("SecretError", None)


def test_a_text_that_quotes_its_own_class_is_told_whole(instance: dg.DagsterInstance) -> None:
    run = run_chain(instance, ExternalRunError("AppFlow says: ExternalRunError: no"))
    failure = facts_of(instance, run, Outcome.FAILED).failure
    assert failure
    assert failure.reason == "AppFlow says: ExternalRunError: no"


def test_the_innermost_of_several_errors_of_ours_is_told(instance: dg.DagsterInstance) -> None:
    error = ExternalRunError("The run ended.")
    error.__cause__ = LedgerError("shop has no batch 1.")
    failure = facts_of(instance, run_chain(instance, error), Outcome.FAILED).failure
    assert failure
    assert (failure.error, failure.reason) == ("LedgerError", "shop has no batch 1.")


def test_an_error_of_ours_without_a_text_has_no_reason(instance: dg.DagsterInstance) -> None:
    failure = facts_of(instance, run_chain(instance, LedgerError()), Outcome.FAILED).failure
    assert failure
    assert (failure.error, failure.reason) == ("LedgerError", None)


def test_a_run_that_fails_before_its_first_step_tells_how(instance: dg.DagsterInstance) -> None:
    @dg.resource
    def locked(_: dg.InitResourceContext) -> None:
        raise ValueError(f"no key for {ADDRESS}")

    @dg.op(required_resource_keys={"locked"})
    def open_up() -> None:
        """Never runs."""

    @dg.job(resource_defs={"locked": locked})
    def locked_job() -> None:
        open_up()

    result = locked_job.execute_in_process(instance=instance, raise_on_error=False)
    run = instance.get_run_by_id(result.run_id)
    assert run
    failure = facts_of(instance, run, Outcome.FAILED).failure
    assert failure
    assert (failure.step, failure.error, failure.reason) == ("", "ValueError", None)


def test_a_run_that_dagster_does_not_know_fails_at_once(
    instance: dg.DagsterInstance, topic: SnsTopic
) -> None:
    config = {"ops": {"publish_to_sns": {"config": {"run_id": "gone", "outcome": "failed"}}}}
    result = notify_job.execute_in_process(
        run_config=config,
        instance=instance,
        resources={"notifications": topic},
        raise_on_error=False,
    )
    assert not result.success
    (failed,) = result.get_step_failure_events()
    assert "no run gone" in str(failed.step_failure_data.user_failure_data)
    assert result.retry_attempts_for_node("publish_to_sns") == 0


@pytest.mark.parametrize(
    ("error", "outcome", "told"),
    [
        (None, Outcome.PUBLISHED, "Rows:  10 in, 9 out"),
        (ValueError(ADDRESS), Outcome.FAILED, "Error: ValueError"),
    ],
)
def test_people_get_one_message_without_anybodys_data(
    instance: dg.DagsterInstance,
    topic: SnsTopic,
    inbox: Any,
    error: Exception | None,
    outcome: Outcome,
    told: str,
) -> None:
    request = notify_request(run_chain(instance, error), outcome)
    assert isinstance(request, dg.RunRequest)
    result = notify_job.execute_in_process(
        run_config=request.run_config, instance=instance, resources={"notifications": topic}
    )
    assert result.success
    (message,) = inbox()
    assert told in message["Message"]
    assert ADDRESS not in json.dumps(message)
    assert message["MessageAttributes"]["batch"]["Value"] == BATCH
    assert message["MessageAttributes"]["outcome"]["Value"] == outcome.value


def test_a_run_is_asked_for_once_per_run_and_outcome(instance: dg.DagsterInstance) -> None:
    run = run_chain(instance)
    request = notify_request(run, Outcome.PUBLISHED)
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == f"{run.run_id}__published"
    assert request.tags == {CONNECTOR_TAG: "shop"}


def test_a_run_that_will_be_started_again_is_not_told_yet(instance: dg.DagsterInstance) -> None:
    run = run_chain(instance, ValueError("no"))
    instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
    retried = instance.get_run_by_id(run.run_id)
    assert retried
    assert isinstance(notify_request(retried, Outcome.FAILED), dg.SkipReason)


def ticked(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None
) -> SensorExecutionData:
    """Tick a sensor as the daemon does."""
    return sensor.evaluate_tick(dg.build_sensor_context(instance=instance, cursor=cursor))


@pytest.mark.parametrize(
    ("outcome", "job"),
    [(Outcome.PUBLISHED, shop__batch_job), (Outcome.FAILED, shop__pull_job)],
)
def test_a_sensor_asks_once_for_each_run_that_ended_as_it_watches_for(
    instance: dg.DagsterInstance, outcome: Outcome, job: dg.JobDefinition
) -> None:
    sensor = build_notify_sensor(outcome, [shop__batch_job, shop__pull_job])
    cursor = ticked(sensor, instance, None).cursor
    for other in (shop__batch_job, shop__pull_job):
        other.execute_in_process(instance=instance, raise_on_error=False)
    (run,) = instance.get_runs(dg.RunsFilter(job_name=job.name))
    first = ticked(sensor, instance, cursor)
    assert [request.run_key for request in first.run_requests or []] == [
        f"{run.run_id}__{outcome.value}"
    ]
    assert not ticked(sensor, instance, first.cursor).run_requests


def test_a_message_that_can_not_be_sent_is_not_told_of(instance: dg.DagsterInstance) -> None:
    """A notify_job that fails would start another one, and that one the next."""
    definitions = build_notify_defs([shop__batch_job], [shop__pull_job])
    sensors = [
        sensor for sensor in definitions.sensors or [] if sensor is not notify_overdue_sensor
    ]
    cursors = [ticked(sensor, instance, None).cursor for sensor in sensors]
    config = {"ops": {"publish_to_sns": {"config": {"run_id": "gone", "outcome": "failed"}}}}
    notify_job.execute_in_process(
        run_config=config,
        instance=instance,
        raise_on_error=False,
        resources={"notifications": SnsTopic(session=AwsSession(region="us-east-1"), topic_arn="")},
    )
    for sensor, cursor in zip(sensors, cursors, strict=True):
        assert not ticked(sensor, instance, cursor).run_requests


def test_there_is_a_sensor_per_outcome_on_from_the_start() -> None:
    definitions = build_notify_defs([shop__batch_job], [shop__pull_job])
    sensors = {sensor.name: sensor for sensor in definitions.sensors or []}
    assert set(sensors) == {
        "notify_published_sensor",
        "notify_failed_sensor",
        "notify_cancelled_sensor",
        "notify_overdue_sensor",
    }
    overdue = sensors.pop("notify_overdue_sensor")
    assert overdue.default_status is dg.DefaultSensorStatus.RUNNING
    assert overdue.job_name == "overdue_job"
    for sensor in sensors.values():
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
        assert sensor.minimum_interval_seconds == INTERVAL_SECONDS
        assert sensor.job_name == "notify_job"


def test_without_jobs_nothing_is_watched() -> None:
    """Dagster takes a sensor of no jobs for one of all jobs, notify_job among them."""
    assert [sensor.name for sensor in build_notify_defs([], []).sensors or []] == [
        "notify_overdue_sensor"
    ]
    sensors = build_notify_defs([], [shop__pull_job]).sensors or []
    assert {sensor.name for sensor in sensors} == {
        "notify_failed_sensor",
        "notify_cancelled_sensor",
        "notify_overdue_sensor",
    }
