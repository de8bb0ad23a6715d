"""DataBrew's advanced data types: whether a whole cell is of one, and the details in it.

Here: phone numbers, ZIP codes, states, card numbers, URLs, e-mail addresses, SSNs, genders. Not
here: dates (dates.py), personal data inside of texts (detectors.py), or steps.

AWS names the types and details and does not publish how it detects them, or how it spells a detail;
each function here says what it takes and gives.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from cleanroom_pipeline.recipe.detectors import DETECTORS, luhn

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

Detail = Callable[[str], str | None]


@dataclass(frozen=True)
class AdvancedType:
    """A type: whether a text, white space around it aside, is of it; its details by pattern."""

    holds: Callable[[str], bool]
    details: Mapping[str, Detail] = field(default_factory=dict)


def _whole(entity: str) -> Callable[[str], bool]:
    """Return whether a detector finds the whole text."""

    def holds(value: str) -> bool:
        stripped = value.strip()
        return list(DETECTORS[entity].find(stripped)) == [(0, len(stripped))]

    return holds


@lru_cache(maxsize=4096)
def _phone(value: str) -> "PhoneNumber | None":
    """Return the number, read as one of the United States without a +; None for an impossible."""
    import phonenumbers

    try:
        number = phonenumbers.parse(value, "US")
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) else None


def area_code(value: str) -> str | None:
    """Return the digits of a phone number's geographical area code; None where it has none."""
    import phonenumbers

    number = _phone(value)
    size = phonenumbers.length_of_geographical_area_code(number) if number else 0
    return phonenumbers.national_significant_number(number)[:size] if number and size else None


def country_code(value: str) -> str | None:
    """Return the digits of a phone number's country calling code, such as 1."""
    number = _phone(value)
    return str(number.country_code) if number else None


def phone_time_zone(value: str) -> str | None:
    """Return a phone number's IANA time zone; None unless libphonenumber knows exactly one."""
    from phonenumbers import timezone

    number = _phone(value)
    zones = timezone.time_zones_for_number(number) if number else ()
    known = [one for one in zones if one != timezone.UNKNOWN_TIMEZONE]
    return known[0] if len(known) == 1 else None


_ZIP = re.compile(r"[0-9]{5}(?:-[0-9]{4})?")
_CARD = re.compile(r"[0-9](?:[ -]?[0-9]){11,18}")
_GENDERS = frozenset({"f", "female", "m", "male", "man", "woman", "nonbinary", "non-binary"})
# First digits of card numbers (ISO 7812), longest first where one begins another.
_NETWORKS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        ("3[47]", "American Express"),
        ("30[0-5]|3[689]", "Diners Club"),
        ("35(?:2[89]|[3-8])", "JCB"),
        ("6011|64[4-9]|65", "Discover"),
        ("62", "UnionPay"),
        ("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", "Mastercard"),
        ("50|5[6-9]|6[0-9]", "Maestro"),
        ("4", "Visa"),
    )
)


def _card_digits(value: str) -> str | None:
    if not _CARD.fullmatch(value.strip()):
        return None
    digits = re.sub("[^0-9]", "", value)
    return digits if luhn(digits) else None


def card_length(value: str) -> str | None:
    """Return how many digits a card number has."""
    digits = _card_digits(value)
    return str(len(digits)) if digits else None


def card_network(value: str) -> str | None:
    """Return the network that a card number's first digits belong to."""
    digits = _card_digits(value) or ""
    return next((name for pattern, name in _NETWORKS if pattern.match(digits)), None)


def _url(value: str) -> SplitResult | None:
    """Return the pieces of an absolute URL with a host."""
    try:
        pieces = urlsplit(value.strip())
        hostname = pieces.hostname
    except ValueError:
        return None
    return pieces if pieces.scheme and hostname and not re.search(r"\s", value.strip()) else None


def url_protocol(value: str) -> str | None:
    """Return a URL's scheme in lower case."""
    pieces = _url(value)
    return pieces.scheme.lower() if pieces else None


def url_domain(value: str) -> str | None:
    """Return a URL's host in lower case, `www.` included."""
    pieces = _url(value)
    return pieces.hostname if pieces else None


def url_tld(value: str) -> str | None:
    """Return the last label of a URL's host; None for an IP address or a host of one label."""
    _, dot, last = (url_domain(value) or "").rstrip(".").rpartition(".")
    return last if dot and not last.isdigit() else None


# Name, abbreviation, and the IANA time zone of the capital.
_STATES = """
Alabama AL Chicago|Alaska AK Juneau|Arizona AZ Phoenix|Arkansas AR Chicago
California CA Los_Angeles|Colorado CO Denver|Connecticut CT New_York|Delaware DE New_York
District of Columbia DC New_York|Florida FL New_York|Georgia GA New_York|Hawaii HI Honolulu
Idaho ID Boise|Illinois IL Chicago|Indiana IN Indiana/Indianapolis|Iowa IA Chicago
Kansas KS Chicago|Kentucky KY New_York|Louisiana LA Chicago|Maine ME New_York
Maryland MD New_York|Massachusetts MA New_York|Michigan MI Detroit|Minnesota MN Chicago
Mississippi MS Chicago|Missouri MO Chicago|Montana MT Denver|Nebraska NE Chicago
Nevada NV Los_Angeles|New Hampshire NH New_York|New Jersey NJ New_York|New Mexico NM Denver
New York NY New_York|North Carolina NC New_York|North Dakota ND Chicago|Ohio OH New_York
Oklahoma OK Chicago|Oregon OR Los_Angeles|Pennsylvania PA New_York|Rhode Island RI New_York
South Carolina SC New_York|South Dakota SD Chicago|Tennessee TN Chicago|Texas TX Chicago
Utah UT Denver|Vermont VT New_York|Virginia VA New_York|Washington WA Los_Angeles
West Virginia WV New_York|Wisconsin WI Chicago|Wyoming WY Denver
"""


def _zones() -> dict[str, str]:
    zones: dict[str, str] = {}
    for line in _STATES.strip().replace("\n", "|").split("|"):
        name, abbreviation, city = line.rsplit(" ", 2)
        zone = f"{'Pacific' if abbreviation == 'HI' else 'America'}/{city}"
        zones |= {name.lower(): zone, abbreviation.lower(): zone}
    return zones


_STATE_ZONES: Mapping[str, str] = _zones()


def state_time_zone(value: str) -> str | None:
    """Return the IANA time zone of the capital of a state, by its name or abbreviation."""
    return _STATE_ZONES.get(value.strip().lower())


ADVANCED_TYPES: Mapping[str, AdvancedType] = {
    "Phone": AdvancedType(
        lambda value: _phone(value) is not None,
        {"AREA_CODE": area_code, "TIME_ZONE": phone_time_zone, "COUNTRY_CODE": country_code},
    ),
    "Zip Code": AdvancedType(lambda value: bool(_ZIP.fullmatch(value.strip()))),
    "State": AdvancedType(
        lambda value: state_time_zone(value) is not None, {"TIME_ZONE": state_time_zone}
    ),
    "Credit Card": AdvancedType(
        lambda value: _card_digits(value) is not None,
        {"LENGTH": card_length, "NETWORK": card_network},
    ),
    "URL": AdvancedType(
        lambda value: _url(value) is not None,
        {"PROTOCOL": url_protocol, "TLD": url_tld, "DOMAIN": url_domain},
    ),
    "Email": AdvancedType(_whole("EMAIL")),
    "SSN": AdvancedType(_whole("USA_SSN")),
    "Gender": AdvancedType(lambda value: value.strip().lower() in _GENDERS),
}
