import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.demo.process_table import group_lives
from cleanroom_pipeline.demo.processes import (
    Child,
    LocalPipeline,
    ProcessError,
    announced_endpoint,
    child_environment,
    forget,
    interrupt,
    owned,
    refuse_used_port,
    signals_do,
    signals_wait,
    wait_for,
)

PATIENCE = 20.0
SPEAK = "import pathlib, os, sys; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); "
SLEEP = "import time; time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
WITH_GRANDCHILD = (
    "import subprocess, sys; "
    f"subprocess.Popen([sys.executable, '-c', {STUBBORN + SPEAK + SLEEP!r}, sys.argv[1]]); "
)
WITH_ORPHAN = (
    "import subprocess, sys; "
    f"subprocess.Popen([sys.executable, '-c', {SPEAK + SLEEP!r}, sys.argv[1]])"
)
# Says that it was asked to end, and goes on.
ASKED = (
    "import pathlib, signal, sys; "
    "signal.signal(signal.SIGTERM, lambda *_: pathlib.Path(sys.argv[2]).touch()); "
)
INTERRUPT_ONCE_ASKED = """
import os, pathlib, signal, sys, time
while not pathlib.Path(sys.argv[2]).exists():
    time.sleep(0.01)
os.kill(int(sys.argv[1]), signal.SIGINT)
"""


@pytest.fixture(autouse=True)
def signals_as_a_terminal_leaves_them() -> Iterator[None]:
    """Whoever runs these tests may have had SIGINT or SIGHUP ignored from the start."""
    usual: dict[signal.Signals, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, action) for number, action in usual.items()}
    yield
    for number, action in before.items():
        signal.signal(number, action)


def child(tmp_path: Path, code: str, *arguments: str) -> Child:
    return Child(
        "worker",
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        env=os.environ,
        log=tmp_path / "worker.log",
    )


def until(condition: Callable[[], bool], what: str) -> None:
    wait_for(condition, PATIENCE, lambda: what)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        # It went away just now, and the next look tells; or there is no /proc, as on macOS.
        return True
    return state != "Z"


def written_pid(path: Path) -> int:
    until(lambda: path.exists() and path.read_text().isdecimal(), f"no {path}")
    return int(path.read_text())


def test_no_variable_of_another_aws_or_dagster_reaches_a_child() -> None:
    inherited = {
        "PATH": "/bin",
        "AWS_PROFILE": "production",
        "AWS_ACCESS_KEY_ID": "real",
        "CLEANROOM_INBOUND_BUCKET": "real",
        "DAGSTER_HOME": "/real",
    }
    assert child_environment(inherited, {"AWS_REGION": "a"}, {"AWS_REGION": "b"}) == {
        "PATH": "/bin",
        "AWS_REGION": "b",
    }


def test_a_state_folder_has_one_owner_who_is_named_to_the_next(tmp_path: Path) -> None:
    with (
        owned(tmp_path),
        pytest.raises(ProcessError, match=rf"process {os.getpid()}\) uses"),
        owned(tmp_path),
    ):
        pass
    with owned(tmp_path):
        """It is free again."""


