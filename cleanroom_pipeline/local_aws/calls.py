"""Which operations the local AWS was asked for: what a pipeline's IAM policies must allow.

Here: collecting them, and the file that outlives the process. Not here: recognising a request.
"""

import fcntl
import threading
from collections.abc import Iterable
from pathlib import Path

CALLS_VARIABLE = "CLEANROOM_LOCAL_AWS_CALLS"
"""The environment variable that names the file: one `service:Operation` a line, sorted."""


class Calls:
    """The (service, operation) pairs asked for, and the requests that broke a model.

    The file is added to, so that several processes and runs can share it.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._asked: set[tuple[str, str]] = set()
        self._broken: set[str] = set()
        self._lock = threading.Lock()

    def asked(self, service: str, operation: str, broken: Iterable[str] = ()) -> None:
        """Note a request, and what is wrong with it."""
        faults = {f"{service}:{operation}: {fault}" for fault in broken}
        with self._lock:
            if (service, operation) in self._asked and not faults - self._broken:
                return
            self._asked.add((service, operation))
            self._broken |= faults
            if self._path:
                _add_lines(self._path, self._lines())

    def _lines(self) -> list[str]:
        return sorted(f"{service}:{operation}" for service, operation in self._asked)

    def told(self) -> dict[str, list[str]]:
        """Return what was asked for, and what of it broke a model, sorted."""
        with self._lock:
            return {"calls": self._lines(), "broken": sorted(self._broken)}

    def clear(self) -> None:
        """Forget all; the file stays as it is."""
        with self._lock:
            self._asked, self._broken = set(), set()


def _add_lines(path: Path, lines: Iterable[str]) -> None:
    """Add lines to a sorted file without duplicates; other processes may do the same meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        known = set(file.read().splitlines())
        if known >= set(lines):
            return
        file.truncate(0)
        file.write("".join(f"{line}\n" for line in sorted(known | set(lines))))
