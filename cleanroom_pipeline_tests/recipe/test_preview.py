"""What each step does to a sample, and what of it may be seen.

Here: changed columns, kept rows, hidden columns, the printed form. Not here: the command.
"""

from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.recipe.engine import EngineSettings
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.recipe.personal import (
    PersonalColumns,
    looks_personal,
    shape,
    sounds_personal,
)
from cleanroom_pipeline.recipe.plan import Column
from cleanroom_pipeline.recipe.preview import (
    Cells,
    StepPreview,
    changed_columns,
    kept_rows,
    preview,
    preview_text,
)
from cleanroom_pipeline_tests.recipe.running import condition, recipe, step, write_csv

ROWS: list[dict[str, str | None]] = [
    {"id": "1", "who": "Zoë", "city": "Oslo"},
    {"id": "2", "who": "Bob", "city": None},
    {"id": "3", "who": None, "city": "Rome"},
]


def previews(folder: Path, *steps: Any, rows: int = 250, **options: Any) -> list[StepPreview]:
    file = write_csv(folder / "in.csv", ROWS)
    settings = EngineSettings()
    return preview(recipe(*steps), [file], FileFormat(), rows=rows, settings=settings, **options)


def test_a_step_shows_the_cells_it_changes(tmp_path: Path) -> None:
    upper = step("UPPER_CASE", sourceColumn="who")
    (one,) = previews(tmp_path, upper)
    assert one.changed == ("who",)
    assert one.touched == (0, 1)
    assert one.before.column("who") == ("Zoë", "Bob", None)
    assert one.after.column("who") == ("ZOË", "BOB", None)
    assert preview_text([one], most=1).splitlines() == [
        "step 1 (UPPER_CASE): 3 rows -> 3 rows",
        "  2 rows changed; columns: who",
        "  id | who (before) | who (after) | city",
        "  1  | Zoë          | ZOË         | Oslo",
        "  ... and 1 more",
    ]


def test_a_filter_shows_the_rows_it_leaves_out(tmp_path: Path) -> None:
    removed = step("REMOVE_VALUES", conditions=[condition("IS_MISSING", "city")])
    (one,) = previews(tmp_path, removed)
    assert (one.kept, one.changed) == ((0, 2), ())
    assert preview_text([one], most=9).splitlines()[1:] == [
        "  1 rows left out",
        "  id | who | city",
        "  2  | Bob | null",
    ]


def test_a_sort_shows_both_orders_by_place(tmp_path: Path) -> None:
    order = [{"sourceColumn": "city", "ordering": "DESCENDING", "nullsOrdering": "NULLS_BOTTOM"}]
    (one,) = previews(tmp_path, step("SORT", expressions=order))
    assert one.kept is None
    assert "in another order" in preview_text([one], most=9)


def test_only_the_first_rows_are_taken(tmp_path: Path) -> None:
    (one,) = previews(tmp_path, step("UPPER_CASE", sourceColumn="who"), rows=1)
    assert len(one.before.rows) == len(one.after.rows) == 1


def test_one_step_can_be_shown_alone(tmp_path: Path) -> None:
    steps = [step("UPPER_CASE", sourceColumn="who"), step("DELETE", sourceColumn="id")]
    (one,) = previews(tmp_path, *steps, step=2)
    assert (one.step, one.changed) == (2, ("id",))
    assert one.before.column("who")[0] == "ZOË"
    with pytest.raises(ValueError, match="no step 3"):
        previews(tmp_path, *steps, step=3)


def test_columns_that_a_personal_data_step_names_are_hidden_before_and_after(
    tmp_path: Path,
) -> None:
    steps = [
        step("MERGE", sourceColumns=["who", "city"], targetColumn="both"),
        step("RENAME", sourceColumn="who", targetColumn="w"),
        step("MASK_RANGE", sourceColumns=["w"], maskSymbol="#", stop="1"),
    ]
    merged, _, masked = previews(tmp_path, *steps)
    assert merged.before.column("who") == ("Xxx", "Xxx", None)
    assert merged.after.column("both")[0].islower() is False  # type: ignore[union-attr]  # a text
    assert "Oslo" not in str(merged.after.column("both"))
    assert masked.after.column("w")[0] == "#xx"
    assert masked.after.column("city") == ("Oslo", None, "Rome")
    shown = previews(tmp_path, *steps, show_values=True)
    assert shown[2].after.column("w")[0] == "#oë"


def test_columns_whose_cells_look_personal_are_hidden(tmp_path: Path) -> None:
    with_mail = [{"x": "zoe@shop.example", "y": "zoe"}]
    file = write_csv(tmp_path / "in.csv", with_mail)
    made = recipe(step("UPPER_CASE", sourceColumn="y"))
    (one,) = preview(made, [file], FileFormat(), rows=9, settings=EngineSettings())
    assert one.before.column("x") == ("xxx@xxxx.xxxxxxx",)
    assert one.after.column("y") == ("ZOE",)


def hidden(columns: str, *steps: Any, done: int, names: str) -> set[str]:
    inputs = [Column(name) for name in columns.split()]
    return set(PersonalColumns(recipe(*steps), inputs, ()).after(done, names.split()))


def test_what_comes_from_a_hidden_column_is_hidden_too() -> None:
    steps = [
        step("DUPLICATE", sourceColumn="a", targetColumn="copy"),
        step("CRYPTOGRAPHIC_HASH", sourceColumns=["a"], secretId="key"),
    ]
    assert hidden("a b", *steps, done=0, names="a b") == {"a"}
    assert hidden("a b", *steps, done=2, names="a b copy") == {"a", "copy"}


def test_columns_that_only_the_data_names_are_hidden_when_anything_is() -> None:
    harmless = step("UPPER_CASE", sourceColumn="a")
    masks = step("MASK_RANGE", sourceColumns=["a"], maskSymbol="#")
    assert hidden("a b", harmless, done=1, names="b unknown") == set()
    assert hidden("a b", masks, done=1, names="b unknown") == {"unknown"}


@pytest.mark.parametrize("name", ["email", "EMAIL_ADDRESS", "customerPhone", "first_name", "zip"])
def test_names_that_say_so_are_personal(name: str) -> None:
    assert sounds_personal(name)


@pytest.mark.parametrize("name", ["id", "campaign", "clicks", "mailed_out_count_total", "shipping"])
def test_other_names_are_not(name: str) -> None:
    assert not sounds_personal(name)


def test_cells_that_hold_an_address_or_a_number_look_personal() -> None:
    assert looks_personal([None, "", "write to zoe@shop.example"])
    assert looks_personal(["+1 650 253 0000"])
    assert not looks_personal(["red", "12", None])


def test_a_shape_says_nothing_of_the_text_but_its_form() -> None:
    assert shape("Zoë@b-1.io €é\n") == "Xxx@x-9.xx ?x?"


def test_rows_are_kept_when_what_is_left_stands_in_order() -> None:
    before = Cells(("a",), (("1",), ("2",), ("1",), ("3",)))
    assert kept_rows(before, Cells(("a",), (("2",), ("3",)))) == (1, 3)
    assert kept_rows(before, Cells(("a",), (("3",), ("2",)))) is None
    assert kept_rows(before, Cells(("b",), (("2",),))) is None
    assert changed_columns(before, Cells(("a",), (("2",), ("3",)))) == ()
