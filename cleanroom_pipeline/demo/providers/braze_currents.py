"""Message events as Braze Currents writes them: Avro, a folder for each event type and hour.

Here: two event types with their schemas, and how files are named. Not here: the people
(`demo.customers`), turning Avro into anything else.

Keys, what each part means, UTC, at-least-once delivery, the thresholds and schema changes:
https://www.braze.com/docs/user_guide/data_and_analytics/braze_currents/event_delivery_semantics.
Fields and which of them are optional: .../event_glossary/message_engagement_events, and the schemas
inside the samples of https://github.com/Appboy/currents-examples. How blocks are packed is ours.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from cleanroom_pipeline.demo.customers import Customer
from cleanroom_pipeline.demo.providers.layout import (
    Delivered,
    Row,
    audience,
    avro_bytes,
    chances,
    hexadecimal,
    moment,
    shares,
)

EventType = Literal["users.messages.email.Click", "users.messages.email.Open"]

REQUIRED: Mapping[str, str] = {
    "id": "string",
    "user_id": "string",
    "time": "int",
    "email_address": "string",
}
OPTIONAL = (
    "dispatch_id", "external_user_id", "timezone", "campaign_id", "campaign_name",
    "message_variation_id", "canvas_id", "canvas_name", "send_id", "user_agent", "device_class",
)  # fmt: skip
OPTIONAL_OF_TYPE: Mapping[EventType, Mapping[str, Any]] = {
    "users.messages.email.Click": {
        "url": "string",
        "is_suspected_bot_click": "boolean",
        "suspected_bot_click_reason": {"type": "array", "items": "string"},
    },
    "users.messages.email.Open": {"machine_open": "string", "is_amp": "boolean"},
}
ADDED_BY_SCHEMA_2 = "mailbox_provider"
"""The field that makes schema 2 of schema 1: optional, as every field that Braze adds."""

_TIMEZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", None)
_AGENT = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_LATE, _TWICE = 0.1, 0.02


def currents_schema(event_type: EventType, schema_id: int = 1) -> dict[str, Any]:
    """Return the Avro schema of an event type; 1 and 2 are known."""
    optional = {**dict.fromkeys(OPTIONAL, "string"), **OPTIONAL_OF_TYPE[event_type]}
    if schema_id > 1:
        optional[ADDED_BY_SCHEMA_2] = "string"
    return {
        "type": "record",
        "name": event_type.rpartition(".")[2],
        "namespace": f"dataexport.S3.inner.{event_type.rpartition('.')[0]}",
        "fields": [
            *({"name": name, "type": type_} for name, type_ in REQUIRED.items()),
            *(
                {"name": name, "type": ["null", type_], "default": None}
                for name, type_ in optional.items()
            ),
        ],
    }


def currents_events(
    event_type: EventType, count: int, *, seed: int, now: datetime, schema_id: int = 1
) -> list[Row]:
    """`count` events of the five minutes before `now`; some were queued on a device for days.

    About 2 % are there twice, under the same `id`: delivery is at least once.
    """
    chance = chances(f"currents {event_type} {now:%Y%m%d%H%M}", seed)
    people = audience(seed, 200)
    fields = [field["name"] for field in currents_schema(event_type, schema_id)["fields"]]
    events: list[Row] = []
    while len(events) < count:
        again = events and chance.random() < _TWICE
        event = events[-1] if again else _event(chance, chance.choice(people), now)
        events.append({name: event.get(name) for name in fields} if not again else event)
    return events


def deliver_currents(
    prefix: str,
    event_type: EventType,
    *,
    integration_id: str,
    count: int,
    seed: int,
    now: datetime,
    files: int = 1,
    schema_id: int = 1,
    cluster: str = "prod-03",
) -> tuple[Delivered, ...]:
    """Return the files of one threshold; none where there is no event: none is ever empty."""
    events = currents_events(event_type, count, seed=seed, now=now, schema_id=schema_id)
    at = now.astimezone(UTC)
    integration = f"dataexport.{cluster}.S3.integration.{integration_id}"
    folder = (
        f"{prefix}{integration}/event_type={event_type}/date={at:%Y-%m-%d-%H}/{schema_id}/{cluster}"
    )
    first = int(at.timestamp())
    schema = currents_schema(event_type, schema_id)
    return tuple(
        Delivered(
            f"{folder}/{integration}+{partition}+{first:010d}.avro",
            avro_bytes(share, schema, codec="deflate"),
        )
        for partition, share in enumerate(_filled(events, files))
    )


def _filled(events: list[Row], files: int) -> list[Sequence[Row]]:
    return [share for share in shares(events, files) if share]


def _event(chance: random.Random, who: Customer, now: datetime) -> Row:
    window = timedelta(days=3) if chance.random() < _LATE else timedelta(minutes=5)
    campaign = chance.randrange(5)
    bot = chance.random() < 0.1
    return {
        "id": hexadecimal(chance, 32),
        "user_id": hexadecimal(chance, 24),
        "time": int(moment(chance, now - window, window).timestamp()),
        "email_address": who.email,
        "dispatch_id": hexadecimal(chance, 32),
        "external_user_id": who.customer_id if chance.random() < 0.9 else None,
        "timezone": chance.choice(_TIMEZONES),
        "campaign_id": f"{campaign:032x}",
        "campaign_name": f"Campaign {campaign}",
        "message_variation_id": f"{campaign:08d}",
        "user_agent": _AGENT if chance.random() < 0.8 else None,
        "device_class": chance.choice(("Desktop", "Mobile", None)),
        "url": f"https://shop.example.com/?utm_campaign=c-{campaign}",
        "is_suspected_bot_click": bot,
        "suspected_bot_click_reason": ["user_agent"] if bot else None,
        "machine_open": "true" if chance.random() < 0.2 else None,
        "is_amp": chance.choice((True, False, None)),
        ADDED_BY_SCHEMA_2: chance.choice((None, "Example Mail")),
    }
