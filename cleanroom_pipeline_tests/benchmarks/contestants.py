"""The same ten-step marketing recipe, by our engine and by hand-written pandas, SQL and Spark.

Here: what is run. Not here: timing it. Each contestant reads one CSV file, writes one Parquet file.
"""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cleanroom_pipeline_tests.benchmarks import by_hand

SECRET = b"a key for measuring only"
_STATES = {"NY": "New York", "CA": "California", "TX": "Texas", "WA": "Washington"}


def _step(operation: str, **parameters: Any) -> dict[str, Any]:
    return {"Action": {"Operation": operation, "Parameters": parameters}}


RECIPE = (
    _step("REMOVE_COMBINED", sourceColumn="email", removeLeadingAndTrailingWhitespace=True),
    _step("LOWER_CASE", sourceColumn="email"),
    _step(
        "REMOVE_COMBINED",
        sourceColumn="phone",
        removeSpecialCharacters=True,
        removeAllWhitespace=True,
    ),
    _step("CRYPTOGRAPHIC_HASH", sourceColumns=["email", "phone"], secretId="measuring"),
    _step("MASK_RANGE", sourceColumns=["last_name"], maskSymbol="#", start=1, stop=6),
    _step("MASK_DATE", sourceColumns=["birthdate"], maskSymbol="#", redact=["YEAR"]),
    _step("RENAME", sourceColumn="opt_in", targetColumn="consent"),
    _step("DELETE", sourceColumns=["notes", "legacy"]),
    _step("CHANGE_DATA_TYPE", sourceColumn="amount", columnDataType="double"),
    _step("FORMAT_DATE", sourceColumn="signup", targetDateFormat="mm/dd/yyyy"),
    _step(
        "CATEGORICAL_MAPPING",
        sourceColumn="state",
        targetColumn="state_name",
        categoryMap=_STATES,
        other="Other",
    ),
    _step("REMOVE_DUPLICATES", sourceColumn="customer_id"),
)


class _Secrets:
    def secret_string(self, secret_id: str, version: str | None) -> str:
        return base64.b64encode(SECRET).decode()


def run_engine(source: Path, target: Path) -> None:
    """Run the recipe on our engine."""
    from cleanroom_pipeline.recipe import parse_recipe
    from cleanroom_pipeline.recipe.engine import run_recipe
    from cleanroom_pipeline.recipe.files import FileFormat, InputFile

    recipe = parse_recipe(json.dumps(RECIPE), name="benchmark")
    file = InputFile(source, source.name)
    run_recipe(recipe, [file], FileFormat(), target, secrets=_Secrets())


def _keyed_hash() -> Callable[[str], str]:
    state = hmac.new(SECRET, digestmod="sha256")

    def digest(value: str) -> str:
        hasher = state.copy()
        hasher.update(value.encode())
        return binascii.b2a_base64(hasher.digest(), newline=False).decode()

    return digest


def run_pandas(source: Path, target: Path) -> None:
    """Do the same steps in pandas, as one would write them by hand."""
    import pandas as pd

    frame = pd.read_csv(source, dtype="str", keep_default_na=False, na_values=[""])
    frame["email"] = frame["email"].str.strip().str.lower()
    frame["phone"] = frame["phone"].str.replace(re.compile(r"[^0-9A-Za-z]"), "", regex=True)
    digest = _keyed_hash()
    for name in ("email", "phone"):
        frame[name] = frame[name].map(digest, na_action="ignore")
    last = frame["last_name"]
    hidden = (last.str.len().clip(upper=6) - 1).clip(lower=0)
    masks = hidden.map({size: "#" * size for size in range(6)})
    frame["last_name"] = last.str.slice(0, 1) + masks + last.str.slice(6)
    frame["birthdate"] = "####/" + frame["birthdate"].str.slice(5).str.replace("-", "/")
    frame = frame.rename(columns={"opt_in": "consent"}).drop(columns=["notes", "legacy"])
    frame["amount"] = pd.to_numeric(frame["amount"], errors="coerce")
    moments = pd.to_datetime(frame["signup"], format="%Y-%m-%d %H:%M:%S", errors="coerce")
    frame["signup"] = moments.dt.strftime("%m/%d/%Y")
    frame["state_name"] = frame["state"].map(_STATES).fillna("Other")
    frame = frame.drop_duplicates("customer_id")
    target.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(target / "part-00000.parquet", compression="zstd", index=False)


def run_sql(source: Path, target: Path) -> None:
    """Run the recipe as SQL written by hand, with the hash that our engine uses."""
    from cleanroom_pipeline.recipe.vectorised import digest_array

    by_hand.run_sql(source, target, digest_array("sha256", SECRET))


def run_spark(source: Path, target: Path) -> None:
    """Run the recipe as written for Spark by hand."""
    by_hand.run_spark(source, target, _keyed_hash)


CONTESTANTS: Mapping[str, Callable[[Path, Path], None]] = {
    "engine": run_engine,
    "pandas": run_pandas,
    "sql": run_sql,
    "spark": run_spark,
}
