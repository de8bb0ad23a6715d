"""The files of a local AWS in its state directory, and the lock that keeps it to one process.

Here: names and safe writing. Not here: what the snapshot holds.
"""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType

from cleanroom_pipeline.local_aws.snapshot import write_text_atomically


class StateDirBusyError(RuntimeError):
    """Another local AWS works in this directory."""


class StateDir:
    """DIR/local_aws.snapshot, .json (where it listens, while it does), .port (the last one)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.snapshot = path / "local_aws.snapshot"
        self.address = path / "local_aws.json"
        self._port = path / "local_aws.port"
        self._lock = path / "local_aws.lock"
        self._descriptor: int | None = None

    def __enter__(self) -> "StateDir":
        """Take the directory, making it where it is missing; StateDirBusyError if it is taken."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise StateDirBusyError(
                f"Another local AWS works in {self.path}: stop it, or give another --state-dir."
            ) from None
        self._descriptor = descriptor
        # Left by one that was killed: nobody listens there.
        self.withdraw()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the directory back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def last_port(self) -> int:
        """The port that was used last, 0 if none is known."""
        text = self._port.read_text().strip() if self._port.exists() else ""
        return int(text) if text.isdecimal() and int(text) < 65536 else 0

    def announce(self, endpoint: str, port: int) -> None:
        """Say where the local AWS listens: it is ready."""
        write_text_atomically(self._port, f"{port}\n")
        content = json.dumps({"endpoint": endpoint, "pid": os.getpid()})
        write_text_atomically(self.address, content + "\n")

    def withdraw(self) -> None:
        """Say that it listens no more."""
        self.address.unlink(missing_ok=True)
