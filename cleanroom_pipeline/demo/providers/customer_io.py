"""Calls as Customer.io's Amazon S3 (Advanced) integration writes them: numbered files a call type.

Here: how files are named and numbered, and calls as CSV, JSON and Parquet hold them. Not here: the
calls themselves, which have the form of Segment's (`segment`).

`<integration>.<action>.<position>.<type>.<ending>`, positions from 1 on, a sync every ten minutes,
and that nested values are made into text in CSV and Parquet:
https://docs.customer.io/integrations/data-out/data-warehouses/data-warehouses-cdp.md. An action is
one call type's subscription, and counts by itself. That JSON is one call a line is our reading.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import pyarrow as pa

from cleanroom_pipeline.demo.providers.layout import (
    Delivered,
    Row,
    csv_bytes,
    json_lines,
    parquet_bytes,
)
from cleanroom_pipeline.demo.providers.segment import segment_calls

CallType = Literal["identify", "track"]
CallFormat = Literal["csv", "json", "parquet"]

SYNC = timedelta(minutes=10)
COLUMNS: dict[CallType, tuple[str, ...]] = {
    "identify": ("messageId", "type", "timestamp", "userId", "anonymousId", "traits", "context"),
    "track": (
        "messageId", "type", "timestamp", "userId", "anonymousId", "event", "properties", "context",
    ),
}  # fmt: skip
ACTIONS: dict[CallType, int] = {"identify": 13698, "track": 13699}


def customer_io_calls(call_type: CallType, count: int, *, seed: int, now: datetime) -> list[Row]:
    """Return the calls of one type among the `count` of a sync at `now`, nested as made."""
    calls = segment_calls(count, seed=seed, now=now, window=SYNC)
    columns = COLUMNS[call_type]
    return [{c: call[c] for c in columns} for call in calls if call["type"] == call_type]


def deliver_customer_io(
    prefix: str,
    *,
    integration: int,
    positions: Sequence[int],
    count: int,
    seed: int,
    now: datetime,
    call_types: Sequence[CallType] = ("identify", "track"),
    file_format: CallFormat = "json",
) -> tuple[Delivered, ...]:
    """Return the files of these syncs in their order; position 1 is the sync at `now`.

    A position that is left out is a gap, as when a file is still on its way.
    """
    return tuple(
        Delivered(
            f"{prefix}{integration}.{ACTIONS[call_type]}.{position}.{call_type}.{file_format}",
            _written(
                customer_io_calls(call_type, count, seed=seed, now=now + (position - 1) * SYNC),
                COLUMNS[call_type],
                file_format,
            ),
        )
        for position in positions
        for call_type in call_types
    )


def flat(call: Row) -> dict[str, str | None]:
    """Return a call as CSV and Parquet hold it: what is nested is JSON in text."""
    return {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
        for name, value in call.items()
    }


def _written(calls: Sequence[Row], columns: Sequence[str], file_format: CallFormat) -> bytes:
    match file_format:
        case "json":
            return json_lines(calls)
        case "csv":
            return csv_bytes(columns, [flat(call) for call in calls])
        case "parquet":
            schema = pa.schema(dict.fromkeys(columns, pa.string()))
            return parquet_bytes([flat(call) for call in calls], schema, compression="snappy")
