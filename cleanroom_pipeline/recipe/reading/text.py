"""Text files as UTF-8 without packing, which is what DuckDB is given.

Here: encodings, byte order marks, rewriting in the scratch folder. Not here: what the text says.
"""

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from cleanroom_pipeline.recipe.files import FileReadError, InputFile
from cleanroom_pipeline.recipe.reading.compression import codec_of, read_chunks
from cleanroom_pipeline.recipe.reading.source import linked
from cleanroom_pipeline.recipe.session import Session

BOM = "\ufeff"
ESCAPING = "cleanroom-escaping"


def _escaping(error: UnicodeError) -> tuple[str, int]:
    """Stand U+DC00 plus the byte for each byte that is no text; no text decodes to those."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in wrong), error.end


codecs.register_error(ESCAPING, _escaping)


def encoding_of(name: str, encoding: str) -> str:
    """Return Python's name of an encoding; FileReadError for `name` when there is none such."""
    try:
        found = codecs.lookup(encoding).name
        # Refused for a codec of another use than text, such as rot13.
        b"a".decode(found, "replace")
    except LookupError:
        raise FileReadError(name, f"the encoding {encoding!r} is not known") from None
    return "utf-8" if found == "utf-8-sig" else found


def has_bom(path: Path) -> bool:
    """Say whether a file begins with the byte order mark of UTF-8."""
    with path.open("rb") as stream:
        return stream.read(3) == codecs.BOM_UTF8


def is_plain(file: InputFile, encoding: str) -> bool:
    """Say whether any reader takes the file for UTF-8: gzip must show in its name."""
    codec = codec_of(file.path)
    packed_as_named = (codec == "gzip") == file.name.lower().endswith(".gz")
    utf8 = encoding_of(file.name, encoding) == "utf-8" and not has_bom(file.path)
    return utf8 and codec in {None, "gzip"} and packed_as_named


def utf8_file(session: Session, file: InputFile, encoding: str, *, bom: bool = False) -> InputFile:
    """Return the file as plain UTF-8 bytes, rewritten in chunks where it is not; `bom` may stay.

    UTF-8 itself is not checked here: who reads it tells the line of what is wrong.
    """
    python_name = encoding_of(file.name, encoding)
    packed = codec_of(file.path) is not None
    if python_name == "utf-8" and not packed and (bom or not has_bom(file.path)):
        return InputFile(Path(linked(session, file)), file.name)
    chunks = read_chunks(file)
    if python_name == "utf-8":
        chunks = _without_bom(chunks)
    else:
        chunks = _recoded(chunks, python_name, file.name, encoding)
    rewritten = session.scratch / f"utf8-{len(session.sources):05d}"
    with rewritten.open("wb") as out:
        out.writelines(chunks)
    return InputFile(Path(linked(session, InputFile(rewritten, file.name))), file.name)


def unpacked_file(session: Session, file: InputFile) -> InputFile:
    """Return the file, its bytes unpacked in the scratch folder if they are packed."""
    if codec_of(file.path) is None:
        return file
    unpacked = session.scratch / f"unpacked-{len(session.sources):05d}"
    with unpacked.open("wb") as out:
        out.writelines(read_chunks(file))
    return InputFile(unpacked, file.name)


def _without_bom(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for number, chunk in enumerate(chunks):
        yield chunk if number else chunk.removeprefix(codecs.BOM_UTF8)


def _recoded(
    chunks: Iterable[bytes], python_name: str, name: str, encoding: str
) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(python_name)()
    begin, read = True, 0
    for chunk in chain(chunks, (b"",)):
        held = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeError as error:
            place = getattr(error, "start", 0) + read - held
            reason = f"is not text in the encoding {encoding!r}"
            raise FileReadError(name, reason, byte=place) from None
        read += len(chunk)
        if begin and text:
            text, begin = text.removeprefix(BOM), False
        yield text.encode("utf-8", "surrogatepass")
