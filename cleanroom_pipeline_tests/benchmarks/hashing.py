"""P7: HMAC-SHA256 of values that are all distinct, against OpenSSL's own measurement of one core.

Here: our hash over Arrow arrays as the engine calls it, `openssl speed`. Not here: recipes.
"""

import re
import shutil
import statistics
import subprocess
import time

import pyarrow as pa

from cleanroom_pipeline.recipe.vectorised import digest_array

P7_TARGET = 0.5
VALUES = 1_000_000
BYTES = 32
# DuckDB hands a function at most that many rows.
ROWS_AT_ONCE = 2_048


def ours() -> float:
    """Return the seconds of CPU that one value takes, the kernel loaded."""
    values = pa.array([f"user.{number:09d}@mail.example.org"[:BYTES] for number in range(VALUES)])
    run = digest_array("sha256", b"a key for measuring only")
    run(values.slice(0, VALUES // 10))
    started = time.process_time()
    for begin in range(0, VALUES, ROWS_AT_ONCE):
        run(values.slice(begin, ROWS_AT_ONCE))
    return (time.process_time() - started) / VALUES


def openssl() -> float:
    """Return the seconds that `openssl speed` needs for one value of the same size."""
    command = ["openssl", "speed", "-seconds", "1", "-bytes", str(BYTES), "-hmac", "sha256"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"hmac\(sha256\)\s+([\d.]+)k", told)
    if found is None:
        message = "openssl speed said nothing that could be read"
        raise RuntimeError(message)
    return BYTES / (float(found[1]) * 1000)


def report(runs: int) -> None:
    """Print the ratio of medians, interleaved, beside its target."""
    if shutil.which("openssl") is None:
        print("P7: not measured, there is no openssl command")
        return
    pairs = [(ours(), openssl()) for _ in range(runs)]
    mine, limit = (statistics.median(one) for one in zip(*pairs, strict=True))
    share = limit / mine
    print(
        f"P7, {VALUES / 1e6:g}M distinct values of {BYTES} bytes: {mine * 1e9:.0f} ns each, "
        f"openssl speed {limit * 1e9:.0f} ns: {share:.0%} of its speed; target >= {P7_TARGET:.0%} "
        f"({'met' if share >= P7_TARGET else 'MISSED'})"
    )
