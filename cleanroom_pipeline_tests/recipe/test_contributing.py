"""CONTRIBUTING.md: the operation that it adds is one that all checks of operations pass.

Here: the page's module and golden file, in a registry without the operation that is there. Not
here: the checks (test_golden.py, test_catalogue.py).
"""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from cleanroom_pipeline.recipe.operations import declaration, registry
from cleanroom_pipeline_tests.recipe import test_catalogue, test_golden
from cleanroom_pipeline_tests.recipe.golden_files import GoldenFile, read_golden

PAGE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
OPERATION = "ADD_PREFIX"
MODULE = "contributed"


def block(language: str) -> tuple[Path, str]:
    """Return the path and the text of the page's only block in a language."""
    before, text = PAGE.split(f"```{language}\n")
    path = before.rstrip().rpartition("\n")[2].split("`")[1]
    return Path(path), text.partition("\n```")[0] + "\n"


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GoldenFile:
    """Replace the operation by the page's, for the time of a test; give its golden file."""
    others = {name: one for name, one in registry().items() if name != OPERATION}
    monkeypatch.setattr(declaration, "_REGISTRY", others)
    paths = {}
    for language in ("python", "yaml"):
        path, text = block(language)
        paths[language] = tmp_path / path
        paths[language].parent.mkdir(parents=True)
        paths[language].write_text(text, encoding="utf-8")
    spec = spec_from_file_location(MODULE, paths["python"])
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(module_from_spec(spec))
    return read_golden(paths["yaml"])


def is_the_page_s() -> bool:
    """Say whether the operation in the registry is the page's."""
    return getattr(registry()[OPERATION].build, "__module__", None) == MODULE


def test_the_operation_gives_what_its_golden_file_says(added: GoldenFile, tmp_path: Path) -> None:
    assert is_the_page_s()
    test_golden.test_a_golden_file_shows_nulls_unicode_and_its_own_operation(added)
    for case in added.cases:
        test_golden.test_the_operation_gives_what_its_golden_file_says(case, tmp_path)


@pytest.mark.usefixtures("added")
def test_the_operation_is_one_of_the_catalogue() -> None:
    test_catalogue.test_every_implemented_operation_is_in_the_catalogue_with_its_tier()
    test_catalogue.test_every_operation_runs_or_is_refused_for_a_reason_and_no_more_than_ten_are()
    test_catalogue.test_defaults_are_values_that_could_be_written()


def test_the_files_lie_where_they_are_found() -> None:
    root = Path(__file__).parents[2]
    module, golden = block("python")[0], block("yaml")[0]
    assert (root / module.parent / "__init__.py").is_file()
    assert not (root / module).exists()
    assert (root / golden).is_file()


def test_without_it_the_registry_holds_the_operation_that_is_there() -> None:
    assert not is_the_page_s()


def test_the_page_names_files_that_are_there() -> None:
    tests = Path(__file__).parent
    operations = Path(declaration.__file__).parent
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 2 and cells[0].startswith("`test_"):
            assert (tests / f"{cells[0].strip('`')}.py").is_file()
        if len(cells) == 3 and cells[2].endswith(".py`"):
            assert (operations / cells[2].strip("`")).is_file()
