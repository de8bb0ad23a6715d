"""AppFlow: connector profiles, flows and executions.

Here: calls. Not here: what goes into a profile or a flow (`inbound.appflow_requests`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from cleanroom_pipeline.aws.session import AwsSession

if TYPE_CHECKING:
    from types_boto3_appflow import AppflowClient


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

    def ensure_flow(self, definition: Mapping[str, Any]) -> bool:
        """Create the flow where it is missing; return whether it was."""
        try:
            self.client.describe_flow(flowName=definition["flowName"])
        except self.client.exceptions.ResourceNotFoundException:
            self.client.create_flow(**definition)
            return True
        return False

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
