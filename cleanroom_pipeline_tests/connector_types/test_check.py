from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from pydantic import ValidationError

import cleanroom_pipeline.connectors
from cleanroom_pipeline.catalog.assets import LOAD_METADATA
from cleanroom_pipeline.connector_types.check import (
    CONNECTOR_TYPES,
    ConnectorError,
    check_connectors,
    mistakes_in,
)
from cleanroom_pipeline.connector_types.s3_push import S3PushConnector
from cleanroom_pipeline.definitions import build_connectors, build_defs
from cleanroom_pipeline.inbound.assets import inbound_prefixes

CONNECTORS = Path(cleanroom_pipeline.connectors.__file__).parent
NAMES = sorted(path.parent.name for path in CONNECTORS.glob("*/defs.yaml"))
GOOD = """\
type: cleanroom_pipeline.connector_types.s3_push.S3PushConnector
attributes:
  name: shop
  inbound:
    prefix: inbound/shop/
  completion: {policy: quiet_period, minutes: 5}
  table:
    database: marketing
    name: shop
  engine: local
  owners: ["team:a"]
"""


@pytest.fixture
def mistakes(tmp_path: Path) -> Callable[[str], list[str]]:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "recipe.json").write_text("[]")
    return lambda text: mistakes_in(text, folder / "defs.yaml")


def test_a_good_connector_has_no_mistake(mistakes: Callable[[str], list[str]]) -> None:
    assert mistakes(GOOD) == []


RESTATED = "policy: restatement, day: 'd_{day}', minutes: 5"


def test_a_connector_of_restated_days_has_no_mistake(
    mistakes: Callable[[str], list[str]],
) -> None:
    days = GOOD.replace("policy: quiet_period, minutes: 5", RESTATED)
    assert mistakes(days.replace("    name: shop\n", "    name: shop\n    load: restate\n")) == []


def test_what_a_batch_does_to_the_table_is_told_to_the_asset() -> None:
    text = GOOD.replace("policy: quiet_period, minutes: 5", RESTATED)
    attributes = yaml.safe_load(text)["attributes"]
    attributes["table"]["load"] = "restate"
    component = S3PushConnector.resolve_from_yaml(yaml.safe_dump(attributes))
    loads = {
        spec.key.path[-1]: spec.metadata.get(LOAD_METADATA)
        for assets in component.build_assets(CONNECTORS / "bigquery_customers")
        for spec in assets.specs
    }
    assert loads == {"inbound_files": None, "transformed_table": None, "glue_table": "restate"}


