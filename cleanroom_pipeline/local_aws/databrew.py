"""AWS Glue DataBrew's job runs, which moto lacks, and what it drops of a job.

Here: the operations, and how a run goes on. Not here: a run's work, or recipes and datasets (moto).
"""

import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from cleanroom_pipeline.local_aws.background import Background, Progress
from cleanroom_pipeline.local_aws.clients import Clients, error_code
from cleanroom_pipeline.local_aws.clock import Clock
from cleanroom_pipeline.local_aws.http import Response
from cleanroom_pipeline.local_aws.job_outputs import JobFailedError
from cleanroom_pipeline.local_aws.job_runs import (
    RUNNING,
    STARTING,
    STOPPING,
    DataBrewDurations,
    DataBrewState,
    JobRun,
    next_state,
)
from cleanroom_pipeline.local_aws.outcomes import Outcomes
from cleanroom_pipeline.local_aws.recipe_job import RecipeJob, RunRecipe
from cleanroom_pipeline.local_aws.service_model import ServiceError
from cleanroom_pipeline.local_aws.services import Call, Operation, page

KEPT_SETTINGS = ("EncryptionKeyArn", "JobSample", "Timeout")
"""Members of a job that moto takes and does not give back."""

JOB_MEMBERS = (
    *KEPT_SETTINGS,
    "DataCatalogOutputs",
    "DatabaseOutputs",
    "DatasetName",
    "EncryptionMode",
    "LogSubscription",
    "Name",
    "Outputs",
    "RecipeReference",
    "Type",
)
"""What a run keeps of its job: a change of the job doesn't touch a run that was started."""

MOTO_CODES = {
    "AlreadyExistsException": "ConflictException",
    "EntityNotFoundException": "ResourceNotFoundException",
}
"""Error codes that moto answers with and DataBrew's model does not have, and what it has."""

OUTCOME_STATES = frozenset({"SUCCEEDED", "FAILED", "TIMEOUT", "STOPPED", RUNNING})

RULESET_OPERATIONS = ("CreateRuleset", "DescribeRuleset", "UpdateRuleset", "DeleteRuleset")

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
        new_id: Callable[[], str] = lambda: f"db_{secrets.token_hex(32)}",
    ) -> None:
        self._clients = clients
        self._clock = clock
        self._background = background
        self._run_recipe = run_recipe
        self._durations = durations
        self._new_id = new_id
        self._state = DataBrewState()
        self._lock = threading.RLock()
        self.outcomes = Outcomes(OUTCOME_STATES)
        self.operations: Mapping[str, Operation] = {
            "CreateRecipeJob": self._keep_settings,
            "CreateProfileJob": self._keep_settings,
            "UpdateRecipeJob": self._keep_settings,
            "UpdateProfileJob": self._keep_settings,
            **dict.fromkeys(("CreateDataset", *RULESET_OPERATIONS), _with_codes_of_the_model),
            "DescribeJob": self._describe_job,
            "DeleteJob": self._delete_job,
            "StartJobRun": self._start_run,
            "DescribeJobRun": self._describe_run,
            "ListJobRuns": self._list_runs,
            "StopJobRun": self._stop_run,
        }

    # Jobs: moto's, completed

    def _keep_settings(self, call: Call) -> Response:
        answer = call.ask_moto()
        if answer.status == 200:
            kept = {k: call.params[k] for k in KEPT_SETTINGS if k in call.params}
            with self._lock:
                self._state.settings[call.region, call.params["Name"]] = kept
        return answer

    def _describe_job(self, call: Call) -> Mapping[str, Any] | Response:
        answer = call.ask_moto()
        if answer.status != 200:
            return answer
        told = json.loads(answer.body)
        told.pop("AccountId", None)
        told["CreateDate"] = float(told["CreateDate"])
        # moto gives back a profile job's request; DescribeJob has other names for two members.
        if "OutputLocation" in told:
            told["Outputs"] = [{"Location": told.pop("OutputLocation")}]
        if "Configuration" in told:
            told["ProfileConfiguration"] = told.pop("Configuration")
        with self._lock:
            return {**told, **self._state.settings.get((call.region, told["Name"]), {})}

    def _delete_job(self, call: Call) -> Response:
        name = call.params["Name"]
        with self._lock:
            if self._state.unfinished(call.region, name):
                raise ServiceError("ConflictException", f"The job {name} is running.")
            answer = call.ask_moto()
            if answer.status == 200:
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
        return {"RunId": run.run_id}

    def _describe_run(self, call: Call) -> Mapping[str, Any]:
        with self._lock:
            return self._run(call).answer()

    def _list_runs(self, call: Call) -> Mapping[str, Any]:
        name = call.params["Name"]
        self._job(call.region, name)
        with self._lock:
            newest_first = self._state.runs_of(call.region, name)[::-1]
            limit, token = call.params.get("MaxResults", 100), call.params.get("NextToken")
            chunk, following = page(newest_first, lambda run: run.run_id, limit, token)
            listed = [run.answer() for run in chunk]
        return {"JobRuns": listed, **({"NextToken": following} if following else {})}

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
            changed = [self._move_on(run, now) for run in self._state.runs if not run.is_terminal]
            return Progress(any(changed), any(not run.is_terminal for run in self._state.runs))

    def _move_on(self, run: JobRun, now: float) -> bool:
        changed = False
        while following := next_state(run, now, self._durations):
            run.move(*following)
            changed = True
        if run.state == RUNNING and run.needs_work:
            run.at_work = True
            self._background.submit(lambda: self._work(run))
            changed = True
        return changed

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


def _with_codes_of_the_model(call: Call) -> Response:
    answer = call.ask_moto()
    if answer.status < 400:
        return answer
    told = json.loads(answer.body)
    code = told.get("__type", "")
    if code in MOTO_CODES:
        raise ServiceError(MOTO_CODES[code], told.get("message", ""))
    return answer
