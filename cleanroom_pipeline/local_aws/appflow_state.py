"""AppFlow's state, and how it is told: profiles, flows, executions.

Here: plain records that a snapshot can hold. Not here: the operations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cleanroom_pipeline.local_aws.appflow_delivery import Window
from cleanroom_pipeline.local_aws.outcomes import Outcome
from cleanroom_pipeline.local_aws.service_model import Scripted
from cleanroom_pipeline.local_aws.services import ACCOUNT
from cleanroom_pipeline.local_aws.sources import SourceKey

IN_PROGRESS = "InProgress"
SUCCESSFUL = "Successful"
ERROR = "Error"
CANCEL_STARTED = "CancelStarted"
CANCELED = "Canceled"
STATUSES = frozenset({IN_PROGRESS, SUCCESSFUL, ERROR, CANCEL_STARTED, CANCELED})

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


def _with_defaults(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a flow's definition as DescribeFlow tells it: with what was not said, as AWS fills it.

    AWS documents the defaults of some members alone; the rest is what others saw in its answers.
    """
    source = definition["sourceFlowConfig"]
    properties = source["sourceConnectorProperties"]
    custom = properties.get("CustomConnector")
    whole = {"CustomConnector": {"customProperties": {}, **custom}} if custom else properties
    connector = next(iter(properties))
    return {
        **definition,
        "sourceFlowConfig": {**source, "sourceConnectorProperties": whole},
        "destinationFlowConfigList": [
            _destination_with_defaults(one) for one in definition["destinationFlowConfigList"]
        ],
        "tasks": [
            {
                "connectorOperator": {connector: "NO_OP"},
                "taskProperties": {},
                **task,
            }
            for task in definition["tasks"]
        ],
        "tags": definition.get("tags", {}),
    }


def _destination_with_defaults(destination: Mapping[str, Any]) -> dict[str, Any]:
    s3 = destination["destinationConnectorProperties"]["S3"]
    given = s3.get("s3OutputFormatConfig", {})
    output = {
        "fileType": "JSON",
        "aggregationConfig": {"aggregationType": "None"},
        "preserveSourceDataTyping": False,
        **given,
        "prefixConfig": {"pathPrefixHierarchy": [], **given.get("prefixConfig", {})},
    }
    whole = {**s3, "s3OutputFormatConfig": output}
    return {**destination, "destinationConnectorProperties": {"S3": whole}}


