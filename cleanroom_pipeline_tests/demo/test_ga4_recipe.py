"""What the recipe that we ship for Google Analytics 4 makes of exported events."""

import base64
import hashlib
import hmac
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cleanroom_pipeline.connector_types.profiles import recipe_text, shipped_recipes
from cleanroom_pipeline.demo.providers.bigquery_export import exported
from cleanroom_pipeline.demo.providers.ga4_bigquery_export import (
    GA4_SCHEMA,
    deliver_ga4_day,
    ga4_events,
)
from cleanroom_pipeline.recipe import parse_recipe
from cleanroom_pipeline.recipe.engine import EngineSettings, run_recipe
from cleanroom_pipeline.recipe.files import FileFormat, InputFile
from cleanroom_pipeline.recipe.lineage import column_lineage
from cleanroom_pipeline_tests.recipe.running import KEY, FixedSecrets

DAY, COUNT, SEED = date(2026, 3, 12), 400, 7
RECIPE = parse_recipe(shipped_recipes()["ga4_events.json"], name="ga4_events.json")
PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
COLUMNS = {
    "event_date": "date32[day]",
    "event_time": "timestamp[us]",
    "event_timestamp": "int64",
    "event_name": "string",
    "event_value_in_usd": "double",
    "user_hash": "string",
    "user_pseudo_hash": "string",
    "platform": "string",
    "device_category": "string",
    "device_operating_system": "string",
    "device_language": "string",
    "device_browser": "string",
    "geo_country": "string",
    "geo_region": "string",
    "geo_city": "string",
    "traffic_source": "string",
    "traffic_medium": "string",
    "traffic_name": "string",
    "page_location": "string",
    "page_title": "string",
    "page_referrer": "string",
    "currency": "string",
    "ga_session_id": "int64",
    "ga_session_number": "int64",
    "engagement_time_msec": "int64",
    "event_value": "double",
}


def hashed(text: str | None) -> str | None:
    if text is None:
        return None
    return base64.b64encode(hmac.digest(KEY, text.encode(), hashlib.sha256)).decode()


def flattened(event: dict[str, Any]) -> dict[str, Any]:
    """What the page on sources says that becomes of an event."""
    params = {one["key"]: one["value"] for one in event["event_params"]}

    def param(name: str, *kinds: str) -> Any:
        value = params.get(name, {})
        return next((value[kind] for kind in kinds if value.get(kind) is not None), None)

    location = param("page_location", "string_value")
    return {
        "event_date": datetime.strptime(event["event_date"], "%Y%m%d").date(),  # noqa: DTZ007 - a day has no zone
        "event_time": datetime.fromtimestamp(event["event_timestamp"] // 10**6, UTC).replace(
            tzinfo=None
        ),
        "event_timestamp": event["event_timestamp"],
        "event_name": event["event_name"],
        "event_value_in_usd": event["event_value_in_usd"],
        "user_hash": hashed(event["user_id"]),
        "user_pseudo_hash": hashed(event["user_pseudo_id"]),
        "platform": event["platform"],
        **{f"device_{n}": event["device"][n] for n in ("category", "operating_system", "language")},
        "device_browser": event["device"]["web_info"]["browser"],
        **{f"geo_{n}": event["geo"][n] for n in ("country", "region", "city")},
        **{f"traffic_{n}": event["traffic_source"][n] for n in ("source", "medium", "name")},
        "page_location": location and location.split("?")[0],
        "page_title": param("page_title", "string_value"),
        "page_referrer": param("page_referrer", "string_value"),
        "currency": param("currency", "string_value"),
        "ga_session_id": param("ga_session_id", "int_value"),
        "ga_session_number": param("ga_session_number", "int_value"),
        "engagement_time_msec": param("engagement_time_msec", "int_value"),
        "event_value": param("value", "double_value", "float_value", "int_value"),
    }


def run(files: dict[str, bytes], kind: Literal["parquet", "avro"], folder: Path) -> pa.Table:
    inputs = []
    for number, (name, body) in enumerate(files.items()):
        path = folder / str(number)
        path.write_bytes(body)
        inputs.append(InputFile(path, name))
    out = folder / "out"
    run_recipe(
        RECIPE,
        inputs,
        FileFormat(kind=kind),
        out,
        output="parquet",
        secrets=FixedSecrets(),
        settings=EngineSettings(),
    )
    return pa.concat_tables([pq.read_table(path) for path in sorted(out.rglob("*.parquet"))])


