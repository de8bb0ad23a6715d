"""A customer table as BigQuery exports it: people of many countries, untidy as the real thing.

Here: how a row is drawn, and the files an export leaves. Not here: the names and numbers that it is
drawn from (`locales`), clicks (`click_events`), uploads.

Every value is made up from `locales` and a seed: the same count and seed give the same rows, in the
same order, on every machine. E-mail domains are those that RFC 2606 and RFC 6761 reserve.
"""

import csv
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cleanroom_pipeline.demo.locales import LOCALES, Locale, Name, PhoneRange, Place

_T = TypeVar("_T")
_Draw = Callable[[], float]

_ROWS_PER_ROW_GROUP = 50_000
_FIRST_SIGNUP = datetime(2017, 1, 1, tzinfo=UTC)
_SIGNUP_SECONDS = 8 * 365 * 24 * 3600
_TYPE_OF_COLUMN: dict[str, pa.DataType] = {
    "birth_date": pa.date32(),
    "signup_ts": pa.timestamp("us", tz="UTC"),
}

_MAIL_DOMAINS = (
    "example.com", "example.com", "example.org", "example.net", "gmail.example", "gmail.example",
    "outlook.example", "mail.example.com", "web-mail.example", "kaisha.example",
)  # fmt: skip
_LOCAL_PARTS = (
    "{given}.{family}{number}",
    "{given}.{family}{number}",
    "{given}{family}{number}",
    "{given}_{family}{number}",
    "{family}.{given}.{number}",
    "{number}{family}",
    "{given}.{family}{number}+news",
    "{given}{number}+shop-2024",
)
_EMAIL_SPELLINGS: tuple[Callable[[str], str], ...] = (
    *(str.lower,) * 7,
    str.upper,
    str.title,
    str.capitalize,
    lambda e: f"  {e}",
    lambda e: f"{e.title()}\t",
    lambda e: f" {e} ",
)
_BROKEN_EMAILS = ("", "   ", "n/a", "{given}.{family}", "{given}@", "{given}@@example.com", "@")
_NOTES = (
    'Said "call me {given}", wants the catalogue',
    "Moved house; new mail {email}, old one bounces",
    "Ring {phone} after 18:00, not before",
    "Complaint, see ticket:\n1) late parcel\n2) wrong size, colour",
    '"{given} {family}" <{email}>',
    "VIP",
    "prefers post,\r\nno calls to {phone}",
)
_CONSENTS = ("true", "true", "false", "yes", "no", "Yes", "TRUE", None)
_TIERS = ("bronze", "bronze", "bronze", "silver", "silver", "gold", "Bronze", None)


class Customer(NamedTuple):
    """One row of the table, all text as in a CSV export; None is SQL's NULL."""

    customer_id: str
    email: str | None
    phone: str | None
    first_name: str | None
    last_name: str | None
    birth_date: str | None
    country: str
    state: str | None
    city: str | None
    postal_code: str | None
    signup_ts: str
    marketing_consent: str | None
    lifetime_value: str | None
    loyalty_tier: str | None
    notes: str | None


class _Person(NamedTuple):
    """Who stands behind a row; someone who signs up twice stands behind two."""

    country: str
    given: Name
    family: Name
    email: str
    phone_range: PhoneRange
    phone_digits: tuple[str, ...]
    place: Place
    birth_date: str


def customers(count: int, *, seed: int) -> Iterator[Customer]:
    """`count` rows, one at a time.

    About 2 % repeat the row before (a delivery that happened twice), 2 % are the person before who
    signed up again with another spelling, and 2 % are test rows (`loyalty_tier` = Test). E-mail
    addresses of different people differ.
    """
    draw = random.Random(seed).random  # noqa: S311 - made-up people, no secret
    person = _person(draw, 0)
    row = _row(draw, person, 0)
    for number in range(count):
        if number:
            chance = draw()
            if chance < 0.96:
                person = _person(draw, number)
            if chance < 0.98:
                row = _row(draw, person, number)
        yield row


def write_csv_shards(directory: Path, *, count: int, shards: int, seed: int) -> list[Path]:
    """Write the rows to `customers-000000000000.csv` and so on, each with a header; their paths."""
    paths = []
    for path, rows in _sharded(directory, "csv", count=count, shards=shards, seed=seed):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(Customer._fields)
            writer.writerows(rows)
        paths.append(path)
    return paths


