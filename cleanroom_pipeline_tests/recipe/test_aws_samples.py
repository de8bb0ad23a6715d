"""AWS's published recipe samples, when they are there.

Here: recipe, input and DataBrew's own output, compared. Not here: tests on data of ours.
"""

import base64
import csv
from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.recipe import parse_recipe
from cleanroom_pipeline.recipe.engine import EngineSettings, run_recipe_to_arrow
from cleanroom_pipeline.recipe.files import FileFormat, InputFile
from cleanroom_pipeline_tests.recipe.running import FixedSecrets, column, rows_of, write_csv

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "databrew-samples"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="AWS's samples are not here")


def run(name: str, *, compat: bool = False) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return our rows and DataBrew's."""
    folder = SAMPLES / name
    made = parse_recipe((folder / "recipe.json").read_text(), name=name)
    file = InputFile(folder / "sample-data.csv", name)
    settings = EngineSettings(compat=compat)
    table = run_recipe_to_arrow(
        made, [file], FileFormat(), secrets=FixedSecrets(), settings=settings
    )
    with (folder / "transformed-sample-data.csv").open(newline="") as stream:
        return rows_of(table), list(csv.DictReader(stream))


def test_mask_range_gives_databrew_output() -> None:
    ours, theirs = run("redact-mask-range")
    assert ours == theirs


def test_mask_date_gives_databrew_output_in_compat() -> None:
    ours, theirs = run("redact-mask-date", compat=True)
    assert ours == theirs


def test_mask_date_masks_what_was_named_without_compat() -> None:
    ours, theirs = run("redact-mask-date")
    assert ours != theirs
    assert all(row["birthdate"].startswith("####/") for row in ours)
    assert all(row["birthdate"].endswith("/##") for row in ours)


def test_hashes_have_databrew_form() -> None:
    ours, theirs = run("hash")
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert len(base64.b64decode(mine["phone"], validate=True)) == 32
        assert len(mine["phone"]) == len(other["phone"])


def test_random_numbers_stay_in_databrew_bounds() -> None:
    ours, theirs = run("substitute")
    assert len(ours) == len(theirs)
    assert all(100 <= row["cc_cvc"] <= 600 for row in ours)


ROWS: list[dict[str, str | None]] = [
    {
        "cc_type": None if place % 4 == 0 else "visa",
        "cc_expiredate": f"20{20 + place % 5}-0{place % 9 + 1}-01",
        "gender": "fm"[place % 2],
        "state": ["TX", "KS", None][place % 3],
        "city": "Houston" if place % 2 else "Elsewhere",
        "email": f"person{place}@domain.com",
        "birthdate": f"19{40 + place}-11-0{place % 9 + 1}",
        "cc_cvc": str(100 + place),
        "zip": str(70_000 + place),
    }
    for place in range(40)
]


def test_the_whole_sample_recipe_runs(tmp_path: Path) -> None:
    made = parse_recipe(
        (SAMPLES / "transform-sample-recipe.json").read_text(), name="transform-sample"
    )
    assert made.check(list(ROWS[0])) == ()
    file = write_csv(tmp_path / "in.csv", ROWS)
    got = rows_of(run_recipe_to_arrow(made, [file], FileFormat()))
    assert len(got) == len(ROWS)
    first = got[0]
    assert first["cc_type"] == "visa"
    assert first["cc_expiredate_YEAR"] == 2020
    assert first["gender_flagged"] == "True"
    assert first["cc_type_count"] == "14"
    assert first["city_mapped"] == "Others"
    assert first["email"] == "#####n0@domain.com"
    assert first["birthdate"] == "####/11/01"
    assert 1 <= first["cc_cvc"] <= 200
    assert sorted(column(got, "zip")) == sorted(column(ROWS, "zip"))
