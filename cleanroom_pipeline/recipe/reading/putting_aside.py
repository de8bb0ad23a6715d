"""Rows that can't be read, put aside so that the others can be.

Here: counting them, writing them to a quarantine file. Not here: telling a bad row from a good one.
"""

import base64
import json
import re
from pathlib import Path

from cleanroom_pipeline.recipe.files import BadRow

# What `text.ESCAPING` makes of bytes that are no text.
ESCAPED = re.compile("[\udc00-\udcff]")


class PutAside:
    """Collects bad rows: counts all, writes up to `limit` of them to a file of JSON Lines.

    A record holds file, line, reason and `raw`, the row as it stands; one that is not text in the
    file's encoding is `raw_base64` instead.
    """

    def __init__(self, limit: int, path: Path | None = None) -> None:
        self.limit = limit
        self.count = 0
        self.first: BadRow | None = None
        self._path = path

    def add(self, row: BadRow, raw: str, encoding: str) -> None:
        """Put one row aside."""
        self.first = self.first or row
        self.count += 1
        if self._path is None or self.count > self.limit:
            return
        record = {"file": row.file, "line": row.line, "reason": row.reason}
        if ESCAPED.search(raw):
            record["raw_base64"] = base64.b64encode(_bytes_of(raw, encoding)).decode("ascii")
        else:
            record["raw"] = raw
        with self._path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(record) + "\n")


def _bytes_of(raw: str, encoding: str) -> bytes:
    """Return the bytes that a text with escaped ones was read from."""
    return b"".join(
        bytes([ord(part) - 0xDC00]) if ESCAPED.match(part) else part.encode(encoding)
        for part in re.split("([\udc00-\udcff])", raw)
    )
