from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.external_runs import (
    LONGEST_QUOTE,
    ExternalRunError,
    Limits,
    RunDeadlineError,
    RunVanishedError,
    States,
    UnknownStateError,
    pauses,
    quoted,
    wait_until_final,
)

STATES = States("Service", frozenset({"GOING"}), frozenset({"GOOD"}), frozenset({"BAD"}))


@dataclass
class Status:
    state: str


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class PassingError(Exception):
    """A failure that passes by itself."""


UNLISTED, FAILS = "(not listed)", "(the call fails)"


@dataclass
class Waited:
    """How a wait ended, after how many seconds, and what was said meanwhile."""

    state: str | None
    error: ExternalRunError | None
    seconds: float
    said: list[str]
    troubles: list[str]


def watch(answers: Sequence[str], *, deadline: float = 100, limits: Limits | None = None) -> Waited:
    """Wait for a run of which these are the answers; the last of them is given for good."""
    clock, said, troubles = Clock(), list[str](), list[str]()
    remaining = iter(answers)

    def describe() -> Status | None:
        answer = next(remaining, answers[-1])
        if answer == FAILS:
            raise PassingError("secret")
        return None if answer == UNLISTED else Status(answer)

    try:
        final = wait_until_final(
            describe,
            STATES,
            deadline_seconds=deadline,
            longest_pause=5,
            now=clock.now,
            sleep=clock.sleep,
            on_change=lambda status: said.append(status.state),
            what="run r1",
            limits=limits,
            passing=lambda error: "busy" if isinstance(error, PassingError) else None,
            on_trouble=troubles.append,
        )
    except ExternalRunError as error:
        return Waited(None, error, clock.at, said, troubles)
    return Waited(final.state, None, clock.at, said, troubles)


def wait(states: list[str], *, deadline: float = 100) -> tuple[str, list[str]]:
    waited = watch(states, deadline=deadline)
    if waited.error:
        raise waited.error
    assert waited.state
    return waited.state, waited.said


def test_a_wait_ends_with_the_final_state_good_or_bad() -> None:
    assert wait(["GOING", "GOOD"])[0] == "GOOD"
    assert wait(["GOING", "BAD"])[0] == "BAD"


def test_each_change_is_said_once() -> None:
    assert wait(["GOING", "GOING", "GOING", "GOOD"])[1] == ["GOING", "GOOD"]


def test_a_state_that_nobody_knows_ends_the_wait() -> None:
    with pytest.raises(UnknownStateError, match="Service reports the state 'ODD'"):
        wait(["GOING", "ODD"])


def test_a_wait_has_a_deadline() -> None:
    with pytest.raises(RunDeadlineError, match="within 30 s; its state is GOING"):
        wait(["GOING"], deadline=30)


def test_pauses_grow_to_the_longest_and_vary_by_a_fifth() -> None:
    steady = [pause for pause, _ in zip(pauses(4, jitter=lambda: 0.5), range(9), strict=False)]
    assert steady[0] == pytest.approx(0.5)
    assert steady == sorted(steady)
    assert steady[-1] == pytest.approx(4)
    shortest = next(pauses(4, jitter=lambda: 0.0))
    longest = next(pauses(4, jitter=lambda: 1.0))
    assert shortest == pytest.approx(0.4)
    assert longest == pytest.approx(0.6)


def test_a_wait_never_lasts_longer_than_its_deadline() -> None:
    assert watch(["GOING"], deadline=33).seconds == 33


def test_a_run_that_is_listed_late_or_for_a_moment_not_is_waited_for() -> None:
    waited = watch([UNLISTED] * 5 + ["GOING", UNLISTED, UNLISTED, "GOING", "GOOD"])
    assert (waited.state, waited.said) == ("GOOD", ["GOING", "GOOD"])


@pytest.mark.parametrize(
    ("answers", "said"), [([UNLISTED], "never listed"), (["GOING", UNLISTED], "no longer lists")]
)
def test_a_run_that_is_not_listed_for_too_long_has_vanished(answers: list[str], said: str) -> None:
    waited = watch(answers, limits=Limits(unlisted=20))
    assert isinstance(waited.error, RunVanishedError)
    assert f"Service {said} run r1" in str(waited.error)
    assert 20 <= waited.seconds < 30


def test_a_state_may_have_a_limit_past_which_it_is_taken_for_an_end() -> None:
    limits = Limits(states={"GOING": 20})
    waited = watch(["GOING"], limits=limits)
    assert (waited.state, waited.error) == ("GOING", None)
    assert 20 <= waited.seconds < 30
    assert watch(["GOING", "GOOD"], limits=limits).state == "GOOD"


def test_failures_that_pass_are_told_and_asked_about_again() -> None:
    waited = watch([FAILS, "GOING", FAILS, FAILS, "GOOD"])
    assert (waited.state, waited.troubles) == ("GOOD", ["busy"] * 3)


def test_nothing_but_failures_for_too_long_ends_the_wait() -> None:
    waited = watch(["GOING", FAILS], limits=Limits(silent=40))
    assert isinstance(waited.error, RunDeadlineError)
    assert "nothing but failures about run r1 for 40 s, the last: busy" in str(waited.error)
    assert "secret" not in str(waited.error)
    assert 40 <= waited.seconds < 50


def test_failures_with_answers_in_between_do_not() -> None:
    waited = watch(
        [*[FAILS] * 6, "GOING"] * 10 + ["GOOD"], deadline=10**6, limits=Limits(silent=40)
    )
    assert waited.state == "GOOD"


def test_failures_do_not_make_a_run_vanish() -> None:
    waited = watch([UNLISTED, *[FAILS] * 20, UNLISTED, "GOOD"], limits=Limits(unlisted=300))
    assert waited.state == "GOOD"


def test_the_deadline_tells_of_the_last_failure() -> None:
    error = str(watch(["GOING", FAILS], deadline=30).error)
    assert "within 30 s; its state is GOING. The last call failed: busy." in error
    assert "launching this again adopts it" in error


def test_a_failure_that_does_not_pass_ends_the_wait_as_it_is() -> None:
    def refuse() -> Status:
        raise PermissionError("no")

    clock = Clock()
    with pytest.raises(PermissionError):
        wait_until_final(
            refuse,
            STATES,
            deadline_seconds=10,
            longest_pause=5,
            now=clock.now,
            sleep=clock.sleep,
            on_change=lambda _status: None,
        )
    assert clock.at == 0


@given(
    answers=st.lists(st.sampled_from(["GOING", "GOOD", "BAD", "ODD", UNLISTED, FAILS]), min_size=1)
)
def test_every_wait_ends_in_time_by_the_first_end_that_it_is_told_of(answers: list[str]) -> None:
    waited = watch(answers, deadline=300)
    ends = [answer for answer in answers if answer in {"GOOD", "BAD", "ODD"}]
    assert waited.seconds <= 300
    if waited.state:
        assert waited.state == ends[0]
    elif isinstance(waited.error, UnknownStateError):
        assert ends[0] == "ODD"
    else:
        assert isinstance(waited.error, RunDeadlineError | RunVanishedError)


@given(message=st.text(max_size=3000))
def test_whatever_a_service_says_is_one_printable_line_without_addresses(message: str) -> None:
    said = quoted(message + " jane@example.com")
    assert said.isprintable()
    assert "jane@" not in said
    assert 0 < len(said) <= LONGEST_QUOTE


def test_a_service_that_says_nothing_is_quoted_as_such() -> None:
    assert quoted(" \n") == "(nothing)"
