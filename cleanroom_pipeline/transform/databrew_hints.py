"""DataBrew's events as hints: they end a pause early, and are never taken for the truth.

Here: what an event says, and a sleep that one wakes. Not here: a run's state, which only
DescribeJobRun tells; a queue's calls (`aws.sqs`).

Several waiters share one queue. A waiter deletes the events of its own run, and what is no event of
a job run. Those of other runs it gives back for their waiters, unless they are older than
`KEPT_MINUTES`: nobody waits for them then, and it deletes them. A hint that is late, lost or
doubled changes nothing but the moment at which DataBrew is asked.
"""

import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cleanroom_pipeline.aws.sqs import EventQueue, QueueMessage, QueueUnavailableError

# https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-databrew.html
SOURCE = "aws.databrew"
DETAIL_TYPE = "DataBrew Job State Change"
KEPT_MINUTES = 10
GIVEN_BACK_SECONDS = 5
LONGEST_POLL_SECONDS = 20
CROWDED_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class JobEvent:
    """What an event says: which run of which job, and its state at that time."""

    job: str
    run_id: str
    state: str


def event_of(body: str) -> JobEvent | None:
    """Read an event as EventBridge sends it; None for anything else."""
    try:
        event = json.loads(body)
        if event["source"] != SOURCE or event["detail-type"] != DETAIL_TYPE:
            return None
        detail = event["detail"]
        return JobEvent(str(detail["jobName"]), str(detail["jobRunId"]), str(detail["state"]))
    except (ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class Sorted:
    """Received messages: whether one is a hint for us, which to delete, which to give back."""

    hint: bool
    delete: tuple[QueueMessage, ...]
    give_back: tuple[QueueMessage, ...]


def sort_messages(messages: tuple[QueueMessage, ...], run_id: str, now: datetime) -> Sorted:
    """Return what a waiter does with messages that it received."""
    mine, delete, give_back = False, [], []
    for message in messages:
        event = event_of(message.body)
        sent = message.sent_at
        old = sent is not None and now - sent > timedelta(minutes=KEPT_MINUTES)
        if event is not None and event.run_id == run_id:
            mine = True
            delete.append(message)
        elif event is None or old:
            delete.append(message)
        else:
            give_back.append(message)
    return Sorted(mine, tuple(delete), tuple(give_back))


@dataclass
class HintedSleep:
    """A sleep that ends when the queue has an event of `run_id`; without a queue, a plain one."""

    queue: EventQueue | None
    run_id: Callable[[], str]
    sleep: Callable[[float], None]
    monotonic: Callable[[], float]
    now: Callable[[], datetime]
    log: logging.Logger

    def __call__(self, seconds: float) -> None:
        """Sleep for so many seconds, or less."""
        ends = self.monotonic() + seconds
        while (left := ends - self.monotonic()) > 0:
            if self.queue is None or left < 1:
                self.sleep(left)
                return
            try:
                if self._hinted(self.queue, ends):
                    return
            except QueueUnavailableError as error:
                self.log.warning("%s DataBrew is asked now and then instead.", error)
                self.queue = None

    def _hinted(self, queue: EventQueue, ends: float) -> bool:
        left = math.floor(ends - self.monotonic())
        messages = queue.receive(wait_seconds=max(0, min(LONGEST_POLL_SECONDS, left)))
        found = sort_messages(messages, self.run_id(), self.now())
        queue.delete(found.delete)
        queue.give_back(found.give_back, after_seconds=GIVEN_BACK_SECONDS)
        if messages and not found.hint:
            # Messages of others end a poll at once, and there may be many.
            self.sleep(max(0.0, min(CROWDED_PAUSE_SECONDS, ends - self.monotonic())))
        return found.hint
