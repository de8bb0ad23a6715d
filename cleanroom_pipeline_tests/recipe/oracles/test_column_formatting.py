"""NUMBER_FORMAT and FORMAT_PHONE_NUMBER against plain Python.

Here: oracles. Not here: examples (golden/column_formatting), refusals (test_formatting.py).
"""

from decimal import ROUND_HALF_UP, Decimal

import phonenumbers
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline_tests.recipe.oracles.generated import FEW, column_of
from cleanroom_pipeline_tests.recipe.oracles.runs import changed, each

UNITS = {"THOUSAND": 3, "MILLION": 6}
NUMBERS = column_of(st.none() | st.decimals(-(10**9), 10**9, places=3).map(str))
# Parts of numbers, so that many cells are valid ones of Germany, Britain or the USA.
PHONES = column_of(
    st.none()
    | st.sampled_from(["+49 30 901820", "030/901820", "(202) 456-1414", "+44 20 7946 0018", ""])
    | st.text("+0123456789 -()", max_size=14)
)


@given(
    cells=NUMBERS,
    places=st.integers(0, 4),
    unit=st.sampled_from([None, *UNITS]),
    marks=st.sampled_from([(".", ","), (",", "."), (".", " "), (",", None)]),
)
@FEW
def test_a_number_is_divided_rounded_and_grouped(
    cells: list[str | None], places: int, unit: str | None, marks: tuple[str, str | None]
) -> None:
    decimal_mark, thousand_mark = marks

    def spelled(cell: str) -> str:
        divided = Decimal(cell).scaleb(-UNITS[unit] if unit else 0)
        rounded = divided.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        whole, _, fraction = f"{abs(rounded):,f}".partition(".")
        sign = "-" if rounded < 0 else ""
        grouped = whole.replace(",", thousand_mark or "")
        ending = decimal_mark + fraction if fraction else ""
        return sign + grouped + ending + ("X" if unit else "")

    parameters = {
        "numericThousandSeparator": thousand_mark,
        "numericAbbreviatedUnit": unit,
        "numericUnitAbbreviation": unit and "X",
    }
    found = changed(
        cells,
        "NUMBER_FORMAT",
        decimalPlaces=str(places),
        numericDecimalSeparator=decimal_mark,
        **{name: value for name, value in parameters.items() if value},
    )
    assert found == each(cells, spelled)


@given(cells=PHONES, region=st.sampled_from([None, "DE", "US"]))
@FEW
def test_a_valid_phone_number_is_spelled_anew_and_others_stay(
    cells: list[str | None], region: str | None
) -> None:
    def spelled(cell: str) -> str:
        try:
            number = phonenumbers.parse(cell, region)
        except phonenumbers.NumberParseException:
            return cell
        if not phonenumbers.is_valid_number(number):
            return cell
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    parameters = {"defaultRegion": region} if region else {}
    assert changed(cells, "FORMAT_PHONE_NUMBER", **parameters) == each(cells, spelled)
