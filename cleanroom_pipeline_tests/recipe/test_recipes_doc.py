"""docs/recipes.md: its recipes can be read, and its commands print what it says.

Here: the page's blocks, tried one after another in one folder; README's commands too. Not here:
what operations do (golden/).
"""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cleanroom_pipeline.cli import app
from cleanroom_pipeline.connector_types.base import refuse_missing_datasets
from cleanroom_pipeline.connector_types.check import mistakes_in
from cleanroom_pipeline.recipe import RecipeError, parse_recipe
from cleanroom_pipeline.recipe.conditions import NAMES as CONDITIONS
from cleanroom_pipeline.recipe.described import all_operations, counts_by_status
from cleanroom_pipeline.recipe.operations.catalogue import OPERATIONS, REFUSED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
# A block, and the line before it: the name of a file, or what a command prints.
_BLOCK = re.compile(
    r"(?:^`(?P<file>[\w.-]+)`:\n\n|^It prints(?:, with exit code (?P<code>\d))?:\n\n)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# A file that a shell command writes.
_HERE = re.compile(r"^cat > (\S+) <<'EOF'\n(.*?)^EOF\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block; `file` is what it is called, `code` the exit code that it is told with."""

    language: str
    text: str
    file: str | None
    code: int

    @property
    def is_connector(self) -> bool:
        """Say whether it is a connector's YAML."""
        return self.text.startswith("type: ")


def blocks() -> Iterator[Block]:
    """Yield the page's blocks in their order."""
    for found in _BLOCK.finditer(PAGE):
        yield Block(found["language"], found["text"], found["file"], int(found["code"] or 0))


BLOCKS = list(blocks())
RECIPES = [one for one in BLOCKS if one.language in {"json", "yaml"} and not one.is_connector]
CONNECTORS = [one for one in BLOCKS if one.is_connector]


def test_no_block_of_the_page_is_passed_over() -> None:
    assert len(BLOCKS) * 2 == len(re.findall("^```", PAGE, re.MULTILINE))
    assert RECIPES
    assert CONNECTORS


@pytest.mark.parametrize("block", RECIPES, ids=lambda one: one.file or "unnamed")
def test_a_recipe_of_the_page_is_right_unless_it_is_called_wrong(block: Block) -> None:
    if block.file == "wrong.json":
        with pytest.raises(RecipeError):
            parse_recipe(block.text, name=block.file)
    else:
        assert parse_recipe(block.text, name=block.file or "recipe").steps


@pytest.mark.parametrize("block", CONNECTORS)
def test_a_connector_of_the_page_has_no_mistake_and_the_datasets_of_its_recipe(
    block: Block, tmp_path: Path
) -> None:
    joins = next(one.text for one in RECIPES if one.file == "join.json")
    (tmp_path / "recipe.json").write_text(joins)
    assert mistakes_in(block.text, tmp_path / "defs.yaml") == []
    named = [one["name"] for one in yaml.safe_load(block.text)["attributes"]["datasets"]]
    refuse_missing_datasets(parse_recipe(joins, name="join.json"), named)


def printed(commands: str) -> tuple[str, int]:
    """Run lines of `cleanroom ...` and `cat FILE`; return what they print and the last's code."""
    output, code = "", 0
    for line in commands.splitlines():
        program, *arguments = shlex.split(line, comments=True)
        assert code == 0, output
        if program == "cat":
            output += "".join(Path(one).read_text(encoding="utf-8") for one in arguments)
            continue
        assert program == "cleanroom", line
        result = CliRunner().invoke(app, arguments)
        output, code = output + result.stdout, result.exit_code
        assert result.exception is None or isinstance(result.exception, SystemExit)
    return output, code


def test_the_commands_print_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for block, after in zip(BLOCKS, [*BLOCKS[1:], None], strict=True):
        if block.file:
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            assert after is not None
            assert printed(block.text) == (after.text, after.code)


def test_the_commands_of_the_readme_do_what_they_are_said_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = readme.partition("```sh\n")[2].partition("```")[0]
    for name, text in _HERE.findall(commands):
        Path(name).write_text(text, encoding="utf-8")
    output, code = printed(_HERE.sub("", commands))
    assert code == 0
    assert "recipe.yaml: nothing is wrong with it." in output
    assert "2 of 2 rows equal" in output
    assert "216 operations: " in output


def test_the_page_counts_operations_as_they_are() -> None:
    for status, count in counts_by_status(all_operations()).items():
        assert re.search(rf"^\| {status.value} \| .* \| {count} \|$", PAGE, re.MULTILINE)
    assert all(name in PAGE for name in REFUSED)


def test_the_page_names_no_operation_condition_or_choice_that_is_not_there() -> None:
    words = set(re.findall(r"\b[A-Z]{2,}(?:_[A-Z0-9]+)+\b", PAGE))
    declared = json.dumps([one.to_json() for one in all_operations()])
    unknown = {one for one in words - OPERATIONS.keys() if one not in declared}
    assert unknown <= {*CONDITIONS, "PERSON_NAME", "BANK_ACCOUNT", "USA_ALL", "UPER_CASE"}


def test_the_page_has_all_conditions() -> None:
    assert {name for name in CONDITIONS if f"`{name}`" not in PAGE} == set()
