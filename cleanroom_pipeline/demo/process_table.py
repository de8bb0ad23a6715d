"""What the operating system says of processes: which still run, and since when.

Here: looking, by their numbers. Not here: starting and stopping them (`demo.processes`).

A process that has ended stays in the table until its parent asks for its exit code. What lost its
parent is the first process's to ask for, and in a container that may be one that never does. So an
ended one counts as gone, where there is a /proc to tell.
"""

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
ENDED = frozenset({"Z", "X"})
# The clock may have been set since; no number comes round again as soon as this.
CLOCK_SLACK_SECONDS = 60.0


def fields(stat: Path) -> list[str]:
    """Return what a `stat` file says after the command's name: state, parent, group, ..."""
    # The name stands in brackets, and may hold anything, brackets too.
    return stat.read_text(errors="replace").rpartition(")")[2].split()


def states_in(group: int) -> Iterator[str]:
    """Yield the state letters of a group's processes, as `ps` has them; none without a /proc."""
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            state, _parent, its_group = fields(stat)[:3]
        except OSError:
            continue
        if int(its_group) == group:
            yield state


def group_lives(group: int) -> bool:
    """Tell whether any process of a process group is there, and has not ended."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        # All of a group is ours. macOS refuses where none but ended processes are left of it.
        return False
    states = set(states_in(group))
    return not states or not states <= ENDED


def seconds_lived(pid: int) -> float | None:
    """Return for how long a process has been running; None where it has ended."""
    try:
        state, *rest = fields(PROC / str(pid) / "stat")
        booted_ago = float((PROC / "uptime").read_text().split()[0])
    except OSError:
        return None
    return None if state in ENDED else booted_ago - int(rest[18]) / os.sysconf("SC_CLK_TCK")


def still_lives(pid: int, at: float, *, now: float) -> bool:
    """Tell whether the process that had this number `at` a time still runs at the time `now`.

    Both are in seconds since 1970. Numbers are used again, and start again when a machine does: one
    that began later is another process. Without a /proc, any process of ours counts.
    """
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    if not (PROC / "uptime").exists():
        return True
    lived = seconds_lived(pid)
    return lived is not None and now - lived <= at + CLOCK_SLACK_SECONDS
