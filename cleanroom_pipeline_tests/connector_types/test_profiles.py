import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError, model_validator

from cleanroom_pipeline.connector_types.check import mistakes_in
from cleanroom_pipeline.connector_types.completion_settings import CompletionSettings
from cleanroom_pipeline.connector_types.profiles import (
    UnknownProfileError,
    filled,
    filled_model,
    profile_defaults,
    profile_names,
    with_profile,
)
from cleanroom_pipeline.connector_types.settings import InboundSettings, Settings

NAMES = (
    "aep_audience", "aep_dataset", "appflow", "bigquery_export", "braze_currents", "customer_io",
    "ga4_bigquery_export", "segment",
)  # fmt: skip
POLICIES = {
    "aep_audience": "manifest",
    "aep_dataset": "manifest",
    "appflow": "provider_run",
    "bigquery_export": "quiet_period",
    "braze_currents": "quiet_period",
    "customer_io": "sequence",
    "ga4_bigquery_export": "restatement",
    "segment": "quiet_period",
}
MINIMAL: dict[str, Any] = {
    "name": "shop",
    "inbound": {"prefix": "inbound/shop/"},
    "table": {"database": "marketing", "name": "shop"},
}
DOCS = Path(__file__).parents[2] / "docs" / "sources.md"
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)


class Feed(dg.Component, dg.Model, dg.Resolvable):
    """A component that takes its defaults from a profile, as connectors do."""

    name: str
    inbound: InboundSettings
    completion: CompletionSettings
    profile: str | None = None
    table: dict[str, str]

    @model_validator(mode="before")
    @classmethod
    def take_defaults_from_profile(cls, attributes: Any) -> Any:
        return filled(attributes)

    @classmethod
    def model(cls) -> Any:
        return filled_model(super().model())

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions()


class Piece(Settings):
    a: Any = None


def test_there_is_a_profile_for_each_provider() -> None:
    assert profile_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_minimal_connector_and_a_profile_are_a_whole_connector(name: str) -> None:
    merged = with_profile(MINIMAL | {"profile": name})
    assert merged["inbound"]["prefix"] == "inbound/shop/"
    assert merged["table"] == profile_defaults(name).get("table", {}) | MINIMAL["table"]
    completion = CompletionSettings.model_validate(merged["completion"])
    assert completion.policy == POLICIES[name]
    assert completion.chosen().name == POLICIES[name]
    assert completion.deadline is not None
    inbound = InboundSettings.model_validate(merged["inbound"])
    assert inbound.format.kind == profile_defaults(name)["inbound"]["format"]["kind"]


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_speaks_of_the_delivery_and_of_what_it_does_to_the_table(name: str) -> None:
    defaults = profile_defaults(name)
    restated = {"table"} if POLICIES[name] == "restatement" else set()
    assert defaults.keys() == {"inbound", "completion", *restated}
    assert defaults["inbound"].keys() == {"format"}
    assert defaults.get("table", {"load": "restate"}) == {"load": "restate"}


def test_a_connector_without_a_profile_stays_as_it_is() -> None:
    assert with_profile(MINIMAL) == MINIMAL


def test_the_connector_wins_field_by_field() -> None:
    given_ = {
        "profile": "ga4_bigquery_export",
        "completion": {"minutes": 5, "ignore": ["x_*"], "deadline_hours": None},
    }
    merged = with_profile(given_)["completion"]
    defaults = profile_defaults("ga4_bigquery_export")["completion"]
    assert merged == defaults | {"minutes": 5, "ignore": ["x_*"], "deadline_hours": None}


def test_a_field_that_holds_a_template_wins_too() -> None:
    template = "{{ env('MINUTES', '5') }}"
    merged = with_profile({"profile": "segment", "completion": {"minutes": template}})
    assert merged["completion"]["minutes"] == template
    assert merged["completion"]["policy"] == "quiet_period"


@pytest.mark.parametrize(
    ("name", "where", "other"),
    [
        ("aep_dataset", ("completion",), {"policy": "quiet_period", "minutes": 10}),
        ("customer_io", ("completion",), {"policy": "sentinel"}),
        ("aep_audience", ("inbound", "format"), {"kind": "parquet"}),
    ],
)
def test_with_another_policy_or_kind_nothing_is_left_of_what_the_profile_says_beside_it(
    name: str, where: tuple[str, ...], other: dict[str, Any]
) -> None:
    attributes: Any = other
    for part in reversed(where):
        attributes = {part: attributes}
    found: Any = with_profile({"profile": name, **attributes})
    for part in where:
        found = found[part]
    assert found == other


