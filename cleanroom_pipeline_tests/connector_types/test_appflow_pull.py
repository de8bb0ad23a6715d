"""The forms of a connector that pulls, and what is said of those that are none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import dagster as dg
import pytest
import yaml

from cleanroom_pipeline.connector_types.appflow_pull import AppFlowPullConnector
from cleanroom_pipeline.connector_types.check import mistakes_in
from cleanroom_pipeline.connector_types.source_settings import MarketingCloudObject, snake_case
from cleanroom_pipeline.inbound.flow_definitions import with_bucket
from cleanroom_pipeline.recipe import parse_recipe
from cleanroom_pipeline.resources import build_resources
from cleanroom_pipeline_tests.inbound.flow_models import assert_valid

ONE = """\
type: cleanroom_pipeline.connector_types.appflow_pull.AppFlowPullConnector
attributes:
  name: shop
  source: {object: ClickEvent, secret: cleanroom/sfmc}
  schedule: {cron: "15 3 * * *"}
  inbound: {prefix: inbound/shop/}
  table: {database: marketing}
"""
OTHER = ONE.replace(
    "object: ClickEvent, secret: cleanroom/sfmc",
    "connector_type: Salesforce, profile: crm, entity: Account",
)
SEVERAL = ONE.replace("object: ClickEvent, ", "") + (
    "  objects:\n    - {object: ClickEvent}\n    - {object: OpenEvent}\n"
)
DAILY = ONE.replace("marketing}", "marketing, load: restate}") + (
    "  pull: {mode: incremental, field: EventDate}\n"
)
RECIPE = """[
{"Action": {"Operation": "RENAME", "Parameters": {"sourceColumn": "A", "targetColumn": "a"}}}
]"""


@pytest.fixture
def mistakes(tmp_path: Path) -> Callable[[str], list[str]]:
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in ("recipe", "click_event", "open_event"):
        (folder / f"{name}.json").write_text(RECIPE)
    return lambda text: mistakes_in(text, folder / "defs.yaml")


def component(text: str) -> AppFlowPullConnector:
    made: AppFlowPullConnector = AppFlowPullConnector.resolve_from_yaml(
        yaml.safe_dump(yaml.safe_load(text)["attributes"])
    )
    return made


@pytest.mark.parametrize(
    "text", [ONE, OTHER, SEVERAL, DAILY], ids=["one", "other", "several", "daily"]
)
def test_each_form_has_no_mistake(mistakes: Callable[[str], list[str]], text: str) -> None:
    assert mistakes(text) == []


def test_there_are_23_objects_each_of_which_makes_a_flow_and_a_name() -> None:
    objects = get_args(MarketingCloudObject)
    assert len(objects) == 23
    listed = "".join(f"    - {{object: {one}}}\n" for one in objects)
    text = SEVERAL.partition("  objects:\n")[0] + "  objects:\n" + listed
    feeds = component(text).feeds()
    assert len({feed.name for feed in feeds}) == 23
    for feed, one in zip(feeds, objects, strict=True):
        definition = with_bucket(feed.feed_pull().pull.flow_of(), "bucket")
        assert_valid("CreateFlow", definition)
        source = definition["sourceFlowConfig"]["sourceConnectorProperties"]
        assert source == {"CustomConnector": {"entityName": one}}


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("ClickEvent", "click_event"),
        ("ForwardedEmailOptInEvent", "forwarded_email_opt_in_event"),
        ("List", "list"),
    ],
)
def test_an_object_in_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake


@pytest.mark.parametrize(
    ("text", "good", "bad", "told"),
    [
        (ONE, "ClickEvent", "ClikEvent", "shop/defs.yaml:4: source.object: Input should be"),
        (ONE, "ClickEvent", "ClikEvent", "; did you mean 'ClickEvent'?"),
        (ONE, "object: ClickEvent, ", "", "4: source.object: is needed, or a list of `objects`"),
        (ONE, ", secret: cleanroom/sfmc", "", "shop/defs.yaml:4: source.secret: is needed"),
        (ONE, "secret:", "secrt:", "source.secrt: no such field; did you mean 'secret'?"),
        (
            ONE,
            "object: ClickEvent",
            "object: ClickEvent, profile: crm",
            "4: source.profile: does not go without connector_type. Allowed: object, secret",
        ),
        (
            OTHER,
            "entity: Account",
            "entity: Account, object: ClickEvent",
            "4: source.object: does not go with connector_type. Allowed: connector_type, profile",
        ),
        (OTHER, "Salesforce", "Salesfroce", "there is no Salesfroce, but there is 'Salesforce'."),
        (OTHER, "Salesforce", "salesforce", "there is no salesforce, but there is 'Salesforce'."),
        (OTHER, "Salesforce", "EventBridge", "EventBridge is no source. Allowed: Amplitude, Cus"),
        (
            OTHER,
            "Salesforce",
            "Googleanalytics",
            "which Google has shut down. Say GoogleAnalytics4",
        ),
        (
            OTHER,
            "Salesforce",
            "GoogleAnalytics",
            "which Google has shut down. Say GoogleAnalytics4",
        ),
        (OTHER, "Salesforce", "Asana", "4: source.api_version: is needed: Asana is a custom conn"),
        (
            OTHER,
            ", profile: crm",
            "",
            "4: source.profile: is needed: the name of the connector prof",
        ),
        (OTHER, ", entity: Account", "", "4: source.entity: is needed, or a list of `objects`"),
        (
            OTHER,
            "entity: Account",
            "entity: Account, fields: [{name: Id, too: id}]",
            "did you mean 'to'? Allowed: name, to, to_type, type.",
        ),
        (
            OTHER,
            "entity: Account",
            "entity: Account, filters: [{field: A, operator: EQUAL_TO, values: ['a,b', c]}]",
            "4: source.filters.0.values: can't hold a comma where there are several",
        ),
        (
            OTHER,
            "entity: Account",
            "entity: Account, filters: [{field: A, operator: EQUALS, values: [c]}]",
            "; did you mean 'EQUAL_TO'?",
        ),
        (SEVERAL, "OpenEvent", "OpenEvnt", "10: objects.1.object: Input should be"),
        (SEVERAL, "OpenEvent", "ClickEvent", "10: objects.1.object: click_event is there twice"),
        (SEVERAL, "OpenEvent}", "OpenEvent, pul: {}}", "10: objects.1.pul: no such field; did you"),
        (SEVERAL, "OpenEvent}", "SentEvent}", "10: recipe: there is no file sent_event.json"),
        (SEVERAL, "{object: OpenEvent}", "{entity: X, name: x}", "10: objects.1.object: is needed"),
        (SEVERAL, "marketing}", "marketing, name: x}", "7: table.name: goes with one object"),
        (SEVERAL, "{secret", "{object: ClickEvent, secret", "4: source.object: goes with one"),
        (SEVERAL, "  objects", "  recipe: x.json\n  objects", "8: recipe: goes with one object"),
        (
            SEVERAL,
            "OpenEvent}",
            "OpenEvent, pull: {mode: incremental, field: EventDate}}",
            "10: objects.1.table.load: must be restate with an incremental pull",
        ),
        (DAILY, ", load: restate", "", "7: table.load: must be restate with an incremental pull"),
        (DAILY, "mode: incremental", "mode: full", "8: pull.field: does not go with mode full"),
        (DAILY, ", field: EventDate", "", "8: pull.field: is needed with mode incremental"),
        (DAILY, "field: EventDate", "field: E, start: '1.10.'", "8: pull.start: A day is written"),
        (
            DAILY,
            "field: EventDate",
            "field: E, overlap_minutes: -1",
            "pull.overlap_minutes: must be",
        ),
        (
            ONE,
            "marketing}",
            "marketing, load: restate}",
            "pull.mode: must be incremental where the table is loaded day by day",
        ),
        (
            DAILY,
            "  pull:",
            "  completion: {policy: restatement, day: 'd_{day}', minutes: 5}\n  pull:",
            "8: completion.policy: must be provider_run with an incremental pull",
        ),
        (
            DAILY,
            "object: ClickEvent, secret: cleanroom/sfmc",
            "connector_type: Zendesk, profile: z, entity: tickets",
            "8: pull.mode: can't be incremental: AppFlow does not filter Zendesk by date",
        ),
        (
            ONE,
            "secret:",
            "timestamps: {columns: [EventDate], offset: '-6'}, secret:",
            "4: source.timestamps.offset: String should match pattern",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(
    mistakes: Callable[[str], list[str]], text: str, good: str, bad: str, told: str
) -> None:
    assert good in text
    found = mistakes(text.replace(good, bad, 1))
    assert any(told in one for one in found), found


def test_a_connector_of_one_object_keeps_its_names() -> None:
    (feed,) = component(ONE).feeds()
    pull = feed.feed_pull().pull
    assert (feed.name, pull.connector, pull.flow, pull.profile) == ("shop",) * 4
    assert pull.prefix == "inbound/shop/"


def built(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    """The definitions of a connector as a project loads them."""
    name = f"pulled_{abs(hash(text))}"
    connector = folder / name / "shop"
    connector.mkdir(parents=True)
    (connector.parent / "__init__.py").touch()
    (connector / "defs.yaml").write_text(text)
    for recipe in ("recipe", "click_event", "open_event"):
        (connector / f"{recipe}.json").write_text(RECIPE)
    monkeypatch.syspath_prepend(folder)
    module = __import__(name)
    tree = dg.ComponentTree.from_module(defs_module=module, project_root=folder)
    return dg.Definitions.merge(tree.build_defs(), dg.Definitions(resources=build_resources({})))


def test_several_objects_have_a_chain_and_a_table_each_and_one_pull(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definitions = built(SEVERAL, tmp_path, monkeypatch)
    repository = definitions.get_repository_def()
    assert {name for name in repository.job_names if not name.startswith("__")} == {
        "shop__pull_job", "shop_click_event__batch_job", "shop_open_event__batch_job",
    }  # fmt: skip
    assert [one.name for one in repository.schedule_defs] == ["shop__pull_schedule"]
    assert {one.name for one in repository.sensor_defs} == {
        "shop_click_event__quiet_period_sensor", "shop_open_event__quiet_period_sensor",
    }  # fmt: skip
    keys = {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()}
    assert keys == {
        f"shop_{one}/{stage}"
        for one in ("click_event", "open_event")
        for stage in ("inbound_files", "transformed_table", "glue_table")
    }
    tables = {
        spec.key.path[0]: spec.metadata.get("dagster/table_name")
        for spec in definitions.resolve_all_asset_specs()
        if spec.key.path[-1] == "glue_table"
    }
    assert set(tables.values()) == {"marketing.shop_click_event", "marketing.shop_open_event"}


def test_a_source_whose_profile_is_made_by_hand_has_no_token_to_refresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job: Any = built(OTHER, tmp_path, monkeypatch).resolve_job_def("shop__pull_job")
    assert set(job.graph.node_dict) == {"start_appflow_run", "wait_for_appflow_run"}


def test_batches_of_days_are_run_in_order_as_they_replace_one_another() -> None:
    assert component(DAILY).tick_settings().in_order
    assert not component(ONE).tick_settings().in_order


def test_what_settings_add_to_a_recipe_is_in_its_hash_and_its_text(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(RECIPE)
    timed = ONE.replace("secret:", "timestamps: {columns: [A], offset: '-06:00'}, secret:")
    plain, text = component(ONE).read_recipe(tmp_path)
    shifted, shifted_text = component(timed).read_recipe(tmp_path)
    assert text == RECIPE
    assert plain.sha256 != shifted.sha256
    assert [step.operation for step in shifted.steps][1] == "CONVERT_TIMEZONE"
    assert parse_recipe(shifted_text, name="as DataBrew is given it").sha256 == shifted.sha256
    keyed = DAILY.replace("field: EventDate", "field: EventDate, key: [ID]")
    assert component(keyed).read_recipe(tmp_path)[0].steps[0].operation == "ROW_NUMBER"
