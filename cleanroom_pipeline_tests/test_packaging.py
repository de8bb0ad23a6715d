"""What is installed from the wheel is whole, and works where there is no checkout."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[1]
CONNECTORS = ROOT / "cleanroom_pipeline" / "connectors"
PROFILES = ROOT / "cleanroom_pipeline" / "connector_types" / "profiles"

# Run with -I -S: no .pth file is read, so the editable install of the checkout is out of sight.
LOAD_WHAT_IS_INSTALLED = """
import json, sys
from importlib import metadata

installed, dependencies = sys.argv[1:]
sys.path[:0] = [installed]
sys.path.append(dependencies)

import cleanroom_pipeline
from cleanroom_pipeline.definitions import build_defs

(distribution,) = metadata.distributions(name="cleanroom-pipeline", path=[installed])
commands = {e.name: callable(e.load()) for e in distribution.entry_points}
keys = build_defs().resolve_asset_graph().get_all_asset_keys()
print(json.dumps({
    "file": cleanroom_pipeline.__file__,
    "connectors": sorted({key.path[0] for key in keys}),
    "commands": commands,
}))
"""


def _run(*command: str, cwd: Path) -> str:
    configured = ("AWS_", "CLEANROOM_", "DAGSTER_", "PYTHON")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(configured)}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=environment | {"HOME": str(cwd), "DAGSTER_DISABLE_TELEMETRY": "yes"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    _run("-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT), cwd=out)
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_every_connector_every_profile_and_the_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    needed = {
        str(path.relative_to(ROOT))
        for folder, pattern in (
            (CONNECTORS, "*/defs.yaml"),
            (CONNECTORS, "*/recipe.json"),
            (PROFILES, "*.yaml"),
        )
        for path in folder.glob(pattern)
    }
    assert needed
    assert needed <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_wheel_holds_the_package_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    roots = {name.split("/")[0] for name in names}
    assert {root for root in roots if not root.endswith(".dist-info")} == {"cleanroom_pipeline"}
    assert [name for name in names if name.endswith((".pyc", ".db")) or "/.local/" in name] == []


def test_what_is_installed_loads_every_connector_and_command_without_the_checkout(
    wheel: Path, tmp_path: Path
) -> None:
    installed = tmp_path / "installed"
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile")
    _run(*pip, "--target", str(installed), str(wheel), cwd=tmp_path)

    dependencies = sysconfig.get_path("purelib")
    load = ("-I", "-S", "-c", LOAD_WHAT_IS_INSTALLED, str(installed), dependencies)
    loaded = json.loads(_run(*load, cwd=tmp_path).splitlines()[-1])

    assert Path(loaded["file"]).is_relative_to(installed)
    declared = sorted(path.parent.name for path in CONNECTORS.glob("*/defs.yaml"))
    assert declared
    assert loaded["connectors"] == declared
    assert loaded["commands"] == {"cleanroom": True}
