"""Names and settings of what we make in DataBrew, and which states it has.

Here: pure functions from a batch to names, tags and format options. Not here: calls, or waiting.
"""

import re
from collections.abc import Mapping
from typing import Any

from cleanroom_pipeline.external_runs import States
from cleanroom_pipeline.model import BATCH_ID, RESOURCE_TAG
from cleanroom_pipeline.recipe.files import FileFormat

# botocore's DataBrew model, shape JobRunState; a test holds this against it.
JOB_RUN_STATES = States(
    service="DataBrew",
    going=frozenset({"STARTING", "RUNNING", "STOPPING"}),
    good=frozenset({"SUCCEEDED"}),
    bad=frozenset({"FAILED", "TIMEOUT", "STOPPED"}),
)
ADOPTABLE_STATES = frozenset({"STARTING", "RUNNING"})

PARITY_SUFFIX = "-parity"
BATCH_TAG = "cleanroom:batch"

FORMATS: dict[str, str] = {"csv": "CSV", "jsonl": "JSON", "parquet": "PARQUET"}


def job_name(connector: str, batch_id: str) -> str:
    """Return the name of the job, and of its dataset: one per batch, so that a start can adopt."""
    return f"{connector}-{batch_id}"


def recipe_name(connector: str, recipe_sha256: str) -> str:
    """Return the recipe's name: it tells the content, so that a published one never changes."""
    return f"{connector}-{recipe_sha256[:12]}"


def batch_of_job(connector: str, name: str) -> str | None:
    """Return the batch that a job, or a dataset, of a connector is for; None where it is none.

    Those that were made to compare the engines are for none.
    """
    batch_id = name.removeprefix(f"{connector}-")
    return batch_id if batch_id != name and BATCH_ID.fullmatch(batch_id) else None


def is_recipe_of(connector: str, name: str) -> bool:
    """Tell whether a recipe is one that we made for a connector."""
    return bool(re.fullmatch(re.escape(connector) + "-[0-9a-f]{12}", name))


def tags_of(connector: str, own: Mapping[str, str], batch_id: str | None = None) -> dict[str, str]:
    """Return the tags of what we make: the connector's own, and what tells whose it is."""
    batch = {BATCH_TAG: batch_id} if batch_id else {}
    return {**own, RESOURCE_TAG: connector, **batch}


def reads_as_they_are(
    file_format: FileFormat, *, plain: bool, uniform: bool, bad_rows: int
) -> bool:
    """Say whether DataBrew reads a batch's files as we do; else they are converted to Parquet.

    CreateDataset can tell it a CSV file's delimiter and header, and nothing of quotes, encodings or
    nulls; columns it takes from the first file. What is said of the files is in `InboundSummary`.
    """
    standard = (file_format.quote, file_format.escape_character, file_format.null_text)
    as_expected = file_format.kind != "csv" or standard == ('"', '"', "")
    return file_format.kind in FORMATS and plain and uniform and not bad_rows and as_expected


def dataset_format(file_format: FileFormat) -> dict[str, Any]:
    """Return `Format` and `FormatOptions` of CreateDataset."""
    request: dict[str, Any] = {"Format": FORMATS[file_format.kind]}
    if file_format.kind == "csv":
        request["FormatOptions"] = {
            "Csv": {"Delimiter": file_format.delimiter, "HeaderRow": file_format.header}
        }
    elif file_format.kind == "jsonl":
        # MultiLine false is what DataBrew calls JSON Lines.
        request["FormatOptions"] = {"Json": {"MultiLine": False}}
    return request
