"""Finding personal data in texts: which parts of a cell are an e-mail address, a card number, ...

Here: detectors whose rule can be checked by reading it, and what they can't decide. Not here: what
a step does with a part it finds (operations/entities.py).

DataBrew's own detector is not published. Each one here follows a published form, with its check
digits where there are any, and has a *trace*: a wider pattern that every text of the type shows,
however it is spelled. What is left of a cell must show no trace, else nobody can say that it holds
none, and the cell is undecided.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

Span = tuple[int, int]
_SEPARATED = r"(?:\W|_){0,3}"
_TEN = 10


@dataclass(frozen=True)
class Detector:
    """Where a type is found for sure, what every text of the type shows, and the rule's name."""

    find: Callable[[str], Iterable[Span]]
    trace: re.Pattern[str]
    rule: str


@dataclass(frozen=True)
class Part:
    """A piece of a cell; `found`: it is personal data of a type that was looked for."""

    text: str
    found: bool


def luhn(digits: str) -> bool:
    """Say whether the last of some ASCII digits is the check digit of the others (ISO 7812)."""
    doubled = (int(one) * 2 for one in digits[-2::-2])
    odd = sum(int(one) for one in digits[::-2])
    return (odd + sum(one - 9 if one >= _TEN else one for one in doubled)) % _TEN == 0


def _digits(fewest: int) -> re.Pattern[str]:
    return re.compile(rf"\d(?:{_SEPARATED}\d){{{fewest - 1}}}")


def _only_digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


def _matches(
    pattern: re.Pattern[str], good: Callable[[re.Match[str]], bool] = bool
) -> Callable[[str], Iterator[Span]]:
    def find(value: str) -> Iterator[Span]:
        return (match.span() for match in pattern.finditer(value) if good(match))

    return find


_ADDRESS = re.compile(r'[^\s<>()\[\],;:"\\]+')
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+(?:xn--[a-z0-9-]{1,59}|[^\W\d_]{2,63})(?![\w@-])",
    re.IGNORECASE,
)


def _find_emails(value: str) -> Iterator[Span]:
    """Yield addresses: a word with one @ between a local part and a domain name (RFC 5321)."""
    if "@" not in value:
        return
    for token in _ADDRESS.finditer(value):
        local, at, after = token.group().partition("@")
        domain = _DOMAIN.match(after)
        if local and at and domain:
            yield token.start(), token.start() + len(local) + 1 + domain.end()


def _find_phone_numbers(value: str) -> Iterator[Span]:
    import phonenumbers

    matcher = phonenumbers.PhoneNumberMatcher(value, "US", leniency=phonenumbers.Leniency.POSSIBLE)
    return ((match.start, match.end) for match in matcher)


def _is_card(match: re.Match[str]) -> bool:
    return luhn(_only_digits(match.group()))


def _is_ssn(match: re.Match[str]) -> bool:
    area, group, serial = match.group("area", "group", "serial")
    possible = area not in {"000", "666"} and area < "900"
    return possible and group != "00" and serial != "0000"


def _is_itin(match: re.Match[str]) -> bool:
    area, group = match.group("area", "group")
    return area >= "900" and (group in _ITIN_GROUPS)


_ITIN_GROUPS = frozenset(
    str(one) for one in (*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100))
)


def _is_ip(match: re.Match[str]) -> bool:
    try:
        ip_address(match.group())
    except ValueError:
        return False
    return True


def _find_ips(value: str) -> Iterator[Span]:
    yield from _matches(_IPV4, _is_ip)(value)
    yield from _matches(_IPV6, _is_ip)(value)


def _is_dea(match: re.Match[str]) -> bool:
    digits = [int(one) for one in match.group()[2:]]
    return (sum(digits[0:6:2]) + 2 * sum(digits[1:6:2])) % _TEN == digits[6]


def _is_npi(match: re.Match[str]) -> bool:
    # 80840 stands for health applications in the United States (ISO 7812).
    return luhn("80840" + match.group())


