"""Steps that format a column in place: FORMAT_PHONE_NUMBER, NUMBER_FORMAT.

Here: phone numbers, numbers as texts. Not here: dates (dating.py, cleaning.py).
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import text
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.regions import region_code
from cleanroom_pipeline.recipe.operations.rewriting import function_name, in_place
from cleanroom_pipeline.recipe.plan import TEXT, Column, Frame
from cleanroom_pipeline.recipe.python_functions import cell_function, row_function

_PHONE_FORMATS = ("E164", "INTERNATIONAL", "NATIONAL", "RFC3966")
_REGION = re.compile(r"[A-Z]{2,3}", re.ASCII)


@cache
def _regions() -> frozenset[str]:
    import phonenumbers

    return frozenset(phonenumbers.SUPPORTED_REGIONS)


def format_phone_number(value: str, region: str | None, spelling: str) -> str:
    """Return a phone number in one of _PHONE_FORMATS, or the text as it is if it is not valid.

    `region` is a code of two or three letters, for a number that does not begin with + and a
    country's calling code.
    """
    import phonenumbers

    code = region_code(region) if region else None
    try:
        number = phonenumbers.parse(value, code if code in _regions() else None)
    except phonenumbers.NumberParseException:
        return value
    if not phonenumbers.is_valid_number(number):
        return value
    return phonenumbers.format_number(number, getattr(phonenumbers.PhoneNumberFormat, spelling))


def _check_region(values: Mapping[str, Any]) -> Iterable[str]:
    region = values["defaultRegion"]
    if region is None:
        return
    if values["defaultRegionColumn"] is not None:
        yield "defaultRegion and defaultRegionColumn are both there; write at most one of them"
    if not _REGION.fullmatch(region) or region_code(region) not in _regions():
        yield (
            "parameter 'defaultRegion' must be a region's ISO 3166 code of two or three upper-case "
            "letters, for example US"
        )


@operation(
    "FORMAT_PHONE_NUMBER",
    Status.INFERRED,
    "Spells phone numbers in one format, in place. A number without + and a calling code is read "
    "as one of its default region; without such a region it stays as it is. What is no valid "
    "number by the numbering plans of the package phonenumbers (libphonenumber) stays as it is "
    "too, as null and the empty text do. E164 has no place for an extension and drops it. AWS "
    "documents E164; the other formats are libphonenumber's.",
    SOURCES,
    Parameter(
        "phoneNumberFormat", Kind.CHOICE, "the format", default="E164", choices=_PHONE_FORMATS
    ),
    Parameter("defaultRegion", Kind.TEXT, "the region of numbers without a calling code"),
    Parameter(
        "defaultRegionColumn",
        Kind.COLUMN,
        "the column that holds that region's code, of two or three letters",
    ),
    check=_check_region,
)
def format_phone_numbers(call: Call, frame: Frame) -> Frame:
    """Format phone numbers."""
    spelling, name = call["phoneNumberFormat"], function_name(call)
    if call["defaultRegionColumn"] is None:
        region = call["defaultRegion"]
        made = cell_function(name, lambda one: format_phone_number(one, region, spelling))
        return in_place(call, frame, lambda one: function(name, text(one)), functions=[made])
    regions = frame.column(call["defaultRegionColumn"])

    def formatted(value: str | None, region: str | None) -> str | None:
        return None if value is None else format_phone_number(value, region, spelling)

    def change(column: Column) -> exp.Expr:
        return function(name, text(column), text(regions))

    made = row_function(name, formatted, (TEXT, TEXT))
    return in_place(call, frame, change, functions=[made])


_NONE = "null"
_UNITS: Mapping[str, int] = {
    _NONE: 0,
    "THOUSAND": 3,
    "MILLION": 6,
    "BILLION": 9,
    "TRILLION": 12,
}
_DECIMAL_SEPARATORS = (".", ",")
# The backslash is on AWS's list, surprising as it is.
_THOUSANDS_SEPARATORS = (_NONE, ",", " ", ".", "\\")
_MOST_PLACES = 30
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?\s*", re.ASCII)
# A DOUBLE holds nothing beyond.
_MOST_DIGITS = 308


def number_text(
    value: str, places: int | None, point: str, thousands: str, power: int, unit: str
) -> str | None:
    """Return a number as text, divided by ten to the `power`, or None for what is no number.

    `places` are the digits after the point, the last one rounded half up (away from zero); None
    keeps all digits there are.
    """
    if not _NUMBER.fullmatch(value):
        return None
    number = Decimal(value.strip())
    if len(number.as_tuple().digits) > _MOST_DIGITS or abs(number.adjusted()) > _MOST_DIGITS:
        return None
    return _spelled(number, places, point, thousands, power) + unit


def _spelled(number: Decimal, places: int | None, point: str, thousands: str, power: int) -> str:
    sign, digits, exponent = number.as_tuple()
    whole = int("".join(map(str, digits)))
    scale = power - int(exponent)
    if scale < 0:
        whole, scale = whole * 10**-scale, 0
    if places is None:
        while scale and not whole % 10:
            whole, scale = whole // 10, scale - 1
    else:
        whole, scale = _at_scale(whole, scale, places), places
    before, after = divmod(whole, 10**scale)
    minus = "-" if sign and whole else ""
    return (
        minus
        + f"{before:,}".replace(",", thousands)
        + (f"{point}{after:0{scale}}" if scale else "")
    )


def _at_scale(whole: int, scale: int, places: int) -> int:
    if places >= scale:
        factor: int = 10 ** (places - scale)
        return whole * factor
    divisor: int = 10 ** (scale - places)
    return (2 * whole + divisor) // (2 * divisor)


def _check_number_format(values: Mapping[str, Any]) -> Iterable[str]:
    if values["numericDecimalSeparator"] == values["numericThousandSeparator"]:
        yield "numericDecimalSeparator and numericThousandSeparator are the same"
    unit = values["numericUnitAbbreviation"]
    if unit not in (None, _NONE) and values["numericAbbreviatedUnit"] == _NONE:
        yield "numericUnitAbbreviation needs 'numericAbbreviatedUnit'"


@operation(
    "NUMBER_FORMAT",
    Status.INFERRED,
    "Spells numbers as texts, in place: divided by a unit, rounded half up (away from zero), with "
    "separators, and with the unit's abbreviation right behind. Without decimalPlaces all digits "
    "stay. Null, and what is no number (or one of more than 308 digits), give null.",
    SOURCES,
    Parameter(
        "decimalPlaces",
        Kind.INTEGER,
        "how many digits after the decimal separator",
        least=0,
        most=_MOST_PLACES,
    ),
    Parameter(
        "numericDecimalSeparator",
        Kind.CHOICE,
        "what stands before the fraction",
        default=".",
        choices=_DECIMAL_SEPARATORS,
    ),
    Parameter(
        "numericThousandSeparator",
        Kind.CHOICE,
        "what stands between groups of three digits; null: nothing",
        default=_NONE,
        choices=_THOUSANDS_SEPARATORS,
    ),
    Parameter(
        "numericAbbreviatedUnit",
        Kind.CHOICE,
        "what the number is divided by; null: nothing",
        default=_NONE,
        choices=tuple(_UNITS),
    ),
    Parameter("numericUnitAbbreviation", Kind.TEXT, "what stands behind the number, as K or bn"),
    tier=3,
    check=_check_number_format,
)
def number_format(call: Call, frame: Frame) -> Frame:
    """Format numbers."""

    def given(parameter: str) -> str:
        value = call[parameter]
        return "" if value in (None, _NONE) else value

    places, point = call["decimalPlaces"], call["numericDecimalSeparator"]
    thousands, unit = given("numericThousandSeparator"), given("numericUnitAbbreviation")
    power = _UNITS[call["numericAbbreviatedUnit"]]
    made = cell_function(
        function_name(call),
        lambda value: number_text(value, places, point, thousands, power, unit),
    )
    return in_place(call, frame, lambda one: function(made.name, text(one)), functions=[made])
