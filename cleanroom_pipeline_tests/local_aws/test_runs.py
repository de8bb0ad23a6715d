"""The pure parts of runs: the next state, scripted outcomes, the sources, the clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.local_aws.clock import Clock
from cleanroom_pipeline.local_aws.job_runs import (
    TERMINAL,
    DataBrewDurations,
    Following,
    JobRun,
    next_state,
)
from cleanroom_pipeline.local_aws.outcomes import Outcome, Outcomes
from cleanroom_pipeline.local_aws.sources import Sources

DURATIONS = DataBrewDurations(start=2, run=3, stop=1)
CLICKS = ("SalesforceMarketingCloud", "ClickEvent")


def job_run(
    state: str = "RUNNING", since: float = 100, outcome: Outcome | None = None, timeout: int = 2880
) -> JobRun:
    job = {"Name": "nightly", "Timeout": timeout}
    return JobRun("us-east-1", "db_1", job, outcome, 90, since, state)


def test_a_run_starts_when_its_time_has_come() -> None:
    run = job_run("STARTING")
    assert next_state(run, 101.9, DURATIONS) is None
    assert next_state(run, 102, DURATIONS) == Following("RUNNING", 102)


def test_a_run_succeeds_when_the_work_is_done_and_not_sooner_than_it_runs() -> None:
    run = job_run()
    assert next_state(run, 200, DURATIONS) is None
    run.worked, run.worked_at = True, 101
    assert next_state(run, 102, DURATIONS) is None
    assert next_state(run, 200, DURATIONS) == Following("SUCCEEDED", 103)


def test_a_failure_of_the_work_is_the_run_s_message() -> None:
    run = job_run()
    run.worked, run.worked_at, run.failure = True, 150, "no such column"
    assert next_state(run, 200, DURATIONS) == Following("FAILED", 150, "no such column")


def test_a_run_whose_work_goes_on_times_out() -> None:
    run = job_run(timeout=2)
    assert next_state(run, 219, DURATIONS) is None
    following = next_state(run, 220, DURATIONS)
    assert following is not None
    assert (following.state, following.at) == ("TIMEOUT", 220)
    assert "2 minutes" in following.error


def test_a_stopping_run_stops_once_its_work_has_ended() -> None:
    run = job_run("STOPPING")
    run.at_work = True
    assert next_state(run, 500, DURATIONS) is None
    run.at_work = False
    assert next_state(run, 500, DURATIONS) == Following("STOPPED", 101)


@pytest.mark.parametrize("state", ["FAILED", "TIMEOUT", "STOPPED"])
def test_a_scripted_end_comes_without_work(state: str) -> None:
    run = job_run(outcome=Outcome(state, "as told"))
    assert not run.needs_work
    assert next_state(run, 103, DURATIONS) == Following(state, 103, "as told")


@given(state=st.sampled_from(sorted(TERMINAL)), now=st.floats(0, 1e9))
def test_a_terminal_run_stays_as_it_is(state: str, now: float) -> None:
    assert next_state(job_run(state), now, DURATIONS) is None


def test_an_outcome_is_used_as_often_as_it_says_then_the_one_for_all() -> None:
    outcomes = Outcomes(frozenset({"FAILED", "TIMEOUT"}))
    outcomes.script("nightly", "state", {"state": "FAILED", "times": 2})
    outcomes.script("*", "state", {"state": "TIMEOUT", "times": None})
    states = [(outcomes.take("nightly") or Outcome("")).state for _ in range(4)]
    assert states == ["FAILED", "FAILED", "TIMEOUT", "TIMEOUT"]
    outcomes.clear()
    assert outcomes.take("nightly") is None


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"state": ""},
        {"state": "FAILD"},
        {"state": "failed"},
        {"state": 7},
        {"state": "FAILED", "tmies": 1},
        {"state": "FAILED", "times": "2"},
        {"state": "FAILED", "seconds": -1},
        {"state": "FAILED", "after_polls": 1.5},
        {"state": "FAILED", "vanish": "yes"},
        {"state": "FAILED", "events": "twice"},
    ],
)
def test_an_outcome_that_can_t_be_is_refused(spec: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must be|Unknown|number"):
        Outcomes(frozenset({"FAILED"})).script("nightly", "state", spec)


def test_a_script_may_leave_out_the_state_or_make_one_up() -> None:
    outcomes = Outcomes(frozenset({"SUCCEEDED", "FAILED"}), "SUCCEEDED")
    outcomes.script("slow", "state", {"seconds": 600})
    outcomes.script("new", "state", {"state": "SOMETHING_NEW"})
    assert outcomes.take("slow") == Outcome("SUCCEEDED", seconds=600)
    assert outcomes.take("new") == Outcome("SOMETHING_NEW")


def test_a_full_pull_gives_all_records_each_time() -> None:
    sources = Sources()
    sources.fill(CLICKS, b'{"id": 1}\n{"id": 2}\n', replace=True)
    for _ in range(2):
        records, mark = sources.pull("flow", CLICKS)
        sources.confirm("flow", CLICKS, mark)
        assert [record["id"] for record in records] == [1, 2]


@given(st.lists(st.lists(st.integers(), max_size=4), max_size=6))
def test_an_incremental_pull_gives_each_record_once_to_each_flow(batches: list[list[int]]) -> None:
    sources = Sources()
    seen: dict[str, list[int]] = {"one": [], "other": []}
    for number, batch in enumerate(batches):
        lines = "".join(f'{{"id": {n}}}\n' for n in batch).encode()
        sources.fill(CLICKS, lines, replace=False, pull="new")
        for flow in ["one"] if number % 2 else ["one", "other"]:
            records, mark = sources.pull(flow, CLICKS)
            sources.confirm(flow, CLICKS, mark)
            seen[flow] += [record["id"] for record in records]
    records, _ = sources.pull("other", CLICKS)
    every = [n for batch in batches for n in batch]
    assert seen["one"] == every
    assert seen["other"] + [record["id"] for record in records] == every


@pytest.mark.parametrize("lines", [b"{}\nno json", b"{}\n[1]"])
def test_a_source_is_told_which_line_is_wrong(lines: bytes) -> None:
    with pytest.raises(ValueError, match="Line 2"):
        Sources().fill(CLICKS, lines, replace=True)


def test_the_clock_goes_forward_only() -> None:
    clock = Clock(lambda: 100.0)
    assert clock.advance(5) == 105
    assert clock.now() == 105
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="forward"):
            clock.advance(wrong)
