import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cleanroom_pipeline.demo.process_table import PROC, seconds_lived, still_lives
from cleanroom_pipeline.demo.processes import wait_for

HOUR = 3600.0
needs_proc = pytest.mark.skipif(not (PROC / "uptime").exists(), reason="there is no /proc")


@contextmanager
def process(code: str) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def test_a_process_lives_from_its_start_until_its_end() -> None:
    with process("import time; time.sleep(600)") as worker:
        at = time.time()
        assert still_lives(worker.pid, at, now=at + 1)
    assert not still_lives(worker.pid, at, now=at + 2)


@needs_proc
def test_one_that_ended_and_that_nobody_has_asked_for_counts_as_gone() -> None:
    with process("print('last words')") as worker:
        at = time.time()
        wait_for(lambda: seconds_lived(worker.pid) is None, 20.0, lambda: "it goes on")
        # Its number is still taken: nobody has asked for its exit code.
        os.kill(worker.pid, 0)
        assert not still_lives(worker.pid, at, now=at)


@needs_proc
def test_one_that_has_the_number_and_began_later_is_another() -> None:
    now = time.time()
    assert still_lives(os.getpid(), now, now=now)
    lived = seconds_lived(os.getpid())
    assert lived is not None
    assert not still_lives(os.getpid(), now - lived - HOUR, now=now)


def test_without_a_proc_any_process_of_ours_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("cleanroom_pipeline.demo.process_table.PROC", tmp_path)
    assert still_lives(os.getpid(), 0.0, now=time.time())
