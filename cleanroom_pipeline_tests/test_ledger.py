from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cleanroom_pipeline.aws.dynamodb import KeyedTable
from cleanroom_pipeline.inbound.manifest import build_manifest
from cleanroom_pipeline.ledger import Delivery, ExternalRun, Ledger, LedgerError
from cleanroom_pipeline.model import Arrival, BatchState, Manifest

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
WRITES = ("put", "put_new", "update", "delete")


class CrashError(BaseException):
    """Stands for the end of the process."""


def arrivals(*names: str) -> list[Arrival]:
    return [Arrival(f"in/{name}", f"v{name}", "e", 1, AT) for name in names]


def manifest_of(files: list[Arrival]) -> Manifest:
    return build_manifest("shop", "inbound", files, policy="quiet_period", reason="quiet")


def record(ledger: Ledger, files: list[Arrival]) -> None:
    for file in files:
        ledger.record_arrival("shop", file, seen_at=AT)


def owners(ledger: Ledger) -> dict[str, str | None]:
    return {r.arrival.key: r.batch_id for r in ledger.arrivals("shop")}


@contextmanager
def crashing_at(write: int, *, before: bool) -> Iterator[list[int]]:
    """Let the process end before or after the nth write to the table."""
    count = [0]
    originals: dict[str, Callable[..., Any]] = {name: getattr(KeyedTable, name) for name in WRITES}

    def wrapped(name: str) -> Callable[..., Any]:
        def call(self: KeyedTable, *args: Any, **kwargs: Any) -> Any:
            count[0] += 1
            if before and count[0] == write:
                raise CrashError
            result = originals[name](self, *args, **kwargs)
            if not before and count[0] == write:
                raise CrashError
            return result

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in WRITES:
            patch.setattr(KeyedTable, name, wrapped(name))
        yield count


def cut(ledger: Ledger, manifest: Manifest) -> bool:
    return ledger.begin_cut(manifest, at=AT) and ledger.finish_cut(manifest, at=AT)


def test_an_arrival_is_recorded_once(ledger: Ledger) -> None:
    (file,) = arrivals("a")
    assert ledger.record_arrival("shop", file, seen_at=AT)
    assert not ledger.record_arrival("shop", file, seen_at=AT + timedelta(minutes=1))
    assert [r.arrival for r in ledger.arrivals("shop")] == [file]


def test_two_versions_of_a_key_are_two_arrivals(ledger: Ledger) -> None:
    record(ledger, [Arrival("in/a", "1", "e", 1, AT), Arrival("in/a", "2", "f", 2, AT)])
    assert len(list(ledger.arrivals("shop"))) == 2


def test_keys_as_long_as_s3_allows_are_kept_apart(ledger: Ledger) -> None:
    long = "in/" + "é" * 510
    record(ledger, [Arrival(long, "1", "e", 1, AT), Arrival(long, "2", "e", 1, AT)])
    assert len(list(ledger.arrivals("shop"))) == 2


def test_a_cut_batch_owns_its_arrivals_and_no_others(ledger: Ledger) -> None:
    files = arrivals("a", "b", "c")
    record(ledger, files)
    manifest = manifest_of(files[:2])
    assert cut(ledger, manifest)
    assert owners(ledger) == {"in/a": manifest.batch_id, "in/b": manifest.batch_id, "in/c": None}
    assert ledger.batch("shop", manifest.batch_id).state is BatchState.CUT
    assert ledger.open_batch("shop") is None


def test_only_one_batch_can_be_open(ledger: Ledger) -> None:
    files = arrivals("a", "b")
    record(ledger, files)
    assert ledger.begin_cut(manifest_of(files[:1]), at=AT)
    assert not ledger.begin_cut(manifest_of(files), at=AT)


def test_a_batch_that_wants_an_arrival_of_another_is_taken_back_whole(ledger: Ledger) -> None:
    files = arrivals("a", "b")
    record(ledger, files)
    first, second = manifest_of(files[:1]), manifest_of(files)
    assert cut(ledger, first)
    assert not cut(ledger, second)
    assert owners(ledger) == {"in/a": first.batch_id, "in/b": None}
    assert ledger.open_batch("shop") is None
    with pytest.raises(LedgerError, match="no batch"):
        ledger.batch("shop", second.batch_id)


def test_cutting_the_same_batch_twice_changes_nothing(ledger: Ledger) -> None:
    files = arrivals("a")
    record(ledger, files)
    manifest = manifest_of(files)
    assert cut(ledger, manifest)
    ledger.move("shop", manifest.batch_id, BatchState.RUNNING, run_id="r", at=AT)
    assert cut(ledger, manifest)
    assert ledger.batch("shop", manifest.batch_id).state is BatchState.RUNNING


def writes_of_a_cut(ledger: Ledger) -> int:
    files = arrivals("a", "b")
    record(ledger, files)
    with crashing_at(0, before=True) as count:
        cut(ledger, manifest_of(files))
    return count[0]


def test_a_cut_of_two_files_is_five_writes(ledger: Ledger) -> None:
    """The crash test below walks them; a new write must make it walk one more."""
    assert writes_of_a_cut(ledger) == 5


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("write", range(1, 6))
def test_a_crash_at_any_write_of_a_cut_is_finished_by_the_next_tick(
    ledger: Ledger, write: int, before: bool
) -> None:
    files = arrivals("a", "b")
    record(ledger, files)
    manifest = manifest_of(files)
    with crashing_at(write, before=before), pytest.raises(CrashError):
        cut(ledger, manifest)
    if ledger.open_batch("shop"):
        assert ledger.finish_cut(manifest, at=AT)
    elif set(owners(ledger).values()) == {None}:
        assert cut(ledger, manifest)
    assert set(owners(ledger).values()) == {manifest.batch_id}
    assert [batch.batch_id for batch in ledger.batches("shop")] == [manifest.batch_id]
    assert ledger.open_batch("shop") is None


def test_a_claim_on_an_arrival_that_was_never_recorded_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="not in the ledger"):
        cut(ledger, manifest_of(arrivals("a")))


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
    files = arrivals("a")
    record(ledger, files)
    manifest = manifest_of(files)
    cut(ledger, manifest)
    done = [ledger.move("shop", manifest.batch_id, s, run_id="r", at=AT) for s in path]
    assert done == [True] * (len(path) - 1) + [moved]
    expected = path[-1] if moved else (path[-2] if len(path) > 1 else BatchState.CUT)
    assert ledger.batch("shop", manifest.batch_id).state is expected


def test_batches_come_newest_first(ledger: Ledger) -> None:
    for hour, name in enumerate("abc"):
        file = Arrival(f"in/{name}", "v", "e", 1, AT + timedelta(hours=hour))
        record(ledger, [file])
        assert cut(ledger, manifest_of([file]))
    times = [batch.batch_id[:16] for batch in ledger.batches("shop")]
    assert times == ["20261124T140000Z", "20261124T130000Z", "20261124T120000Z"]


def test_an_external_run_and_a_delivery_are_found_again(ledger: Ledger) -> None:
    run = ExternalRun("databrew", "batch", "db_1", "run", AT)
    ledger.record_external_run("shop", run)
    assert ledger.external_run("shop", "databrew", "batch") == run
    assert ledger.external_run("shop", "databrew", "other") is None
    delivery = Delivery("e1", "in/flow/e1/", 7, AT)
    assert ledger.record_delivery("shop", delivery)
    assert not ledger.record_delivery("shop", delivery)
    assert ledger.deliveries("shop") == (delivery,)
