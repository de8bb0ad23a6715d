"""Made-up deliveries: what a warehouse pushes, and what Marketing Cloud holds to be pulled.

Here: putting made-up data where a provider would put it. Not here: the data itself
(`demo.customers`, `demo.click_events`), and what the pipeline makes of it.
"""

import tempfile
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import boto3

from cleanroom_pipeline.demo.click_events import click_events, to_json_lines
from cleanroom_pipeline.demo.customers import write_csv_shards, write_parquet_shards

PUSH_PREFIX = "inbound/bigquery_customers/"
PULL_SOURCE = "/_local/appflow/sources/SalesforceMarketingCloud/ClickEvent"
SHARDS = 3

ShardWriter = Callable[..., list[Path]]
WRITERS: dict[str, ShardWriter] = {"csv": write_csv_shards, "parquet": write_parquet_shards}


def push_customers(
    s3: Any, bucket: str, export: str, *, kind: str = "csv", count: int, seed: int
) -> list[str]:
    """Export customers as BigQuery does, to a folder of their own; return the keys."""
    with tempfile.TemporaryDirectory(prefix="cleanroom-demo-") as folder:
        paths = WRITERS[kind](Path(folder), count=count, shards=SHARDS, seed=seed)
        keys = [f"{PUSH_PREFIX}{export}/{path.name}" for path in paths]
        for path, key in zip(paths, keys, strict=True):
            s3.upload_file(str(path), bucket, key)
    return keys


def fill_marketing_cloud(endpoint: str, records: Iterable[dict[str, str]]) -> int:
    """Give the local AppFlow click events to pull; return how many."""
    lines = list(to_json_lines(records))
    # The address is that of the local AWS, which listens on loopback alone.
    request = urllib.request.Request(  # noqa: S310
        endpoint + PULL_SOURCE, data="".join(lines).encode(), method="PUT"
    )
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310
        return len(lines)


def seed_deliveries(environment: dict[str, str], *, customers: int, clicks: int, seed: int) -> str:
    """Seed both feeds; return what was delivered, in words."""
    s3 = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    keys = push_customers(
        s3, environment["CLEANROOM_INBOUND_BUCKET"], "export-1", count=customers, seed=seed
    )
    held = fill_marketing_cloud(environment["AWS_ENDPOINT_URL"], click_events(clicks, seed=seed))
    return (
        f"pushed {len(keys)} CSV shards with {customers} customers under {PUSH_PREFIX}; "
        f"Marketing Cloud holds {held} click events"
    )
