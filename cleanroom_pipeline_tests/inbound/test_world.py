"""The stand-ins in memory answer as the real resources do on moto."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.aws.dynamodb import (
    Check,
    Condition,
    Delete,
    KeyedTable,
    LessThan,
    Missing,
    OneOf,
    Present,
    Put,
    Update,
    Write,
)
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.sqs import InboundQueue
from cleanroom_pipeline.inbound.events import created_objects
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import Arrival
from cleanroom_pipeline_tests.inbound.gate import Clock, Gate, RefusedError
from cleanroom_pipeline_tests.inbound.stand_ins import MemoryStorage, MemoryTable, notification

QUICK = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NUMBERS = count()
SORT_KEYS = ("a", "a b", "a\x01", "ab", "b", "é", "\ue000", "𝄞")
SOME_SORT_KEY = st.sampled_from(SORT_KEYS)
NAMES = st.sampled_from(("state", "attempt"))
VALUES = st.sampled_from(("cut", "failed", 1, 2))
CONDITIONS = st.one_of(
    st.builds(Missing, st.sampled_from(("pk", "state"))),
    st.builds(Present, st.sampled_from(("pk", "state"))),
    st.builds(OneOf, NAMES, st.lists(VALUES, min_size=1, max_size=2, unique=True).map(tuple)),
    st.builds(LessThan, NAMES, VALUES),
)


def in_order(bounds: list[str]) -> tuple[str, str]:
    return min(bounds), max(bounds)


@st.composite
def a_write(draw: st.DrawFn, sk: str) -> Write:
    when: tuple[Condition, ...] = tuple(draw(st.lists(CONDITIONS, max_size=2)))
    attributes = draw(st.dictionaries(NAMES, VALUES, min_size=1))
    key = ("p", sk)
    match draw(st.sampled_from(("put", "put", "update", "remove", "delete", "check"))):
        case "put":
            return Put({"pk": "p", "sk": sk, "names": ["x"], **attributes}, when)
        case "update":
            return Update(key, attributes, (), when)
        case "remove":
            return Update(key, {"attempt": 3}, ("state",), when)
        case "delete":
            return Delete(key, when)
        case _:
            return Check(key, when or (Present("pk"),))


@st.composite
def a_transaction(draw: st.DrawFn) -> list[Write]:
    keys = draw(st.lists(SOME_SORT_KEY, min_size=1, max_size=3, unique=True))
    writes = [draw(a_write(sk)) for sk in keys]
    # DynamoDB has no request for a check alone.
    return [*writes, Delete(("p", "none"))] if isinstance(writes[0], Check) else writes


def every_answer(table: KeyedTable, low: str, high: str, prefix: str) -> list[Any]:
    """Return what a table answers to each kind of read."""
    return [
        [table.get("p", sk) for sk in SORT_KEYS],
        list(table.query("p")),
        list(table.query("p", between=(low, high))),
        list(table.query("p", prefix=prefix)),
        list(table.query("p", newest_first=True, limit=2)),
        list(table.query("nothing")),
    ]


@QUICK
@given(
    transactions=st.lists(a_transaction(), min_size=1, max_size=6),
    bounds=st.lists(SOME_SORT_KEY, min_size=2, max_size=2).map(in_order),
    prefix=SOME_SORT_KEY,
)
def test_the_table_in_memory_answers_as_dynamodb_does(
    ledger: Ledger, transactions: list[list[Write]], bounds: tuple[str, str], prefix: str
) -> None:
    real, memory = ledger.table, MemoryTable.behind(Gate())
    for item in list(real.query("p")):
        real.write(Delete((item["pk"], item["sk"])))
    for writes in transactions:
        assert memory.write(*writes) == real.write(*writes)
    assert every_answer(memory, *bounds, prefix) == every_answer(real, *bounds, prefix)


def test_the_table_in_memory_refuses_what_dynamodb_refuses(ledger: Ledger) -> None:
    memory = MemoryTable.behind(Gate())
    twice = [Delete(("p", "a")), Delete(("p", "a"))]
    with pytest.raises(RefusedError):
        memory.write(*twice)
    with pytest.raises(Exception, match="multiple operations on one item"):
        ledger.table.write(*twice)
    # DynamoDB: "The BETWEEN operator requires upper bound to be greater than or equal to lower
    # bound". Moto lets it pass.
    with pytest.raises(RefusedError):
        list(memory.query("p", between=("b", "a")))


OBJECT_KEYS = ("in/a b+c.csv", "in/a", "in/ü€𝄞", "in/z%25!", "out/a")
DEEDS = st.tuples(
    st.sampled_from(("put", "put", "put", "delete", "undelete", "forever")),
    st.sampled_from(OBJECT_KEYS),
)


def do(deed: str, key: str, memory: MemoryStorage, real: S3Storage, ids: dict[str, str]) -> None:
    """Do the same to both; `ids` maps version ids in memory to those of moto."""
    client: Any = real.client
    versions = memory.versions(key)
    if deed == "put":
        version = memory.put(key)
        answer = client.put_object(Bucket="inbound", Key=key, Body=b"x")
        ids[version.version_id] = answer["VersionId"]
    elif deed == "delete" and versions:
        memory.delete(key)
        answer = client.delete_object(Bucket="inbound", Key=key)
        ids[memory.versions(key)[0].version_id] = answer["VersionId"]
    elif versions and (deed == "forever" or versions[0].marker):
        one = versions[0].version_id
        memory.delete_version(key, one)
        client.delete_object(Bucket="inbound", Key=key, VersionId=ids[one])


def all_pages(storage: S3Storage, most: int, ids: dict[str, str]) -> list[tuple[str, str, int]]:
    """Return what the listing gives, page by page; it must come to an end."""
    found: list[Arrival] = []
    after: str | None = ""
    while after is not None:
        page = storage.list_inbound_page("in/", after=after, most=most)
        assert page.last_key is None or page.last_key > after
        found += page.objects
        after = page.last_key
    return [(one.key, ids.get(one.version_id, one.version_id), one.size) for one in found]


@QUICK
@given(deeds=st.lists(DEEDS, max_size=12), most=st.sampled_from((1, 2, 3, 1000)))
def test_the_buckets_in_memory_answer_as_s3_does(
    storage: S3Storage, deeds: list[tuple[str, str]], most: int
) -> None:
    memory, ids = MemoryStorage.behind(Gate(), Clock()), dict[str, str]()
    empty_bucket(storage)
    for deed, key in deeds:
        do(deed, key, memory, storage, ids)
    assert all_pages(memory, most, ids) == all_pages(storage, 1000, {})
    for key in OBJECT_KEYS:
        ours, theirs = memory.head_inbound(key), storage.head_inbound(key)
        assert (ours and ids[ours.version_id]) == (theirs and theirs.version_id)
        for one in memory.versions(key):
            if not one.marker:
                pinned = storage.head_inbound(key, ids[one.version_id])
                assert pinned is not None
                assert memory.head_inbound(key, one.version_id) == one.arrival
    assert memory.head_inbound("in/a", "v99999") is None


def empty_bucket(storage: S3Storage) -> None:
    client: Any = storage.client
    there = client.list_object_versions(Bucket="inbound")
    for one in (*there.get("Versions", ()), *there.get("DeleteMarkers", ())):
        client.delete_object(Bucket="inbound", Key=one["Key"], VersionId=one["VersionId"])


def test_a_record_that_must_be_new_is_refused_where_one_stands(storage: S3Storage) -> None:
    name = f"manifests/{next(NUMBERS)}"
    for one in (MemoryStorage.behind(Gate(), Clock()), storage):
        assert one.put_new_record(name, {"first": 1})
        assert not one.put_new_record(name, {"second": 2})
        assert one.get_record(name) == {"first": 1}


@pytest.mark.parametrize("key", OBJECT_KEYS)
def test_a_notification_in_memory_says_what_one_of_s3_says(
    inbound_queue: InboundQueue, storage: S3Storage, key: str
) -> None:
    storage.client.put_object(Bucket="inbound", Key=key, Body=b"x")
    told = [o for m in inbound_queue.receive() for o in created_objects(m.body)]
    version = MemoryStorage.behind(Gate(), Clock()).put(key)
    body = notification(version, datetime(2026, 11, 24, tzinfo=UTC))
    (ours,) = created_objects(body)
    assert [(one.bucket, one.key, one.size) for one in told] == [("inbound", key, 1)]
    assert (ours.bucket, ours.key, ours.size) == ("inbound", key, 1)
    assert ours.arrival is not None
    assert ours.arrival.version_id == version.version_id
