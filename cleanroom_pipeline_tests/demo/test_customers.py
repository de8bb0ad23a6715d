import csv
import itertools
import re
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.demo.customers import (
    Customer,
    customers,
    write_csv_shards,
    write_parquet_shards,
)
from cleanroom_pipeline.demo.locales import LOCALES

COLUMNS = (
    "customer_id", "email", "phone", "first_name", "last_name", "birth_date", "country", "state",
    "city", "postal_code", "signup_ts", "marketing_consent", "lifetime_value", "loyalty_tier",
    "notes",
)  # fmt: skip
POSTCODE_SHAPES = {
    "US": r"\d{5}",
    "GB": r"[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}",
    "DE": r"\d{5}",
    "FR": r"\d{5}",
    "ES": r"\d{5}",
    "IT": r"\d{5}",
    "JP": r"\d{3}-\d{4}",
    "IN": r"\d{6}",
    "BR": r"\d{5}-\d{3}",
    "MX": r"\d{5}",
    "CA": r"[A-Z]\d[A-Z] \d[A-Z]\d",
    "AU": r"\d{4}",
}
PHONES_OF_NOBODY = re.compile(
    r"\+1\d{3}55501\d{2}"  # kept for fiction in the North American plan
    r"|\+44(2079460\d{3}|1614960\d{3}|1314960\d{3}|7700900\d{3})"  # Ofcom
    r"|\+49(3023125|8999998|2214710|4066969|6990009)\d{3}"  # Bundesnetzagentur
    r"|\+33(19900|26191|35301|46571|63998)\d{4}"  # ARCEP
    r"|\+61[2378](5550|7010)\d{4}"  # ACMA
    r"|\+34400\d{6}|\+39200\d{7}"  # no such first digits are given out
    r"|\+81(3|6)0000\d{4}|\+8152000\d{4}"  # a local number does not begin with 0
    r"|\+91\d{2}0000\d{4}|\+55\d{2}0000\d{4}|\+52\d{2}0000\d{4}"
)
MAIL_DOMAIN_OF_NOBODY = re.compile(r"([a-z-]+\.)*example(\.com|\.org|\.net)?", re.IGNORECASE)


@pytest.fixture(scope="module")
def rows() -> list[Customer]:
    return list(customers(20_000, seed=7))


@given(seed=st.integers(), count=st.integers(0, 60), more=st.integers(0, 60))
def test_the_same_seed_gives_the_same_rows_however_many_are_asked_for(
    seed: int, count: int, more: int
) -> None:
    first = list(customers(count, seed=seed))
    assert len(first) == count
    assert first == list(itertools.islice(customers(count + more, seed=seed), count))


def test_another_seed_gives_other_rows() -> None:
    assert list(customers(50, seed=1)) != list(customers(50, seed=2))


def test_the_columns_are_those_of_the_warehouse_table() -> None:
    assert Customer._fields == COLUMNS


def test_twelve_countries_and_two_ways_of_writing_japanese_are_there(rows: list[Customer]) -> None:
    assert {row.country for row in rows} == set(POSTCODE_SHAPES)
    japanese = [row.last_name for row in rows if row.country == "JP" and row.last_name]
    assert any(name.isascii() for name in japanese)
    assert any(not name.isascii() for name in japanese)


def test_postcodes_have_the_shape_of_their_country(rows: list[Customer]) -> None:
    for row in rows:
        if row.postal_code is not None:
            assert re.fullmatch(POSTCODE_SHAPES[row.country], row.postal_code), row.postal_code


def test_dates_and_times_are_written_as_bigquery_writes_them(rows: list[Customer]) -> None:
    for row in rows:
        assert datetime.strptime(row.signup_ts, "%Y-%m-%d %H:%M:%S UTC").year >= 2017  # noqa: DTZ007 - UTC in the text
        assert row.birth_date is None or date.fromisoformat(row.birth_date).year >= 1935


