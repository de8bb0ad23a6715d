"""The cursor of a connector's sensor: small, versioned, and nothing is lost with it.

Here: what one tick leaves for the next. Not here: anything that must not be forgotten (`ledger`).
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from cleanroom_pipeline.inbound.reconcile import Pass
from cleanroom_pipeline.model import utc_moment, utc_text

CURSOR_VERSION = 2


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the pass over the bucket is, and when the last one that was finished began."""

    listing: Pass | None = None
    reconciled_at: datetime | None = None

    def to_text(self) -> str:
        """Return the cursor as Dagster keeps it."""
        document: dict[str, object] = {"version": CURSOR_VERSION}
        if self.reconciled_at:
            document["reconciled_at"] = utc_text(self.reconciled_at)
        if self.listing and self.listing.started_at:
            document["after"] = self.listing.after
            document["started_at"] = utc_text(self.listing.started_at)
        return json.dumps(document)

    @classmethod
    def from_text(cls, text: str | None) -> Self:
        """Read a cursor; one that is missing, older or damaged is a new one."""
        try:
            document = json.loads(text or "{}")
            if document.get("version") != CURSOR_VERSION:
                return cls()
            listing = None
            if "started_at" in document:
                listing = Pass(str(document["after"]), utc_moment(document["started_at"]))
            reconciled = document.get("reconciled_at")
            return cls(listing, utc_moment(reconciled) if reconciled else None)
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()
