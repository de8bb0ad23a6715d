"""Google Analytics 4 events as BigQuery holds them, exported a day at a time and written again.

Here: the nested events of a day, and what had come of them so many days later. Not here: the
people (`demo.customers`), how BigQuery writes a shard (`bigquery_export`).

Tables `events_YYYYMMDD` and `events_intraday_YYYYMMDD`, their columns, and that late events change
a daily table for up to three days: https://support.google.com/analytics/answer/7029846 and
https://developers.google.com/analytics/bigquery/event-schema. One folder a table is how we ask for
the export; BigQuery prescribes none.
"""

import random
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from urllib.parse import quote

import pyarrow as pa

from cleanroom_pipeline.demo.customers import Customer
from cleanroom_pipeline.demo.providers.bigquery_export import ENDINGS, exported
from cleanroom_pipeline.demo.providers.layout import (
    Delivered,
    Row,
    audience,
    chances,
    hexadecimal,
    moment,
    shares,
    shuffled,
)

LATEST_DAYS = 3
"""How many days after its day an event may still come."""

Table = Literal["events", "events_intraday"]

_TEXT, _WHOLE, _REAL = pa.string(), pa.int64(), pa.float64()
_VALUE = {
    "string_value": _TEXT,
    "int_value": _WHOLE,
    "float_value": _REAL,
    "double_value": _REAL,
}


def _struct(fields: Mapping[str, pa.DataType]) -> pa.DataType:
    return pa.struct(list(fields.items()))


def _texts(names: str) -> pa.DataType:
    return _struct(dict.fromkeys(names.split(), _TEXT))


GA4_SCHEMA = pa.schema(
    {
        "event_date": _TEXT,
        "event_timestamp": _WHOLE,
        "event_name": _TEXT,
        "event_params": pa.list_(_struct({"key": _TEXT, "value": _struct(_VALUE)})),
        "event_previous_timestamp": _WHOLE,
        "event_value_in_usd": _REAL,
        "event_bundle_sequence_id": _WHOLE,
        "user_id": _TEXT,
        "user_pseudo_id": _TEXT,
        "privacy_info": _texts("analytics_storage ads_storage uses_transient_token"),
        "user_properties": pa.list_(
            _struct({"key": _TEXT, "value": _struct(_VALUE | {"set_timestamp_micros": _WHOLE})})
        ),
        "user_first_touch_timestamp": _WHOLE,
        "device": _struct(
            {
                **dict.fromkeys(
                    "category mobile_brand_name operating_system language".split(), _TEXT
                ),
                "web_info": _texts("browser browser_version hostname"),
            }
        ),
        "geo": _texts("city country continent region sub_continent metro"),
        "traffic_source": _texts("name medium source"),
        "stream_id": _TEXT,
        "platform": _TEXT,
        "items": pa.list_(
            _struct(
                {
                    **dict.fromkeys("item_id item_name item_category".split(), _TEXT),
                    "price": _REAL,
                    "quantity": _WHOLE,
                    "item_revenue": _REAL,
                }
            )
        ),
        "is_active_user": pa.bool_(),
    }
)

_PAGES = ("/", "/products/linen-shirt", "/basket", "/account")
_NAMES = ("page_view", "page_view", "page_view", "user_engagement", "add_to_cart", "purchase")
_SOURCES = (("(direct)", "(none)"), ("newsletter", "email"), ("google", "organic"))
_DEVICES = (("desktop", None, "Windows", "Chrome"), ("mobile", "Apple", "iOS", "Safari"))
_GOODS = (("SKU-1", "Linen shirt", "Shirts", 49.5), ("SKU-2", "Wool socks", "Socks", 9.95))
_LATE = 0.15


def ga4_events(day: date, count: int, *, seed: int, age: int = LATEST_DAYS) -> list[Row]:
    """What the table of `day` holds `age` days later, by time; all `count` events from age 3 on.

    About 15 % of the events come one to three days late. What came earlier is never changed.
    """
    return _come_by(_drawn(day, count, seed), age)


def deliver_ga4_day(
    prefix: str,
    day: date,
    *,
    count: int,
    seed: int,
    age: int = 0,
    shards: int = 2,
    file_format: Literal["parquet", "json", "avro"] = "parquet",
    table: Table = "events",
) -> tuple[Delivered, ...]:
    """Return the export of one daily table, `age` days after its first; in no order.

    A later export writes the same keys again, and has one shard more once late events have come.
    """
    drawn = _drawn(day, count, seed)
    rows = _come_by(drawn, age)
    more = any(0 < late <= age for late, _ in drawn)
    folder = f"{prefix}{table}_{day:%Y%m%d}"
    delivered = (
        Delivered(
            f"{folder}/{shard:012d}{ENDINGS[file_format]}", exported(share, GA4_SCHEMA, file_format)
        )
        for shard, share in enumerate(shares(rows, shards + more))
    )
    return shuffled(delivered, chances(f"ga4_export {day} {age}", seed))


