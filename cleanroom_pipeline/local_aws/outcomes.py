"""Scripted outcomes: how the next runs of a flow or of a job shall end.

Here: storing and taking them. Not here: what a run does with one.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

ANY = "*"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state that a run ends in; `times` runs take it, every run if None.

    A state that isn't terminal (InProgress, RUNNING) never ends: the run hangs until it is stopped.
    """

    state: str
    message: str = ""
    put_failures: int = 0
    times: int | None = 1


class Outcomes:
    """The outcomes of one service, by the name of a flow or a job; `*` stands for all others."""

    def __init__(self, states: frozenset[str]) -> None:
        self._states = states
        self._scripted: dict[str, Outcome] = {}
        self._lock = threading.Lock()

    def script(self, name: str, state_member: str, spec: Mapping[str, Any]) -> None:
        """Store what the admin endpoint was sent; ValueError names what is wrong with it."""
        allowed = {state_member, "message", "put_failures", "times"}
        unknown = sorted(set(spec) - allowed)
        if unknown:
            raise ValueError(
                f"Unknown: {', '.join(unknown)}. Allowed: {', '.join(sorted(allowed))}."
            )
        if spec.get(state_member) not in self._states:
            raise ValueError(f"{state_member} must be one of {', '.join(sorted(self._states))}.")
        times = spec.get("times", 1)
        failures = spec.get("put_failures", 0)
        if not isinstance(failures, int) or not isinstance(times, int | None):
            raise ValueError("put_failures is a number, times a number or null.")  # noqa: TRY004  # one error type for all that is wrong with it
        outcome = Outcome(spec[state_member], str(spec.get("message", "")), failures, times)
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

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._scripted.clear()
