"""What a person wants to know of the pipeline: connectors, batches, published tables.

Here: reading it together from the definitions, the ledger and Glue. Not here: the terminal (`cli`).
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import dagster as dg

from cleanroom_pipeline.catalog.assets import TABLE_METADATA
from cleanroom_pipeline.catalog.reader import read_table
from cleanroom_pipeline.catalog.table_input import batch_of, rows_of
from cleanroom_pipeline.definitions import build_defs
from cleanroom_pipeline.inbound.assets import inbound_prefixes
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import Stage, utc_text
from cleanroom_pipeline.resources import build_resources

if TYPE_CHECKING:
    import pyarrow as pa

BATCHES_SHOWN = 10


class UnknownConnectorError(LookupError):
    """There is no connector of that name."""


def published_tables(definitions: dg.Definitions) -> dict[str, tuple[str, str]]:
    """Return each connector's database and table."""
    tables = {}
    for spec in definitions.resolve_all_asset_specs():
        if spec.key.path[-1] == Stage.GLUE_TABLE:
            database, _, table = str(spec.metadata[TABLE_METADATA]).partition(".")
            tables[spec.key.path[0]] = (database, table)
    return tables


def published_of(
    glue_table: Mapping[str, Any] | None, partitions: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any] | None:
    """Return what a Glue table, and its partitions if it has any, say of what readers see.

    `batch_id` is the newest of the batches that are shown; `days` is None where there are none.
    """
    if glue_table is None:
        return None
    partitioned = bool(glue_table.get("PartitionKeys"))
    shown = partitions if partitioned else [glue_table]
    keys = glue_table.get("PartitionKeys") or []
    return {
        "batch_id": max(filter(None, map(batch_of, shown)), default=None),
        "rows": sum(map(rows_of, shown)),
        "days": len(partitions) if partitioned else None,
        "location": glue_table["StorageDescriptor"]["Location"],
        "columns": {
            column["Name"]: column["Type"]
            for column in [*glue_table["StorageDescriptor"]["Columns"], *keys]
        },
    }


def batches_of(ledger: Ledger, connector: str) -> list[dict[str, Any]]:
    """Return the newest batches of a connector."""
    return [
        {
            "batch_id": batch.batch_id,
            "state": batch.state.value,
            "files": batch.files,
            "bytes": batch.size,
            "updated_at": utc_text(batch.updated_at),
        }
        for batch in islice(ledger.batches(connector), BATCHES_SHOWN)
    ]


def status_of(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the whole status as a document that JSON can hold."""
    definitions = build_defs()
    prefixes, tables = inbound_prefixes(definitions), published_tables(definitions)
    with dg.build_resources(build_resources(prefixes)) as resources:
        connectors = [
            {
                "connector": connector,
                "inbound_prefix": prefix,
                "table": ".".join(tables[connector]),
                "published": published_of(
                    resources.glue.get_table(*tables[connector]),
                    resources.glue.get_partitions(*tables[connector]),
                ),
                "batches": batches_of(resources.ledger, connector),
            }
            for connector, prefix in sorted(prefixes.items())
        ]
    return {"environment": dict(environment), "connectors": connectors}


def _published_text(published: Mapping[str, Any] | None) -> str:
    if published is None:
        return "not published yet"
    if published["days"] is None:
        return f"{published['rows']} rows of batch {published['batch_id']}"
    last = f", the last batch {published['batch_id']}" if published["batch_id"] else ""
    return f"{published['rows']} rows of {published['days']} days{last}"


def status_text(status: Mapping[str, Any]) -> str:
    """Return the status as lines for a person."""
    lines = [f"{name}={value}" for name, value in status["environment"].items()]
    for connector in status["connectors"]:
        published = connector["published"]
        lines += ["", f"{connector['connector']}  ({connector['inbound_prefix']})"]
        lines.append(f"  table {connector['table']}: {_published_text(published)}")
        lines += [
            f"  batch {batch['batch_id']}  {batch['state']:<9}  {batch['files']} files, "
            f"{batch['bytes']} bytes, {batch['updated_at']}"
            for batch in connector["batches"]
        ]
    return "\n".join(lines)


def published_rows(connector: str, limit: int) -> "pa.Table | None":
    """Read rows of a connector's table through its Glue entry; None if it is not published yet."""
    definitions = build_defs()
    tables = published_tables(definitions)
    if connector not in tables:
        raise UnknownConnectorError(
            f"There is no connector {connector!r}; there are {', '.join(sorted(tables))}."
        )
    with dg.build_resources(build_resources(inbound_prefixes(definitions))) as resources:
        glue_table = resources.glue.get_table(*tables[connector])
        return (
            None if glue_table is None else read_table(glue_table, resources.storage.session, limit)
        )
