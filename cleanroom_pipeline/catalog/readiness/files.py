"""Checks of the location and the files in it: LOC and FMT.

Here: what lies where, and whether it is Parquet. Not here: names and types.
"""

from collections.abc import Iterable

from cleanroom_pipeline.catalog.readiness.facts import Check, Severity, TableFacts, TableFile
from cleanroom_pipeline.catalog.table_input import SERDE

READABLE_SERDES = frozenset(
    {
        SERDE,
        "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        "org.openx.data.jsonserde.JsonSerDe",
        "org.apache.hive.hcatalog.data.JsonSerDe",
    }
)
# Spark passes over an object whose name begins so.
HIDDEN = ("_", ".")
SMALL_FILE = 100 * 10**6
LARGE_FILE = 10**9
MANY_FILES = 20


def _serde(facts: TableFacts) -> str | None:
    library: str | None = (facts.storage.get("SerdeInfo") or {}).get("SerializationLibrary")
    return library


def _says_parquet(facts: TableFacts) -> bool:
    return _serde(facts) == SERDE


def _is_hidden(file: TableFile) -> bool:
    return file.name.startswith(HIDDEN)


def location_is_no_folder(facts: TableFacts) -> Iterable[str]:
    """LOC-1."""
    places = {"table": facts.table_storage, facts.place: facts.storage}
    for place, storage in places.items():
        location = str(storage.get("Location") or "")
        if not location.startswith("s3://"):
            yield f"The {place}'s location is no s3:// address."
        elif not location.endswith("/"):
            yield f"The {place}'s location names a single object, or lacks its closing slash."


def location_holds_no_data(facts: TableFacts) -> Iterable[str]:
    """LOC-2."""
    if facts.partition is None:
        yield from no_data(facts)


def no_data(facts: TableFacts) -> Iterable[str]:
    """Tell of a location without data, for whatever lacks it: a table, or a partition."""
    if not any(file.size and not _is_hidden(file) for file in facts.data_files):
        below = "only in deeper folders" if facts.files != facts.data_files else "nowhere below it"
        yield f"No data object lies directly at the {facts.place}'s location, {below}."


def location_holds_other_things(facts: TableFacts) -> Iterable[str]:
    """LOC-3."""
    for file in facts.data_files:
        if file.size == 0:
            yield f"Object {file.name!r} at the {facts.place}'s location is empty."
        elif _is_hidden(file) or (_says_parquet(facts) and file.name.endswith(".json")):
            yield f"Object {file.name!r} at the {facts.place}'s location is no data file."


def serde_is_not_readable(facts: TableFacts) -> Iterable[str]:
    """FMT-1."""
    serde = _serde(facts)
    if serde not in READABLE_SERDES:
        yield f"The table is read with {serde}."


def files_are_not_parquet(facts: TableFacts) -> Iterable[str]:
    """FMT-2."""
    if not _says_parquet(facts):
        return
    for file in facts.data_files:
        if file.size and file.footer is None:
            yield f"Object {file.name!r} is not Parquet, and the table says that it is."


def files_have_a_bad_size(facts: TableFacts) -> Iterable[str]:
    """FMT-7."""
    sizes = [file.size for file in facts.data_files]
    small = sum(size < SMALL_FILE for size in sizes)
    large = sum(size > LARGE_FILE for size in sizes)
    if small > MANY_FILES:
        yield f"{small} of {len(sizes)} files are below 100 MB."
    if large:
        yield f"{large} of {len(sizes)} files are above 1 GB."


CHECKS = (
    Check(
        "LOC-1",
        Severity.ERROR,
        location_is_no_folder,
        "Let the location be the folder that holds the files, with a slash at its end.",
        "Clean Rooms user guide, associate-configured-table",
    ),
    Check(
        "LOC-2",
        Severity.ERROR,
        location_holds_no_data,
        "Let the location be the very folder that holds the files: a parent folder looks empty.",
        "Clean Rooms user guide, prepare-data-S3",
    ),
    Check(
        "LOC-3",
        Severity.ERROR,
        location_holds_other_things,
        "Move everything but data files out of the location.",
        "inferred: whatever is there is read as data",
    ),
    Check(
        "FMT-1",
        Severity.ERROR,
        serde_is_not_readable,
        "Use Parquet, OpenCSV or JSON.",
        "Clean Rooms user guide, data-formats",
    ),
    Check(
        "FMT-2",
        Severity.ERROR,
        files_are_not_parquet,
        "Remove the object, or correct the table's SerDe.",
        "inferred: a reader fails on it",
    ),
    Check(
        "FMT-7",
        Severity.WARNING,
        files_have_a_bad_size,
        "Aim for files of 100 MB to 1 GB.",
        "Clean Rooms user guide, data-formats",
    ),
)
