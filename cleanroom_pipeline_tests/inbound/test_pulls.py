"""Pull jobs, run over an AppFlow and a ledger in memory."""

import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from cleanroom_pipeline.aws.appflow import AppFlow, AppFlowInUseError, FlowExecution, Started
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.secrets_manager import Secrets
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.inbound.appflow import PullSettings
from cleanroom_pipeline.inbound.flow_definitions import FlowSpec, flow_definition
from cleanroom_pipeline.inbound.pulls import (
    FeedPull,
    PlanSettings,
    asked_for,
    build_pull_job,
    planned_days,
)
from cleanroom_pipeline.inbound.windows import WindowError
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline_tests.inbound.flow_models import MemoryFlows
from cleanroom_pipeline_tests.inbound.gate import Gate
from cleanroom_pipeline_tests.inbound.stand_ins import MemoryTable

SESSION = AwsSession(region="nowhere")


class Service:
    """AppFlow with executions that are over at once; `fails` names flows whose executions fail."""

    def __init__(self) -> None:
        self.flows = MemoryFlows()
        self.started: dict[str, list[str]] = {}
        self.pulled: list[Mapping[str, Any]] = []
        self.order: list[str] = []
        self.fails: set[str] = set()
        self.in_use: set[str] = set()


class MemoryAppFlow(AppFlow):
    """The resource, over a service that it does not hold as a field of its own."""

    def __init__(self, service: Service) -> None:
        super().__init__(session=SESSION)
        object.__setattr__(self, "service", service)

    @property
    def _service(self) -> Service:
        service: Service = object.__getattribute__(self, "service")
        return service

    def describe(self, flow: str) -> Mapping[str, Any] | None:
        return self._service.flows.describe(flow)

    def create(self, definition: Mapping[str, Any]) -> bool:
        return self._service.flows.create(definition)

    def update(self, definition: Mapping[str, Any]) -> None:
        self._service.flows.update(definition)

    def put_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        self._service.flows.put_tags(arn, tags)

    def delete(self, flow: str) -> bool:
        if flow in self._service.in_use:
            raise AppFlowInUseError(f"Flow {flow} is running, and stays.")
        self._service.order.append(f"delete {flow}")
        return self._service.flows.kept.pop(flow, None) is not None

    def start(self, flow: str, client_token: str) -> Started:
        service = self._service
        service.order.append(f"start {flow}")
        service.pulled.append(dict(service.flows.kept[flow]))
        started = service.started.setdefault(flow, [])
        if client_token not in started:
            started.append(client_token)
        return Started(f"{flow} {started.index(client_token)}")

    def executions(self, flow: str) -> Iterator[FlowExecution]:
        self._service.order.append(f"ask {flow}")
        state = "Error" if flow in self._service.fails else "Successful"
        count = len(self._service.started.get(flow, []))
        return (FlowExecution(f"{flow} {n}", state, "", 3, 30, 0) for n in range(count))


def feed(name: str, *, days: bool = False, start: str = "", overlap: int = 60) -> FeedPull:
    definition = flow_definition(
        FlowSpec(name, name, "Salesforce", "profile", "Thing", f"inbound/{name}/")
    )
    return FeedPull(
        PullSettings(
            connector=name,
            profile="profile",
            flow=name,
            entity="Thing",
            prefix=f"inbound/{name}/",
            definition=definition,
            date_field="At" if days else "",
        ),
        PlanSettings(connector=name, incremental=days, start=start, overlap_minutes=overlap),
    )


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(table=MemoryTable.behind(Gate()))


def run(
    service: Service,
    ledger: Ledger,
    *feeds: FeedPull,
    config: Mapping[str, Any] | None = None,
    instance: dg.DagsterInstance | None = None,
) -> dg.ExecuteInProcessResult:
    job = build_pull_job("shop", feeds, refresh=False, tags={})
    storage = S3Storage(
        session=SESSION, inbound_bucket="inbound", transformed_bucket="t", kms_key_arn="k"
    )
    hardcoded = dg.ResourceDefinition.hardcoded_resource
    resources = {
        "appflow": MemoryAppFlow(service),
        "ledger": ledger,
        "storage": storage,
        "secrets": Secrets(session=SESSION),
    }
    return job.execute_in_process(
        run_config=config,
        instance=instance,
        resources={name: hardcoded(resource) for name, resource in resources.items()},
        raise_on_error=False,
    )


def today() -> date:
    return datetime.now(UTC).date()


