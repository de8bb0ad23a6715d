"""Every state of a job run, at the first look, at a later one and after a retry: what comes of it.

The states are those of botocore's model, so that a new one fails here until it is handled.
"""

from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from cleanroom_pipeline.aws.databrew import JobRun
from cleanroom_pipeline.external_runs import (
    ExternalRunError,
    RunCanceledError,
    RunDeadlineError,
    RunFailedError,
    RunTimedOutError,
    RunVanishedError,
    StartRefusedError,
    UnknownStateError,
)
from cleanroom_pipeline.notify.message import (
    SAFE_ERRORS,
    Failure,
    Outcome,
    RunFacts,
    build_message,
)
from cleanroom_pipeline.transform.databrew_cost import CostLimitError
from cleanroom_pipeline.transform.databrew_requests import recipe_name
from cleanroom_pipeline_tests.transform.brewing import BATCH, JOB, SHOP, Brewing, settings
from cleanroom_pipeline_tests.transform.stand_ins import BEGAN

MODEL: Any = boto3.client("databrew", region_name="us-east-1").meta.service_model
STATES = tuple(MODEL.shape_for("JobRunState").enum)
FIRST, LATER, RETRY = "at the first look", "at a later look", "after a retry"
TABLE_RUN_1, TABLE_RUN_2 = "its table", "the table of a second run"


@dataclass(frozen=True)
class End:
    """What comes of it: an error and its words, or a table; which run the ledger has then."""

    outcome: type[ExternalRunError] | str
    words: str = ""
    ledger: str = "db_1"


FAILED = End(RunFailedError, "ended as FAILED. DataBrew says: because of FAILED Put right")
TIMEOUT = End(RunTimedOutError, "ended as TIMEOUT. DataBrew says: because of TIMEOUT Raise")
STOPPED = End(RunCanceledError, "ended as STOPPED. DataBrew says: because of STOPPED Somebody")
TABLE, SECOND = End(TABLE_RUN_1), End(TABLE_RUN_2, ledger="db_2")
# A run that goes on ends well in these tests, and one that is being stopped is stopped.
ENDS = {
    ("STARTING", FIRST): TABLE,
    ("STARTING", LATER): TABLE,
    ("STARTING", RETRY): TABLE,
    ("RUNNING", FIRST): TABLE,
    ("RUNNING", LATER): TABLE,
    ("RUNNING", RETRY): TABLE,
    ("STOPPING", FIRST): STOPPED,
    ("STOPPING", LATER): STOPPED,
    ("STOPPING", RETRY): SECOND,
    ("STOPPED", FIRST): STOPPED,
    ("STOPPED", LATER): STOPPED,
    ("STOPPED", RETRY): SECOND,
    ("SUCCEEDED", FIRST): TABLE,
    ("SUCCEEDED", LATER): TABLE,
    ("SUCCEEDED", RETRY): TABLE,
    ("FAILED", FIRST): FAILED,
    ("FAILED", LATER): FAILED,
    ("FAILED", RETRY): SECOND,
    ("TIMEOUT", FIRST): TIMEOUT,
    ("TIMEOUT", LATER): TIMEOUT,
    ("TIMEOUT", RETRY): SECOND,
}
GOES_ON = {"STARTING": ["SUCCEEDED"], "RUNNING": ["SUCCEEDED"], "STOPPING": ["STOPPED"]}


def test_the_table_has_every_state_of_the_service_and_no_other() -> None:
    assert {state for state, _ in ENDS} == set(STATES)
    assert len(ENDS) == 3 * len(STATES)


def scripted(state: str, when: str) -> Brewing:
    world = Brewing()
    before = ["STARTING", "RUNNING"] if when == LATER else []
    world.databrew.script([*before, state, *GOES_ON.get(state, [])])
    return world


@pytest.mark.parametrize(("state", "when"), ENDS, ids=str)
def test_what_comes_of_a_state(state: str, when: str) -> None:
    world, end = scripted(state, when), ENDS[state, when]
    if when == RETRY:
        # The process that started it is gone, and the run came to this state meanwhile.
        world.start()
        if state == "STOPPING":
            world.databrew.describe(JOB, "db_1")
    if isinstance(end.outcome, str):
        world.process(write_id="00000000-1")
        number = "db_2" if end.outcome == TABLE_RUN_2 else "db_1"
        assert world.transformed().external_run_id == number
        assert len(world.databrew.all_runs()) == (2 if end.outcome == TABLE_RUN_2 else 1)
    else:
        with pytest.raises(end.outcome) as raised:
            world.process()
        assert raised.type is end.outcome
        assert f"DataBrew run db_1 of job {JOB} {end.words}" in str(raised.value)
        assert world.bucket.get_record(f"manifests/{SHOP}/{BATCH}/transformed.json") is None
        assert end.outcome.__name__ in told(raised.value)
    record = world.record()
    assert record is not None
    assert (record.external_id, record.run_id) == (end.ledger, "root")
    assert not world.databrew.stopped


def told(error: BaseException) -> str:
    """Return what people are told of a run that ended by this error."""
    name = type(error).__name__
    reason = str(error) if name in SAFE_ERRORS else None
    assert reason, f"{name} is not told"
    failure = Failure(f"{SHOP}__transformed_table.wait_for_databrew_run", name, reason)
    facts = RunFacts(Outcome.FAILED, "r1", f"{SHOP}__batch_job", SHOP, BATCH, failure=failure)
    text = build_message(facts).text
    assert reason in text
    return text


