"""DynamoDB: the few calls that the ledger is made of, over one table with keys `pk` and `sk`.

Here: calls, paging, and plain Python values in and out. Not here: what an item means.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import dagster as dg
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from cleanroom_pipeline.aws.session import AwsSession

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]

_SERIALIZER = TypeSerializer()
_DESERIALIZER = TypeDeserializer()


def _wire(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _SERIALIZER.serialize(value) for name, value in item.items()}


def _plain(wire: Mapping[str, Any]) -> Item:
    item = {name: _DESERIALIZER.deserialize(value) for name, value in wire.items()}
    return {n: int(v) if isinstance(v, Decimal) else v for n, v in item.items()}


class KeyedTable(dg.ConfigurableResource[Any]):
    """A table with a string partition key `pk` and a string sort key `sk`.

    Conditions and updates are DynamoDB expressions written in our own code; every name (`#x`) and
    value (`:x`) in them is handed over apart, never formatted in.
    """

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

    def put_new(self, item: Mapping[str, Any]) -> bool:
        """Write an item unless there is one with its keys; return whether it was written."""
        return self._conditional(
            lambda: self.client.put_item(
                TableName=self.table_name,
                Item=_wire(item),
                ConditionExpression="attribute_not_exists(pk)",
            )
        )

    def put(self, item: Mapping[str, Any]) -> None:
        """Write an item, in place of one with the same keys."""
        self.client.put_item(TableName=self.table_name, Item=_wire(item))

    def update(
        self,
        pk: str,
        sk: str,
        values: Mapping[str, Any],
        *,
        condition: str,
        condition_values: Mapping[str, Any] | None = None,
        remove: tuple[str, ...] = (),
    ) -> bool:
        """Set `values` and drop `remove` where `condition` holds; return whether it did.

        The condition names attributes of `values`, `remove` or the item as `#name`, and its own
        values as `:name`.
        """
        condition_values = condition_values or {}
        names = {f"#{name}": name for name in (*values, *remove)}
        names |= {word: word[1:] for word in _names_in(condition)}
        expression = "SET " + ", ".join(f"#{name} = :set_{name}" for name in values)
        if remove:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in remove)
        wire = _wire({f":set_{name}": value for name, value in values.items()})
        wire |= _wire({f":{name}": value for name, value in condition_values.items()})
        return self._conditional(
            lambda: self.client.update_item(
                TableName=self.table_name,
                Key=_wire({"pk": pk, "sk": sk}),
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=wire,
            )
        )

    def delete(self, pk: str, sk: str, *, where: Mapping[str, Any]) -> bool:
        """Delete an item whose attributes equal `where`; return whether it was there so."""
        return self._conditional(
            lambda: self.client.delete_item(
                TableName=self.table_name,
                Key=_wire({"pk": pk, "sk": sk}),
                ConditionExpression=" AND ".join(f"#{name} = :{name}" for name in where),
                ExpressionAttributeNames={f"#{name}": name for name in where},
                ExpressionAttributeValues=_wire({f":{n}": value for n, value in where.items()}),
            )
        )

    def query(self, pk: str, sk_prefix: str = "", *, newest_first: bool = False) -> Iterator[Item]:
        """Yield the items of a partition whose sort key begins with `sk_prefix`, consistently."""
        condition, values = "pk = :pk", {":pk": pk}
        if sk_prefix:
            condition, values = condition + " AND begins_with(sk, :sk)", values | {":sk": sk_prefix}
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table_name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=_wire(values),
            ConsistentRead=True,
            ScanIndexForward=not newest_first,
        )
        for page in pages:
            yield from map(_plain, page["Items"])

    @staticmethod
    def _conditional(call: Any) -> bool:
        try:
            call()
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _names_in(condition: str) -> set[str]:
    return {
        word.strip("(),") for word in condition.replace("(", " ").split() if word.startswith("#")
    }