@pytest.mark.parametrize(
    "component", [S3PushConnector, S3PushConnector.model()], ids=["component", "its model"]
)
@pytest.mark.parametrize(("policy", "load"), [("restatement", "restate"), ("sentinel", "snapshot")])
def test_a_component_that_is_loaded_as_its_policy_cuts_is_taken(
    component: Any, policy: str, load: str
) -> None:
    document = yaml.safe_load(GOOD)["attributes"]
    day = {"day": "d_{day}", "minutes": 5} if policy == "restatement" else {}
    document |= {"completion": {"policy": policy, **day}}
    document["table"]["load"] = load
    assert component.model_validate(document).table.load == load


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        (
            "prefix: inbound",
            "prefx: inbound",
            (
                "shop/defs.yaml:5: inbound.prefx: no such field; did you mean 'prefix'? "
                "Allowed: format, prefix."
            ),
        ),
        (
            "minutes: 5",
            "minuts: \"{{ env('MINUTES') }}\"",
            "shop/defs.yaml:6: completion.minuts: no such field; did you mean 'minutes'?",
        ),
        ("minutes: 5", "minutes: -5", "shop/defs.yaml:6: completion.minutes: must be at least"),
        ("minutes: 5", "minutes: soon", "shop/defs.yaml:6: completion.minutes: Input should be a"),
        (", minutes: 5", "", "shop/defs.yaml:6: completion.minutes: is needed with policy quiet_"),
        ("quiet_period, m", "hope, m", "'quiet_period', 'sentinel', 'manifest', 'provider_run'"),
        (
            "minutes: 5",
            "minutes: 5, step: 2",
            (
                "shop/defs.yaml:6: completion.step: does not go with policy quiet_period. "
                "Allowed: deadline_hours, minutes, policy, scope."
            ),
        ),
        (
            "    name: shop\n",
            "    name: shop\n    load: restate\n",
            (
                "shop/defs.yaml:10: table.load: restate goes with completion policy restatement "
                "alone, and it is quiet_period."
            ),
        ),
        (
            "policy: quiet_period, minutes: 5",
            RESTATED,
            "shop/defs.yaml:7: table.load: must be restate with completion policy restatement",
        ),
        (
            "policy: quiet_period, minutes: 5",
            RESTATED.replace("5", "\"{{ env('MINUTES') }}\""),
            "shop/defs.yaml:7: table.load: must be restate with completion policy restatement",
        ),
        (
            "database: marketing",
            "load: append",
            "shop/defs.yaml:8: table.load: Input should be 'snapshot' or 'restate'",
        ),
        ("engine: local", "engine: spark", "shop/defs.yaml:10: engine: Input should be 'local' or"),
        ("name: shop\n  in", "name: Big Shop\n  in", "shop/defs.yaml:3: name: String should match"),
        ("inbound/shop/", "inbound/../x/", "shop/defs.yaml:5: inbound.prefix: String should match"),
        ("inbound/shop/", "inbound/shop", "shop/defs.yaml:5: inbound.prefix: String should match"),
        ("    database: marketing\n", "", "shop/defs.yaml:7: table.database: is needed."),
        ("  engine", "  recipe: ../x.json\n  engine", "shop/defs.yaml:10: recipe: String should"),
        ("  engine", "  recipe: x.json\n  engine", "shop/defs.yaml:10: recipe: there is no file"),
        ("owners: [", "owners: ", "shop/defs.yaml:11: this is no YAML"),
        ("attributes:", "atributes:", "shop/defs.yaml:1: a connector has two fields"),
        (
            "S3PushConnector",
            "S3PullConnector",
            (
                "shop/defs.yaml:1: type: there is no such connector type; did you mean "
                "'cleanroom_pipeline.connector_types.s3_push.S3PushConnector'? Allowed: "
            ),
        ),
    ],
)
def test_a_mistake_is_told_with_file_line_and_what_is_allowed(
    mistakes: Callable[[str], list[str]], good: str, bad: str, told: str
) -> None:
    assert good in GOOD
    found = mistakes(GOOD.replace(good, bad, 1))
    assert any(told in mistake for mistake in found), found


class Part(dg.Model, dg.Resolvable):
    depth: int = 1


class ConnectorWithParts(S3PushConnector):
    part: Part | None = None
    parts: Sequence[Part] = ()


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (
            "  part: {dept: 1}\n",
            "shop/defs.yaml:12: part.dept: no such field",
        ),
        (
            "  parts:\n    - {depth: 1}\n    - {dept: 1}\n",
            "shop/defs.yaml:14: parts.1.dept: no",
        ),
    ],
)
def test_a_field_that_there_is_not_is_told_within_what_is_optional_or_in_a_list(
    mistakes: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch, extra: str, told: str
) -> None:
    monkeypatch.setitem(CONNECTOR_TYPES, "parts", ConnectorWithParts)
    text = GOOD.replace("cleanroom_pipeline.connector_types.s3_push.S3PushConnector", "parts")
    (found,) = mistakes(text + extra)
    assert found.startswith(told)
    assert found.endswith("Allowed: depth.")


def test_all_mistakes_of_all_connectors_are_told_at_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.json").write_text("[]")
        text = GOOD.replace("engine: local", "engine: spark").replace("minutes: 5", "minutes: 0")
        (tmp_path / name / "defs.yaml").write_text(text)
    with pytest.raises(ConnectorError) as caught:
        check_connectors(tmp_path)
    assert len(caught.value.mistakes) == 4


