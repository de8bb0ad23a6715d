"""Events wake a wait early, and nothing depends on them."""

import json
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from pydantic import PrivateAttr

from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.aws.sqs import EventQueue, QueueMessage, QueueUnavailableError
from cleanroom_pipeline.transform.databrew_hints import (
    GIVEN_BACK_SECONDS,
    HintedSleep,
    event_of,
    sort_messages,
)
from cleanroom_pipeline_tests.transform.stand_ins import BEGAN, LOG, TurnedClock

# https://docs.aws.amazon.com/databrew/latest/dg/monitoring-cloudwatch-events.html
EVENT: dict[str, Any] = {
    "version": "0",
    "id": "fb1cb2e7-7e4b-3a4f-3a4e-1f4d1c6a0e53",
    "detail-type": "DataBrew Job State Change",
    "source": "aws.databrew",
    "account": "123456789012",
    "time": "2026-11-24T12:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {
        "jobName": "shop-20261124T031500Z-3f9a1c2b",
        "severity": "INFO",
        "state": "SUCCEEDED",
        "jobRunId": "db_1",
        "message": "Job run succeeded",
    },
}


def message(run_id: str = "db_1", *, age: float = 0.0, body: str | None = None) -> QueueMessage:
    event = {**EVENT, "detail": {**EVENT["detail"], "jobRunId": run_id}}
    sent = BEGAN - timedelta(minutes=age)
    return QueueMessage(f"m-{run_id}-{age}", "r", body or json.dumps(event), 1, sent)


def test_an_event_is_read_as_eventbridge_sends_it() -> None:
    event = event_of(json.dumps(EVENT))
    assert event is not None
    assert (event.job, event.run_id, event.state) == (
        "shop-20261124T031500Z-3f9a1c2b",
        "db_1",
        "SUCCEEDED",
    )


@pytest.mark.parametrize(
    "body",
    [
        "no JSON",
        "[]",
        "{}",
        json.dumps({**EVENT, "source": "aws.glue"}),
        json.dumps({**EVENT, "detail-type": "DataBrew Ruleset Validation Result"}),
        json.dumps({**EVENT, "detail": {}}),
        json.dumps({**EVENT, "detail": None}),
    ],
)
def test_anything_else_is_no_event_and_is_deleted(body: str) -> None:
    assert event_of(body) is None
    other = message(body=body)
    assert sort_messages((other,), "db_1", BEGAN).delete == (other,)


def test_own_events_are_deleted_those_of_others_given_back_unless_nobody_waits_any_more() -> None:
    mine, theirs, old = message(), message("db_2"), message("db_3", age=11)
    found = sort_messages((mine, theirs, old), "db_1", BEGAN)
    assert found.hint
    assert found.delete == (mine, old)
    assert found.give_back == (theirs,)
    assert not sort_messages((theirs, old), "db_1", BEGAN).hint


class MemoryEvents(EventQueue):
    """A queue that others share: what is received is hidden until it is given back."""

    _clock: TurnedClock = PrivateAttr(default_factory=TurnedClock)
    _waiting: list[tuple[float, QueueMessage]] = PrivateAttr(default_factory=list)
    _broken: bool = PrivateAttr(default=False)
    _polls: int = PrivateAttr(default=0)

    @classmethod
    def on(cls, clock: TurnedClock) -> "MemoryEvents":
        queue = cls(session=AwsSession(region="nowhere"), queue_url="https://queue")
        queue._clock = clock
        return queue

    def send(self, at: float, one: QueueMessage) -> None:
        self._waiting.append((at, one))

    def break_down(self) -> None:
        self._broken = True

    @property
    def polls(self) -> int:
        return self._polls

    @property
    def bodies(self) -> list[str]:
        return [one.message_id for _, one in self._waiting]

    def receive(self, *, wait_seconds: int = 0) -> tuple[QueueMessage, ...]:
        self._polls += 1
        assert 1 <= wait_seconds <= 20
        if self._broken:
            raise QueueUnavailableError("The queue can't be used.")
        now = self._clock.seconds
        due = [at for at, _ in self._waiting if at <= now + wait_seconds]
        self._clock.sleep(max(0.0, min(due, default=now + wait_seconds) - now))
        found = [one for at, one in self._waiting if at <= self._clock.seconds]
        self._waiting = [
            (at if at > self._clock.seconds else at + 30, one) for at, one in self._waiting
        ]
        return tuple(found)

    def delete(self, messages: Any) -> None:
        self._waiting = [(at, one) for at, one in self._waiting if one not in messages]

    def give_back(self, messages: Any, *, after_seconds: int) -> None:
        again = self._clock.seconds + after_seconds
        self._waiting = [(again if one in messages else at, one) for at, one in self._waiting]


@dataclass
class Sleeper:
    clock: TurnedClock = field(default_factory=TurnedClock)

    def __post_init__(self) -> None:
        self.queue = MemoryEvents.on(self.clock)

    def sleep(self, run_id: str = "db_1") -> HintedSleep:
        clock = self.clock
        return HintedSleep(self.queue, lambda: run_id, clock.sleep, clock.monotonic, clock.now, LOG)


def test_an_event_of_the_run_ends_the_pause() -> None:
    sleeper = Sleeper()
    sleeper.queue.send(7, message())
    sleeper.sleep()(30)
    assert sleeper.clock.seconds == 7
    assert sleeper.queue.bodies == []


def test_without_an_event_the_pause_has_its_length() -> None:
    sleeper = Sleeper()
    sleeper.sleep()(30)
    assert sleeper.clock.seconds == pytest.approx(30)
    sleeper.sleep()(0.4)
    assert sleeper.clock.seconds == pytest.approx(30.4)


def test_events_of_others_do_not_end_the_pause_nor_make_it_a_busy_loop() -> None:
    sleeper = Sleeper()
    for number in range(2, 30):
        sleeper.queue.send(0, message(f"db_{number}"))
    sleeper.sleep()(30)
    assert sleeper.clock.seconds == pytest.approx(30)
    assert len(sleeper.queue.bodies) == 28
    assert sleeper.queue.polls <= 30 / GIVEN_BACK_SECONDS + 2


def test_a_waiter_that_receives_anothers_hint_leaves_it_to_be_received() -> None:
    sleeper = Sleeper()
    sleeper.queue.send(0, message("db_2"))
    sleeper.sleep("db_1")(2)
    sleeper.sleep("db_2")(30)
    assert sleeper.clock.seconds <= 2 + GIVEN_BACK_SECONDS + 1
    assert sleeper.queue.bodies == []


def test_a_queue_that_fails_is_said_once_and_the_pauses_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sleeper = Sleeper()
    sleeper.queue.break_down()
    sleep = sleeper.sleep()
    with caplog.at_level(logging.WARNING):
        sleep(30)
        sleep(30)
    assert sleeper.clock.seconds == pytest.approx(60)
    assert len(caplog.records) == 1