def test_the_same_policy_said_again_keeps_what_goes_with_it() -> None:
    merged = with_profile({"profile": "aep_dataset", "completion": {"policy": "manifest"}})
    assert merged["completion"]["form"] == "aep"


def test_what_one_connector_makes_of_a_profile_is_not_seen_by_the_next() -> None:
    first = with_profile({"profile": "ga4_bigquery_export"})
    first["completion"]["ignore"].append("everything*")
    assert (
        "everything*"
        not in with_profile({"profile": "ga4_bigquery_export"})["completion"]["ignore"]
    )


def test_merging_twice_is_merging_once() -> None:
    once = with_profile(MINIMAL | {"profile": "customer_io"})
    assert with_profile(once) == once


@given(attributes=st.dictionaries(st.sampled_from(["inbound", "completion", "x"]), VALUES))
def test_nothing_that_a_connector_says_is_lost_or_changed(attributes: dict[str, Any]) -> None:
    def holds(merged: Any, said: Any) -> bool:
        if isinstance(said, dict) and isinstance(merged, dict):
            return all(key in merged and holds(merged[key], said[key]) for key in said)
        return bool(merged == said)

    assert holds(with_profile({"profile": "segment"} | attributes), attributes)


@pytest.mark.parametrize("name", ["aep", "", "../settings", "segment.yaml", 7, ["segment"], {}])
def test_an_unknown_profile_is_refused_with_those_that_are_known(name: object) -> None:
    with pytest.raises(UnknownProfileError) as caught:
        with_profile({"profile": name})
    assert all(known in str(caught.value) for known in NAMES)


def test_an_unknown_profile_is_a_mistake_in_the_field_and_the_only_one() -> None:
    for check in (Feed.model_validate, Feed.model().model_validate):
        with pytest.raises(ValidationError) as caught:
            check({"name": "shop", "profile": "aep"})
        (mistake,) = caught.value.errors(include_url=False)
        assert mistake["loc"] == ("profile",)
        assert "Allowed: aep_audience, aep_dataset" in mistake["msg"]


@pytest.mark.parametrize("name", NAMES)
def test_dagster_loads_a_component_over_any_profile(name: str) -> None:
    feed = Feed.resolve_from_yaml(yaml.safe_dump(MINIMAL | {"profile": name}))
    assert feed.completion.policy == POLICIES[name]
    assert feed.inbound.prefix == "inbound/shop/"


def test_dagster_loads_a_component_over_its_profile_and_renders_templates_after() -> None:
    feed = Feed.resolve_from_yaml(
        """
        name: shop
        profile: aep_dataset
        inbound: {prefix: inbound/shop/}
        completion: {minutes: "{{ minutes }}"}
        table: {database: marketing, name: shop}
        """,
        scope={"minutes": 3},
    )
    assert feed.inbound.format.kind == "auto"
    assert feed.completion.policy == "manifest"
    assert feed.completion.form == "aep"
    assert feed.completion.minutes == 3


def test_dagster_says_the_line_of_an_unknown_profile() -> None:
    with pytest.raises(ValidationError, match=r"profile at <string>:2"):
        Feed.resolve_from_yaml("name: shop\nprofile: aep\n")


def test_a_filled_model_is_made_once_for_each_model() -> None:
    assert filled_model(Piece.model()) is filled_model(Piece.model())
    assert filled("no mapping") == "no mapping"


def examples() -> dict[str, Any]:
    """The connectors in docs/sources.md, by the profile that they name."""
    texts = re.findall(r"```yaml\n(type:.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    documents = [yaml.safe_load(text) for text in texts]
    return {document["attributes"]["profile"]: document for document in documents}


def test_every_profile_is_documented_with_an_example() -> None:
    assert sorted(examples()) == list(NAMES)
    headings = re.findall(r"^## `(\w+)`", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_a_whole_connector(name: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text("[]")
    example = examples()[name]
    assert mistakes_in(yaml.safe_dump(example), tmp_path / "defs.yaml") == []
    merged = with_profile(example["attributes"])
    completion = CompletionSettings.model_validate(merged["completion"])
    assert completion.chosen().name
    inbound = InboundSettings.model_validate(merged["inbound"])
    assert inbound.format.kind == profile_defaults(name)["inbound"]["format"]["kind"]
    assert merged["table"].keys() >= {"database", "name"}


@pytest.mark.parametrize("name", NAMES)
def test_the_docs_show_a_profiles_defaults_as_they_are(name: str) -> None:
    text = DOCS.read_text(encoding="utf-8")
    section = text.split(f"## `{name}`")[1].split("\n## ")[0]
    shown = re.search(r"```yaml\n(?!type:)(.*?)```", section, re.DOTALL)
    assert shown
    assert yaml.safe_load(shown[1]) == profile_defaults(name)
