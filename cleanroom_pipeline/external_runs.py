"""Waiting for a run that a service does for us.

Here: the ways in which such a run ends badly, and the one loop that all waits share: growing
pauses, deadlines, a word at each change of state. Not here: which service, which state means what.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from cleanroom_pipeline.model import on_one_line, without_addresses

FIRST_PAUSE = 0.5
PAUSE_GROWTH = 1.4
JITTER = 0.2
LONGEST_QUOTE = 1_000


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


@dataclass(frozen=True, slots=True)
class Limits:
    """How long, in seconds, a wait bears what should not last.

    `unlisted`: the service does not know the run. `silent`: all that it answers are failures.
    `states`: a state that leads to an end; past its limit, it is taken for that end.
    """

    unlisted: float = 120.0
    silent: float = 900.0
    states: Mapping[str, float] = field(default_factory=dict)


def quoted(message: str) -> str:
    """Return a service's own words on a run as they may be repeated: they may hold anything.

    On one line, without what may be an address, of bounded length; `(nothing)` where it is empty.
    """
    said = without_addresses(on_one_line(" ".join(message.split())))
    kept = said if len(said) <= LONGEST_QUOTE else said[: LONGEST_QUOTE - 3] + "..."
    return kept or "(nothing)"


def pauses(longest: float, jitter: Callable[[], float] = random.random) -> Iterator[float]:
    """Yield growing pauses in seconds, up to `longest`, each varied by up to a fifth."""
    pause = FIRST_PAUSE
    while True:
        yield pause * (1 - JITTER + 2 * JITTER * jitter())
        pause = min(pause * PAUSE_GROWTH, longest)


def never_passing(_error: Exception) -> str | None:
    """Take no failure of a call for one that passes by itself."""
    return None


@dataclass
class _Watch(Generic[Status]):
    """What a wait has seen so far; times are of the wait's own clock."""

    states: States
    what: str
    limits: Limits
    heard_at: float
    status: Status | None = None
    since: float = 0.0
    unlisted_since: float | None = None
    trouble: str | None = None

    def told(self, status: Status | None, at: float) -> bool:
        """Take in an answer, None for a run that is not listed; return whether its state is new."""
        self.heard_at, self.trouble = at, None
        if status is None:
            self.unlisted_since = at if self.unlisted_since is None else self.unlisted_since
            return False
        changed = self.status is None or self.status.state != status.state
        self.since = at if changed else self.since
        self.status, self.unlisted_since = status, None
        return changed

    def is_over(self, status: Status, at: float) -> bool:
        """Tell whether the run is over, or as good as over."""
        most = self.limits.states.get(status.state)
        lasts = most is not None and at - self.since >= most
        return self.states.is_final(status.state) or lasts

    def check(self, at: float, *, lasted: float, deadline: float) -> None:
        """Raise what there is to raise of a run that is not over."""
        service, what = self.states.service, self.what
        missed = 0.0 if self.unlisted_since is None else at - self.unlisted_since
        if self.trouble is None and missed >= self.limits.unlisted:
            known = "no longer lists" if self.status else "never listed"
            raise RunVanishedError(
                f"{service} {known} {what}, though it has started it. Look in {service} whether it "
                f"was deleted there; nothing of it is used. Run it again."
            )
        if self.trouble is not None and at - self.heard_at >= self.limits.silent:
            raise RunDeadlineError(
                f"{service} has answered nothing but failures about {what} for "
                f"{self.limits.silent:g} s, the last: {self.trouble}. {self._left_alone()}"
            )
        if lasted >= deadline:
            state = f"its state is {self.status.state}" if self.status else "it is not listed"
            failure = f" The last call failed: {self.trouble}." if self.trouble else ""
            raise RunDeadlineError(
                f"{service} has not ended {what} within {deadline:g} s; {state}.{failure} "
                f"{self._left_alone()}"
            )

    def _left_alone(self) -> str:
        return (
            "It is left alone: look it up there, and stop it if it hangs. While it goes on, "
            "launching this again adopts it."
        )


def wait_until_final(
    describe: Callable[[], Status | None],
    states: States,
    *,
    deadline_seconds: float,
    longest_pause: float,
    now: Callable[[], float],
    sleep: Callable[[float], None],
    on_change: Callable[[Status], None],
    what: str = "the run",
    limits: Limits | None = None,
    passing: Callable[[Exception], str | None] = never_passing,
    on_trouble: Callable[[str], None] = lambda _words: None,
) -> Status:
    """Ask until the run is over, and return the last answer.

    `describe` answers None for a run that the service does not list. A failure of it that `passing`
    has words for is told to `on_trouble`, and asked about again; any other one ends the wait.

    Raises RunDeadlineError after `deadline_seconds`, or where nothing but failures are answered for
    too long; RunVanishedError for a run that is not listed for too long; UnknownStateError for a
    state not in `states`.
    """
    began = now()
    watch = _Watch[Status](states, what, limits or Limits(), began)
    for pause in pauses(longest_pause):
        try:
            status = describe()
        except Exception as error:
            watch.trouble = passing(error)
            if watch.trouble is None:
                raise
            on_trouble(watch.trouble)
        else:
            at = now()
            if watch.told(status, at) and status is not None:
                on_change(status)
            if status is not None and watch.is_over(status, at):
                return status
        at = now()
        watch.check(at, lasted=at - began, deadline=deadline_seconds)
        sleep(min(pause, began + deadline_seconds - at))
    raise AssertionError("pauses() never ends")
