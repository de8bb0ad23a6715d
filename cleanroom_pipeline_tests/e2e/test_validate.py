"""`dagster definitions validate`, as a person or a pipeline of theirs runs it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cleanroom_pipeline_tests.e2e.conftest import PROJECT

pytestmark = pytest.mark.e2e


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project that a test may spoil."""
    shutil.copytree(PROJECT / "cleanroom_pipeline", tmp_path / "cleanroom_pipeline")
    shutil.copyfile(PROJECT / "workspace.yaml", tmp_path / "workspace.yaml")
    return tmp_path


def validate(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"],
        cwd=project,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(project), "HOME": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )


def spoil(project: Path, connector: str, file: str, good: str, bad: str) -> None:
    path = project / "cleanroom_pipeline" / "connectors" / connector / file
    text = path.read_text()
    assert good in text
    path.write_text(text.replace(good, bad, 1))


def test_the_project_is_valid_without_any_environment(copy: Path) -> None:
    done = validate(copy)
    assert done.returncode == 0, done.stdout + done.stderr


def test_mistakes_in_yaml_and_recipe_are_told_where_they_are(copy: Path) -> None:
    spoil(copy, "bigquery_customers", "defs.yaml", "prefix:", "prefx:")
    done = validate(copy)
    assert done.returncode != 0
    assert "bigquery_customers/defs.yaml:7: inbound.prefx: no such field" in (
        done.stdout + done.stderr
    )
    spoil(copy, "bigquery_customers", "defs.yaml", "prefx:", "prefix:")
    spoil(copy, "sfmc_click_events", "recipe.json", '"LOWER_CASE"', '"LOWR_CASE"')
    done = validate(copy)
    assert done.returncode != 0
    assert "sfmc_click_events/recipe.json" in done.stdout + done.stderr
    assert "unknown operation 'LOWR_CASE'; did you mean 'LOWER_CASE'?" in done.stdout + done.stderr
