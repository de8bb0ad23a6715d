"""ENCRYPT, DECRYPT and their deterministic kin in runs: keys, limits, what ends a run.

Here: steps with secrets and ciphers. Not here: round trips of any cell (oracles/test_pii.py), the
schemes themselves (test_deterministic.py, aws/test_message_encryption.py).
"""

import base64
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.engine import (
    CipherError,
    CipherProvider,
    EngineError,
    EngineSettings,
    SecretError,
    SecretProvider,
    run_recipe_to_arrow,
)
from cleanroom_pipeline.recipe.files import FileFormat, InputFile
from cleanroom_pipeline.recipe.operations.ciphers import MOST_DETERMINISTIC, TYPE_CONTEXT
from cleanroom_pipeline_tests.recipe.running import (
    KEY,
    FixedCiphers,
    FixedSecrets,
    change,
    column,
    recipe,
    rows_of,
    run_table,
    step,
    write_csv,
)

ARN = "arn:aws:kms:us-east-1:123456789012:key/one"
OTHER = "arn:aws:kms:us-east-1:123456789012:key/two"
KMS: dict[str, Any] = {"sourceColumn": "x", "kmsKeyArn": ARN}
SECRET: dict[str, Any] = {"sourceColumn": "x", "secretId": "customers"}
SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:customers-AbCdEf"


class VersionedSecrets:
    """Knows its secrets' names and versions; the key differs with the version."""

    def __init__(self, current: str) -> None:
        self.current = current

    def secret_string(self, secret_id: str, version: str | None) -> str:
        return base64.b64encode(f"key of {version or self.current}".encode()).decode()

    def secret_identity(self, secret_id: str, version: str | None) -> tuple[str, str]:
        return SECRET_ARN, version or self.current


def run(
    folder: Path,
    cells: Sequence[str | None],
    *steps: Any,
    secrets: SecretProvider | None = None,
    ciphers: CipherProvider | None = None,
) -> list[Any]:
    file = write_csv(folder / "in.csv", [{"x": cell, "n": "1"} for cell in cells])
    table = run_recipe_to_arrow(
        recipe(*steps), [file], FileFormat(), secrets=secrets, ciphers=ciphers
    )
    return column(rows_of(table), "x")


@pytest.mark.parametrize("operation", ["ENCRYPT", "DECRYPT"])
def test_without_ciphers_a_run_ends_before_a_file_is_opened(tmp_path: Path, operation: str) -> None:
    missing = InputFile(tmp_path / "not-there.csv", "not-there.csv")
    made = recipe(step("UPPER_CASE", sourceColumn="x"), step(operation, **KMS))
    with pytest.raises(CipherError, match=rf"step 2 \({operation}\).*no ciphers"):
        run_recipe_to_arrow(made, [missing], FileFormat())


@pytest.mark.parametrize("operation", ["DETERMINISTIC_ENCRYPT", "CRYPTOGRAPHIC_HASH"])
def test_a_secret_that_is_not_there_ends_the_run_and_none_is_created(
    tmp_path: Path, operation: str
) -> None:
    made = step(operation, **SECRET, createSecretIfMissing="true")
    with pytest.raises(SecretError, match="'customers'"):
        run(tmp_path, ["a"], made)


def test_an_envelope_names_the_secret_as_its_source_does(tmp_path: Path) -> None:
    (cell,) = run(
        tmp_path, ["a"], step("DETERMINISTIC_ENCRYPT", **SECRET), secrets=VersionedSecrets("v1")
    )
    content = base64.b64decode(cell)
    assert content.startswith(b"\x01\x00" + bytes([len(SECRET_ARN)]) + SECRET_ARN.encode())
    assert b"\x00\x02v1" in content


def test_after_a_rotation_old_cells_need_their_version(tmp_path: Path) -> None:
    old, new = VersionedSecrets("v1"), VersionedSecrets("v2")
    made = run(tmp_path, ["a", "b"], step("DETERMINISTIC_ENCRYPT", **SECRET), secrets=old)
    decrypt = step("DETERMINISTIC_DECRYPT", **SECRET)
    pinned = step("DETERMINISTIC_DECRYPT", **SECRET, secretVersion="v1")
    assert run(tmp_path, made, decrypt, secrets=old) == ["a", "b"]
    assert run(tmp_path, made, decrypt, secrets=new) == made
    assert run(tmp_path, made, pinned, secrets=new) == ["a", "b"]


@pytest.mark.parametrize("cell", ["SECRET-VALUE", "", "AQAA", "U0VDUkVU" * 9])
def test_a_cell_that_is_no_envelope_ends_the_run(tmp_path: Path, cell: str) -> None:
    with pytest.raises(
        CipherError, match=r"step 1 \(DETERMINISTIC_DECRYPT\): column 'x'"
    ) as caught:
        change(tmp_path, [cell], "DETERMINISTIC_DECRYPT", secretId="k")
    assert not cell or cell not in str(caught.value)


def test_a_changed_envelope_ends_the_run(tmp_path: Path) -> None:
    (cell,) = change(tmp_path, ["a"], "DETERMINISTIC_ENCRYPT", secretId="k")
    content = bytearray(base64.b64decode(cell))
    content[-1] ^= 1
    changed = base64.b64encode(content).decode()
    with pytest.raises(CipherError, match="unchanged"):
        change(tmp_path, [changed], "DETERMINISTIC_DECRYPT", secretId="k")


