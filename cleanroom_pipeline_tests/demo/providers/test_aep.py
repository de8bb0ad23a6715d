import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest

from cleanroom_pipeline.demo.providers.aep_audience import (
    COLUMNS,
    aep_members,
    deliver_aep_audience,
)
from cleanroom_pipeline.demo.providers.aep_dataset import (
    DatasetFormat,
    deliver_aep_dataset,
    xdm_events,
    xdm_json,
)
from cleanroom_pipeline.demo.providers.layout import Delivered
from cleanroom_pipeline_tests.demo.providers.reading import (
    NOW,
    PREFIX,
    csv_rows,
    json_rows,
    parquet_codec,
    parquet_rows,
    rows_of,
)

DATASET, SEGMENT = "65a1f0c2d3b4e5f601234567", "12341e18-abcd-49c2-836d-123c88e76c39"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
MANIFEST_NAME = re.compile(rf"manifest-{UUID}-(?P<run>{UUID})\.json")


def dataset(
    file_format: DatasetFormat = "gz.parquet", *, manifest: bool = True, seed: int = 7
) -> tuple[Delivered, ...]:
    return deliver_aep_dataset(
        PREFIX,
        dataset_id=DATASET,
        count=200,
        parts=4,
        seed=seed,
        now=NOW,
        file_format=file_format,
        manifest=manifest,
    )


def segment(
    *, rows_per_file: int = 60, null_text: str = "", incremental: bool = False
) -> tuple[Delivered, ...]:
    return deliver_aep_audience(
        PREFIX,
        destination="Amazon_S3",
        segment_id=SEGMENT,
        count=200,
        seed=7,
        now=NOW,
        rows_per_file=rows_per_file,
        null_text=null_text,
        incremental=incremental,
    )


def split(delivered: tuple[Delivered, ...]) -> tuple[Delivered, list[Delivered]]:
    (manifest,) = [f for f in delivered if MANIFEST_NAME.fullmatch(f.name)]
    return manifest, [f for f in delivered if f is not manifest]


@pytest.mark.parametrize("delivered", [dataset(), segment()], ids=["dataset", "audience"])
def test_a_manifest_names_exactly_the_files_with_their_folders_and_sizes(
    delivered: tuple[Delivered, ...],
) -> None:
    manifest, files = split(delivered)
    document = json.loads(manifest.body)
    assert document.keys() == {"flowRunId", "scheduledTime", "exportResults"}
    named = {f"{r['sinkPath']}/{r['name']}": r["size"] for r in document["exportResults"]}
    assert named == {f"/{file.key}": len(file.body) for file in files}
    match = MANIFEST_NAME.fullmatch(manifest.name)
    assert match
    assert match["run"] == document["flowRunId"]
    assert document["scheduledTime"] == "2026-03-14T09:26:00Z"


def test_a_manifest_may_come_before_the_files_that_it_names() -> None:
    places = {
        [MANIFEST_NAME.fullmatch(f.name) is not None for f in dataset(seed=seed)].index(True)
        for seed in range(40)
    }
    assert places == {0, 1, 2, 3, 4}


def test_a_manifest_is_there_only_where_it_is_asked_for() -> None:
    assert not any(MANIFEST_NAME.fullmatch(f.name) for f in dataset(manifest=False))


@pytest.mark.parametrize("file_format", get_args(DatasetFormat))
def test_parts_lie_in_the_folder_of_the_export_that_was_begun_then(
    file_format: DatasetFormat,
) -> None:
    _, files = split(dataset(file_format))
    shape = re.compile(
        rf"inbound/feed/{DATASET}/exportTime=202603140926/"
        rf"part-0000(\d)-tid-\d{{19}}-{UUID}-\d+-1-c000\.{re.escape(file_format)}"
    )
    matches = [shape.fullmatch(file.key) for file in files]
    assert sorted(m[1] for m in matches if m) == ["0", "1", "2", "3"]


def test_the_time_in_names_is_utc() -> None:
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    files = deliver_aep_dataset(
        PREFIX, dataset_id=DATASET, count=5, parts=1, seed=7, now=tokyo, manifest=False
    )
    assert "exportTime=202603140926" in files[0].key


@pytest.mark.parametrize(
    ("file_format", "codec"), [("gz.parquet", "GZIP"), ("parquet", "UNCOMPRESSED")]
)
def test_parquet_holds_the_events_nested(file_format: DatasetFormat, codec: str) -> None:
    _, files = split(dataset(file_format))
    assert rows_of(files, parquet_rows) == xdm_events(200, seed=7, now=NOW)
    assert parquet_codec(files[0].body) == codec


def test_json_holds_an_event_a_line_with_identities_by_namespace() -> None:
    _, files = split(dataset("json.gz"))
    rows = rows_of(files, json_rows)
    assert rows == [xdm_json(event) for event in xdm_events(200, seed=7, now=NOW)]
    assert all(row["identityMap"]["ECID"][0]["primary"] for row in rows)
    assert any("Email" in row["identityMap"] for row in rows)
    assert all("commerce" in row for row in rows if row["eventType"] == "commerce.purchases")
    assert any("commerce" not in row for row in rows)


def test_events_are_of_the_day_before_the_export() -> None:
    for event in xdm_events(200, seed=7, now=NOW):
        assert NOW - timedelta(days=1) <= event["timestamp"] < NOW
        assert event["_acme"]["email"]


def test_an_audience_is_split_by_rows_and_named_by_destination_segment_and_time() -> None:
    _, files = split(segment())
    stem = f"inbound/feed/Amazon_S3_segment{SEGMENT}_20260314092600"
    assert {f.key for f in files} == {
        f"{stem}.csv",
        f"{stem}_2.csv",
        f"{stem}_3.csv",
        f"{stem}_4.csv",
    }
    assert all(len(csv_rows(f.body)) <= 60 for f in files)
    _, whole = split(segment(rows_per_file=5_000_000))
    assert [f.key for f in whole] == [f"{stem}.csv"]
    assert datetime.strptime("20260314092600", "%Y%m%d%H%M%S").replace(tzinfo=UTC) == NOW


def test_an_audience_is_flat_text_with_a_header_in_each_file() -> None:
    _, files = split(segment())
    rows = rows_of(files, csv_rows)
    assert [list(row) for row in rows] == [list(COLUMNS)] * len(rows)
    assert sorted(map(str, rows)) == sorted(
        str({k: v or "" for k, v in member.items()}) for member in aep_members(200, seed=7)
    )


def test_null_is_written_as_it_was_set() -> None:
    _, files = split(segment(null_text="NULL"))
    phones = [row["mobilePhone_number"] for row in rows_of(files, csv_rows)]
    missing = [m for m in aep_members(200, seed=7) if m["mobilePhone_number"] is None]
    assert missing
    assert phones.count("NULL") == len(missing)


def test_only_incremental_exports_name_members_who_left() -> None:
    def states(*, incremental: bool) -> set[str]:
        _, files = split(segment(incremental=incremental))
        return {row["segmentMembership_status"] for row in rows_of(files, csv_rows)}

    assert states(incremental=False) == {"active"}
    assert states(incremental=True) == {"active", "expired"}
