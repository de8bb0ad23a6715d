"""What the applications behind AppFlow's connectors hold: records by connector and entity.

Here: storing records, and knowing which a flow has had. Not here: flows and their executions.
"""

import json
import threading
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]
SourceKey = tuple[str, str]
PULLS = ("all", "new")


@dataclass
class Source:
    """One entity: its records, each with a number that only grows; `pull` "new" gives one once."""

    records: list[tuple[int, Record]] = field(default_factory=list)
    last: int = 0
    pull: str = "all"


class Sources:
    """All entities. A pull gives all records, as an on-demand flow does, or only the new ones."""

    def __init__(self) -> None:
        self._sources: dict[SourceKey, Source] = {}
        self._delivered: dict[tuple[str, SourceKey], int] = {}
        self._lock = threading.Lock()

    def fill(self, key: SourceKey, lines: bytes, *, replace: bool, pull: str = "all") -> int:
        """Store JSON Lines in place of what was there, or after it; ValueError names a bad line.

        `pull`: "all" or "new". Returns how many records are stored now.
        """
        if pull not in PULLS:
            raise ValueError(f"pull must be one of {', '.join(PULLS)}.")
        records = parse_lines(lines)
        with self._lock:
            source = self._sources.setdefault(key, Source())
            source.pull = pull
            if replace:
                source.records = []
            source.records += [(source.last + n, record) for n, record in enumerate(records, 1)]
            source.last += len(records)
            return len(source.records)

    def pull(
        self, flow: str, key: SourceKey, *, only_new: bool = False
    ) -> tuple[list[Record], int]:
        """Return what a pull by `flow` gives now, and the mark to confirm once it is delivered.

        With `only_new` that is what the flow has not had, whatever the source's own way.
        """
        with self._lock:
            source = self._sources.get(key, Source())
            once = only_new or source.pull == "new"
            seen = self._delivered.get((flow, key), 0) if once else 0
            return [record for number, record in source.records if number > seen], source.last

    def confirm(self, flow: str, key: SourceKey, mark: int) -> None:
        """Remember that `flow` has everything up to `mark`."""
        with self._lock:
            self._delivered[flow, key] = max(mark, self._delivered.get((flow, key), 0))

    def dump(self) -> Any:
        """Return all, for a snapshot."""
        with self._lock:
            return dict(self._sources), dict(self._delivered)

    def restore(self, content: Any) -> None:
        """Take over what `dump` returned."""
        with self._lock:
            self._sources, self._delivered = content

    def clear(self) -> None:
        """Forget all."""
        self.restore(({}, {}))


def parse_lines(lines: bytes) -> list[Record]:
    """Return the records of JSON Lines; ValueError names the first line that is no JSON object."""
    records = []
    for number, line in enumerate(lines.splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            raise ValueError(f"Line {number} is no JSON.") from None
        if not isinstance(record, dict):
            raise ValueError(f"Line {number} is no JSON object.")  # noqa: TRY004  # as for a line that is no JSON at all
        records.append(record)
    return records
