from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.aws.dynamodb import KeyedTable
from cleanroom_pipeline.inbound.completion.decision import Whole
from cleanroom_pipeline.inbound.manifest import build_manifest
from cleanroom_pipeline.ledger import Delivery, ExternalRun, Head, Ledger, LedgerError, Outcome
from cleanroom_pipeline.ledger.items import LONGEST_SORT_KEY, LOW, key_range, object_sk
from cleanroom_pipeline.ledger.table import OBJECTS_AT_ONCE
from cleanroom_pipeline.model import Arrival, BatchState, Manifest, Notice, NoticeKind

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
NO_HEAD = Head()


def arrivals(*names: str) -> list[Arrival]:
    return [Arrival(f"in/{name}", f"v{name}", "e", 1, AT) for name in names]


def manifest_of(
    files: Sequence[Arrival], *, head: Head = NO_HEAD, recut_of: str | None = None, **more: object
) -> Manifest:
    whole = Whole(tuple(files), "quiet", **more)  # type: ignore[arg-type]  # as Whole has them
    return build_manifest(
        "shop",
        "inbound",
        whole,
        policy="quiet_period",
        at=AT,
        last_batch=head.last_batch,
        recut_of=recut_of,
    )


def record(ledger: Ledger, files: Sequence[Arrival]) -> int:
    return ledger.record_arrivals("shop", files, seen_at=AT)


def pending(ledger: Ledger) -> list[str]:
    return [one.arrival.key for one in ledger.pending("shop").arrivals]


def cut(ledger: Ledger, files: Sequence[Arrival], **more: object) -> Manifest:
    head = ledger.head("shop")
    manifest = manifest_of(files, head=head, **more)  # type: ignore[arg-type]  # as above
    assert ledger.begin_cut(manifest, head)
    assert ledger.finish_cut(manifest, at=AT)
    return manifest


def failed_batch(ledger: Ledger, *names: str) -> Manifest:
    record(ledger, arrivals(*names))
    manifest = cut(ledger, arrivals(*names))
    for state in (BatchState.RUNNING, BatchState.FAILED):
        assert ledger.move("shop", manifest.batch_id, state, run_id="r", at=AT)
    return manifest


def test_an_arrival_is_recorded_once(ledger: Ledger) -> None:
    assert record(ledger, arrivals("a", "b")) == 2
    assert record(ledger, arrivals("a", "b", "c")) == 1
    assert pending(ledger) == ["in/a", "in/b", "in/c"]


def test_more_arrivals_than_one_transaction_holds_are_all_recorded_and_cut(ledger: Ledger) -> None:
    files = arrivals(*(f"{number:04d}" for number in range(2 * OBJECTS_AT_ONCE + 1)))
    assert record(ledger, files) == len(files)
    cut(ledger, files)
    assert pending(ledger) == []


def test_two_versions_of_a_key_are_two_arrivals(ledger: Ledger) -> None:
    record(ledger, [Arrival("in/a", "1", "e", 1, AT), Arrival("in/a", "2", "f", 2, AT)])
    assert pending(ledger) == ["in/a", "in/a"]


def test_keys_as_long_as_s3_allows_are_kept_apart(ledger: Ledger) -> None:
    long = "in/" + "é" * 510
    record(ledger, [Arrival(long, "1", "e", 1, AT), Arrival(long, "2", "e", 1, AT)])
    assert pending(ledger) == [long, long]


def test_a_cut_batch_takes_its_arrivals_and_no_others(ledger: Ledger) -> None:
    a, b, c = arrivals("a", "b", "c")
    record(ledger, [a, b, c])
    manifest = cut(ledger, [a, b])
    assert pending(ledger) == ["in/c"]
    assert [ledger.taken_by("shop", one) for one in (a, b, c)] == [manifest.batch_id] * 2 + [None]
    assert ledger.batch("shop", manifest.batch_id).state is BatchState.CUT
    assert [batch.batch_id for batch in ledger.active_batches("shop")] == [manifest.batch_id]
    assert ledger.head("shop") == Head(1, None, manifest.batch_id)


def test_what_a_batch_has_taken_is_not_recorded_again(ledger: Ledger) -> None:
    files = arrivals("a", "b")
    record(ledger, files)
    cut(ledger, files)
    assert record(ledger, [*files, *arrivals("c")]) == 1
    assert pending(ledger) == ["in/c"]