@pytest.fixture(scope="module", params=["parquet", "avro"])
def table(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    delivered = deliver_ga4_day("", DAY, count=COUNT, seed=SEED, age=3, file_format=request.param)
    files = {file.key: file.body for file in delivered}
    return run(files, request.param, tmp_path_factory.mktemp("ga4"))


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: sorted((k, str(v)) for k, v in row.items()))


def test_an_event_is_a_row_with_its_common_parameters_as_columns(table: pa.Table) -> None:
    expected = [flattened(event) for event in ga4_events(DAY, COUNT, seed=SEED)]
    assert any(row["event_value"] for row in expected)
    assert in_order(table.to_pylist()) == in_order(expected)


def test_columns_and_types_are_those_of_the_page(table: pa.Table) -> None:
    assert {field.name: str(field.type) for field in table.schema} == COLUMNS
    assert [name for name in COLUMNS if f"| `{name}` |" not in PAGE] == []


def test_an_event_without_parameters_and_one_without_a_user_stay(tmp_path: Path) -> None:
    like = ga4_events(DAY, 1, seed=SEED)[0]
    bare = [
        {**like, "event_params": [], "user_id": None},
        {**like, "event_params": None, "device": None, "geo": None, "traffic_source": None},
        {**like, "event_params": None, "device": None, "geo": None, "traffic_source": None},
    ]
    rows = run({"one": exported(bare, GA4_SCHEMA, "parquet")}, "parquet", tmp_path).to_pylist()
    assert len(rows) == 3
    assert [row["user_hash"] is None for row in rows].count(True) >= 1
    assert all(row["page_location"] is None for row in rows)
    assert sum(row["device_category"] is None for row in rows) == 2


@pytest.mark.parametrize(
    ("location", "kept"),
    [
        ("https://a.example/x?email=zoe%40example.org", "https://a.example/x"),
        ("https://a.example/x#zoe@example.org", "https://a.example/x"),
        ("https://a.example/u/zoe@example.org/cart", "https://a.example/u/(address)/cart"),
        ("https://a.example/u/zoe%40example.org", "https://a.example/u/(address)"),
    ],
)
def test_no_address_is_left_in_a_link(location: str, kept: str, tmp_path: Path) -> None:
    like = ga4_events(DAY, 1, seed=SEED)[0]
    value = dict.fromkeys(("string_value", "int_value", "float_value", "double_value"))
    links = [
        {"key": key, "value": {**value, "string_value": location}}
        for key in ("page_location", "page_referrer")
    ]
    event = {**like, "event_params": links}
    (row,) = run({"one": exported([event], GA4_SCHEMA, "parquet")}, "parquet", tmp_path).to_pylist()
    assert (row["page_location"], row["page_referrer"]) == (kept, kept)


def test_no_cell_names_anybody(table: pa.Table) -> None:
    events = ga4_events(DAY, COUNT, seed=SEED)
    names = {event["user_id"] for event in events} | {event["user_pseudo_id"] for event in events}
    cells = {unquote(str(cell)) for row in table.to_pylist() for cell in row.values()}
    assert not cells & (names - {None})
    assert [cell for cell in cells if "@" in cell] == []
    assert any("email=" in str(event["event_params"]) for event in events)


def test_lineage_leads_from_a_column_to_the_parameters() -> None:
    origins = column_lineage(RECIPE, GA4_SCHEMA.names)
    assert "event_params" in origins["ga_session_id"].in_words
    assert "device" in origins["device_browser"].in_words


def test_a_recipe_beside_the_yaml_is_taken_before_the_one_that_is_shipped(tmp_path: Path) -> None:
    assert recipe_text(tmp_path, "ga4_events.json") == shipped_recipes()["ga4_events.json"]
    (tmp_path / "ga4_events.json").write_text("[]")
    assert recipe_text(tmp_path, "ga4_events.json") == "[]"
    with pytest.raises(FileNotFoundError):
        recipe_text(tmp_path, "none.json")