def test_one_object_in_full_is_started_and_waited_for(service: Service, ledger: Ledger) -> None:
    result = run(service, ledger, feed("shop"))
    assert result.success
    (delivery,) = ledger.pending("shop").deliveries
    assert (delivery.prefix, delivery.records) == ("inbound/shop/shop/shop 0/", 3)
    assert list(service.flows.kept) == ["shop"]
    assert {step.step_key for step in result.all_events if step.is_step_success} == {
        "start_appflow_run", "wait_for_appflow_run",
    }  # fmt: skip


def test_several_objects_have_a_flow_and_a_delivery_each(service: Service, ledger: Ledger) -> None:
    assert run(service, ledger, feed("shop_a"), feed("shop_b")).success
    for name in ("shop_a", "shop_b"):
        (delivery,) = ledger.pending(name).deliveries
        assert delivery.prefix == f"inbound/{name}/{name}/{name} 0/"
    tokens = [token for started in service.started.values() for token in started]
    assert len(set(tokens)) == 2


def test_all_flows_are_started_before_one_is_waited_for(service: Service, ledger: Ledger) -> None:
    run(service, ledger, feed("shop_a"), feed("shop_b"), feed("shop_c"))
    assert [one.split()[0] for one in service.order] == ["start"] * 3 + ["ask"] * 3


@pytest.mark.parametrize("bad", ["shop_a", "shop_b"])
def test_an_object_that_fails_leaves_the_others_and_fails_the_run(
    service: Service, ledger: Ledger, bad: str
) -> None:
    service.fails.add(bad)
    assert not run(service, ledger, feed("shop_a"), feed("shop_b")).success
    (good,) = {"shop_a", "shop_b"} - {bad}
    assert len(ledger.pending(good).deliveries) == 1
    assert ledger.pending(bad).deliveries == ()


def test_a_flow_that_somebody_changed_is_put_right_before_it_is_started(
    service: Service, ledger: Ledger
) -> None:
    run(service, ledger, feed("shop"))
    changed = json.loads(json.dumps(service.flows.kept["shop"]))
    changed["sourceFlowConfig"]["connectorProfileName"] = "somebody-elses"
    service.flows.kept["shop"] = changed
    assert run(service, ledger, feed("shop")).success
    profiles = [one["sourceFlowConfig"]["connectorProfileName"] for one in service.pulled]
    assert profiles == ["profile", "profile"]


def test_days_are_flows_of_their_own_which_are_deleted_once_delivered(
    service: Service, ledger: Ledger
) -> None:
    start = today() - timedelta(days=2)
    assert run(service, ledger, feed("shop", days=True, start=start.isoformat())).success
    days = [start + timedelta(days=n) for n in range(3)]
    assert {d.prefix for d in ledger.pending("shop").deliveries} == {
        f"inbound/shop/day={day}/shop-day-{day:%Y%m%d}/shop-day-{day:%Y%m%d} 0/" for day in days
    }
    assert service.flows.kept == {}
    assert all(task["connectorOperator"] for one in service.pulled for task in one["tasks"][:2])


def test_a_pull_goes_on_from_the_last_whole_one(service: Service, ledger: Ledger) -> None:
    first = feed("shop", days=True, start=(today() - timedelta(days=3)).isoformat())
    assert run(service, ledger, first).success
    end = ledger.last_pull("shop")
    assert end is not None
    assert end.date() == today()
    service.pulled.clear()
    assert run(service, ledger, first).success
    assert 1 <= len(service.pulled) <= 2


def test_a_pull_of_which_a_day_failed_is_not_gone_on_from(service: Service, ledger: Ledger) -> None:
    start = today() - timedelta(days=2)
    pulled = feed("shop", days=True, start=start.isoformat())
    service.fails.add(f"shop-day-{start:%Y%m%d}")
    assert not run(service, ledger, pulled).success
    assert ledger.last_pull("shop") is None
    assert len(ledger.pending("shop").deliveries) == 2
    assert list(service.flows.kept) == [f"shop-day-{start:%Y%m%d}"]

    service.fails.clear()
    service.pulled.clear()
    assert run(service, ledger, pulled).success
    assert len(service.pulled) == 3
    assert ledger.last_pull("shop") is not None


def test_days_that_are_past_are_pulled_and_leave_where_the_next_pull_goes_on(
    service: Service, ledger: Ledger
) -> None:
    asked = {"first": "2026-01-30", "end": "2026-02-02"}
    assert run(service, ledger, feed("shop", days=True), config=asked).success
    days = sorted(one["tags"]["cleanroom:day"] for one in service.pulled)
    assert days == ["2026-01-30", "2026-01-31", "2026-02-01"]
    assert ledger.last_pull("shop") is None


