"""The local AWS as one server on one loopback port, in this process: start, reset, stop.

Here: what belongs together, and in which order it starts and stops. Not here: any answer.
"""

import logging
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server

from cleanroom_pipeline.local_aws import snapshot
from cleanroom_pipeline.local_aws.admin import Admin, Scripts
from cleanroom_pipeline.local_aws.appflow import AppFlow
from cleanroom_pipeline.local_aws.appflow_executions import AppFlowDurations
from cleanroom_pipeline.local_aws.application import (
    ADMIN_PREFIX,
    RESET_PATH,
    TOKEN_PATH,
    Application,
    is_loopback,
)
from cleanroom_pipeline.local_aws.background import Background
from cleanroom_pipeline.local_aws.calls import CALLS_VARIABLE, Calls
from cleanroom_pipeline.local_aws.clients import ITSELF, Clients
from cleanroom_pipeline.local_aws.clock import Clock
from cleanroom_pipeline.local_aws.databrew import DataBrew
from cleanroom_pipeline.local_aws.event_bus import publish_to_rules
from cleanroom_pipeline.local_aws.faults import Faults
from cleanroom_pipeline.local_aws.job_runs import DataBrewDurations
from cleanroom_pipeline.local_aws.outcomes import Outcomes
from cleanroom_pipeline.local_aws.recipe_job import RunRecipe, run_with_local_engine
from cleanroom_pipeline.local_aws.services import Service
from cleanroom_pipeline.local_aws.sources import Sources
from cleanroom_pipeline.local_aws.state_dir import StateDir
from cleanroom_pipeline.local_aws.token_endpoint import TokenEndpoint, Tokens

CHECKED_SERVICES = ("cleanrooms", "glue")
STATE_MEMBERS = {"appflow": "status", "databrew": "state"}
"""What each service calls the state of a run, in a script."""
STOP_SECONDS = 5.0

_one_per_process = threading.Lock()


class HostRefusedError(ValueError):
    """The local AWS listens on this machine only: it takes any credentials."""


@dataclass(frozen=True, slots=True)
class Durations:
    """How long external runs take, in seconds of the local AWS's clock."""

    appflow: AppFlowDurations = field(default_factory=AppFlowDurations)
    databrew: DataBrewDurations = field(default_factory=DataBrewDurations)


