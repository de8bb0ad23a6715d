"""CRYPTOGRAPHIC_HASH: digests instead of personal data.

Here: hashing in place. Not here: ciphers (ciphers.py), masks (masks.py), other values instead
(substitution.py).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.entities import (
    ENTITY_FILTER,
    FILTER_DOC,
    ArrayChange,
    by_array,
    check_entities,
    limited,
)
from cleanroom_pipeline.recipe.plan import Column, Frame, Runtime

SECRET_VERSION = Parameter("secretVersion", Kind.TEXT, "the secret's version; default: the latest")
CREATE_SECRET = Parameter(
    "createSecretIfMissing",
    Kind.BOOLEAN,
    "nothing is ever created: a run whose secret is not there ends before it reads a row of the "
    "step, whatever this says",
)
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


def _check_hash(values: Mapping[str, Any]) -> Iterable[str]:
    if _ALGORITHMS[values["algorithm"]][1] and not values["secretId"]:
        yield f"missing parameter 'secretId': {values['algorithm']} needs a key"
    yield from check_entities(values)


@operation(
    "CRYPTOGRAPHIC_HASH",
    Status.DOCUMENTED,
    "Base64 of the raw digest of the cell's UTF-8; null stays null, and the empty text is hashed "
    "like any other. A number or a date is hashed as text, a DOUBLE of 1 as 1.0. The HMAC key is "
    f"the base64 decoded SecretString. {FILTER_DOC}",
    SOURCES,
    Parameter("secretId", Kind.TEXT, "the secret that holds the HMAC key"),
    SECRET_VERSION,
    Parameter(
        "algorithm",
        Kind.CHOICE,
        "the digest",
        default="HMAC_SHA256",
        choices=tuple(_ALGORITHMS),
    ),
    ENTITY_FILTER,
    CREATE_SECRET,
    check=_check_hash,
)
def cryptographic_hash(call: Call, frame: Frame) -> Frame:
    """Hash the cells of each source column."""
    return by_array(call, frame, lambda column: _hasher(call, column))


def _hasher(call: Call, column: Column) -> ArrayChange:
    digest_name, keyed = _ALGORITHMS[call["algorithm"]]

    def make(runtime: Runtime) -> Callable[[Any], Any]:
        from cleanroom_pipeline.recipe.vectorised import (
            digest_array,
            digest_base64,
            hmac_key,
            over_distinct,
        )

        key = None
        if keyed:
            key = hmac_key(runtime.secret_string(call["secretId"], call["secretVersion"]))
        if not call["entityTypeFilter"]:
            return digest_array(digest_name, key)
        return over_distinct(limited(call, column.name, digest_base64(digest_name, key)))

    return make
