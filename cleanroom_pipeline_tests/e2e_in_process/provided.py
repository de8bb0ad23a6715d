"""What each provider sends to the example connector of its profile, and what becomes of it.

Here: deliveries under the connectors' prefixes, and their rows as `recipes` leave them, worked out
without the engine. Not here: how a provider lays out its files (`demo.providers`).
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from cleanroom_pipeline.demo.click_events import click_events
from cleanroom_pipeline.demo.providers.aep_audience import aep_members, deliver_aep_audience
from cleanroom_pipeline.demo.providers.aep_dataset import (
    DatasetFormat,
    deliver_aep_dataset,
    xdm_events,
)
from cleanroom_pipeline.demo.providers.appflow import deliver_appflow
from cleanroom_pipeline.demo.providers.bigquery_export import (
    ExportFormat,
    bigquery_customers,
    deliver_bigquery_export,
)
from cleanroom_pipeline.demo.providers.braze_currents import (
    EventType,
    currents_events,
    deliver_currents,
)
from cleanroom_pipeline.demo.providers.customer_io import (
    SYNC,
    customer_io_calls,
    deliver_customer_io,
)
from cleanroom_pipeline.demo.providers.ga4_bigquery_export import (
    Table,
    deliver_ga4_day,
    ga4_events,
)
from cleanroom_pipeline.demo.providers.layout import Delivered
from cleanroom_pipeline.demo.providers.segment import deliver_segment_logs, segment_calls

KEY = b"a key for tests alone, 32 bytes!"
SEED = 7
COUNT = 60
AEP_MANIFEST = "manifest-"
BRAZE_CLICK: EventType = "users.messages.email.Click"


@dataclass(frozen=True, slots=True)
class Provided:
    """A delivery in the provider's order, and these columns of its rows after the recipe."""

    files: tuple[Delivered, ...]
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    @property
    def data(self) -> tuple[Delivered, ...]:
        """The files that hold rows."""
        return tuple(file for file in self.files if not file.name.startswith(AEP_MANIFEST))


def keys(files: Iterable[Delivered]) -> set[str]:
    """Return the keys of objects."""
    return {file.key for file in files}


def hashed(value: str | None) -> str | None:
    """Return what DataBrew documents for HMAC_SHA256: base64 of the digest; null stays null."""
    if value is None:
        return None
    return base64.b64encode(hmac.digest(KEY, value.encode(), hashlib.sha256)).decode()


def address(email: str | None) -> str:
    """Return an e-mail address in one spelling; empty where there is none."""
    return (email or "").strip().lower()


def bigquery_export(
    export: str,
    *,
    count: int = COUNT,
    shards: int = 3,
    seed: int = SEED,
    file_format: ExportFormat = "parquet",
) -> Provided:
    """Return an export of the customers that have an address."""
    return Provided(
        deliver_bigquery_export(
            "inbound/warehouse_customers/",
            export=export,
            count=count,
            shards=shards,
            seed=seed,
            file_format=file_format,
        ),
        ("customer_key", "email_hash", "country", "visits"),
        [
            (
                hashed(row["customer_id"]),
                hashed(address(row["email"])),
                row["country"],
                row["visits"],
            )
            for row in bigquery_customers(count, seed=seed)
            if address(row["email"])
        ],
    )


def aep_dataset(
    now: datetime, *, seed: int = SEED, file_format: DatasetFormat = "gz.parquet"
) -> Provided:
    """Return an export of experience events."""
    return Provided(
        deliver_aep_dataset(
            "inbound/aep_web_events/",
            dataset_id="65a1f0c2d3b4e5f601234567",
            count=COUNT,
            parts=3,
            seed=seed,
            now=now,
            file_format=file_format,
        ),
        ("event_key", "event_time", "event_type"),
        [
            (hashed(row["_id"]), row["timestamp"].replace(tzinfo=None), row["eventType"])
            for row in xdm_events(COUNT, seed=seed, now=now)
        ],
    )


