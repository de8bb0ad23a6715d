from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.aws.glue import GlueCatalog, TableChangedError
from cleanroom_pipeline.catalog.table_input import batch_of
from cleanroom_pipeline.model import TransformedBatch
from cleanroom_pipeline_tests.catalog.conftest import (
    LATER,
    LATEST,
    MONDAY,
    ONE,
    TABLE,
    THREE,
    TUESDAY,
    PublishDay,
    View,
    WriteBatch,
    state_of,
    table_of,
)


class CrashError(Exception):
    """The process ends here."""


WRITES = frozenset({"CreateTable", "UpdateTable", "CreatePartition", "UpdatePartition"})


@contextmanager
def crashing(glue: GlueCatalog, *, write: int, event: str) -> Iterator[list[str]]:
    """Crash before or after a write to Glue, counted from 0; yield the names of those begun."""
    begun: list[str] = []

    def count(model: Any, **_: Any) -> None:
        if model.name in WRITES:
            begun.append(model.name)
            if len(begun) == write + 1:
                raise CrashError

    glue.client.meta.events.register(event, count)
    try:
        yield begun
    finally:
        glue.client.meta.events.unregister(event, count)


@pytest.mark.parametrize("event", ["before-call.glue", "after-call.glue"])
@pytest.mark.parametrize(
    ("day", "is_first", "writes"),
    [
        (MONDAY, True, ["CreateTable", "CreatePartition", "UpdateTable"]),
        (MONDAY, False, ["UpdatePartition", "UpdateTable"]),
        (TUESDAY, False, ["CreatePartition", "UpdateTable"]),
    ],
)
def test_after_a_crash_at_any_write_readers_see_the_day_as_before_or_as_after(
    glue: GlueCatalog,
    write_batch: WriteBatch,
    publish_to: PublishDay,
    view: Callable[[], View],
    event: str,
    day: date,
    is_first: bool,
    writes: list[str],
) -> None:
    earlier, batch = write_batch(), write_batch(THREE, batch_id=LATER)
    for crash in range(len(writes)):
        if glue.get_table("marketing", "events"):
            glue.client.delete_table(DatabaseName="marketing", Name="events")
        if not is_first:
            publish_to(earlier, MONDAY)
        before = view()
        after = before | {day.isoformat(): THREE.to_pylist()}
        with crashing(glue, write=crash, event=event) as begun, pytest.raises(CrashError):
            publish_to(batch, day)
        assert begun == writes[: crash + 1]
        was_switched = writes.index(next(w for w in writes if "Partition" in w)) <= crash - (
            event == "before-call.glue"
        )
        assert view() == (after if was_switched else before)
        with crashing(glue, write=99, event=event):
            publish_to(batch, day)
        assert view() == after
        assert table_of(glue)["Parameters"]["cleanroom.last_batch_id"] == LATER


@pytest.mark.parametrize("crash", range(3))
def test_after_a_crash_at_any_write_table_and_days_have_the_same_columns(
    glue: GlueCatalog, write_batch: WriteBatch, publish_to: PublishDay, crash: int
) -> None:
    """A table without a day takes the columns of the batch that comes, before its day is there."""
    publish_to(write_batch(), MONDAY)
    glue.client.delete_partition(
        DatabaseName="marketing", TableName="events", PartitionValues=["2026-11-23"]
    )
    other = write_batch(TABLE.select(["value"]), batch_id=LATER)
    with (
        crashing(glue, write=crash, event="before-call.glue") as begun,
        pytest.raises(CrashError),
    ):
        publish_to(other, MONDAY)
    assert begun == ["UpdateTable", "CreatePartition", "UpdateTable"][: crash + 1]
    table, partitions = state_of(glue)
    listed = table["StorageDescriptor"]["Columns"]
    assert all(day["StorageDescriptor"]["Columns"] == listed for day in partitions)


def test_another_run_that_makes_the_day_first_is_not_overwritten(
    glue: GlueCatalog, write_batch: WriteBatch, publish_to: PublishDay
) -> None:
    other, batch = write_batch(batch_id=LATER), write_batch(ONE)
    with (
        meanwhile(glue, "CreatePartition", lambda: publish_to(other, MONDAY)),
        pytest.raises(TableChangedError, match=r"partition 2026-11-23.* was created by"),
    ):
        publish_to(batch, MONDAY)
    assert batch_of(state_of(glue)[1][0]) == LATER
    assert publish_to(batch, MONDAY).superseded_by == LATER


