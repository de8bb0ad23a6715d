import re
import time

import pytest

from cleanroom_pipeline.inbound.completion.patterns import (
    SLOTS_OF_DATE,
    SLOTS_OF_SEQUENCE,
    PolicySettingError,
    compile_glob,
    compile_template,
)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{stream}{position}.csv", "text must stand between"),
        ("{stream}*.{position}", "text must stand between"),
        ("{stream}.{position}.{position}", "each of {stream}, {position} once"),
        ("{stream}.csv", "each of {stream}, {position} once"),
        ("{stream}.{number}.csv", "each of {stream}, {position} once"),
        ("*.{stream}.{position}.*", "at most one *"),
        ("(a+)+{stream}.{position}", "a template has letters"),
        ("{stream}.{position}\n", "a template has letters"),
        ("{stream}.{position}" + "x" * 200, "a template has letters"),
    ],
)
def test_a_template_that_is_not_of_the_safe_form_is_refused(template: str, told: str) -> None:
    with pytest.raises(PolicySettingError, match=re.escape(told)) as caught:
        compile_template(template, SLOTS_OF_SEQUENCE, field="pattern")
    assert caught.value.field == "pattern"


def test_slots_of_one_width_may_stand_side_by_side() -> None:
    expression = compile_template("{year}{month}{day}", SLOTS_OF_DATE, field="day")
    found = re.fullmatch(expression, "20261124")
    assert found
    assert found.groupdict() == {"year": "2026", "month": "11", "day": "24"}


def test_a_dot_in_a_template_is_a_dot() -> None:
    expression = compile_template("{stream}.{position}.csv", SLOTS_OF_SEQUENCE, field="pattern")
    assert re.fullmatch(expression, "a.1xcsv") is None


@pytest.mark.parametrize("letter", ["a", "1", "."])
def test_the_worst_key_against_the_worst_template_costs_well_below_a_second(letter: str) -> None:
    """S3 keys have 1,024 bytes at most."""
    template = compile_template(
        f"*{letter}{{stream}}{letter}{{position}}x", SLOTS_OF_SEQUENCE, field=""
    )
    glob = compile_glob(f"*{letter}*{letter}x" if letter != "." else "*a*ax", field="")
    began = time.perf_counter()
    assert re.fullmatch(template, letter * 1024) is None
    assert glob.match(letter * 1024) is None
    assert time.perf_counter() - began < 1
