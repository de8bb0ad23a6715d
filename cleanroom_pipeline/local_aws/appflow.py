"""Amazon AppFlow, which moto lacks: connector profiles, flows and their executions.

Here: the operations, and how an execution goes on. Not here: what a flow delivers.
"""

import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cleanroom_pipeline.local_aws import appflow_delivery as delivery
from cleanroom_pipeline.local_aws.appflow_state import (
    CANCEL_STARTED,
    CANCELED,
    ERROR,
    IN_PROGRESS,
    SUCCESSFUL,
    AppFlowState,
    Execution,
    Flow,
    Profile,
)
from cleanroom_pipeline.local_aws.background import Background, Progress
from cleanroom_pipeline.local_aws.clients import Clients, error_code
from cleanroom_pipeline.local_aws.clock import Clock
from cleanroom_pipeline.local_aws.outcomes import Outcomes
from cleanroom_pipeline.local_aws.service_model import ServiceError
from cleanroom_pipeline.local_aws.services import Call, Operation, page
from cleanroom_pipeline.local_aws.sources import Sources
from cleanroom_pipeline.local_aws.token_endpoint import Tokens

PAGE = 20


@dataclass(frozen=True, slots=True)
class AppFlowDurations:
    """Seconds that an execution is in progress, and that a cancellation takes."""

    run: float = 1.0
    cancel: float = 0.2


