"""AWS Glue DataBrew's jobs and their runs, which moto lacks.

Here: the operations, and how a run goes on. Not here: a run's work, or datasets and recipes
(`databrew_resources`).
"""

import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from cleanroom_pipeline.local_aws import databrew_resources as resources
from cleanroom_pipeline.local_aws.background import Background, Progress
from cleanroom_pipeline.local_aws.clients import Clients, error_code
from cleanroom_pipeline.local_aws.clock import Clock
from cleanroom_pipeline.local_aws.events import SEVERITIES, Publish, databrew_event, times_told
from cleanroom_pipeline.local_aws.http import AnswerLostError
from cleanroom_pipeline.local_aws.job_outputs import JobFailedError
from cleanroom_pipeline.local_aws.job_runs import (
    FAILED,
    GOING,
    JOB_DEFAULTS,
    RUNNING,
    STARTED_BY,
    STARTING,
    STOPPING,
    SUCCEEDED,
    TERMINAL,
    DataBrewDurations,
    DataBrewState,
    Following,
    JobRun,
    next_state,
)
from cleanroom_pipeline.local_aws.outcomes import Outcomes
from cleanroom_pipeline.local_aws.recipe_job import RecipeJob, RunRecipe
from cleanroom_pipeline.local_aws.service_model import ServiceError
from cleanroom_pipeline.local_aws.services import Call, Operation

KEPT_SETTINGS = ("EncryptionKeyArn", "JobSample", "Timeout")
"""Members of a job that moto takes and does not give back."""

JOB_MEMBERS = (
    *KEPT_SETTINGS,
    "DataCatalogOutputs",
    "DatabaseOutputs",
    "DatasetName",
    "EncryptionMode",
    "LogSubscription",
    "MaxRetries",
    "Name",
    "Outputs",
    "RecipeReference",
    "Type",
)
"""What a run keeps of its job: a change of the job doesn't touch a run that was started."""

log = logging.getLogger(__name__)


