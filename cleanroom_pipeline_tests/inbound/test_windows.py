from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.inbound.windows import (
    MOST_DAYS,
    MOST_OVERLAP,
    Days,
    WindowError,
    asked_until,
    day_of,
    days_to_pull,
    milliseconds,
)

NOON = datetime(2026, 10, 7, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
moments = st.integers(0, 270 * 24 * 60).map(lambda minutes: NOON - timedelta(minutes=minutes))


@pytest.mark.parametrize(
    "text",
    ["", "2026-1-1", "20261001", "2026-W40-4", "2026-02-30", " 2026-10-01", "2026-10-01\n",
     "2026-10-01T00:00:00", "yesterday", "2026-10-01'; drop", "\u0662026-10-01"],
)  # fmt: skip
def test_what_is_no_day_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(WindowError) as caught:
        day_of(text)
    assert str(caught.value) == "A day is written like 2026-10-01, and must be one."


def test_days_are_those_from_the_first_up_to_the_last_which_is_not_one() -> None:
    days = Days.read("2026-10-30", "2026-11-02").each()
    assert list(days) == [date(2026, 10, 30), date(2026, 10, 31), date(2026, 11, 1)]


@pytest.mark.parametrize(
    ("first", "end"), [("2026-10-02", "2026-10-02"), ("2026-10-02", "2026-10-01")]
)
def test_no_days_are_refused(first: str, end: str) -> None:
    with pytest.raises(WindowError, match="No day is from 2026-10-02 on and before"):
        Days.read(first, end)


@given(count=st.integers(1, 500))
def test_parts_are_all_days_each_once_and_none_is_too_long(count: int) -> None:
    days = Days(date(2026, 1, 1), date(2026, 1, 1) + count * DAY)
    parts = [part.each() for part in days.parts()]
    assert [day for part in parts for day in part] == list(days.each())
    assert all(1 <= len(part) <= MOST_DAYS for part in parts)
    assert len(parts) == -(-count // MOST_DAYS)


@given(
    pause=st.timedeltas(timedelta(), timedelta(days=900)),
    overlap=st.timedeltas(timedelta(), MOST_OVERLAP),
)
def test_pulls_after_a_long_pause_get_to_today_and_leave_no_day_out(
    pause: timedelta, overlap: timedelta
) -> None:
    end, asked = NOON - pause, set[date]()
    for _ in range(70):
        days = days_to_pull(end, None, overlap, NOON)
        asked |= set(days.each())
        end = asked_until(days, NOON)
        if end == NOON:
            break
    first = (NOON - pause).date()
    assert end == NOON
    assert asked >= {first + n * DAY for n in range((NOON.date() - first).days + 1)}


@pytest.mark.parametrize(
    ("last_end", "start", "overlap", "first"),
    [
        pytest.param(NOON - 12 * HOUR, None, HOUR, date(2026, 10, 6), id="midnight, an hour back"),
        pytest.param(NOON - 2 * HOUR, None, HOUR, date(2026, 10, 7), id="earlier today"),
        pytest.param(NOON - 5 * DAY, None, HOUR, date(2026, 10, 2), id="a pause of five days"),
        pytest.param(NOON - DAY, date(2026, 1, 1), HOUR, date(2026, 10, 6), id="start has passed"),
        pytest.param(None, date(2026, 9, 9), HOUR, date(2026, 9, 9), id="the first pull ever"),
        pytest.param(None, None, 3 * DAY, date(2026, 10, 4), id="the first, with no start"),
        pytest.param(None, date(2027, 1, 1), HOUR, date(2026, 10, 7), id="a start to come"),
        pytest.param(NOON - 6 * DAY, None, 0 * HOUR, date(2026, 10, 1), id="no overlap"),
        pytest.param(NOON + 2 * DAY, None, HOUR, date(2026, 10, 7), id="a clock that went wrong"),
    ],
)  # fmt: skip
def test_a_pull_goes_on_from_the_last_one_and_takes_in_today(
    last_end: datetime | None, start: date | None, overlap: timedelta, first: date
) -> None:
    assert days_to_pull(last_end, start, overlap, NOON) == Days(first, date(2026, 10, 8))


@given(
    ends=st.lists(moments, min_size=2, max_size=6, unique=True),
    overlap=st.timedeltas(timedelta(), 9 * DAY),
)
def test_pulls_one_after_another_ask_for_every_moment_after_the_first(
    ends: list[datetime], overlap: timedelta
) -> None:
    ordered = sorted(ends)
    for before, now in pairwise(ordered):
        days = days_to_pull(before, None, overlap, now).each()
        assert days[0] <= (before - overlap).date() or before > now
        assert days[-1] == now.date() or len(days) == MOST_DAYS
        assert list(days) == [days[0] + n * DAY for n in range(len(days))]


def test_a_day_begins_at_midnight_utc() -> None:
    assert milliseconds(date(1970, 1, 2)) == 86_400_000
