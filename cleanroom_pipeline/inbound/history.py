"""What was taken so long ago that the ledger no longer remembers it.

Here: telling, from the manifests, which objects a batch had before their items expired. Not here:
the ledger's items (`ledger`), and what becomes of the objects that no batch had.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.inbound.manifest import moment_of
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.ledger.items import TAKEN_KEPT
from cleanroom_pipeline.model import Arrival, BatchState
from cleanroom_pipeline.records import read_manifest

# The ledger keeps time by our clock, S3 by its own; a day covers any difference.
CLOCKS_DIFFER = timedelta(days=1)


def may_be_forgotten(arrival: Arrival, at: datetime) -> bool:
    """Tell whether an object is old enough to have been taken, and that to have expired."""
    return arrival.last_modified < at - TAKEN_KEPT + CLOCKS_DIFFER


def remember(
    storage: S3Storage,
    ledger: Ledger,
    connector: str,
    arrivals: Iterable[Arrival],
    *,
    at: datetime,
) -> list[Arrival]:
    """Put back what a batch had, and return what none had. Reads manifests, the newest first."""
    unknown = {
        (arrival.key, arrival.version_id): arrival
        for arrival in arrivals
        if ledger.taken_by(connector, arrival) is None
    }
    oldest = min((one.last_modified for one in unknown.values()), default=at) - CLOCKS_DIFFER
    for batch in ledger.batches(connector):
        cut_at = moment_of(batch.batch_id)
        # A batch that is older than an object can't have had it.
        if not unknown or cut_at < oldest:
            break
        if batch.state is BatchState.REPLACED:
            continue
        manifest = read_manifest(storage, connector, batch.batch_id)
        identities = ((file.key, file.version_id) for file in (*manifest.files, *manifest.signals))
        had = [unknown.pop(identity) for identity in identities if identity in unknown]
        ledger.record_taken(connector, batch.batch_id, had, at=at)
    return list(unknown.values())