def test_starting_from_nothing_removes_what_a_pipeline_kept_and_nothing_else(
    tmp_path: Path,
) -> None:
    for name in ("aws", "dagster", "logs", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    forget(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_what_a_running_pipeline_keeps_is_not_removed_by_another(tmp_path: Path) -> None:
    (tmp_path / "aws").mkdir()
    fresh = LocalPipeline(tmp_path, tmp_path, ui_port=None, say=print, pace={}, fresh=True)
    with owned(tmp_path), pytest.raises(ProcessError, match="uses"), fresh:
        pass
    assert (tmp_path / "aws").is_dir()


def test_a_child_that_ends_early_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    worker = child(tmp_path, "import sys; print('no disk'); sys.exit(3)")
    with pytest.raises(ProcessError, match=r"(?s)worker ended with code 3.*no disk"):
        worker.wait_until(lambda: False)
    worker.stop()


def test_a_child_that_is_never_ready_is_reported(tmp_path: Path) -> None:
    worker = child(tmp_path, SLEEP)
    with pytest.raises(ProcessError, match=r"worker is not ready after 0\.3 s"):
        worker.wait_until(lambda: False, seconds=0.3)
    worker.stop()


def test_all_that_a_child_started_is_stopped_the_stubborn_too(tmp_path: Path) -> None:
    worker = child(tmp_path, WITH_GRANDCHILD + SLEEP, str(tmp_path / "pid"))
    grandchild = written_pid(tmp_path / "pid")
    asking_was_enough = worker.stop(seconds=0.3)
    assert not asking_was_enough
    assert not group_lives(worker.pid)
    until(lambda: not alive(grandchild), "the grandchild lives")


def test_a_grandchild_that_outlives_its_parent_is_stopped(tmp_path: Path) -> None:
    worker = child(tmp_path, WITH_GRANDCHILD, str(tmp_path / "pid"))
    grandchild = written_pid(tmp_path / "pid")
    worker.stop(seconds=0.3)
    until(lambda: not alive(grandchild), "the grandchild lives")


def test_a_child_leads_a_session_and_is_not_killed_if_it_ends_when_asked(tmp_path: Path) -> None:
    worker = child(tmp_path, SPEAK + SLEEP, str(tmp_path / "pid"))
    written_pid(tmp_path / "pid")
    assert os.getsid(worker.pid) == worker.pid
    assert worker.stop(seconds=PATIENCE)
    assert not group_lives(worker.pid)


def test_a_child_that_is_gone_already_needs_no_stopping(tmp_path: Path) -> None:
    worker = child(tmp_path, "")
    with pytest.raises(ProcessError, match="ended with code 0"):
        worker.wait_until(lambda: False)
    assert worker.stop()


def test_a_command_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match=r"worker does not start: .*no-such-command"):
        Child(
            "worker",
            ["/no-such-command"],
            cwd=tmp_path,
            env=os.environ,
            log=tmp_path / "worker.log",
        )


# Takes on what its children leave behind, as the first process of a system does, and never asks
# for an exit code, as the first process of a container may not. 36 is PR_SET_CHILD_SUBREAPER.
NEGLIGENT = f"""
import ctypes, os, sys, time
from pathlib import Path
from cleanroom_pipeline.demo.processes import Child
assert ctypes.CDLL(None).prctl(36, 1) == 0
folder = Path(sys.argv[1])
worker = Child("worker", [sys.executable, "-c", {WITH_ORPHAN!r}, str(folder / "pid")],
    cwd=folder, env=os.environ, log=folder / "log")
while not (folder / "pid").exists():
    time.sleep(0.01)
sys.exit(0 if worker.stop({PATIENCE}) else 1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_an_ended_grandchild_that_nobody_asks_for_is_not_waited_for(tmp_path: Path) -> None:
    asked = subprocess.run([sys.executable, "-c", NEGLIGENT, str(tmp_path)], timeout=PATIENCE)
    assert asked.returncode == 0


def test_stopping_is_not_disturbed_by_a_second_interrupt(tmp_path: Path) -> None:
    worker = child(tmp_path, ASKED + SPEAK + SLEEP, str(tmp_path / "pid"), str(tmp_path / "asked"))
    written_pid(tmp_path / "pid")
    interrupter = subprocess.Popen(
        [sys.executable, "-c", INTERRUPT_ONCE_ASKED, str(os.getpid()), str(tmp_path / "asked")]
    )
    asking_was_enough = worker.stop(seconds=2.0)
    assert not asking_was_enough
    assert not group_lives(worker.pid)
    assert interrupter.wait() == 0


def test_signals_do_as_they_did_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with signals_do(signal.SIG_IGN):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_first_signal_counts_and_a_second_one_does_not_disturb_the_stopping() -> None:
    with signals_do(interrupt):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.raise_signal(number)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_comes_while_a_process_starts_waits_until_it_is_known() -> None:
    known = []

    def start() -> None:
        with signals_wait():
            signal.raise_signal(signal.SIGINT)
            known.append("child")

    with signals_do(interrupt), pytest.raises(KeyboardInterrupt):
        start()
    assert known == ["child"]


def test_a_terminal_that_closes_ends_us_unless_nohup_says_no() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_do(interrupt):
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGTERM) is interrupt
    finally:
        signal.signal(signal.SIGHUP, before)
    with signals_do(interrupt), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGHUP)


def test_a_port_that_something_listens_on_is_refused_for_the_ui() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ProcessError, match=rf"Port {port} can't be used.*--port"):
            refuse_used_port(port)
    refuse_used_port(port)


SUPERVISOR = f"""
import os, sys, time
from contextlib import ExitStack
from pathlib import Path
from cleanroom_pipeline.demo.processes import Child, interrupt, signals_do
folder = Path(sys.argv[1])
try:
    with ExitStack() as stack:
        stack.enter_context(signals_do(interrupt))
        worker = Child("worker", [sys.executable, "-c", {WITH_GRANDCHILD + SLEEP!r},
            str(folder / "pid")], cwd=folder, env=os.environ, log=folder / "log")
        stack.callback(worker.stop, 0.3)
        while True:
            time.sleep(600)
except KeyboardInterrupt:
    sys.exit(7)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("in_background", [False, True])
def test_a_supervisor_that_is_told_to_end_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals, in_background: bool
) -> None:
    """A shell's background jobs have SIGINT ignored from the start."""

    def ignore_interrupts() -> None:
        if in_background:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path)],
        preexec_fn=ignore_interrupts,
    )
    grandchild = written_pid(tmp_path / "pid")
    group = os.getpgid(grandchild)
    try:
        supervisor.send_signal(number)
        assert supervisor.wait(timeout=PATIENCE) == 7
        until(lambda: not alive(grandchild), "the grandchild lives")
    finally:
        supervisor.kill()
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def test_only_the_announcement_of_this_very_process_counts(tmp_path: Path) -> None:
    assert announced_endpoint(tmp_path, 1) is None
    announcement = tmp_path / "local_aws.json"
    announcement.write_text("{")
    assert announced_endpoint(tmp_path, 1) is None
    announcement.write_text('{"endpoint": "http://127.0.0.1:1", "pid": 1}')
    assert announced_endpoint(tmp_path, 1) == "http://127.0.0.1:1"
    assert announced_endpoint(tmp_path, 2) is None


