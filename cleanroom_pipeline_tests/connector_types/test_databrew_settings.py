"""What a connector's YAML says of DataBrew, and the mistakes in it, with file and line."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from cleanroom_pipeline.connector_types.check import mistakes_in
from cleanroom_pipeline.connector_types.s3_push import S3PushConnector
from cleanroom_pipeline.connector_types.settings import DataBrewJobSettings
from cleanroom_pipeline.model import Engine
from cleanroom_pipeline.transform.databrew import DataBrewSettings

GOOD = """\
type: cleanroom_pipeline.connector_types.s3_push.S3PushConnector
attributes:
  name: shop
  inbound: {prefix: inbound/shop/}
  completion: {policy: quiet_period, minutes: 5}
  table: {database: marketing, name: shop}
  engine: databrew
  databrew:
    max_capacity: 10
    timeout_minutes: 60
    max_retries: 1
    tags: {team: marketing, "cost centre": "4711"}
    keep_jobs: 5
    price_per_node_hour: 0.55
    max_cost: 12.5
    parity: true
  on_zero_rows: publish
"""

Mistakes = Callable[[str], list[str]]


@pytest.fixture
def mistakes(tmp_path: Path) -> Mistakes:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "recipe.json").write_text("[]")
    return lambda text: mistakes_in(text, folder / "defs.yaml")


def test_all_that_may_be_said_is_taken(mistakes: Mistakes) -> None:
    assert mistakes(GOOD) == []


@pytest.mark.parametrize(
    ("was", "given", "told"),
    [
        ("max_capacity: 10", "max_capacity: 1", "9: databrew.max_capacity: must be at least 2"),
        (
            "max_capacity: 10",
            "max_capacity: 150",
            "9: databrew.max_capacity: must be at least 2, at",
        ),
        ("timeout_minutes: 60", "timeout_minutes: 0", "10: databrew.timeout_minutes: must be at"),
        ("max_retries: 1", "max_retries: -1", "11: databrew.max_retries: must be at least 0"),
        ("max_retries: 1", "max_retry: 1", "11: databrew.max_retry: no such field; did you mean"),
        ("team: marketing", '"aws:team": x', "12: databrew.tags: the tag 'aws:team' begins with"),
        ("team: marketing", '"a?b": x', "12: databrew.tags: the tag 'a?b' is none that AWS takes"),
        ("team: marketing", "team: [x]", "12: databrew.tags.team: Input should be a valid string"),
        ("keep_jobs: 5", "keep_jobs: 0", "13: databrew.keep_jobs: must be at least 1"),
        ("hour: 0.55", "hour: 0", "14: databrew.price_per_node_hour: must be at least 0.01"),
        ("max_cost: 12.5", "max_cost: 0.05", "15: databrew.max_cost: 10 nodes cost $0.09 in their"),
        ("max_cost: 12.5", "max_cost: much", "15: databrew.max_cost: Input should be a valid num"),
        ("parity: true", "parity: 7", "16: databrew.parity: Input should be a valid boolean"),
        ("publish", "skip", "17: on_zero_rows: Input should be 'fail' or 'publish'"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    mistakes: Mistakes, was: str, given: str, told: str
) -> None:
    assert GOOD.count(was) == 1
    found = mistakes(GOOD.replace(was, given))
    assert found[0].startswith(f"shop/defs.yaml:{told}"), found


def test_a_template_passes_until_it_is_rendered(mistakes: Mistakes) -> None:
    template = "\"{{ env('NODES') }}\""
    assert mistakes(GOOD.replace("max_capacity: 10", f"max_capacity: {template}")) == []


def test_every_setting_has_the_same_default_in_the_yaml_and_in_the_ops() -> None:
    ops = DataBrewSettings(connector="shop", recipe="[]", format={})
    for name, value in DataBrewJobSettings().for_ops().items():
        assert getattr(ops, name) == value, name


@pytest.mark.parametrize("engine", Engine)
def test_only_a_connector_on_databrew_has_a_sensor_for_its_orphans(engine: Engine) -> None:
    component = S3PushConnector.model_validate(
        {
            "name": "shop",
            "inbound": {"prefix": "inbound/shop/"},
            "completion": {"policy": "quiet_period", "minutes": 5},
            "table": {"database": "marketing", "name": "shop"},
            "engine": engine.value,
        }
    )
    sensors = component.build_engine_sensors()
    expected = ["shop__databrew_orphans_sensor"] if engine is Engine.DATABREW else []
    assert [sensor.name for sensor in sensors] == expected
    assert all(sensor.default_status is dg.DefaultSensorStatus.RUNNING for sensor in sensors)
