"""What the name of an inbound object says: data, a signal, or nothing that counts.

Here: the rules that hold for every connector. Not here: what one policy takes as its signal.
"""

TEMPORARY_SUFFIXES = (".tmp", ".temp", ".part", ".crc", ".filepart")
TEMPORARY_FOLDERS = ("_temporary", "_tmp", ".tmp", ".temp")


def counts(key: str) -> bool:
    """Tell objects that must be remembered from folder markers and writers' temporary files."""
    parts = key.split("/")
    return not (
        not parts[-1]
        or parts[-1].lower().endswith(TEMPORARY_SUFFIXES)
        or any(part.startswith(TEMPORARY_FOLDERS) for part in parts)
    )


def only_signals(key: str) -> bool:
    """Tell objects that hold no data whatever the policy: `_SUCCESS`, `_committed_1`, `.done`."""
    return key.rpartition("/")[2].startswith(("_", "."))