def aep_audience(now: datetime, *, seed: int = SEED) -> Provided:
    """Return an export of an audience, with NULL written as the connector's YAML says."""
    return Provided(
        deliver_aep_audience(
            "inbound/aep_loyal_customers/",
            destination="S3",
            segment_id="12341e18",
            count=COUNT,
            seed=seed,
            now=now,
            rows_per_file=20,
            null_text="NULL",
        ),
        ("email_hash", "phone_hash", "status"),
        [
            (
                hashed(address(member["personalEmail_address"])),
                hashed(member["mobilePhone_number"]),
                member["segmentMembership_status"],
            )
            for member in aep_members(COUNT, seed=seed)
        ],
    )


def ga4_day(day: date, *, age: int = 0, table: Table = "events") -> Provided:
    """Return the export of a day, `age` days after its first."""
    return Provided(
        deliver_ga4_day("inbound/ga4_events/", day, count=COUNT, seed=SEED, age=age, table=table),
        ("day", "event_timestamp", "event_name", "customer_key", "visitor_hash"),
        [
            (
                day,
                event["event_timestamp"],
                event["event_name"],
                hashed(event["user_id"]),
                hashed(event["user_pseudo_id"]),
            )
            for event in ga4_events(day, COUNT, seed=SEED, age=age)
        ],
    )


def braze_clicks(now: datetime, *, count: int = COUNT, schema_id: int = 1) -> Provided:
    """Return what one threshold wrote; an event that is there twice is one row."""
    events = currents_events(BRAZE_CLICK, count, seed=SEED, now=now, schema_id=schema_id)
    return Provided(
        deliver_currents(
            "inbound/braze/",
            BRAZE_CLICK,
            integration_id="5f2c8d9e0a1b2c3d4e5f6071",
            count=count,
            seed=SEED,
            now=now,
            schema_id=schema_id,
        ),
        ("event_id", "clicked_at", "email_hash", "customer_key", "is_suspected_bot_click"),
        [
            (
                event["id"],
                event["time"],
                hashed(address(event["email_address"])),
                hashed(event["external_user_id"]),
                event["is_suspected_bot_click"],
            )
            for event in {event["id"]: event for event in events}.values()
        ],
    )


def segment_logs(now: datetime) -> Provided:
    """Return an hourly copy, of calls of two types."""
    return Provided(
        deliver_segment_logs(
            "inbound/segment_web/", source_id="AbC123dEf4", count=COUNT, seed=SEED, now=now, files=3
        ),
        ("message_id", "call_type", "event", "user_key"),
        [
            (call["messageId"], call["type"], call.get("event"), hashed(call["userId"]))
            for call in segment_calls(COUNT, seed=SEED, now=now)
        ],
    )


def customer_io_tracks(began: datetime, positions: Sequence[int]) -> Provided:
    """Return the files of these positions, of which the first was written at `began`."""
    return Provided(
        deliver_customer_io(
            "inbound/customer_io_tracks/",
            integration=2184,
            positions=positions,
            count=COUNT,
            seed=SEED,
            now=began,
            call_types=["track"],
        ),
        ("message_id", "event", "user_key"),
        [
            (call["messageId"], call["event"], hashed(call["userId"]))
            for position in positions
            for call in customer_io_calls(
                "track", COUNT, seed=SEED, now=began + (position - 1) * SYNC
            )
        ],
    )


def appflow_events(execution_id: str, now: datetime) -> Provided:
    """Return the files of an execution; opens have the fields of clicks."""
    return Provided(
        deliver_appflow(
            "inbound/sfmc_opens/",
            flow="sfmc_opens",
            execution_id=execution_id,
            count=COUNT,
            seed=SEED,
            now=now,
            files=3,
        ),
        ("event_id", "send_id", "subscriber_hash"),
        [
            (event["ID"], int(event["SendID"]), hashed(address(event["SubscriberKey"])))
            for event in click_events(COUNT, seed=SEED)
        ],
    )
