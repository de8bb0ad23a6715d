"""What is wrong with a recipe, said so that its author can put it right.

Here: findings, the errors that carry them, near names. Not here: the checks that find them.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and where: the step's number (1-based), operation and JSON line."""

    message: str
    step: int | None = None
    operation: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        where = f"step {self.step}" if self.step is not None else "recipe"
        if self.operation:
            where += f" ({self.operation})"
        if self.line is not None:
            where += f", line {self.line}"
        return f"{where}: {self.message}"


class RecipeError(ValueError):
    """A recipe that may not run; `findings` holds everything that is wrong with it."""

    def __init__(self, name: str, findings: Sequence[Finding]) -> None:
        self.name = name
        self.findings = tuple(findings)
        lines = "\n".join(f"  {finding}" for finding in self.findings)
        super().__init__(f"{name} is not a recipe that can run:\n{lines}")


class StepError(ValueError):
    """A step that has no meaning where it stands, such as one that names an unknown column."""


def near_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to `name`, whatever its case, or None when none is close."""
    by_folded: dict[str, str] = {}
    for candidate in known:
        by_folded.setdefault(candidate.casefold(), candidate)
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?`, or nothing when no name is close."""
    close = near_name(name, known)
    return f"; did you mean {close!r}?" if close else ""


def not_among(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about a wrong name: the nearest right one, then all of them."""
    names = tuple(known)
    return f"{did_you_mean(name, names) or ';'} Allowed: {', '.join(names) or 'none'}"
