"""Looks for a secret in whatever a run leaves: files, databases in them, compressed parts of those.

Here: the forms that a secret may take, and where they are looked for. Not here: what is run.
"""

import base64
import gzip
import html
import json
import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from urllib.parse import quote, quote_plus

SHORTEST_PART = 12
BETWEEN = b"\n\0\n"


@cache
def forms(value: str) -> dict[str, bytes]:
    """Return what a value looks like after anyone's escaping, each by a name.

    The longest plain part of it stands for all that leave letters and digits alone, and for a value
    that was cut.
    """
    raw = value.encode()
    once, twice = json.dumps(value), json.dumps(json.dumps(value))
    found = {
        "raw": raw,
        "repr": repr(value)[1:-1].encode(),
        "JSON": once[1:-1].encode(),
        "JSON, not ASCII": json.dumps(value, ensure_ascii=False)[1:-1].encode(),
        "JSON in JSON": twice[3:-3].encode(),
        "URL": quote(value, safe="").encode(),
        "URL, slashes left": quote(value).encode(),
        "URL, form": quote_plus(value).encode(),
        "HTML": html.escape(value).encode(),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "UTF-16": value.encode("utf-16-le"),
        "backwards": raw[::-1],
    }
    for shift in range(3):
        # What stands before it moves a value within the groups of three bytes that become four.
        whole = base64.b64encode(b"\0" * shift + raw)
        certain = whole[(0, 2, 3)[shift] : len(whole) - (4 if whole.endswith(b"=") else 0)]
        found[f"base64, {shift}"] = certain
        found[f"base64 for URLs, {shift}"] = certain.translate(bytes.maketrans(b"+/", b"-_"))
    parts = re.findall(rf"[A-Za-z0-9]{{{SHORTEST_PART},}}", value)
    if parts:
        found["a part"] = max(parts, key=len).encode()
    return found


def found_in(data: bytes, secrets: Mapping[str, str]) -> set[str]:
    """Return which secrets are in the bytes, and in which form: `<name> (<form>)`."""
    return {
        f"{name} ({form})"
        for name, value in secrets.items()
        for form, looks in forms(value).items()
        if looks in data
    }


def unpacked(data: bytes) -> Iterator[bytes]:
    """Yield the bytes, and what they are when they were compressed."""
    yield data
    for unpack in (zlib.decompress, gzip.decompress):
        try:
            yield unpack(data)
        except (zlib.error, OSError, EOFError):
            continue


def contents(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file; of a database also its cells, which pages may have torn apart."""
    data = path.read_bytes()
    yield from unpacked(data)
    if data.startswith(b"SQLite format 3\0"):
        with closing(sqlite3.connect(path)) as database:
            # As one: looking into each of many small texts takes long.
            yield BETWEEN.join(part for cell in cells(database) for part in unpacked(cell))


def cells(database: sqlite3.Connection) -> Iterator[bytes]:
    """Yield every text and blob of a database."""
    database.text_factory = bytes
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        name = table.decode().replace('"', '""')
        for row in database.execute(f'SELECT * FROM "{name}"'):  # noqa: S608  # a name that the database gave, quoted
            yield from (cell for cell in row if isinstance(cell, bytes))


def leaks_in_folder(root: Path, secrets: Mapping[str, str]) -> list[str]:
    """Return every place under a folder where a secret is, names of files included."""
    return sorted(
        {
            f"{path.relative_to(root)}: {leak}"
            for path in root.rglob("*")
            for data in (
                str(path.relative_to(root)).encode(),
                *(contents(path) if path.is_file() else ()),
            )
            for leak in found_in(data, secrets)
        }
    )


def leaks_in(parts: Iterable[bytes], secrets: Mapping[str, str]) -> set[str]:
    """Return the secrets that are in any of the parts."""
    return {leak for part in parts for data in unpacked(part) for leak in found_in(data, secrets)}
