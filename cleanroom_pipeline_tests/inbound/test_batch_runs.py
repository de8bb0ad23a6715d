from datetime import UTC, datetime

import pytest

from cleanroom_pipeline.inbound.batch_runs import (
    ActiveBatch,
    RunState,
    SeenRun,
    Step,
    may_start,
    next_step,
)
from cleanroom_pipeline.model import Batch, BatchState

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


def batch(number: int = 1, state: BatchState = BatchState.CUT, **more: object) -> Batch:
    batch_id = f"20261124T12000{number}Z-00000000"
    return Batch("shop", batch_id, state, 1, 1, AT, **more)  # type: ignore[arg-type]  # as Batch has them


def run(state: RunState) -> SeenRun:
    return SeenRun("r", state)


LIVE, BAD, GOOD = map(run, (RunState.LIVE, RunState.ENDED_BADLY, RunState.SUCCEEDED))
CUT, RUNNING = BatchState.CUT, BatchState.RUNNING


@pytest.mark.parametrize(
    ("state", "requested", "seen", "step"),
    [
        (CUT, False, None, Step.REQUEST),
        (CUT, False, LIVE, Step.NOTHING),
        (CUT, False, BAD, Step.REQUEST),
        (CUT, False, GOOD, Step.REQUEST),
        (CUT, True, None, Step.NOTHING),
        (CUT, True, LIVE, Step.NOTHING),
        (CUT, True, BAD, Step.FAIL),
        (CUT, True, GOOD, Step.RUN_AGAIN),
        (RUNNING, False, None, Step.RUN_AGAIN),
        (RUNNING, True, None, Step.RUN_AGAIN),
        (RUNNING, True, LIVE, Step.NOTHING),
        (RUNNING, True, BAD, Step.FAIL),
        (RUNNING, True, GOOD, Step.RUN_AGAIN),
    ],
)
def test_each_state_of_a_batch_and_of_its_newest_run_has_its_step(
    state: BatchState, requested: bool, seen: SeenRun | None, step: Step
) -> None:
    assert next_step(ActiveBatch(batch(state=state), requested, seen)) is step


def test_a_published_batch_of_which_a_part_was_run_again_is_published_again() -> None:
    again = batch(state=RUNNING, was_published=True)
    assert next_step(ActiveBatch(again, requested=True, run=GOOD)) is Step.RESTORE


def active(number: int, seen: SeenRun | None = None) -> ActiveBatch:
    return ActiveBatch(batch(number), seen is not None, seen)


def test_no_more_batches_run_at_once_than_are_allowed() -> None:
    batches = [active(1, LIVE), active(2), active(3), active(4)]
    assert may_start(batches, in_order=False, limit=3) == (active(2), active(3))
    assert may_start(batches, in_order=False, limit=1) == ()


def test_in_order_each_waits_for_the_one_before_it() -> None:
    assert may_start([active(1), active(2)], in_order=True, limit=9) == (active(1),)
    assert may_start([active(1, LIVE), active(2)], in_order=True, limit=9) == ()
    assert may_start([], in_order=True, limit=9) == ()
