"""Which reader reads which kind of file.

Here: the one way from files to a source. Not here: how a kind is read (`reading`), or recipes.
"""

from collections.abc import Callable, Mapping, Sequence

from cleanroom_pipeline.recipe.files import FileFormat, InputFile, Kind, check_bad_rows
from cleanroom_pipeline.recipe.reading.avro_files import open_avro
from cleanroom_pipeline.recipe.reading.csv_files import open_csv
from cleanroom_pipeline.recipe.reading.json_files import open_json
from cleanroom_pipeline.recipe.reading.orc_files import open_orc
from cleanroom_pipeline.recipe.reading.parquet_files import open_parquet
from cleanroom_pipeline.recipe.reading.putting_aside import PutAside
from cleanroom_pipeline.recipe.reading.source import Source
from cleanroom_pipeline.recipe.reading.xlsx_files import open_xlsx
from cleanroom_pipeline.recipe.session import Session

_Reader = Callable[[Session, Sequence[InputFile], FileFormat, PutAside], Source]

_READERS: Mapping[Kind, _Reader] = {
    "csv": open_csv,
    "jsonl": open_json,
    "json": open_json,
    "parquet": open_parquet,
    "avro": open_avro,
    "orc": open_orc,
    "xlsx": open_xlsx,
}


def open_source(
    session: Session,
    files: Sequence[InputFile],
    format_: FileFormat,
    aside: PutAside | None = None,
) -> Source:
    """Return the files as one source. Raises FileReadError, or SchemaMismatchError.

    More bad rows than the format allows are an error, unless `aside` is given to collect them; then
    it is for the caller to count.
    """
    if not files:
        message = "a run needs at least one input file"
        raise ValueError(message)
    collected = aside or PutAside(format_.max_bad_rows)
    source = _READERS[format_.kind](session, files, format_, collected)
    if aside is None:
        check_bad_rows(collected.count, collected.first, collected.limit)
    return source
