"""Each operation gives what its golden file says, and each operation has one.

Here: the golden files run, and what they must hold. Not here: the files (golden/).
"""

from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.recipe.operations import registry
from cleanroom_pipeline.recipe.operations.catalogue import OPERATIONS
from cleanroom_pipeline_tests.recipe.golden_files import (
    Case,
    GoldenFile,
    cases,
    expected,
    golden_files,
    run_case,
    spelled,
)

FEWEST_ROWS = 3


@pytest.mark.parametrize("case", list(cases()))
def test_the_operation_gives_what_its_golden_file_says(case: Case, tmp_path: Path) -> None:
    table = run_case(tmp_path, case)
    assert table.schema.names == list(case.gives.columns)
    assert spelled(table) == near(expected(case))
    assert table.schema.types == case.gives.table().schema.types


def near(value: Any) -> Any:
    """Return what is equal to a value but for the last digits of its floats."""
    match value:
        case float():
            return pytest.approx(value, rel=1e-12, nan_ok=True)
        case list():
            return [near(one) for one in value]
        case dict():
            return {name: near(one) for name, one in value.items()}
    return value


def test_each_operation_that_runs_has_a_golden_file_in_its_family() -> None:
    missing = {name for name, declared in registry().items() if not declared.refused}
    missing -= set(golden_files())
    assert missing == set()


@pytest.mark.parametrize("file", list(golden_files().values()), ids=list(golden_files()))
def test_a_golden_file_shows_nulls_unicode_and_its_own_operation(file: GoldenFile) -> None:
    assert file.path.stem == file.operation
    assert file.path.parent.name == OPERATIONS[file.operation].family.replace(" ", "_")
    assert file.source
    rows = [row for case in file.cases for row in case.given.rows]
    assert len(rows) >= FEWEST_ROWS
    assert any(None in row for row in rows)
    assert not str([(case.given, case.datasets) for case in file.cases]).isascii()
    for case in file.cases:
        assert file.operation in str(case.steps)
