"""AppFlow's state, and how it is told: profiles, flows, executions.

Here: plain records that a snapshot can hold. Not here: the operations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cleanroom_pipeline.local_aws.outcomes import Outcome
from cleanroom_pipeline.local_aws.services import ACCOUNT
from cleanroom_pipeline.local_aws.sources import SourceKey

IN_PROGRESS = "InProgress"
SUCCESSFUL = "Successful"
ERROR = "Error"
CANCEL_STARTED = "CancelStarted"
CANCELED = "Canceled"

CREATED_BY = f"arn:aws:iam::{ACCOUNT}:user/local"

Key = tuple[str, str]
"""(region, name)"""


def arn_of(region: str, kind: str, name: str) -> str:
    """Return the ARN of an AppFlow resource."""
    return f"arn:aws:appflow:{region}:{ACCOUNT}:{kind}/{name}"


@dataclass
class Profile:
    """A connector profile. Of its credentials only the access token's digest is kept."""

    region: str
    name: str
    connector_type: str
    label: str | None
    mode: str
    properties: Mapping[str, Any]
    needs_token: bool
    token_digest: str | None
    created_at: float
    updated_at: float
    client_token: str | None

    @classmethod
    def create(
        cls, region: str, params: Mapping[str, Any], now: float, digest: Callable[[str], str]
    ) -> "Profile":
        """Return the profile that CreateConnectorProfile's parameters describe."""
        profile = cls(
            region=region,
            name=params["connectorProfileName"],
            connector_type=params["connectorType"],
            label=params.get("connectorLabel"),
            mode=params["connectionMode"],
            properties={},
            needs_token=False,
            token_digest=None,
            created_at=now,
            updated_at=now,
            client_token=params.get("clientToken"),
        )
        profile.update(params, now, digest)
        return profile

    def update(self, params: Mapping[str, Any], now: float, digest: Callable[[str], str]) -> None:
        """Take over connectionMode and connectorProfileConfig, as UpdateConnectorProfile does."""
        config = params["connectorProfileConfig"]
        custom = config.get("connectorProfileCredentials", {}).get("CustomConnector", {})
        token = custom.get("oauth2", {}).get("accessToken")
        self.mode = params["connectionMode"]
        self.properties = config["connectorProfileProperties"]
        oauth2 = self.properties.get("CustomConnector", {}).get("oAuth2Properties", {})
        # A grant by a person's consent (GA4) gets its token elsewhere; only ours can be checked.
        granted_here = oauth2.get("oAuth2GrantType", "CLIENT_CREDENTIALS") == "CLIENT_CREDENTIALS"
        self.needs_token = custom.get("authenticationType") == "OAUTH2" and granted_here
        self.token_digest = digest(token) if token else None
        self.updated_at = now

    @property
    def arn(self) -> str:
        """The profile's ARN."""
        return arn_of(self.region, "connectorprofile", self.name)

    def answer(self) -> Mapping[str, Any]:
        """Return the model's ConnectorProfile."""
        secret = f"appflow!{ACCOUNT}-{self.name}"
        told = {
            "connectorProfileArn": self.arn,
            "connectorProfileName": self.name,
            "connectorType": self.connector_type,
            "connectionMode": self.mode,
            "credentialsArn": f"arn:aws:secretsmanager:{self.region}:{ACCOUNT}:secret:{secret}",
            "connectorProfileProperties": self.properties,
            "createdAt": self.created_at,
            "lastUpdatedAt": self.updated_at,
        }
        return {**told, **({"connectorLabel": self.label} if self.label else {})}


