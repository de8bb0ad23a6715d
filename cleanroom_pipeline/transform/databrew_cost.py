"""What a DataBrew run costs, as far as that can be told from here.

Here: node-hours, their price, and the limit that stops a run. Not here: what AWS bills in the end.

A job is billed for each minute that its nodes work, at a rate per node-hour
(https://aws.amazon.com/glue/pricing/, "DataBrew jobs"). DataBrew does not tell how many nodes were
at work, so that all the job may have are counted: the estimate is an upper bound.
"""

import math
from dataclasses import dataclass
from datetime import datetime

from cleanroom_pipeline.external_runs import ExternalRunError

PRICE_PER_NODE_HOUR = 0.48
"""US dollars, in most regions; the connector's YAML may say otherwise."""


class CostLimitError(ExternalRunError):
    """A run came to the limit that its connector sets to costs, and was stopped."""


@dataclass(frozen=True, slots=True)
class CostRule:
    """How many nodes a job may have, what one costs an hour, and what a run may cost: in dollars.

    `limit` None: whatever it costs.
    """

    nodes: int
    price_per_node_hour: float = PRICE_PER_NODE_HOUR
    limit: float | None = None

    def node_hours(self, seconds: float) -> float:
        """Return the node-hours of a run of so many seconds; each minute begun counts in full."""
        return self.nodes * max(1, math.ceil(seconds / 60)) / 60

    def price(self, seconds: float) -> float:
        """Return the estimated price of a run of so many seconds, in dollars."""
        return self.node_hours(seconds) * self.price_per_node_hour

    def is_over(self, seconds: float) -> bool:
        """Tell whether a run of so many seconds costs more than it may."""
        return self.limit is not None and self.price(seconds) > self.limit


def seconds_since(started_at: datetime | None, now: datetime) -> float:
    """Return for how many seconds a run has gone on; 0 while DataBrew says no time of its start."""
    return max(0.0, (now - started_at).total_seconds()) if started_at else 0.0