def test_signals_and_deliveries_are_used_up_by_the_batch(ledger: Ledger) -> None:
    data, signal = arrivals("a", "_SUCCESS")
    delivery = Delivery("e1", "in/", 1, AT)
    record(ledger, [data, signal])
    assert ledger.record_delivery("shop", delivery)
    cut(ledger, [data], signals=(signal,), deliveries=("e1",))
    assert ledger.pending("shop").arrivals == ()
    assert ledger.pending("shop").deliveries == ()
    assert not ledger.record_delivery("shop", delivery)


def test_only_one_batch_can_be_open(ledger: Ledger) -> None:
    files = arrivals("a", "b")
    record(ledger, files)
    head = ledger.head("shop")
    assert ledger.begin_cut(manifest_of(files[:1]), head)
    assert not ledger.begin_cut(manifest_of(files), head)
    assert not ledger.begin_cut(manifest_of(files), ledger.head("shop"))


def test_a_decision_that_rests_on_an_older_look_is_refused(ledger: Ledger) -> None:
    a, b = arrivals("a", "b")
    record(ledger, [a, b])
    seen = ledger.head("shop")
    cut(ledger, [a])
    assert not ledger.begin_cut(manifest_of([a, b]), seen)
    assert ledger.set_aside("shop", [b], seen, outcome=Outcome.DELETED, at=AT) is None
    assert ledger.record_empty("shop", [b], (), seen, reason="none", at=AT) is None
    assert pending(ledger) == ["in/b"]


def test_a_cut_that_runs_out_of_time_goes_on_where_it_was(ledger: Ledger) -> None:
    files = arrivals(*(f"{number:04d}" for number in range(OBJECTS_AT_ONCE + 1)))
    record(ledger, files)
    manifest = manifest_of(files)
    assert ledger.begin_cut(manifest, ledger.head("shop"))
    times = iter([False, True])
    assert not ledger.finish_cut(manifest, at=AT, out_of_time=lambda: next(times))
    assert len(pending(ledger)) == 1
    assert list(ledger.batches("shop")) == []
    assert ledger.finish_cut(manifest, at=AT)
    assert pending(ledger) == []
    assert ledger.head("shop").open_batch is None


def test_a_process_that_comes_late_to_a_finished_cut_changes_nothing(ledger: Ledger) -> None:
    a, b = arrivals("a", "b")
    record(ledger, [a, b])
    first = cut(ledger, [a], positions={"s": 1})
    ledger.move("shop", first.batch_id, BatchState.RUNNING, run_id="r", at=AT)
    second = cut(ledger, [b], positions={"s": 2})
    assert ledger.finish_cut(first, at=AT)
    assert ledger.batch("shop", first.batch_id).state is BatchState.RUNNING
    assert ledger.taken_by("shop", b) == second.batch_id
    assert ledger.positions("shop") == {"s": 2}


def test_what_was_set_aside_is_not_recorded_again_until_it_is_brought_back(ledger: Ledger) -> None:
    (file,) = arrivals("a")
    record(ledger, [file])
    ledger.set_aside("shop", [file], ledger.head("shop"), outcome=Outcome.OVERWRITTEN, at=AT)
    assert record(ledger, [file]) == 0
    assert pending(ledger) == []
    assert ledger.bring_back("shop", file, seen_at=AT)
    assert pending(ledger) == ["in/a"]


def test_what_a_batch_has_is_not_brought_back(ledger: Ledger) -> None:
    (file,) = arrivals("a")
    record(ledger, [file])
    cut(ledger, [file])
    assert not ledger.bring_back("shop", file, seen_at=AT)
    assert pending(ledger) == []


def test_an_empty_delivery_is_recorded_and_uses_up_what_told_of_it(ledger: Ledger) -> None:
    ledger.record_delivery("shop", Delivery("e1", "in/", 0, AT))
    assert ledger.record_empty("shop", (), ["e1"], ledger.head("shop"), reason="none", at=AT)
    assert ledger.pending("shop").deliveries == ()
    assert [(one.at, one.reason) for one in ledger.empty_deliveries("shop", 9)] == [(AT, "none")]
    assert list(ledger.batches("shop")) == []


