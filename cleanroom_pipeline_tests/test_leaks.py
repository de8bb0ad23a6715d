import base64
import json
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline_tests.leaks import forms, leaks_in, leaks_in_folder

SECRET = 'q"u\\o/t+e%27\u00e9\u4e16Zt8vL2mXw9K4nR7pJ'
SECRETS = {"secret": SECRET}
PLANTED = {
    "raw": SECRET.encode(),
    "JSON": json.dumps({"message": f"what {SECRET} is"}).encode(),
    "JSON in JSON": json.dumps({"event": json.dumps({"message": SECRET})}).encode(),
    "URL": b"?client_secret=" + quote(SECRET, safe="").encode() + b"&x=1",
    "hex": b"0x" + SECRET.encode().hex().encode(),
    **{
        f"base64, {shift}": base64.b64encode(b"x" * shift + SECRET.encode() + b"and more")
        for shift in range(3)
    },
    "a part": SECRET.encode()[-20:],
}


@pytest.mark.parametrize(("form", "data"), PLANTED.items(), ids=list(PLANTED))
def test_a_planted_secret_is_found_in_a_file(form: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "run.log").write_bytes(b"before " * 1000 + data + b" after" * 1000)
    assert f"deep/run.log: secret ({form})" in leaks_in_folder(tmp_path, SECRETS)


@pytest.mark.parametrize(("form", "data"), PLANTED.items(), ids=list(PLANTED))
@pytest.mark.parametrize("compressed", [False, True])
def test_a_planted_secret_is_found_in_a_database_across_its_pages(
    form: str, data: bytes, compressed: bool, tmp_path: Path
) -> None:
    # More than a page before it, so that the cell is torn apart; and no zeros, to be compressible.
    cell = b"x" * 4075 + data + b"y" * 9000
    with closing(sqlite3.connect(tmp_path / "runs.db")) as database:
        database.execute('CREATE TABLE "event ""logs""" (id INTEGER, body BLOB)')
        body = zlib.compress(cell) if compressed else cell
        database.execute('INSERT INTO "event ""logs""" VALUES (1, ?)', (body,))
        database.commit()
    assert f"runs.db: secret ({form})" in leaks_in_folder(tmp_path, SECRETS)


def test_a_planted_secret_is_found_in_a_name(tmp_path: Path) -> None:
    (tmp_path / SECRET[-20:]).touch()
    assert leaks_in_folder(tmp_path, SECRETS) == [f"{SECRET[-20:]}: secret (a part)"]


def test_where_nothing_is_planted_nothing_is_found(tmp_path: Path) -> None:
    (tmp_path / "run.log").write_text(f"The secret {SECRET[:8]} was not said.")
    assert leaks_in_folder(tmp_path, SECRETS) == []
    assert leaks_in([b"nothing", zlib.compress(b"nothing")], SECRETS) == set()


@given(
    value=st.text(st.characters(codec="utf-8"), min_size=8),
    before=st.binary(max_size=5),
    after=st.binary(max_size=5),
)
def test_base64_is_found_wherever_it_stands(value: str, before: bytes, after: bytes) -> None:
    encoded = base64.b64encode(before + value.encode() + after)
    found = {form for form in leaks_in([encoded], {"s": value}) if "base64" in form}
    assert f"s (base64, {len(before) % 3})" in found


def test_no_form_is_so_short_that_anything_would_be_found() -> None:
    assert min(len(form) for form in forms(SECRET).values()) >= 12
