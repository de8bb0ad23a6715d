"""Calls as Segment's Amazon S3 destination logs them: packed JSON, a folder for each day.

Here: `identify` and `track` calls, and how their files are named. Not here: the people
(`demo.customers`), calls in the form that Customer.io writes (`customer_io`).

Folders and format, the hourly copy, that a file's name is not prescribed and ends in `.gz` alone:
https://www.twilio.com/docs/segment/connections/storage/catalog/aws-s3 (the day is midnight UTC in
milliseconds). Fields of a call: https://segment.com/docs/connections/spec/common/.
"""

import random
from datetime import UTC, datetime, time, timedelta

from cleanroom_pipeline.demo.customers import Customer
from cleanroom_pipeline.demo.providers.layout import (
    Delivered,
    Row,
    audience,
    chances,
    gzipped,
    hexadecimal,
    json_lines,
    moment,
    shares,
    shuffled,
    uuid4,
)

_EVENTS = ("Product Viewed", "Product Added", "Order Completed")


def segment_calls(
    count: int, *, seed: int, now: datetime, window: timedelta = timedelta(hours=1)
) -> list[Row]:
    """`count` calls that were received in the `window` before `now`, whole, as they were made."""
    chance = chances(f"segment {now:%Y%m%d%H%M}", seed)
    people = audience(seed, 200)
    return [_call(chance, chance.choice(people), now - window, window) for _ in range(count)]


def deliver_segment_logs(
    prefix: str, *, source_id: str, count: int, seed: int, now: datetime, files: int = 2
) -> tuple[Delivered, ...]:
    """Return the files of one hourly copy, in no order."""
    chance = chances(f"segment_logs {source_id} {now:%Y%m%d%H}", seed)
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    folder = f"{prefix}segment-logs/{source_id}/{int(midnight.timestamp()) * 1000}"
    copied = int(now.timestamp()) * 1000
    delivered = (
        Delivered(
            f"{folder}/{copied}.{hexadecimal(chance, 12)}.{number}.gz", gzipped(json_lines(share))
        )
        for number, share in enumerate(shares(segment_calls(count, seed=seed, now=now), files))
    )
    return shuffled(delivered, chance)


def _call(chance: random.Random, who: Customer, start: datetime, length: timedelta) -> Row:
    received = moment(chance, start, length)
    happened = received - timedelta(milliseconds=chance.randrange(1, 2_000))
    common = {
        "anonymousId": uuid4(chance),
        "channel": "client",
        "context": _context(chance, who),
        "integrations": {"Amazon S3": True},
        "messageId": f"ajs-{hexadecimal(chance, 32)}",
        "originalTimestamp": _iso(happened),
        "receivedAt": _iso(received),
        "sentAt": _iso(happened),
        "timestamp": _iso(happened),
        "userId": who.customer_id,
        "version": 2,
    }
    if chance.random() < 0.3:
        return common | {"type": "identify", "traits": _traits(who)}
    event = chance.choice(_EVENTS)
    return common | {"type": "track", "event": event, "properties": _properties(chance, event)}


def _context(chance: random.Random, who: Customer) -> Row:
    return {
        "ip": f"203.0.113.{chance.randrange(1, 255)}",
        "library": {"name": "analytics.js", "version": "2.11.1"},
        "locale": f"en-{who.country}",
        "page": {"path": "/basket", "title": "Basket", "url": "https://shop.example.com/basket"},
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
        **({"traits": {"email": who.email}} if chance.random() < 0.3 else {}),
    }


def _traits(who: Customer) -> Row:
    traits = {
        "email": who.email,
        "firstName": who.first_name,
        "lastName": who.last_name,
        "phone": who.phone,
        "address": {"city": who.city, "country": who.country, "postalCode": who.postal_code},
        "plan": who.loyalty_tier,
    }
    return {name: value for name, value in traits.items() if value is not None}


def _properties(chance: random.Random, event: str) -> Row:
    price = chance.choice((9.95, 49.5))
    product = {"product_id": f"SKU-{chance.randint(1, 2)}", "price": price, "quantity": 1}
    if event != "Order Completed":
        return product
    order_id = f"T-{hexadecimal(chance, 8)}"
    return {"order_id": order_id, "total": price, "currency": "EUR", "products": [product]}


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
