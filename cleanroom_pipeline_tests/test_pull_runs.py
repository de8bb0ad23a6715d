"""A pull that a person asks for, and what it brings on the local AWS; `cleanroom pull`."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cleanroom_pipeline.connector_types.appflow_pull import AppFlowPullConnector
from cleanroom_pipeline.inbound.pulls import build_pull_job
from cleanroom_pipeline.inbound.windows import WindowError
from cleanroom_pipeline.local_aws.provision import LocalEnvironment
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline.pull_runs import LaunchError, run_configs_of, wait_for_run
from cleanroom_pipeline.resources import build_resources
from cleanroom_pipeline_tests.connector_types.test_appflow_doc import component
from cleanroom_pipeline_tests.local_aws.http_client import send
from cleanroom_pipeline_tests.local_pipeline import FLOW, appflow, pipeline, run, server

__all__ = ["pipeline", "server"]

PROJECT = Path(__file__).parents[1]


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