def test_a_batch_that_failed_can_be_cut_again_and_is_replaced(ledger: Ledger) -> None:
    earlier = failed_batch(ledger, "a", "b")
    left = earlier.files[:1]
    later = cut(ledger, left, recut_of=earlier.batch_id)
    assert ledger.batch("shop", earlier.batch_id).state is BatchState.REPLACED
    assert [ledger.taken_by("shop", one) for one in earlier.files] == [
        later.batch_id,
        earlier.batch_id,
    ]
    assert not ledger.move("shop", earlier.batch_id, BatchState.RUNNING, run_id="r", at=AT)


def test_a_batch_that_has_not_failed_cannot_be_cut_again(ledger: Ledger) -> None:
    record(ledger, arrivals("a"))
    earlier, head = cut(ledger, arrivals("a")), ledger.head("shop")
    again = manifest_of(earlier.files, head=head, recut_of=earlier.batch_id)
    assert not ledger.begin_cut(again, head)
    assert ledger.head("shop") == head


@pytest.mark.parametrize(
    ("path", "moved"),
    [
        ([BatchState.RUNNING, BatchState.PUBLISHED], True),
        ([BatchState.RUNNING, BatchState.FAILED, BatchState.RUNNING], True),
        ([BatchState.RUNNING, BatchState.PUBLISHED, BatchState.RUNNING], True),
        ([BatchState.PUBLISHED], False),
        ([BatchState.RUNNING, BatchState.PUBLISHED, BatchState.FAILED], False),
    ],
)
def test_a_batch_moves_only_as_batches_can(
    ledger: Ledger, path: list[BatchState], moved: bool
) -> None:
    record(ledger, arrivals("a"))
    batch_id = cut(ledger, arrivals("a")).batch_id
    done = [ledger.move("shop", batch_id, state, run_id="r", at=AT) for state in path]
    assert done == [True] * (len(path) - 1) + [moved]
    expected = path[-1] if moved else (path[-2] if len(path) > 1 else BatchState.CUT)
    assert ledger.batch("shop", batch_id).state is expected
    active = [batch.batch_id for batch in ledger.active_batches("shop")]
    assert active == ([batch_id] if expected in (BatchState.CUT, BatchState.RUNNING) else [])


def test_another_run_of_a_batch_is_another_attempt_once(ledger: Ledger) -> None:
    batch = ledger.batch("shop", failed_batch(ledger, "a").batch_id)
    assert ledger.run_again(batch, at=AT)
    assert not ledger.run_again(batch, at=AT)
    (active,) = ledger.active_batches("shop")
    assert (active.state, active.attempt) == (BatchState.CUT, 2)


def test_batches_come_newest_first_and_in_the_order_of_their_cuts(ledger: Ledger) -> None:
    record(ledger, arrivals("a", "b", "c"))
    ids = [cut(ledger, arrivals(name)).batch_id for name in "abc"]
    assert [batch.batch_id for batch in ledger.batches("shop")] == ids[::-1]
    assert [batch.batch_id for batch in ledger.batches("shop", limit=2)] == ids[:0:-1]
    assert [batch.batch_id for batch in ledger.active_batches("shop")] == ids


def test_a_batch_that_is_not_there_is_named(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="shop has no batch"):
        ledger.batch("shop", "20261124T120000Z-00000000")


def test_an_external_run_is_found_again_and_expires_after_seven_days(ledger: Ledger) -> None:
    run = ExternalRun("databrew", "batch", "db_1", "run", AT)
    ledger.record_external_run("shop", run)
    assert ledger.external_run("shop", "databrew", "batch") == run
    assert ledger.external_run("shop", "databrew", "other") is None
    item = ledger.table.get("run#shop", "databrew#batch")
    assert item
    assert item["expires_at"] == int((AT + timedelta(days=7)).timestamp())


def test_a_start_is_intended_once_by_whoever_saw_what_is_recorded(ledger: Ledger) -> None:
    first = ExternalRun("appflow", "pull", "", "run-1", AT)
    assert ledger.intend_external_run("shop", first, None)
    other = ExternalRun("appflow", "pull", "", "run-2", AT + timedelta(seconds=1))
    assert not ledger.intend_external_run("shop", other, None)
    # An answer that was lost is asked for again, and meets what it wrote itself.
    assert ledger.intend_external_run("shop", first, None)
    assert ledger.external_run("shop", "appflow", "pull") == first


