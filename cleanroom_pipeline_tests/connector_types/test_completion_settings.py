from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from cleanroom_pipeline.connector_types.completion_settings import (
    BUILDERS,
    FIELDS,
    CompletionSettings,
)
from cleanroom_pipeline.inbound.completion.combined import ThenQuiet
from cleanroom_pipeline.inbound.completion.decision import CompletionPolicy
from cleanroom_pipeline.inbound.completion.file_lists import ListForm
from cleanroom_pipeline.inbound.completion.provider_manifest import ProviderManifest, aep_manifest
from cleanroom_pipeline.inbound.completion.provider_run import ProviderRun
from cleanroom_pipeline.inbound.completion.quiet_period import QuietPeriod
from cleanroom_pipeline.inbound.completion.restatement import RestatedDays
from cleanroom_pipeline.inbound.completion.sentinel import Sentinel
from cleanroom_pipeline.inbound.completion.sequence import NumberedFiles

FIVE = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("given", "policy"),
    [
        ("{policy: quiet_period, minutes: 5}", QuietPeriod(FIVE)),
        ("{policy: sentinel}", Sentinel()),
        (
            "{policy: sentinel, pattern: '*.ok', scope: prefix, grace_minutes: 5, empty: allowed}",
            Sentinel("*.ok", scope="prefix", grace=FIVE, empty="allowed"),
        ),
        (
            "{policy: sentinel, lists: csv, minutes: 5}",
            ThenQuiet(Sentinel(lists="csv"), FIVE),
        ),
        ("{policy: manifest, form: aep}", aep_manifest()),
        (
            "{policy: manifest, form: json, pattern: m-*.json, files: a.b, name: c, size: d}",
            ProviderManifest("m-*.json", ListForm("json", files="a.b", name="c", size="d")),
        ),
        (
            "{policy: manifest, form: csv, pattern: '*.lst', name: 1, relative_to: bucket}",
            ProviderManifest("*.lst", ListForm("csv", name="1"), relative_to="bucket"),
        ),
        ("{policy: provider_run}", ProviderRun()),
        ("{policy: provider_run, minutes: 5}", ThenQuiet(ProviderRun(), FIVE)),
        (
            "{policy: sequence, pattern: 'x{position}', minutes: 5, first: 0, gaps: hold}",
            ThenQuiet(NumberedFiles("x{position}", first=0, gaps="hold"), FIVE),
        ),
        (
            "{policy: restatement, day: 'd{day}', minutes: 5, days: 0, ignore: [x_*]}",
            RestatedDays("d{day}", FIVE, days=0, ignore=("x_*",)),
        ),
        (
            "{policy: quiet_period, minutes: \"{{ env('NONE_SUCH', '5') }}\"}",
            QuietPeriod(FIVE),
        ),
    ],
)
def test_what_the_yaml_says_is_the_policy_that_is_built(
    given: str, policy: CompletionPolicy
) -> None:
    """By the way that Dagster takes, which also renders templates."""
    assert CompletionSettings.resolve_from_yaml(given).chosen() == policy


def test_a_deadline_goes_with_every_policy_and_is_none_unless_given() -> None:
    with_one = CompletionSettings(policy="provider_run", deadline_hours=6)
    assert with_one.deadline == timedelta(hours=6)
    assert CompletionSettings(policy="provider_run").deadline is None


@pytest.mark.parametrize(
    ("given", "field", "told"),
    [
        (
            {"policy": "quiet_period", "minutes": 5, "step": 2},
            "step",
            "does not go with policy quiet_period. Allowed: deadline_hours, minutes, policy, scope",
        ),
        ({"policy": "quiet_period"}, "minutes", "is needed with policy quiet_period"),
        ({"policy": "sequence", "minutes": 5}, "pattern", "is needed with policy sequence"),
        ({"policy": "manifest"}, "form", "is needed with policy manifest"),
        (
            {"policy": "manifest", "form": "aep", "name": "x"},
            "name",
            "form aep. Allowed: deadline_hours, form, minutes, pattern, policy",
        ),
        (
            {"policy": "manifest", "form": "json", "pattern": "m", "name": "c"},
            "files",
            "is needed with policy manifest, form json",
        ),
        (
            {"policy": "restatement", "day": "x", "minutes": "{{ later }}", "first": 1},
            "first",
            "does not go with policy restatement",
        ),
        (
            {"policy": "sequence", "minutes": 5, "pattern": "(a+)+{position}"},
            "pattern",
            "a template has letters",
        ),
        (
            {"policy": "sentinel", "lists": "json", "grace_minutes": 5},
            "grace_minutes",
            "goes with lists: none",
        ),
        (
            {"policy": "restatement", "minutes": 5, "day": "{day}", "timezone": "Mars"},
            "timezone",
            "there is no such time zone",
        ),
        (
            {"policy": "manifest", "form": "json", "pattern": "m", "files": "a..b", "name": "c"},
            "files",
            "must be a field",
        ),
        (
            {"policy": "manifest", "form": "csv", "pattern": "m", "name": 1, "size": "bytes"},
            "size",
            "must be a number if name is one",
        ),
        (
            {"policy": "manifest", "form": "csv", "pattern": "m", "name": 0},
            "name",
            "columns count from 1",
        ),
        (
            {"policy": "manifest", "form": "csv", "pattern": "m", "name": 1, "size": 0},
            "size",
            "columns count from 1",
        ),
        ({"policy": "quiet_period", "minutes": float("inf")}, "minutes", "at most 44640"),
        ({"policy": "provider_run", "deadline_hours": 0}, "deadline_hours", "at least 0.01"),
    ],
)
def test_a_mistake_is_told_of_the_field_that_it_is_in(
    given: dict[str, Any], field: str, told: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        CompletionSettings.model_validate(given)
    assert [error["loc"] for error in caught.value.errors() if told in error["msg"]] == [(field,)]


def test_every_policy_has_its_fields_and_its_builder_and_every_field_has_a_policy() -> None:
    policies = {name.partition(",")[0] for name in FIELDS}
    assert policies == set(BUILDERS)
    of_policies = {field for fields in FIELDS.values() for field in fields.needed + fields.optional}
    assert of_policies | {"policy", "deadline_hours"} == set(CompletionSettings.model_fields)