def write_parquet_shards(directory: Path, *, count: int, shards: int, seed: int) -> list[Path]:
    """Write the same rows as Parquet: `birth_date` DATE, `signup_ts` TIMESTAMP (UTC), else text."""
    schema = pa.schema(
        [(name, _TYPE_OF_COLUMN.get(name, pa.string())) for name in Customer._fields]
    )
    paths = []
    for path, rows in _sharded(directory, "parquet", count=count, shards=shards, seed=seed):
        with pq.ParquetWriter(path, schema) as writer:
            while chunk := list(itertools.islice(rows, _ROWS_PER_ROW_GROUP)):
                writer.write_table(_typed_table(chunk, schema))
        paths.append(path)
    return paths


def _sharded(
    directory: Path, extension: str, *, count: int, shards: int, seed: int
) -> Iterator[tuple[Path, Iterator[Customer]]]:
    """Each shard's path and its rows; the rows must be used up before the next shard is asked."""
    rows = customers(count, seed=seed)
    for shard in range(shards):
        size = count * (shard + 1) // shards - count * shard // shards
        path = directory / f"customers-{shard:012d}.{extension}"
        yield path, itertools.islice(rows, size)


def _typed_table(rows: Sequence[Customer], schema: pa.Schema) -> pa.Table:
    arrays = []
    for field, values in zip(schema, zip(*rows, strict=True), strict=True):
        texts = pa.array(values, pa.string())
        if pa.types.is_timestamp(field.type):
            texts = pc.replace_substring(texts, " UTC", "Z")
        arrays.append(texts.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _pick(draw: _Draw, items: Sequence[_T]) -> _T:
    return items[int(draw() * len(items))]


def _person(draw: _Draw, number: int) -> _Person:
    locale: Locale = _pick(draw, LOCALES)
    given = _pick(draw, locale.given_names)
    family = _pick(draw, locale.family_names)
    local_part = _pick(draw, _LOCAL_PARTS).format(
        given=given.latin, family=family.latin, number=number
    )
    phone_range = _pick(draw, locale.phones)
    digits = f"{int(draw() * 10**phone_range.digits):0{phone_range.digits}d}"
    born = int(draw() * 72 * 12 * 28)
    return _Person(
        country=locale.country,
        given=given,
        family=family,
        email=f"{local_part}@{_pick(draw, _MAIL_DOMAINS)}",
        phone_range=phone_range,
        phone_digits=tuple(digits),
        place=_pick(draw, locale.places),
        birth_date=f"{1935 + born // 336}-{1 + born // 28 % 12:02d}-{1 + born % 28:02d}",
    )


def _row(draw: _Draw, person: _Person, number: int) -> Customer:
    email = _spelled_email(draw, person)
    phone = _spelled_phone(draw, person)
    signed_up = _FIRST_SIGNUP + timedelta(seconds=int(draw() * _SIGNUP_SECONDS))
    return Customer(
        customer_id=f"CUST-{number:010d}",
        email=email,
        phone=phone,
        first_name=person.given.written if draw() < 0.97 else None,
        last_name=person.family.written if draw() < 0.98 else None,
        birth_date=person.birth_date if draw() < 0.94 else None,
        country=person.country,
        state=person.place.state,
        city=person.place.city if draw() < 0.97 else None,
        postal_code=_pick(draw, person.place.postcodes) if draw() < 0.96 else None,
        signup_ts=f"{signed_up:%Y-%m-%d %H:%M:%S} UTC",
        marketing_consent=_pick(draw, _CONSENTS),
        lifetime_value=_lifetime_value(draw),
        loyalty_tier="Test" if draw() < 0.02 else _pick(draw, _TIERS),
        notes=_notes(draw, person, email, phone) if draw() < 0.2 else None,
    )


def _spelled_email(draw: _Draw, person: _Person) -> str | None:
    chance = draw()
    if chance < 0.02:
        return None
    if chance < 0.05:
        broken = _pick(draw, _BROKEN_EMAILS)
        return broken.format(given=person.given.latin, family=person.family.latin)
    return _pick(draw, _EMAIL_SPELLINGS)(person.email)


def _spelled_phone(draw: _Draw, person: _Person) -> str | None:
    chance = draw()
    if chance < 0.08:
        return None if chance < 0.05 else ""
    return _pick(draw, person.phone_range.spellings) % person.phone_digits


def _lifetime_value(draw: _Draw) -> str | None:
    chance = draw()
    if chance < 0.1:
        return _pick(draw, ("", "n/a", None))
    return f"{(chance - 0.1) ** 4 * 5000:.2f}"


def _notes(draw: _Draw, person: _Person, email: str | None, phone: str | None) -> str:
    return _pick(draw, _NOTES).format(
        given=person.given.written,
        family=person.family.written,
        email=email or person.email,
        phone=phone or "?",
    )