def test_a_run_gets_its_id_and_a_later_attempt_takes_its_place(ledger: Ledger) -> None:
    first = ExternalRun("appflow", "pull", "", "run-1", AT)
    ledger.intend_external_run("shop", first, None)
    named = replace(first, external_id="e1")
    ledger.name_external_run("shop", named)
    assert ledger.external_run("shop", "appflow", "pull") == named
    second = ExternalRun("appflow", "pull", "", "run-2", AT + timedelta(hours=1), attempt=2)
    assert not ledger.intend_external_run("shop", second, first)
    assert ledger.intend_external_run("shop", second, named)
    # A process that comes late has no say any more.
    ledger.name_external_run("shop", named)
    assert ledger.external_run("shop", "appflow", "pull") == second


def test_runs_are_unsettled_until_their_end_is_recorded_and_a_new_attempt_is_again(
    ledger: Ledger,
) -> None:
    run = ExternalRun("appflow", "flow tick", "e1", "run-1", AT)
    ledger.record_external_run("shop", run)
    ledger.record_external_run("shop", replace(run, reference="flow2 tick"))
    assert ledger.unsettled_runs("shop", "appflow", "flow ") == (run,)
    ledger.settle_external_run("shop", "appflow", "flow tick", "e0")
    assert ledger.unsettled_runs("shop", "appflow", "flow ") == (run,)
    ledger.settle_external_run("shop", "appflow", "flow tick", "e1")
    assert ledger.unsettled_runs("shop", "appflow", "flow ") == ()
    seen = ledger.external_run("shop", "appflow", "flow tick")
    assert seen == replace(run, settled=True)
    anew = replace(run, external_id="", attempt=2)
    assert ledger.intend_external_run("shop", anew, seen)
    assert ledger.unsettled_runs("shop", "appflow", "flow ") == (anew,)


def test_a_delivery_is_known_while_it_waits_and_once_it_is_taken(ledger: Ledger) -> None:
    assert not ledger.has_delivery("shop", "e1")
    ledger.record_delivery("shop", Delivery("e1", "in/", 0, AT))
    assert ledger.has_delivery("shop", "e1")
    ledger.record_empty("shop", (), ["e1"], ledger.head("shop"), reason="none", at=AT)
    assert ledger.has_delivery("shop", "e1")
    assert not ledger.has_delivery("other", "e1")


def test_an_empty_delivery_is_recorded_together_with_what_people_are_told(ledger: Ledger) -> None:
    ledger.record_delivery("shop", Delivery("e1", "in/", 0, AT))
    notice = Notice("shop", "empty-1", AT, AT, "none", kind=NoticeKind.EMPTY)
    stale = Head(7)
    assert not ledger.record_empty("shop", (), ["e1"], stale, reason="none", at=AT, notice=notice)
    assert ledger.notices() == ()
    head = ledger.head("shop")
    assert ledger.record_empty("shop", (), ["e1"], head, reason="none", at=AT, notice=notice)
    assert ledger.notices() == (notice,)


def test_what_a_batch_took_expires_and_batches_do_not(ledger: Ledger) -> None:
    record(ledger, arrivals("a"))
    manifest = cut(ledger, arrivals("a"))
    table: KeyedTable = ledger.table
    assert all("expires_at" in item for item in table.query("taken#shop"))
    assert "expires_at" not in (table.get("batch#shop", manifest.batch_id) or {})


def test_no_item_grows_with_its_batch(ledger: Ledger) -> None:
    files = arrivals(*(f"{number:04d}" for number in range(120)))
    record(ledger, files)
    manifest = cut(ledger, files)
    table: KeyedTable = ledger.table
    items = [table.get("head#shop", "head"), table.get("batch#shop", manifest.batch_id)]
    assert all(len(repr(item)) < 1000 for item in items)


keys = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "Z", "C"]), min_size=1, max_size=12
) | st.text("ab \x01!", min_size=1, max_size=5).map(lambda tail: "é" * 495 + tail)


@given(
    listed=st.lists(keys, min_size=1, max_size=8, unique=True), version=st.text("abz", min_size=1)
)
def test_a_range_of_keys_has_all_of_their_versions_whatever_the_keys(
    listed: list[str], version: str
) -> None:
    """S3 lists keys in the order of their bytes, and DynamoDB sorts so."""
    listed.sort(key=str.encode)
    low, high = key_range(listed[0], listed[-1])
    for key in listed:
        sk = object_sk(key, version)
        assert low.encode() <= sk.encode() <= high.encode()
        assert len(sk.encode()) <= LONGEST_SORT_KEY
    sks = [object_sk(key, version) for key in listed if len(key) < 100 and not LOW.search(key)]
    assert sks == sorted(sks, key=str.encode)
