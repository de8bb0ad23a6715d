"""Amazon AppFlow, which moto lacks: one service of profiles, flows and executions.

Here: how its parts share a state and a lock, connector profiles, flows and their tags. Not here:
executions (`appflow_executions`), or what a flow delivers (`appflow_delivery`).
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cleanroom_pipeline.local_aws import appflow_delivery as delivery
from cleanroom_pipeline.local_aws.appflow_executions import AppFlowDurations, Executions
from cleanroom_pipeline.local_aws.appflow_state import AppFlowState, Flow, Profile
from cleanroom_pipeline.local_aws.background import Background, Progress
from cleanroom_pipeline.local_aws.clients import Clients
from cleanroom_pipeline.local_aws.clock import Clock
from cleanroom_pipeline.local_aws.events import Publish
from cleanroom_pipeline.local_aws.service_model import ServiceError
from cleanroom_pipeline.local_aws.services import Call, Operation, page
from cleanroom_pipeline.local_aws.sources import Sources
from cleanroom_pipeline.local_aws.token_endpoint import Tokens

PAGE = 20


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
        publish: Publish,
    ) -> None:
        self._clock = clock
        self._tokens = tokens
        self._background = background
        self._lock = threading.RLock()
        self._state = AppFlowState()
        self._executions = Executions(
            lambda: self._state,
            self._lock,
            clients,
            clock,
            background,
            sources,
            self.authenticated,
            durations,
            publish,
        )
        self.outcomes = self._executions.outcomes
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
                "TagResource": self._tag,
                "UntagResource": self._untag,
                "ListTagsForResource": self._list_tags,
                "StartFlow": lambda call: self._executions.start(call, self._flow(call)),
                "StopFlow": lambda call: self._executions.stop(self._flow(call)),
                "DescribeFlowExecutionRecords": self._describe_executions,
                "CancelFlowExecutions": lambda call: self._executions.cancel(
                    call, self._flow(call)
                ),
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
            self._refuse_wrong_token(known)
            self._state.profiles[call.region, name] = known
        return {"connectorProfileArn": known.arn}

    def _update_profile(self, call: Call) -> Mapping[str, Any]:
        profile = self._profile(call.region, call.params["connectorProfileName"])
        now = self._clock.now()
        updated = Profile.create(
            call.region,
            {**call.params, "connectorType": profile.connector_type},
            now,
            Tokens.digest,
        )
        self._refuse_wrong_token(updated)
        profile.update(call.params, now, Tokens.digest)
        return {"connectorProfileArn": profile.arn}

    def _refuse_wrong_token(self, profile: Profile) -> None:
        """Refuse a token that is unknown or has expired; without one, nothing is tried yet."""
        if profile.token_digest and not self.authenticated(profile, self._clock.now()):
            raise _not_authenticated(profile.name)

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

    def authenticated(self, profile: Profile | None, at: float) -> bool:
        """Say whether the application lets a profile in at that time."""
        if profile is None:
            return False
        digest = profile.token_digest or ""
        return not profile.needs_token or self._tokens.is_valid(digest, at)

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
        self._refuse_while_running(flow)
        self._check_flow(call)
        flow.update(call.params, self._clock.now())
        self._executions.reschedule(flow)
        return {"flowStatus": flow.status}

    def _check_flow(self, call: Call) -> None:
        delivery.refuse_unsupported(call.params)
        name = call.params["sourceFlowConfig"].get("connectorProfileName")
        if name is None:
            raise ServiceError("ValidationException", "The source needs a connectorProfileName.")
        # AppFlow asks the application for the fields of the flow's object.
        self._refuse_wrong_token(self._profile(call.region, name))

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
        if not call.params.get("forceDelete"):
            self._refuse_while_running(flow)
        del self._state.flows[call.region, flow.name]
        self._state.forget_executions(call.region, flow.name)
        return {}

    def _refuse_while_running(self, flow: Flow) -> None:
        if self._state.in_progress(flow.region, flow.name):
            raise ServiceError("ConflictException", f"The flow {flow.name} is running.")

    def _flow(self, call: Call) -> Flow:
        name = call.params["flowName"]
        flow = self._state.flows.get((call.region, name))
        if flow is None:
            raise ServiceError("ResourceNotFoundException", f"There is no flow {name}.")
        return flow

    # Tags: AppFlow has them for flows alone

    def _tagged(self, call: Call) -> Flow:
        arn = call.params["resourceArn"]
        for (region, _), flow in self._state.flows.items():
            if region == call.region and flow.arn == arn:
                return flow
        raise ServiceError("ResourceNotFoundException", f"There is no flow {arn}.")

    def _tag(self, call: Call) -> Mapping[str, Any]:
        flow = self._tagged(call)
        flow.definition = {**flow.definition, "tags": {**flow.tags, **call.params["tags"]}}
        return {}

    def _untag(self, call: Call) -> Mapping[str, Any]:
        flow = self._tagged(call)
        kept = {k: v for k, v in flow.tags.items() if k not in call.params["tagKeys"]}
        flow.definition = {**flow.definition, "tags": kept}
        return {}

    def _list_tags(self, call: Call) -> Mapping[str, Any]:
        return {"tags": self._tagged(call).tags}

    # Executions

    def _describe_executions(self, call: Call) -> Mapping[str, Any]:
        flow = self._flow(call)
        newest_first = self._executions.asked_about(flow)[::-1]
        return _paged(
            call, "flowExecutions", newest_first, lambda e: e.execution_id, lambda e: e.answer()
        )

    def advance(self) -> Progress:
        """Start what is scheduled for now, and move executions on."""
        return self._executions.advance()

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


def _not_authenticated(profile: str) -> ServiceError:
    message = f"The application refused the access token of the connector profile {profile}."
    return ServiceError("ConnectorAuthenticationException", message)


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