@dataclass
class Flow:
    """A flow: its definition is what CreateFlow or UpdateFlow was given."""

    region: str
    definition: dict[str, Any]
    status: str
    created_at: float
    updated_at: float
    client_token: str | None

    @classmethod
    def create(cls, region: str, params: Mapping[str, Any], now: float) -> "Flow":
        """Return the flow that CreateFlow's parameters describe."""
        definition = {k: v for k, v in params.items() if k != "clientToken"}
        on_demand = params["triggerConfig"]["triggerType"] == "OnDemand"
        status = "Active" if on_demand else "Draft"
        return cls(region, definition, status, now, now, params.get("clientToken"))

    def update(self, params: Mapping[str, Any], now: float) -> None:
        """Replace the definition; an execution under way keeps the one it began with."""
        kept = {k: v for k, v in self.definition.items() if k in {"tags", "kmsArn"}}
        self.definition = {**kept, **{k: v for k, v in params.items() if k != "clientToken"}}
        self.updated_at = now

    @property
    def name(self) -> str:
        """The flow's name."""
        return str(self.definition["flowName"])

    @property
    def arn(self) -> str:
        """The flow's ARN."""
        return arn_of(self.region, "flow", self.name)

    @property
    def trigger(self) -> str:
        """OnDemand or Scheduled."""
        return str(self.definition["triggerConfig"]["triggerType"])

    @property
    def profile_name(self) -> str:
        """The connector profile of its source."""
        return str(self.definition["sourceFlowConfig"]["connectorProfileName"])

    def _common(self, last: "Execution | None") -> dict[str, Any]:
        return {
            "flowArn": self.arn,
            "flowName": self.name,
            "flowStatus": self.status,
            "createdAt": self.created_at,
            "lastUpdatedAt": self.updated_at,
            "createdBy": CREATED_BY,
            "lastUpdatedBy": CREATED_BY,
            **({"lastRunExecutionDetails": last.summary()} if last else {}),
        }

    def answer(self, last: "Execution | None") -> Mapping[str, Any]:
        """Return DescribeFlow's answer."""
        return {**self.definition, **self._common(last), "schemaVersion": 1}

    def summary(self, last: "Execution | None") -> Mapping[str, Any]:
        """Return the model's FlowDefinition, as ListFlows lists it."""
        told = {k: v for k, v in self.definition.items() if k in {"description", "tags"}}
        return {
            **told,
            **self._common(last),
            "sourceConnectorType": self.definition["sourceFlowConfig"]["connectorType"],
            "destinationConnectorType": "S3",
            "triggerType": self.trigger,
        }


@dataclass
class Execution:
    """One execution; `due` is when it goes on, `at_work` while a worker has it."""

    region: str
    execution_id: str
    client_token: str | None
    definition: dict[str, Any]
    source: SourceKey
    authenticated: bool
    outcome: Outcome | None
    started_at: float
    updated_at: float
    due: float
    status: str = IN_PROGRESS
    at_work: bool = False
    message: str = ""
    records: int = 0
    bytes_written: int = 0
    put_failures: int = 0

    @property
    def moves(self) -> bool:
        """Whether time alone will bring it on."""
        hangs = self.outcome is not None and self.outcome.state == IN_PROGRESS
        return self.status == CANCEL_STARTED or (self.status == IN_PROGRESS and not hangs)

    def move(self, status: str, at: float) -> None:
        """Go to another status."""
        self.status, self.updated_at = status, at

    def summary(self) -> Mapping[str, Any]:
        """Return the model's ExecutionDetails."""
        told = {
            "mostRecentExecutionTime": self.updated_at,
            "mostRecentExecutionStatus": self.status,
        }
        return {**told, **({"mostRecentExecutionMessage": self.message} if self.message else {})}

    def answer(self) -> Mapping[str, Any]:
        """Return the model's ExecutionRecord; its result once there is one."""
        told = {
            "executionId": self.execution_id,
            "executionStatus": self.status,
            "startedAt": self.started_at,
            "lastUpdatedAt": self.updated_at,
        }
        if self.status not in {SUCCESSFUL, ERROR}:
            return told
        result: dict[str, Any] = {
            "bytesProcessed": self.bytes_written,
            "bytesWritten": self.bytes_written,
            "recordsProcessed": self.records,
        }
        if self.message or self.put_failures:
            result["errorInfo"] = {
                "putFailuresCount": self.put_failures,
                **({"executionMessage": self.message} if self.message else {}),
            }
        return {**told, "executionResult": result}


@dataclass
class AppFlowState:
    """Everything AppFlow holds, of all regions; executions in the order of their start."""

    profiles: dict[Key, Profile] = field(default_factory=dict)
    flows: dict[Key, Flow] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)

    def executions_of(self, region: str, flow: str) -> list[Execution]:
        """Return a flow's executions, oldest first."""
        return [
            execution
            for execution in self.executions
            if execution.region == region and execution.definition["flowName"] == flow
        ]

    def last_execution(self, region: str, flow: str) -> Execution | None:
        """Return a flow's newest execution."""
        return next(iter(self.executions_of(region, flow)[::-1]), None)

    def in_progress(self, region: str, flow: str) -> list[Execution]:
        """Return the executions of a flow that run."""
        return [e for e in self.executions_of(region, flow) if e.status == IN_PROGRESS]

    def forget_executions(self, region: str, flow: str) -> None:
        """Drop a flow's executions."""
        dropped = {id(execution) for execution in self.executions_of(region, flow)}
        self.executions = [e for e in self.executions if id(e) not in dropped]
