"""`python -m cleanroom_pipeline.local_aws`: the local AWS as a process of its own.

Here: arguments, signals, and the parent's death. Not here: the server.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from cleanroom_pipeline.local_aws.server import HostRefusedError, LocalAws
from cleanroom_pipeline.local_aws.snapshot import SnapshotError
from cleanroom_pipeline.local_aws.state_dir import StateDirBusyError

PARENT_POLL_SECONDS = 1.0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m cleanroom_pipeline.local_aws",
        description="Serve the local AWS on a loopback port until SIGTERM or SIGINT.",
    )
    parser.add_argument("--state-dir", type=Path, required=True, help="keeps the snapshot")
    parser.add_argument("--port", type=int, default=0, help="0: the last one used, if free")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--region", default="us-east-1", help="region of the Salesforce secret")
    parser.add_argument("--parent-pid", type=int, help="stop when this process is gone")
    return parser.parse_args(argv)


def parent_check(parent_pid: int) -> Callable[[], bool]:
    """Return a function that says whether the parent lives.

    Our direct parent is told by getppid, which no reused process id can fool.
    """
    if os.getppid() == parent_pid:
        return lambda: os.getppid() == parent_pid

    def is_alive() -> bool:
        try:
            os.kill(parent_pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    return is_alive


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until a signal comes or the parent is gone; return the exit status."""
    arguments = _arguments(argv)
    # moto makes sessions of its own, and fails on a profile that the machine doesn't have.
    os.environ.pop("AWS_PROFILE", None)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    parent_lives = parent_check(arguments.parent_pid) if arguments.parent_pid else lambda: True
    try:
        aws = LocalAws.start(
            arguments.state_dir, arguments.port, host=arguments.host, region=arguments.region
        )
    except (HostRefusedError, SnapshotError, StateDirBusyError, OSError) as error:
        sys.stderr.write(f"The local AWS did not start. {error}\n")
        return 1
    with aws:
        sys.stdout.write(f"{aws.endpoint}\n")
        sys.stdout.flush()
        while not stop.wait(PARENT_POLL_SECONDS):
            if not parent_lives():
                break
    return 0


if __name__ == "__main__":
    sys.exit(main())
