"""EventBridge's default bus, as a service of AWS uses it: PutEvents takes no source `aws.*`.

Here: handing an event to the rules that moto holds. Not here: the events (`events`).
"""

import copy
import logging
import uuid
from collections.abc import Mapping
from typing import Any

from moto.events.models import events_backends

from cleanroom_pipeline.local_aws.services import ACCOUNT

DEFAULT_BUS = "default"

log = logging.getLogger(__name__)


def publish_to_rules(region: str, event: Mapping[str, Any], at: float, times: int) -> None:
    """Hand an event to the enabled rules of the default bus, whose targets get it at once.

    More than once is the same event each time, as when EventBridge delivers it twice.
    """
    whole = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "account": ACCOUNT,
        "time": at,
        "region": region,
        "resources": [],
        **event,
    }
    rules = list(events_backends[ACCOUNT][region].event_buses[DEFAULT_BUS].rules.values())
    for rule in [rule for rule in rules if rule.state == "ENABLED"] * times:
        _hand_to(rule, whole)


def _hand_to(rule: Any, event: Mapping[str, Any]) -> None:
    shaped = any(target.get("InputTransformer") for target in rule.targets)
    # Who shapes the event can name when it came in; who gets it as it is doesn't see that.
    came_in = {"ingestion-time": event["time"]} if shaped else {}
    try:
        # A target changes what it is given.
        rule.send_to_targets({**copy.deepcopy(dict(event)), **came_in}, transform_input=shaped)
    except Exception:
        # An event that is not delivered doesn't hold up the run that it tells of.
        log.exception("The rule %s got no event.", rule.name)
