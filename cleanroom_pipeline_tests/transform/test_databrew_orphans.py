"""Which DataBrew runs nobody waits for, and what becomes of them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from cleanroom_pipeline.aws.databrew import DataBrewUnavailableError, JobRun
from cleanroom_pipeline.model import PARTITION_TAG, WILL_RETRY_TAG
from cleanroom_pipeline.transform.databrew_orphans import (
    GRACE,
    Fate,
    Orphans,
    Owner,
    build_orphans_sensor,
    fate_of,
    owner_of,
)
from cleanroom_pipeline_tests.transform.brewing import BATCH, JOB, SHOP, Brewing
from cleanroom_pipeline_tests.transform.stand_ins import BEGAN

LATER = BEGAN + timedelta(hours=1)
RUN = JobRun("db_1", "RUNNING", started_at=BEGAN)


@pytest.mark.parametrize(
    ("owner", "active", "now", "fate"),
    [
        (Owner(is_live=True), True, LATER, Fate.OWNED),
        (Owner(is_live=True), False, LATER, Fate.OWNED),
        (Owner(ended_at=BEGAN), True, LATER, Fate.TO_BE_ADOPTED),
        (Owner(), True, LATER, Fate.TO_BE_ADOPTED),
        (Owner(), False, BEGAN + GRACE / 2, Fate.YOUNG),
        (Owner(ended_at=LATER), False, LATER + GRACE / 2, Fate.YOUNG),
        (Owner(ended_at=LATER), False, LATER + GRACE, Fate.STOP),
        (Owner(), False, BEGAN + GRACE, Fate.STOP),
    ],
)
def test_the_rule(owner: Owner, *, active: bool, now: datetime, fate: Fate) -> None:
    assert fate_of(RUN, owner, batch_is_active=active, now=now) is fate


def test_only_runs_that_go_on_are_looked_at_and_only_orphans_are_stopped() -> None:
    world = Brewing()
    world.databrew.script(["SUCCEEDED"], ["RUNNING"])
    world.start("first")
    second = world.start("second")
    assert look(world, Owner(is_live=True)) == [Fate.OWNED]
    assert world.databrew.stopped == []
    assert look(world, Owner(ended_at=BEGAN)) == [Fate.STOP]
    assert world.databrew.stopped == [second]
    assert look(world, Owner()) == []


def look(world: Brewing, owner: Owner) -> list[Fate]:
    world.clock.seconds = 3600
    orphans = Orphans(SHOP, world.databrew, world.ledger, lambda batch_id: owner)
    return [fate for _, _, fate in orphans.look(world.clock.now())]


def test_a_run_of_another_connector_or_for_comparing_is_nobodys_to_stop_here() -> None:
    world = Brewing()
    world.databrew.script(["RUNNING"])
    world.start()
    orphans = Orphans("sho", world.databrew, world.ledger, lambda batch_id: Owner())
    assert orphans.look(LATER) == []


@dataclass
class Dagster:
    """An instance with runs of the batch."""

    instance: dg.DagsterInstance
    made: list[str] = field(default_factory=list)

    def run(self, status: dg.DagsterRunStatus, **tags: str) -> None:
        run = self.instance.create_run_for_job(
            job, status=status, tags={PARTITION_TAG: BATCH, **tags}
        )
        self.made.append(run.run_id)

    def owner(self, now: datetime) -> Owner:
        filters = dg.RunsFilter(tags={PARTITION_TAG: BATCH})
        return owner_of(list(self.instance.get_run_records(filters)), now)


@dg.op
def nothing() -> None:
    pass


@dg.job
def job() -> None:
    nothing()


@pytest.mark.parametrize(
    ("statuses", "live"),
    [
        ([], False),
        ([dg.DagsterRunStatus.STARTING], True),
        ([dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE], True),
        ([dg.DagsterRunStatus.CANCELING], True),
        ([dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS], False),
        ([dg.DagsterRunStatus.CANCELED], False),
    ],
)
def test_an_owner_is_a_run_of_the_batch_that_is_not_over(
    statuses: list[dg.DagsterRunStatus], *, live: bool
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        dagster = Dagster(instance)
        for status in statuses:
            dagster.run(status)
        assert dagster.owner(datetime.now(UTC)).is_live is live


def test_a_run_that_dagster_will_start_again_is_an_owner_for_a_while() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        dagster = Dagster(instance)
        dagster.run(dg.DagsterRunStatus.FAILURE, **{WILL_RETRY_TAG: "true"})
        assert dagster.owner(datetime.now(UTC)).is_live


def tick(world: Brewing, instance: dg.DagsterInstance) -> str:
    sensor = build_orphans_sensor(SHOP, dg.DefaultSensorStatus.RUNNING)
    resources: dict[str, Any] = {"databrew": world.databrew, "ledger": world.ledger}
    hardcoded = {
        name: dg.ResourceDefinition.hardcoded_resource(one) for name, one in resources.items()
    }
    with dg.build_sensor_context(instance, resources=hardcoded) as context:
        said = sensor(context)
    assert isinstance(said, dg.SkipReason)
    return str(said.skip_message)


def test_the_sensor_stops_an_orphan_and_says_so() -> None:
    world = Brewing()
    world.databrew.script(["RUNNING"])
    run_id = world.start()
    with dg.DagsterInstance.ephemeral() as instance:
        Dagster(instance).run(dg.DagsterRunStatus.STARTED)
        assert tick(world, instance) == "1 DataBrew runs go on; 0 were orphans: stopped."
    with dg.DagsterInstance.ephemeral() as instance:
        assert tick(world, instance) == "1 DataBrew runs go on; 1 were orphans: stopped."
    assert world.databrew.stopped == [run_id]
    assert JOB.startswith(SHOP)


def test_a_databrew_that_does_not_answer_is_asked_again_at_the_next_tick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = Brewing()

    def unavailable(_: object) -> None:
        raise DataBrewUnavailableError("DataBrew can't list jobs now.")

    monkeypatch.setattr(type(world.databrew), "jobs", unavailable)
    with dg.DagsterInstance.ephemeral() as instance:
        assert "The next tick looks again." in tick(world, instance)
