"""The processes of a pipeline on one machine: local AWS, Dagster daemon, Dagster UI.

Here: starting them in order, noticing that one has died, leaving none behind. Not here: what is
done with them (`demo.walkthrough`).
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, NoReturn, Self

from cleanroom_pipeline.demo.process_table import group_lives
from cleanroom_pipeline.local_aws.provision import provision, write_env_file

START_SECONDS = 90.0
STOP_SECONDS = 30.0
# The local AWS saves its snapshot when it is told to stop.
SAVE_SECONDS = 60.0
LOOK_SECONDS = 0.1
TAIL_LINES = 15
KEPT = ("aws", "dagster", "logs")
OURS = ("AWS_", "CLEANROOM_", "DAGSTER_")
# Ctrl-C, `kill`, and a terminal that is closed.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Say = Callable[[str], None]


class ProcessError(RuntimeError):
    """A process did not start, or died; the message has the last lines of its log."""


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:]) or "  (nothing)"


def wait_for(condition: Callable[[], bool], seconds: float, otherwise: Callable[[], str]) -> None:
    """Wait until `condition` holds; ProcessError with the words of `otherwise` if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ProcessError(otherwise())
        time.sleep(LOOK_SECONDS)


class Child:
    """A process in a group of its own: Ctrl-C reaches us first, and all that it starts is found."""

    def __init__(
        self, name: str, command: list[str], *, cwd: Path, env: Mapping[str, str], log: Path
    ) -> None:
        self.name, self.log = name, log
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(  # noqa: S603 (our own, no text from outside)
                    command,
                    cwd=cwd,
                    env=dict(env),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise ProcessError(f"{name} does not start: {error}.") from error

    @property
    def pid(self) -> int:
        """The process's id, which is its group's too."""
        return self._process.pid

    def check(self) -> None:
        """Raise ProcessError if the process has ended."""
        code = self._process.poll()
        if code is not None:
            raise ProcessError(f"{self.name} ended with code {code}. Its log:\n{tail(self.log)}")

    def wait_until(self, ready: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """Wait until the process is ready; ProcessError if it dies or takes too long."""

        def alive_and_ready() -> bool:
            self.check()
            return ready()

        wait_for(
            alive_and_ready,
            seconds,
            lambda: f"{self.name} is not ready after {seconds:g} s. Its log:\n{tail(self.log)}",
        )

    def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """Ask the whole group to end; kill it after `seconds`; return whether asking was enough.

        Nothing of the group is left afterwards, or ProcessError names it. A second Ctrl-C does not
        disturb: it would leave behind what is still being stopped.
        """
        with signals_do(signal.SIG_IGN):
            if self._ends_by(signal.SIGTERM, seconds):
                return True
            if self._ends_by(signal.SIGKILL, STOP_SECONDS):
                return False
        raise ProcessError(f"{self.name} can't be killed: look at process group {self.pid}.")

    def _ends_by(self, sign: signal.Signals, seconds: float) -> bool:
        try:
            os.killpg(self.pid, sign)
        except (ProcessLookupError, PermissionError):
            # As in `group_lives`: there is nothing left to be told.
            self._process.wait()
            return True
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # Polling takes the leader's exit code; where there is no /proc, it counts until then.
            self._process.poll()
            if not group_lives(self.pid):
                self._process.wait()
                return True
            time.sleep(LOOK_SECONDS)
        return False


@contextmanager
def owned(state_dir: Path) -> Iterator[IO[str]]:
    """Hold the state folder's lock; ProcessError if another pipeline has it."""
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ProcessError(
                f"Another pipeline (process {lock.read().strip() or '?'}) uses {state_dir}. Stop "
                "it with Ctrl-C where it runs, or take another --state-dir."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield lock


@contextmanager
def signals_do(action: Any) -> Iterator[None]:
    """Let the signals that end a program do `action` for a while.

    SIGHUP stays ignored where it is: `nohup` asks for that.
    """
    numbers = [
        number
        for number in ENDING
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, action) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def signals_wait() -> Iterator[None]:
    """Let a signal wait for the end of the block: it would lose a process that just starts."""
    came: list[int] = []
    with signals_do(lambda number, _frame: came.append(number)):
        yield
    for number in came[:1]:
        signal.raise_signal(number)


def ignore_signals() -> None:
    """Let nothing disturb the stopping; whoever set the handlers before puts them back."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does, by an exception, so that whatever was started is stopped.

    Python does so for SIGINT by itself, but not where a shell started it in the background. The
    first signal counts; people press Ctrl-C again while the stopping takes its time.
    """
    ignore_signals()
    raise KeyboardInterrupt


def answers(url: str) -> bool:
    """Tell whether a web server answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 (loopback, our own)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def refuse_used_port(port: int) -> None:
    """Raise ProcessError if something listens on the port: its answers would pass for the UI's."""
    with socket.socket() as probe:
        # A port on which connections have just been closed is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ProcessError(
                f"Port {port} can't be used for the UI ({error.strerror}). Take another one with "
                "--port, or stop what uses it."
            ) from error


def last_heartbeat(instance: Any) -> float:
    """Return when a Dagster instance's sensor daemon last said that it is well; 0.0 for never."""
    status = instance.get_daemon_statuses().get("SENSOR")
    beat = status.last_heartbeat if status and status.healthy else None
    return float(beat.timestamp) if beat else 0.0


def dagster_command(program: str, *arguments: str) -> list[str]:
    """Return the command that starts one of Dagster's programs on our workspace."""
    script = Path(sys.executable).with_name(f"dagster-{program}")
    return [str(script), *arguments, "-w", "workspace.yaml"]


def announced_endpoint(home: Path, pid: int) -> str | None:
    """Return where the local AWS listens once it does; what an earlier one left is passed over."""
    try:
        announced = json.loads((home / "local_aws.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return str(announced["endpoint"]) if announced["pid"] == pid else None


def child_environment(inherited: Mapping[str, str], *layers: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child: no variable of another AWS or Dagster gets into it."""
    environment = {name: value for name, value in inherited.items() if not name.startswith(OURS)}
    for layer in layers:
        environment |= layer
    return environment


def forget(state_dir: Path) -> None:
    """Remove what an earlier pipeline kept, and nothing else; the caller owns the folder."""
    for name in KEPT:
        shutil.rmtree(state_dir / name, ignore_errors=True)


class LocalPipeline:
    """The local AWS, the daemon and, with a port, the UI, for as long as the context lasts.

    All that they keep is under `state_dir`. `environment` is what any AWS client needs to reach the
    local AWS; it is also in `<state_dir>/aws.env` while it runs. A `fresh` one starts from nothing.
    `settings` is the instance's YAML file, seen from the project's folder.
    """

    def __init__(
        self,
        state_dir: Path,
        project_dir: Path,
        *,
        ui_port: int | None,
        say: Say,
        pace: Mapping[str, str],
        fresh: bool = False,
        settings: str = "dagster.yaml",
    ) -> None:
        self._fresh, self._settings = fresh, settings
        self._state_dir = state_dir.resolve()
        self._project_dir = project_dir.resolve()
        self._ui_port, self._say, self._pace = ui_port, say, pace
        self._children: list[Child] = []
        self._stack = ExitStack()
        self.logs = self._state_dir / "logs"
        self.dagster_home = self._state_dir / "dagster"
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Start everything; what was started is stopped again if the next one does not start."""
        with ExitStack() as stack:
            stack.enter_context(owned(self._state_dir))
            if self._fresh:
                forget(self._state_dir)
            if self._ui_port is not None:
                refuse_used_port(self._ui_port)
            stack.enter_context(signals_do(interrupt))
            self._start_local_aws(stack)
            self._start_dagster(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop everything, in the opposite order."""
        ignore_signals()
        self._stack.close()

    def check(self) -> None:
        """Raise ProcessError if a process has died."""
        for child in self._children:
            child.check()

    def child_environment(self) -> dict[str, str]:
        """Return the environment for a `dagster` command that talks to this pipeline."""
        home = {"DAGSTER_HOME": str(self.dagster_home), "DAGSTER_DISABLE_TELEMETRY": "yes"}
        return child_environment(os.environ, self.environment, self._pace, home)

    def _start(
        self, stack: ExitStack, name: str, command: list[str], patience: float = STOP_SECONDS
    ) -> Child:
        with signals_wait():
            child = Child(
                name,
                command,
                cwd=self._project_dir,
                env=self.child_environment(),
                log=self.logs / f"{name}.log",
            )
            self._children.append(child)
            stack.callback(self._stop, child, patience)
            # The stack goes backwards: from here on, nothing comes between two that are stopped.
            stack.callback(ignore_signals)
        return child

    def _stop(self, child: Child, patience: float) -> None:
        if not child.stop(patience):
            self._say(f"{child.name} did not end within {patience:g} s, and was killed.")

    def _start_local_aws(self, stack: ExitStack) -> None:
        home = self._state_dir / "aws"
        home.mkdir(parents=True, exist_ok=True)
        command = [
            *(sys.executable, "-m", "cleanroom_pipeline.local_aws"),
            *("--state-dir", str(home), "--parent-pid", str(os.getpid())),
        ]
        child = self._start(stack, "local_aws", command, SAVE_SECONDS)
        child.wait_until(lambda: announced_endpoint(home, child.pid) is not None)
        endpoint = announced_endpoint(home, child.pid)
        if endpoint is None:
            raise ProcessError(f"The local AWS went away again. Its log:\n{tail(child.log)}")
        self.environment = provision(endpoint).as_env()
        env_file = self._state_dir / "aws.env"
        write_env_file(env_file, self.environment)
        # What it says holds only while the local AWS runs.
        stack.callback(env_file.unlink, missing_ok=True)

    def _start_dagster(self, stack: ExitStack) -> None:
        self.dagster_home.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._project_dir / self._settings, self.dagster_home / "dagster.yaml")
        # Dagster is slow to import, and only this needs it.
        import dagster as dg

        # The databases are made here, once: two processes that make them at a time get in each
        # other's way.
        with dg.DagsterInstance.from_config(str(self.dagster_home)) as instance:
            self._start_daemon_and_ui(stack, instance)

    def _start_daemon_and_ui(self, stack: ExitStack, instance: Any) -> None:
        ready = self._start_daemon(stack, instance)
        if self._ui_port is not None:
            address = ["-h", "127.0.0.1", "-p", str(self._ui_port)]
            web = self._start(stack, "webserver", dagster_command("webserver", *address))
            web.wait_until(lambda: answers(f"http://127.0.0.1:{self._ui_port}/server_info"))
        self.daemon.wait_until(ready)

    def _start_daemon(self, stack: ExitStack, instance: Any) -> Callable[[], bool]:
        """Start the daemon; return what tells whether it is ready."""
        # Dagster takes a heartbeat of half an hour ago for a good one: an earlier daemon's.
        earlier = last_heartbeat(instance)
        self.daemon = self._start(stack, "daemon", dagster_command("daemon", "run"))
        return lambda: last_heartbeat(instance) > earlier

    def start_daemon_again(self, instance: Any) -> None:
        """Start a daemon after the last one has ended, and wait until it is ready.

        What that one left behind goes on, and ends with the pipeline.
        """
        self._children.remove(self.daemon)
        ready = self._start_daemon(self._stack, instance)
        self.daemon.wait_until(ready)
