"""The pull schedule as Dagster's own scheduler runs it, on a clock that the tests turn."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus
from dagster._core.test_utils import freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._scheduler.scheduler import launch_scheduled_runs

import cleanroom_pipeline
from cleanroom_pipeline.model import RETRY_STRATEGY_TAG, RUN_KEY_TAG, SCHEDULED_TAG

SCHEDULE = "shop__pull_schedule"
DEFINITIONS = "cleanroom_pipeline_tests.inbound.pull_schedule_definitions"
START = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
LOG = logging.getLogger("scheduler")
# Where Dagster's scheduler lets a test end it, in the order in which it gets there.
PLACES = ("TICK_CREATED", "TICK_HELD", "RUN_CREATED", "RUN_LAUNCHED", "RUN_ADDED", "TICK_SUCCESS")


SETTINGS = Path(cleanroom_pipeline.__file__).parent.parent / "dagster.yaml"
MOST_TICK_RETRIES = yaml.safe_load(SETTINGS.read_text())["scheduler"]["config"]["max_tick_retries"]


class Killed(KeyboardInterrupt):
    """Stands for the end of the daemon: Dagster writes nothing more of the tick."""


class KilledAt(dict[str, Any]):
    """Ends the daemon where it asks whether it should end at `place`."""

    def __init__(self, place: str) -> None:
        super().__init__({place: True})

    def get(self, key: str, default: Any = None) -> Any:
        if key in self:
            raise Killed
        return default


@dataclass
class Scheduler:
    """Daemons, one after the other, over one instance."""

    instance: dg.DagsterInstance

    def look(self, at: datetime, killed_at: str | None = None, *, fails: bool = False) -> None:
        """Have a new daemon look at the schedule once, at that time."""
        origin = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name=DEFINITIONS))
        flags = {SCHEDULE: KilledAt(killed_at)} if killed_at else None
        with (
            freeze_time(at),
            WorkspaceProcessContext(self.instance, InProcessWorkspaceLoadTarget(origin)) as daemon,
        ):
            errors = list(
                launch_scheduled_runs(
                    daemon,
                    LOG,
                    at,
                    iteration_times={},
                    max_tick_retries=MOST_TICK_RETRIES,
                    debug_crash_flags=flags,
                )
            )
        assert any(errors) == fails

    @property
    def pulls(self) -> list[str]:
        """The ticks that runs were launched for, the earliest first."""
        runs = self.instance.get_runs()
        launched = [run for run in runs if run.status is not dg.DagsterRunStatus.NOT_STARTED]
        return sorted(run.tags[SCHEDULED_TAG][:16] for run in launched)

    def end_pulls(self) -> None:
        for run in self.instance.get_runs():
            if run.status is not dg.DagsterRunStatus.NOT_STARTED:
                self.instance.report_run_canceled(run)

    @property
    def ticks(self) -> list[InstigatorTick]:
        """What is known of the ticks, the earliest first."""
        (state,) = self.instance.all_instigator_state()
        ticks = self.instance.get_ticks(state.instigator_origin_id, state.selector_id)
        return list(ticks)[::-1]


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    launcher = {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"}
    with dg.instance_for_test(overrides={"run_launcher": launcher}) as instance:
        scheduler = Scheduler(instance)
        scheduler.look(START)
        yield scheduler


def hours(number: float) -> datetime:
    return START + timedelta(hours=number)


def test_each_tick_is_one_pull_named_by_its_time_in_utc(scheduler: Scheduler) -> None:
    for number in (1, 2):
        scheduler.look(hours(number))
        scheduler.look(hours(number) + timedelta(minutes=5))
        scheduler.end_pulls()
    keys = sorted(run.tags[RUN_KEY_TAG] for run in scheduler.instance.get_runs())
    assert keys == ["shop__20261124T090000Z", "shop__20261124T100000Z"]
    strategies = {run.tags[RETRY_STRATEGY_TAG] for run in scheduler.instance.get_runs()}
    assert strategies == {"ALL_STEPS"}


def test_ticks_that_were_missed_are_caught_up_by_one_pull_also_by_another_daemon(
    scheduler: Scheduler,
) -> None:
    scheduler.look(hours(1))
    scheduler.end_pulls()
    for minutes in (0, 1, 2):
        scheduler.look(hours(4) + timedelta(minutes=minutes))
    assert scheduler.pulls == ["2026-11-24T09:00", "2026-11-24T12:00"]


@pytest.mark.parametrize("place", PLACES)
def test_a_daemon_that_ends_in_the_midst_of_a_tick_costs_no_pull_and_makes_no_second(
    scheduler: Scheduler, place: str
) -> None:
    with pytest.raises(Killed):
        scheduler.look(hours(1), killed_at=place)
    for minutes in (1, 2):
        scheduler.look(hours(1) + timedelta(minutes=minutes))
    assert scheduler.pulls == ["2026-11-24T09:00"]
    (run,) = scheduler.instance.get_runs()
    (tick,) = scheduler.ticks
    assert (tick.status, list(tick.run_ids)) == (TickStatus.SUCCESS, [run.run_id])


@pytest.mark.parametrize("place", PLACES)
def test_after_a_long_outage_the_last_tick_stands_for_all_that_were_missed(
    scheduler: Scheduler, place: str
) -> None:
    with pytest.raises(Killed):
        scheduler.look(hours(1), killed_at=place)
    before = scheduler.pulls
    scheduler.end_pulls()
    for minutes in (0, 1):
        scheduler.look(hours(4) + timedelta(minutes=minutes))
    assert scheduler.pulls == [*before, "2026-11-24T12:00"]


def test_a_tick_that_fails_is_tried_again(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise OSError("the database is locked")

    with monkeypatch.context() as patched:
        patched.setattr("cleanroom_pipeline.inbound.schedules.earlier_pull", fail)
        for minutes in range(3):
            scheduler.look(hours(1) + timedelta(minutes=minutes), fails=True)
    scheduler.look(hours(1) + timedelta(minutes=4))
    assert scheduler.pulls == ["2026-11-24T09:00"]


def test_while_a_pull_goes_on_the_next_tick_is_skipped_and_says_why(scheduler: Scheduler) -> None:
    scheduler.look(hours(1))
    (run,) = scheduler.instance.get_runs()
    scheduler.look(hours(2))
    assert scheduler.pulls == ["2026-11-24T09:00"]
    tick = scheduler.ticks[-1]
    assert tick.status is TickStatus.SKIPPED
    assert run.run_id in str(tick.skip_reason)
    scheduler.end_pulls()
    scheduler.look(hours(3))
    assert scheduler.pulls == ["2026-11-24T09:00", "2026-11-24T11:00"]


def test_a_run_that_was_never_submitted_holds_up_no_later_tick(scheduler: Scheduler) -> None:
    with pytest.raises(Killed):
        scheduler.look(hours(1), killed_at="RUN_CREATED")
    scheduler.look(hours(2))
    assert scheduler.pulls == ["2026-11-24T10:00"]
