"""AppFlow in memory, behind a gate, as far as a pull sees it.

Here: flows' executions, and a client that holds requests and answers against botocore's model. Not
here: where a process ends (`gate`), or what becomes of a pull (`test_appflow_start`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import boto3
from botocore.exceptions import ClientError
from pydantic import PrivateAttr

from cleanroom_pipeline.aws.appflow import AppFlow
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.local_aws.service_model import ServiceModel, check
from cleanroom_pipeline_tests.aws_calls import WATCH
from cleanroom_pipeline_tests.inbound.gate import Gate

MODEL = ServiceModel("appflow")
TOKEN_KNOWN = timedelta(hours=8)
_STATUS: Any = MODEL.model.shape_for("ExecutionStatus")
STATES: tuple[str, ...] = tuple(_STATUS.enum)
AT_WORK = ("InProgress", "CancelStarted")
NEW_STATE = "SomethingNew"


Answers = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]


@dataclass
class Execution:
    """An execution of the stand-in; a test sets its state."""

    execution_id: str
    token: str
    started_at: datetime
    state: str = "InProgress"
    message: str = ""
    records: int = 3
    put_failures: int = 0
    listed: bool = True

    def answer(self) -> dict[str, Any]:
        """Return the model's ExecutionRecord."""
        record: dict[str, Any] = {
            "executionId": self.execution_id,
            "executionStatus": self.state,
            "startedAt": self.started_at,
            "lastUpdatedAt": self.started_at,
        }
        if self.state in AT_WORK:
            return record
        result: dict[str, Any] = {"recordsProcessed": self.records, "bytesWritten": 10}
        if self.message or self.put_failures:
            result["errorInfo"] = {
                "executionMessage": self.message,
                "putFailuresCount": self.put_failures,
            }
        return {**record, "executionResult": result}


@dataclass
class MemoryAppFlow:
    """One flow, and what happens to it. `failures` are answered to the next describing calls."""

    now: Callable[[], datetime]
    gate: Gate = field(default_factory=Gate)
    page: int = 2
    executions: list[Execution] = field(default_factory=list)
    failures: list[tuple[str, int]] = field(default_factory=list)
    refusal: tuple[str, int] | None = None
    flow: dict[str, Any] = field(default_factory=dict)
    requests: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    on_start: Callable[[Execution], None] = lambda _execution: None
    on_describe: Callable[[], None] = lambda: None

    @property
    def resource(self) -> AppFlow:
        """The resource whose client this is."""
        return appflow_over(self.answer)

    def called(self, operation: str) -> list[Mapping[str, Any]]:
        """Return the arguments of all calls of an operation."""
        return [params for name, params in self.requests if name == operation]

    def answer(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a call."""
        self.requests.append((operation, params))
        match operation:
            case "DescribeFlow":
                arn = f"arn:aws:appflow:us-east-1:123456789012:flow/{params['flowName']}"
                return self.flow or {"flowName": params["flowName"], "flowArn": arn}
            case "UpdateFlow":
                arn = f"arn:aws:appflow:us-east-1:123456789012:flow/{params['flowName']}"
                self.flow = {**params, "flowArn": arn}
                return {"flowStatus": "Active"}
            case "TagResource":
                self.flow = {**self.flow, "tags": dict(params["tags"])}
                return {}
            case "StartFlow":
                return dict(self.gate.write("StartFlow", params, partial(self._start, params)))
            case "DescribeFlowExecutionRecords":
                return self._describe(params)
            case "CancelFlowExecutions":
                return dict(self.gate.write("a cancel", params, partial(self._cancel, params)))
        raise NotImplementedError(operation)

    def _start(self, params: Mapping[str, Any]) -> dict[str, Any]:
        now, token = self.now(), params["clientToken"]
        if self.refusal:
            raise error_of("StartFlow", *self.refusal)
        same = [one for one in self.executions if one.token == token]
        if not (same and now - same[-1].started_at < TOKEN_KNOWN):
            if any(one.state in AT_WORK for one in self.executions):
                raise error_of("StartFlow", "ConflictException", 409)
            same = [Execution(f"e{len(self.executions) + 1}", token, now)]
            self.executions += same
            self.on_start(same[0])
        return {"executionId": same[-1].execution_id, "flowStatus": "Active"}

    def _describe(self, params: Mapping[str, Any]) -> dict[str, Any]:
        self.gate.read()
        if self.failures:
            raise error_of("DescribeFlowExecutionRecords", *self.failures.pop(0))
        begin = int(params.get("nextToken", 0))
        if begin == 0:
            self.on_describe()
        listed = [one for one in self.executions if one.listed]
        end = begin + self.page
        more = {"nextToken": str(end)} if end < len(listed) else {}
        return {"flowExecutions": [one.answer() for one in listed[begin:end]], **more}

    def _cancel(self, params: Mapping[str, Any]) -> dict[str, Any]:
        wanted = list(params["executionIds"])
        running = [one for one in self.executions if one.state == "InProgress"]
        for one in running:
            if one.execution_id in wanted:
                one.state = "CancelStarted"
        known = {one.execution_id for one in running}
        return {"invalidExecutions": [name for name in wanted if name not in known]}


def error_of(operation: str, code: str, status: int) -> ClientError:
    """Return the error of botocore's own class for a code."""
    parsed: Any = {
        "Error": {"Code": code, "Message": "AppFlow's own words for jane@example.com"},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "r-1"},
    }
    made: ClientError = _real().exceptions.from_code(code)(parsed, operation)
    return made


def _real() -> Any:
    return boto3.client("appflow", region_name="us-east-1")


class CheckedClient:
    """A client of which every request and every answer is held against botocore's model."""

    def __init__(self, answer: Answers) -> None:
        self._answer = answer
        real = _real()
        self.exceptions = real.exceptions
        self._operations = real.meta.method_to_api_mapping

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return partial(self._call, self._operations[method])

    def _call(self, operation: str, **params: Any) -> Mapping[str, Any]:
        model = MODEL.model.operation_model(operation)
        WATCH.look(MODEL.model, operation, params)
        answer = self._answer(operation, params)
        faults = check(model.output_shape, answer) if model.output_shape else []
        # What comes later than this botocore is let through: a state that it does not know.
        assert faults == [] or NEW_STATE in str(answer), (operation, faults)
        return answer


class _Session(AwsSession):
    _stand_in: Any = PrivateAttr()

    def client(self, service: str) -> Any:
        assert service == "appflow"
        return self._stand_in


def appflow_over(answer: Answers) -> AppFlow:
    """Return the resource over a client whose calls are answered here."""
    session = _Session(region="us-east-1")
    session._stand_in = CheckedClient(answer)
    return AppFlow(session=session)