class DataBrew:
    """The job runs of every region, over moto's recipes, datasets and jobs."""

    def __init__(
        self,
        clients: Clients,
        clock: Clock,
        background: Background,
        run_recipe: RunRecipe,
        durations: DataBrewDurations,
        publish: Publish,
        new_id: Callable[[], str] = lambda: f"db_{secrets.token_hex(32)}",
    ) -> None:
        self._clients = clients
        self._clock = clock
        self._background = background
        self._run_recipe = run_recipe
        self._durations = durations
        self._publish = publish
        self._new_id = new_id
        self._state = DataBrewState()
        self._lock = threading.RLock()
        self.outcomes = Outcomes(GOING | TERMINAL, SUCCEEDED)
        self.operations: Mapping[str, Operation] = {
            **resources.operations(),
            "CreateRecipeJob": self._create_recipe_job,
            "UpdateRecipeJob": self._update_recipe_job,
            "CreateProfileJob": self._keep_settings,
            "UpdateProfileJob": self._keep_settings,
            "DescribeJob": self._describe_job,
            "ListJobs": self._list_jobs,
            "DeleteJob": self._delete_job,
            "StartJobRun": self._start_run,
            "DescribeJobRun": self._describe_run,
            "ListJobRuns": self._list_runs,
            "StopJobRun": self._stop_run,
        }

    # Jobs: moto's, completed

    def _create_recipe_job(self, call: Call) -> Mapping[str, Any]:
        resources.refuse_recipe_job(call)
        return self._keep_settings(call)

    def _update_recipe_job(self, call: Call) -> Mapping[str, Any]:
        resources.refuse_job_settings(call.params)
        return self._keep_settings(call)

    def _keep_settings(self, call: Call) -> Mapping[str, Any]:
        answer = resources.asked(call)
        kept = {k: call.params[k] for k in KEPT_SETTINGS if k in call.params}
        with self._lock:
            self._state.settings[call.region, call.params["Name"]] = kept
        return answer

    def _whole(self, region: str, told: Mapping[str, Any]) -> dict[str, Any]:
        """Return a job as it was defined, with what DataBrew assumes where nothing was said."""
        job = {**told, "CreatedBy": STARTED_BY}
        # moto gives back a profile job's request; DataBrew has other names for two members.
        if "OutputLocation" in job:
            job["Outputs"] = [{"Location": job.pop("OutputLocation")}]
        if "Configuration" in job:
            job["ProfileConfiguration"] = job.pop("Configuration")
        with self._lock:
            settings = self._state.settings.get((region, job["Name"]), {})
        return {**JOB_DEFAULTS, **job, **settings}

    def _describe_job(self, call: Call) -> Mapping[str, Any]:
        return self._whole(call.region, resources.asked(call))

    def _list_jobs(self, call: Call) -> Mapping[str, Any]:
        answer = resources.asked(call)
        return {**answer, "Jobs": [self._whole(call.region, job) for job in answer["Jobs"]]}

    def _delete_job(self, call: Call) -> Mapping[str, Any]:
        name = call.params["Name"]
        with self._lock:
            if self._state.unfinished(call.region, name):
                raise ServiceError("ConflictException", f"The job {name} is running.")
            answer = resources.asked(call)
            self._state.forget(call.region, name)
        return answer

    def _job(self, region: str, name: str) -> Mapping[str, Any]:
        try:
            job = self._clients.get("databrew", region).describe_job(Name=name)
        except ClientError as error:
            raise ServiceError(error_code(error), f"There is no job {name}.") from error
        return {member: job[member] for member in JOB_MEMBERS if member in job}

    # Runs

    def _start_run(self, call: Call) -> Mapping[str, Any]:
        name = call.params["Name"]
        # Asked before the lock is taken: the answer comes by way of `_describe_job`.
        job = self._job(call.region, name)
        if job["Type"] != "RECIPE":
            raise ServiceError("ValidationException", "The local AWS runs recipe jobs alone.")
        with self._lock:
            if self._state.unfinished(call.region, name):
                raise ServiceError("ConflictException", f"The job {name} is running.")
            now = self._clock.now()
            run = JobRun(
                region=call.region,
                run_id=self._new_id(),
                job=job,
                outcome=self.outcomes.take(name),
                started_on=now,
                since=now,
            )
            self._state.runs.append(run)
        self._background.wake()
        if run.outcome and run.outcome.lost_answer:
            raise AnswerLostError
        return {"RunId": run.run_id}

    def _describe_run(self, call: Call) -> Mapping[str, Any]:
        with self._lock:
            run = self._run(call)
            run.polls += 1
            # A run that ends after so many polls ends before it is described once more.
            self._move_on(run, self._clock.now())
            return self._run(call).answer()

    def _list_runs(self, call: Call) -> Mapping[str, Any]:
        name = call.params["Name"]
        self._job(call.region, name)
        with self._lock:
            newest_first = self._state.runs_of(call.region, name)[::-1]
            return resources.paged(call, "JobRuns", [run.answer() for run in newest_first], "RunId")

    def _stop_run(self, call: Call) -> Mapping[str, Any]:
        with self._lock:
            run = self._run(call)
            if run.state not in {STARTING, RUNNING}:
                message = f"The run is {run.state}: only one that is starting or running can stop."
                raise ServiceError("ValidationException", message)
            run.move(STOPPING, self._clock.now())
        self._background.wake()
        return {"RunId": run.run_id}

    def _run(self, call: Call) -> JobRun:
        name, run_id = call.params["Name"], call.params["RunId"]
        for run in self._state.runs_of(call.region, name):
            if run.run_id == run_id:
                return run
        message = f"The job {name} has no run {run_id}."
        raise ServiceError("ResourceNotFoundException", message)

    # What happens by itself

    def advance(self) -> Progress:
        """Move runs to the state they have by now; a run that is RUNNING goes to a worker once."""
        with self._lock:
            now = self._clock.now()
            changed = [self._move_on(run, now) for run in self._state.runs if not run.is_over]
            return Progress(any(changed), any(not run.is_over for run in self._state.runs))

    def _move_on(self, run: JobRun, now: float) -> bool:
        changed = False
        while following := next_state(run, now, self._durations):
            self._move(run, following)
            changed = True
        if run.state == RUNNING and not run.is_over and run.needs_work:
            run.at_work = True
            self._background.submit(lambda: self._work(run))
            changed = True
        return changed

    def _move(self, run: JobRun, following: Following) -> None:
        if following.vanish:
            run.vanished = True
        elif following.state == FAILED and run.may_retry:
            run.retry(following.at, self.outcomes.take(run.job["Name"]))
        else:
            run.move(following.state, following.at, following.error)
            self._tell(run)

    def _tell(self, run: JobRun) -> None:
        """Tell EventBridge of a run that has ended, or of its end before it has come."""
        early = run.state == RUNNING
        state = (run.outcome.state if run.outcome else SUCCEEDED) if early else run.state
        if state not in SEVERITIES:
            return
        event = databrew_event(run.job["Name"], run.run_id, state, run.error)
        self._publish(run.region, event, run.since, times_told(run.outcome, early=early))

    def _work(self, run: JobRun) -> None:
        failure: str | None = None
        try:
            RecipeJob(self._clients, run.region, run.job, run.started_on).run(
                self._run_recipe, lambda: self._may_write(run)
            )
        except JobFailedError as error:
            failure = str(error)
        except Exception as error:
            # The run FAILS with the text; who looks for a bug of the engine finds the traceback.
            log.exception("The engine failed on the job %s.", run.job["Name"])
            failure = f"{type(error).__name__}: {error}"
        with self._lock:
            run.at_work = False
            run.worked, run.failure, run.worked_at = True, failure, self._clock.now()

    def _may_write(self, run: JobRun) -> bool:
        with self._lock:
            return run.state == RUNNING

    # State

    def clear(self) -> None:
        """Forget all; a run that is at work will write nothing."""
        with self._lock:
            for run in self._state.runs:
                run.move(STOPPING, self._clock.now())
            self._state = DataBrewState()
            self.outcomes.clear()

    def dump(self) -> DataBrewState:
        """Return the state for a snapshot."""
        return self._state

    def restore(self, state: DataBrewState) -> None:
        """Take over a snapshot's state; a run that was at work begins its work anew."""
        with self._lock:
            for run in state.runs:
                run.at_work = False
            self._state = state
        self._background.wake()
