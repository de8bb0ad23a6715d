"""A snapshot of everything the local AWS holds, so that a restart goes on where it stopped.

Here: the file, its checks, and how moto's state is pickled. Not here: when one is taken.
"""

import hashlib
import importlib
import io
import json
import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import moto
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from moto.core.base_backend import BackendDict, BaseBackend
from moto.s3.models import s3_backends
from moto.s3.utils import _VersionedKeyStore

FORMAT = 3
RLOCK = type(threading.RLock())
LOCK = type(threading.Lock())

BackendKey = tuple[str, str, str, str]
"""(module, attribute, account, region)"""


class SnapshotError(RuntimeError):
    """A snapshot can't be used: it says why, and what to do."""


def _private_key(der: bytes) -> Any:
    return load_der_private_key(der, None)


def _set_versions(store: _VersionedKeyStore, versions: dict[str, list[Any]]) -> None:
    for key, objects in versions.items():
        dict.__setitem__(store, key, objects)


class _Pickler(pickle.Pickler):
    """Pickles what moto keeps that has no way of its own: locks, private keys, object versions.

    What refers to a backend (a topic does) is given the live one again: backends go by their keys.
    """

    def __init__(self, buffer: io.BytesIO) -> None:
        super().__init__(buffer, protocol=pickle.HIGHEST_PROTOCOL)
        self._backends = {id(backend): key for key, backend in _backends_in_use()}

    def persistent_id(self, obj: Any) -> BackendKey | None:  # pickle's own name for this hook
        return self._backends.get(id(obj)) if isinstance(obj, BaseBackend) else None

    def reducer_override(self, obj: Any) -> Any:  # pickle's own name for this hook
        kind = type(obj)
        if kind is RLOCK:
            return threading.RLock, ()
        if kind is LOCK:
            return threading.Lock, ()
        if kind is threading.Condition:
            # A new one: who waited on the old one is gone.
            return threading.Condition, ()
        if hasattr(kind, "private_bytes"):
            der = obj.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            return _private_key, (der,)
        if issubclass(kind, _VersionedKeyStore):
            # By its own `items` it would give the newest version of each key alone.
            return kind, (), dict(obj.lists()), None, None, _set_versions
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: BackendKey) -> BaseBackend:  # pickle's own name for this hook
        return _backend(pid)


def _versions() -> dict[str, Any]:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"format": FORMAT, "moto": moto.__version__, "python": python}


@dataclass
class MotoState:
    """What moto holds: each backend's attributes, and S3's index of which account has a bucket."""

    backends: dict[BackendKey, dict[str, Any]]
    bucket_accounts: dict[str, tuple[str, str]]


def _backends_in_use() -> Iterator[tuple[BackendKey, BaseBackend]]:
    in_use: list[BackendDict[Any]] = BackendDict._instances  # type: ignore[misc]  # moto's own untyped way to list them
    for backends in in_use:
        module = backends.backend.__module__
        names = vars(sys.modules[module]).items()
        attribute = next((name for name, value in names if value is backends), None)
        if attribute is None:
            raise SnapshotError(f"moto's {module} keeps its state where it is not looked for.")
        for account, region, backend in backends.iter_backends():
            yield (module, attribute, account, region), backend


def _backend(key: BackendKey) -> BaseBackend:
    module, attribute, account, region = key
    backend: BaseBackend = getattr(importlib.import_module(module), attribute)[account][region]
    return backend


def moto_state() -> MotoState:
    """Return what moto holds now; it is moto's own objects, not a copy."""
    state = {key: backend.__dict__ for key, backend in _backends_in_use()}
    return MotoState(state, dict(s3_backends.bucket_accounts))


def clear_moto() -> None:
    """Empty moto."""
    BackendDict.reset()
    s3_backends.bucket_accounts.clear()


def restore_moto_state(state: MotoState) -> None:
    """Put back what `moto_state` returned; moto must be empty."""
    for key, content in state.backends.items():
        _backend(key).__dict__.update(content)
    s3_backends.bucket_accounts.update(state.bucket_accounts)


def pack(content: Any) -> bytes:
    """Return the content as bytes, for `unpack` in a process of the same versions."""
    buffer = io.BytesIO()
    _Pickler(buffer).dump(content)
    return buffer.getvalue()


def unpack(payload: bytes) -> Any:
    """Return a copy of what was packed. Only for what this package packed: it is a pickle."""
    return _Unpickler(io.BytesIO(payload)).load()  # our own bytes: from here, or a checked file


def save(path: Path, content: Any) -> None:
    """Write a snapshot so that a reader sees the old file or the whole new one, mode 0600.

    It holds secrets and keys: they are those of the local AWS alone, yet nobody else's business.
    """
    payload = pack(content)
    head = {**_versions(), "sha256": hashlib.sha256(payload).hexdigest()}

    def write(descriptor: int) -> None:
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(head).encode() + b"\n")
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())

    write_atomically(path, write)


def write_atomically(path: Path, write: Callable[[int], None]) -> None:
    """Let `write` fill a new file (mode 0600) by its descriptor, and close it; then rename it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write(descriptor)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text_atomically(path: Path, text: str) -> None:
    """Write a small text file, mode 0600, so that no reader ever sees half of it."""

    def write(descriptor: int) -> None:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)

    write_atomically(path, write)


def load(path: Path) -> bytes | None:
    """Return what to unpack, None if there is no snapshot; SnapshotError if it can't be used."""
    if not path.exists():
        return None
    head_line, _, payload = path.read_bytes().partition(b"\n")
    advice = "Start afresh with `make clean`."
    try:
        head = json.loads(head_line)
        digest = head.pop("sha256")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise SnapshotError(f"{path} is no snapshot of the local AWS. {advice}") from None
    if head != _versions():
        made_by = ", ".join(f"{name} {value}" for name, value in sorted(head.items()))
        ours = ", ".join(f"{name} {value}" for name, value in sorted(_versions().items()))
        raise SnapshotError(f"{path} was made by {made_by}; this is {ours}. {advice}")
    if hashlib.sha256(payload).hexdigest() != digest:
        raise SnapshotError(f"{path} is damaged. {advice}")
    return payload
