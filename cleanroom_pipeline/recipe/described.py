"""What is known of every operation AWS documents, as plain values.

Here: the catalogue and the declarations brought together; a table of them. Not here: pages about
operations (reference.py), declarations (operations/).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cleanroom_pipeline.recipe.operations.catalogue import OPERATIONS
from cleanroom_pipeline.recipe.operations.declaration import Parameter, Status, registry

_WIDEST_DOC = 80


@dataclass(frozen=True)
class Described:
    """One operation: `reason` says why it is refused, `doc` what it does when it is not.

    `conditions`: a step of it may have ConditionExpressions.
    """

    operation: str
    family: str
    status: Status
    tier: int
    reason: str | None
    doc: str
    parameters: tuple[Parameter, ...] = ()
    conditions: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON's own values."""
        return {
            "operation": self.operation,
            "family": self.family,
            "status": self.status.value,
            "tier": self.tier,
            "reason": self.reason,
            "doc": self.doc,
            "parameters": [_parameter(one) for one in self.parameters],
        }


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.kind.name.lower(),
        "required": one.required,
        "default": one.default,
        "choices": list(one.choices),
        "doc": one.doc,
    }


def all_operations() -> tuple[Described, ...]:
    """Return every operation, family by family as the catalogue has them."""
    return tuple(described(name) for name in OPERATIONS)


def described(name: str) -> Described:
    """Return what is known of one operation; KeyError for a name that AWS does not document."""
    planned = OPERATIONS[name]
    declared = registry().get(name)
    if declared is None or declared.refused:
        reason = planned.reason if declared is None else declared.doc
        return Described(name, planned.family, Status.REFUSED, planned.tier, reason, "")
    return Described(
        name,
        planned.family,
        declared.status,
        planned.tier,
        None,
        declared.doc,
        declared.parameters,
        declared.conditions,
    )


def counts_by_status(operations: Iterable[Described]) -> dict[Status, int]:
    """Return how many operations have each status; statuses in their order, zeros too."""
    statuses = [one.status for one in operations]
    return {status: statuses.count(status) for status in Status}


def operations_text(operations: Sequence[Described]) -> str:
    """Return a table, one line an operation, and the counts."""
    width = max(len(one.operation) for one in operations)
    lines: list[str] = []
    family = ""
    for one in operations:
        if one.family != family:
            family = one.family
            lines += ["", family] if lines else [family]
        said = one.reason or one.doc
        if len(said) > _WIDEST_DOC:
            said = f"{said[: _WIDEST_DOC - 1]}…"
        lines.append(f"  {one.operation.ljust(width)}  {one.status.value.ljust(10)}  {said}")
    counts = counts_by_status(operations)
    told = ", ".join(f"{count} {status.value}" for status, count in counts.items())
    return "\n".join([*lines, "", f"{len(operations)} operations: {told}"])
