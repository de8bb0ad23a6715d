"""What the recipes of the two demo connectors do to the demo's data."""

import base64
import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

import cleanroom_pipeline
from cleanroom_pipeline.connector_types.base import ConnectorBase
from cleanroom_pipeline.connector_types.check import CONNECTOR_TYPES
from cleanroom_pipeline.demo.click_events import click_events, to_json_lines
from cleanroom_pipeline.demo.customers import (
    Customer,
    customers,
    write_csv_shards,
    write_parquet_shards,
)
from cleanroom_pipeline.demo.locales import LOCALES
from cleanroom_pipeline.recipe import Recipe
from cleanroom_pipeline.recipe.engine import EngineSettings, run_recipe
from cleanroom_pipeline.recipe.files import FileFormat, InputFile, Kind

CONNECTORS = Path(cleanroom_pipeline.__file__).parent / "connectors"
SEED = 11
CUSTOMERS = 2_000
CLICKS = 2_000
KEY = b"a key for tests alone, 32 bytes!"
HASH = re.compile(r"[A-Za-z0-9+/]{43}=")
# Clean Rooms takes these names without quotes.
LEGAL_NAME = re.compile(r"[a-z_][a-z0-9_]{0,126}")


class TheKey:
    """The secret as Secrets Manager holds it: the key in base64."""

    def secret_string(self, secret_id: str, version: str | None) -> str:
        assert secret_id == "cleanroom/hmac-key"
        del version
        return base64.b64encode(KEY).decode()


def _hashed(text: str) -> str:
    return base64.b64encode(hmac.digest(KEY, text.encode(), hashlib.sha256)).decode()


def _address(row: Customer) -> str:
    address = (row.email or "").strip().lower()
    return address if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address) else ""


def _recipe(connector: str) -> Recipe:
    """The recipe as the connector has it run: with the steps that its settings put first."""
    folder = CONNECTORS / connector
    document = yaml.safe_load((folder / "defs.yaml").read_text(encoding="utf-8"))
    component: ConnectorBase = CONNECTOR_TYPES[document["type"]].resolve_from_yaml(
        yaml.safe_dump(document["attributes"]), scope={"env": lambda _name, default: default}
    )
    return component.read_recipe(folder)[0]


def _run(connector: str, paths: list[Path], kind: Kind, out: Path) -> Path:
    run_recipe(
        _recipe(connector),
        [InputFile(path, path.name) for path in paths],
        FileFormat(kind=kind),
        out,
        output="parquet",
        secrets=TheKey(),
        settings=EngineSettings(),
    )
    return out


def _table(out: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted(out.rglob("*.parquet"))])


@pytest.fixture(scope="module")
def published_customers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("customers")
    paths = write_csv_shards(folder, count=CUSTOMERS, shards=3, seed=SEED)
    return _run("bigquery_customers", paths, "csv", folder / "out")


@pytest.fixture(scope="module")
def published_clicks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clicks")
    path = folder / "clicks.json"
    events = click_events(CLICKS, seed=SEED, customers=CUSTOMERS)
    path.write_text("".join(to_json_lines(events)), encoding="utf-8")
    return _run("sfmc_click_events", [path], "jsonl", folder / "out")


def _input_customers() -> Iterator[Customer]:
    return customers(CUSTOMERS, seed=SEED)


def _phone_hashes(rows: list[Customer], folder: Path) -> dict[str, str | None]:
    """What the recipe makes of each row's phone, by customer id."""
    path = folder / "rows.parquet"
    valid = {"email": "someone@example.com", "loyalty_tier": "gold"}
    pq.write_table(pa.Table.from_pylist([row._asdict() | valid for row in rows]), path)
    table = _table(_run("bigquery_customers", [path], "parquet", folder / "out"))
    keys, hashes = (table[name].to_pylist() for name in ("customer_key", "phone_hash"))
    hash_of_key = dict(zip(keys, hashes, strict=True))
    return {row.customer_id: hash_of_key[_hashed(row.customer_id)] for row in rows}


@pytest.mark.parametrize("connector", ["bigquery_customers", "sfmc_click_events"])
def test_a_recipe_is_what_databrew_takes(connector: str) -> None:
    steps = json.loads((CONNECTORS / connector / "recipe.json").read_text(encoding="utf-8"))
    assert 0 < len(steps) <= 100
    for step in steps:
        assert set(step) <= {"Action", "ConditionExpressions"}
        for name, value in step["Action"]["Parameters"].items():
            assert re.fullmatch(r"[A-Za-z0-9]{1,128}", name)
            assert isinstance(value, str)
            assert value


