import gzip
import random
import re
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.demo.providers.aep_audience import deliver_aep_audience
from cleanroom_pipeline.demo.providers.aep_dataset import DatasetFormat, deliver_aep_dataset
from cleanroom_pipeline.demo.providers.appflow import deliver_appflow
from cleanroom_pipeline.demo.providers.bigquery_export import ExportFormat, deliver_bigquery_export
from cleanroom_pipeline.demo.providers.braze_currents import deliver_currents
from cleanroom_pipeline.demo.providers.customer_io import CallFormat, deliver_customer_io
from cleanroom_pipeline.demo.providers.ga4_bigquery_export import deliver_ga4_day
from cleanroom_pipeline.demo.providers.layout import Delivered, audience, gzipped, shares, shuffled
from cleanroom_pipeline.demo.providers.segment import deliver_segment_logs
from cleanroom_pipeline_tests.demo.providers.reading import NOW, PREFIX

Deliver = Callable[..., tuple[Delivered, ...]]

DELIVERIES: dict[str, Deliver] = {
    **{
        f"bigquery_export-{kind}": partial(
            deliver_bigquery_export, PREFIX, export="e1", count=40, shards=3, file_format=kind
        )
        for kind in get_args(ExportFormat)
    },
    **{
        f"ga4-{kind}": partial(
            deliver_ga4_day, PREFIX, date(2026, 3, 13), count=40, file_format=kind
        )
        for kind in ("parquet", "json", "avro")
    },
    **{
        f"aep_dataset-{kind}": partial(
            deliver_aep_dataset,
            PREFIX,
            dataset_id="65a1",
            count=40,
            parts=3,
            now=NOW,
            file_format=kind,
        )
        for kind in get_args(DatasetFormat)
    },
    "aep_audience": partial(
        deliver_aep_audience,
        PREFIX,
        destination="Amazon_S3",
        segment_id="12341e18",
        count=40,
        now=NOW,
        rows_per_file=15,
    ),
    "braze_currents": partial(
        deliver_currents,
        PREFIX,
        "users.messages.email.Click",
        integration_id="5f2c",
        count=40,
        now=NOW,
        files=2,
    ),
    "segment": partial(deliver_segment_logs, PREFIX, source_id="src1", count=40, now=NOW),
    **{
        f"customer_io-{kind}": partial(
            deliver_customer_io,
            PREFIX,
            integration=2184,
            positions=(1, 2),
            count=20,
            now=NOW,
            file_format=kind,
        )
        for kind in get_args(CallFormat)
    },
    "appflow": partial(
        deliver_appflow, PREFIX, flow="clicks", execution_id="e-1", count=40, now=NOW, files=2
    ),
}
SAFE_KEY = re.compile(r"[A-Za-z0-9_.=+/-]+")
MAIL_DOMAIN_OF_NOBODY = re.compile(r"@([a-z-]+\.)*example(\.com|\.org|\.net)?\b", re.IGNORECASE)
ADDRESS = re.compile(rb"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+")


@pytest.mark.parametrize("deliver", DELIVERIES.values(), ids=DELIVERIES)
def test_the_same_seed_gives_the_same_bytes_in_the_same_order(deliver: Deliver) -> None:
    assert deliver(seed=7) == deliver(seed=7)
    assert {file.body for file in deliver(seed=7)} != {file.body for file in deliver(seed=8)}


@pytest.mark.parametrize("deliver", DELIVERIES.values(), ids=DELIVERIES)
def test_objects_have_keys_of_their_own_below_the_prefix_and_are_not_empty(
    deliver: Deliver,
) -> None:
    keys = [file.key for file in deliver(seed=7)]
    assert len(keys) >= 2
    assert len(set(keys)) == len(keys)
    assert all(SAFE_KEY.fullmatch(key) and key.startswith(PREFIX) for key in keys)
    assert all(file.body for file in deliver(seed=7))


@pytest.mark.parametrize("kind", ["appflow", "segment", "aep_audience", "customer_io-json"])
def test_no_address_is_anybodys(kind: str) -> None:
    text = b"".join(
        gzip.decompress(f.body) if f.key.endswith(".gz") else f.body
        for f in DELIVERIES[kind](seed=7)
    )
    found = [address.decode() for address in ADDRESS.findall(text)]
    assert found
    assert all(MAIL_DOMAIN_OF_NOBODY.search(address) for address in found)


def test_an_object_knows_its_folder_and_its_name() -> None:
    file = Delivered("inbound/feed/day=1/part.csv", b"")
    assert (file.folder, file.name) == ("inbound/feed/day=1", "part.csv")


@given(rows=st.lists(st.integers()), count=st.integers(1, 9))
def test_shares_are_the_rows_in_their_order_and_of_like_size(rows: list[int], count: int) -> None:
    cut = shares(rows, count)
    assert len(cut) == count
    assert [row for share in cut for row in share] == rows
    assert max(map(len, cut)) - min(map(len, cut)) <= 1


@given(keys=st.lists(st.text(), unique=True), seed=st.integers())
def test_shuffling_loses_and_adds_nothing(keys: list[str], seed: int) -> None:
    files = [Delivered(key, b"") for key in keys]
    assert sorted(f.key for f in shuffled(files, random.Random(seed))) == sorted(keys)


def test_packing_holds_no_time() -> None:
    assert gzipped(b"x")[4:8] == b"\0\0\0\0"


def test_an_audience_is_people_who_can_be_written_to_each_once() -> None:
    people = audience(7, 500)
    ids = [who.customer_id for who in people]
    assert 400 < len(people) <= 500
    assert len(set(ids)) == len(ids)
    assert all(who.email and who.email == who.email.strip() for who in people)
    assert any(who.email != (who.email or "").lower() for who in people)
