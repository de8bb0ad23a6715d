from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from cleanroom_pipeline.aws.dynamodb import (
    CONFLICT_ATTEMPTS,
    Check,
    Condition,
    Delete,
    KeyedTable,
    LedgerBusyError,
    LessThan,
    Missing,
    OneOf,
    Present,
    Put,
    Update,
    refusals,
)
from cleanroom_pipeline.ledger import Ledger


@pytest.fixture
def table(ledger: Ledger) -> KeyedTable:
    return ledger.table


def item(sk: str, **more: Any) -> dict[str, Any]:
    return {"pk": "p", "sk": sk, **more}


def test_an_item_comes_back_as_it_was_written(table: KeyedTable) -> None:
    written = item("a", text="é", number=7, flag=True, names=["x", 1], inner={"n": 2})
    assert table.write(Put(written))
    assert table.get("p", "a") == written
    assert table.get("p", "b") is None


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Missing("pk"), False),
        (Missing("other"), True),
        (Present("pk"), True),
        (Present("other"), False),
        (OneOf("n", (4, 5)), True),
        (OneOf("n", (6,)), False),
        (OneOf("other", (5,)), False),
        (LessThan("n", 6), True),
        (LessThan("n", 5), False),
        (LessThan("other", 5), False),
    ],
)
def test_a_write_is_done_where_its_condition_holds_and_else_not_at_all(
    table: KeyedTable, condition: Condition, holds: bool
) -> None:
    table.write(Put(item("a", n=5)))
    assert table.write(Update(("p", "a"), {"n": 9}, when=(condition,))) is holds
    assert (table.get("p", "a") or {})["n"] == (9 if holds else 5)


def test_an_update_sets_and_removes(table: KeyedTable) -> None:
    table.write(Put(item("a", n=5, gone=1)))
    assert table.write(Update(("p", "a"), {"n": 6}, remove=("gone",)))
    assert table.get("p", "a") == item("a", n=6)
    assert table.write(Update(("p", "a"), remove=("n",), when=(Present("n"),)))
    assert table.get("p", "a") == item("a")


def test_several_writes_are_done_together_or_not_at_all(table: KeyedTable) -> None:
    table.write(Put(item("a")))
    moves = (Delete(("p", "a"), (Present("pk"),)), Put(item("b"), (Missing("pk"),)))
    assert not table.write(*moves, Check(("p", "c"), (Present("pk"),)))
    assert [one["sk"] for one in table.query("p")] == ["a"]
    assert table.write(*moves, Check(("p", "c"), (Missing("pk"),)))
    assert [one["sk"] for one in table.query("p")] == ["b"]


def test_a_query_takes_all_a_prefix_or_a_range_from_either_end(table: KeyedTable) -> None:
    for name in ("a1", "a2", "b1", "b2", "c1"):
        table.write(Put(item(name)))

    def sks(**how: Any) -> list[str]:
        return [one["sk"] for one in table.query("p", **how)]

    assert sks() == ["a1", "a2", "b1", "b2", "c1"]
    assert sks(prefix="b") == ["b1", "b2"]
    assert sks(between=("a2", "b2")) == ["a2", "b1", "b2"]
    assert sks(newest_first=True, limit=2) == ["c1", "b2"]


@pytest.fixture
def stubbed() -> Iterator[tuple[KeyedTable, Stubber]]:
    """A table whose client answers what a test says; requests are checked by botocore's model."""
    client = boto3.client(
        "dynamodb",
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )

    class Session:
        def client(self, service: str) -> Any:
            return client

    table = KeyedTable.model_construct(session=Session(), table_name="ledger")
    with Stubber(client) as stubber:
        yield table, stubber


def cancelled(stubber: Stubber, *codes: str) -> None:
    stubber.add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        modeled_fields={"CancellationReasons": [{"Code": code} for code in codes]},
    )


BOTH = (Put(item("a"), (Missing("pk"),)), Delete(("p", "b")))


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cleanroom_pipeline.aws.dynamodb.time.sleep", lambda seconds: None)


@pytest.mark.usefixtures("no_pause")
def test_transactions_that_cross_each_other_or_are_throttled_are_tried_again(
    stubbed: tuple[KeyedTable, Stubber],
) -> None:
    table, stubber = stubbed
    cancelled(stubber, "TransactionConflict", "None")
    cancelled(stubber, "None", "ThrottlingError")
    cancelled(stubber, "ProvisionedThroughputExceeded", "TransactionConflict")
    stubber.add_response("transact_write_items", {})
    assert table.write(*BOTH)


@pytest.mark.usefixtures("no_pause")
def test_a_condition_that_does_not_hold_is_told_from_a_crossing(
    stubbed: tuple[KeyedTable, Stubber],
) -> None:
    table, stubber = stubbed
    cancelled(stubber, "TransactionConflict", "ConditionalCheckFailed")
    assert not table.write(*BOTH)


@pytest.mark.usefixtures("no_pause")
def test_crossings_without_end_are_an_error(stubbed: tuple[KeyedTable, Stubber]) -> None:
    table, stubber = stubbed
    for _ in range(CONFLICT_ATTEMPTS):
        cancelled(stubber, "TransactionConflict", "None")
    with pytest.raises(LedgerBusyError, match="try again later"):
        table.write(*BOTH)


@pytest.mark.parametrize("code", ["ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_what_is_neither_is_not_swallowed(stubbed: tuple[KeyedTable, Stubber], code: str) -> None:
    table, stubber = stubbed
    cancelled(stubber, code, "None")
    with pytest.raises(ClientError) as caught:
        table.write(*BOTH)
    assert refusals(caught.value) == {code}