def test_a_template_is_left_to_dagster(mistakes: Callable[[str], list[str]]) -> None:
    assert mistakes(GOOD.replace("minutes: 5", "minutes: \"{{ env('X', '5') }}\"")) == []


def test_what_a_template_says_is_held_against_the_load_once_it_is_rendered(
    mistakes: Callable[[str], list[str]],
) -> None:
    text = GOOD.replace("policy: quiet_period", "policy: \"{{ env('POLICY') }}\"")
    days = text.replace("    name: shop\n", "    name: shop\n    load: restate\n")
    assert mistakes(days) == []
    attributes = yaml.safe_dump(yaml.safe_load(days)["attributes"])
    with pytest.raises(ValidationError, match="restate goes with completion policy"):
        S3PushConnector.resolve_from_yaml(attributes, scope={"env": lambda _: "quiet_period"})


@pytest.mark.parametrize("name", NAMES)
def test_each_connector_loads_alone(name: str) -> None:
    document = yaml.safe_load((CONNECTORS / name / "defs.yaml").read_text())
    component = CONNECTOR_TYPES[document["type"]]
    tree = dg.ComponentTree.from_module(
        defs_module=cleanroom_pipeline.connectors, project_root=CONNECTORS.parent.parent
    )
    definitions = tree.build_defs_at_path(name)
    assert component.__name__ in document["type"]
    keys = {
        spec.key.to_user_string()
        for assets in definitions.assets or []
        if isinstance(assets, dg.AssetsDefinition)
        for spec in assets.specs
    }
    assert keys == {f"{name}/{s}" for s in ("inbound_files", "transformed_table", "glue_table")}


def test_the_example_that_is_there_to_be_copied_has_no_mistake(
    mistakes: Callable[[str], list[str]],
) -> None:
    readme = (CONNECTORS / "README.md").read_text()
    example = readme.split("```yaml\n")[1].split("```")[0]
    assert mistakes(example) == []


def test_each_connectors_names_follow_the_rule() -> None:
    repository = build_defs().get_repository_def()
    assert {f"{name}__batch_job" for name in NAMES} <= set(repository.job_names)
    sensors = {definition.name for definition in repository.sensor_defs}
    assert {f"{name}__quiet_period_sensor" for name in NAMES} <= sensors
    assert [definition.name for definition in repository.schedule_defs] == [
        "sfmc_click_events__pull_schedule"
    ]
    assert "sfmc_click_events__pull_job" in repository.job_names


def test_assets_have_kinds_owners_groups_and_a_partition_per_batch() -> None:
    for spec in build_defs().resolve_all_asset_specs():
        assert spec.kinds
        assert spec.owners == ["team:marketing-data"]
        assert spec.group_name == spec.key.path[0]
        assert isinstance(spec.partitions_def, dg.DynamicPartitionsDefinition)
        assert spec.partitions_def.name == f"{spec.key.path[0]}__batches"


def test_every_connector_has_an_inbound_prefix_of_its_own() -> None:
    prefixes = inbound_prefixes(build_connectors())
    assert sorted(prefixes) == NAMES
    assert len(set(prefixes.values())) == len(NAMES)


@pytest.mark.parametrize(
    ("engine", "dataset", "told"),
    [
        ("local", "{name: people, prefix: reference/}", []),
        ("local", "{name: people, table: {database: marketing, name: people}}", []),
        ("local", "{name: people}", ["either a prefix (of the inbound bucket) or a table"]),
        ("databrew", "{name: people, prefix: reference/}", ["datasets: goes with engine local"]),
        ("local", "{name: a, prefix: one/}, {name: a, prefix: two/}", ["the name 'a' twice"]),
    ],
)
def test_a_second_dataset_says_where_it_lies(
    mistakes: Callable[[str], list[str]], engine: str, dataset: str, told: list[str]
) -> None:
    text = GOOD.replace("engine: local", f"engine: {engine}\n  datasets: [{dataset}]")
    found = mistakes(text)
    assert len(found) == len(told)
    assert all(part in one for part, one in zip(told, found, strict=True))