class AppFlow:
    """Connector profiles, flows and executions of every region; no credential is ever kept."""

    def __init__(
        self,
        clients: Clients,
        clock: Clock,
        background: Background,
        sources: Sources,
        tokens: Tokens,
        durations: AppFlowDurations,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._clients = clients
        self._clock = clock
        self._background = background
        self._sources = sources
        self._tokens = tokens
        self._durations = durations
        self._new_id = new_id
        self._state = AppFlowState()
        self._lock = threading.RLock()
        self.outcomes = Outcomes(frozenset({SUCCESSFUL, ERROR, IN_PROGRESS}))
        self.operations: Mapping[str, Operation] = {
            name: self._locked(operation)
            for name, operation in {
                "CreateConnectorProfile": self._create_profile,
                "UpdateConnectorProfile": self._update_profile,
                "DescribeConnectorProfiles": self._describe_profiles,
                "DeleteConnectorProfile": self._delete_profile,
                "CreateFlow": self._create_flow,
                "UpdateFlow": self._update_flow,
                "DescribeFlow": self._describe_flow,
                "DeleteFlow": self._delete_flow,
                "ListFlows": self._list_flows,
                "StartFlow": self._start_flow,
                "StopFlow": self._stop_flow,
                "DescribeFlowExecutionRecords": self._describe_executions,
                "CancelFlowExecutions": self._cancel_executions,
            }.items()
        }

    def _locked(self, operation: Operation) -> Operation:
        def guarded(call: Call) -> Any:
            with self._lock:
                return operation(call)

        return guarded

    # Connector profiles

    def _create_profile(self, call: Call) -> Mapping[str, Any]:
        name, token = call.params["connectorProfileName"], call.params.get("clientToken")
        known = self._state.profiles.get((call.region, name))
        if known and (token is None or known.client_token != token):
            raise ServiceError("ConflictException", f"The connector profile {name} exists.")
        if known is None:
            known = Profile.create(call.region, call.params, self._clock.now(), Tokens.digest)
            self._state.profiles[call.region, name] = known
        return {"connectorProfileArn": known.arn}

    def _update_profile(self, call: Call) -> Mapping[str, Any]:
        profile = self._profile(call.region, call.params["connectorProfileName"])
        profile.update(call.params, self._clock.now(), Tokens.digest)
        return {"connectorProfileArn": profile.arn}

    def _describe_profiles(self, call: Call) -> Mapping[str, Any]:
        wanted = call.params.get("connectorProfileNames") or None
        matching = [
            profile
            for (region, name), profile in sorted(self._state.profiles.items())
            if region == call.region
            and (wanted is None or name in wanted)
            and profile.connector_type == call.params.get("connectorType", profile.connector_type)
            and profile.label == call.params.get("connectorLabel", profile.label)
        ]
        return _paged(call, "connectorProfileDetails", matching, lambda p: p.name, Profile.answer)

    def _delete_profile(self, call: Call) -> Mapping[str, Any]:
        profile = self._profile(call.region, call.params["connectorProfileName"])
        users = [
            flow.name
            for (region, _), flow in self._state.flows.items()
            if region == call.region and flow.profile_name == profile.name
        ]
        if users and not call.params.get("forceDelete"):
            message = f"The connector profile {profile.name} is used by {', '.join(users)}."
            raise ServiceError("ConflictException", message)
        del self._state.profiles[call.region, profile.name]
        return {}

    def _profile(self, region: str, name: str) -> Profile:
        profile = self._state.profiles.get((region, name))
        if profile is None:
            message = f"There is no connector profile {name}."
            raise ServiceError("ResourceNotFoundException", message)
        return profile

    # Flows

    def _create_flow(self, call: Call) -> Mapping[str, Any]:
        name, token = call.params["flowName"], call.params.get("clientToken")
        known = self._state.flows.get((call.region, name))
        if known and (token is None or known.client_token != token):
            raise ServiceError("ConflictException", f"The flow {name} exists.")
        if known is None:
            self._check_flow(call)
            known = Flow.create(call.region, call.params, self._clock.now())
            self._state.flows[call.region, name] = known
        return {"flowArn": known.arn, "flowStatus": known.status}

    def _update_flow(self, call: Call) -> Mapping[str, Any]:
        flow = self._flow(call)
        self._check_flow(call)
        flow.update(call.params, self._clock.now())
        return {"flowStatus": flow.status}

    def _check_flow(self, call: Call) -> None:
        delivery.refuse_unsupported(call.params)
        profile = call.params["sourceFlowConfig"].get("connectorProfileName")
        if profile is None:
            raise ServiceError("ValidationException", "The source needs a connectorProfileName.")
        self._profile(call.region, profile)

    def _describe_flow(self, call: Call) -> Mapping[str, Any]:
        flow = self._flow(call)
        return flow.answer(self._state.last_execution(call.region, flow.name))

    def _list_flows(self, call: Call) -> Mapping[str, Any]:
        flows = [f for (region, _), f in sorted(self._state.flows.items()) if region == call.region]

        def listed(flow: Flow) -> Mapping[str, Any]:
            return flow.summary(self._state.last_execution(call.region, flow.name))

        return _paged(call, "flows", flows, lambda flow: flow.name, listed)

    def _delete_flow(self, call: Call) -> Mapping[str, Any]:
        flow = self._flow(call)
        running = self._state.in_progress(call.region, flow.name)
        if running and not call.params.get("forceDelete"):
            raise ServiceError("ConflictException", f"The flow {flow.name} is running.")
        del self._state.flows[call.region, flow.name]
        self._state.forget_executions(call.region, flow.name)
        return {}

    def _flow(self, call: Call) -> Flow:
        name = call.params["flowName"]
        flow = self._state.flows.get((call.region, name))
        if flow is None:
            raise ServiceError("ResourceNotFoundException", f"There is no flow {name}.")
        return flow

    # Executions

    def _start_flow(self, call: Call) -> Mapping[str, Any]:
        flow = self._flow(call)
        answer = {"flowArn": flow.arn, "flowStatus": "Active"}
        if flow.trigger == "Scheduled":
            # The schedule is kept and never fires: the pipeline's own schedules start flows.
            flow.status = "Active"
            return answer
        token = call.params.get("clientToken")
        known = self._state.executions_of(call.region, flow.name)
        same = [e for e in known if token is not None and e.client_token == token]
        if not same and self._state.in_progress(call.region, flow.name):
            raise ServiceError("ConflictException", f"The flow {flow.name} is running.")
        execution = same[0] if same else self._start(call.region, flow, token)
        return {**answer, "executionId": execution.execution_id}

    def _start(self, region: str, flow: Flow, client_token: str | None) -> Execution:
        now = self._clock.now()
        profile = self._state.profiles.get((region, flow.profile_name))
        execution = Execution(
            region=region,
            execution_id=self._new_id(),
            client_token=client_token,
            definition=flow.definition,
            source=delivery.source_key(flow.definition, profile.label if profile else None),
            authenticated=self._authenticated(profile, now),
            outcome=self.outcomes.take(flow.name),
            started_at=now,
            updated_at=now,
            due=now + self._durations.run,
        )
        self._state.executions.append(execution)
        self._background.wake()
        return execution

    def _authenticated(self, profile: Profile | None, now: float) -> bool:
        if profile is None:
            return False
        digest = profile.token_digest or ""
        return not profile.needs_token or self._tokens.is_valid(digest, now)

    def _stop_flow(self, call: Call) -> Mapping[str, Any]:
        flow = self._flow(call)
        if flow.trigger == "OnDemand":
            message = f"The flow {flow.name} runs on demand: only a scheduled one can be stopped."
            raise ServiceError("UnsupportedOperationException", message)
        flow.status = "Suspended"
        return {"flowArn": flow.arn, "flowStatus": flow.status}

    def _describe_executions(self, call: Call) -> Mapping[str, Any]:
        flow = self._flow(call)
        newest_first = self._state.executions_of(call.region, flow.name)[::-1]
        return _paged(
            call, "flowExecutions", newest_first, lambda e: e.execution_id, Execution.answer
        )

    def _cancel_executions(self, call: Call) -> Mapping[str, Any]:
        flow = self._flow(call)
        running = {e.execution_id: e for e in self._state.in_progress(call.region, flow.name)}
        wanted = call.params.get("executionIds") or list(running)
        now = self._clock.now()
        for execution in (running[i] for i in wanted if i in running):
            execution.move(CANCEL_STARTED, now)
            execution.due = now + self._durations.cancel
        self._background.wake()
        return {"invalidExecutions": [i for i in wanted if i not in running]}

    # What happens by itself

    def advance(self) -> Progress:
        """Move executions on: to a worker when they are due, to Canceled when that is."""
        with self._lock:
            now = self._clock.now()
            changed = [self._move_on(e, now) for e in self._state.executions if e.moves]
            return Progress(any(changed), any(e.moves for e in self._state.executions))

    def _move_on(self, execution: Execution, now: float) -> bool:
        if now < execution.due or execution.at_work:
            return False
        if execution.status == CANCEL_STARTED:
            execution.move(CANCELED, execution.due)
            return True
        execution.at_work = True
        self._background.submit(lambda: self._execute(execution))
        return True

    def _execute(self, execution: Execution) -> None:
        try:
            status, message = self._deliver(execution)
        except (ClientError, BotoCoreError) as error:
            # The class or code alone: the text of an S3 error may quote a key, never more.
            code = error_code(error) if isinstance(error, ClientError) else type(error).__name__
            bucket = delivery.s3_destination(execution.definition)["bucketName"]
            status, message = ERROR, f"Writing to the bucket {bucket} failed. {code}"
        with self._lock:
            execution.at_work = False
            if execution.status == IN_PROGRESS:
                execution.message = delivery.message(message)
                execution.move(status, max(execution.due, self._clock.now()))

    def _deliver(self, execution: Execution) -> tuple[str, str]:
        outcome = execution.outcome
        if not execution.authenticated:
            profile = execution.definition["sourceFlowConfig"].get("connectorProfileName", "")
            reason = "its access token is missing, unknown or expired"
            return ERROR, f"Authentication failed for the connector profile {profile}. {reason}."
        if outcome and outcome.state == ERROR:
            execution.put_failures = outcome.put_failures
            return ERROR, outcome.message
        flow_name = execution.definition["flowName"]
        records, mark = self._sources.pull(flow_name, execution.source)
        failures = min(outcome.put_failures, len(records)) if outcome else 0
        written = records[: len(records) - failures]
        body = delivery.json_lines(delivery.deliverable(execution.definition, written))
        if written:
            key = delivery.object_key(
                execution.definition, execution.execution_id, execution.started_at
            )
            bucket = delivery.s3_destination(execution.definition)["bucketName"]
            client = self._clients.get("s3", execution.region)
            client.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
        self._sources.confirm(flow_name, execution.source, mark)
        execution.records, execution.put_failures = len(records), failures
        execution.bytes_written = len(body)
        return SUCCESSFUL, outcome.message if outcome else ""

    # State

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._state = AppFlowState()
            self.outcomes.clear()

    def dump(self) -> AppFlowState:
        """Return the state for a snapshot."""
        return self._state

    def restore(self, state: AppFlowState) -> None:
        """Take over a snapshot's state; an execution that was at work begins its work anew."""
        with self._lock:
            for execution in state.executions:
                execution.at_work = False
            self._state = state
        self._background.wake()


def _paged(
    call: Call,
    member: str,
    items: list[Any],
    key: Callable[[Any], str],
    answer: Callable[[Any], Mapping[str, Any]],
) -> Mapping[str, Any]:
    limit, token = call.params.get("maxResults", PAGE), call.params.get("nextToken")
    chunk, following = page(items, key, limit, token)
    listed: Iterable[Mapping[str, Any]] = (answer(item) for item in chunk)
    return {member: list(listed), **({"nextToken": following} if following else {})}
