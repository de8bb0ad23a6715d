"""Faults in front of every service: which requests meet one, and which.

Here: the rules, and whether one applies to a request. Not here: what the caller then gets to see
(`fault_answers`), or which operation a request is for (`recognition`).
"""

import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from http import HTTPStatus
from typing import Any, Literal, get_args

ANY = "*"
Kind = Literal["throttle", "error", "reset", "latency", "lost_answer"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(slots=True)
class FaultRule:
    """One rule: `times` requests of `service` and `operation` meet it, each with `probability`.

    `status` and `code` are those of an error, `seconds` those of a latency. Which requests are met
    depends on `seed` and on their order alone.
    """

    kind: Kind
    service: str = ANY
    operation: str = ANY
    status: int | None = None
    code: str | None = None
    message: str = ""
    probability: float = 1.0
    times: int | None = None
    seed: int = 0
    seconds: float = 0.0
    met: int = 0
    _chances: random.Random = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Rules of one seed are not to meet the same requests, or the first would hide all others.
        drawn_by = f"{self.seed} {self.kind} {self.service} {self.operation}"
        self._chances = random.Random(drawn_by)  # noqa: S311  # chances, no secrets

    def meets(self, service: str, operation: str) -> bool:
        """Say whether a request meets this fault, and count it if it does."""
        if self.service not in {ANY, service} or self.operation not in {ANY, operation}:
            return False
        if self.times is not None and self.met >= self.times:
            return False
        # Drawn for each request that fits: the same order of requests meets the same faults.
        if self._chances.random() >= self.probability:
            return False
        self.met += 1
        return True

    def told(self) -> dict[str, Any]:
        """Return the rule as the admin endpoint lists it."""
        return {name: getattr(self, name) for name in (*MEMBERS, "met")}


MEMBERS = tuple(f.name for f in fields(FaultRule) if f.init and f.name != "met")
TYPES: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "kind": (str, "a text"),
    "service": (str, "a text"),
    "operation": (str, "a text"),
    "status": ((int, type(None)), "a number"),
    "code": ((str, type(None)), "a text"),
    "message": (str, "a text"),
    "probability": ((int, float), "a number from 0 to 1"),
    "times": ((int, type(None)), "a number, or null"),
    "seed": (int, "a number"),
    "seconds": ((int, float), "a number"),
}


def read_rule(spec: Mapping[str, Any]) -> FaultRule:
    """Return the rule that the admin endpoint was sent; ValueError names what is wrong with it."""
    unknown = sorted(set(spec) - set(MEMBERS))
    if unknown:
        raise ValueError(f"Unknown: {', '.join(unknown)}. Allowed: {', '.join(sorted(MEMBERS))}.")
    if spec.get("kind") not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}.")
    for member, value in spec.items():
        kind, what = TYPES[member]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{member} must be {what}.")  # noqa: TRY004  # one error type for all that is wrong with it
    rule = FaultRule(**spec)
    if not 0 <= rule.probability <= 1:
        raise ValueError("probability must be a number from 0 to 1.")
    if rule.seconds < 0 or (rule.times or 0) < 0:
        raise ValueError("seconds and times must be 0 or more.")
    if rule.status is not None and (rule.status < 400 or rule.status not in set(HTTPStatus)):
        raise ValueError("status must be one of HTTP's for an error, from 400 to 511.")
    return rule


@dataclass(frozen=True, slots=True)
class Met:
    """What a request meets: seconds to wait first, and the rule that decides its answer, if any."""

    seconds: float = 0.0
    rule: FaultRule | None = None


NOTHING = Met()


class Faults:
    """All rules, in the order in which they were set; safe to use from any thread."""

    def __init__(self) -> None:
        self._rules: tuple[FaultRule, ...] = ()
        self._lock = threading.Lock()

    @property
    def any(self) -> bool:
        """Whether there is a rule at all; asked for every request, so it takes no lock."""
        return bool(self._rules)

    def set(self, specs: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> int:
        """Add one rule, or put a list of them in place of all; return how many there are now."""
        if isinstance(specs, Mapping):
            added, replaced = [read_rule(specs)], False
        else:
            added, replaced = [read_rule(spec) for spec in specs], True
        with self._lock:
            self._rules = (*(() if replaced else self._rules), *added)
            return len(self._rules)

    def add(self, rule: FaultRule) -> None:
        """Add a rule."""
        with self._lock:
            self._rules = (*self._rules, rule)

    def meet(self, service: str, operation: str) -> Met:
        """Return what a request meets: all latencies that fit, and the first other rule that does.

        Every rule that fits draws its chance, whatever the others come to.
        """
        with self._lock:
            met = [rule for rule in self._rules if rule.meets(service, operation)]
            if not met:
                return NOTHING
            seconds = sum(rule.seconds for rule in met if rule.kind == "latency")
            return Met(seconds, next((rule for rule in met if rule.kind != "latency"), None))

    def told(self) -> list[dict[str, Any]]:
        """Return the rules, and how many requests met each."""
        with self._lock:
            return [rule.told() for rule in self._rules]

    def dump(self) -> tuple[FaultRule, ...]:
        """Return all, for a snapshot."""
        return self._rules

    def restore(self, rules: tuple[FaultRule, ...]) -> None:
        """Take over what `dump` returned."""
        with self._lock:
            self._rules = rules

    def clear(self) -> None:
        """Forget all."""
        self.restore(())
