"""Phone numbers and numbers as texts: which calls are refused, which regions are known.

Here: wrong parameters, region codes. Not here: what cells give (golden/column_formatting/).
"""

from typing import Any

import phonenumbers
import pytest

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.operations.formatting import format_phone_number, number_text
from cleanroom_pipeline.recipe.operations.regions import ALPHA_2, region_code
from cleanroom_pipeline_tests.recipe.running import recipe, step

# Parts of countries that have calling codes of their own, and Kosovo, are not in ISO 3166-1.
WITHOUT_THREE_LETTERS = {"AC", "TA", "XK"}


@pytest.mark.parametrize(
    ("operation", "parameters", "problem"),
    [
        (
            "FORMAT_PHONE_NUMBER",
            {"defaultRegion": "US", "defaultRegionColumn": "country"},
            "at most one of them",
        ),
        ("FORMAT_PHONE_NUMBER", {"defaultRegion": "us"}, "'defaultRegion' must be"),
        ("FORMAT_PHONE_NUMBER", {"defaultRegion": "EU"}, "'defaultRegion' must be"),
        ("FORMAT_PHONE_NUMBER", {"defaultRegion": "+1"}, "'defaultRegion' must be"),
        ("FORMAT_PHONE_NUMBER", {"phoneNumberFormat": "E.164"}, "must not be 'E.164'"),
        (
            "NUMBER_FORMAT",
            {"numericDecimalSeparator": ",", "numericThousandSeparator": ","},
            "are the same",
        ),
        ("NUMBER_FORMAT", {"numericUnitAbbreviation": "K"}, "needs 'numericAbbreviatedUnit'"),
        ("NUMBER_FORMAT", {"decimalPlaces": "31"}, "at most 30"),
        ("NUMBER_FORMAT", {"numericThousandSeparator": "'"}, "must not be"),
        ("NUMBER_FORMAT", {"numericAbbreviatedUnit": "DOZEN"}, "must not be 'DOZEN'"),
    ],
)
def test_what_can_not_be_formatted_so_is_refused(
    operation: str, parameters: dict[str, Any], problem: str
) -> None:
    with pytest.raises(RecipeError, match=problem):
        recipe(step(operation, sourceColumn="x", **parameters))


def test_every_region_with_phone_numbers_has_a_code_of_three_letters() -> None:
    known = {code for code in ALPHA_2.values() if code in phonenumbers.SUPPORTED_REGIONS}
    assert set(phonenumbers.SUPPORTED_REGIONS) - known == WITHOUT_THREE_LETTERS
    assert len(set(ALPHA_2.values())) == len(ALPHA_2)


@pytest.mark.parametrize(
    ("text", "code"), [("DEU", "DE"), (" usa ", "US"), ("gb", "GB"), ("", ""), ("UK", "UK")]
)
def test_a_region_code_has_two_or_three_letters(text: str, code: str) -> None:
    assert region_code(text) == code


def test_an_example_number_of_each_region_is_formatted() -> None:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number(region)
        if number is None:
            continue
        national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        wanted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        assert format_phone_number(national, region, "E164") == wanted
        assert format_phone_number(wanted, None, "E164") == wanted


@pytest.mark.parametrize("value", ["1" * 300, "+" * 300, "tel:+1;phone-context=+", "\0", "☎"])
def test_what_is_no_number_stays(value: str) -> None:
    assert format_phone_number(value, "US", "E164") == value


@pytest.mark.parametrize("value", ["9" * 5000, "0." + "1" * 5000, "1e9999", "1e-9999", "1" * 310])
def test_a_number_beyond_all_use_is_none(value: str) -> None:
    assert number_text(value, 2, ".", "", 0, "") is None
