from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.inbound.completion.decision import Nothing, Waiting, Whole
from cleanroom_pipeline.inbound.completion.patterns import PolicySettingError
from cleanroom_pipeline.inbound.completion.restatement import RestatedDays
from cleanroom_pipeline.inbound.look import without
from cleanroom_pipeline_tests.inbound.completion.looks import (
    NOON,
    after,
    arrival,
    batches,
    keys,
    look,
    waiting,
    whole,
)

QUIET = timedelta(minutes=5)
POLICY = RestatedDays("events_{day}/", QUIET, ignore=("events_intraday_*",))


def test_nothing_pending_is_nothing_to_wait_for() -> None:
    assert isinstance(POLICY.decide(look(POLICY)), Nothing)


def test_each_day_is_a_batch_of_its_own_the_earliest_first() -> None:
    seen = look(
        POLICY,
        arrival("in/events_20261124/0.parquet"),
        arrival("in/events_20261123/0.parquet"),
        arrival("in/events_20261123/1.parquet"),
        at=after(minutes=5),
    )
    first, second = batches(POLICY, seen)
    assert first.day == "2026-11-23"
    assert keys(first) == ["in/events_20261123/0.parquet", "in/events_20261123/1.parquet"]
    assert second.day == "2026-11-24"


def test_a_day_that_is_not_quiet_waits_and_does_not_hold_another() -> None:
    seen = look(
        POLICY,
        arrival("in/events_20261122/0.parquet", after(minutes=3)),
        arrival("in/events_20261123/0.parquet"),
        at=after(minutes=5),
    )
    assert whole(POLICY.decide(seen)).day == "2026-11-23"
    alone = look(POLICY, arrival("in/events_20261122/0", after(minutes=3)), at=after(minutes=5))
    assert waiting(POLICY.decide(alone)).until == after(minutes=8)


def test_a_rewrite_within_the_window_is_another_batch_of_the_same_day() -> None:
    rewritten = arrival("in/events_20261121/0.parquet", version="v2")
    assert whole(POLICY.decide(look(POLICY, rewritten, at=after(minutes=5)))).day == "2026-11-21"


def test_what_arrives_for_a_day_that_is_final_waits_for_a_person() -> None:
    late = arrival("in/events_20261120/0.parquet")
    decision = waiting(POLICY.decide(look(POLICY, late, at=after(days=1))))
    assert "2026-11-20 arrived more than 3 days after it" in decision.reason
    assert "a person must cut them" in decision.reason
    assert decision.missing == ("2026-11-20 (a person's word)",)


def test_what_arrived_in_time_is_taken_even_if_the_sensor_looks_days_later() -> None:
    in_time = arrival("in/events_20261121/0.parquet")
    assert whole(POLICY.decide(look(POLICY, in_time, at=after(days=9)))).day == "2026-11-21"


def test_the_day_of_an_arrival_is_told_by_the_timezone() -> None:
    """At noon UTC it is already the next day in Auckland."""
    arrived = arrival("in/events_20261121/0.parquet")
    auckland = RestatedDays("events_{day}/", QUIET, timezone="Pacific/Auckland")
    assert isinstance(auckland.decide(look(auckland, arrived, at=after(minutes=5))), Waiting)
    assert isinstance(POLICY.decide(look(POLICY, arrived, at=after(minutes=5))), Whole)


@pytest.mark.parametrize(
    "key",
    [
        "in/readme.txt",
        "in/events_20261399/0.parquet",
        "in/events_202611/0.parquet",
        "in/events_202611241/0.parquet",
        "in/old_events_20261124/0.parquet",
        "in/events_20261124/events_20261123/0.parquet",
    ],
)
def test_objects_with_no_day_or_several_wait_and_are_told_of(key: str) -> None:
    decision = waiting(POLICY.decide(look(POLICY, arrival(key), at=after(days=1))))
    assert f"have no day in their keys, such as {key}" in decision.reason


def test_a_day_that_has_not_begun_waits_whatever_year_it_names() -> None:
    seen = look(POLICY, arrival("in/events_99991231/0.parquet"), at=after(days=1))
    assert "9999-12-31, which has not begun" in waiting(POLICY.decide(seen)).reason


def test_what_is_ignored_is_a_signal_and_is_used_up_by_the_next_batch() -> None:
    intraday = arrival("in/events_intraday_20261124/0.parquet")
    seen = look(POLICY, intraday, arrival("in/events_20261123/0.parquet"), at=after(minutes=5))
    done = whole(POLICY.decide(seen))
    assert keys(done) == ["in/events_20261123/0.parquet"]
    assert done.signals == (intraday,)


@pytest.mark.parametrize(
    ("template", "key"),
    [
        ("events_{day}", "in/analytics_1/events_20261123.parquet"),
        ("events_{day}/", "in/events_2026-11-23/0.parquet"),
        ("{year}-{month}-{day}", "in/2026-11-23.csv.gz"),
        ("year={year}/month={month}/day={day}/", "in/year=2026/month=11/day=23/0.parquet"),
        ("{year}{month}{day}_*", "in/20261123_daily.csv"),
        ("analytics_*/events_{day}/", "in/analytics_77/events_20261123/0.parquet"),
    ],
)
def test_the_day_is_read_by_any_template(template: str, key: str) -> None:
    policy = RestatedDays(template, QUIET)
    assert whole(policy.decide(look(policy, arrival(key), at=after(minutes=5)))).day == "2026-11-23"


@pytest.mark.parametrize(
    "template", ["", "events", "{day}{day}", "{month}/{day}", "{day}**", "{d}"]
)
def test_a_template_that_does_not_name_one_day_is_refused(template: str) -> None:
    with pytest.raises(PolicySettingError):
        RestatedDays(template, QUIET)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "", "/etc/localtime"])
def test_a_timezone_that_there_is_not_is_refused(zone: str) -> None:
    with pytest.raises(PolicySettingError) as caught:
        RestatedDays("{day}", QUIET, timezone=zone)
    assert caught.value.field == "timezone"


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 5 * 24 * 60)),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 30),
)
def test_each_batch_is_one_day_in_full_in_time_and_quiet(
    files: list[tuple[int, int]], unchanged: int
) -> None:
    arrivals = [
        arrival(f"in/events_{date(2026, 11, 24 - back):%Y%m%d}/{number:02}", after(minutes=-age))
        for number, (back, age) in enumerate(files)
    ]
    seen = look(POLICY, *arrivals, first_seen=after(minutes=-unchanged))
    for batch in batches(POLICY, seen):
        day = datetime.fromisoformat(batch.day or "").date()
        of_day = [one for one in arrivals if f"events_{day:%Y%m%d}" in one.key]
        assert batch.files == tuple(sorted(of_day))
        newest = max(one.last_modified for one in of_day)
        assert newest.date() - day <= timedelta(days=3)
        assert NOON - newest >= QUIET
        assert unchanged >= 5


def test_a_person_cuts_day_by_day_the_earliest_first_though_it_is_final() -> None:
    late = arrival("in/events_20261101/a", after(hours=-1))
    today = arrival("in/events_20261124/a", after(hours=-1))
    seen = look(POLICY, late, today, arrival("in/no_day"))
    first = POLICY.by_hand(seen, "they sent it late")
    assert first
    assert (first.day, first.files) == ("2026-11-01", (late,))
    second = POLICY.by_hand(without(seen, first), "the rest")
    assert second
    assert (second.day, second.files) == ("2026-11-24", (today,))
    assert POLICY.by_hand(without(without(seen, first), second), "the rest") is None
