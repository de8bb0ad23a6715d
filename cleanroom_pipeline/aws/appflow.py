"""AppFlow: connector profiles, flows and executions.

Here: calls. Not here: what goes into a profile or a flow (`inbound.appflow_requests`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
from botocore.exceptions import ClientError

from cleanroom_pipeline.aws.session import AwsSession

if TYPE_CHECKING:
    from types_boto3_appflow import AppflowClient


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
        code, request_id = error.response["Error"]["Code"], error.response["ResponseMetadata"]
        if code not in NOT_TAKEN:
            raise
        raise FlowRefusedError(
            f"AppFlow refuses flow {flow} ({code}, request {request_id.get('RequestId', '?')}): "
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


def _execution(record: Mapping[str, Any]) -> FlowExecution:
    result = record.get("executionResult", {})
    errors = result.get("errorInfo", {})
    return FlowExecution(
        execution_id=record["executionId"],
        state=record["executionStatus"],
        message=errors.get("executionMessage", ""),
        records=result.get("recordsProcessed", 0),
        bytes_written=result.get("bytesWritten", 0),
        put_failures=errors.get("putFailuresCount", 0),
    )


class AppFlow(dg.ConfigurableResource[Any]):
    """Pulls from applications. Creating what is there already updates it."""

    session: dg.ResourceDependency[AwsSession]

    @property
    def client(self) -> "AppflowClient":
        """The shared AppFlow client."""
        client: AppflowClient = self.session.client("appflow")
        return client

    def put_profile(self, create: Mapping[str, Any], update: Mapping[str, Any]) -> str:
        """Update the connector profile, or create it where it is missing; say which."""
        try:
            self.client.update_connector_profile(**update)
        except self.client.exceptions.ResourceNotFoundException:
            self.client.create_connector_profile(**create)
            return "created"
        return "updated"

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

    def start(self, flow: str, client_token: str) -> str | None:
        """Start the flow, once per token, and return the execution id.

        None where an execution is running already: the caller may adopt it.
        """
        try:
            answer = self.client.start_flow(flowName=flow, clientToken=client_token)
        except self.client.exceptions.ConflictException:
            return None
        return answer["executionId"]

    def executions(self, flow: str) -> tuple[FlowExecution, ...]:
        """Return the executions of a flow, as AppFlow lists them."""
        found: list[FlowExecution] = []
        page: dict[str, Any] = {}
        while True:
            answer = self.client.describe_flow_execution_records(flowName=flow, **page)
            found += [_execution(record) for record in answer.get("flowExecutions", [])]
            if not answer.get("nextToken"):
                return tuple(found)
            page = {"nextToken": answer["nextToken"]}
