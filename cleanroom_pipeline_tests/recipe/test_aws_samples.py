"""AWS's published recipe samples, when they are there.

Here: recipe, input and DataBrew's own output, compared. Not here: tests on data of ours.
"""

import base64
import csv
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cleanroom_pipeline.cli import app
from cleanroom_pipeline.recipe import parse_recipe
from cleanroom_pipeline.recipe.engine import EngineSettings, run_recipe_to_arrow
from cleanroom_pipeline.recipe.files import FileFormat, InputFile
from cleanroom_pipeline_tests.recipe.running import (
    FixedSecrets,
    change,
    column,
    rows_of,
    write_csv,
)

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


def test_deterministic_envelopes_have_databrew_form() -> None:
    ours, theirs = run("deterministic-encrypt")
    with (SAMPLES / "deterministic-encrypt" / "sample-data.csv").open(newline="") as stream:
        plain = [row["address"] for row in csv.DictReader(stream)]
    assert len(plain) == len(ours) == len(theirs)
    for rows in (ours, theirs):
        for row, text in zip(rows, plain, strict=True):
            content = base64.b64decode(row["address"], validate=True)
            named = 3 + int.from_bytes(content[1:3], "big")
            head = named + 2 + int.from_bytes(content[named : named + 2], "big")
            assert content[:1] == b"\x01"
            assert content[3:named].startswith(b"arn:aws:secretsmanager:")
            assert head == named + 2 + len("00000000-0000-0000-0000-000000000000")
            assert len(content) == head + len(text.encode()) + 16


def test_cells_that_databrew_encrypted_stay_when_decrypted_with_another_secret(
    tmp_path: Path,
) -> None:
    _, theirs = run("deterministic-encrypt")
    cells = column(theirs, "address")
    assert change(tmp_path, cells, "DETERMINISTIC_DECRYPT", secretId="k") == cells


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


@pytest.mark.parametrize("name", ["redact-mask-range", "redact-mask-date"])
def test_the_command_line_writes_the_bytes_that_databrew_wrote(name: str, tmp_path: Path) -> None:
    folder, output = SAMPLES / name, tmp_path / "output.csv"
    arguments = [str(folder / "recipe.json"), str(folder / "sample-data.csv")]
    theirs = folder / "transformed-sample-data.csv"
    ran = CliRunner().invoke(
        app, ["recipe", "run", *arguments, "--output", str(output), "--compat", "databrew"]
    )
    assert ran.exit_code == 0, ran.output
    assert output.read_text().splitlines() == theirs.read_text().splitlines()
    compared = CliRunner().invoke(app, ["recipe", "diff", *arguments, "--against", str(theirs)])
    assert compared.exit_code == 0, compared.output


def test_the_command_line_runs_the_whole_sample_recipe(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", ROWS).path
    output = tmp_path / "output.csv"
    sample = str(SAMPLES / "transform-sample-recipe.json")
    ran = CliRunner().invoke(app, ["recipe", "run", sample, str(source), "--output", str(output)])
    assert ran.exit_code == 0, ran.output
    with output.open(newline="") as stream:
        got = list(csv.DictReader(stream))
    assert [row["email"] for row in got[:1]] == ["#####n0@domain.com"]
    assert len(got) == len(ROWS)