def _drawn(day: date, count: int, seed: int) -> list[tuple[int, Row]]:
    """Return how many days late each event comes, and the event."""
    chance = chances(f"ga4_events {day}", seed)
    people = audience(seed, 200)
    return [(_days_late(chance), _event(chance, chance.choice(people), day)) for _ in range(count)]


def _come_by(drawn: Iterable[tuple[int, Row]], age: int) -> list[Row]:
    come = (event for late, event in drawn if late <= age)
    return sorted(come, key=lambda event: int(event["event_timestamp"]))


def _days_late(chance: random.Random) -> int:
    return chance.randint(1, LATEST_DAYS) if chance.random() < _LATE else 0


def _event(chance: random.Random, who: Customer, day: date) -> Row:
    start = datetime.combine(day, time(), UTC)
    at = _micros(moment(chance, start, timedelta(days=1)))
    name = chance.choice(_NAMES)
    signed_in = chance.random() < 0.4
    category, brand, system, browser = chance.choice(_DEVICES)
    source, medium = chance.choice(_SOURCES)
    items = [_item(chance)] if name in {"add_to_cart", "purchase"} else []
    revenue = sum(item["item_revenue"] for item in items) if name == "purchase" else None
    return {
        "event_date": f"{day:%Y%m%d}",
        "event_timestamp": at,
        "event_name": name,
        "event_params": _event_params(chance, who, revenue),
        "event_previous_timestamp": at - chance.randrange(10**9) if signed_in else None,
        "event_value_in_usd": revenue,
        "event_bundle_sequence_id": chance.getrandbits(31),
        "user_id": who.customer_id if signed_in else None,
        "user_pseudo_id": f"{chance.randrange(10**9)}.{at // 10**6}",
        "privacy_info": {
            "analytics_storage": "Yes",
            "ads_storage": "Yes" if who.marketing_consent == "true" else "No",
            "uses_transient_token": "No",
        },
        "user_properties": _user_properties(who, at) if signed_in else [],
        "user_first_touch_timestamp": at - chance.randrange(10**13),
        "device": {
            "category": category,
            "mobile_brand_name": brand,
            "operating_system": system,
            "language": f"en-{who.country.lower()}",
            "web_info": {
                "browser": browser,
                "browser_version": f"{chance.randint(100, 130)}.0",
                "hostname": "shop.example.com",
            },
        },
        "geo": {
            **dict.fromkeys(("continent", "sub_continent", "metro")),
            "city": who.city,
            "country": who.country,
            "region": who.state,
        },
        "traffic_source": {"name": f"({medium})", "medium": medium, "source": source},
        "stream_id": "1234567890",
        "platform": "WEB",
        "items": items,
        "is_active_user": chance.random() < 0.8,
    }


def _event_params(chance: random.Random, who: Customer, revenue: float | None) -> list[Row]:
    page = f"https://shop.example.com{chance.choice(_PAGES)}"
    if chance.random() < 0.05:
        # Pages that name their reader are why no URL may pass unread.
        page += f"?email={quote(str(who.email), safe='')}"
    params = [
        _param("page_location", string_value=page),
        _param("page_title", string_value="Shop & more"),
        _param("ga_session_id", int_value=1_700_000_000 + chance.randrange(10**7)),
        _param("engagement_time_msec", int_value=chance.randrange(60_000)),
        _param("percent_scrolled", float_value=chance.randrange(0, 100, 5) / 100),
    ]
    if revenue is not None:
        params.append(_param("value", double_value=revenue))
        params.append(_param("transaction_id", string_value=f"T-{hexadecimal(chance, 8)}"))
    return params


def _user_properties(who: Customer, at: int) -> list[Row]:
    if who.loyalty_tier is None:
        return []
    tier = _param("loyalty_tier", string_value=who.loyalty_tier)
    return [{**tier, "value": {**tier["value"], "set_timestamp_micros": at}}]


def _param(key: str, **value: str | float) -> Row:
    return {"key": key, "value": {name: value.get(name) for name in _VALUE}}


def _item(chance: random.Random) -> Row:
    item_id, name, category, price = chance.choice(_GOODS)
    quantity = chance.randint(1, 3)
    return {
        "item_id": item_id,
        "item_name": name,
        "item_category": category,
        "price": price,
        "quantity": quantity,
        "item_revenue": price * quantity,
    }


def _micros(at: datetime) -> int:
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
