"""What DataBrew and AppFlow tell EventBridge of a run that ended, as AWS documents it.

Here: the events' form, and how often each is told. Not here: when a run ends, or EventBridge
(`event_bus`).

https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-databrew.html
https://docs.aws.amazon.com/appflow/latest/userguide/flow-notifications.html
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from cleanroom_pipeline.local_aws.outcomes import Outcome

DATABREW_EVENT = "DataBrew Job State Change"
APPFLOW_EVENT = "AppFlow End Flow Run Report"
SEVERITIES = {"SUCCEEDED": "INFO", "STOPPED": "WARN", "FAILED": "ERROR", "TIMEOUT": "ERROR"}

Publish = Callable[[str, Mapping[str, Any], float, int], None]
"""Takes a region, an event without id and time, the time in seconds since 1970, and how often."""


def databrew_event(job: str, run_id: str, state: str, message: str) -> dict[str, Any]:
    """Return the event of a job run that is SUCCEEDED, FAILED, TIMEOUT or STOPPED."""
    detail = {
        "jobName": job,
        "severity": SEVERITIES[state],
        "state": state,
        "jobRunId": run_id,
        "message": message or f"Job run {run_id} of {job} is {state}.",
    }
    return {"source": "aws.databrew", "detail-type": DATABREW_EVENT, "detail": detail}


def iso_time(at: float) -> str:
    """Return a time as AppFlow's events have it, in UTC."""
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ[UTC]")


def appflow_event(flow_arn: str, created_by: str, run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event of a flow's run that is Successful or Error.

    `run`: flow, execution_id, source, source_object, destination, destination_object, trigger,
    records, failures, bytes, started_at, ended_at (seconds since 1970), error (empty if none).
    """
    detail = {
        "flow-name": run["flow"],
        "created-by": created_by,
        "flow-arn": flow_arn,
        "source": run["source"],
        "destination": run["destination"],
        "source-object": run["source_object"],
        "destination-object": run["destination_object"],
        "trigger-type": run["trigger"].upper(),
        "num-of-records-processed": str(run["records"]),
        "execution-id": run["execution_id"],
        "num-of-records-filtered": str(run.get("filtered", 0)),
        "num-of-record-failures": str(run["failures"]),
        "data-processed": str(run["bytes"]),
        "start-time": iso_time(run["started_at"]),
        "end-time": iso_time(run["ended_at"]),
        "status": "Execution Failed" if run["error"] else "Execution Successful",
        **({"error": run["error"]} if run["error"] else {}),
    }
    return {
        "source": "aws.appflow",
        "detail-type": APPFLOW_EVENT,
        "resources": [flow_arn],
        "detail": detail,
    }


def times_told(outcome: Outcome | None, *, early: bool) -> int:
    """Return how often a run's end is told: early (when the run begins to run), or when it ends.

    EventBridge delivers at least once, and DataBrew's events are best effort: a script can have it
    told twice, never, or before anybody can see it in the run itself.
    """
    kind = outcome.events if outcome else "once"
    if early:
        return 1 if kind == "early" else 0
    return {"once": 1, "duplicate": 2, "missing": 0, "early": 0}[kind]
