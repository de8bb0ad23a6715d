"""Scripted DataBrew runs: every state of the model, others, and all that a caller can miss."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from cleanroom_pipeline.local_aws.clients import Clients, error_code
from cleanroom_pipeline.local_aws.job_runs import GOING, TERMINAL
from cleanroom_pipeline.local_aws.outcomes import Outcome
from cleanroom_pipeline.local_aws.service_model import ServiceModel
from cleanroom_pipeline_tests.local_aws.brewery import JOB, Brewery
from cleanroom_pipeline_tests.local_aws.conftest import REGION

STATES = ServiceModel("databrew").model.shape_for("JobRunState").metadata["enum"]
DAY = 86_400.0


def impatient(brewery: Brewery) -> Any:
    """Return a client that tries once."""
    return boto3.client(
        "databrew",
        region_name=REGION,
        endpoint_url=brewery.aws.endpoint,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def runs(brewery: Brewery) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = brewery.databrew.list_job_runs(Name=JOB)["JobRuns"]
    return listed


def test_we_know_the_states_that_the_model_has() -> None:
    assert set(STATES) == GOING | TERMINAL


@pytest.mark.parametrize("state", [*STATES, "SOMETHING_NEW"])
def test_a_run_is_in_the_state_that_was_scripted_and_stays(brewery: Brewery, state: str) -> None:
    brewery.job()
    brewery.script(state=state, message="as told")
    run = brewery.run()
    assert run["State"] == state
    assert ("CompletedOn" in run) == (state in TERMINAL)
    assert bool(brewery.keys()) == (state == "SUCCEEDED")
    brewery.aws.advance(DAY)
    assert runs(brewery)[0]["State"] == state


@pytest.mark.parametrize("state", ["STARTING", "RUNNING"])
def test_a_run_that_hangs_can_be_stopped(brewery: Brewery, state: str) -> None:
    brewery.job()
    brewery.script(state=state)
    run_id = brewery.run()["RunId"]
    brewery.databrew.stop_job_run(Name=JOB, RunId=run_id)
    brewery.aws.advance(1)
    assert brewery.describe(run_id)["State"] == "STOPPED"


@pytest.mark.parametrize("state", [*sorted(TERMINAL), "SOMETHING_NEW"])
def test_a_run_that_is_over_can_t_be_stopped_and_lets_another_start(
    brewery: Brewery, state: str
) -> None:
    brewery.job()
    brewery.script(state=state)
    run_id = brewery.run()["RunId"]
    with pytest.raises(ClientError) as caught:
        brewery.databrew.stop_job_run(Name=JOB, RunId=run_id)
    assert error_code(caught.value) == "ValidationException"
    assert brewery.start() != run_id


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED"])
def test_a_slow_run_lasts_as_long_as_it_was_told_to(brewery: Brewery, state: str) -> None:
    brewery.job()
    brewery.script(state=state, seconds=600)
    run_id = brewery.start()
    brewery.aws.advance(600)
    assert brewery.describe(run_id)["State"] == "RUNNING"
    brewery.aws.advance(1)
    done = brewery.describe(run_id)
    assert (done["State"], done["ExecutionTime"]) == (state, 600)


def test_a_run_ends_after_so_many_polls_whatever_the_clock_says(brewery: Brewery) -> None:
    brewery.job()
    brewery.script(state="FAILED", after_polls=3)
    run_id = brewery.start()
    brewery.aws.advance(DAY)
    runs(brewery)
    states = [brewery.describe(run_id)["State"] for _ in range(5)]
    assert states == ["RUNNING", "RUNNING", "RUNNING", "FAILED", "FAILED"]


def test_polls_bring_a_run_to_its_end_while_the_clock_stands_still(brewery: Brewery) -> None:
    brewery.job()
    brewery.script(after_polls=2)
    run_id = brewery.start()
    states = [brewery.describe(run_id)["State"] for _ in range(3)]
    assert states == ["STARTING", "STARTING", "RUNNING"]
    brewery.aws.advance(0)
    assert brewery.describe(run_id)["State"] == "SUCCEEDED"
    assert len(brewery.keys()) == 1


def test_a_start_whose_answer_is_lost_has_happened(brewery: Brewery) -> None:
    brewery.job()
    brewery.script(lost_answer=True)
    with pytest.raises(ConnectionClosedError):
        impatient(brewery).start_job_run(Name=JOB)
    (run,) = runs(brewery)
    brewery.aws.advance(60)
    assert brewery.describe(run["RunId"])["State"] == "SUCCEEDED"


def test_who_tries_a_lost_start_again_meets_a_conflict_and_no_second_run(
    brewery: Brewery, clients: Clients
) -> None:
    brewery.job()
    brewery.script(lost_answer=True)
    with pytest.raises(ClientError) as caught:
        brewery.start()
    assert error_code(caught.value) == "ConflictException"
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 1
    assert len(runs(brewery)) == 1


def test_a_vanished_run_is_found_nowhere_and_stands_in_nobody_s_way(brewery: Brewery) -> None:
    brewery.job()
    brewery.script(vanish=True, after_polls=1)
    run_id = brewery.start()
    assert brewery.describe(run_id)["State"] == "STARTING"
    for ask in (
        lambda: brewery.describe(run_id),
        lambda: brewery.databrew.stop_job_run(Name=JOB, RunId=run_id),
    ):
        with pytest.raises(ClientError) as caught:
            ask()
        assert error_code(caught.value) == "ResourceNotFoundException"
    assert runs(brewery) == []
    assert brewery.run()["State"] == "SUCCEEDED"
    assert len(brewery.keys()) == 1


def test_by_the_clock_a_run_vanishes_when_it_would_have_ended(brewery: Brewery) -> None:
    brewery.job()
    brewery.script(vanish=True, seconds=5)
    brewery.start()
    brewery.aws.advance(5)
    assert len(runs(brewery)) == 1
    brewery.aws.advance(1)
    assert runs(brewery) == []


def test_a_test_in_this_process_scripts_by_the_handle(brewery: Brewery) -> None:
    brewery.job()
    brewery.aws.outcomes["databrew"].add("*", Outcome("TIMEOUT", "too slow", times=None))
    for _ in range(2):
        run = brewery.run()
        assert (run["State"], run["ErrorMessage"]) == ("TIMEOUT", "too slow")
    brewery.aws.outcomes["databrew"].clear()
    assert brewery.run()["State"] == "SUCCEEDED"


def test_a_run_that_failed_is_tried_again_as_often_as_its_job_says(brewery: Brewery) -> None:
    brewery.job(MaxRetries=2)
    brewery.script(state="FAILED", message="no memory", times=2)
    run = brewery.run()
    assert (run["State"], run["Attempt"]) == ("SUCCEEDED", 2)
    brewery.script(state="FAILED", message="no memory", times=3)
    run = brewery.run()
    assert (run["State"], run["Attempt"], run["ErrorMessage"]) == ("FAILED", 2, "no memory")
    assert len(runs(brewery)) == 2


@pytest.mark.parametrize("state", ["TIMEOUT", "STOPPED"])
def test_a_run_that_was_ended_is_not_tried_again(brewery: Brewery, state: str) -> None:
    brewery.job(MaxRetries=2)
    brewery.script(state=state)
    run = brewery.run()
    assert (run["State"], run["Attempt"]) == (state, 0)