_NINE = re.compile(
    r"(?<![\w-])(?P<area>[0-9]{3})(?P<cut>[- ]?)(?P<group>[0-9]{2})(?P=cut)(?P<serial>[0-9]{4})"
    r"(?![\w-])"
)
_CARD = re.compile(r"(?<![\w-])[0-9](?:[ -]?[0-9]){11,18}(?![\w-]| ?[0-9])")
_IPV4 = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\w|\.[0-9])")
_IPV6 = re.compile(
    r"(?<![\w:.])(?=[0-9a-f]{0,4}:)[0-9a-f:]{1,39}(?:(?<=:)(?:[0-9]{1,3}\.){3}[0-9]{1,3})?(?![\w:])",
    re.IGNORECASE,
)
_MAC = re.compile(
    r"(?<![\w:.-])(?:[0-9a-f]{2}(?P<cut>[:-])(?:[0-9a-f]{2}(?P=cut)){4}[0-9a-f]{2}"
    r"|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4})(?![\w:-])",
    re.IGNORECASE,
)
_DEA = re.compile(r"(?<!\w)[A-HJ-MPR-UX][A-Z9][0-9]{7}(?!\w)", re.IGNORECASE | re.ASCII)
_NPI = re.compile(r"(?<![\w-])[12][0-9]{9}(?![\w-])")
# The positions' kinds are published by the Centers for Medicare & Medicaid Services.
_LETTER = "[AC-HJKMNP-RT-Y]"
_EITHER = "[AC-HJKMNP-RT-Y0-9]"
_MBI = re.compile(
    rf"(?<![\w-])[1-9]{_LETTER}{_EITHER}[0-9]-?{_LETTER}{_EITHER}[0-9]-?{_LETTER}{{2}}[0-9]{{2}}"
    r"(?![\w-])",
    re.IGNORECASE | re.ASCII,
)
_HEX = "[0-9a-f]"
_TRACES = {
    "at": re.compile(r"[@＠﹫]|[\[({]\s*at\s*[\])}]", re.IGNORECASE),  # noqa: RUF001 - lookalikes
    "ip": re.compile(
        r"\d{1,3}(?:\s?[\[(]?[.．][\])]?\s?\d{1,3}){3}"  # noqa: RUF001 - a lookalike
        rf"|(?:{_HEX}{{1,4}}:){{3}}|{_HEX}::|::{_HEX}",
        re.IGNORECASE,
    ),
    "mac": re.compile(
        rf"{_HEX}{{2}}(?:(?:\W|_){{0,3}}{_HEX}{{2}}){{5}}", re.IGNORECASE
    ),
    "dea": re.compile(rf"[a-z]{_SEPARATED}[a-z9]{_SEPARATED}\d(?:{_SEPARATED}\d){{6}}", re.I),
    "mbi": re.compile(
        _SEPARATED.join((r"\d", "[a-z]", "[a-z0-9]", r"\d", "[a-z]", "[a-z0-9]", r"\d",
                         "[a-z]", "[a-z]", r"\d", r"\d")),
        re.IGNORECASE,
    ),
}  # fmt: skip

DETECTORS: Mapping[str, Detector] = {
    "EMAIL": Detector(_find_emails, _TRACES["at"], "name@domain"),
    "PHONE_NUMBER": Detector(
        _find_phone_numbers,
        _digits(7),
        "7 digits or more that libphonenumber calls possible; without + a US number",
    ),
    "CREDIT_CARD": Detector(_matches(_CARD, _is_card), _digits(12), "12 to 19 digits, Luhn"),
    "IP_ADDRESS": Detector(_find_ips, _TRACES["ip"], "IPv4 or IPv6"),
    "MAC_ADDRESS": Detector(_matches(_MAC), _TRACES["mac"], "48 bits in hexadecimal"),
    "USA_SSN": Detector(_matches(_NINE, _is_ssn), _digits(9), "the numbers that SSA may issue"),
    "USA_ITIN": Detector(_matches(_NINE, _is_itin), _digits(9), "the numbers that IRS may issue"),
    "USA_DEA_NUMBER": Detector(_matches(_DEA, _is_dea), _TRACES["dea"], "with its check digit"),
    "USA_NATIONAL_PROVIDER_IDENTIFIER": Detector(_matches(_NPI, _is_npi), _digits(10), "Luhn"),
    "USA_MEDICARE_BENEFICIARY_IDENTIFIER": Detector(
        _matches(_MBI), _TRACES["mbi"], "the kinds of its 11 characters"
    ),
}

# A part that goes on in what stands beside it was not found whole.
_GOES_ON = re.compile(r"[A-Za-z\d_]|[-./]\d")
_BEGAN_BEFORE = re.compile(r"(?:[A-Za-z\d_]|\d[-./])\Z")


def parts(value: str, types: Iterable[str]) -> list[Part] | None:
    """Return the text cut into what is of one of the types and what is certainly of none.

    None: it can't be decided, for a piece of the rest shows a type's trace, or goes on where a
    part ends. The texts of the parts make up the whole value; two parts of a kind never meet.
    """
    detectors = [DETECTORS[one] for one in types]
    spans = _merged(
        span for one in detectors if one.trace.search(value) for span in one.find(value)
    )
    made: list[Part] = []
    done = 0
    for begin, end in spans:
        if begin > done:
            made.append(Part(value[done:begin], found=False))
        made.append(Part(value[begin:end], found=True))
        done = end
    if done < len(value):
        made.append(Part(value[done:], found=False))
    return made if all(_is_clear(made, place, detectors) for place in range(len(made))) else None


def _is_clear(made: list[Part], place: int, detectors: Iterable[Detector]) -> bool:
    part = made[place]
    if part.found:
        return True
    if any(one.trace.search(part.text) for one in detectors):
        return False
    goes_on = place > 0 and _GOES_ON.match(part.text)
    began_before = place + 1 < len(made) and _BEGAN_BEFORE.search(part.text)
    return not goes_on and not began_before


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged
