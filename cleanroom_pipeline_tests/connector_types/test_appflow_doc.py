"""docs/appflow.md, held to what it says."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from typer.main import get_command

from cleanroom_pipeline.cli import app
from cleanroom_pipeline.connector_types.appflow_pull import AppFlowPullConnector
from cleanroom_pipeline.connector_types.check import mistakes_in
from cleanroom_pipeline.inbound.flow_definitions import APPLICATIONS, CUSTOM, with_bucket
from cleanroom_pipeline.inbound.pulls import build_pull_job
from cleanroom_pipeline_tests.inbound.flow_models import MODEL, assert_valid

PAGE = (Path(__file__).parents[2] / "docs" / "appflow.md").read_text(encoding="utf-8")
EXAMPLES = {
    example["attributes"]["name"]: example
    for example in (
        yaml.safe_load(part.partition("```")[0]) for part in PAGE.split("```yaml\n")[1:]
    )
}
COMMANDS = [
    line.partition("#")[0].strip()
    for part in PAGE.split("```sh\n")[1:]
    for line in part.partition("```")[0].splitlines()
    if line.startswith("cleanroom ")
]


def component(name: str) -> AppFlowPullConnector:
    made: AppFlowPullConnector = AppFlowPullConnector.resolve_from_yaml(
        yaml.safe_dump(EXAMPLES[name]["attributes"])
    )
    return made


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_a_connector_without_mistake(name: str, tmp_path: Path) -> None:
    for feed in component(name).feeds():
        (tmp_path / feed.recipe).write_text("[]")
    assert mistakes_in(yaml.safe_dump(EXAMPLES[name]), tmp_path / "defs.yaml") == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_makes_flows_that_appflow_takes_and_one_job(name: str) -> None:
    pulls = [feed.feed_pull() for feed in component(name).feeds()]
    for one in pulls:
        days = ("", "2026-10-01") if one.plan.incremental else ("",)
        for day in days:
            assert_valid("CreateFlow", with_bucket(one.pull.flow_of(day), "bucket"))
    job = build_pull_job(name, pulls, refresh=True, tags={})
    assert job.name == f"{name}__pull_job"


def test_several_objects_are_called_as_the_page_says() -> None:
    feeds = {feed.name: feed for feed in component("sfmc").feeds()}
    assert list(feeds) == ["sfmc_click_event", "sfmc_open_event", "sfmc_people"]
    clicks = feeds["sfmc_click_event"]
    assert clicks.recipe == "click_event.json"
    assert clicks.inbound.prefix == "inbound/sfmc/click_event/"
    assert feeds["sfmc_open_event"].recipe == "opens.json"
    assert {feed.profile_name for feed in feeds.values()} == {"sfmc"}


def test_every_command_of_the_page_is_one_that_there_is() -> None:
    assert len(COMMANDS) == 5
    for line in COMMANDS:
        _, *words = shlex.split(line)
        found: Any = get_command(app)
        while hasattr(found, "commands"):
            found = found.commands[words.pop(0)]
        found.make_context("cleanroom", words)


def test_the_run_config_of_the_page_is_one_that_the_pull_job_takes() -> None:
    (written,) = re.findall(r"-j sfmc_sent__pull_job --config-json '(.*)'", PAGE)
    pulls = [feed.feed_pull() for feed in component("sfmc_sent").feeds()]
    job = build_pull_job("sfmc_sent", pulls, refresh=True, tags={})
    assert dg.validate_run_config(job, json.loads(written))
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.validate_run_config(job, {"frist": "2025-10-01"})


def test_every_application_of_appflow_is_named() -> None:
    assert [name for name in APPLICATIONS if name != CUSTOM and name not in PAGE] == []
    without = sorted(name for name, known in APPLICATIONS.items() if not known.filters_dates)
    assert f"{', '.join(without[:-1])} and {without[-1]} have neither" in PAGE


def test_every_state_of_an_execution_is_in_the_table() -> None:
    table = PAGE.partition("## What AppFlow says")[2]
    states = MODEL.shape_for("ExecutionStatus").enum
    assert [state for state in states if f"`{state}`" not in table] == []
    named = set(re.findall(r"`(\w+Error)`", table))
    assert named == {
        "AppFlowInUseError",
        "FlowRefusedError",
        "PutFailuresError",
        "RunCanceledError",
        "RunDeadlineError",
        "RunFailedError",
        "RunVanishedError",
        "StartRefusedError",
        "UnknownStateError",
    }
