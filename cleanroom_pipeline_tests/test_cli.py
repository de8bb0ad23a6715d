import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from cleanroom_pipeline.cli import app
from cleanroom_pipeline.environment import NEEDED

RENAME = {"Operation": "RENAME", "Parameters": {"sourceColumn": "A", "targetColumn": "a"}}
HASH = {
    "Operation": "CRYPTOGRAPHIC_HASH",
    "Parameters": {"sourceColumns": '["A"]', "secretId": "key"},
}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and no pipeline in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in NEEDED:
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def run_recipe(*actions: object, options: tuple[str, ...] = ()) -> Result:
    Path("recipe.json").write_text(json.dumps([{"Action": action} for action in actions]))
    Path("in.csv").write_text("A,B\n1,x\n,\n")
    return run("recipe", "run", "recipe.json", "in.csv", "--output", *(options or ("out.csv",)))


def test_a_recipe_runs_over_a_file() -> None:
    result = run_recipe(RENAME)
    assert result.exit_code == 0
    assert Path("out.csv").read_text().splitlines() == ["a,B", "1,x", ","]


def test_the_outputs_name_tells_its_format_unless_an_option_does() -> None:
    assert run_recipe(RENAME, options=("new/out.parquet",)).exit_code == 0
    assert pq.read_table("new/out.parquet").column_names == ["a", "B"]
    assert run_recipe(RENAME, options=("out.txt", "--format", "jsonl")).exit_code == 0
    assert json.loads(Path("out.txt").read_text().splitlines()[0]) == {"a": "1", "B": "x"}


def test_json_tells_counts() -> None:
    report = json.loads(run_recipe(RENAME, options=("out.csv", "--json")).stdout)
    assert (report["rows_in"], report["rows_out"], report["output"]) == (2, 2, "out.csv")


def test_a_recipe_that_cannot_run_is_told_with_every_finding() -> None:
    result = run_recipe({"Operation": "RENAM", "Parameters": {}}, {"Operation": "X"})
    assert result.exit_code == 1
    assert "step 1 (RENAM), line 1: unknown operation 'RENAM'; did you mean 'RENAME'?" in (
        result.stderr
    )
    assert "step 2 (X)" in result.stderr
    assert not Path("out.csv").exists()


def test_a_secret_comes_from_a_file_and_is_asked_for_by_name() -> None:
    result = run_recipe(HASH)
    assert result.exit_code == 2
    assert "--secret NAME=FILE for: key" in result.stderr
    Path("key.txt").write_text("a2V5\n")
    assert run_recipe(HASH, options=("out.csv", "--secret", "key=key.txt")).exit_code == 0
    assert run_recipe(HASH, options=("out.csv", "--secret", "key=none.txt")).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("none.json", "in.csv", "--output", "out.csv"), "none.json: No such file"),
        (("recipe.json", "none.csv", "--output", "out.csv"), "none.csv: No such file"),
        (("recipe.json", "in.csv", "--output", "out.xls"), "out.xls: the suffix names no kind"),
    ],
)
def test_what_cannot_be_read_or_written_is_named(arguments: tuple[str, ...], told: str) -> None:
    run_recipe(RENAME)
    result = run("recipe", "run", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr


@pytest.mark.parametrize("command", [("status",), ("table", "show", "shop")])
def test_without_a_pipeline_a_way_to_start_one_is_named(command: tuple[str, ...]) -> None:
    result = run(*command)
    assert result.exit_code == 2
    assert "make ui" in result.stderr
