"""One contestant in a process of its own: its wall time and the peak memory of its process tree.

Here: starting, sampling, comparing results. Not here: what is run.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

_SAMPLE_SECONDS = 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Measured:
    """Wall time in seconds and peak resident memory in MB."""

    seconds: float
    peak_mb: float


def run_apart(contestant: str, source: Path, target: Path) -> Measured:
    """Run a contestant in a new process and measure it; raises when it fails."""
    command = [sys.executable, "-m", "cleanroom_pipeline_tests.benchmarks", "--contestant"]
    started = time.monotonic()
    arguments = [*command, contestant, str(source), str(target)]
    with subprocess.Popen(arguments) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, _tree_bytes(process.pid))
            time.sleep(_SAMPLE_SECONDS)
    if process.returncode:
        message = f"{contestant} ended with status {process.returncode}"
        raise RuntimeError(message)
    return Measured(time.monotonic() - started, peak / 1e6)


def _tree_bytes(pid: int) -> int:
    """Return the resident bytes of a process and all its children (Linux's /proc)."""
    try:
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [
            int(child) for task in tasks for child in (task / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return resident + sum(_tree_bytes(child) for child in children)


def multiset_hash(folder: Path) -> tuple[int, int]:
    """Return the number of rows and a hash of them that their order does not change."""
    with duckdb.connect() as connection:
        rows = connection.read_parquet(str(folder / "*.parquet"))
        spelled = ", ".join(f'CAST("{name}" AS VARCHAR)' for name in sorted(rows.columns))
        query = f"SELECT count(*), sum(hash(row({spelled}))::HUGEINT) FROM rows"  # noqa: S608
        found = connection.execute(query).fetchall()
        del rows
    return int(found[0][0]), int(found[0][1])
