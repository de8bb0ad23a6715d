"""Groups: which aggregates go with which columns, and what is refused.

Here: GROUP_BY as a step. Not here: chosen examples (golden/data_structure/GROUP_BY.yaml).
"""

import statistics
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline_tests.recipe.oracles.generated import FEW
from cleanroom_pipeline_tests.recipe.oracles.numbers import CELLS, close, modes, numbers, present
from cleanroom_pipeline_tests.recipe.running import rows_of, run_csv, run_table, step

Entry = Mapping[str, Any]


def entry(function: str, source: str = "x", target: str = "y", **more: Any) -> Entry:
    return {
        "functionName": function, "sourceColumnName": source, "targetColumnName": target, **more,
    }  # fmt: skip


def group_by(*entries: Entry, new: bool = True, keys: tuple[str, ...] = ("g",)) -> Any:
    return step(
        "GROUP_BY",
        sourceColumns=list(keys),
        groupByAggFunctionOptions=list(entries),
        useNewDataFrame=str(new).lower(),
    )


def in_group_order(texts: list[str]) -> list[str]:
    """Return texts from the least to the greatest: by value if all of them are numbers."""
    if len(numbers(texts)) < len(texts):
        return sorted(texts)
    return sorted(texts, key=lambda text: (float(text), text))


@FEW
@given(cells=st.lists(st.tuples(st.sampled_from([None, "", "a", "ß"]), CELLS), min_size=1))
def test_groups_hold_what_plain_python_gives(cells: list[tuple[str | None, str | None]]) -> None:
    columns = zip(*cells, strict=True)
    table = pa.table([pa.array(list(one), pa.string()) for one in columns], names=["g", "x"])
    functions = ("AVERAGE", "COUNT", "MAX", "MIN", "MODE", "VARIANCE")
    made = group_by(
        *[entry(name, target=name) for name in functions], entry("KTH_LARGEST", value=2)
    )
    with TemporaryDirectory() as folder:
        after = rows_of(run_table(Path(folder), table, made))
    groups: dict[str | None, list[str | None]] = {}
    for group, cell in cells:
        groups.setdefault(group, []).append(cell)
    assert [row["g"] for row in after] == list(groups)
    for row, held in zip(after, groups.values(), strict=True):
        texts, values = present(held), numbers(held)
        in_order = in_group_order(texts)
        assert row["COUNT"] == len(texts)
        assert [row["MIN"], row["MAX"]] == ([in_order[0], in_order[-1]] if texts else [None] * 2)
        assert row["MODE"] == (modes(texts)[0] if texts else None)
        average = statistics.fmean(values) if values else None
        variance = statistics.pvariance(values) if values else None
        second = sorted(values)[-2] if len(values) > 1 else None
        assert [row["AVERAGE"], row["VARIANCE"], row["y"]] == close([average, variance, second])


ROWS = [{"g": g, "x": x} for g, x in [("b", "1"), ("a", "2"), ("b", None)]]


def test_unaggregated_columns_are_copied_where_their_value_is_one(tmp_path: Path) -> None:
    alone = group_by(entry("UNAGGREGATED", "g", "g"), entry("UNAGGREGATED", "g", "y"))
    assert run_csv(tmp_path, ROWS, alone) == [{"g": "b", "y": "b"}, {"g": "a", "y": "a"}]
    kept = group_by(entry("UNAGGREGATED"), entry("COUNT", target="n"), new=False)
    after = run_csv(tmp_path, ROWS, kept)
    assert [list(row.values()) for row in after] == [
        ["b", "1", "1", 1], ["a", "2", "2", 1], ["b", None, None, 1],
    ]  # fmt: skip


def test_columns_come_in_the_order_they_are_written_and_as_the_types_asked_for(
    tmp_path: Path,
) -> None:
    made = group_by(
        entry("SUM", target="z", targetColumnDataType="int"),
        entry("UNAGGREGATED", "g", "copy"),
        entry("MAX", target="m", targetColumnDataType="double"),
    )
    after = run_csv(tmp_path, ROWS, made)
    assert [list(row) for row in after] == [["g", "z", "copy", "m"]] * 2
    assert after[0] == {"g": "b", "z": 1, "copy": "b", "m": 1.0}


REFUSED: list[tuple[Entry, str]] = [
    (entry("UNAGGREGATED"), "'x' has several values in a group"),
    (entry("KTH_LARGEST"), "needs k in 'value'"),
    (entry("KTH_LARGEST_UNIQUE", value=0), "must be at least 1"),
    (entry("SUM", value=1), "takes no 'value'"),
    (entry("TOTAL"), "functionName 'TOTAL'"),
    (entry("SUM", source="y"), "unknown column 'y'"),
    (entry("SUM", target="g"), "'g' would be there twice"),
    (entry("SUM", target=""), "needs targetColumnName"),
    (entry("SUM", targetColumnDataType="money"), "targetColumnDataType 'money'"),
    (entry("SUM", k=1), "unknown key 'k'"),
]


@pytest.mark.parametrize(("one", "words"), REFUSED)
def test_an_aggregate_that_has_no_meaning_is_refused(
    tmp_path: Path, one: Entry, words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        run_csv(tmp_path, ROWS, group_by(one))
