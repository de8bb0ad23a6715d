"""The threads that carry runs forward: one watches the clock, a few do the work.

Here: waking, working, waiting until all is done. Not here: what a run does when it is due.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Progress:
    """What a look at the clock brought: did a run change, does one still have to."""

    changed: bool
    pending: bool


class Runs(Protocol):
    """A service's runs, as seen by the clock."""

    def advance(self) -> Progress:
        """Move every run to the state that it has by now; long work goes to `Background.submit`."""
        ...


class Background:
    """Looks at the runs while any is unfinished; sleeps without waking while there is none."""

    def __init__(self, workers: int = 2) -> None:
        self._runs: Sequence[Runs] = ()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="local-aws-worker")
        self._idle = threading.Condition()
        self._active = 0
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="local-aws-clock", daemon=True)

    def start(self, runs: Sequence[Runs]) -> None:
        """Begin to watch `runs`."""
        self._runs = runs
        self._watcher.start()

    def wake(self) -> None:
        """Look at the runs now: one was started, or the clock was turned."""
        self._wake.set()

    def submit(self, work: Callable[[], None]) -> None:
        """Do `work` on a worker; it reports its own failure, an error here is a bug."""
        with self._idle:
            self._active += 1
        self._pool.submit(self._work, work)

    def settle(self, timeout: float = 30.0) -> bool:
        """Wait until everything that is due by now has been done; False when time ran out."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            changed = self._advance().changed
            idle = self.wait_idle(deadline - time.monotonic())
            if idle and not changed and not self._advance().changed:
                return True
        return False

    def wait_idle(self, timeout: float) -> bool:
        """Wait until no worker works; False when time ran out."""
        with self._idle:
            return self._idle.wait_for(lambda: self._active == 0, timeout)

    def close(self, timeout: float = 10.0) -> None:
        """Stop watching, and give the work that goes on `timeout` seconds to end."""
        self._closed.set()
        self._wake.set()
        self._watcher.join(timeout)
        self.wait_idle(timeout)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            with self._idle:
                self._active -= 1
                self._idle.notify_all()
            self._wake.set()

    def _advance(self) -> Progress:
        seen = [runs.advance() for runs in self._runs]
        return Progress(any(p.changed for p in seen), any(p.pending for p in seen))

    def _watch(self) -> None:
        while not self._closed.is_set():
            pending = self._advance().pending
            self._wake.wait(POLL_SECONDS if pending else None)
            self._wake.clear()