@pytest.mark.parametrize(
    ("column", "pattern"),
    [
        ("email", r"[^@]*[A-Z][^@]*@.*"),
        ("email", r"\s+\S+@\S+"),
        ("email", r"\S+@\S+\s+"),
        ("email", r"[^@]+\+[^@]+@.*"),
        ("email", r"[^@]+\.[^@]+@.*"),
        ("email", r"[^@]+"),
        ("email", r".*@@.*"),
        ("email", r""),
        ("phone", r"\+\d+"),
        ("phone", r"\+\d+ .*"),
        ("phone", r"00\d+"),
        ("phone", r"0[1-9]\d* .*"),
        ("phone", r"\(0?\d+\) .*"),
        ("phone", r".*\(0\).*"),
        ("phone", r"\d+\.\d+\..*"),
        ("phone", r".* ext\. \d+"),
        ("phone", r"1-\d{3}-\d{3}-\d{4}"),
        ("phone", r""),
        ("marketing_consent", r"true"),
        ("marketing_consent", r"false"),
        ("marketing_consent", r"yes"),
        ("marketing_consent", r"no"),
        ("lifetime_value", r"\d+\.\d\d"),
        ("lifetime_value", r""),
        ("lifetime_value", r"n/a"),
        ("loyalty_tier", r"Test"),
        ("loyalty_tier", r"gold"),
        ("first_name", r".*[^\x00-\x7f].*"),
        ("last_name", r".*'.*"),
        ("last_name", r".* .*"),
        ("notes", r'.*".*'),
        ("notes", r".*,.*"),
        ("notes", r".*\n.*"),
        ("notes", r".*@.*"),
        ("notes", r".*\d{4}.*"),
    ],
)
def test_every_kind_of_untidiness_is_there(rows: list[Customer], column: str, pattern: str) -> None:
    values = (getattr(row, column) for row in rows)
    assert any(v is not None and re.fullmatch(pattern, v, re.DOTALL) for v in values)


def test_any_value_may_be_missing_but_the_key_the_country_and_the_time(
    rows: list[Customer],
) -> None:
    always_there = {c for c in COLUMNS if all(getattr(row, c) is not None for row in rows)}
    assert always_there == {"customer_id", "country", "signup_ts", "state"}


def test_rows_are_repeated_and_people_sign_up_twice(rows: list[Customer]) -> None:
    assert 0.01 < 1 - len(set(rows)) / len(rows) < 0.03
    ids_of_address: dict[str, set[str]] = {}
    for row in rows:
        if row.email and "@" in row.email:
            ids_of_address.setdefault(row.email.strip().lower(), set()).add(row.customer_id)
    twice = [ids for address, ids in ids_of_address.items() if address[0] != "@" and len(ids) == 2]
    assert len(twice) > 100


def test_nobody_real_can_be_written_to(rows: list[Customer]) -> None:
    texts = [text for row in rows for text in (row.email, row.notes) if text]
    domains = {d for text in texts for d in re.findall(r"@([\w.-]*\w)", text)}
    assert domains
    assert [d for d in domains if not MAIL_DOMAIN_OF_NOBODY.fullmatch(d)] == []


def test_nobody_real_can_be_called() -> None:
    for locale in LOCALES:
        for phone_range in locale.phones:
            nines = phone_range.spellings[0] % (("9",) * phone_range.digits)
            assert PHONES_OF_NOBODY.fullmatch(nines), nines


def test_csv_shards_are_named_and_headed_as_an_export_leaves_them(tmp_path: Path) -> None:
    paths = write_csv_shards(tmp_path, count=1_001, shards=3, seed=3)
    assert [path.name for path in paths] == [
        f"customers-00000000000{shard}.csv" for shard in range(3)
    ]
    read: list[tuple[str, ...]] = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            header, *lines = csv.reader(file)
        assert tuple(header) == COLUMNS
        assert len(lines) in (333, 334)
        read += map(tuple, lines)
    assert read == [tuple(v or "" for v in row) for row in customers(1_001, seed=3)]


def test_parquet_shards_hold_the_same_rows_in_the_types_of_the_warehouse(tmp_path: Path) -> None:
    paths = write_parquet_shards(tmp_path, count=1_001, shards=2, seed=3)
    table = pa.concat_tables([pq.read_table(path) for path in paths])
    types = dict.fromkeys(COLUMNS, "string")
    types |= {"birth_date": "date32[day]", "signup_ts": "timestamp[us, tz=UTC]"}
    assert {field.name: str(field.type) for field in table.schema} == types
    read = [
        row
        | {
            "birth_date": row["birth_date"] and str(row["birth_date"]),
            "signup_ts": f"{row['signup_ts']:%Y-%m-%d %H:%M:%S} UTC",
        }
        for row in table.to_pylist()
    ]
    assert read == [row._asdict() for row in customers(1_001, seed=3)]


def test_more_shards_than_rows_leave_shards_without_rows(tmp_path: Path) -> None:
    csv_paths = write_csv_shards(tmp_path, count=1, shards=3, seed=3)
    parquet_paths = write_parquet_shards(tmp_path, count=1, shards=3, seed=3)
    assert [len(p.read_text(encoding="utf-8").splitlines()) > 1 for p in csv_paths].count(True) == 1
    assert sum(pq.read_table(p).num_rows for p in parquet_paths) == 1
