from dataclasses import dataclass

import pytest

from cleanroom_pipeline.external_runs import (
    RunDeadlineError,
    States,
    UnknownStateError,
    pauses,
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


def wait(states: list[str], *, deadline: float = 100) -> tuple[str, list[str]]:
    clock, said = Clock(), list[str]()
    answers = iter(states)
    last = states[-1]
    final = wait_until_final(
        lambda: Status(next(answers, last)),
        STATES,
        deadline_seconds=deadline,
        longest_pause=5,
        now=clock.now,
        sleep=clock.sleep,
        on_change=lambda status: said.append(status.state),
    )
    return final.state, said


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
