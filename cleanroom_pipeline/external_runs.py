"""Waiting for a run that a service does for us.

Here: the one loop that all waits share: growing pauses, a deadline, a word at each change of
state. Not here: which service, or which state means what.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

FIRST_PAUSE = 0.5
PAUSE_GROWTH = 1.4
JITTER = 0.2


class ExternalRunError(RuntimeError):
    """A service's run did not end well. The message carries the state and the service's words."""


class StartRefusedError(ExternalRunError):
    """A service does not start a run, and lists none that could be adopted in its place."""


class RunFailedError(ExternalRunError):
    """A service ended its run as failed."""


class RunCanceledError(ExternalRunError):
    """A run was stopped before its end, by a person or by the service."""


class RunTimedOutError(ExternalRunError):
    """A service stopped its run at the run's own time-out."""


class PutFailuresError(ExternalRunError):
    """A run ended well by its state, and did not write all that it should have."""


class RunVanishedError(ExternalRunError):
    """A service no longer knows a run that it has started."""


class UnknownStateError(ExternalRunError):
    """A service reports a state that this version does not know, so it can't say what it means."""


class RunDeadlineError(ExternalRunError):
    """A service's run did not end in time. It may still be going on."""


class HasState(Protocol):
    """What a service tells of a run."""

    @property
    def state(self) -> str:
        """The state, in the service's own word."""


Status = TypeVar("Status", bound=HasState)


@dataclass(frozen=True, slots=True)
class States:
    """The states of a service: those that go on, the one that is good, those that are not."""

    service: str
    going: frozenset[str]
    good: frozenset[str]
    bad: frozenset[str]

    def is_final(self, state: str) -> bool:
        """Tell whether a run is over; UnknownStateError for a state that isn't listed."""
        if state in self.going:
            return False
        if state in self.good | self.bad:
            return True
        raise UnknownStateError(
            f"{self.service} reports the state {state!r}, which this version does not know. Look "
            f"the run up in {self.service}, and upgrade before running it again."
        )


def pauses(longest: float, jitter: Callable[[], float] = random.random) -> Iterator[float]:
    """Yield growing pauses in seconds, up to `longest`, each varied by up to a fifth."""
    pause = FIRST_PAUSE
    while True:
        yield pause * (1 - JITTER + 2 * JITTER * jitter())
        pause = min(pause * PAUSE_GROWTH, longest)


def wait_until_final(
    describe: Callable[[], Status],
    states: States,
    *,
    deadline_seconds: float,
    longest_pause: float,
    now: Callable[[], float],
    sleep: Callable[[float], None],
    on_change: Callable[[Status], None],
) -> Status:
    """Ask until the run is over, and return the last answer.

    Raises RunDeadlineError after `deadline_seconds`, UnknownStateError for a state not in `states`.
    """
    began, said = now(), None
    for pause in pauses(longest_pause):
        status = describe()
        if status.state != said:
            on_change(status)
            said = status.state
        if states.is_final(status.state):
            return status
        if now() - began > deadline_seconds:
            raise RunDeadlineError(
                f"{states.service} has not ended the run within {deadline_seconds:g} s; its state "
                f"is {status.state}. It is left alone: look it up there, and stop it if it hangs."
            )
        sleep(pause)
    raise AssertionError("pauses() never ends")