class LocalAws:
    """A running local AWS; a context manager that stops it. One per process: moto's state is.

    With a `state_dir` it begins with the snapshot there and leaves one when it stops. `outcomes`
    (by service), `faults` and `calls` are what a test in this process scripts and looks at.
    """

    def __init__(
        self,
        listener: socket.socket,
        state: StateDir | None,
        clock: Clock,
        durations: Durations,
        run_recipe: RunRecipe,
        region: str,
    ) -> None:
        host, self.port = listener.getsockname()[:2]
        self.endpoint = f"http://{host}:{self.port}"
        self._state = state
        self._clock = clock
        self._background = Background()
        self._sources = Sources()
        self._tokens = Tokens(clock)
        self.faults = Faults()
        named = os.environ.get(CALLS_VARIABLE)
        self.calls = Calls(Path(named) if named else None)
        # What the services do by themselves meets no fault, and is nobody's call.
        clients = Clients(self.endpoint, ITSELF)
        self._appflow = AppFlow(
            clients,
            clock,
            self._background,
            self._sources,
            self._tokens,
            durations.appflow,
            publish_to_rules,
        )
        self._databrew = DataBrew(
            clients, clock, self._background, run_recipe, durations.databrew, publish_to_rules
        )
        self.outcomes: Mapping[str, Outcomes] = {
            "appflow": self._appflow.outcomes,
            "databrew": self._databrew.outcomes,
        }
        token_endpoint = TokenEndpoint(clients, region, self._tokens)
        by_member = {
            name: (STATE_MEMBERS[name], outcomes) for name, outcomes in self.outcomes.items()
        }
        scripts = Scripts(by_member, self.faults, self.calls, token_endpoint)
        self._application = Application(
            DomainDispatcherApplication(create_backend_app),
            {
                "appflow": Service("appflow", self._appflow.operations, in_moto=False),
                "databrew": Service(
                    "databrew", self._databrew.operations, in_moto=False, conforms=True
                ),
                **{name: Service(name) for name in CHECKED_SERVICES},
            },
            {
                ADMIN_PREFIX: Admin(clock, self._background, self._sources, scripts),
                TOKEN_PATH: token_endpoint,
            },
            self._clear,
            self.faults,
            self.calls,
        )
        self._server = _serve(listener, self._application)
        self._exits = ExitStack()
        self._stopped = False

    @classmethod
    def start(
        cls,
        state_dir: Path | None = None,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        region: str = "us-east-1",
        clock: Callable[[], float] = time.time,
        durations: Durations | None = None,
        run_recipe: RunRecipe = run_with_local_engine,
    ) -> "LocalAws":
        """Listen and serve. Port 0 is the one used last in `state_dir`, if free, else any free one.

        Raises HostRefusedError, StateDirBusyError, SnapshotError, and OSError for a taken port.
        """
        if not is_loopback(host):
            raise HostRefusedError(f"The local AWS listens on 127.0.0.1, never on {host}.")
        with ExitStack() as exits:
            state = exits.enter_context(StateDir(state_dir)) if state_dir else None
            packed = snapshot.load(state.snapshot) if state else None
            if not _one_per_process.acquire(blocking=False):
                raise RuntimeError(
                    "A local AWS runs in this process already, and moto has one state."
                )
            exits.callback(_one_per_process.release)
            listener = exits.enter_context(_listen(host, port, state.last_port if state else 0))
            aws = cls(listener, state, Clock(clock), durations or Durations(), run_recipe, region)
            aws._restore(packed)
            aws._exits = exits.pop_all()
        aws._run()
        return aws

    def __enter__(self) -> "LocalAws":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def reset(self) -> None:
        """Forget everything and turn the clock back to its source; runs under way are dropped."""
        asked = urllib.request.Request(f"{self.endpoint}{RESET_PATH}", method="POST")  # noqa: S310  # our own loopback address
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(asked, timeout=30) as answer:
            answer.read()

    def freeze(self) -> bytes:
        """Return all that it holds now, for `thaw`. Nothing may be under way."""
        return snapshot.pack(self._content())

    def thaw(self, frozen: bytes) -> None:
        """Go back to what `freeze` returned, in milliseconds: a test begins on prepared ground."""
        self._clear()
        self._restore(frozen)

    def advance(self, seconds: float, *, wait: bool = True) -> None:
        """Turn the clock forward; with `wait`, return once everything that became due is done."""
        self._clock.advance(seconds)
        self._background.wake()
        if wait and not self._background.settle():
            raise TimeoutError("What became due is not done after 30 seconds.")

    def stop(self) -> None:
        """Let runs end, stop serving, save the snapshot, give back port and directory; once."""
        with self._exits.pop_all():
            if self._stopped:
                return
            self._stopped = True
            self._background.close()
            self._application.stop_accepting(STOP_SECONDS)
            self._server.shutdown()
            self._server.server_close()
            if self._state:
                try:
                    snapshot.save(self._state.snapshot, self._content())
                finally:
                    self._state.withdraw()

    def _run(self) -> None:
        threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="local-aws-server",
            daemon=True,
        ).start()
        self._background.start([self._appflow, self._databrew])
        if self._state:
            self._state.announce(self.endpoint, self.port)

    def _clear(self) -> None:
        self._appflow.clear()
        self._databrew.clear()
        self._background.wait_idle(STOP_SECONDS)
        self._sources.clear()
        self.faults.clear()
        self._tokens.restore({})
        self._clock.set_offset(0.0)

    def _content(self) -> dict[str, Any]:
        return {
            "moto": snapshot.moto_state(),
            "appflow": self._appflow.dump(),
            "databrew": self._databrew.dump(),
            "outcomes": {name: outcomes.dump() for name, outcomes in self.outcomes.items()},
            "faults": self.faults.dump(),
            "sources": self._sources.dump(),
            "tokens": self._tokens.dump(),
            "clock": self._clock.offset,
        }

    def _restore(self, packed: bytes | None) -> None:
        snapshot.clear_moto()
        if packed is None:
            return
        content = snapshot.unpack(packed)
        snapshot.restore_moto_state(content["moto"])
        self._appflow.restore(content["appflow"])
        self._databrew.restore(content["databrew"])
        for name, outcomes in self.outcomes.items():
            outcomes.restore(content["outcomes"][name])
        self.faults.restore(content["faults"])
        self._sources.restore(content["sources"])
        self._tokens.restore(content["tokens"])
        self._clock.set_offset(content["clock"])


def _listen(host: str, port: int, preferred: int) -> socket.socket:
    """Return a socket that listens on `port`; where that is 0, on the preferred or any free one."""
    try:
        return _bound(host, port or preferred)
    except OSError:
        if port:
            raise
        return _bound(host, 0)


def _bound(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"Port {port} of {host}: {error.strerror}") from error
    return listener


def _serve(listener: socket.socket, application: Application) -> BaseWSGIServer:
    # The access log says nothing that a test or a demo wants; errors keep their tracebacks.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    host, port = listener.getsockname()[:2]
    return make_server(
        host,
        port,
        application,
        threaded=True,
        request_handler=MotoRequestHandler,
        fd=listener.fileno(),
    )
