"""The clock of the local AWS, which an administrator can turn forward.

Here: what time it is. Not here: what becomes due by then.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Seconds since 1970 of a source, plus an offset that only grows."""

    def __init__(self, source: Callable[[], float] = time.time, offset: float = 0.0) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._offset = offset

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        with self._lock:
            return self._source() + self._offset

    def datetime(self) -> datetime:
        """Return the time as an aware date-time in UTC."""
        return datetime.fromtimestamp(self.now(), tz=UTC)

    @property
    def offset(self) -> float:
        """How many seconds this clock is ahead of its source."""
        with self._lock:
            return self._offset

    def advance(self, seconds: float) -> float:
        """Turn the clock forward and return the new time; ValueError for a negative number."""
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"A clock is turned forward by 0 seconds or more, not by {seconds}.")
        with self._lock:
            self._offset += seconds
            return self._source() + self._offset

    def set_offset(self, seconds: float) -> None:
        """Put the clock `seconds` ahead of its source: a restart goes on with the old offset."""
        with self._lock:
            self._offset = seconds