def test_a_newer_batch_that_another_run_writes_over_ours_is_told(
    glue: GlueCatalog, write_batch: WriteBatch, publish_to: PublishDay
) -> None:
    publish_to(write_batch(), MONDAY)
    ours, other = write_batch(batch_id=LATER), write_batch(batch_id=LATEST)
    with meanwhile(glue, "UpdatePartition", lambda: publish_to(other, MONDAY), after=True):
        assert publish_to(ours, MONDAY).superseded_by == LATEST
    table, (partition,) = state_of(glue)
    assert batch_of(partition) == table["Parameters"]["cleanroom.last_batch_id"] == LATEST


def test_an_older_batch_that_another_run_writes_over_ours_fails_the_run_and_a_rerun_wins(
    glue: GlueCatalog, write_batch: WriteBatch, publish_to: PublishDay
) -> None:
    older = write_batch()
    publish_to(older, MONDAY)
    (partition,) = state_of(glue)[1]
    batch = write_batch(batch_id=LATER)

    def put_back() -> None:
        kept = {key: partition[key] for key in ("Values", "StorageDescriptor", "Parameters")}
        glue.put_partition("marketing", "events", kept, partition)

    with (
        meanwhile(glue, "UpdatePartition", put_back, after=True),
        pytest.raises(TableChangedError, match=r"wrote or dropped day 2026-11-23 of m"),
    ):
        publish_to(batch, MONDAY)
    publish_to(batch, MONDAY)
    assert batch_of(state_of(glue)[1][0]) == LATER


def test_a_table_that_somebody_drops_meanwhile_fails_the_run_and_does_not_come_back(
    glue: GlueCatalog, write_batch: WriteBatch, publish_to: PublishDay
) -> None:
    def drop() -> None:
        glue.client.delete_table(DatabaseName="marketing", Name="events")

    def drop_before_the_table_is_told() -> None:
        stack.enter_context(meanwhile(glue, "GetTable", drop))

    for do in (drop, drop_before_the_table_is_told):
        with (
            ExitStack() as stack,
            meanwhile(glue, "CreatePartition", do, after=True),
            pytest.raises(TableChangedError, match="dropped"),
        ):
            publish_to(write_batch(), MONDAY)
        assert state_of(glue) == (None, [])


@contextmanager
def meanwhile(
    glue: GlueCatalog, operation: str, do: Callable[[], object], *, after: bool = False
) -> Iterator[None]:
    """Do something once, right before or after the next call of an operation of Glue's."""
    event, waiting = f"{'after' if after else 'before'}-call.glue.{operation}", [do]

    def act(**_: Any) -> None:
        if waiting:
            waiting.pop()()

    glue.client.meta.events.register(event, act)
    try:
        yield
    finally:
        glue.client.meta.events.unregister(event, act)


RUNS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), min_size=1, max_size=6)


@pytest.fixture
def history(write_batch: WriteBatch) -> Mapping[tuple[int, int], TransformedBatch]:
    """Three batches of each of two days, cut by turns."""
    return {
        (day, turn): write_batch(
            TABLE.slice(0, turn), batch_id=f"2026112{turn}T0{day}0000Z-00000000"
        )
        for day in (0, 1)
        for turn in range(3)
    }


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(runs=RUNS)
def test_in_whatever_order_batches_run_and_rerun_each_day_shows_the_one_cut_last(
    glue: GlueCatalog,
    publish_to: PublishDay,
    history: Mapping[tuple[int, int], TransformedBatch],
    runs: list[tuple[int, int]],
) -> None:
    if glue.get_table("marketing", "events"):
        glue.client.delete_table(DatabaseName="marketing", Name="events")
    for day, turn in runs:
        publish_to(history[day, turn], (MONDAY, TUESDAY)[day])
    table, partitions = state_of(glue)
    last = {day: max(turn for other, turn in runs if other == day) for day, _ in runs}
    shown = [history[day, last[day]] for day in sorted(last)]
    assert [p["StorageDescriptor"]["Location"] for p in partitions] == [b.location for b in shown]
    assert table["Parameters"]["cleanroom.last_batch_id"] == max(b.batch_id for b in shown)
