"""Ratios beside their targets: `python -m cleanroom_pipeline_tests.benchmarks`.

Here: the command line and the printed table. Not here: contestants, measuring.
"""

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cleanroom_pipeline_tests.benchmarks import by_hand, customers, hashing, ticks
from cleanroom_pipeline_tests.benchmarks.contestants import CONTESTANTS
from cleanroom_pipeline_tests.benchmarks.measuring import Measured, multiset_hash, run_apart

# By the other contestant: the id of the target, at least how much faster we are.
SPEED_TARGETS: Mapping[str, tuple[str, float]] = {
    "pandas": ("P1", 3.0),
    "spark": ("P2", 4.5),
    "sql": ("P3", 1 / 1.25),
}
MEMORY_TARGET_MB = 1_500
GROWTH = 5
MEMORY_GROWTH_TARGET, WALL_GROWTH_TARGET = 1.15, 5.5
MOST_RUNS_OF_SPARK = 1


def measure(rows: int, runs: int, names: Sequence[str], scratch: Path) -> dict[str, list[Measured]]:
    """Run the contestants in turns over one file; raises when their results differ."""
    source = scratch / f"customers-{rows}.csv"
    customers.write(source, rows)
    print(f"{rows:,} rows, {source.stat().st_size / max(rows, 1):.0f} bytes a row, {runs} runs")
    measured: dict[str, list[Measured]] = {name: [] for name in names}
    hashes = set()
    for run in range(runs):
        for name in names:
            if name == "spark" and run >= MOST_RUNS_OF_SPARK:
                continue
            target = scratch / name
            shutil.rmtree(target, ignore_errors=True)
            measured[name].append(run_apart(name, source, target))
            hashes.add(multiset_hash(target))
            if len(hashes) > 1:
                message = f"{name} gave other rows: {hashes}"
                raise RuntimeError(message)
    source.unlink()
    print(f"the same {hashes.pop()[0]:,} rows from each, by a hash of the rows")
    return measured


def _seconds(measured: Sequence[Measured]) -> float:
    return statistics.median(one.seconds for one in measured)


def _peak(measured: Sequence[Measured]) -> float:
    return max(one.peak_mb for one in measured)


def report(rows: int, measured: Mapping[str, Sequence[Measured]]) -> None:
    """Print medians and ratios beside their targets; a target that is missed says so."""
    at = f"{rows / 1e6:g}M rows"
    for name, runs in measured.items():
        print(f"  {name:8} {_seconds(runs):7.2f} s (median of {len(runs)})  {_peak(runs):7.0f} MB")
    ours = measured["engine"]
    for name, (target_id, least) in SPEED_TARGETS.items():
        if name not in measured:
            print(f"{target_id}: not measured, {name} is not here")
            continue
        ratio = _seconds(measured[name]) / _seconds(ours)
        print(
            f"{target_id}, {at}: {ratio:.2f}x as fast as {name}; "
            f"target >= {least:g}x at 10M rows ({_met(ratio >= least)})"
        )
    peak = _peak(ours)
    print(
        f"P4, {at}: peak RSS of the process tree {peak:.0f} MB; "
        f"target <= {MEMORY_TARGET_MB} MB at 10M rows ({_met(peak <= MEMORY_TARGET_MB)})"
    )


def growth(rows: int, runs: int, scratch: Path) -> None:
    """Print what the engine alone takes for five times the rows."""
    small, large = (
        measure(size, runs, ["engine"], scratch)["engine"] for size in (rows, rows * GROWTH)
    )
    memory, wall = _peak(large) / _peak(small), _seconds(large) / _seconds(small)
    at = f"{rows * GROWTH / 1e6:g}M / {rows / 1e6:g}M rows"
    print(
        f"P5, {at}: {_peak(large):.0f} / {_peak(small):.0f} MB = {memory:.2f}; "
        f"target <= {MEMORY_GROWTH_TARGET} at 50M / 10M ({_met(memory <= MEMORY_GROWTH_TARGET)})"
    )
    print(
        f"P6, {at}: {_seconds(large):.1f} / {_seconds(small):.1f} s = {wall:.2f}; "
        f"target <= {WALL_GROWTH_TARGET} at 50M / 10M ({_met(wall <= WALL_GROWTH_TARGET)})"
    )


def _met(reached: bool) -> str:
    return "met" if reached else "MISSED"


def _recipes(rows: int, runs: int) -> None:
    names = [name for name in CONTESTANTS if name != "spark" or by_hand.spark_is_here()]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        report(rows, measure(rows, runs, names, Path(scratch)))


def _growth(rows: int, runs: int) -> None:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        growth(rows, runs, Path(scratch))


def _ticks(past: int) -> None:
    ticks.ticks(past, times=200)
    ticks.listings(10_000, 100_000, times=5)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, or run one contestant when asked to by the measuring process.

    The targets are for 10M rows: `--rows 10000000`; by default a run is short.
    """
    parser = argparse.ArgumentParser(prog="cleanroom_pipeline_tests.benchmarks")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--past", type=int, default=1_000_000, help="past arrivals of a tick")
    parser.add_argument("--only", choices=["recipes", "growth", "hashing", "ticks"])
    parser.add_argument("--contestant", nargs=3, metavar=("NAME", "SOURCE", "TARGET"))
    options = parser.parse_args(arguments)
    if options.contestant:
        name, source, target = options.contestant
        CONTESTANTS[name](Path(source), Path(target))
        return
    parts: Mapping[str, Callable[[], None]] = {
        "recipes": lambda: _recipes(options.rows, options.runs),
        "growth": lambda: _growth(options.rows, options.runs),
        "hashing": lambda: hashing.report(options.runs),
        "ticks": lambda: _ticks(options.past),
    }
    for name, part in parts.items():
        if options.only in {None, name}:
            part()


if __name__ == "__main__":
    main()
