"""Any completion policy, and then quiet.

Here: the wrapper that asks for quiet on top of a policy. Not here: the policies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from cleanroom_pipeline.inbound.completion.decision import (
    CompletionPolicy,
    Decision,
    Look,
    Whole,
)
from cleanroom_pipeline.inbound.completion.quiet_period import not_yet_quiet
from cleanroom_pipeline.model import Arrival


@dataclass(frozen=True, slots=True)
class ThenQuiet:
    """Whole once `policy` says so and the files have been quiet for a time as well.

    Choose it where a provider signals the end a little early, or overwrites what it has just sent.
    A delivery that is not yet quiet holds the later ones, so that the order is kept.
    """

    policy: CompletionPolicy
    quiet: timedelta

    @property
    def name(self) -> str:
        """The name of the policy within."""
        return self.policy.name

    def is_signal(self, key: str) -> bool:
        """Ask the policy within."""
        return self.policy.is_signal(key)

    def wanted_documents(self, signals: Sequence[Arrival]) -> Sequence[Arrival]:
        """Ask the policy within."""
        return self.policy.wanted_documents(signals)

    def by_hand(self, look: Look, reason: str) -> Whole | None:
        """Ask the policy within."""
        return self.policy.by_hand(look, reason)

    def decide(self, look: Look) -> Decision:
        """Ask the policy within, then the clocks."""
        decision = self.policy.decide(look)
        if not isinstance(decision, Whole):
            return decision
        return not_yet_quiet(decision.files, look, self.quiet) or decision
