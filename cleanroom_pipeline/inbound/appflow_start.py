"""How a pull gets its one execution: started, found again, or adopted.

Here: the order of what is written down and what is asked of AppFlow. Not here: what a recorded
execution is good for (`inbound.appflow_execution`), or Dagster (`inbound.appflow`).

The intent is recorded before the start, with the number of the attempt, and the execution's id
after it. The token of the start is made of what the pull is for and of that number. So a process
may end anywhere: whoever comes next either finds the id, or repeats the start with the same token,
which AppFlow answers with the same execution. Only when the token is too old for that is the
execution looked for among those that began after the intent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cleanroom_pipeline.aws.appflow import CONFLICT, NOT_FOUND, AppFlow, FlowExecution, Started
from cleanroom_pipeline.external_runs import StartRefusedError, quoted
from cleanroom_pipeline.inbound.appflow_execution import (
    IN_PROGRESS,
    Recorded,
    Step,
    client_token,
    has_failed,
    is_settled,
    lost_execution,
    newest_in_progress,
    next_step,
)
from cleanroom_pipeline.ledger import ExternalRun, Ledger

RUN_KIND = "appflow"
MOST_LOOKS = 5


@dataclass(frozen=True, slots=True)
class Pull:
    """What is pulled, for which connector; `reference` is the same for all that is one pull."""

    connector: str
    flow: str
    reference: str
    root_run_id: str


@dataclass(frozen=True, slots=True)
class Starter:
    """Finds the execution of a pull, or starts it. `now` gives the time in UTC."""

    appflow: AppFlow
    ledger: Ledger
    now: Callable[[], datetime]

    def execution_for(self, pull: Pull) -> tuple[str, str]:
        """Return the id of the execution to wait for, and in words how it came to be.

        StartRefusedError where AppFlow starts none and runs none that could be adopted.
        """
        for _ in range(MOST_LOOKS):
            recorded = self.ledger.external_run(pull.connector, RUN_KIND, pull.reference)
            if recorded and self.ledger.has_delivery(pull.connector, recorded.external_id):
                return recorded.external_id, "delivered before"
            step, why = self.look(pull, recorded)
            if recorded and step is Step.ATTACH:
                return recorded.external_id, "found in the ledger"
            intent = self.intent(pull, recorded, step)
            if intent == recorded or self.ledger.intend_external_run(
                pull.connector, intent, recorded
            ):
                return self.carry_out(pull, intent, step, why)
        raise StartRefusedError(
            f"Other runs start flow {pull.flow} for the same pull again and again. Let one of "
            "them end, and launch this one again if its data is missing then."
        )

    def settle_earlier(
        self, pull: Pull, deliver: Callable[[FlowExecution], bool]
    ) -> tuple[str, ...]:
        """Make up for earlier pulls of the flow whose runs ended before their executions did.

        Such an execution may have gone well since: AppFlow does not pull its records again, so
        they are delivered now, before anything newer. Returns the ids of those that `deliver`
        recorded, and had not been recorded before.
        """
        earlier = [
            run
            for run in self.ledger.unsettled_runs(pull.connector, RUN_KIND, f"{pull.flow} ")
            if run.reference != pull.reference
        ]
        if not earlier:
            return ()
        listed = list(self.appflow.executions(pull.flow))
        delivered = []
        for run in earlier:
            execution = found_for(run, listed)
            if execution is None or not is_settled(execution):
                continue
            if not has_failed(execution) and deliver(execution):
                delivered.append(execution.execution_id)
            self.ledger.settle_external_run(
                pull.connector, RUN_KIND, run.reference, run.external_id
            )
        return tuple(delivered)

    def look(self, pull: Pull, run: ExternalRun | None) -> tuple[Step, str]:
        """Return what is to be done by what is recorded, and why if a start comes anew."""
        if run is None:
            return Step.START, "started"
        execution = self.appflow.execution(pull.flow, run.external_id) if run.external_id else None
        recorded = Recorded(run.external_id, run.attempt, run.started_at)
        step = next_step(recorded, execution, self.now())
        if step is not Step.START_AGAIN:
            return step, "started"
        said = (
            f"ended as {execution.state}, AppFlow said: {quoted(execution.message)}"
            if execution
            else "is no longer listed"
        )
        return step, f"started anew, as execution {run.external_id} {said}"

    def intent(self, pull: Pull, seen: ExternalRun | None, step: Step) -> ExternalRun:
        """Return what is recorded before the start: what is recorded already, or a new attempt."""
        if seen and step in (Step.START, Step.FIND):
            return seen
        attempt = seen.attempt + 1 if seen else 1
        return ExternalRun(RUN_KIND, pull.reference, "", pull.root_run_id, self.now(), attempt)

    def carry_out(self, pull: Pull, intent: ExternalRun, step: Step, why: str) -> tuple[str, str]:
        """Find or start the execution that was intended, and record its id."""
        if step is Step.FIND:
            found = lost_execution(self.appflow.executions(pull.flow), intent.started_at)
            if found is not None:
                self.name(pull, intent, found.execution_id)
                return found.execution_id, "found among those that began after the intent"
        answer = self.appflow.start(pull.flow, client_token(pull.reference, intent.attempt))
        if answer.execution_id:
            self.name(pull, intent, answer.execution_id)
            return answer.execution_id, why
        adopted = self.adopt(pull, answer)
        self.name(pull, intent, adopted)
        return adopted, "adopted, as it was running"

    def going_on(self, pull: Pull) -> str | None:
        """Return the execution that is known, or may be taken, to have been started for a pull."""
        run = self.ledger.external_run(pull.connector, RUN_KIND, pull.reference)
        if run is None or run.external_id:
            return run.external_id if run else None
        executions = self.appflow.executions(pull.flow)
        running = [one for one in executions if one.state == IN_PROGRESS]
        lost = lost_execution(running, run.started_at)
        return lost.execution_id if lost else None

    def name(self, pull: Pull, intent: ExternalRun, execution_id: str) -> None:
        """Record the id of an intended execution, and that AppFlow may list it from now on."""
        named = replace(intent, external_id=execution_id, started_at=self.now())
        self.ledger.name_external_run(pull.connector, named)

    def adopt(self, pull: Pull, answer: Started) -> str:
        """Return the execution that is running in place of ours; StartRefusedError without one."""
        if answer.refusal == CONFLICT:
            running = newest_in_progress(self.appflow.executions(pull.flow))
            if running is not None:
                return running.execution_id
        raise StartRefusedError(
            f"AppFlow does not start flow {pull.flow}: {REFUSED.get(answer.refusal, UNKNOWN)} "
            f"AppFlow says: {quoted(answer.message)}"
        )


def found_for(run: ExternalRun, listed: Sequence[FlowExecution]) -> FlowExecution | None:
    """Return the execution of a recorded start, also of one whose answer was lost."""
    if run.external_id:
        return next((one for one in listed if one.execution_id == run.external_id), None)
    lost = lost_execution(listed, run.started_at)
    return next((one for one in listed if lost and one.execution_id == lost.execution_id), None)


UNKNOWN = "it gives no execution. Is the flow one that runs on demand?"
REFUSED = {
    CONFLICT: "it says that the flow is at work, and lists no execution in progress. If one is "
    "being cancelled, wait for its end. Launch the pull again.",
    NOT_FOUND: "there is no such flow. Create it, and launch the pull again.",
    "ServiceQuotaExceededException": "too many executions are running in this account. Launch the "
    "pull again when some have ended.",
}
