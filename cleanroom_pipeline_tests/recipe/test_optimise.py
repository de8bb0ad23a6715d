"""Cheaper plans of the same meaning.

Here: which nodes move and which columns go. Not here: that results stay the same (test_engine.py).
"""

from typing import Any

from cleanroom_pipeline.recipe.meaning import build_plan
from cleanroom_pipeline.recipe.operations.declaration import PlanOptions
from cleanroom_pipeline.recipe.optimise import Optimised, optimised
from cleanroom_pipeline.recipe.plan import Column
from cleanroom_pipeline_tests.recipe.running import condition, recipe, step

UNIQUE = step("REMOVE_DUPLICATES", sourceColumn="id")


def plan(*steps: Any) -> Optimised:
    inputs = tuple(Column(name) for name in ("id", "a", "b"))
    return optimised(build_plan(recipe(*steps).steps, inputs, PlanOptions()), inputs)


def order(*steps: Any) -> list[int]:
    return [node.step for node in plan(*steps).plan.nodes]


def test_duplicates_go_before_work_on_other_columns() -> None:
    assert order(step("LOWER_CASE", sourceColumn="a"), UNIQUE) == [2, 1]


def test_a_rename_in_between_is_seen_through() -> None:
    rename = step("RENAME", sourceColumn="b", targetColumn="key")
    moved = plan(rename, step("REMOVE_DUPLICATES", sourceColumn="key"))
    assert [node.step for node in moved.plan.nodes] == [2, 1]
    assert moved.plan.names == ("id", "a", "key")


def test_duplicates_stay_behind_a_change_of_their_key() -> None:
    assert order(step("LOWER_CASE", sourceColumn="id"), UNIQUE) == [1, 2]


def test_rows_stay_for_a_step_that_looks_at_all_of_them() -> None:
    assert order(step("FILL_WITH_AVERAGE", sourceColumn="a"), UNIQUE) == [1, 2]
    assert order(step("FILL_WITH_LAST_VALID", sourceColumn="a"), UNIQUE) == [1, 2]
    assert order(step("SHUFFLE_ROWS", sourceColumns=["a"]), UNIQUE) == [1, 2]


def test_a_filter_does_not_pass_duplicates() -> None:
    gone = step("REMOVE_VALUES", conditions=[condition("IS", "a", "x")])
    assert order(UNIQUE, gone) == [1, 2]
    assert order(gone, UNIQUE) == [1, 2]


def test_columns_that_are_deleted_are_not_read() -> None:
    made = plan(step("LOWER_CASE", sourceColumn="a"), step("DELETE", sourceColumn="a"), UNIQUE)
    assert made.inputs == {"id", "b"}
    assert made.plan.names == ("id", "b")


def test_columns_that_only_decide_are_read() -> None:
    gone = step("REMOVE_VALUES", conditions=[condition("IS", "a", "x")])
    assert plan(gone, step("DELETE", sourceColumns=["a", "b"])).inputs == {"id", "a"}
