"""Scripted outcomes: how the next runs of a flow or of a job shall go, and how they end.

Here: storing, checking and taking them. Not here: what a run does with one.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Any, Literal, get_args

ANY = "*"
Events = Literal["once", "missing", "duplicate", "early"]
EVENTS: tuple[str, ...] = get_args(Events)
CLOSE_ENOUGH_TO_BE_A_TYPO = 0.8


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state that a run ends in; `times` runs take it, every run if None.

    A state that isn't terminal (InProgress, RUNNING) never ends: the run hangs until it is stopped.
    One that the service's model doesn't have is shown as it is, and stays.

    `seconds` is how long the run lasts, in place of the service's own durations; `after_polls` how
    many times it is described as going on before it ends, whatever the clock says. With
    `lost_answer` the start happens and its answer is a dropped connection; with `vanish` nobody
    finds the run any more, from when it would have ended. `events`: what EventBridge is told of it:
    once, nothing, twice, or already when it begins to run.
    """

    state: str
    message: str = ""
    put_failures: int = 0
    times: int | None = 1
    seconds: float | None = None
    after_polls: int | None = None
    lost_answer: bool = False
    vanish: bool = False
    events: str = "once"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and _is_number(value)


CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "message": (lambda value: isinstance(value, str), "must be a text"),
    "put_failures": (_is_count, "must be a number"),
    "times": (lambda value: value is None or _is_count(value), "must be a number, or null"),
    "seconds": (lambda value: value is None or _is_number(value), "must be a number, or null"),
    "after_polls": (lambda value: value is None or _is_count(value), "must be a number, or null"),
    "lost_answer": (lambda value: isinstance(value, bool), "must be true or false"),
    "vanish": (lambda value: isinstance(value, bool), "must be true or false"),
    "events": (lambda value: value in EVENTS, f"must be one of {', '.join(EVENTS)}"),
}


class Outcomes:
    """The outcomes of one service, by the name of a flow or a job; `*` stands for all others.

    `states` are those of the service's model, `good` the one in which a run ends by itself.
    """

    def __init__(self, states: frozenset[str], good: str = "") -> None:
        self._states = states
        self._good = good
        self._scripted: dict[str, Outcome] = {}
        self._lock = threading.Lock()

    def script(self, name: str, state_member: str, spec: Mapping[str, Any]) -> None:
        """Store what the admin endpoint was sent; ValueError names what is wrong with it.

        The state may be left out where the run then ends as it does by itself: slow, lost, unheard.
        """
        allowed = {state_member, *(f.name for f in fields(Outcome) if f.name != "state")}
        unknown = sorted(set(spec) - allowed)
        if unknown:
            raise ValueError(
                f"Unknown: {', '.join(unknown)}. Allowed: {', '.join(sorted(allowed))}."
            )
        rest = {member: value for member, value in spec.items() if member != state_member}
        for member, value in rest.items():
            fits, rule = CHECKS[member]
            if not fits(value):
                raise ValueError(f"{member} {rule}.")
        state = spec.get(state_member, self._good if rest else None)
        self._check_state(state_member, state)
        self.add(name, Outcome(str(state), **rest))

    def _check_state(self, state_member: str, state: Any) -> None:
        known = ", ".join(sorted(self._states))
        if not state or not isinstance(state, str):
            raise ValueError(f"{state_member} must be one of {known}, or a new one.")
        by_case = {one.upper(): one for one in sorted(self._states)}
        typo = get_close_matches(state.upper(), by_case, 1, CLOSE_ENOUGH_TO_BE_A_TYPO)
        if state not in self._states and typo:
            raise ValueError(
                f"{state_member} must be one of {known}, or a new one that is not so close to one "
                f"of them: is {by_case[typo[0]]} meant?"
            )

    def add(self, name: str, outcome: Outcome) -> None:
        """Store how the next runs of `name` shall go."""
        with self._lock:
            self._scripted[name] = outcome

    def take(self, name: str) -> Outcome | None:
        """Return how the run of `name` that starts now shall end, None for its real outcome."""
        with self._lock:
            for key in (name, ANY):
                outcome = self._scripted.get(key)
                if outcome is None:
                    continue
                if outcome.times is not None and outcome.times <= 1:
                    del self._scripted[key]
                elif outcome.times is not None:
                    self._scripted[key] = replace(outcome, times=outcome.times - 1)
                return outcome
        return None

    def dump(self) -> dict[str, Outcome]:
        """Return all, for a snapshot."""
        with self._lock:
            return dict(self._scripted)

    def restore(self, scripted: Mapping[str, Outcome]) -> None:
        """Take over what `dump` returned."""
        with self._lock:
            self._scripted = dict(scripted)

    def clear(self) -> None:
        """Forget all."""
        self.restore({})
