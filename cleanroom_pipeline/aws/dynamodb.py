"""DynamoDB: the few calls that the ledger is made of, over one table with keys `pk` and `sk`.

Here: conditions and writes as data, the calls, paging, plain Python values in and out. Not here:
what an item means.
"""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

import dagster as dg
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from cleanroom_pipeline.aws.session import AwsSession

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
MOST_WRITES_AT_ONCE = 100
CONFLICT_ATTEMPTS = 8
# What passes by itself. Of a call, botocore sees it; of one part of a transaction, it doesn't.
PASSING = (
    "TransactionConflict",
    "TransactionInProgress",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "ThrottlingError",
    "ThrottlingException",
)
FIRST_CONFLICT_PAUSE = 0.05

_SERIALIZER = TypeSerializer()
_DESERIALIZER = TypeDeserializer()


class LedgerBusyError(RuntimeError):
    """Others wrote the same items at the same time, or too much was written, again and again."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The item has no attribute of this name; of `pk`: there is no such item."""

    name: str


@dataclass(frozen=True, slots=True)
class Present:
    """The item has an attribute of this name; of `pk`: there is such an item."""

    name: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """The attribute has one of these values."""

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class LessThan:
    """The attribute is there, and is less than the value."""

    name: str
    value: Any


Condition = Missing | Present | OneOf | LessThan


