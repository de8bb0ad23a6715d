"""Advanced data types: which cells are of one, and which steps are refused.

Here: types by themselves, refusals. Not here: whole steps (golden/data_quality/).
"""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.advanced_types import ADVANCED_TYPES, state_time_zone
from cleanroom_pipeline.recipe.detectors import luhn
from cleanroom_pipeline_tests.recipe.running import recipe, step

HOLDS = [
    ("Phone", ["408 496-7223", "+44 20 7946 0018", " (408) 496-7223 "], ["123", "", "né"]),
    ("Zip Code", ["10001", "10001-1234"], ["1000", "10001-", "100011234", "१०००१"]),
    ("State", ["OH", "ohio", "District of Columbia"], ["Ohi", "XX", ""]),
    ("Credit Card", ["4111 1111 1111 1111", "378282246310005"], ["4111111111111112", "0"]),
    ("URL", ["http://a.b/c", "s3://bucket/key"], ["a.b/c", "http:///c", "http://a b", "http://[x"]),
    ("Email", ["ana@example.com", "zoë@example.com"], ["to ana@example.com", "ana@", "a@b@c.d"]),
    ("SSN", ["123-45-6789", "123456789"], ["000-45-6789", "912-70-1234", "123-45-678"]),
    ("Gender", ["F", "male", "Non-Binary"], ["x1", "", "females"]),
]


@pytest.mark.parametrize(("name", "of_it", "not_of_it"), HOLDS)
def test_a_cell_is_of_a_type_as_a_whole(name: str, of_it: list[str], not_of_it: list[str]) -> None:
    holds = ADVANCED_TYPES[name].holds
    assert [text for text in of_it if not holds(text)] == []
    assert [text for text in not_of_it if holds(text)] == []


@given(st.text(max_size=30) | st.text("0123456789+-() :/.@a", max_size=30))
def test_a_cell_that_is_not_of_the_type_has_no_detail(text: str) -> None:
    for kind in ADVANCED_TYPES.values():
        details = [read(text) for read in kind.details.values()]
        assert kind.holds(text) or details == [None] * len(details)


@given(st.text("0123456789", min_size=11, max_size=18))
def test_a_card_number_has_as_many_digits_as_it_says(digits: str) -> None:
    card = next(digits + one for one in "0123456789" if luhn(digits + one))
    assert ADVANCED_TYPES["Credit Card"].details["LENGTH"](card) == str(len(card))


def test_states_have_time_zones_that_exist() -> None:
    zones = [state_time_zone(one) for one in ("AL", "HI", "IN", "MI", "WY", "ID", "AK", "ny")]
    assert all(one and ZoneInfo(one) for one in zones)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("EXTRACT_ADVANCED_DATATYPE_DETAILS", {"advancedDataType": "Phone"}, "'pattern'"),
    (
        "EXTRACT_ADVANCED_DATATYPE_DETAILS",
        {"advancedDataType": "Zip Code", "pattern": "STATE"},
        "table of all ZIP codes",
    ),
    (
        "EXTRACT_ADVANCED_DATATYPE_DETAILS",
        {"advancedDataType": "URL", "pattern": "AREA_CODE"},
        "PROTOCOL, TLD, DOMAIN",
    ),
    ("ADVANCED_DATATYPE_FLAG", {"advancedDataType": "Country"}, "Allowed"),
    ("ADVANCED_DATATYPE_FLAG", {"advancedDataType": "URL", "pattern": "TLD"}, "filterValues"),
    ("ADVANCED_DATATYPE_FLAG", {"advancedDataType": "URL", "filterValues": ["a"]}, "filterValues"),
    ("ADVANCED_DATATYPE_FILTER", {"advancedDataType": "URL"}, "'strategy'"),
    ("ADVANCED_DATATYPE_FILTER", {"advancedDataType": "URL", "strategy": "KEEP"}, "KEEP_ROWS"),
]


@pytest.mark.parametrize(("operation", "parameters", "told"), REFUSED)
def test_what_nobody_can_tell_is_refused(
    operation: str, parameters: dict[str, Any], told: str
) -> None:
    target = {} if operation.endswith("FILTER") else {"targetColumn": "y"}
    with pytest.raises(RecipeError, match=told):
        recipe(step(operation, sourceColumn="x", **{**target, **parameters}))
