"""Lists of files that a provider writes: read without trust, and held against what is there.

Here: JSON and CSV lists, and the decision over deliveries that such lists name. Not here: which
object is a list (`sentinel`, `provider_manifest`).
"""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cleanroom_pipeline.inbound.completion.decision import (
    Decision,
    Empty,
    Nothing,
    Waiting,
    Whole,
)
from cleanroom_pipeline.inbound.completion.patterns import PolicySettingError
from cleanroom_pipeline.model import Arrival

LARGEST_LIST_BYTES = 32 * 1024 * 1024
LONGEST_KEY = 1024
MOST_NAMES = 100
FIELD_PATH = re.compile(r"\.|[A-Za-z0-9_@$-]+(\.[A-Za-z0-9_@$-]+)*")
COLUMN = re.compile(r"[A-Za-z0-9_@$. -]+")
BUCKET_ADDRESS = re.compile(r"\As3[an]?://[a-z0-9.-]+/")
DIGITS = re.compile(r"[0-9]{1,18}")

RelativeTo = Literal["manifest", "prefix", "bucket"]


class FileListError(ValueError):
    """A list is not of the form that it must have; the message holds nothing of its content."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file that a list names; `size` in bytes, None where the list has no sizes."""

    name: str
    size: int | None


@dataclass(frozen=True, slots=True)
class ListForm:
    """Where a list keeps its names and sizes.

    In JSON, `files`, `name`, `size` and `folder` are paths of fields, with dots; `.` is the value
    itself. In CSV, they are columns: names in the header, or numbers from 1 where there is none.
    """

    kind: Literal["json", "csv"]
    name: str
    files: str = "."
    size: str | None = None
    folder: str | None = None

    def __post_init__(self) -> None:
        allowed = FIELD_PATH if self.kind == "json" else COLUMN
        for setting in ("files", "name", "size", "folder"):
            value = getattr(self, setting)
            if value is not None and not (len(value) <= 200 and allowed.fullmatch(value)):
                raise PolicySettingError(
                    setting, "must be a field, or fields with dots, of letters, digits, _ @ $ -"
                )
        if self.kind == "csv":
            self._check_columns()

    def _check_columns(self) -> None:
        if self.name.isdigit() and int(self.name) < 1:
            raise PolicySettingError("name", "columns count from 1")
        if self.size is not None and self.size.isdigit() != self.name.isdigit():
            raise PolicySettingError("size", "must be a number if name is one, and else a header")
        if self.size is not None and self.size.isdigit() and int(self.size) < 1:
            raise PolicySettingError("size", "columns count from 1")

    def read(self, content: bytes) -> tuple[ListedFile, ...]:
        """Return the files that a list names, each once; FileListError says why it can't."""
        if len(content) > LARGEST_LIST_BYTES:
            raise FileListError(f"it is larger than {LARGEST_LIST_BYTES} bytes")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise FileListError("it is not UTF-8") from error
        rows = self._of_json(text) if self.kind == "json" else self._of_csv(text)
        sizes: dict[str, int | None] = {}
        for number, listed in enumerate(rows, start=1):
            if sizes.setdefault(listed.name, listed.size) != listed.size:
                raise FileListError(f"entry {number} names a file again, with another size")
        return tuple(ListedFile(name, size) for name, size in sizes.items())

    def _of_json(self, text: str) -> Iterator[ListedFile]:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FileListError("it is no JSON") from error
        entries = _at(document, self.files, "it")
        if not isinstance(entries, list):
            raise FileListError(f"its field {self.files} is no list")
        for number, entry in enumerate(entries, start=1):
            at = f"entry {number}"
            name = _at(entry, self.name, at)
            size = None if self.size is None else _at(entry, self.size, at)
            folder = "" if self.folder is None else _at(entry, self.folder, at)
            yield _listed(name, size, folder, at)

    def _of_csv(self, text: str) -> Iterator[ListedFile]:
        try:
            rows = [row for row in csv.reader(text.splitlines(), strict=True) if row]
        except csv.Error as error:
            raise FileListError("it is no CSV") from error
        numbered = self.name.isdigit()
        header = [] if numbered else [column.strip() for column in rows[0]] if rows else []
        if not numbered and not rows:
            raise FileListError("it has no header")
        name_at = _column(self.name, header)
        size_at = None if self.size is None else _column(self.size, header)
        for number, row in enumerate(rows if numbered else rows[1:], start=1):
            at = f"line {number if numbered else number + 1}"
            if max(name_at, size_at or 0) >= len(row):
                raise FileListError(f"{at} has too few columns")
            size = None if size_at is None else row[size_at].strip()
            yield _listed(row[name_at].strip(), size, "", at)