@dataclass(frozen=True, slots=True)
class Put:
    """Write a whole item, in place of one with its keys, where all conditions hold."""

    item: Mapping[str, Any]
    when: tuple[Condition, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """The item's `pk` and `sk`."""
        return self.item["pk"], self.item["sk"]


@dataclass(frozen=True, slots=True)
class Update:
    """Set and remove attributes of an item where all conditions hold; it is made if missing."""

    key: tuple[str, str]
    set: Mapping[str, Any] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    when: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an item where all conditions hold."""

    key: tuple[str, str]
    when: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing, and let the writes beside it fail unless all conditions hold."""

    key: tuple[str, str]
    when: tuple[Condition, ...]


Write = Put | Update | Delete | Check


def _wire(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _SERIALIZER.serialize(value) for name, value in item.items()}


def _plain(wire: Mapping[str, Any]) -> Item:
    item = {name: _DESERIALIZER.deserialize(value) for name, value in wire.items()}
    return {name: _plain_value(value) for name, value in item.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, dict):
        return {name: _plain_value(inner) for name, inner in value.items()}
    return [_plain_value(inner) for inner in value] if isinstance(value, list) else value


class _Expressions:
    """Collects names and values, so that expressions hold nothing but placeholders."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def name(self, name: str) -> str:
        self.names[f"#{name}"] = name
        return f"#{name}"

    def value(self, value: Any) -> str:
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = _SERIALIZER.serialize(value)
        return placeholder

    def condition(self, condition: Condition) -> str:
        name = self.name(condition.name)
        match condition:
            case Missing():
                return f"attribute_not_exists({name})"
            case Present():
                return f"attribute_exists({name})"
            case LessThan(value=value):
                return f"{name} < {self.value(value)}"
            case OneOf(values=values):
                return f"{name} IN ({', '.join(map(self.value, values))})"

    def update(self, write: Update) -> str:
        parts = []
        if write.set:
            pairs = (f"{self.name(n)} = {self.value(v)}" for n, v in write.set.items())
            parts.append("SET " + ", ".join(pairs))
        if write.remove:
            parts.append("REMOVE " + ", ".join(map(self.name, write.remove)))
        return " ".join(parts)


def request_of(write: Write, table_name: str) -> tuple[str, dict[str, Any]]:
    """Return a write as the name and the body of a part of TransactWriteItems.

    The bodies of Put, Update and Delete are also the requests of PutItem, UpdateItem, DeleteItem.
    """
    expressions, body = _Expressions(), {"TableName": table_name}
    request: dict[str, Any] = body
    if isinstance(write, Put):
        request["Item"] = _wire(write.item)
    else:
        pk, sk = write.key
        request["Key"] = _wire({"pk": pk, "sk": sk})
    if isinstance(write, Update):
        request["UpdateExpression"] = expressions.update(write)
    if write.when:
        request["ConditionExpression"] = " AND ".join(map(expressions.condition, write.when))
    if expressions.names:
        request["ExpressionAttributeNames"] = expressions.names
    if expressions.values:
        request["ExpressionAttributeValues"] = expressions.values
    name = "ConditionCheck" if isinstance(write, Check) else type(write).__name__
    return name, request


def refusals(error: ClientError) -> set[str]:
    """Return the codes for which DynamoDB refused a write, of one item or of several at once."""
    code = error.response["Error"]["Code"]
    if code != "TransactionCanceledException":
        return {code}
    reasons: Sequence[Mapping[str, Any]] = error.response.get("CancellationReasons", ())
    return {reason.get("Code", "None") for reason in reasons} - {"None"}


class KeyedTable(dg.ConfigurableResource[Any]):
    """A table with a string partition key `pk` and a string sort key `sk`."""

    session: dg.ResourceDependency[AwsSession]
    table_name: str

    @property
    def client(self) -> "DynamoDBClient":
        """The shared DynamoDB client."""
        client: DynamoDBClient = self.session.client("dynamodb")
        return client

    def get(self, pk: str, sk: str) -> Item | None:
        """Read one item, consistently."""
        answer = self.client.get_item(
            TableName=self.table_name, Key=_wire({"pk": pk, "sk": sk}), ConsistentRead=True
        )
        return _plain(answer["Item"]) if "Item" in answer else None

    def write(self, *writes: Write) -> bool:
        """Do all of the writes, or none where a condition does not hold; return whether it did.

        At most MOST_WRITES_AT_ONCE, each of another item. Raises LedgerBusyError where others are
        in the way for good.
        """
        pause = FIRST_CONFLICT_PAUSE
        for attempt in range(CONFLICT_ATTEMPTS):
            try:
                self._send(writes)
            except ClientError as error:
                codes = refusals(error)
                if "ConditionalCheckFailed" in codes | {c.removesuffix("Exception") for c in codes}:
                    return False
                if not all(code.startswith(PASSING) for code in codes):
                    raise
                if attempt + 1 == CONFLICT_ATTEMPTS:
                    break
                # Transactions on one item that cross each other are all refused: spread them.
                time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 (no secret)
                pause *= 2
            else:
                return True
        raise LedgerBusyError(
            f"Table {self.table_name} is written by others at the same time, or more than it "
            f"takes: {CONFLICT_ATTEMPTS} attempts were refused. Nothing was written: try again "
            "later."
        )

    def _send(self, writes: Sequence[Write]) -> None:
        requests = [request_of(write, self.table_name) for write in writes]
        client: Any = self.client
        match requests:
            case [("Put", request)]:
                client.put_item(**request)
            case [("Update", request)]:
                client.update_item(**request)
            case [("Delete", request)]:
                client.delete_item(**request)
            case _:
                client.transact_write_items(TransactItems=[{n: body} for n, body in requests])

    def query(
        self,
        pk: str,
        *,
        prefix: str = "",
        between: tuple[str, str] | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[Item]:
        """Yield the items of a partition by sort key, consistently.

        Those whose sort key begins with `prefix`, or lies `between` two texts (both included).
        """
        condition, values = "pk = :pk", {":pk": pk}
        if between is not None:
            condition += " AND sk BETWEEN :low AND :high"
            values |= {":low": between[0], ":high": between[1]}
        elif prefix:
            condition, values = condition + " AND begins_with(sk, :sk)", values | {":sk": prefix}
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table_name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=_wire(values),
            ConsistentRead=True,
            ScanIndexForward=not newest_first,
            PaginationConfig={"PageSize": limit} if limit else {},
        )
        items = (_plain(item) for page in pages for item in page["Items"])
        yield from items if limit is None else islice(items, limit)
