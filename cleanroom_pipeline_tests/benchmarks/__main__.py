"""Ratios beside their targets: `python -m cleanroom_pipeline_tests.benchmarks`.

Here: the command line and the printed table. Not here: contestants, measuring.
"""

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cleanroom_pipeline_tests.benchmarks import customers, ticks
from cleanroom_pipeline_tests.benchmarks.contestants import CONTESTANTS
from cleanroom_pipeline_tests.benchmarks.measuring import Measured, multiset_hash, run_apart

WALL_TARGET = 3.0
MEMORY_TARGET_MB = 1_500


def measure(rows: int, runs: int, scratch: Path) -> dict[str, list[Measured]]:
    """Run the contestants in turns over one file; raises when their results differ."""
    source = scratch / "customers.csv"
    customers.write(source, rows)
    print(f"{rows:,} rows, {source.stat().st_size / max(rows, 1):.0f} bytes a row, {runs} runs")
    measured: dict[str, list[Measured]] = {name: [] for name in CONTESTANTS}
    hashes = set()
    for _ in range(runs):
        for name in CONTESTANTS:
            target = scratch / name
            shutil.rmtree(target, ignore_errors=True)
            measured[name].append(run_apart(name, source, target))
            hashes.add(multiset_hash(target))
            if len(hashes) > 1:
                message = f"{name} gave other rows: {hashes}"
                raise RuntimeError(message)
    print(f"the same {hashes.pop()[0]:,} rows from each, by a hash of the rows")
    return measured


def report(rows: int, measured: dict[str, list[Measured]]) -> None:
    """Print medians and ratios beside their targets; a target that is missed says so."""
    seconds = {n: statistics.median(one.seconds for one in m) for n, m in measured.items()}
    peaks = {n: max(one.peak_mb for one in m) for n, m in measured.items()}
    for name in measured:
        print(f"  {name:8} {seconds[name]:7.2f} s (median)  {peaks[name]:7.0f} MB (peak)")
    ratio = seconds["pandas"] / seconds["engine"]
    print(
        f"P1-like, {rows / 1e6:g}M rows: ours vs pandas: {ratio:.1f}x faster; "
        f"target >= {WALL_TARGET:g}x at 10M rows ({_met(ratio >= WALL_TARGET)})"
    )
    print(
        f"P4-like, {rows / 1e6:g}M rows: peak RSS of the process tree {peaks['engine']:.0f} MB; "
        f"target <= {MEMORY_TARGET_MB} MB at 10M rows ({_met(peaks['engine'] <= MEMORY_TARGET_MB)})"
    )


def _met(reached: bool) -> str:
    return "met" if reached else "MISSED"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, or run one contestant when asked to by the measuring process."""
    parser = argparse.ArgumentParser(prog="cleanroom_pipeline_tests.benchmarks")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--past", type=int, default=1_000_000, help="past arrivals of a tick")
    parser.add_argument("--only", choices=["recipes", "ticks"])
    parser.add_argument("--contestant", nargs=3, metavar=("NAME", "SOURCE", "TARGET"))
    options = parser.parse_args(arguments)
    if options.contestant:
        name, source, target = options.contestant
        CONTESTANTS[name](Path(source), Path(target))
        return
    if options.only != "ticks":
        with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
            report(options.rows, measure(options.rows, options.runs, Path(scratch)))
    if options.only != "recipes":
        ticks.ticks(options.past, times=200)
        ticks.listings(10_000, 100_000, times=5)


if __name__ == "__main__":
    main()