@pytest.mark.parametrize("when", [FIRST, LATER, RETRY])
def test_a_state_that_nobody_knows_ends_it_at_once_and_stops_nothing(when: str) -> None:
    world = scripted("SOMETHING_NEW", when)
    if when == RETRY:
        world.start()
    with pytest.raises(UnknownStateError, match="DataBrew reports the state 'SOMETHING_NEW'"):
        world.process()
    assert len(world.databrew.all_runs()) == 1
    assert not world.databrew.stopped


def test_a_run_that_vanishes_while_it_is_waited_for_is_said_to_have_vanished() -> None:
    world = Brewing()
    run_id = world.start()
    world.databrew.forget(JOB)
    with pytest.raises(RunVanishedError, match=f"run db_1 of job {JOB}"):
        world.finish(run_id)
    assert world.clock.seconds < 300


def test_a_batch_whose_run_vanished_gets_another_one_when_it_is_run_again() -> None:
    world = Brewing()
    world.start()
    world.databrew.let_pass()
    world.databrew.forget(JOB)
    assert world.start() == "db_2"


def test_a_databrew_that_does_not_answer_for_a_while_fails_nothing() -> None:
    world = Brewing()
    run_id = world.start()
    world.databrew.fall_silent(8)
    world.finish(run_id)
    assert world.transformed().external_run_id == run_id


def test_a_databrew_that_does_not_answer_any_more_is_given_up_at_a_bound() -> None:
    world = Brewing()
    world.databrew.script(["RUNNING"])
    run_id = world.start()
    world.databrew.fall_silent(10_000)
    with pytest.raises(RunDeadlineError, match="nothing is heard of it"):
        world.finish(run_id)
    assert world.clock.seconds < 60 * 135


def test_a_run_that_hangs_is_stopped_at_the_deadline_which_a_retry_does_not_put_off() -> None:
    world = Brewing()
    world.databrew.script(["RUNNING"])
    run_id = world.start()
    world.clock.seconds += 60 * 100
    with pytest.raises(RunDeadlineError, match=r"within 135 minutes.* It was stopped"):
        world.finish(run_id)
    assert world.databrew.stopped == [run_id]
    assert world.clock.seconds == pytest.approx(60 * 135, abs=60)


def test_a_run_that_costs_too_much_is_stopped() -> None:
    world = Brewing(settings(max_cost=1.0))
    world.databrew.script(["RUNNING"])
    run_id = world.start()
    with pytest.raises(
        CostLimitError, match=r"has cost about \$1\.04 in 2[56] minutes; .* \$1\.00"
    ):
        world.finish(run_id)
    assert world.databrew.stopped == [run_id]
    assert "CostLimitError" in SAFE_ERRORS


def test_a_failed_run_that_databrew_tries_again_by_itself_is_followed() -> None:
    world = Brewing(settings(max_retries=1))
    world.databrew.script(["RUNNING", "FAILED"])
    run_id = world.start()
    own = world.databrew.all_runs()[0]
    again = JobRun("db_again", "RUNNING", "", 0, own.outputs, BEGAN, own.recipe, attempt=1)
    world.databrew.add(JOB, again, ["SUCCEEDED"])
    world.finish(run_id)
    assert world.transformed().external_run_id == "db_again"


def running(world: Brewing, run_id: str, recipe: str, state: str = "RUNNING") -> JobRun:
    world.start("other", "0000000c-0")
    world.databrew.let_pass()
    first = world.databrew.all_runs()[0]
    return JobRun(run_id, state, "", 0, first.outputs, BEGAN, recipe)


def recipe_of(world: Brewing) -> str:
    return recipe_name(SHOP, world.config.parsed_recipe().sha256)


def test_a_second_start_adopts_the_run_that_goes_on_whoever_started_it() -> None:
    world = Brewing()
    world.databrew.add(JOB, running(world, "db_theirs", recipe_of(world)), ["SUCCEEDED"])
    assert world.start("mine") == "db_theirs"
    record = world.record()
    assert record is not None
    assert (record.external_id, record.run_id) == ("db_theirs", "mine")


def test_another_dagster_run_of_the_batch_starts_anew_after_one_that_succeeded() -> None:
    world = Brewing()
    world.process("first")
    assert world.start("second", "0000000b-0") == "db_2"


def test_a_run_of_an_earlier_recipe_is_stopped_and_never_adopted() -> None:
    world = Brewing()
    world.databrew.add(JOB, running(world, "db_old", "shop-0123456789ab"))
    world.clock.woken.append(world.databrew.let_pass)
    started = world.start("mine")
    assert world.databrew.stopped == ["db_old"]
    assert started not in ("db_1", "db_old")


def test_one_process_does_not_start_while_another_may_be_about_to() -> None:
    world = Brewing()
    other = world.starter()
    world.ledger.intend_external_run(SHOP, other._intent(attempt_of_other(), None, ()), None)
    began = world.clock.seconds
    assert world.start("mine") == "db_1"
    assert world.clock.seconds - began >= 90


def attempt_of_other() -> Any:
    from cleanroom_pipeline_tests.transform.brewing import attempt

    return attempt("theirs", "0000000d-0")


def test_a_run_whose_start_was_not_answered_is_given_time_to_be_listed() -> None:
    world = Brewing()
    world.databrew.script(["RUNNING"])
    world.databrew.lose_answers()
    world.databrew.list_late(6)
    assert world.start() == "db_1"
    assert len(world.databrew.all_runs()) == 1
    assert world.databrew.starts == 1


def test_a_start_that_is_always_refused_says_so_after_a_while() -> None:
    world = Brewing()
    world.databrew.add(JOB, running(world, "db_stuck", recipe_of(world), "STOPPING"))
    with pytest.raises(StartRefusedError, match="Run db_stuck is STOPPING"):
        world.start("mine")
    assert 900 <= world.clock.seconds < 1000