def _at(document: Any, path: str, where: str) -> Any:
    for part in [] if path == "." else path.split("."):
        if not isinstance(document, Mapping) or part not in document:
            raise FileListError(f"{where} has no field {path}")
        document = document[part]
    return document


def _column(setting: str, header: Sequence[str]) -> int:
    if setting.isdigit():
        return int(setting) - 1
    if setting not in header:
        raise FileListError(f"it has no column {setting}")
    return header.index(setting)


def _listed(name: Any, size: Any, folder: Any, at: str) -> ListedFile:
    if not isinstance(name, str) or not isinstance(folder, str):
        raise FileListError(f"{at} has a name that is no text")
    # AEP's sinkPath begins with a slash; whether it ends in the file's name is not documented.
    folder = folder.removeprefix("/").removesuffix("/")
    if folder and folder.rpartition("/")[2] != name:
        name = f"{folder}/{name}"
    elif folder:
        name = folder
    if not is_safe_name(BUCKET_ADDRESS.sub("", name)):
        raise FileListError(f"{at} names a file outside of its folder, or is no name of a file")
    return ListedFile(name, _size(size, at))


def _size(size: Any, at: str) -> int | None:
    if size is None:
        return None
    if isinstance(size, str) and DIGITS.fullmatch(size):
        return int(size)
    if isinstance(size, int) and not isinstance(size, bool) and size >= 0:
        return size
    raise FileListError(f"{at} has a size that is no number of bytes")


def is_safe_name(name: str) -> bool:
    """Tell whether a name, appended to a folder, stays below it."""
    return (
        0 < len(name) <= LONGEST_KEY
        and name.isprintable()
        and "\\" not in name
        and not any(part in {"", ".", ".."} for part in name.split("/"))
    )


def folder_of(key: str) -> str:
    """Return the key up to its last slash, that one included."""
    return key[: key.rfind("/") + 1]


def folders_above(key: str) -> Iterator[str]:
    """Return the folders that a key is in, the deepest first; the last is the bucket's root, ""."""
    folder = folder_of(key)
    while folder:
        yield folder
        folder = folder_of(folder[:-1])
    yield ""


def keys_meant(list_key: str, name: str, relative_to: RelativeTo) -> Iterator[str]:
    """Return the keys that a name in a list may mean, the likeliest first.

    An address with a bucket (`s3://bucket/key`) means its key, whatever names are relative to. A
    list lies below its inbound prefix, so that prefix is one of the folders above the list. Only
    objects of that prefix are ever pending, so trying each folder can't reach a stranger's.
    """
    address = BUCKET_ADDRESS.match(name)
    if address is not None:
        yield name[address.end() :]
    elif relative_to == "manifest":
        yield folder_of(list_key) + name
    elif relative_to == "bucket":
        yield name
    else:
        for folder in reversed(list(folders_above(list_key))):
            yield folder + name


@dataclass(frozen=True, slots=True)
class FileList:
    """A list that is pending: the object, what it names, or what is wrong with it."""

    signal: Arrival
    files: tuple[ListedFile, ...] = ()
    error: str | None = None


