"""A dataset of experience events as Adobe Experience Platform exports it.

Here: nested XDM rows, their part files and folders. Not here: audiences (`aep_audience`), the
manifest's form (`aep_manifest`), the people (`demo.customers`).

Folders, endings, several parts even of little data, JSON only packed and one row a line, and that
files come as they are ready, in no order:
https://experienceleague.adobe.com/en/docs/experience-platform/destinations/ui/export-datasets.
`identityMap` and the event's fields: https://github.com/adobe/xdm (identitymap, experienceevent).
"""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import pyarrow as pa

from cleanroom_pipeline.demo.customers import Customer
from cleanroom_pipeline.demo.providers.aep_manifest import aep_manifest
from cleanroom_pipeline.demo.providers.layout import (
    Delivered,
    Row,
    audience,
    chances,
    gzipped,
    hexadecimal,
    json_lines,
    moment,
    parquet_bytes,
    shares,
    shuffled,
    uuid4,
)

DatasetFormat = Literal["parquet", "gz.parquet", "json.gz"]

_TEXT, _REAL = pa.string(), pa.float64()
_IDENTITY = pa.struct({"id": _TEXT, "authenticatedState": _TEXT, "primary": pa.bool_()}.items())
XDM_SCHEMA = pa.schema(
    {
        "_id": _TEXT,
        "timestamp": pa.timestamp("ms", tz="UTC"),
        "eventType": _TEXT,
        "identityMap": pa.map_(_TEXT, pa.list_(_IDENTITY)),
        "web": pa.struct(
            {"webPageDetails": pa.struct({"URL": _TEXT, "name": _TEXT}.items())}.items()
        ),
        "commerce": pa.struct(
            {
                "order": pa.struct(
                    {"purchaseID": _TEXT, "priceTotal": _REAL, "currencyCode": _TEXT}.items()
                )
            }.items()
        ),
        "productListItems": pa.list_(
            pa.struct({"SKU": _TEXT, "quantity": pa.int64(), "priceTotal": _REAL}.items())
        ),
        "_acme": pa.struct(
            {
                "customerId": _TEXT,
                "email": _TEXT,
                "phone": _TEXT,
                "loyalty": pa.struct({"tier": _TEXT}.items()),
            }.items()
        ),
    }
)

_EVENT_TYPES = ("web.webpagedetails.pageViews", "commerce.productViews", "commerce.purchases")
_SKUS: Mapping[str, float] = {"SKU-1": 49.5, "SKU-2": 9.95}


def xdm_events(count: int, *, seed: int, now: datetime) -> list[Row]:
    """`count` experience events of the day before `now` (UTC), as the Parquet file has them.

    `identityMap` is a list of pairs, as Arrow holds maps; `_acme` stands for a tenant's own fields.
    """
    chance = chances("xdm_events", seed)
    people = audience(seed, 200)
    return [_event(chance, chance.choice(people), now) for _ in range(count)]


def deliver_aep_dataset(
    prefix: str,
    *,
    dataset_id: str,
    count: int,
    parts: int,
    seed: int,
    now: datetime,
    file_format: DatasetFormat = "gz.parquet",
    manifest: bool = True,
) -> tuple[Delivered, ...]:
    """Return one export, in no order: the manifest may come before the files that it names."""
    chance = chances(f"aep_dataset {dataset_id} {now:%Y%m%d%H%M}", seed)
    folder = f"{prefix}{dataset_id}/exportTime={now.astimezone(UTC):%Y%m%d%H%M}"
    job, flow_run = uuid4(chance), uuid4(chance)
    tid = chance.randrange(10**18, 10**19)
    rows = xdm_events(count, seed=seed, now=now)
    delivered = [
        Delivered(
            f"{folder}/part-{part:05d}-tid-{tid}-{job}-{part + 1}-1-c000.{file_format}",
            _written(share, file_format),
        )
        for part, share in enumerate(shares(rows, parts))
    ]
    if manifest:
        destination = uuid4(chances("aep_destination", seed))
        delivered.append(
            aep_manifest(
                delivered,
                f"{folder}/",
                destination_id=destination,
                flow_run_id=flow_run,
                scheduled=now,
            )
        )
    return shuffled(delivered, chance)


def xdm_json(row: Row) -> Row:
    """Return a row as the JSON export has it: `identityMap` is an object, empty fields left out."""
    timestamp = f"{row['timestamp']:%Y-%m-%dT%H:%M:%S}.{row['timestamp'].microsecond // 1000:03d}Z"
    filled: Row = _without_nulls(row | {"timestamp": timestamp})
    return filled | {"identityMap": dict(row["identityMap"])}


def _written(rows: Sequence[Row], file_format: DatasetFormat) -> bytes:
    if file_format == "json.gz":
        return gzipped(json_lines(xdm_json(row) for row in rows))
    packed = "gzip" if file_format == "gz.parquet" else None
    return parquet_bytes(rows, XDM_SCHEMA, compression=packed)


def _without_nulls(row: Row) -> Row:
    return {
        name: _without_nulls(value) if isinstance(value, dict) else value
        for name, value in row.items()
        if value is not None
    }


def _event(chance: random.Random, who: Customer, now: datetime) -> Row:
    day = timedelta(days=1)
    at = moment(chance, now.astimezone(UTC) - day, day)
    kind = chance.choice(_EVENT_TYPES)
    sku, price = chance.choice(list(_SKUS.items()))
    quantity = chance.randint(1, 3)
    bought = kind == "commerce.purchases"
    order = {
        "purchaseID": f"T-{hexadecimal(chance, 8)}",
        "priceTotal": price * quantity,
        "currencyCode": "EUR",
    }
    page = {"URL": f"https://shop.example.com/products/{sku.lower()}", "name": sku}
    item = {"SKU": sku, "quantity": quantity, "priceTotal": price * quantity}
    return {
        "_id": uuid4(chance),
        "timestamp": at.replace(microsecond=at.microsecond // 1000 * 1000),
        "eventType": kind,
        "identityMap": _identities(chance, who),
        "web": {"webPageDetails": page},
        "commerce": {"order": order} if bought else None,
        "productListItems": [item] if kind != _EVENT_TYPES[0] else [],
        "_acme": {
            "customerId": who.customer_id,
            "email": who.email,
            "phone": who.phone,
            "loyalty": {"tier": who.loyalty_tier},
        },
    }


def _identities(chance: random.Random, who: Customer) -> list[tuple[str, list[Row]]]:
    ecid = {
        "id": f"{chance.randrange(10**37, 10**38)}",
        "authenticatedState": "ambiguous",
        "primary": True,
    }
    email = {"id": who.email, "authenticatedState": "authenticated", "primary": False}
    return [("ECID", [ecid]), *([("Email", [email])] if chance.random() < 0.6 else [])]
