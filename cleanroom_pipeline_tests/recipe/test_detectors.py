"""Personal data inside of texts: what is found, what is certainly not there, what is undecided.

Here: detectors by themselves. Not here: the steps that use them (test_pii.py).
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.recipe.detectors import DETECTORS, luhn, parts

SSN, ITIN = "USA_SSN", "USA_ITIN"
DEA, NPI = "USA_DEA_NUMBER", "USA_NATIONAL_PROVIDER_IDENTIFIER"
MBI = "USA_MEDICARE_BENEFICIARY_IDENTIFIER"

FOUND = [
    ("EMAIL", "ana@example.com", ["ana@example.com"]),
    ("EMAIL", "mailto:zoë.b+x@mail.example.org.", ["zoë.b+x@mail.example.org"]),
    ("EMAIL", "<a@b.co>,c@d.co", ["a@b.co", "c@d.co"]),
    ("PHONE_NUMBER", "408 496-7223", ["408 496-7223"]),
    ("PHONE_NUMBER", "call (408) 496-7223!", ["(408) 496-7223"]),
    ("PHONE_NUMBER", "or +44 20 7946 0018, 785-939-6046", ["+44 20 7946 0018", "785-939-6046"]),
    ("CREDIT_CARD", "4111 1111 1111 1111, visa", ["4111 1111 1111 1111"]),
    ("CREDIT_CARD", "378282246310005, 6011111111111117", ["378282246310005", "6011111111111117"]),
    ("IP_ADDRESS", "from 10.0.0.1:8080 and 2001:db8::1.", ["10.0.0.1", "2001:db8::1"]),
    ("IP_ADDRESS", "::ffff:192.0.2.1", ["::ffff:192.0.2.1"]),
    ("MAC_ADDRESS", "00:1B:44:11:3a:b7 or 001b.4411.3ab7", ["00:1B:44:11:3a:b7", "001b.4411.3ab7"]),
    (SSN, "SSN 123-45-6789; 123456789", ["123-45-6789", "123456789"]),
    (ITIN, "912-70-1234", ["912-70-1234"]),
    (DEA, "AB1234563", ["AB1234563"]),
    (NPI, "1234567893", ["1234567893"]),
    (MBI, "1EG4-TE5-MK73 1EG4TE5MK73", ["1EG4-TE5-MK73", "1EG4TE5MK73"]),
]  # fmt: skip


@pytest.mark.parametrize(("entity", "text", "expected"), FOUND)
def test_the_published_form_is_found_whole(entity: str, text: str, expected: list[str]) -> None:
    made = parts(text, [entity])
    assert made is not None
    assert [one.text for one in made if one.found] == expected
    assert "".join(one.text for one in made) == text


UNDECIDED = [
    ("EMAIL", "ana at home @ example.com"),
    ("EMAIL", "a@b@example.com"),
    ("EMAIL", '"ana b"@example.com'),
    ("EMAIL", "ana@localhost"),
    ("EMAIL", "ana＠example.com"),  # noqa: RUF001 - a lookalike
    ("EMAIL", "ana (at) example.com"),
    ("EMAIL", "ana@example.com-x"),
    ("PHONE_NUMBER", "4084967223408496722340849672234084967223"),
    ("PHONE_NUMBER", "a4084967223"),
    ("CREDIT_CARD", "4111 1111 1111 1112"),
    ("CREDIT_CARD", "4111.1111.1111.1111"),
    ("CREDIT_CARD", "card4111111111111111"),
    ("CREDIT_CARD", "४२४२ ४२४२ ४२४२ ४२४२"),
    ("IP_ADDRESS", "10.0.0.256"),
    ("IP_ADDRESS", "10[.]0[.]0[.]1"),
    ("IP_ADDRESS", "2001:db8:::1"),
    ("MAC_ADDRESS", "00-1B:44-11:3A-B7"),
    ("MAC_ADDRESS", "001B44113AB7"),
    (SSN, "000-12-3456"),
    (SSN, "912-70-1234"),
    (SSN, "123-45-6789-0"),
    (SSN, "123/45/6789"),
    (ITIN, "123-45-6789"),
    (DEA, "AB1234567"),
    (NPI, "1234567890"),
    (MBI, "1SG4-TE5-MK73"),
]


@pytest.mark.parametrize(("entity", "text"), UNDECIDED)
def test_what_is_nearly_of_the_form_is_undecided(entity: str, text: str) -> None:
    assert parts(text, [entity]) is None


@pytest.mark.parametrize("entity", DETECTORS)
@pytest.mark.parametrize("text", ["", "Prefers tea", "né en mai", "12 kg, 3 m", "\n"])
def test_a_text_without_a_trace_is_free_of_the_type(entity: str, text: str) -> None:
    made = parts(text, [entity])
    assert made is not None
    assert not any(one.found for one in made)


def test_types_are_looked_for_together() -> None:
    made = parts("4084967223@example.com, 912-70-1234, 123-45-6789", ["EMAIL", SSN, ITIN])
    assert made is not None
    found = [one.text for one in made if one.found]
    assert found == ["4084967223@example.com", "912-70-1234", "123-45-6789"]


NEAR = st.text("0123456789@.-:/ aAbBeE9xX＠é_,", max_size=40)  # noqa: RUF001 - a lookalike
DECIDED_BY_FORM = sorted(set(DETECTORS) - {"PHONE_NUMBER"})


@given(NEAR | st.text(max_size=40), st.sets(st.sampled_from(sorted(DETECTORS)), min_size=1))
def test_what_stays_shows_no_trace_of_any_type(text: str, entities: set[str]) -> None:
    made = parts(text, entities)
    if made is None:
        return
    assert "".join(one.text for one in made) == text
    for part in made:
        if not part.found:
            assert not any(DETECTORS[one].trace.search(part.text) for one in entities)


@given(NEAR, st.sampled_from(DECIDED_BY_FORM))
def test_whatever_is_found_shows_the_trace_of_its_type(text: str, entity: str) -> None:
    for begin, end in DETECTORS[entity].find(text):
        assert DETECTORS[entity].trace.search(text[begin:end])


@given(st.text("0123456789", min_size=1, max_size=20))
def test_each_number_has_one_check_digit(digits: str) -> None:
    right = [one for one in "0123456789" if luhn(digits + one)]
    total = sum(
        sum(divmod(int(one) * (2 if place % 2 == 0 else 1), 10))
        for place, one in enumerate(reversed(digits))
    )
    assert right == [str(-total % 10)]


@given(st.text("0123456789", min_size=6, max_size=6))
def test_a_dea_number_has_one_check_digit(digits: str) -> None:
    found = [n for n in range(10) if list(DETECTORS[DEA].find(f"AB{digits}{n}"))]
    odd, even = sum(map(int, digits[::2])), sum(map(int, digits[1::2]))
    assert found == [(odd + 2 * even) % 10]


@pytest.mark.parametrize("entity", sorted(DETECTORS))
def test_a_long_hostile_text_takes_no_long_time(entity: str) -> None:
    for text in ("a" * 200_000, "1 " * 5_000, "@" * 100_000, "a@" + "a." * 50_000, ":" * 100_000):
        parts(text, [entity])


def test_traces_are_wider_than_one_separator() -> None:
    assert DETECTORS[SSN].trace.search("1 2 3 - 4 5 - 6 7 8 9")
