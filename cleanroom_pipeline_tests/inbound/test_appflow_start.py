"""A pull's start, with the process ending before or after each write, or two processes at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from botocore.exceptions import ConnectionClosedError

from cleanroom_pipeline.aws.appflow import FlowExecution
from cleanroom_pipeline.external_runs import StartRefusedError
from cleanroom_pipeline.inbound.appflow_start import RUN_KIND, Pull, Starter
from cleanroom_pipeline.ledger import Delivery, ExternalRun, Ledger
from cleanroom_pipeline_tests.inbound.appflow_stand_in import NEW_STATE, Execution, MemoryAppFlow
from cleanroom_pipeline_tests.inbound.gate import Actor, Clock, CrashError, Gate, Paused
from cleanroom_pipeline_tests.inbound.stand_ins import MemoryTable

PULL = Pull("shop", "shop-clicks", "shop-clicks tick 2026-11-24T12:00:00+00:00", "run-1")
# Before and after: the intent, the start, the execution's id.
PLACES = range(6)
SOON, LATE = timedelta(minutes=1), timedelta(hours=9)


@dataclass
class World:
    """A ledger and AppFlow in memory, and the one clock that both go by."""

    gate: Gate = field(default_factory=Gate)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.ledger = Ledger(table=MemoryTable.behind(self.gate))
        self.appflow = MemoryAppFlow(self.now, self.gate)

    def now(self) -> datetime:
        return self.clock.moment()

    def wait(self, time: timedelta) -> None:
        self.clock.seconds += time.total_seconds()

    def start(self, pull: Pull = PULL) -> str:
        """Do what a run does: return the execution that it would wait for."""
        return Starter(self.appflow.resource, self.ledger, self.now).execution_for(pull)[0]

    def start_and_end(self, crash_at: int | None) -> list[str]:
        """Start as a process that ends at its nth place; return the places it passed."""
        return self.end_at(crash_at, self.start)

    def end_at(self, crash_at: int | None, work: Callable[[], object]) -> list[str]:
        """Do some work as a process that ends at its nth place; return the places it passed."""
        before, self.gate.actor = self.gate.actor, Actor(crash_at)
        try:
            work()
        except CrashError:
            pass
        finally:
            actor, self.gate.actor = self.gate.actor, before
        return actor.passed

    @property
    def recorded(self) -> ExternalRun | None:
        return self.ledger.external_run("shop", RUN_KIND, PULL.reference)

    @property
    def executions(self) -> list[Execution]:
        return self.appflow.executions


@pytest.fixture
def world() -> World:
    return World()


def test_a_start_writes_its_intent_then_starts_then_writes_the_id(world: World) -> None:
    writes = [place.removeprefix("before ") for place in world.start_and_end(None)[::2]]
    assert writes == ["a write to the ledger", "StartFlow", "a write to the ledger"]
    recorded = world.recorded
    assert recorded
    assert (recorded.external_id, recorded.attempt, recorded.run_id) == ("e1", 1, "run-1")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("state", ["InProgress", "Successful"])
@pytest.mark.parametrize("later", [SOON, LATE])
def test_whoever_comes_after_a_crash_waits_for_the_one_execution(
    world: World, place: int, state: str, later: timedelta
) -> None:
    world.start_and_end(place)
    for execution in world.executions:
        execution.state = state
    world.wait(later)
    assert world.start() == "e1"
    assert len(world.executions) == 1
    assert world.recorded
    assert world.recorded.external_id == "e1"


@pytest.mark.parametrize("later", [SOON, LATE])
def test_a_start_whose_answer_is_lost_on_the_way_is_found_again(
    world: World, later: timedelta
) -> None:
    def lose(_execution: Execution) -> None:
        raise ConnectionClosedError(endpoint_url="https://appflow")

    world.appflow.on_start = lose
    with pytest.raises(ConnectionClosedError):
        world.start()
    world.wait(later)
    assert world.start() == "e1"
    assert len(world.executions) == 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("again", PLACES)
@pytest.mark.parametrize("later", [SOON, LATE])
def test_two_crashes_are_no_worse_than_one(
    world: World, place: int, again: int, later: timedelta
) -> None:
    world.start_and_end(place)
    world.wait(later)
    world.start_and_end(again)
    world.wait(later)
    assert world.start() == "e1"
    assert len(world.executions) == 1


@pytest.mark.parametrize("pause_at", range(1, 8))
@pytest.mark.parametrize("ends", [False, True])
def test_two_runs_of_one_tick_start_one_execution(world: World, pause_at: int, ends: bool) -> None:
    found: list[str] = []
    first = Paused(world.gate, lambda: found.append(world.start()), pause_at=pause_at)
    other = world.start(PULL)
    if ends:
        world.executions[0].state = "Successful"
    if not first.done:
        first.go_on()
    assert found == [other] == ["e1"]
    assert len(world.executions) == 1


@pytest.mark.parametrize("pause_at", range(1, 10))
def test_two_runs_that_start_anew_after_a_failure_start_one_execution(
    world: World, pause_at: int
) -> None:
    world.start()
    world.executions[0].state = "Error"
    found: list[str] = []
    first = Paused(world.gate, lambda: found.append(world.start()), pause_at=pause_at)
    other = world.start()
    if not first.done:
        first.go_on()
    assert found == [other] == ["e2"]
    assert len(world.executions) == 2


def test_a_run_beside_another_pull_of_the_flow_adopts_what_is_running(world: World) -> None:
    world.start(Pull("shop", PULL.flow, "by hand", "run-0"))
    assert world.start() == "e1"
    assert len(world.executions) == 1


def test_of_several_in_progress_the_newest_is_adopted(world: World) -> None:
    for hour in (1, 3, 2):
        started = world.now() + timedelta(hours=hour)
        world.executions.append(Execution(f"at-{hour}", "console", started))
    assert world.start() == "at-3"


@pytest.mark.parametrize(
    ("state", "put_failures"), [("Error", 0), ("Canceled", 0), ("Successful", 1)]
)
def test_after_an_execution_that_failed_the_pull_is_started_anew_with_another_token(
    world: World, state: str, put_failures: int
) -> None:
    world.start()
    world.executions[0].state, world.executions[0].put_failures = state, put_failures
    world.wait(SOON)
    assert world.start() == "e2"
    assert world.recorded
    assert world.recorded.attempt == 2
    assert len({execution.token for execution in world.executions}) == 2
    assert world.start() == "e2"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("later", [SOON, LATE])
def test_a_crash_while_it_is_started_anew_makes_no_third(
    world: World, place: int, later: timedelta
) -> None:
    world.start()
    world.executions[0].state = "Error"
    world.wait(later)
    world.start_and_end(place)
    world.wait(later)
    assert world.start() == "e2"
    assert len(world.executions) == 2


def test_an_execution_whose_state_nobody_knows_is_never_started_in_place_of(world: World) -> None:
    world.start()
    world.executions[0].state = NEW_STATE
    world.wait(LATE)
    assert world.start() == "e1"
    assert len(world.executions) == 1


def test_what_was_delivered_is_not_started_again_whatever_appflow_still_knows(
    world: World,
) -> None:
    world.start()
    world.ledger.record_delivery("shop", Delivery("e1", "in/", 3, world.now()))
    world.executions[0].listed, world.executions[0].state = False, "Successful"
    world.wait(LATE)
    assert world.start() == "e1"
    assert len(world.executions) == 1


def test_an_execution_that_is_not_listed_is_waited_for_at_first_and_given_up_later(
    world: World,
) -> None:
    world.start()
    world.executions[0].listed, world.executions[0].state = False, "Successful"
    world.wait(SOON)
    assert world.start() == "e1"
    world.wait(LATE)
    assert world.start() == "e2"


def test_a_start_that_comes_long_after_its_intent_is_waited_for_until_it_is_listed(
    world: World,
) -> None:
    world.start_and_end(1)
    world.wait(SOON * 60)
    world.start()
    world.executions[0].listed, world.executions[0].state = False, "Successful"
    world.wait(SOON)
    assert world.start() == "e1"
    assert len(world.executions) == 1


def test_an_execution_that_began_before_the_intent_is_not_taken_for_a_lost_start(
    world: World,
) -> None:
    world.executions.append(Execution("old", "console", world.now(), "Successful"))
    world.wait(SOON * 10)
    world.start_and_end(1)
    world.wait(LATE)
    assert world.start() == "e2"


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (("ConflictException", 409), "lists no execution in progress"),
        (("ResourceNotFoundException", 404), "there is no such flow"),
        (("ServiceQuotaExceededException", 402), "too many executions are running"),
    ],
)
def test_a_refusal_says_what_to_do_and_the_next_attempt_uses_the_same_token(
    world: World, refusal: tuple[str, int], said: str
) -> None:
    world.appflow.refusal = refusal
    with pytest.raises(StartRefusedError, match=said) as caught:
        world.start()
    assert "AppFlow's own words for (address)" in str(caught.value)
    world.appflow.refusal = None
    assert world.start() == "e1"
    tokens = {call["clientToken"] for call in world.appflow.called("StartFlow")}
    assert len(tokens) == 1


NEXT = Pull("shop", PULL.flow, "the next tick", "run-2")


def settle_earlier(world: World) -> None:
    """Do what a run of the next pull does first; what is delivered stays in the ledger."""

    def deliver(execution: FlowExecution) -> bool:
        delivery = Delivery(execution.execution_id, "in/", execution.records, world.now())
        return world.ledger.record_delivery("shop", delivery)

    Starter(world.appflow.resource, world.ledger, world.now).settle_earlier(NEXT, deliver)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("again", range(5))
def test_whatever_ended_a_pull_what_it_brought_is_delivered_once_before_the_next(
    world: World, place: int, again: int
) -> None:
    world.start_and_end(place)
    brought = [execution.execution_id for execution in world.executions]
    for execution in world.executions:
        execution.state = "Successful"
    world.end_at(again, lambda: settle_earlier(world))
    settle_earlier(world)
    delivered = [one.execution_id for one in world.ledger.pending("shop").deliveries]
    assert delivered == brought
    unsettled = world.ledger.unsettled_runs("shop", RUN_KIND, f"{PULL.flow} ")
    # Of an intent that came to nothing, nothing is known until a later execution is.
    assert bool(unsettled) == (place in (1, 2))


@pytest.mark.parametrize("state", ["InProgress", NEW_STATE])
def test_an_earlier_execution_of_which_the_end_is_not_known_is_left(
    world: World, state: str
) -> None:
    world.start()
    world.executions[0].state = state
    settle_earlier(world)
    assert world.ledger.pending("shop").deliveries == ()
    assert world.ledger.unsettled_runs("shop", RUN_KIND, f"{PULL.flow} ")


def test_pulls_of_another_flow_are_left_to_it(world: World) -> None:
    other = Pull("shop", f"{PULL.flow}2", f"{PULL.flow}2 tick", "run-0")
    world.start(other)
    world.executions[0].state = "Successful"
    settle_earlier(world)
    assert world.ledger.pending("shop").deliveries == ()


def test_an_execution_that_is_being_cancelled_is_not_adopted(world: World) -> None:
    world.executions.append(Execution("e1", "console", world.now(), "CancelStarted"))
    with pytest.raises(StartRefusedError, match="wait for its end"):
        world.start()


def test_each_tick_is_a_pull_of_its_own(world: World) -> None:
    world.start()
    world.executions[0].state = "Successful"
    assert world.start(Pull("shop", PULL.flow, "another tick", "run-2")) == "e2"


@pytest.mark.parametrize("place", PLACES)
def test_what_a_cancelled_start_may_have_begun_is_known(world: World, place: int) -> None:
    world.start_and_end(place)
    starter = Starter(world.appflow.resource, world.ledger, world.now)
    assert starter.going_on(PULL) == ("e1" if world.executions else None)


def test_a_start_that_is_passed_by_others_again_and_again_gives_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ledger, "intend_external_run", lambda *_seen: False)
    with pytest.raises(StartRefusedError, match="again and again"):
        world.start()
    assert world.executions == []
