"""What most completion policies answer to the smaller questions.

Here: those answers. Not here: a decision, which every policy makes by itself.
"""

from collections.abc import Sequence

from cleanroom_pipeline.inbound.completion.decision import Look, Whole
from cleanroom_pipeline.model import Arrival


class PolicyDefaults:
    """No object is a signal of the policy's own, none has to be read, and a person cuts all."""

    __slots__ = ()

    def is_signal(self, key: str) -> bool:
        """Tell whether this policy takes the object of this name as a signal, never as data."""
        del key
        return False

    def wanted_documents(self, signals: Sequence[Arrival]) -> Sequence[Arrival]:
        """Return the signals whose content `decide` needs."""
        del signals
        return ()

    def by_hand(self, look: Look, reason: str) -> Whole | None:
        """Return all that is pending, with its signals and deliveries."""
        if not look.data:
            return None
        return Whole(
            look.data,
            reason,
            signals=look.signals,
            deliveries=tuple(delivery.execution_id for delivery in look.deliveries),
        )
