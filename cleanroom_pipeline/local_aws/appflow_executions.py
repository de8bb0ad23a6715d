"""AppFlow's executions: how one starts, goes on by itself, and ends.

Here: starting on demand and by schedule, delivering, cancelling, telling EventBridge. Not here:
what a flow's definition means (`appflow_delivery`), or the other operations (`appflow`).
"""

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cleanroom_pipeline.local_aws import appflow_delivery as delivery
from cleanroom_pipeline.local_aws.appflow_state import (
    CANCEL_STARTED,
    CANCELED,
    CREATED_BY,
    ERROR,
    IN_PROGRESS,
    STATUSES,
    SUCCESSFUL,
    AppFlowState,
    Execution,
    Flow,
    Profile,
    arn_of,
)
from cleanroom_pipeline.local_aws.appflow_tasks import TaskFailedError, zone_of
from cleanroom_pipeline.local_aws.background import Background, Progress
from cleanroom_pipeline.local_aws.clients import Clients, error_code
from cleanroom_pipeline.local_aws.clock import Clock
from cleanroom_pipeline.local_aws.events import Publish, appflow_event, times_told
from cleanroom_pipeline.local_aws.http import AnswerLostError
from cleanroom_pipeline.local_aws.outcomes import Outcome, Outcomes
from cleanroom_pipeline.local_aws.service_model import ServiceError
from cleanroom_pipeline.local_aws.services import Call
from cleanroom_pipeline.local_aws.sources import Sources

DAY_SECONDS = 86_400.0
FIRST_PULL_SECONDS = 30 * DAY_SECONDS
"""How far an incremental flow's first run reaches back, where `firstExecutionFrom` is not given."""


@dataclass(frozen=True, slots=True)
class AppFlowDurations:
    """Seconds that an execution is in progress, and that a cancellation takes."""

    run: float = 1.0
    cancel: float = 0.2


