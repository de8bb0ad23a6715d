"""The page on DataBrew says what the code does."""

import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from typer.testing import CliRunner

import cleanroom_pipeline.aws.databrew
from cleanroom_pipeline.aws.sqs import EVENT_QUEUE_VARIABLE
from cleanroom_pipeline.cli import app
from cleanroom_pipeline.connector_types.check import mistakes_in
from cleanroom_pipeline.connector_types.settings import DataBrewJobSettings
from cleanroom_pipeline.environment import ALSO_SHOWN
from cleanroom_pipeline.external_runs import Limits
from cleanroom_pipeline.transform import databrew_adoption, databrew_hints, databrew_orphans
from cleanroom_pipeline.transform.databrew_cost import CostRule
from cleanroom_pipeline.transform.databrew_hints import event_of
from cleanroom_pipeline.transform.databrew_requests import JOB_RUN_STATES, job_name, recipe_name
from cleanroom_pipeline.transform.databrew_start import (
    LONGEST_PAUSE_SECONDS,
    START_DEADLINE_SECONDS,
)
from cleanroom_pipeline.transform.databrew_wait import FAILURES, START_ALLOWANCE_MINUTES
from cleanroom_pipeline.transform.expected_columns import __doc__ as columns_doc

PAGE = (Path(__file__).parents[2] / "docs" / "databrew.md").read_text(encoding="utf-8")
CLIENT: Any = boto3.client("databrew", region_name="us-east-1")
MODEL = CLIENT.meta.service_model


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a header row that begins with these cells."""
    after = PAGE.partition(f"\n{heading}")[2].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in after[2:]]


def cells(heading: str) -> list[list[str]]:
    return [[cell.strip(" |") for cell in row] for row in rows(heading)]


@pytest.mark.parametrize("example", examples("yaml"))
def test_the_example_is_a_connector_without_mistake(example: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text("[]")
    assert mistakes_in(example, tmp_path / "defs.yaml") == []
    given = yaml.safe_load(example)["attributes"]["databrew"]
    DataBrewJobSettings.model_validate(given)


def test_every_field_is_there_with_its_default() -> None:
    told = {row[0].strip("`"): row[1] for row in cells("| field of `databrew`")}
    defaults = DataBrewJobSettings()
    spelled = {"None": "no limit", "False": "false", "{}": "none"}
    expected = {name: str(getattr(defaults, name)) for name in type(defaults).model_fields}
    assert told == {name: spelled.get(value, value) for name, value in expected.items()}


def test_every_state_is_there_with_its_error() -> None:
    told = {row[0]: row[1] for row in cells("| state | what happens")}
    assert set(told) == set(MODEL.shape_for("JobRunState").enum)
    for state, (error, _) in FAILURES.items():
        assert f"`{error.__name__}`" in told[state]
    assert set(FAILURES) == JOB_RUN_STATES.bad


def test_what_a_run_costs_is_as_the_table_says() -> None:
    table = cells("| nodes | minutes | node-hours | dollars |")
    assert len(table) == 4
    for nodes, minutes, hours, dollars in table:
        rule, seconds = CostRule(int(nodes)), 60 * int(minutes)
        assert f"{rule.node_hours(seconds):.2f}" == hours
        assert f"{rule.price(seconds):.2f}" == dollars


def test_the_types_are_those_that_are_compared() -> None:
    told = [row[0] for row in cells("| plan | Parquet |")]
    assert all(f"| {name} " in str(columns_doc) for name in told)
    assert len(told) == 5


def test_the_event_is_one_and_the_rule_matches_it() -> None:
    pattern, event = map(json.loads, examples("json"))
    assert all(event[name] in allowed for name, allowed in pattern.items())
    found = event_of(json.dumps(event))
    assert found is not None
    assert found.run_id == "db_1"
    assert found.job == job_name("web_orders", "20261124T031500Z-3f9a1c2b")


def test_names_and_times_are_the_codes() -> None:
    assert recipe_name("web_orders", "0" * 64) == "web_orders-" + 12 * "0"
    assert "`<connector>-<12 hex of its hash>`" in PAGE
    assert f"`{EVENT_QUEUE_VARIABLE}`" in PAGE
    assert EVENT_QUEUE_VARIABLE in ALSO_SHOWN
    minutes = {
        "up to 15 minutes": START_DEADLINE_SECONDS / 60,
        "15 minutes after its time-out": START_ALLOWANCE_MINUTES,
        "only failures for 15 minutes": Limits().silent / 60,
    }
    assert set(minutes.values()) == {15}
    assert all(words in PAGE for words in minutes)
    assert Limits().unlisted == 120
    assert databrew_adoption.INTENT_HOLDS.total_seconds() == 90
    assert databrew_adoption.INTENT_SETTLES.total_seconds() == 10
    assert databrew_orphans.GRACE.total_seconds() == databrew_orphans.INTERVAL_SECONDS == 300
    assert (databrew_hints.GIVEN_BACK_SECONDS, databrew_hints.KEPT_MINUTES) == (5, 10)
    assert LONGEST_PAUSE_SECONDS == 30


def test_the_permissions_are_those_of_the_calls_that_are_made() -> None:
    source = Path(str(cleanroom_pipeline.aws.databrew.__file__)).read_text(encoding="utf-8")
    called = re.findall(r"client\.([a-z]+_[a-z_]+)\(", source)
    called += re.findall(r"get_paginator\(\"(\w+)\"\)", source)
    methods = CLIENT.meta.method_to_api_mapping
    made = {methods[name] for name in called if name in methods}
    told = {action for row in cells("| for | actions |") for action in row[1].split()}
    # Tags are given with what is made, which takes this permission.
    assert {action.strip("`") for action in told} == made | {"TagResource"}
    assert len(made) == 19


def test_the_command_is_there_with_its_options() -> None:
    (example,) = examples("console")
    command = example.split()
    assert command[:4] == ["$", "cleanroom", "recipe", "parity"]
    shown = CliRunner().invoke(app, ["recipe", "parity", "--help"], env={"COLUMNS": "200"}).output
    options = {word for word in command if word.startswith("--")} | {"--fresh", "--show-values"}
    assert all(option in shown for option in options)