def test_customers_have_these_columns_and_types(published_customers: Path) -> None:
    schema = _table(published_customers).schema
    assert [(field.name, str(field.type)) for field in schema] == [
        ("customer_key", "string"),
        ("email_hash", "string"),
        ("phone_hash", "string"),
        ("birth_year", "int32"),
        ("country", "string"),
        ("state", "string"),
        ("postal_area", "string"),
        ("signup_date", "date32[day]"),
        ("marketing_consent", "bool"),
        ("lifetime_value", "double"),
        ("loyalty_tier", "string"),
    ]


def test_clicks_have_these_columns_and_types(published_clicks: Path) -> None:
    schema = _table(published_clicks).schema
    assert [(field.name, str(field.type)) for field in schema] == [
        ("subscriber_hash", "string"),
        ("batch_id", "int64"),
        ("event_time", "timestamp[us]"),
        ("event_date", "date32[day]"),
        ("event_type", "string"),
        ("send_id", "int64"),
        ("link_id", "int64"),
        ("link_url", "string"),
    ]


@pytest.mark.parametrize("published", ["published_customers", "published_clicks"])
def test_clean_rooms_takes_every_column_name(
    published: str, request: pytest.FixtureRequest
) -> None:
    names = _table(request.getfixturevalue(published)).column_names
    assert [name for name in names if not LEGAL_NAME.fullmatch(name)] == []


def test_csv_and_parquet_deliveries_give_the_same_customers(
    published_customers: Path, tmp_path: Path
) -> None:
    paths = write_parquet_shards(tmp_path, count=CUSTOMERS, shards=2, seed=SEED)
    of_parquet = _table(_run("bigquery_customers", paths, "parquet", tmp_path / "out"))
    of_csv = _table(published_customers)
    assert of_parquet.schema.equals(of_csv.schema)
    assert _multiset(of_parquet) == _multiset(of_csv)


def _multiset(table: pa.Table) -> Counter[tuple[object, ...]]:
    return Counter(tuple(row.values()) for row in table.to_pylist())


def test_customers_are_the_real_ones_with_an_address_each_delivered_row_once(
    published_customers: Path,
) -> None:
    expected = {
        row.customer_id: _address(row)
        for row in _input_customers()
        if row.loyalty_tier != "Test" and _address(row)
    }
    table = _table(published_customers)
    found = zip(table["customer_key"].to_pylist(), table["email_hash"].to_pylist(), strict=True)
    assert Counter(found) == Counter(
        (_hashed(customer), _hashed(address)) for customer, address in expected.items()
    )


def test_every_spelling_of_a_phone_number_gives_one_hash(tmp_path: Path) -> None:
    like = next(_input_customers())
    rows: list[Customer] = []
    expected: dict[str, str | None] = {}
    for locale in LOCALES:
        for phone_range in locale.phones:
            digits = tuple("1234567890"[: phone_range.digits])
            for spelling in phone_range.spellings:
                id_, phone = str(len(rows)), spelling % digits
                rows.append(like._replace(customer_id=id_, country=locale.country, phone=phone))
                expected[id_] = _hashed(phone_range.spellings[0] % digits)
    assert _phone_hashes(rows, tmp_path) == expected


def test_what_is_no_phone_number_gives_no_hash(tmp_path: Path) -> None:
    like = next(_input_customers())
    junk = ["", "   ", "n/a", "unknown", "(   )    -   ", "?", "+"]
    rows = [
        like._replace(customer_id=f"{country} {phone}", country=country, phone=phone)
        for country in sorted({locale.country for locale in LOCALES})
        for phone in junk
    ]
    assert _phone_hashes(rows, tmp_path) == dict.fromkeys(row.customer_id for row in rows)


def test_no_phone_number_gives_no_hash(published_customers: Path) -> None:
    hashes = _table(published_customers)["phone_hash"]
    without = sum(
        1
        for row in set(_input_customers())
        if row.loyalty_tier != "Test" and _address(row) and not row.phone
    )
    assert hashes.null_count == without > 0
    assert _hashed("") not in hashes.to_pylist()


def test_values_of_customers_are_typed_and_tidy(published_customers: Path) -> None:
    expected = {
        _hashed(row.customer_id): {
            "birth_year": int(row.birth_date[:4]) if row.birth_date else None,
            "postal_area": row.postal_code[:3].strip() if row.postal_code else None,
            "signup_date": row.signup_ts[:10],
            "marketing_consent": {"true": True, "yes": True, "false": False, "no": False}.get(
                (row.marketing_consent or "").lower()
            ),
            "lifetime_value": (
                float(row.lifetime_value) if row.lifetime_value not in (None, "", "n/a") else None
            ),
            "loyalty_tier": row.loyalty_tier.lower() if row.loyalty_tier else None,
            "country": row.country,
            "state": row.state,
        }
        for row in _input_customers()
    }
    for row in _table(published_customers).to_pylist():
        row["signup_date"] = str(row["signup_date"])
        wanted = expected[row["customer_key"]]
        assert {name: row[name] for name in wanted} == wanted


