"""The reference of operations: pages that hold what is declared, and commands that run.

Here: pages and their examples. Not here: what operations do (test_golden.py).
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cleanroom_pipeline.cli import app
from cleanroom_pipeline.recipe.described import Described, all_operations
from cleanroom_pipeline.recipe.operations.declaration import Kind, Parameter, Status
from cleanroom_pipeline.recipe.reference import (
    INDEX,
    Example,
    cell,
    code,
    family_page,
    first_runnable,
    page_name,
    prose,
)
from cleanroom_pipeline.recipe.runnable import Runnable, Table
from cleanroom_pipeline_tests.recipe.reference_pages import (
    PAGES,
    examples,
    reference_pages,
    write_pages,
)
from cleanroom_pipeline_tests.recipe.running import step

TEXTS = {"name": "VARCHAR", "city": "VARCHAR"}
LOWER = Described(
    "LOWER_CASE",
    "data cleaning",
    Status.DOCUMENTED,
    1,
    None,
    "Lowers *all* letters; `null` stays.",
    (
        Parameter("sourceColumn", Kind.COLUMN, "the column", required=True),
        Parameter("mode", Kind.CHOICE, "a|b", default="x", choices=("x", "y|z")),
    ),
    conditions=False,
)
REFUSED = Described("TURN", "data cleaning", Status.REFUSED, 3, "nobody knows how", "")
EXAMPLE = Example(
    "names in small letters",
    Table(TEXTS, [["ZOË", None], ["a|b", ""], [" x ", 'say "no"']]),
    [step("LOWER_CASE", sourceColumn="name")],
    Table(TEXTS, [["zoë", None], ["a|b", ""], [" x ", 'say "no"']]),
)
FAMILIES = sorted({one.family for one in all_operations()})


def page(example: Example = EXAMPLE) -> str:
    return family_page("data cleaning", [LOWER, REFUSED], {"LOWER_CASE": example})


def test_a_page_tells_status_doc_parameters_and_reasons() -> None:
    lines = page().splitlines()
    assert "Status: documented." in lines
    assert r"Lowers \*all\* letters; `null` stays." in lines
    assert "It takes no ConditionExpressions." in lines
    assert "| `sourceColumn` | a column name | yes |  | the column |" in lines
    assert r"| `mode` | one of its choices: `x`, `y\|z` |  | `x` | a\|b |" in lines
    assert "It is refused: nobody knows how." in lines


def test_a_page_shows_the_tables_of_the_example() -> None:
    lines = page().splitlines()
    assert r"| `ZOË` | *null* |" in lines
    assert r"| `a\|b` | *empty* |" in lines
    assert r'| `" x "` | `say "no"` |' in lines


def test_a_page_begins_with_commands_and_what_they_print() -> None:
    text = page()
    assert "cat > input.csv <<'EOF'\nname,city\nZOË,\na|b,\"\"\n" in text
    assert "cleanroom recipe run recipe.json input.csv --output output.csv\n" in text
    assert 'It prints:\n\n```\nname,city\nzoë,\na|b,""\n x ,"say ""no"""\n```\n' in text


@pytest.mark.parametrize(
    "example",
    [
        Example("", EXAMPLE.given, EXAMPLE.steps, EXAMPLE.gives, settings={"compat": True}),
        Example("", EXAMPLE.given, EXAMPLE.steps, EXAMPLE.gives, datasets={"d": EXAMPLE.given}),
        Example("", EXAMPLE.given, [step("A", secretId="key")], EXAMPLE.gives),
        Example("", Table({"d": "DATE"}, [["2020-01-01"]]), EXAMPLE.steps, EXAMPLE.gives),
        Example("", Table({"n": "DOUBLE"}, [[0.1234567890123]]), EXAMPLE.steps, EXAMPLE.gives),
        Example("", Table(TEXTS, [["\nEOF\n", "x"]]), EXAMPLE.steps, EXAMPLE.gives),
    ],
)
def test_what_needs_more_than_a_recipe_and_a_file_is_no_command(example: Example) -> None:
    assert example.runnable is None
    assert "cleanroom recipe run" not in page(example)


def test_numbers_are_written_as_the_engine_writes_them() -> None:
    table = Table({"n": "DOUBLE", "t": "BOOLEAN"}, [[1.0, None], [2.5, True]])
    made = Example("", table, EXAMPLE.steps, table).runnable
    assert made is not None
    assert made.files["input.csv"] == "n,t\n1,\n2.5,true\n"


@pytest.mark.parametrize(
    ("text", "span"), [("a", "`a`"), ("a`b", "``a`b``"), ("`", "`` ` ``"), ("``x", "``` ``x ```")]
)
def test_a_code_span_holds_any_text(text: str, span: str) -> None:
    assert code(text) == span


def test_cells_show_what_could_not_be_seen() -> None:
    assert [cell(one) for one in (None, "", "a  b", "\t", "é", 1.5, [1], True)] == [
        *("*null*", "*empty*", '`"a  b"`', r'`"\t"`', "`é`", "`1.5`", "`[1]`", "`true`")
    ]


def test_prose_keeps_code_and_escapes_the_rest() -> None:
    assert prose("a_b `c_d` [x] <y>") == r"a\_b `c_d` \[x\] \<y>"


def test_every_operation_is_on_a_page_and_in_the_index() -> None:
    made = reference_pages()
    assert set(made) == {INDEX, *map(page_name, FAMILIES)}
    for one in all_operations():
        heading = f"\n## {one.operation}\n\nStatus: {one.status.value}."
        assert heading in made[page_name(one.family)]
        assert f"({page_name(one.family)}#{one.operation.lower()})" in made[INDEX]


def test_pages_are_written_and_stale_ones_go(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("old")
    write_pages(tmp_path)
    found = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert found == reference_pages()


def test_the_committed_pages_are_what_make_docs_writes() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in PAGES.glob("*.md")}
    assert found == reference_pages()


def of_family(family: str) -> Runnable:
    operations = [one for one in all_operations() if one.family == family]
    if not {one.operation for one in operations} & set(examples()):
        pytest.skip(f"there is no example of {family} yet")
    found = first_runnable(operations, examples())
    assert found is not None, f"{family} needs an example that is a recipe and a CSV file alone"
    return found[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_commands_of_a_page_print_what_it_says(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = of_family(family)
    monkeypatch.chdir(tmp_path)
    for name, text in made.files.items():
        Path(name).write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, list(made.arguments))
    assert result.exit_code == 0, result.output
    assert Path(made.output).read_text(encoding="utf-8") == made.prints


def test_a_shell_runs_the_commands_of_a_page_as_they_stand(tmp_path: Path) -> None:
    text = reference_pages()[page_name("data cleaning")]
    commands = text.split("```sh\n", 1)[1].split("\n```", 1)[0]
    printed = text.split("It prints:\n\n```\n", 1)[1].split("\n```", 1)[0]
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", commands],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip("\n") == printed