@pytest.mark.parametrize("cell", ["SECRET-VALUE", "", "U0VDUkVU"])
def test_a_cell_that_is_no_message_ends_the_run(tmp_path: Path, cell: str) -> None:
    with pytest.raises(CipherError, match=r"step 1 \(DECRYPT\): column 'x'") as caught:
        change(tmp_path, [cell], "DECRYPT", kmsKeyArn=ARN)
    assert not cell or cell not in str(caught.value)


def test_a_message_of_another_key_ends_the_run(tmp_path: Path) -> None:
    steps = [step("ENCRYPT", **KMS), step("DECRYPT", sourceColumn="x", kmsKeyArn=OTHER)]
    with pytest.raises(CipherError, match=r"step 2 \(DECRYPT\): column 'x'"):
        run(tmp_path, ["a"], *steps, ciphers=FixedCiphers())


@pytest.mark.parametrize("cells", [["a"] * 5_000, ["a", "b"] * 3_000])
def test_equal_cells_are_encrypted_to_different_messages(tmp_path: Path, cells: list[str]) -> None:
    table = pa.table({"x": pa.array(cells).dictionary_encode(), "y": cells})
    made = step("ENCRYPT", sourceColumns=["x", "y"], kmsKeyArn=ARN)
    rows = rows_of(run_table(tmp_path, table, made))
    assert len({row[name] for row in rows for name in "xy"}) == 2 * len(cells)


def test_the_longest_cell_is_encrypted_and_a_longer_one_ends_the_run(tmp_path: Path) -> None:
    longest = "é" * (MOST_DETERMINISTIC // 2)
    (cell,) = change(tmp_path, [longest], "DETERMINISTIC_ENCRYPT", secretId="k")
    assert len(base64.b64decode(cell)) > MOST_DETERMINISTIC
    with pytest.raises(CipherError, match=r"step 1 .*'x'.*409,600 bytes"):
        change(tmp_path, [longest + "x"], "DETERMINISTIC_ENCRYPT", secretId="k")


@pytest.mark.parametrize(("preserve", "written"), [("true", True), ("false", False)])
def test_the_type_of_a_column_that_is_no_text_stands_beside_the_message(
    tmp_path: Path, preserve: str, *, written: bool
) -> None:
    table = pa.table({"x": pa.array([1, 2], pa.int32()), "t": ["a", "b"]})
    made = step("ENCRYPT", sourceColumns=["x", "t"], kmsKeyArn=ARN, preserveDataType=preserve)
    rows = rows_of(run_table(tmp_path, table, made))
    shown = f'{{"{TYPE_CONTEXT}": "INTEGER"}}'.encode()
    assert all((shown in base64.b64decode(row["x"])) is written for row in rows)
    assert not any(TYPE_CONTEXT.encode() in base64.b64decode(row["t"]) for row in rows)


def test_equal_cells_of_a_column_made_constant_are_encrypted_differently(tmp_path: Path) -> None:
    flag = step("FLAG_COLUMN_FROM_NULL", sourceColumn="x", targetColumn="f")
    encrypt = step("ENCRYPT", sourceColumn="f", kmsKeyArn=ARN)
    rows = rows_of(run_table(tmp_path, pa.table({"x": ["a"] * 5_000}), flag, encrypt))
    assert len({row["f"] for row in rows}) == len(rows)


@pytest.mark.parametrize(
    "arn", ["alias/customers", "arn:aws:kms:us-east-1:1:key/x", "one", ARN + "\n"]
)
def test_a_key_that_is_no_key_arn_is_refused(arn: str) -> None:
    for operation in ("ENCRYPT", "DECRYPT"):
        with pytest.raises(RecipeError, match="kmsKeyArn"):
            recipe(step(operation, sourceColumn="x", kmsKeyArn=arn))


def test_a_missing_key_or_secret_is_refused() -> None:
    for operation, name in (("ENCRYPT", "kmsKeyArn"), ("DETERMINISTIC_DECRYPT", "secretId")):
        with pytest.raises(RecipeError, match=f"missing parameter '{name}'"):
            recipe(step(operation, sourceColumn="x"))


def test_no_plan_error_or_log_holds_the_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    steps = [
        step("CRYPTOGRAPHIC_HASH", sourceColumn="n", secretId="k"),
        step("DETERMINISTIC_ENCRYPT", **SECRET),
        step("DETERMINISTIC_DECRYPT", sourceColumn="n", secretId="k"),
    ]
    with pytest.raises(EngineError) as caught:
        run(tmp_path, ["CELL-VALUE"], *steps, secrets=FixedSecrets())
    chain: BaseException | None = caught.value
    shown = caplog.text + repr(recipe(*steps)) + repr(EngineSettings())
    while chain is not None:
        shown += repr(chain) + str(chain)
        chain = chain.__cause__
    for secret in (KEY.decode(), base64.b64encode(KEY).decode(), KEY.hex(), "CELL-VALUE"):
        assert secret not in shown