def test_clicks_have_their_times_in_utc_and_their_landing_pages_without_the_query(
    published_clicks: Path,
) -> None:
    expected = {
        (
            _hashed(event["SubscriberKey"].lower()),
            _in_utc(event["EventDate"]),
            int(event["SendID"]),
            event["EventType"].lower(),
            re.split(r"[?#]", event["URL"])[0],
        )
        for event in click_events(CLICKS, seed=SEED, customers=CUSTOMERS)
    }
    rows = _table(published_clicks).to_pylist()
    assert len(rows) == len(expected)
    assert {
        (
            row["subscriber_hash"],
            row["event_time"],
            row["send_id"],
            row["event_type"],
            row["link_url"],
        )
        for row in rows
    } == expected
    assert all(row["event_date"] == row["event_time"].date() for row in rows)


def _in_utc(marketing_cloud_time: str) -> datetime:
    """Marketing Cloud's times are six hours behind UTC all year round."""
    return datetime.fromisoformat(marketing_cloud_time) + timedelta(hours=6)


def test_a_subscriber_key_counts_as_the_address_it_spells_and_none_counts_for_nothing(
    tmp_path: Path,
) -> None:
    keys = ["jane@example.com", " Jane@Example.com ", "JANE@EXAMPLE.COM", "", "  "]
    like = next(click_events(1, seed=SEED))
    events = [like | {"SubscriberKey": k, "URLID": str(n)} for n, k in enumerate(keys)]
    path = tmp_path / "clicks.json"
    path.write_text("".join(to_json_lines(events)), encoding="utf-8")
    table = _table(_run("sfmc_click_events", [path], "jsonl", tmp_path / "out"))
    assert table["subscriber_hash"].to_pylist() == [_hashed("jane@example.com")] * 3


def test_the_two_tables_join_on_the_hash(published_customers: Path, published_clicks: Path) -> None:
    known = pc.unique(_table(published_customers)["email_hash"])
    subscribers = _table(published_clicks)["subscriber_hash"]
    share = pc.mean(pc.is_in(subscribers, value_set=known).cast(pa.float64())).as_py()
    assert 0.8 < share < 0.95


def _personal_texts() -> set[str]:
    """Every way in which the input of both tables names someone."""
    texts: set[str] = set()
    for row in _input_customers():
        texts |= {row.customer_id, row.email or "", _address(row), _address(row).partition("@")[0]}
        texts |= {row.phone or "", re.sub(r"\D", "", row.phone or ""), row.notes or ""}
        texts |= {row.first_name or "", row.last_name or "", row.birth_date or ""}
    for event in click_events(CLICKS, seed=SEED, customers=CUSTOMERS):
        texts |= {event["SubscriberKey"], event["ObjectID"]}
        texts |= {value for _, value in parse_qsl(urlsplit(event["URL"]).query) if "@" in value}
    return {text.strip() for text in texts}


@pytest.mark.parametrize("published", ["published_customers", "published_clicks"])
def test_no_cell_names_anybody(published: str, request: pytest.FixtureRequest) -> None:
    table = _table(request.getfixturevalue(published))
    cells: set[str] = set()
    for name in table.column_names:
        values = {str(value) for value in table[name].to_pylist() if value is not None}
        if name.endswith(("_hash", "_key")):
            assert [value for value in values if not HASH.fullmatch(value)] == []
        else:
            cells |= values
    assert cells
    everything = "\n".join(sorted(cells)).casefold()
    named = [text for text in _personal_texts() if len(text) >= 3 and text.casefold() in everything]
    assert named == []


@pytest.mark.parametrize("published", ["published_customers", "published_clicks"])
def test_no_byte_of_the_files_names_anybody(published: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(published)
    raw = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    # Fewer bytes than these stand among hashes by chance.
    fewest = 6
    windows = {raw[at : at + fewest] for at in range(len(raw) - fewest + 1)}
    encoded = {text.encode() for text in _personal_texts()}
    long_enough = {text for text in encoded if len(text) >= fewest}
    assert len(long_enough) > CUSTOMERS
    assert [text for text in long_enough if text[:fewest] in windows and text in raw] == []


def test_the_area_of_a_postcode_is_no_whole_postcode(published_customers: Path) -> None:
    whole = {row.postal_code for row in _input_customers()}
    areas = set(_table(published_customers)["postal_area"].to_pylist())
    assert areas & whole == {None}
