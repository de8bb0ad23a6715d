"""Processes that end or pause at a write, and the gate that they all pass.

Here: who is at work, where it stops, what time it is. Not here: what is read and written
(`stand_ins`).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(2026, 11, 24, 12, tzinfo=UTC)
PAUSE_DEADLINE = 30.0


class CrashError(BaseException):
    """Stands for the end of the process."""


class RefusedError(Exception):
    """AWS would refuse this call whatever is stored: the code under test must never make it."""


class Actor:
    """One process: it may end at its nth passing of a write, before and after counted apart."""

    def __init__(self, crash_at: int | None = None) -> None:
        self.crash_at = crash_at
        self.passed: list[str] = []

    def reads(self) -> None:
        """Be about to read."""

    def writes(self, what: str) -> None:
        """Be about to write, or have just written."""
        self.passed.append(what)
        if len(self.passed) - 1 == self.crash_at:
            raise CrashError(what)


@dataclass
class Gate:
    """What every read and write of the stand-ins passes; `actor` is the process that is at work."""

    actor: Actor = field(default_factory=Actor)
    witnesses: list[Callable[[Any, Any], None]] = field(default_factory=list)
    watched: bool = False

    def read(self) -> None:
        """Pass before a read; a witness is no process, and stops for nothing."""
        if not self.watched:
            self.actor.reads()

    def write(self, what: str, said: Any, work: Callable[[], Any]) -> Any:
        """Do a write between two places at which the process may end.

        Witnesses are shown what was said and what came of it.
        """
        self.actor.reads()
        self.actor.writes(f"before {what}")
        result = work()
        self.watched = True
        try:
            for witness in self.witnesses:
                witness(said, result)
        finally:
            self.watched = False
        self.actor.writes(f"after {what}")
        return result


@dataclass
class Clock:
    """S3's clock, in seconds; no process has the same."""

    seconds: float = 0.0

    def moment(self) -> datetime:
        """Return the time, to the millisecond."""
        return EPOCH + timedelta(milliseconds=round(self.seconds * 1000))

    def whole(self) -> datetime:
        """Return the time as S3 gives it in headers and listings: whole seconds."""
        return EPOCH + timedelta(seconds=int(self.seconds))


class Paused(Actor):
    """A process that stops at its nth read or write, until it is let go on; it may crash later."""

    def __init__(
        self, gate: Gate, work: Callable[[], object], *, pause_at: int, crash_at: int | None = None
    ) -> None:
        super().__init__(crash_at)
        self.gate, self.work, self.pause_at = gate, work, pause_at
        self.calls, self.done = 0, False
        self.error: BaseException | None = None
        self.mine, self.others = threading.Semaphore(0), threading.Semaphore(0)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self.go_on()

    def reads(self) -> None:
        self.calls += 1
        if self.calls == self.pause_at:
            self.others.release()
            self.mine.acquire()

    def _run(self) -> None:
        self.mine.acquire()
        try:
            self.work()
        except CrashError:
            pass
        except BaseException as error:  # noqa: BLE001 (raised where it is waited for)
            self.error = error
        finally:
            self.done = True
            self.others.release()

    def go_on(self) -> None:
        """Give the process the word until it stops, or ends."""
        before, self.gate.actor = self.gate.actor, self
        self.mine.release()
        assert self.others.acquire(timeout=PAUSE_DEADLINE), "the paused process never answers"
        self.gate.actor = before
        if self.error is not None:
            raise self.error