def test_a_wait_ends_with_its_condition() -> None:
    began = time.monotonic()
    wait_for(lambda: time.monotonic() > began + 0.15, PATIENCE, lambda: "never")
    with pytest.raises(ProcessError, match="never"):
        wait_for(lambda: False, 0.0, lambda: "never")


WORKSPACE = """
load_from:
  - python_file: {relative_path: nothing.py, location_name: nothing}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of no assets, whose daemon starts fast."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "nothing.py").write_text("import dagster as dg\n\ndefs = dg.Definitions()\n")
    (folder / "workspace.yaml").write_text(WORKSPACE)
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return folder


@pytest.mark.e2e
def test_a_pipeline_starts_stops_and_does_not_take_an_earlier_daemon_for_its_own(
    tmp_path: Path, project: Path
) -> None:
    state, said = tmp_path / "state", list[str]()
    with LocalPipeline(state, project, ui_port=None, say=said.append, pace={}) as pipeline:
        pipeline.check()
        groups = [child.pid for child in pipeline._children]
        assert all(group_lives(group) for group in groups)
        assert (state / "aws.env").exists()
    assert not any(group_lives(group) for group in groups)
    assert not (state / "aws.env").exists()
    assert said == []

    (project / "workspace.yaml").unlink()
    second = LocalPipeline(state, project, ui_port=None, say=said.append, pace={})
    with pytest.raises(ProcessError, match=r"(?s)daemon ended with code .*workspace"), second:
        pass
    assert not any(group_lives(child.pid) for child in second._children)
    with owned(state):
        """The lock is free again."""
