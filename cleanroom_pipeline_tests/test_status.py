from typing import Any

import pytest

from cleanroom_pipeline.status import published_of, status_text

BATCH, LATER = "20261124T120000Z-00000001", "20261125T120000Z-00000002"
SNAPSHOT: dict[str, Any] = {
    "Parameters": {"cleanroom.batch_id": BATCH, "recordCount": "7"},
    "StorageDescriptor": {
        "Location": "s3://b/t/",
        "Columns": [{"Name": "value", "Type": "double"}],
    },
}
DAYS: dict[str, Any] = SNAPSHOT | {
    "Parameters": {"cleanroom.last_batch_id": BATCH},
    "PartitionKeys": [{"Name": "day", "Type": "date"}],
}
PARTITIONS: list[dict[str, Any]] = [
    {"Parameters": {"cleanroom.batch_id": LATER, "recordCount": "7"}},
    {"Parameters": {"cleanroom.batch_id": BATCH, "recordCount": "5"}},
    {"Parameters": {}},
]


def text_of(published: dict[str, Any] | None) -> str:
    connector: dict[str, Any] = {
        "connector": "shop",
        "inbound_prefix": "inbound/shop/",
        "table": "marketing.shop",
        "published": published,
        "batches": [],
    }
    return status_text({"environment": {}, "connectors": [connector]}).splitlines()[-1].strip()


@pytest.mark.parametrize(
    ("table", "partitions", "told"),
    [
        (None, [], "table marketing.shop: not published yet"),
        (SNAPSHOT, [], f"table marketing.shop: 7 rows of batch {BATCH}"),
        (DAYS, PARTITIONS, f"table marketing.shop: 12 rows of 3 days, the last batch {LATER}"),
        (DAYS, PARTITIONS[2:], "table marketing.shop: 0 rows of 1 days"),
        (DAYS, [], "table marketing.shop: 0 rows of 0 days"),
    ],
)
def test_the_status_tells_what_readers_see(
    table: dict[str, Any] | None, partitions: list[dict[str, Any]], told: str
) -> None:
    assert text_of(published_of(table, partitions)) == told


def test_a_table_of_days_has_the_day_as_its_last_column() -> None:
    published = published_of(DAYS, PARTITIONS)
    assert published
    assert list(published["columns"].items()) == [("value", "double"), ("day", "date")]
