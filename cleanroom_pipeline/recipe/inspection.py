"""Looking into a file: what it holds, whether all of it can be read.

Here: one file by itself, read whole in bounded memory. Not here: running recipes.
"""

import tempfile
from pathlib import Path

from cleanroom_pipeline.recipe.errors import EngineError
from cleanroom_pipeline.recipe.files import (
    TEXT_KINDS,
    FileFormat,
    FileReadError,
    FileSummary,
    InputFile,
)
from cleanroom_pipeline.recipe.reading.putting_aside import PutAside
from cleanroom_pipeline.recipe.reading.text import is_plain
from cleanroom_pipeline.recipe.session import Session
from cleanroom_pipeline.recipe.sources import open_source


def inspect_file(
    file: InputFile, format_: FileFormat, *, quarantine: Path | None = None
) -> FileSummary:
    """Return a file's columns, row count and bad rows; reads all of it, in bounded memory.

    Up to `max_bad_rows` bad rows are written to `quarantine`, as JSON Lines; more are counted, and
    are for the caller to judge, who knows the whole batch. Raises FileReadError for a file that is
    not what its format says.
    """
    aside = PutAside(format_.max_bad_rows, quarantine)
    with (
        tempfile.TemporaryDirectory(prefix="recipe-") as scratch,
        Session(Path(scratch), memory_limit="512MB", threads=None) as session,
    ):
        try:
            source = open_source(session, [file], format_, aside)
            rows = source.count_rows(whole=True)
        except EngineError as error:
            # Nothing but this file is read here; a lack of memory is no fault of it.
            if type(error) is not EngineError:
                raise
            raise FileReadError(file.name, "is damaged") from None
        return FileSummary(
            columns=source.stored,
            rows=rows,
            kind=source.kind,
            plain=format_.kind not in TEXT_KINDS or is_plain(file, format_.encoding),
            bad_rows=aside.count,
            first_bad=aside.first,
        )
