"""The deadline of a delivery: when people are told that it is overdue, and how often.

Here: that decision. A deadline tells, and never cuts. Not here: who is told, and by what way.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from cleanroom_pipeline.inbound.completion.decision import Decision, Waiting
from cleanroom_pipeline.model import utc_text


@dataclass(frozen=True, slots=True)
class Overdue:
    """A delivery that should be whole and is not.

    `since` is when the oldest thing that waits was first seen, `deadline` when it should have been
    whole. `waiting_for` is the policy's reason in words.
    """

    since: datetime
    deadline: datetime
    waiting_for: str
    missing: tuple[str, ...] = ()

    @property
    def state_id(self) -> str:
        """Twelve hex digits that stay the same while the same thing is waited for.

        The reason in words is left out, as it holds counts and times: people are told once for each
        state, not once for each file that trickles in.
        """
        state = json.dumps([utc_text(self.since), sorted(self.missing)])
        return hashlib.sha256(state.encode()).hexdigest()[:12]


def overdue(
    decision: Decision, *, since: datetime, at: datetime, deadline: timedelta | None
) -> Overdue | None:
    """Tell whether what waits is overdue at a time by S3's clock; None where there is no deadline.

    `since` is when the oldest pending object, or the open delivery, was first seen.
    """
    if deadline is None or not isinstance(decision, Waiting) or at < since + deadline:
        return None
    return Overdue(since, since + deadline, decision.reason, decision.missing)
