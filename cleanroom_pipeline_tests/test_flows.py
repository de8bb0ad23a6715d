"""Flows as the project's connectors declare them, on the local AWS; `cleanroom appflow`, `pull`."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner, Result

from cleanroom_pipeline.aws.appflow import AppFlow
from cleanroom_pipeline.cli import app
from cleanroom_pipeline.connector_types.appflow_pull import AppFlowPullConnector
from cleanroom_pipeline.environment import NEEDED
from cleanroom_pipeline.flows import Planned, Wanted, planned
from cleanroom_pipeline.inbound.flow_definitions import flow_definition, with_bucket
from cleanroom_pipeline.inbound.pulls import build_pull_job
from cleanroom_pipeline.inbound.windows import WindowError
from cleanroom_pipeline.local_aws.clients import Clients
from cleanroom_pipeline.local_aws.provision import LocalEnvironment, provision
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline.pull_runs import LaunchError, run_configs_of, wait_for_run
from cleanroom_pipeline.resources import build_resources
from cleanroom_pipeline_tests.connector_types.test_appflow_doc import component
from cleanroom_pipeline_tests.inbound.flow_models import as_described
from cleanroom_pipeline_tests.inbound.test_flow_definitions import CLICKS
from cleanroom_pipeline_tests.local_aws.http_client import send
from cleanroom_pipeline_tests.local_aws.marketing import profile_config

FLOW = "sfmc_click_events"
REGION = "us-east-1"
PROJECT = Path(__file__).parents[1]
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


@pytest.fixture(scope="module")
def server() -> Iterator[LocalAws]:
    with LocalAws.start() as started:
        yield started


@pytest.fixture
def pipeline(server: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalEnvironment:
    """A local AWS with nothing but what the pipeline needs and its connector profile."""
    server.reset()
    environment = provision(server.endpoint)
    for name, value in environment.as_env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    Clients(server.endpoint).get("appflow", REGION).create_connector_profile(
        connectorProfileName=FLOW,
        connectorType="CustomConnector",
        connectorLabel="SalesforceMarketingCloud",
        connectionMode="Public",
        connectorProfileConfig=profile_config(server.endpoint, None),
    )
    return environment


def appflow(server: LocalAws) -> Any:
    return Clients(server.endpoint).get("appflow", REGION)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


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


def daily() -> AppFlowPullConnector:
    return component("sfmc_sent")


def test_a_pull_is_asked_for_as_on_its_schedule_or_for_days() -> None:
    assert run_configs_of(daily(), (), "", "") == [{}]
    days = {"first": "2026-10-01", "end": "2026-11-01"}
    assert run_configs_of(daily(), (), **days) == [days]
    assert run_configs_of(daily(), ("SentEvent",), **days) == [days]


def test_more_days_than_one_run_pulls_are_asked_for_in_parts() -> None:
    assert run_configs_of(daily(), (), "2026-10-01", "2026-12-02") == [
        {"first": "2026-10-01", "end": "2026-11-01"},
        {"first": "2026-11-01", "end": "2026-12-02"},
    ]


@pytest.mark.parametrize("name", ["ClickEvent", "sfmc_click_event"])
def test_one_of_several_objects_is_named_as_marketing_cloud_or_as_we_do(name: str) -> None:
    asked = run_configs_of(component("sfmc"), (name,), "", "")
    assert asked == [{"objects": ["sfmc_click_event"]}]


@pytest.mark.parametrize(
    ("connector", "objects", "first", "end", "told"),
    [
        ("sfmc_clicks", (), "2026-10-01", "2026-10-02", "can't be asked for days"),
        ("sfmc_sent", (), "2026-10-02", "2026-10-01", "No day is from"),
        ("sfmc_sent", (), "last week", "2026-10-01", "A day is written like"),
        ("sfmc", ("Nothing",), "", "", "no object 'Nothing'; it has ClickEvent, OpenEvent, Sub"),
    ],
)
def test_what_can_not_be_pulled_is_refused_before_a_run_is_asked_for(
    connector: str, objects: tuple[str, ...], first: str, end: str, told: str
) -> None:
    with pytest.raises(WindowError, match=told):
        run_configs_of(component(connector), objects, first, end)


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nothing",), "There is no connector 'nothing' that pulls"),
        ((FLOW, "--from", "2026-10-01"), "--from and --to go together"),
        ((FLOW, "--from", "2026-10-01", "--to", "2026-10-02"), "can't be asked for days"),
        ((FLOW, "--object", "OpenEvent"), "has no object 'OpenEvent'; it has ClickEvent"),
    ],
)
def test_the_command_tells_what_can_not_be_pulled(
    arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    result = run("pull", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr


@pytest.mark.usefixtures("pipeline")
def test_a_pull_that_no_daemon_would_see_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    result = run("pull", FLOW)
    assert result.exit_code == 2
    assert "DAGSTER_HOME is not set" in result.stderr
    assert "DAGSTER_HOME" not in os.environ


class Statuses:
    """A Dagster instance in which one run goes through these statuses, a look each."""

    def __init__(self, *statuses: dg.DagsterRunStatus) -> None:
        self.left = list(statuses)

    def get_run_by_id(self, run_id: str) -> dg.DagsterRun | None:
        if not self.left:
            return None
        return dg.DagsterRun("shop__pull_job", run_id, status=self.left.pop(0))


STARTED, SUCCESS = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.SUCCESS


@pytest.mark.parametrize(
    ("last", "went_well"),
    [
        (SUCCESS, True),
        (dg.DagsterRunStatus.FAILURE, False),
        (dg.DagsterRunStatus.CANCELED, False),
    ],
)
def test_the_end_of_a_run_is_waited_for(last: dg.DagsterRunStatus, went_well: bool) -> None:
    instance: Any = Statuses(dg.DagsterRunStatus.NOT_STARTED, STARTED, last)
    assert wait_for_run(instance, "r1", lambda _seconds: None) is went_well
    assert instance.left == []


def test_a_run_that_was_deleted_is_told() -> None:
    instance: Any = Statuses(STARTED)
    with pytest.raises(LaunchError, match="was it deleted"):
        wait_for_run(instance, "r1", lambda _seconds: None)


@pytest.mark.e2e
@pytest.mark.usefixtures("pipeline")
def test_a_pull_that_is_asked_for_is_in_dagsters_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(PROJECT / "dagster.yaml", tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.chdir(PROJECT)
    result = run("pull", FLOW)
    assert result.exit_code == 0, result.stderr
    with dg.DagsterInstance.get() as instance:
        (queued,) = instance.get_runs()
    assert result.stdout == f"Asked for run {queued.run_id}.\n"
    assert queued.job_name == f"{FLOW}__pull_job"
    assert queued.status is dg.DagsterRunStatus.QUEUED


@pytest.fixture
def resources(pipeline: LocalEnvironment) -> Iterator[Any]:
    """The pipeline's resources, bound to the local AWS."""
    with dg.build_resources(build_resources({})) as bound:
        yield bound


