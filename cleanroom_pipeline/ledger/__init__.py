"""The ledger: the one DynamoDB table that remembers arrivals, batches and external runs.

Here: what is written, under which keys and on which conditions. Not here: when a batch is whole
(`inbound.completion`), or a call to DynamoDB (`aws.dynamodb`).

Keys, and the reads that they serve. No read is a scan, and none on a sensor's tick grows with what
was taken in the past:

| item             | pk                     | sk                          | read by               |
|------------------|------------------------|-----------------------------|-----------------------|
| head             | `head#<connector>`     | `head`                      | one get, each tick    |
| pending object   | `pending#<connector>`  | `object <key> <version id>` | all, or a key range   |
| pending delivery | `pending#<connector>`  | `delivery <execution id>`   | all                   |
| taken object     | `taken#<connector>`    | `object <key> <version id>` | a key range           |
| taken delivery   | `taken#<connector>`    | `delivery <execution id>`   | no read: it is there  |
| position         | `position#<connector>` | `<stream>`                  | all                   |
| batch            | `batch#<connector>`    | `<batch id>`                | one, or newest first  |
| active batch     | `active#<connector>`   | `<batch id>`                | all, each tick        |
| empty delivery   | `empty#<connector>`    | `<revision>`                | newest first          |
| notice           | `notice`               | `<connector>#<state id>`    | all: those not told   |
| told notice      | `told`                 | `<connector>#<state id>`    | no read: it is there  |
| pull             | `pull#<connector>`     | `<end of what it asked for>`| the newest alone      |
| external run     | `run#<connector>`      | `<kind>#<reference>`        | one get, or a prefix  |

An object version is pending or taken, never both: a transaction moves it. What takes something from
the pending ones first raises the head's revision, on the condition that it is the one that was seen
before the pending ones were read. So a decision that rests on an older look is refused, and nothing
else has to be checked when it is carried out.

A batch is cut in steps of which each can be repeated: the manifest is written to S3; the head names
the batch as open (only one can be); its objects are moved; then, in one transaction, the batch is
recorded as cut and active, and no longer open. Whoever finds an open batch finishes it.

Taken items, empty deliveries, told notices and external runs expire. Pulls and batches stay: each
is small, and batches are the index of the manifests, in which older arrivals are found again
(`inbound.history`).
"""

from cleanroom_pipeline.ledger.items import (
    Delivery,
    EmptyDelivery,
    ExternalRun,
    Head,
    LedgerError,
    Outcome,
    Pending,
    PendingArrival,
)
from cleanroom_pipeline.ledger.table import Ledger

__all__ = [
    "Delivery",
    "EmptyDelivery",
    "ExternalRun",
    "Head",
    "Ledger",
    "LedgerError",
    "Outcome",
    "Pending",
    "PendingArrival",
]
