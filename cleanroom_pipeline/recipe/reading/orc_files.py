"""Reading ORC: converted to Parquet in the scratch folder, one stripe at a time.

Here: types that Parquet spells otherwise. Not here: reading Parquet.
"""

from collections.abc import Sequence

import pyarrow as pa
from pyarrow import orc

from cleanroom_pipeline.recipe.files import FileFormat, FileReadError, InputFile
from cleanroom_pipeline.recipe.reading.parquet_files import converted, parquet_source
from cleanroom_pipeline.recipe.reading.putting_aside import PutAside
from cleanroom_pipeline.recipe.reading.source import Source
from cleanroom_pipeline.recipe.session import Session

_DAMAGED = (pa.ArrowException, OSError, UnicodeDecodeError)


def open_orc(
    session: Session, files: Sequence[InputFile], _format: FileFormat, _aside: PutAside
) -> Source:
    """Return ORC files as one source. Times are read in microseconds, as Spark reads them."""
    return parquet_source(session, [_as_parquet(session, file) for file in files], "orc")


def _as_parquet(session: Session, file: InputFile) -> InputFile:
    try:
        opened = orc.ORCFile(file.path)
        declared = opened.schema
        stripes = opened.nstripes
    except _DAMAGED:
        raise FileReadError(file.name, "is not a whole ORC file") from None
    schema = pa.schema([field.with_type(readable_type(file, field)) for field in declared])
    with converted(session, file, schema) as (writer, made):
        for stripe in range(stripes):
            try:
                batch = opened.read_stripe(stripe)
                table = pa.Table.from_batches([batch]).cast(schema, safe=False)
                table.validate(full=True)
            except _DAMAGED:
                raise FileReadError(file.name, f"its stripe {stripe + 1} is damaged") from None
            writer.write_table(table)
    return made


def readable_type(file: InputFile, field: pa.Field) -> pa.DataType:
    """Return a field's type with times in microseconds; FileReadError for one that can't be read.

    https://orc.apache.org/docs/types.html: nanoseconds are all that a timestamp is stored in.
    """
    found: pa.DataType = field.type
    if pa.types.is_timestamp(found):
        return pa.timestamp("us", found.tz)
    if pa.types.is_struct(found):
        if not found.num_fields:
            raise FileReadError(file.name, f"field {field.name!r} is a struct without a field")
        inner = [found.field(place) for place in range(found.num_fields)]
        return pa.struct([part.with_type(readable_type(file, part)) for part in inner])
    if pa.types.is_map(found):
        key, item = (readable_type(file, part) for part in (found.key_field, found.item_field))
        return pa.map_(key, item)
    if pa.types.is_list(found):
        return pa.list_(readable_type(file, found.value_field))
    if pa.types.is_union(found):
        raise FileReadError(file.name, f"field {field.name!r} is a union, which is not read")
    return found
