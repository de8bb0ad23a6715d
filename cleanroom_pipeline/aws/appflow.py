"""AppFlow: connector profiles, flows and executions.

Here: calls. Not here: what goes into a profile or a flow (`inbound.flow_definitions`), or what the
state of an execution means (`inbound.appflow_execution`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from botocore.exceptions import ClientError

from cleanroom_pipeline.aws.session import AwsSession

if TYPE_CHECKING:
    from types_boto3_appflow import AppflowClient

# https://docs.aws.amazon.com/appflow/1.0/APIReference/API_DescribeFlowExecutionRecords.html
MOST_LISTED = 100
# Why a flow isn't started, apart from failures of the call itself:
# https://docs.aws.amazon.com/appflow/1.0/APIReference/API_StartFlow.html
CONFLICT = "ConflictException"
NOT_FOUND = "ResourceNotFoundException"
REFUSALS = frozenset({CONFLICT, NOT_FOUND, "ServiceQuotaExceededException"})


class AppFlowInUseError(RuntimeError):
    """A flow or a connector profile is in use, and AppFlow does not change or delete it now."""


class FlowRefusedError(RuntimeError):
    """AppFlow does not take a flow as we define it. The message has AppFlow's own words."""


NOT_TAKEN = frozenset(
    {
        "AccessDeniedException",
        "ConnectorAuthenticationException",
        "ConnectorServerException",
        "ResourceNotFoundException",
        "ServiceQuotaExceededException",
        "ValidationException",
    }
)
"""Errors of CreateFlow and UpdateFlow that say something of the flow, or of what it needs."""


@contextmanager
def _not_taken(flow: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if _code(error) not in NOT_TAKEN:
            raise
        raise FlowRefusedError(
            f"AppFlow refuses flow {flow} ({_code(error)}): "
            f"{error.response['Error'].get('Message') or '(nothing)'}"
        ) from error


@dataclass(frozen=True, slots=True)
class FlowExecution:
    """An execution as AppFlow reports it; `message` is AppFlow's own word."""

    execution_id: str
    state: str
    message: str
    records: int
    bytes_written: int
    put_failures: int
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """AppFlow's answer to a start: an execution, or the code and the words of its refusal."""

    execution_id: str | None
    refusal: str = ""
    message: str = ""


def _execution(record: Mapping[str, Any]) -> FlowExecution:
    result = record.get("executionResult", {})
    errors = result.get("errorInfo", {})
    started = record.get("startedAt")
    return FlowExecution(
        execution_id=record.get("executionId", ""),
        state=record.get("executionStatus", ""),
        message=errors.get("executionMessage", ""),
        records=result.get("recordsProcessed", 0),
        bytes_written=result.get("bytesWritten", 0),
        put_failures=errors.get("putFailuresCount", 0),
        started_at=started.astimezone(UTC) if started else None,
    )


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


class AppFlow(dg.ConfigurableResource[Any]):
    """Pulls from applications. Creating what is there already updates it."""

    session: dg.ResourceDependency[AwsSession]

    @property
    def client(self) -> "AppflowClient":
        """The shared AppFlow client."""
        client: AppflowClient = self.session.client("appflow")
        return client

    def delete_profile(self, profile: str) -> bool:
        """Delete a connector profile; False if there is none. AppFlowInUseError if it is used."""
        try:
            self.client.delete_connector_profile(connectorProfileName=profile)
        except self.client.exceptions.ResourceNotFoundException:
            return False
        except self.client.exceptions.ConflictException as error:
            raise AppFlowInUseError(
                f"Connector profile {profile} is in use by a flow, and stays. Delete those first."
            ) from error
        return True

    def describe(self, flow: str) -> Mapping[str, Any] | None:
        """Return what DescribeFlow says of a flow; None where there is none."""
        try:
            return self.client.describe_flow(flowName=flow)
        except self.client.exceptions.ResourceNotFoundException:
            return None

    def create(self, definition: Mapping[str, Any]) -> bool:
        """Create a flow; False where one of that name is there. FlowRefusedError."""
        try:
            with _not_taken(definition["flowName"]):
                self.client.create_flow(**definition)
        except self.client.exceptions.ConflictException:
            return False
        return True

    def update(self, definition: Mapping[str, Any]) -> None:
        """Replace a flow's definition; AppFlowInUseError while it can't be. FlowRefusedError."""
        try:
            with _not_taken(definition["flowName"]):
                self.client.update_flow(**definition)
        except self.client.exceptions.ConflictException as error:
            raise AppFlowInUseError(
                f"Flow {definition['flowName']} is in use, and AppFlow does not change it now. Try "
                "again once its execution has ended."
            ) from error

    def put_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        """Set tags of a flow."""
        self.client.tag_resource(resourceArn=arn, tags=dict(tags))

    def delete(self, flow: str) -> bool:
        """Delete a flow; False where there is none. AppFlowInUseError while it runs."""
        try:
            self.client.delete_flow(flowName=flow)
        except self.client.exceptions.ResourceNotFoundException:
            return False
        except self.client.exceptions.ConflictException as error:
            raise AppFlowInUseError(
                f"Flow {flow} is running, and stays. Delete it once its execution has ended."
            ) from error
        return True

    def flows(self) -> tuple[Mapping[str, Any], ...]:
        """Return all flows of the account and region, as ListFlows lists them."""
        found: list[Mapping[str, Any]] = []
        page: dict[str, Any] = {}
        while True:
            answer = self.client.list_flows(**page)
            found += answer.get("flows", [])
            if not answer.get("nextToken"):
                return tuple(found)
            page = {"nextToken": answer["nextToken"]}

    def start(self, flow: str, client_token: str) -> Started:
        """Start the flow, once per token (AppFlow knows it for 8 hours), and return its answer.

        A refusal is an answer too: an execution is running, there is no such flow, or no room for
        another run. Other failures of the call are raised.
        """
        try:
            answer = self.client.start_flow(flowName=flow, clientToken=client_token)
        except ClientError as error:
            if _code(error) not in REFUSALS:
                raise
            return Started(None, _code(error), error.response["Error"].get("Message", ""))
        return Started(answer.get("executionId"))

    def executions(self, flow: str) -> Iterator[FlowExecution]:
        """Yield the executions of a flow as AppFlow lists them, a page at a time as needed.

        None of a flow that is not there. AppFlow does not say in which order it lists them.
        """
        page: dict[str, Any] = {}
        while True:
            try:
                answer = self.client.describe_flow_execution_records(
                    flowName=flow, maxResults=MOST_LISTED, **page
                )
            except self.client.exceptions.ResourceNotFoundException:
                return
            yield from map(_execution, answer.get("flowExecutions", []))
            if not answer.get("nextToken"):
                return
            page = {"nextToken": answer["nextToken"]}

    def execution(self, flow: str, execution_id: str) -> FlowExecution | None:
        """Return one execution, None where it is not listed; AppFlow has no call for one."""
        executions = self.executions(flow)
        return next((one for one in executions if one.execution_id == execution_id), None)

    def cancel(self, flow: str, execution_id: str) -> bool:
        """Cancel an execution; False where AppFlow finds nothing to cancel, as it has ended."""
        answer = self.client.cancel_flow_executions(flowName=flow, executionIds=[execution_id])
        return execution_id not in answer.get("invalidExecutions", [])
