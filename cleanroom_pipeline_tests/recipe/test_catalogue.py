"""Every operation AWS documents is run, or refused with a reason.

Here: the catalogue against the registry. Not here: what operations do.
"""

import json
from pathlib import Path

import pytest

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.operations import registry
from cleanroom_pipeline.recipe.operations.catalogue import OPERATIONS, REFUSED
from cleanroom_pipeline.recipe.operations.declaration import Kind, read_value
from cleanroom_pipeline_tests.recipe.running import recipe, step

INVENTORY = Path(__file__).parents[3] / "shared" / "data" / "databrew_operations.json"


def test_there_are_216_operations() -> None:
    assert len(OPERATIONS) == 216


def test_every_implemented_operation_is_in_the_catalogue_with_its_tier() -> None:
    for name, declared in registry().items():
        assert declared.tier == OPERATIONS[name].tier, name


def test_every_operation_runs_or_is_refused_for_a_reason_and_no_more_than_ten_are() -> None:
    run = {name for name, declared in registry().items() if not declared.refused}
    assert set(REFUSED) == set(OPERATIONS) - run
    assert len(REFUSED) <= 10


def test_every_other_operation_is_refused_by_name_and_step() -> None:
    for name in set(OPERATIONS) - set(registry()):
        with pytest.raises(RecipeError, match=rf"step 1 \({name}\)"):
            recipe(step(name))


def test_defaults_are_values_that_could_be_written() -> None:
    for declared in registry().values():
        for parameter in declared.parameters:
            if isinstance(parameter.default, str) and parameter.default:
                assert read_value(parameter, parameter.default) == parameter.default
            assert parameter.kind is not Kind.CHOICE or parameter.choices, declared.name
            assert parameter.doc, declared.name


@pytest.mark.skipif(not INVENTORY.is_file(), reason="AWS's inventory is not here")
def test_the_catalogue_is_aws_inventory() -> None:
    inventory = {one["operation"]: one["tier"] for one in json.loads(INVENTORY.read_text())}
    assert {name: planned.tier for name, planned in OPERATIONS.items()} == inventory
