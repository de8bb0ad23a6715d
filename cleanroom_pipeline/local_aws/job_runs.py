"""DataBrew's job runs as records, and the one function that says which state comes next.

Here: states and how a run is told. Not here: the operations, or the work.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cleanroom_pipeline.local_aws.outcomes import Outcome
from cleanroom_pipeline.local_aws.services import ACCOUNT

STARTING = "STARTING"
RUNNING = "RUNNING"
STOPPING = "STOPPING"
STOPPED = "STOPPED"
SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
TIMEOUT = "TIMEOUT"
TERMINAL = frozenset({STOPPED, SUCCEEDED, FAILED, TIMEOUT})

DEFAULT_TIMEOUT_MINUTES = 2880
STARTED_BY = f"arn:aws:iam::{ACCOUNT}:user/local"

TOLD_OF_JOB = (
    "DataCatalogOutputs",
    "DatasetName",
    "JobSample",
    "LogSubscription",
    "Outputs",
    "RecipeReference",
)

Key = tuple[str, str]
"""(region, job name)"""


@dataclass(frozen=True, slots=True)
class DataBrewDurations:
    """Seconds that a run takes to start, runs at least, and takes to stop."""

    start: float = 0.5
    run: float = 0.5
    stop: float = 0.2


@dataclass
class JobRun:
    """One run; `since` is when its state began. The work is done once, while it is RUNNING."""

    region: str
    run_id: str
    job: Mapping[str, Any]
    outcome: Outcome | None
    started_on: float
    since: float
    state: str = STARTING
    error: str = ""
    at_work: bool = False
    worked: bool = False
    worked_at: float = 0.0
    failure: str | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended."""
        return self.state in TERMINAL

    @property
    def is_scripted(self) -> bool:
        """Whether the run ends as it was told to, without doing the job."""
        return self.outcome is not None and self.outcome.state != SUCCEEDED

    @property
    def needs_work(self) -> bool:
        """Whether the job is still to be done."""
        return not (self.at_work or self.worked or self.is_scripted)

    def move(self, state: str, at: float, error: str = "") -> None:
        """Go to another state."""
        self.state, self.since, self.error = state, at, error

    def answer(self) -> Mapping[str, Any]:
        """Return the model's JobRun, as DescribeJobRun answers."""
        told: dict[str, Any] = {
            "JobName": self.job["Name"],
            "RunId": self.run_id,
            "State": self.state,
            "Attempt": 0,
            "StartedBy": STARTED_BY,
            "StartedOn": self.started_on,
            **{member: self.job[member] for member in TOLD_OF_JOB if member in self.job},
        }
        if self.error:
            told["ErrorMessage"] = self.error
        if self.is_terminal:
            told["CompletedOn"] = self.since
            told["ExecutionTime"] = round(self.since - self.started_on)
        return told


def next_state(
    run: JobRun, now: float, durations: DataBrewDurations
) -> tuple[str, float, str] | None:
    """Return (state, when it began, error message) that a run has gone to by `now`, None if none.

    Time never ends a RUNNING job whose work goes on, up to the job's Timeout.
    """
    if run.state == STARTING and now >= run.since + durations.start:
        return RUNNING, run.since + durations.start, ""
    if run.state == STOPPING and now >= run.since + durations.stop and not run.at_work:
        return STOPPED, run.since + durations.stop, ""
    if run.state == RUNNING:
        return _end_of_running(run, now, run.since + durations.run)
    return None


def _end_of_running(run: JobRun, now: float, earliest: float) -> tuple[str, float, str] | None:
    outcome = run.outcome if run.is_scripted else None
    if outcome and outcome.state in TERMINAL and now >= earliest:
        return outcome.state, earliest, outcome.message
    if run.worked and now >= earliest:
        state = SUCCEEDED if run.failure is None else FAILED
        return state, max(earliest, run.worked_at), run.failure or ""
    minutes = run.job.get("Timeout", DEFAULT_TIMEOUT_MINUTES)
    deadline = run.since + minutes * 60
    if now >= deadline:
        return TIMEOUT, deadline, f"The job run was stopped after its timeout of {minutes} minutes."
    return None


@dataclass
class DataBrewState:
    """What moto drops of the jobs, and all runs in the order of their start."""

    settings: dict[Key, Mapping[str, Any]] = field(default_factory=dict)
    runs: list[JobRun] = field(default_factory=list)

    def runs_of(self, region: str, job: str) -> list[JobRun]:
        """Return a job's runs, oldest first."""
        return [run for run in self.runs if run.region == region and run.job["Name"] == job]

    def unfinished(self, region: str, job: str) -> list[JobRun]:
        """Return the runs of a job that have not ended."""
        return [run for run in self.runs_of(region, job) if not run.is_terminal]

    def forget(self, region: str, job: str) -> None:
        """Drop a job's settings and runs."""
        self.settings.pop((region, job), None)
        dropped = {id(run) for run in self.runs_of(region, job)}
        self.runs = [run for run in self.runs if id(run) not in dropped]
