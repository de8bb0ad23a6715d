"""`cleanroom recipe`: its commands, seen from a terminal.

Here: options, what is printed, exit codes. Not here: what recipes mean, or `recipe run` by itself
(test_cli.py).
"""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from cleanroom_pipeline.cli import app
from cleanroom_pipeline.cli.recipe.progress import Progress, progress_line
from cleanroom_pipeline_tests.recipe.running import condition, step

CSV = "id,name,email\n1,Zoë,zoe@shop.example\n2,,bob@shop.example\n"
UPPER = step("UPPER_CASE", sourceColumn="name")
MASK = step("MASK_RANGE", sourceColumns=["email"], maskSymbol="#", stop="3")
PRESENT = step("REMOVE_VALUES", conditions=[condition("IS_MISSING", "name")])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text(CSV, encoding="utf-8")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["recipe", *arguments])


def write(*steps: Any, name: str = "recipe.json") -> str:
    Path(name).write_text(json.dumps(list(steps), indent=1), encoding="utf-8")
    return name


def test_a_run_tells_speed_memory_and_what_each_step_left_out() -> None:
    options = ("in.csv", "--output", "out.csv", "--json")
    report = json.loads(run("run", write(UPPER, PRESENT), *options).stdout)
    assert report["removed"] == [{"step": 2, "operation": "REMOVE_VALUES", "rows": 1}]
    assert report["megabytes_in"] == pytest.approx(len(CSV.encode()) / 1e6, abs=1e-3)
    assert report["rows_per_second"] >= 0
    assert report["peak_memory_megabytes"] > 10
    text = run("run", "recipe.json", "in.csv", "--output", "out.csv").stderr
    assert "step 2 (REMOVE_VALUES) left 1 rows out" in text
    assert "2 rows in, 1 rows out" in text


def test_nothing_is_drawn_where_no_terminal_is() -> None:
    result = run("run", write(UPPER), "in.csv", "--output", "out.csv")
    assert "\r" not in result.output + result.stderr


def test_a_run_joins_a_dataset_that_a_file_holds() -> None:
    Path("cities.csv").write_text("who,city\n1,Oslo\n", encoding="utf-8")
    join = step(
        "JOIN",
        joinKeys=[{"key": "id", "value": "who"}],
        joinType="INNER_JOIN",
        leftColumns=["id"],
        rightColumns=["city"],
        secondaryDatasetName="cities",
    )
    options = ("in.csv", "--output", "out.csv", "--dataset")
    result = run("run", write(join), *options, "cities=cities.csv")
    assert result.exit_code == 0, result.stderr
    assert Path("out.csv").read_text(encoding="utf-8") == "id,city\n1,Oslo\n"
    assert "--dataset wants NAME=FILE" in run("run", "recipe.json", *options, "cities").stderr


def test_a_size_that_is_none_is_refused() -> None:
    result = run("run", write(UPPER), "in.csv", "--output", "out.csv", "--memory", "lots")
    assert result.exit_code == 2
    assert "--memory wants a size" in result.stderr


def test_a_secret_that_is_no_text_is_told_without_its_bytes() -> None:
    Path("key").write_bytes(b"\xff\xfe")
    hashed = step("CRYPTOGRAPHIC_HASH", sourceColumns=["email"], secretId="key")
    options = ("in.csv", "--output", "out.csv", "--secret", "key=key")
    result = run("run", write(hashed), *options)
    assert result.exit_code == 2
    assert "the file of the secret 'key' is not UTF-8" in result.stderr


def test_a_right_recipe_is_checked_with_exit_code_0() -> None:
    assert run("check", write(UPPER, MASK)).exit_code == 0
    assert run("check", "recipe.json", "--columns", "in.csv").exit_code == 0
    assert run("check", "recipe.json", "--columns", "name, email").exit_code == 0


def test_findings_have_step_and_line_and_exit_code_1() -> None:
    result = run("check", write(UPPER, step("RENAM")))
    assert result.exit_code == 1
    assert "step 2 (RENAM), line 10: unknown operation 'RENAM'" in result.stdout
    missing = run("check", write(UPPER), "--columns", "id,nam", "--json")
    assert missing.exit_code == 1
    assert json.loads(missing.stdout) == {
        "recipe": "recipe.json",
        "findings": [
            {
                "step": 1,
                "operation": "UPPER_CASE",
                "line": 2,
                "message": "unknown column 'name'; did you mean 'nam'?",
            }
        ],
    }


@pytest.mark.parametrize("content", [b"[{", b"a: b: c", b"\xff", b"- *a"])
def test_what_is_no_recipe_has_exit_code_2(content: bytes) -> None:
    Path("recipe.yaml").write_bytes(content)
    assert run("check", "recipe.yaml").exit_code == 2


def test_a_recipe_that_is_not_there_has_exit_code_2() -> None:
    result = run("check", "none.json")
    assert result.exit_code == 2
    assert "none.json: No such file" in result.stderr


def test_a_columns_file_that_is_not_there_is_no_column() -> None:
    result = run("check", write(UPPER), "--columns", "none.csv")
    assert result.exit_code == 2
    assert "there is no file none.csv" in result.stderr


def test_types_of_a_columns_file_are_checked_too() -> None:
    pq.write_table(pa.table({"x": [[1, 2]]}), "in.parquet")
    unnest = step("UNNEST_STRUCT", sourceColumn="x")
    assert run("check", write(unnest), "--columns", "x").exit_code == 0
    assert run("check", "recipe.json", "--columns", "in.parquet").exit_code == 1