class Executions:
    """The executions of a state that AppFlow shares with it, under AppFlow's lock."""

    def __init__(
        self,
        state: Callable[[], AppFlowState],
        lock: threading.RLock,
        clients: Clients,
        clock: Clock,
        background: Background,
        sources: Sources,
        authenticated: Callable[[Profile | None, float], bool],
        durations: AppFlowDurations,
        publish: Publish,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._shared = state
        self._lock = lock
        self._clients = clients
        self._clock = clock
        self._background = background
        self._sources = sources
        self._authenticated = authenticated
        self._durations = durations
        self._publish = publish
        self._new_id = new_id
        self.outcomes = Outcomes(STATUSES, SUCCESSFUL)

    # The operations; AppFlow holds the lock

    def start(self, call: Call, flow: Flow) -> Mapping[str, Any]:
        """Do StartFlow: run a flow that runs on demand, activate a scheduled one."""
        answer = {"flowArn": flow.arn, "flowStatus": "Active"}
        now = self._clock.now()
        if flow.schedule:
            if flow.status != "Active":
                flow.status, flow.next_run = "Active", _first_run(flow, now)
            self._background.wake()
            return answer
        token = call.params.get("clientToken")
        known = self._shared().executions_of(call.region, flow.name)
        same = [e for e in known if token is not None and e.client_token == token]
        if same:
            return {**answer, "executionId": same[0].execution_id}
        if self._shared().in_progress(call.region, flow.name):
            raise ServiceError("ConflictException", f"The flow {flow.name} is running.")
        execution = self._begin(flow, token, now)
        if execution.outcome and execution.outcome.lost_answer:
            raise AnswerLostError
        return {**answer, "executionId": execution.execution_id}

    def stop(self, flow: Flow) -> Mapping[str, Any]:
        """Do StopFlow: deactivate a scheduled flow."""
        if not flow.schedule:
            message = f"The flow {flow.name} runs on demand: only a scheduled one can be stopped."
            raise ServiceError("UnsupportedOperationException", message)
        flow.status, flow.next_run = "Suspended", None
        return {"flowArn": flow.arn, "flowStatus": flow.status}

    def cancel(self, call: Call, flow: Flow) -> Mapping[str, Any]:
        """Do CancelFlowExecutions, of those named or of all that run."""
        in_progress = self._shared().in_progress(call.region, flow.name)
        running = {execution.execution_id: execution for execution in in_progress}
        wanted = call.params.get("executionIds") or list(running)
        now = self._clock.now()
        for execution in (running[i] for i in wanted if i in running):
            execution.move(CANCEL_STARTED, now)
            execution.due = now + self._durations.cancel
        self._background.wake()
        return {"invalidExecutions": [i for i in wanted if i not in running]}

    def reschedule(self, flow: Flow) -> None:
        """Take over a new schedule of a flow that is active."""
        if flow.status == "Active" and flow.schedule:
            flow.next_run = _first_run(flow, self._clock.now())
            self._background.wake()

    def asked_about(self, flow: Flow) -> list[Execution]:
        """Return a flow's executions, oldest first; those that wait for being asked go on."""
        now = self._clock.now()
        for execution in self._shared().executions_of(flow.region, flow.name):
            execution.polls += 1
            if execution.moves:
                self._move_on(execution, now)
        return self._shared().executions_of(flow.region, flow.name)

    def _begin(
        self,
        flow: Flow,
        client_token: str | None,
        now: float,
        window: delivery.Window | None = None,
    ) -> Execution:
        profile = self._shared().profiles.get((flow.region, flow.profile_name))
        outcome = self.outcomes.take(flow.name)
        execution = Execution(
            region=flow.region,
            execution_id=self._new_id(),
            client_token=client_token,
            definition=flow.definition,
            source=delivery.source_key(flow.definition, profile.label if profile else None),
            authenticated=self._authenticated(profile, now),
            outcome=outcome,
            started_at=now,
            updated_at=now,
            due=_due(outcome, now, self._durations.run),
            window=window,
        )
        self._shared().executions.append(execution)
        self._tell(execution, early=True)
        self._background.wake()
        return execution

    # What happens by itself

    def advance(self) -> Progress:
        """Move executions on: to a worker when they are due, to Canceled when that is."""
        with self._lock:
            now, state = self._clock.now(), self._shared()
            scheduled = [flow for flow in state.flows.values() if flow.next_run is not None]
            changed = [self._run_by_schedule(flow, now) for flow in scheduled]
            changed += [self._move_on(e, now) for e in state.executions if e.moves]
            pending = bool(scheduled) or any(e.moves for e in state.executions)
            return Progress(any(changed), pending)

    def _run_by_schedule(self, flow: Flow, now: float) -> bool:
        """Start a flow whose time has come, unless it runs; times that were missed are one."""
        if flow.next_run is None or now < flow.next_run:
            return False
        every = delivery.seconds_between_runs(flow.schedule["scheduleExpression"]) or DAY_SECONDS
        missed = int((now - flow.next_run) // every)
        at = flow.next_run + missed * every
        flow.next_run = at + every
        if self._shared().in_progress(flow.region, flow.name):
            return True
        window = None
        if flow.is_incremental:
            first = float(flow.schedule.get("firstExecutionFrom", at - FIRST_PULL_SECONDS))
            window = (first if flow.pulled_until is None else flow.pulled_until, at)
        self._begin(flow, None, now, window)
        return True

    def _move_on(self, execution: Execution, now: float) -> bool:
        if execution.at_work or not execution.is_due(now):
            return False
        outcome, at = execution.outcome, execution.due if execution.due is not None else now
        if execution.status == CANCEL_STARTED:
            execution.move(CANCELED, at)
        elif outcome and outcome.vanish:
            execution.vanished = True
        elif outcome and outcome.state not in {SUCCESSFUL, ERROR}:
            execution.message = delivery.message(outcome.message)
            execution.move(outcome.state, at)
        elif outcome and outcome.state == ERROR:
            # Nothing is delivered: it ends here and now.
            self._execute(execution, at)
        else:
            execution.at_work = True
            self._background.submit(lambda: self._execute(execution, at))
        return True

    def _execute(self, execution: Execution, at: float) -> None:
        try:
            status, message = self._deliver(execution, at)
        except TaskFailedError as error:
            status, message = ERROR, str(error)
        except (ClientError, BotoCoreError) as error:
            # The class or code alone: the text of an S3 error may quote a key, never more.
            code = error_code(error) if isinstance(error, ClientError) else type(error).__name__
            bucket = delivery.s3_destination(execution.definition)["bucketName"]
            status, message = ERROR, f"Writing to the bucket {bucket} failed. {code}"
        with self._lock:
            execution.at_work = False
            if execution.status == IN_PROGRESS:
                execution.message = delivery.message(message)
                execution.move(status, max(at, self._clock.now()))
                self._remember_window(execution, status)
                self._tell(execution, early=False)

    def _remember_window(self, execution: Execution, status: str) -> None:
        flow = self._shared().flows.get((execution.region, execution.definition["flowName"]))
        if flow and execution.window and status == SUCCESSFUL:
            flow.pulled_until = execution.window[1]

    def _refusal(self, execution: Execution, at: float) -> str | None:
        """Say why the application does not let an execution in, when it began or by `at`."""
        name = execution.definition["sourceFlowConfig"].get("connectorProfileName", "")
        with self._lock:
            profile = self._shared().profiles.get((execution.region, name))
        failed = f"Authentication failed for the connector profile {name}."
        if not execution.authenticated:
            return f"{failed} Its access token is missing, unknown or expired."
        if not self._authenticated(profile, at):
            return f"{failed} Its access token expired while the flow ran."
        return None

    def _deliver(self, execution: Execution, at: float) -> tuple[str, str]:
        outcome, definition = execution.outcome, execution.definition
        refusal = self._refusal(execution, at)
        if refusal:
            return ERROR, refusal
        if outcome and outcome.state == ERROR:
            execution.put_failures = outcome.put_failures
            return ERROR, outcome.message
        flow_name = definition["flowName"]
        # An incremental flow without a field to go by gets what it has not had yet.
        by_mark = execution.window is not None and not delivery.incremental_field(definition)
        pulled, mark = self._sources.pull(flow_name, execution.source, only_new=by_mark)
        zone = zone_of(execution.source[0])
        records = delivery.chosen(definition, pulled, zone, execution.window)
        failures = min(outcome.put_failures, len(records)) if outcome else 0
        written = records[: len(records) - failures]
        body = delivery.json_lines(delivery.deliverable(definition, written))
        if written:
            key = delivery.object_key(definition, execution.execution_id, execution.started_at)
            bucket = delivery.s3_destination(definition)["bucketName"]
            client = self._clients.get("s3", execution.region)
            client.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
        self._sources.confirm(flow_name, execution.source, mark)
        execution.records, execution.put_failures = len(records), failures
        execution.filtered = len(pulled) - len(records)
        execution.bytes_written = len(body)
        return SUCCESSFUL, outcome.message if outcome else ""

    def _tell(self, execution: Execution, *, early: bool) -> None:
        """Tell EventBridge of an execution that has ended, or of its end before it has come."""
        outcome, definition = execution.outcome, execution.definition
        failed = execution.status == ERROR or (
            early and outcome is not None and outcome.state == ERROR
        )
        source = definition["sourceFlowConfig"]["connectorType"]
        event = appflow_event(
            arn_of(execution.region, "flow", definition["flowName"]),
            CREATED_BY,
            {
                "flow": definition["flowName"],
                "execution_id": execution.execution_id,
                "source": source,
                "source_object": execution.source[1],
                "destination": "S3",
                "destination_object": delivery.s3_destination(definition)["bucketName"],
                "trigger": definition["triggerConfig"]["triggerType"],
                "records": execution.records,
                "filtered": execution.filtered,
                "failures": execution.put_failures,
                "bytes": execution.bytes_written,
                "started_at": execution.started_at,
                "ended_at": execution.updated_at,
                "error": (execution.message or "The flow failed.") if failed else "",
            },
        )
        times = times_told(outcome, early=early)
        self._publish(execution.region, event, execution.updated_at, times)


def _due(outcome: Outcome | None, now: float, usual: float) -> float | None:
    if outcome is not None and outcome.after_polls is not None:
        return None
    seconds = usual if outcome is None or outcome.seconds is None else outcome.seconds
    return now + seconds


def _first_run(flow: Flow, now: float) -> float:
    starts = float(flow.schedule.get("scheduleStartTime", now))
    return max(now, starts) + float(flow.schedule.get("scheduleOffset", 0))