def fill(server: LocalAws, entity: str, count: int) -> None:
    """Give Marketing Cloud so many records of an object."""
    lines = "".join(f'{{"ID": "{n}"}}\n' for n in range(count)).encode()
    url = f"{server.endpoint}/_local/appflow/sources/SalesforceMarketingCloud/{entity}"
    assert send("PUT", url, lines).status == 200


def delivered(connector: AppFlowPullConnector, resources: Any) -> dict[str, list[tuple[int, str]]]:
    """Run the pull job of a connector; return records and prefix of each feed's deliveries."""
    feeds = connector.feeds()
    pulls = [feed.feed_pull() for feed in feeds]
    job = build_pull_job(connector.name, pulls, refresh=True, tags={})
    names = ("appflow", "ledger", "storage", "secrets")
    hardcoded = dg.ResourceDefinition.hardcoded_resource
    bound = {name: hardcoded(getattr(resources, name)) for name in names}
    assert job.execute_in_process(resources=bound).success
    return {
        feed.name: [(d.records, d.prefix) for d in resources.ledger.pending(feed.name).deliveries]
        for feed in feeds
    }


def test_one_object_is_pulled_with_a_new_token(server: LocalAws, resources: Any) -> None:
    fill(server, "ClickEvent", 3)
    (((records, prefix),),) = delivered(component("sfmc_clicks"), resources).values()
    assert records == 3
    assert prefix.startswith("inbound/sfmc_clicks/sfmc_clicks/")
    assert len(resources.storage.list_inbound_page(prefix).objects) == 1


def test_several_objects_are_pulled_behind_one_token(server: LocalAws, resources: Any) -> None:
    fill(server, "ClickEvent", 3)
    fill(server, "OpenEvent", 2)
    found = delivered(component("sfmc"), resources)
    assert [records for one in found.values() for records, _ in one] == [3, 2, 0]
    ((_, prefix),) = found["sfmc_click_event"]
    assert prefix.startswith("inbound/sfmc/click_event/sfmc_click_event/")
    assert len(resources.storage.list_inbound_page(prefix).objects) == 1
    profiles = appflow(server).describe_connector_profiles()["connectorProfileDetails"]
    assert {one["connectorProfileName"] for one in profiles} == {FLOW, "sfmc"}
