"""Flows as the connectors of the project declare them, on the local AWS; `cleanroom appflow`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.aws.appflow import AppFlow
from cleanroom_pipeline.environment import NEEDED
from cleanroom_pipeline.flows import Planned, Wanted, planned
from cleanroom_pipeline.inbound.flow_definitions import flow_definition, with_bucket
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline_tests.inbound.flow_models import as_described
from cleanroom_pipeline_tests.inbound.test_flow_definitions import CLICKS
from cleanroom_pipeline_tests.local_pipeline import FLOW, appflow, pipeline, run, server

__all__ = ["pipeline", "server"]

WANTED = with_bucket(flow_definition(CLICKS), "bucket")


def listed(flow: str, owner: str, bucket: str = "bucket", **tags: str) -> dict[str, Any]:
    ours = {"cleanroom:connector": owner, "cleanroom:inbound": bucket}
    return {"flowName": flow, "tags": {**ours, **tags}}


def plan(
    described: Mapping[str, Any] | None = None,
    flows: Sequence[Mapping[str, Any]] = (),
    definition: Mapping[str, Any] | None = WANTED,
) -> list[Planned]:
    wanted = [Wanted("clicks", definition)]
    return planned(wanted, {"clicks": described}, flows, ["clicks", "opens"], "bucket")


def test_a_missing_flow_is_created_and_one_as_it_should_be_left_alone() -> None:
    assert [one.action for one in plan()] == ["create"]
    assert [one.action for one in plan(as_described(WANTED))] == ["unchanged"]


def test_a_flow_that_differs_is_shown_with_its_changes() -> None:
    described = as_described(WANTED)
    described["description"] = "by hand"
    (found,) = plan(described)
    assert found.text() == "update     clicks\n           description: 'by hand' -> (none)"
    assert found.document()["changes"] == [{"path": "description", "old": "by hand", "new": None}]


def test_a_flow_of_an_incremental_pull_is_made_when_it_is_needed() -> None:
    (found,) = plan(definition=None)
    assert (found.action, found.is_change) == ("by day", False)


@pytest.mark.parametrize(
    ("flow", "action", "is_change"),
    [
        (listed("gone", "gone"), "orphan", True),
        (listed("gone-day-20261001", "gone", **{"cleanroom:day": "2026-10-01"}), "orphan", True),
        (listed("clicks-day-1", "clicks", **{"cleanroom:day": "2026-10-01"}), "left over", False),
        (listed("theirs", "gone", bucket="of another deployment"), None, False),
        (listed("opens", "opens"), None, False),
        ({"flowName": "by hand", "tags": {"team": "a"}}, None, False),
        ({"flowName": "by hand"}, None, False),
    ],
)
def test_a_flow_that_nobody_declares_is_told_if_it_is_ours(
    flow: Mapping[str, Any], action: str | None, is_change: bool
) -> None:
    found = plan(as_described(WANTED), [flow])[1:]
    assert [(one.action, one.is_change) for one in found] == (
        [(action, is_change)] if action else []
    )


def test_a_flow_of_another_connector_is_told_and_a_change() -> None:
    described = as_described(WANTED)
    described["tags"]["cleanroom:connector"] = "opens"
    (found,) = plan(described)
    assert (found.action, found.is_change) == ("not ours", True)


@pytest.mark.usefixtures("pipeline")
def test_a_plan_is_carried_out_and_then_nothing_is_to_be_done(server: LocalAws) -> None:
    before = run("appflow", "plan")
    assert (before.exit_code, before.stdout) == (2, f"create     {FLOW}\n")
    done = run("appflow", "apply")
    assert (done.exit_code, done.stdout) == (0, f"create     {FLOW}\n")
    after = run("appflow", "plan", "--json")
    assert after.exit_code == 0
    assert [one["action"] for one in json.loads(after.stdout)] == ["unchanged"]
    tags = appflow(server).describe_flow(flowName=FLOW)["tags"]
    assert tags == {"cleanroom:connector": FLOW, "cleanroom:inbound": "cleanroom-inbound"}


@pytest.mark.usefixtures("pipeline")
def test_a_flow_that_was_changed_by_hand_is_changed_back(server: LocalAws) -> None:
    run("appflow", "apply")
    client = appflow(server)
    there = client.describe_flow(flowName=FLOW)
    changed = {
        name: there[name]
        for name in (
            "flowName", "triggerConfig", "sourceFlowConfig", "destinationFlowConfigList", "tasks",
        )
    }  # fmt: skip
    custom = changed["sourceFlowConfig"]["sourceConnectorProperties"]["CustomConnector"]
    custom["entityName"] = "OpenEvent"
    client.update_flow(**changed)
    result = run("appflow", "plan")
    assert result.exit_code == 2
    assert "CustomConnector.entityName: 'OpenEvent' -> 'ClickEvent'" in result.stdout
    assert run("appflow", "apply").stdout == result.stdout
    assert run("appflow", "plan").exit_code == 0


@pytest.mark.usefixtures("pipeline")
def test_flows_and_profile_are_deleted_only_when_that_is_meant(server: LocalAws) -> None:
    run("appflow", "apply")
    asked = run("appflow", "delete", FLOW)
    assert asked.exit_code == 1
    assert f"This deletes {FLOW}, and their records" in asked.stderr
    assert appflow(server).describe_flow(flowName=FLOW)
    done = run("appflow", "delete", FLOW, "--yes")
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        [f"deleted    {FLOW}  (flow)", f"deleted    {FLOW}  (profile)"],
    )
    assert appflow(server).list_flows()["flows"] == []
    again = run("appflow", "delete", FLOW, "--yes")
    assert (again.exit_code, again.stdout) == (0, f"not there  {FLOW}  (profile)\n")


@pytest.mark.usefixtures("pipeline")
def test_a_profile_in_use_and_a_running_flow_stay_and_are_told(server: LocalAws) -> None:
    run("appflow", "apply")
    client = appflow(server)
    client.start_flow(flowName=FLOW)
    result = run("appflow", "delete", FLOW, "--yes")
    assert result.exit_code == 1
    assert f"Flow {FLOW} is running, and stays." in result.stdout
    assert f"Connector profile {FLOW} is in use by a flow, and stays." in result.stdout
    assert client.describe_flow(flowName=FLOW)


@pytest.mark.usefixtures("pipeline")
def test_a_flow_of_nobody_is_an_orphan_that_can_be_deleted_and_one_without_tags_can_not(
    server: LocalAws,
) -> None:
    run("appflow", "apply")
    client = appflow(server)
    there = client.describe_flow(flowName=FLOW)
    definition = {
        name: there[name]
        for name in ("triggerConfig", "sourceFlowConfig", "destinationFlowConfigList", "tasks")
    }
    tags = {**there["tags"], "cleanroom:connector": "old"}
    client.create_flow(flowName="old", tags=tags, **definition)
    client.create_flow(flowName="by-hand", **definition)
    planned_ = run("appflow", "plan")
    assert planned_.exit_code == 2
    assert "orphan     old  (connector old is not declared)" in planned_.stdout
    assert "by-hand" not in planned_.stdout
    assert run("appflow", "delete", "old", "by-hand", "--yes").stdout == "deleted    old  (flow)\n"
    assert {flow["flowName"] for flow in client.list_flows()["flows"]} == {FLOW, "by-hand"}


@pytest.mark.usefixtures("pipeline")
def test_tags_that_a_listing_leaves_out_are_looked_up(
    server: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("appflow", "apply")
    whole = AppFlow.flows

    def without_tags(appflow: AppFlow) -> tuple[Mapping[str, Any], ...]:
        return tuple({k: v for k, v in one.items() if k != "tags"} for one in whole(appflow))

    monkeypatch.setattr(AppFlow, "flows", without_tags)
    assert f"deleted    {FLOW}  (flow)" in run("appflow", "delete", FLOW, "--yes").stdout
    assert appflow(server).list_flows()["flows"] == []


@pytest.mark.usefixtures("pipeline")
def test_a_flow_whose_profile_is_missing_is_told_with_appflows_words(server: LocalAws) -> None:
    appflow(server).delete_connector_profile(connectorProfileName=FLOW)
    result = run("appflow", "apply")
    assert result.exit_code == 1
    assert "failed" in result.stdout
    assert "ResourceNotFoundException" in result.stdout
    assert f"There is no connector profile {FLOW}" in result.stdout


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize("command", ["plan", "apply"])
def test_an_unknown_connector_is_told_with_those_that_there_are(command: str) -> None:
    result = run("appflow", command, "nothing")
    assert result.exit_code == 3
    assert f"There is no AppFlow connector 'nothing'; there are {FLOW}" in result.stderr


@pytest.mark.parametrize("arguments", [("plan",), ("apply",), ("delete", FLOW)])
def test_no_pipeline_in_sight_is_no_difference_between_flows(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in NEEDED:
        monkeypatch.delenv(name, raising=False)
    result = run("appflow", *arguments)
    assert result.exit_code == 3
    assert "No pipeline is in sight" in result.stderr
