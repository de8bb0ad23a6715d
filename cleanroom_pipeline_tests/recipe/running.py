"""Running small recipes in tests.

Here: building steps, writing small inputs, reading results. Not here: tests.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cleanroom_pipeline.recipe import Recipe, parse_recipe
from cleanroom_pipeline.recipe.engine import EngineSettings, run_recipe_to_arrow
from cleanroom_pipeline.recipe.errors import CipherError
from cleanroom_pipeline.recipe.files import FileFormat, InputFile

KEY = b"a key of the tests"
Row = Mapping[str, Any]


class FixedSecrets:
    """Gives the same key for every secret."""

    def secret_string(self, secret_id: str, version: str | None) -> str:
        """Return the base64 of KEY."""
        return base64.b64encode(KEY).decode()


class FixedCiphers:
    """Stands for a key service: each key is made of its ARN."""

    def cell_cipher(self, kms_key_arn: str) -> "FixedCipher":
        """Return the cipher of a key."""
        return FixedCipher(kms_key_arn)


class FixedCipher:
    """AES-GCM; the context stands in the clear after its length, before nonce and ciphertext."""

    def __init__(self, arn: str) -> None:
        self._cipher = AESGCM(hashlib.sha256(arn.encode()).digest())

    def encrypt(self, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        """Return a message."""
        shown, nonce = json.dumps(dict(context)).encode(), secrets.token_bytes(12)
        sealed = self._cipher.encrypt(nonce, plaintext, shown)
        return len(shown).to_bytes(2, "big") + shown + nonce + sealed

    def decrypt(self, message: bytes) -> bytes:
        """Return a message's plaintext."""
        end = 2 + int.from_bytes(message[:2], "big")
        try:
            return self._cipher.decrypt(
                message[end : end + 12], message[end + 12 :], message[2:end]
            )
        except (InvalidTag, ValueError):
            raise CipherError("the message is not this key's") from None


def step(operation: str, *, conditions: Sequence[Mapping[str, Any]] = (), **parameters: Any) -> Any:
    """Return a step as a recipe file holds it."""
    made: dict[str, Any] = {"Action": {"Operation": operation, "Parameters": parameters}}
    return made | ({"ConditionExpressions": list(conditions)} if conditions else {})


def condition(name: str, column: str, value: Any = None) -> dict[str, Any]:
    """Return a ConditionExpression."""
    made = {"Condition": name, "TargetColumn": column}
    return made | ({} if value is None else {"Value": value})


def recipe(*steps: Any) -> Recipe:
    """Return the recipe of these steps."""
    return parse_recipe(json.dumps(list(steps)), name="recipe.json")


def write_csv(path: Path, rows: Sequence[Any], columns: Sequence[str] | None = None) -> InputFile:
    """Write rows, mappings of texts, as CSV: None is an empty cell, the empty text a quoted one."""
    names = list(columns or rows[0])
    lines = [",".join(_quoted(name) for name in names)]
    lines += [",".join(_quoted(row.get(name)) for name in names) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    return InputFile(path, path.name)


def _quoted(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


def write_parquet(path: Path, table: pa.Table) -> InputFile:
    """Write a table as Parquet."""
    pq.write_table(table, path)
    return InputFile(path, path.name)


def run_csv(
    folder: Path,
    rows: Sequence[Any],
    *steps: Any,
    columns: Sequence[str] | None = None,
    settings: EngineSettings | None = None,
) -> list[dict[str, Any]]:
    """Run steps over rows of texts and return the rows that come out."""
    file = write_csv(folder / "input.csv", rows, columns)
    table = run_recipe_to_arrow(
        recipe(*steps),
        [file],
        FileFormat(),
        limit=1_000_000,
        secrets=FixedSecrets(),
        ciphers=FixedCiphers(),
        settings=settings or EngineSettings(),
    )
    return rows_of(table)


def run_table(
    folder: Path, table: pa.Table, *steps: Any, settings: EngineSettings | None = None
) -> pa.Table:
    """Run steps over a typed table and return the table that comes out."""
    file = write_parquet(folder / "input.parquet", table)
    return run_recipe_to_arrow(
        recipe(*steps),
        [file],
        FileFormat(kind="parquet"),
        limit=1_000_000,
        secrets=FixedSecrets(),
        ciphers=FixedCiphers(),
        settings=settings or EngineSettings(),
    )


def column(rows: Iterable[Row], name: str) -> list[Any]:
    """Return one column of some rows."""
    return [row[name] for row in rows]


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """Return a table's rows."""
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def change(
    folder: Path, cells: Sequence[str | None], operation: str, **parameters: Any
) -> list[Any]:
    """Run one in-place step over a column `x` and return the column after it."""
    made = step(operation, sourceColumn="x", **parameters)
    return column(run_csv(folder, [{"x": cell, "n": "1"} for cell in cells], made), "x")


def derive(
    folder: Path, cells: Sequence[str | None], operation: str, **parameters: Any
) -> list[Any]:
    """Run one step that makes a column `y` of a column `x` and return it."""
    made = step(operation, sourceColumn="x", targetColumn="y", **parameters)
    return column(run_csv(folder, [{"x": cell, "n": "1"} for cell in cells], made), "y")