@dataclass
class Flow:
    """A flow: its definition is what CreateFlow or UpdateFlow was given.

    A scheduled one that is Active runs at `next_run`, and has what is older than `pulled_until`.
    """

    region: str
    definition: dict[str, Any]
    status: str
    created_at: float
    updated_at: float
    client_token: str | None
    next_run: float | None = None
    pulled_until: float | None = None

    @classmethod
    def create(cls, region: str, params: Mapping[str, Any], now: float) -> "Flow":
        """Return the flow that CreateFlow's parameters describe."""
        definition = {k: v for k, v in params.items() if k != "clientToken"}
        flow = cls(region, definition, "Draft", now, now, params.get("clientToken"))
        flow.status = flow.status_unless_started
        return flow

    def update(self, params: Mapping[str, Any], now: float) -> None:
        """Replace the definition, but for its tags and its key; one of another trigger stops."""
        before = self.trigger
        kept = {k: v for k, v in self.definition.items() if k in {"tags", "kmsArn"}}
        self.definition = {**kept, **{k: v for k, v in params.items() if k != "clientToken"}}
        self.updated_at = now
        if self.trigger != before:
            self.status, self.next_run = self.status_unless_started, None

    @property
    def status_unless_started(self) -> str:
        """The status of a flow that nobody has started: only a scheduled one waits for that."""
        return "Active" if self.trigger == "OnDemand" else "Draft"

    @property
    def schedule(self) -> Mapping[str, Any]:
        """The properties of a scheduled flow's trigger, empty for one that runs on demand."""
        properties = self.definition["triggerConfig"].get("triggerProperties", {})
        schedule: Mapping[str, Any] = properties.get("Scheduled", {})
        return schedule

    @property
    def is_incremental(self) -> bool:
        """Whether a run pulls only what is new since the last one."""
        return self.schedule.get("dataPullMode") == "Incremental"

    @property
    def tags(self) -> dict[str, str]:
        """The flow's tags."""
        tags: dict[str, str] = self.definition.get("tags", {})
        return tags

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
        return {**_with_defaults(self.definition), **self._common(last), "schemaVersion": 1}

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
    """One execution; `due` is when it goes on, None for as soon as it was told of often enough.

    `at_work` while a worker has it; `polls` counts how often its record was given.
    """

    region: str
    execution_id: str
    client_token: str | None
    definition: dict[str, Any]
    source: SourceKey
    authenticated: bool
    outcome: Outcome | None
    started_at: float
    updated_at: float
    due: float | None
    window: Window | None = None
    status: str = IN_PROGRESS
    at_work: bool = False
    message: str = ""
    records: int = 0
    filtered: int = 0
    bytes_written: int = 0
    put_failures: int = 0
    polls: int = 0
    vanished: bool = False

    @property
    def hangs(self) -> bool:
        """Whether it was scripted to stay as it is."""
        scripted = self.outcome.state if self.outcome and not self.outcome.vanish else ""
        return scripted == self.status and scripted in {IN_PROGRESS, CANCEL_STARTED}

    @property
    def moves(self) -> bool:
        """Whether time alone, or being asked about, will bring it on."""
        going = self.status in {IN_PROGRESS, CANCEL_STARTED}
        return going and not self.hangs and not self.vanished

    def is_due(self, now: float) -> bool:
        """Say whether it goes on now."""
        if self.due is not None:
            return now >= self.due
        return self.outcome is None or self.polls > (self.outcome.after_polls or 0)

    def move(self, status: str, at: float) -> None:
        """Go to another status."""
        self.status, self.updated_at = status, at

    @property
    def told_status(self) -> str:
        """The status as an answer has it, which a script may have made up."""
        return self.status if self.status in STATUSES else Scripted(self.status)

    def summary(self) -> Mapping[str, Any]:
        """Return the model's ExecutionDetails."""
        told = {
            "mostRecentExecutionTime": self.updated_at,
            "mostRecentExecutionStatus": self.told_status,
        }
        return {**told, **({"mostRecentExecutionMessage": self.message} if self.message else {})}

    def answer(self) -> Mapping[str, Any]:
        """Return the model's ExecutionRecord; its result once there is one."""
        told: dict[str, Any] = {
            "executionId": self.execution_id,
            "executionStatus": self.told_status,
            "startedAt": self.started_at,
            "lastUpdatedAt": self.updated_at,
        }
        if self.window:
            told["dataPullStartTime"], told["dataPullEndTime"] = self.window
        if self.status not in {SUCCESSFUL, ERROR} and not self.message:
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
        """Return a flow's executions that anybody can find, oldest first."""
        return [
            execution
            for execution in self.executions
            if execution.region == region
            and execution.definition["flowName"] == flow
            and not execution.vanished
        ]

    def last_execution(self, region: str, flow: str) -> Execution | None:
        """Return a flow's newest execution."""
        return next(iter(self.executions_of(region, flow)[::-1]), None)

    def in_progress(self, region: str, flow: str) -> list[Execution]:
        """Return the executions of a flow that run."""
        return [e for e in self.executions_of(region, flow) if e.status == IN_PROGRESS]

    def forget_executions(self, region: str, flow: str) -> None:
        """Drop a flow's executions."""
        self.executions = [
            execution
            for execution in self.executions
            if (execution.region, execution.definition["flowName"]) != (region, flow)
        ]
