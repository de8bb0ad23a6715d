"""DataBrew's job runs as records, and the one function that says which state comes next.

Here: states and how a run is told. Not here: the operations, or the work.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cleanroom_pipeline.local_aws.outcomes import Outcome
from cleanroom_pipeline.local_aws.service_model import Scripted
from cleanroom_pipeline.local_aws.services import ACCOUNT

STARTING = "STARTING"
RUNNING = "RUNNING"
STOPPING = "STOPPING"
STOPPED = "STOPPED"
SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
TIMEOUT = "TIMEOUT"
GOING = frozenset({STARTING, RUNNING, STOPPING})
TERMINAL = frozenset({STOPPED, SUCCEEDED, FAILED, TIMEOUT})

JOB_DEFAULTS: Mapping[str, Any] = {
    "LogSubscription": "ENABLE",
    "MaxCapacity": 5,
    "MaxRetries": 0,
    "Timeout": 2880,
}
"""What DataBrew assumes of a job that doesn't say it: nodes, retries, minutes."""

STARTED_BY = f"arn:aws:iam::{ACCOUNT}:user/local"
LOG_GROUP = "/aws-glue-databrew/jobs"

TOLD_OF_JOB = (
    "DataCatalogOutputs",
    "DatabaseOutputs",
    "DatasetName",
    "JobSample",
    "LogSubscription",
    "Outputs",
    "ProfileConfiguration",
    "RecipeReference",
    "ValidationConfigurations",
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
    """One run; `since` is when its state began. The work is done once, while it is RUNNING.

    `polls` counts how often it was described.
    """

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
    attempt: int = 0
    polls: int = 0
    vanished: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more becomes of the run: it ended, vanished, or has a state of its own.

        DataBrew's model doesn't know the last; time brings such a run nowhere.
        """
        return self.vanished or self.state not in GOING

    @property
    def is_scripted(self) -> bool:
        """Whether the run ends as it was told to, without doing the job."""
        return self.outcome is not None and (self.outcome.state != SUCCEEDED or self.outcome.vanish)

    @property
    def needs_work(self) -> bool:
        """Whether the job is still to be done."""
        return not (self.at_work or self.worked or self.is_scripted)

    @property
    def may_retry(self) -> bool:
        """Whether the job's MaxRetries leaves an attempt."""
        return self.attempt < int(self.job.get("MaxRetries", JOB_DEFAULTS["MaxRetries"]))

    def move(self, state: str, at: float, error: str = "") -> None:
        """Go to another state."""
        self.state, self.since, self.error = state, at, error

    def retry(self, at: float, outcome: Outcome | None) -> None:
        """Begin once more, as DataBrew does with a run that failed and has retries left."""
        self.attempt += 1
        self.worked, self.failure, self.outcome = False, None, outcome
        self.move(STARTING, at)

    def answer(self) -> Mapping[str, Any]:
        """Return the model's JobRun, as DescribeJobRun answers."""
        told: dict[str, Any] = {
            "JobName": self.job["Name"],
            "RunId": self.run_id,
            "State": self.state if self.state in GOING | TERMINAL else Scripted(self.state),
            "Attempt": self.attempt,
            "StartedBy": STARTED_BY,
            "StartedOn": self.started_on,
            "LogGroupName": LOG_GROUP,
            "LogSubscription": JOB_DEFAULTS["LogSubscription"],
            **{member: self.job[member] for member in TOLD_OF_JOB if member in self.job},
        }
        if self.error:
            told["ErrorMessage"] = self.error
        if self.state in TERMINAL:
            told["CompletedOn"] = self.since
            told["ExecutionTime"] = round(self.since - self.started_on)
        return told


@dataclass(frozen=True, slots=True)
class Following:
    """Where a run goes: its next state and when that began; or it vanishes."""

    state: str
    at: float
    error: str = ""
    vanish: bool = False


def next_state(run: JobRun, now: float, durations: DataBrewDurations) -> Following | None:
    """Return where a run has gone to by `now`, None if nowhere.

    Time never ends a RUNNING job whose work goes on, up to the job's Timeout.
    """
    if run.is_over:
        return None
    outcome = run.outcome
    if run.state == STARTING:
        hangs = outcome is not None and outcome.state == STARTING
        begins = run.since + durations.start
        begun = now >= begins or _polled_enough(run)
        return Following(RUNNING, min(now, begins)) if begun and not hangs else None
    if run.state == STOPPING:
        hangs = outcome is not None and outcome.state == STOPPING
        stopped = now >= run.since + durations.stop and not run.at_work and not hangs
        return Following(STOPPED, run.since + durations.stop) if stopped else None
    return _end_of_running(run, now, durations)


def _polled_enough(run: JobRun) -> bool:
    return (
        run.outcome is not None
        and run.outcome.after_polls is not None
        and run.polls > run.outcome.after_polls
    )


def _earliest_end(run: JobRun, now: float, durations: DataBrewDurations) -> float | None:
    """Return when a run that does not work any more ends; None if polls have yet to come."""
    outcome = run.outcome
    if outcome is None or (outcome.after_polls is None and outcome.seconds is None):
        return run.since + durations.run
    if outcome.after_polls is not None:
        return now if _polled_enough(run) else None
    return run.since + (outcome.seconds or 0.0)


def _end_of_running(run: JobRun, now: float, durations: DataBrewDurations) -> Following | None:
    earliest = _earliest_end(run, now, durations)
    outcome = run.outcome if run.is_scripted else None
    if earliest is not None and now >= earliest:
        if outcome and outcome.vanish:
            return Following(run.state, earliest, vanish=True)
        if outcome and outcome.state not in {STARTING, RUNNING}:
            return Following(outcome.state, earliest, outcome.message)
        if run.worked:
            state = SUCCEEDED if run.failure is None else FAILED
            return Following(state, max(earliest, run.worked_at), run.failure or "")
    minutes = run.job.get("Timeout", JOB_DEFAULTS["Timeout"])
    deadline = run.since + minutes * 60
    if now >= deadline:
        message = f"The job run was stopped after its timeout of {minutes} minutes."
        return Following(TIMEOUT, deadline, message)
    return None


@dataclass
class DataBrewState:
    """What moto drops of the jobs, and all runs in the order of their start."""

    settings: dict[Key, Mapping[str, Any]] = field(default_factory=dict)
    runs: list[JobRun] = field(default_factory=list)

    def runs_of(self, region: str, job: str) -> list[JobRun]:
        """Return a job's runs that anybody can find, oldest first."""
        return [
            run
            for run in self.runs
            if run.region == region and run.job["Name"] == job and not run.vanished
        ]

    def unfinished(self, region: str, job: str) -> list[JobRun]:
        """Return the runs of a job that have not ended."""
        return [run for run in self.runs_of(region, job) if not run.is_over]

    def forget(self, region: str, job: str) -> None:
        """Drop a job's settings and runs."""
        self.settings.pop((region, job), None)
        self.runs = [run for run in self.runs if (run.region, run.job["Name"]) != (region, job)]