def read_list(signal: Arrival, documents: Mapping[str, bytes], form: ListForm) -> FileList:
    """Read one list from the documents of a look."""
    content = documents.get(signal.key)
    if content is None:
        return FileList(signal, error="it could not be read yet")
    try:
        return FileList(signal, form.read(content))
    except FileListError as error:
        return FileList(signal, error=str(error))


@dataclass(slots=True)
class _Matcher:
    """Holds lists against what is there; it learns which list each object belongs to."""

    there: Mapping[str, Arrival]
    meant: Callable[[str, str], Iterator[str]]
    owners: dict[str, str] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)

    def match(self, listed: FileList) -> tuple[set[Arrival], list[str]]:
        """Return the files of a list that are there as named, and the names of the others."""
        found: set[Arrival] = set()
        missing: list[str] = []
        list_key = listed.signal.key
        for file in listed.files:
            keys = list(self.meant(list_key, file.name))
            key = next((key for key in keys if key in self.there), None)
            if key is None:
                missing.append(keys[0])
                continue
            self.named.add(key)
            arrival = self.there[key]
            if file.size not in {None, arrival.size}:
                missing.append(f"{key} (it has {arrival.size} bytes, not {file.size})")
            elif self.owners.setdefault(key, list_key) != list_key:
                missing.append(f"{key} (the earlier list {self.owners[key]} names it too)")
            else:
                found.add(arrival)
        return found, missing


def decide_by_lists(
    lists: Sequence[FileList],
    data: Sequence[Arrival],
    *,
    used_up: Sequence[Arrival],
    meant: Callable[[str, str], Iterator[str]],
) -> Decision:
    """Decide where each delivery is what one list names; the earliest list that is whole is taken.

    An object that several lists name, with the size that it has, belongs to the earliest of them,
    whether that one is whole or not: nothing is taken twice, and the later list says whom it waits
    for. `used_up` are signals that no list needs; `meant` gives the keys that a name may mean.
    """
    matcher = _Matcher({arrival.key: arrival for arrival in data}, meant)
    waits: list[Waiting] = []
    for listed in sorted(lists, key=lambda one: (one.signal.last_modified, one.signal.key)):
        decision = _decide_one(listed, matcher, used_up)
        if not isinstance(decision, Waiting):
            return decision
        waits.append(decision)
    return _waiting(waits, sorted(matcher.there.keys() - matcher.named))


def _decide_one(listed: FileList, matcher: _Matcher, used_up: Sequence[Arrival]) -> Decision:
    key = listed.signal.key
    if listed.error is not None:
        return Waiting(
            f"The list {key} can't be used: {listed.error}.",
            missing=(f"{key} (as a list that can be read)",),
        )
    if not listed.files:
        return Empty(f"The list {key} names no file.", signals=(listed.signal,))
    found, missing = matcher.match(listed)
    if missing:
        return Waiting(
            f"Of {len(listed.files)} files that {key} names, {len(missing)} are missing or differ.",
            missing=tuple(missing[:MOST_NAMES]),
        )
    sized = all(file.size is not None for file in listed.files)
    return Whole(
        tuple(sorted(found)),
        f"All {len(found)} files that {key} names are there"
        + (", of the sizes that it states." if sized else "."),
        signals=(listed.signal, *sorted(used_up)),
    )


def _waiting(waits: Sequence[Waiting], unnamed: Sequence[str]) -> Decision:
    said = [waits[0].reason] if waits else []
    if len(waits) > 1:
        said.append(f"{len(waits) - 1} later lists wait too.")
    if unnamed:
        shown = ", ".join(unnamed[:3]) + (", ..." if len(unnamed) > 3 else "")
        said.append(f"No list names {len(unnamed)} objects: {shown}.")
    if not said:
        return Nothing("No object and no list of files is waiting.")
    return Waiting(" ".join(said), missing=waits[0].missing if waits else ())
