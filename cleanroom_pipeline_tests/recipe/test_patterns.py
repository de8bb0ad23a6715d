"""Regular expressions mean what Java makes of them, on either engine, or are refused.

Here: facts of Java's, both engines against each other, refusals, the time limit. Not here: steps.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from cleanroom_pipeline.recipe import patterns
from cleanroom_pipeline.recipe.errors import EngineError
from cleanroom_pipeline.recipe.expressions import string
from cleanroom_pipeline.recipe.java_patterns import parse
from cleanroom_pipeline.recipe.pattern_spelling import for_re2
from cleanroom_pipeline.recipe.plan import Made, Runtime
from cleanroom_pipeline.recipe.session import Session
from cleanroom_pipeline_tests.recipe.java_facts import FACTS, Spans
from cleanroom_pipeline_tests.recipe.running import change, derive

RUNTIME = cast("Runtime", None)  # a pattern asks nothing of it
IDS = [f"{pattern!a} in {text!a}" for pattern, text, _ in FACTS]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with Session(tmp_path_factory.mktemp("session"), memory_limit="1GB", threads=1) as opened:
        yield opened


def value_of(session: Session, made: Made) -> object:
    for function in made.functions:
        run = function.make(RUNTIME)
        session.register(function.name, run, takes=function.takes, returns=function.returns)
    return session.one(exp.select(made.tree))


def spliced(text: str, spans: Spans, value: str) -> str:
    for begin, end in reversed(spans):
        text = text[:begin] + value + text[end:]
    return text


@pytest.mark.parametrize(("pattern", "text", "spans"), FACTS, ids=IDS)
def test_matches_are_where_java_finds_them(pattern: str, text: str, spans: Spans) -> None:
    matches = patterns.each_match(patterns.compiled(pattern), text)
    assert tuple(match.span() for match in matches) == spans


@pytest.mark.parametrize(("pattern", "text", "spans"), FACTS, ids=IDS)
def test_trees_give_what_java_finds(
    session: Session, pattern: str, text: str, spans: Spans
) -> None:
    name = f"f{FACTS.index((pattern, text, spans))}"
    cell = string(text)
    first = text[slice(*spans[0])] if spans else None
    replaced = spliced(text, spans, r"<\0$1>")
    assert value_of(session, patterns.found(cell, pattern, f"{name}_found")) is bool(spans)
    assert value_of(session, patterns.extracted(cell, pattern, f"{name}_extracted")) == first
    made = patterns.replaced(cell, pattern, r"<\0$1>", f"{name}_replaced")
    assert value_of(session, made) == replaced


@pytest.mark.parametrize(
    ("pattern", "fast"),
    [
        (r"[a-z]+@\S+", True),
        (r"^\d{4}.*x$", True),
        (r"\bfoo\b", True),
        (r"(?i)mr\.?", True),
        (r"a(?=b)", False),
        (r"(a)\1", False),
        (r"a++", False),
        (r"(a?)+", False),
        (r"a{2000}", False),
    ],
)
def test_re2_runs_what_it_takes_the_same_way(pattern: str, fast: bool) -> None:
    assert patterns.runs_on_re2(pattern) is fast


@pytest.mark.parametrize("place", ["$", r"\Z", r"\b", r"\B"])
def test_places_that_re2_takes_differently_run_there_only_in_plain_texts(place: str) -> None:
    spelling = for_re2(parse("a" + place))
    assert spelling is not None
    assert spelling.guard is not None


ATOMS = st.sampled_from(["a", "b", ".", r"\w", r"\s", "[^a]", "[a-c&&[^b]]", "(?i:a)", "é", r"\h"])
PLACES = st.sampled_from(["^", "$", r"\b", r"\B", r"\z"])
PATTERNS = st.recursive(
    ATOMS | PLACES,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})")
        | st.tuples(
            st.lists(inner, min_size=1, max_size=2).map("".join),
            st.sampled_from(["*", "+?", "?", "{1,2}"]),
        ).map(lambda pair: f"(x{pair[0]}){pair[1]}")
    ),
    max_leaves=6,
)
TEXTS = st.text(st.sampled_from("abAcxé \n\r\u2028_"), max_size=8)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(PATTERNS, st.lists(TEXTS, min_size=1, max_size=10))
def test_both_engines_find_the_same_first_match(
    session: Session, pattern: str, texts: list[str]
) -> None:
    spelling = for_re2(parse(pattern))
    if spelling is None:
        return
    for text in texts:
        match = patterns.compiled(pattern).search(text)
        agreed, there, first = session.connection.execute(
            "SELECT $guard IS NULL OR regexp_full_match($text, $guard), "
            "regexp_matches($text, $pattern), regexp_extract($text, $pattern)",
            {"guard": spelling.guard, "text": text, "pattern": spelling.pattern},
        ).fetchall()[0]
        if agreed:
            assert (there, first) == (match is not None, match.group() if match else "")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[z-a]", "range that goes backwards"),
        ("a**", "two quantifiers"),
        ("a{,2}", "begins no repetition"),
        ("{2}", "repeats nothing"),
        ("(a", r"\( without \)"),
        ("a)", r"\) without \("),
        ("[a", r"\[ without \]"),
        ("\\", "escapes nothing"),
        (r"\y", r"uses \\y"),
        ("[^a[b]]", "negates a class that holds another"),
        ("[^a&&b]", "negates a class that holds another"),
        ("[a-z&&[def]x]", "&& beside a mix"),
        ("(?d)a", "UNIX_LINES"),
        ("(?iu)a", "UNICODE_CASE"),
        ("(?U)a", "UNICODE_CHARACTER_CLASS"),
        ("(?q)a", "unknown flag"),
        (r"\Ga", r"\\G"),
        (r"\X", "grapheme"),
        (r"\N{DIGIT ONE}", "by its name"),
        (r"\b{g}", r"\\b\{"),
        ("(?<=a*)b", "without a greatest length"),
        ("(?<=(?>a))b", "gives nothing back"),
        ("(?<=(?:ab){2})c", "a group that is repeated"),
        (r"\1", r"by \\1 to no group"),
        (r"(a\1)", r"by \\1 to no group"),
        (r"(?=(a))\1", r"by \\1 to no group"),
        (r"\k<n>", "to no group"),
        (r"(?:a\R)+", r"a group with \\R"),
        ("(?<n>a)(?<n>b)", "names two groups 'n'"),
        (r"(?i)(a)\1", r"under \(\?i\)"),
        (r"(?i)\p{Lower}", "versions of Java"),
        (r"\p{InGreek}", "not known here"),
        (r"\uD800", "no text can hold"),
        ("^*", "no width"),
        ("(?:a?){2}", "may be empty"),
        ("[]a]", "begins with ]"),
        ("(?x)[a b]", "a space or #"),
        ("(?P<n>a)", "unknown kind"),
        ("(?#c)", "unknown kind"),
        (r"[\v-a]", r"\\v before a -"),
        (r"[a-\d]", "ends in a class"),
        ("a{20000}", "more than 10000 times"),
        ("(" * 60 + ")" * 60, "nests more than 50"),
        ("a" * 10_001, "longer than 10000"),
    ],
)
def test_what_is_not_run_is_refused_by_name(pattern: str, reason: str) -> None:
    problem = patterns.problem_with(pattern)
    assert problem is not None
    with pytest.raises(patterns.PatternError, match=reason):
        patterns.compiled(pattern)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from(r"ab\[](){}*+?|^$.&-<>=!:#QEpLux01 é"), max_size=12))
def test_any_text_is_a_pattern_or_refused(pattern: str) -> None:
    if patterns.problem_with(pattern) is None:
        assert patterns.compiled(pattern) is not None


def test_case_can_be_ignored_for_ascii_letters() -> None:
    ready = patterns.compiled("k\u00e9", ignore_case=True)
    assert ready.search("K\u00e9")
    assert not ready.search("\u212a\u00e9")
    assert not ready.search("k\u00c9")


def test_groups_keep_their_numbers_and_names() -> None:
    match = patterns.compiled(r"(?:x)(a)(?<year>\d+)").search("xa12")
    assert match is not None
    assert (match[1], match["year"], match[2]) == ("a", "12", "12")


CATASTROPHIC = r"^(?!x)(?:\w|\w\w)+[!?]$"
ENDLESS = "a" * 60 + "! !"


def test_a_pattern_that_takes_too_long_ends_the_run_and_names_its_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patterns, "FREE_SECONDS", 0.02)
    with pytest.raises(EngineError, match=r"step 1 \(REPLACE_TEXT\).*takes too long") as raised:
        change(tmp_path, ["b", ENDLESS], "REPLACE_TEXT", pattern=CATASTROPHIC, value="")
    assert ENDLESS not in str(raised.value)


def test_time_is_counted_over_all_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "FREE_SECONDS", 0.01)

    def cells_read(cell: str) -> int:
        ticks = count()
        run = patterns.bounded(
            "step_3_split_0", lambda text, _: len(text), clock=lambda: next(ticks) / 1000
        )
        for place in range(100):
            try:
                run(cell)
            except EngineError as error:
                assert "step 3 (SPLIT)" in str(error)  # noqa: PT017 - how many came before counts
                return place
        return 100

    assert cells_read("a" * 100) == 100
    assert 9 <= cells_read("a") <= 11


def test_nulls_stay_null_on_either_engine(tmp_path: Path) -> None:
    for pattern in ("a", "a$", "(?=a)a"):
        assert derive(tmp_path, ["ab a", None], "EXTRACT_PATTERN", pattern=pattern) == ["a", None]