def test_of_several_objects_one_can_be_asked_for(service: Service, ledger: Ledger) -> None:
    feeds = feed("shop_a"), feed("shop_b", days=True), feed("shop_c")
    assert run(service, ledger, *feeds, config={"objects": ["shop_c"]}).success
    assert list(service.started) == ["shop_c"]


def test_days_of_several_objects_are_those_of_the_ones_that_have_a_date_field(
    service: Service, ledger: Ledger
) -> None:
    asked = {"first": "2026-01-30", "end": "2026-01-31"}
    assert run(service, ledger, feed("shop_a"), feed("shop_b", days=True), config=asked).success
    assert list(service.started) == ["shop_b-day-20260130"]


@pytest.mark.parametrize(
    ("status", "stays"),
    [
        (dg.DagsterRunStatus.STARTED, True),
        (dg.DagsterRunStatus.CANCELING, True),
        (dg.DagsterRunStatus.SUCCESS, False),
        (dg.DagsterRunStatus.FAILURE, False),
    ],
)
def test_a_day_flow_stays_while_another_run_may_wait_for_its_execution(
    service: Service, ledger: Ledger, status: dg.DagsterRunStatus, stays: bool
) -> None:
    asked = {"first": "2026-01-30", "end": "2026-01-31"}
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(dg.DagsterRun("shop__pull_job", str(uuid.uuid4()), status=status))
        assert run(
            service, ledger, feed("shop", days=True), config=asked, instance=instance
        ).success
    assert list(service.flows.kept) == (["shop-day-20260130"] if stays else [])


def test_a_day_flow_that_was_started_by_hand_stays(service: Service, ledger: Ledger) -> None:
    service.in_use.add("shop-day-20260130")
    asked = {"first": "2026-01-30", "end": "2026-01-31"}
    assert run(service, ledger, feed("shop", days=True), config=asked).success
    assert list(service.flows.kept) == ["shop-day-20260130"]


@pytest.mark.parametrize(
    ("objects", "first", "end", "told"),
    [
        (["nothing"], "", "", "There is no nothing; there are a, b"),
        ([], "2026-01-02", "2026-01-01", "No day is from"),
        ([], "2026-01-02", "", "A day is written like"),
        (["a"], "2026-01-01", "2026-01-02", "a can't be asked for days: its `pull` names no date"),
    ],
)
def test_what_can_not_be_asked_for_is_refused(
    objects: list[str], first: str, end: str, told: str
) -> None:
    with pytest.raises(WindowError, match=told):
        asked_for([feed("a"), feed("b", days=True)], objects, first, end)


def test_no_object_with_a_date_field_can_not_be_asked_for_days() -> None:
    with pytest.raises(WindowError, match="a, b can't be asked for days"):
        asked_for([feed("a"), feed("b")], [], "2026-01-01", "2026-01-02")


def test_more_days_than_one_pull_may_ask_for_are_refused() -> None:
    plan = PlanSettings(connector="a", incremental=True, first="2026-01-01", end="2026-02-02")
    with pytest.raises(WindowError, match="`cleanroom pull` asks for them in parts"):
        planned_days(plan, None, datetime.now(UTC))


def test_a_pull_after_a_long_pause_goes_as_far_as_one_may_and_the_next_goes_on(
    service: Service, ledger: Ledger
) -> None:
    start = today() - timedelta(days=40)
    pulled = feed("shop", days=True, start=start.isoformat())
    assert run(service, ledger, pulled).success
    assert len(service.pulled) == 31
    assert ledger.last_pull("shop") == datetime.combine(
        start + timedelta(days=31), datetime.min.time(), UTC
    )
    assert run(service, ledger, pulled).success
    days = {one["tags"]["cleanroom:day"] for one in service.pulled}
    assert days == {(start + timedelta(days=n)).isoformat() for n in range(41)}


def test_a_full_pull_has_no_days() -> None:
    assert planned_days(PlanSettings(connector="a"), None, datetime.now(UTC)) is None


def test_a_pull_is_recorded_once_and_the_last_one_counts(ledger: Ledger) -> None:
    late = datetime(2026, 10, 2, 3, 15, 0, 5, tzinfo=UTC)
    early = late - timedelta(days=1)
    assert ledger.last_pull("shop") is None
    assert ledger.record_pull("shop", late, run_id="r2")
    assert not ledger.record_pull("shop", late, run_id="r3")
    assert ledger.record_pull("shop", early, run_id="r1")
    assert ledger.last_pull("shop") == late.replace(microsecond=0)
    assert ledger.last_pull("other") is None
