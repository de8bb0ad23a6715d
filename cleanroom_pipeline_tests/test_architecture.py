"""What holds for every module of the package; which may import which is in `.importlinter`."""

import ast
import configparser
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cleanroom_pipeline

PACKAGE = Path(cleanroom_pipeline.__file__).parent
ROOT = PACKAGE.parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
TEST_SOURCES = sorted((ROOT / "cleanroom_pipeline_tests").rglob("*.py"))
MOST_LINES = 420

IMPORT_WITHOUT_A_NETWORK = """
import importlib, json, socket, sys

def refuse(*_args, **_kwargs):
    raise AssertionError("A module reaches for the network while it is imported.")

socket.socket.connect = socket.socket.connect_ex = refuse
socket.create_connection = socket.getaddrinfo = refuse
for name in json.load(sys.stdin):
    importlib.import_module(name)
"""

IMPORT_AND_LIST_WHAT_CAME_ALONG = """
import importlib, json, sys

unwanted = {}
for name in json.load(sys.stdin):
    importlib.import_module(name)
    came_along = [heavy for heavy in ("dagster", "boto3", "botocore") if heavy in sys.modules]
    if came_along:
        unwanted[name] = came_along
        break
print(json.dumps(unwanted))
"""


def _module_name(source: Path) -> str:
    parts = source.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _pure() -> list[str]:
    """The modules and packages that the contract `pure` names."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter", encoding="utf-8")
    return contracts["importlinter:contract:pure"]["source_modules"].split()


def _run_fresh(code: str, modules: list[str], home: Path) -> str:
    """What `code` prints in a new interpreter that knows no AWS account and no connector."""
    configured = ("AWS_", "CLEANROOM_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(configured)}
    environment |= {"HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(modules),
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_every_module_opens_no_connection_and_needs_no_configuration(
    tmp_path: Path,
) -> None:
    modules = [_module_name(source) for source in SOURCES if source.stem != "__main__"]
    _run_fresh(IMPORT_WITHOUT_A_NETWORK, modules, tmp_path)


@pytest.mark.parametrize("pure", _pure())
def test_a_pure_module_brings_neither_dagster_nor_boto3_along(pure: str, tmp_path: Path) -> None:
    names = [_module_name(source) for source in SOURCES]
    modules = [name for name in names if name == pure or name.startswith(f"{pure}.")]
    assert modules
    assert json.loads(_run_fresh(IMPORT_AND_LIST_WHAT_CAME_ALONG, modules, tmp_path)) == {}


@pytest.mark.parametrize("source", SOURCES, ids=_module_name)
def test_a_module_says_what_belongs_in_it_and_what_does_not(source: Path) -> None:
    docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8")))
    assert docstring, f"{source} has no docstring."
    if source.name == "__init__.py":
        return
    sentences = re.findall(r"\S.*?[.:!?](?=\s|$)", docstring, flags=re.DOTALL)
    assert len(sentences) >= 2
    assert len(docstring.splitlines()) >= 2
    assert re.search(r"\bnot\b|\bnothing\b", docstring, flags=re.IGNORECASE), (
        f"{source}: the docstring does not say what does not belong there."
    )


def test_no_source_file_is_too_long_to_be_read_at_one_sitting() -> None:
    lengths = {s: s.read_bytes().count(b"\n") for s in SOURCES + TEST_SOURCES}
    too_long = {str(s.relative_to(ROOT)): n for s, n in lengths.items() if n > MOST_LINES}
    assert too_long == {}