def test_a_preview_hides_personal_columns_until_values_are_asked_for() -> None:
    hidden = run("preview", write(UPPER, MASK), "in.csv")
    assert hidden.exit_code == 0
    assert "step 1 (UPPER_CASE): 2 rows -> 2 rows" in hidden.stdout
    assert "xxx@xxxx.xxxxxxx | ###@xxxx.xxxxxxx" in hidden.stdout
    assert "zoe" not in hidden.stdout
    assert "Zoë" not in hidden.stdout
    shown = run("preview", "recipe.json", "in.csv", "--show-values", "--step", "2")
    assert "zoe@shop.example" in shown.stdout
    assert "step 1" not in shown.stdout
    assert run("preview", "recipe.json", "in.csv", "--step", "3").exit_code == 2


def test_a_preview_as_json_has_every_row() -> None:
    found = json.loads(run("preview", write(PRESENT), "in.csv", "--rows", "9", "--json").stdout)
    assert (found[0]["step"], found[0]["kept"]) == (1, [0])
    assert len(found[0]["before"]["rows"]) == 2
    assert "zoe" not in json.dumps(found)


def test_operations_are_listed_for_people_and_for_programs() -> None:
    assert "216 operations: " in run("operations").stdout
    found = json.loads(run("operations", "--json").stdout)
    assert len(found) == 216
    for one in found:
        assert set(one) == {
            *("operation", "family", "status", "tier", "reason", "doc", "parameters")
        }
    (renames,) = (one for one in found if one["operation"] == "RENAME")
    assert [set(one) for one in renames["parameters"]] == [
        {"name", "kind", "required", "default", "choices", "doc"}
    ] * len(renames["parameters"])


def test_lineage_names_columns_and_steps() -> None:
    merge = step("MERGE", sourceColumns=["name", "email"], targetColumn="both")
    text = run("lineage", write(UPPER, merge), "--columns", "name,email").stdout
    assert "both <- email, name by 1 UPPER_CASE, 2 MERGE" in text.splitlines()
    found = json.loads(run("lineage", "recipe.json", "--columns", "in.csv", "--json").stdout)
    assert found["both"] == {"columns": ["email", "name"], "steps": [1, 2]}
    assert found["id"] == {"columns": ["id"], "steps": []}
    assert run("lineage", "recipe.json", "--columns", "id").exit_code == 1


def test_equal_outputs_have_exit_code_0_in_any_format() -> None:
    recipe = write(UPPER)
    for output in ("theirs.csv", "theirs.jsonl", "theirs.parquet"):
        run("run", recipe, "in.csv", "--output", output)
        result = run("diff", recipe, "in.csv", "--against", output)
        assert result.exit_code == 0, result.output
        assert "2 of 2 rows equal" in result.stdout


def test_a_difference_has_exit_code_1_and_names_row_column_and_step() -> None:
    Path("theirs.csv").write_text(CSV.replace("zoe@", "tim@"), encoding="utf-8")
    result = run("diff", write(UPPER), "in.csv", "--against", "theirs.csv")
    assert result.exit_code == 1
    assert "column name: 1 cells differ; suspect: step 1 (UPPER_CASE)" in result.stdout
    assert "column email: 1 cells differ; no step touches it" in result.stdout
    assert "row 1, name: ours 'XXX', theirs 'Xxx'" in result.stdout
    assert "zoe" not in result.stdout
    options = ("--against", "theirs.csv", "--show-values", "--json", "--first", "1")
    found = json.loads(run("diff", "recipe.json", "in.csv", *options).stdout)
    assert found["first"] == [
        {"row": 1, "column": "name", "step": 1, "ours": "'ZOË'", "theirs": "'Zoë'"}
    ]


def test_what_cannot_be_compared_has_exit_code_2() -> None:
    assert run("diff", write(UPPER), "in.csv", "--against", "none.csv").exit_code == 2
    assert run("diff", write(step("X")), "in.csv", "--against", "in.csv").exit_code == 2


def test_a_name_cannot_command_the_terminal() -> None:
    recipe = write(step("DUPLICATE", sourceColumn="name", targetColumn="\x1b[2J"))
    assert "\x1b" not in run("lineage", recipe, "--columns", "name").stdout


class Screen:
    """A terminal, or a file that only looks like one."""

    def __init__(self, *, looked_at: bool) -> None:
        self.looked_at = looked_at
        self.text = ""

    def isatty(self) -> bool:
        return self.looked_at

    def write(self, text: str, /) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def test_progress_is_drawn_on_a_terminal_now_and_then_and_cleared() -> None:
    screen = Screen(looked_at=True)
    times = iter((0.0, 1.0, 1.01, 2.0))
    with Progress(screen, lambda: next(times)) as progress:
        for rows in (100, 150, 200):
            progress.rows(rows)
    lines = screen.text.split("\r\x1b[K")
    assert lines == ["", "reading ...", progress_line(100, 1.0), progress_line(200, 2.0), ""]


def test_progress_is_not_drawn_into_a_file() -> None:
    screen = Screen(looked_at=False)
    with Progress(screen, lambda: 0.0) as progress:
        progress.rows(1)
    assert screen.text == ""


def test_progress_tells_rows_and_speed() -> None:
    assert progress_line(3_000_000, 2.0) == "3,000,000 rows written in 2 s, 1,500,000 a second"
