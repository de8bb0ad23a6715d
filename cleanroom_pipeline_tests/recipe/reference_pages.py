"""The pages under docs/operations, written from the declarations and the golden files.

Here: the way from golden files to pages (`python -m cleanroom_pipeline_tests.recipe.reference_pages
[FOLDER]`). Not here: what a page looks like (`cleanroom_pipeline.recipe.reference`).
"""

import sys
from pathlib import Path

from cleanroom_pipeline.recipe.described import all_operations
from cleanroom_pipeline.recipe.reference import Example, pages
from cleanroom_pipeline.recipe.runnable import Table
from cleanroom_pipeline_tests.recipe.golden_files import Case, Data, golden_files

PAGES = Path(__file__).parents[2] / "docs" / "operations"


def examples() -> dict[str, Example]:
    """Return the first case of each golden file, by its operation."""
    return {name: example(file.cases[0]) for name, file in golden_files().items()}


def example(case: Case) -> Example:
    """Return a golden case as an example."""
    datasets = {name: _table(data) for name, data in case.datasets.items()}
    given, gives = _table(case.given), _table(case.gives)
    return Example(case.title, given, case.steps, gives, case.settings, datasets)


def _table(data: Data) -> Table:
    return Table(data.columns, data.rows)


def reference_pages() -> dict[str, str]:
    """Return the text of every page by its file name."""
    return pages(all_operations(), examples())


def write_pages(folder: Path) -> None:
    """Write every page, and remove those that are none any more."""
    made = reference_pages()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]) if sys.argv[1:] else PAGES)
