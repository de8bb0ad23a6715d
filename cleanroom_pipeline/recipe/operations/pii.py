"""CRYPTOGRAPHIC_HASH, and the detectors that may limit it.

Here: hashing in place. Not here: masks (masks.py), other values instead (substitution.py).

Personal data steps fail closed: a cell that one can't treat exactly ends the run, by an error that
names the step and the column and never the cell.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.errors import UnmaskableValueError
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import text
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.rewriting import function_name, in_place
from cleanroom_pipeline.recipe.plan import Column, Frame, Runtime, VectorFunction

_ALGORITHMS: Mapping[str, tuple[str, bool]] = {
    "HMAC_SHA256": ("sha256", True),
    "HMAC_MD5": ("md5", True),
    "HMAC_SHA1": ("sha1", True),
    "HMAC_SHA512": ("sha512", True),
    "MD5": ("md5", False),
    "SHA1": ("sha1", False),
    "SHA256": ("sha256", False),
    "SHA512": ("sha512", False),
}
_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
_PHONE = re.compile(r"\+?[0-9()\-. /]{7,24}")
_FEWEST_PHONE_DIGITS, _MOST_PHONE_DIGITS = 7, 15


def is_email(value: str) -> bool:
    """Say whether the whole text is one e-mail address."""
    return bool(_EMAIL.fullmatch(value.strip()))


def is_phone_number(value: str) -> bool:
    """Say whether the whole text is one phone number: 7 to 15 digits and usual separators."""
    digits = sum(one.isdigit() for one in value)
    shaped = bool(_PHONE.fullmatch(value.strip()))
    return shaped and _FEWEST_PHONE_DIGITS <= digits <= _MOST_PHONE_DIGITS


# The entity types whose detector can be checked by reading it; every other one is refused.
DETECTORS: Mapping[str, Callable[[str], bool]] = {
    "EMAIL": is_email,
    "PHONE_NUMBER": is_phone_number,
}


def refusal(call: Call, column: str, expected: str) -> str:
    """Return the sentence about a cell that can't be treated; it holds nothing of the cell."""
    return (
        f"step {call.step.number} ({call.step.operation}): column {column!r} holds a value that is "
        f"not {expected}; nothing was written. Clear or fix such cells in an earlier step"
    )


def _check_hash(values: Mapping[str, Any]) -> Iterable[str]:
    if _ALGORITHMS[values["algorithm"]][1] and not values["secretId"]:
        yield f"missing parameter 'secretId': {values['algorithm']} needs a key"
    for entity in values["entityTypeFilter"] or ():
        if entity not in DETECTORS:
            yield (
                f"entityTypeFilter {entity!r} is refused: its detector can't be reproduced. "
                f"Possible: {', '.join(DETECTORS)}; or leave it out to hash every cell"
            )


@operation(
    "CRYPTOGRAPHIC_HASH",
    Status.EXACT,
    "Base64 of the raw digest of the cell's UTF-8; null stays null. The HMAC key is the base64 "
    "decoded SecretString. With entityTypeFilter, a cell that is not wholly of one of the types "
    "ends the run (DataBrew would leave it in clear text).",
    SOURCES,
    Parameter("secretId", Kind.TEXT, "the secret that holds the HMAC key"),
    Parameter("secretVersion", Kind.TEXT, "the secret's version"),
    Parameter(
        "algorithm",
        Kind.CHOICE,
        "the digest",
        default="HMAC_SHA256",
        choices=tuple(_ALGORITHMS),
    ),
    Parameter("entityTypeFilter", Kind.CHOICES, "which cells to hash"),
    Parameter("createSecretIfMissing", Kind.BOOLEAN, "ignored here: a secret must be there"),
    check=_check_hash,
)
def cryptographic_hash(call: Call, frame: Frame) -> Frame:
    """Hash the cells of each source column."""
    functions: dict[str, VectorFunction] = {}

    def change(column: Column) -> exp.Expr:
        name = function_name(call, frame.names.index(column.name))
        functions[name] = VectorFunction(name, _hasher(call, column.name))
        return function(name, text(column))

    changed = {name: change(frame.column(name)) for name in call.sources}
    return in_place(call, frame, lambda column: changed[column.name], functions=functions.values())


def _hasher(call: Call, column: str) -> Callable[[Runtime], Callable[[Any], Any]]:
    digest_name, keyed = _ALGORITHMS[call["algorithm"]]
    detectors = [DETECTORS[entity] for entity in call["entityTypeFilter"] or ()]
    expected = " or ".join(call["entityTypeFilter"] or ())

    def make(runtime: Runtime) -> Callable[[Any], Any]:
        from cleanroom_pipeline.recipe.vectorised import (
            digest_base64,
            hmac_key,
            over_distinct,
        )

        key = None
        if keyed:
            key = hmac_key(runtime.secret_string(call["secretId"], call["secretVersion"]))
        digest = digest_base64(digest_name, key)
        if not detectors:
            return over_distinct(digest)

        def checked(value: str) -> str:
            if not any(detects(value) for detects in detectors):
                raise UnmaskableValueError(refusal(call, column, expected))
            return digest(value)

        return over_distinct(checked)

    return make
