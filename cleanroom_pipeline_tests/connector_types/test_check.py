from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import yaml

import cleanroom_pipeline.connectors
from cleanroom_pipeline.connector_types.check import (
    CONNECTOR_TYPES,
    ConnectorError,
    check_connectors,
    mistakes_in,
)
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
        ("minutes: 5", "minutes: -5", "shop/defs.yaml:6: completion.minutes: must be at least"),
        ("minutes: 5", "minutes: soon", "shop/defs.yaml:6: completion.minutes: Input should be a"),
        (", minutes: 5", "", "shop/defs.yaml:6: completion: minutes is needed with policy"),
        ("quiet_period, m", "hope, m", "'quiet_period' or 'provider_run'"),
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
