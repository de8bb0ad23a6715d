"""Waiting for a DataBrew run, and what its end means.

Here: each state's outcome, the deadline, the limit to costs, runs that DataBrew tries again. Not
here: the loop itself (`external_runs`), starting (`transform.databrew_start`), Dagster.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cleanroom_pipeline.aws.databrew import (
    DataBrew,
    DataBrewUnavailableError,
    JobRun,
    RunNotFoundError,
)
from cleanroom_pipeline.external_runs import (
    ExternalRunError,
    RunCanceledError,
    RunDeadlineError,
    RunFailedError,
    RunTimedOutError,
    quoted,
    wait_until_final,
)
from cleanroom_pipeline.transform.databrew_adoption import successor
from cleanroom_pipeline.transform.databrew_cost import CostLimitError, CostRule, seconds_since
from cleanroom_pipeline.transform.databrew_requests import ADOPTABLE_STATES, JOB_RUN_STATES
from cleanroom_pipeline.transform.databrew_start import LONGEST_PAUSE_SECONDS, Times

# DataBrew's own time-out counts from when the job runs; starting it may take minutes.
START_ALLOWANCE_MINUTES = 15

FAILURES: Mapping[str, tuple[type[ExternalRunError], str]] = {
    "FAILED": (
        RunFailedError,
        "Put right what it says, and run the batch again.",
    ),
    "TIMEOUT": (
        RunTimedOutError,
        "Raise `databrew: timeout_minutes` or `max_capacity`, and run the batch again.",
    ),
    "STOPPED": (
        RunCanceledError,
        "Somebody stopped it, here or in DataBrew. Run the batch again once it may run.",
    ),
}
"""What each state that is over and not good is raised as, and what is to be done."""


def failure_of(job: str, run: JobRun) -> ExternalRunError:
    """Return the error that a run's bad end is."""
    error, advice = FAILURES[run.state]
    return error(
        f"DataBrew run {run.run_id} of job {job} ended as {run.state}. DataBrew says: "
        f"{quoted(run.message)} {advice}"
    )


def passing(error: Exception) -> str | None:
    """Return what is said of a failed call that is worth another, None for one that isn't."""
    return str(error) if isinstance(error, DataBrewUnavailableError) else None


@dataclass
class Waiter:
    """Waits for a run; `run_id` changes where DataBrew tries a failed one again by itself."""

    databrew: DataBrew
    job: str
    run_id: str
    timeout_minutes: int
    max_retries: int
    cost: CostRule
    times: Times
    log: logging.Logger
    on_successor: Callable[[str], None] = lambda _run_id: None

    def wait(self) -> JobRun:
        """Return the run when it has SUCCEEDED; every other end is an error of its own."""
        while True:
            run = self._until_final()
            if run.state in JOB_RUN_STATES.good:
                return run
            self.log.info("It cost about %s.", self.told_cost(run))
            after = self._tried_again(run)
            if after is None:
                raise failure_of(self.job, run)
            self.log.warning("DataBrew tries run %s again as %s.", run.run_id, after.run_id)
            self.run_id = after.run_id
            self.on_successor(after.run_id)

    def _tried_again(self, run: JobRun) -> JobRun | None:
        if run.state != "FAILED" or run.attempt >= self.max_retries:
            return None
        try:
            return successor(self.databrew.runs(self.job), run)
        except DataBrewUnavailableError as error:
            self.log.warning("%s Whether DataBrew tries the run again is not known.", error)
            return None

    def told_cost(self, run: JobRun) -> str:
        """Return in words what a run cost."""
        seconds = run.execution_seconds
        return f"{self.cost.node_hours(seconds):.2f} node-hours, ${self.cost.price(seconds):.2f}"

    def _until_final(self) -> JobRun:
        deadline = 60 * (self.timeout_minutes + START_ALLOWANCE_MINUTES)
        try:
            return wait_until_final(
                self._look,
                JOB_RUN_STATES,
                deadline_seconds=max(0.0, deadline - self._gone_by()),
                longest_pause=LONGEST_PAUSE_SECONDS,
                now=self.times.monotonic,
                sleep=self.times.sleep,
                on_change=lambda status: self.log.info("DataBrew run is %s.", status.state),
                what=f"run {self.run_id} of job {self.job}",
                passing=passing,
                on_trouble=lambda words: self.log.warning("%s", words),
            )
        except RunDeadlineError as error:
            raise RunDeadlineError(
                f"DataBrew run {self.run_id} of job {self.job} has not ended within "
                f"{deadline / 60:g} minutes, or nothing is heard of it. {self._stopped()} Look in "
                "DataBrew what it hangs on, and run the batch again."
            ) from error

    def _gone_by(self) -> float:
        """Return for how many seconds the run went on before this wait; a retry waits no longer."""
        try:
            run = self.databrew.describe(self.job, self.run_id)
        except (DataBrewUnavailableError, RunNotFoundError):
            return 0.0
        return seconds_since(run.started_at, self.times.now())

    def _look(self) -> JobRun | None:
        try:
            run = self.databrew.describe(self.job, self.run_id)
        except RunNotFoundError:
            return None
        if run.state in ADOPTABLE_STATES:
            self._check_cost(run)
        return run

    def _check_cost(self, run: JobRun) -> None:
        seconds = seconds_since(run.started_at, self.times.now())
        if self.cost.is_over(seconds):
            raise CostLimitError(
                f"DataBrew run {run.run_id} of job {self.job} has cost about "
                f"${self.cost.price(seconds):.2f} in {seconds / 60:.0f} minutes; its connector "
                f"allows ${self.cost.limit:.2f}. {self._stopped()} Raise `databrew: max_cost`, or "
                "find out why it takes so long."
            )

    def _stopped(self) -> str:
        """Stop the run, which would go on costing, and say so."""
        try:
            self.databrew.stop(self.job, self.run_id)
        except DataBrewUnavailableError:
            return "It could not be stopped: the orphans sensor will."
        return "It was stopped."
