from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.inbound.completion.decision import Nothing, Waiting, Whole
from cleanroom_pipeline.inbound.completion.quiet_period import QuietPeriod
from cleanroom_pipeline.inbound.look import without
from cleanroom_pipeline_tests.inbound.completion.looks import (
    NOON,
    after,
    arrival,
    keys,
    look,
    waiting,
    whole,
)

POLICY = QuietPeriod(timedelta(minutes=5))


def test_nothing_pending_is_nothing_to_wait_for() -> None:
    assert isinstance(POLICY.decide(look(POLICY)), Nothing)


def test_a_delivery_waits_until_the_quiet_period_after_its_newest_object_is_over() -> None:
    files = (arrival("in/a.csv"), arrival("in/b.csv", after(minutes=2)))
    early = POLICY.decide(look(POLICY, *files, at=after(minutes=6, seconds=59)))
    assert waiting(early).until == after(minutes=7)
    done = whole(POLICY.decide(look(POLICY, *files, at=after(minutes=7))))
    assert done.files == files
    assert done.reason == "Nothing changed from 12:02:00 to 12:07:00 UTC."


def test_an_upload_that_began_long_ago_and_shows_now_is_not_yet_quiet() -> None:
    """A multipart upload carries the time at which it began as its LastModified."""
    seen = look(POLICY, arrival(), at=after(hours=1), first_seen=after(minutes=59))
    assert waiting(POLICY.decide(seen)).until == after(minutes=64)


def test_signals_are_used_up_by_the_batch_and_are_not_among_its_files() -> None:
    seen = look(POLICY, arrival("in/_SUCCESS"), arrival("in/a.csv"), at=after(hours=1))
    done = whole(POLICY.decide(seen))
    assert keys(done) == ["in/a.csv"]
    assert [signal.key for signal in done.signals] == ["in/_SUCCESS"]


def test_a_signal_that_has_just_come_is_a_change_too() -> None:
    seen = look(
        POLICY, arrival("in/_SUCCESS", after(minutes=8)), arrival("in/a.csv"), at=after(minutes=9)
    )
    assert waiting(POLICY.decide(seen)).until == after(minutes=13)


def test_signals_alone_are_nothing() -> None:
    assert isinstance(POLICY.decide(look(POLICY, arrival("in/_SUCCESS"))), Nothing)


@given(
    ages=st.lists(st.integers(0, 3600), min_size=1, max_size=20),
    unchanged=st.integers(0, 3600),
    quiet=st.integers(1, 3600),
)
def test_no_batch_ever_holds_an_object_newer_than_the_quiet_period(
    ages: list[int], unchanged: int, quiet: int
) -> None:
    policy = QuietPeriod(timedelta(seconds=quiet))
    files = [arrival(f"in/{number:02}", after(seconds=-age)) for number, age in enumerate(ages)]
    decision = policy.decide(look(policy, *files, first_seen=after(seconds=-unchanged)))
    if min(*ages, unchanged) >= quiet:
        assert isinstance(decision, Whole)
        assert decision.files == tuple(files)
    else:
        assert isinstance(decision, Waiting)
        assert decision.until
        assert decision.until > NOON


def test_by_folder_those_that_are_quiet_are_whole_while_others_are_written() -> None:
    """Braze Currents never pauses, and goes on to another folder every hour."""
    by_folder = QuietPeriod(POLICY.quiet, "folder")
    left = (arrival("in/hour=11/a"), arrival("in/hour=11/b"), arrival("in/hour=11/_SUCCESS"))
    written = (arrival("in/hour=12/a", after(minutes=4)), arrival("in/hour=12/_SUCCESS"))
    seen = look(by_folder, *left, *written, at=after(minutes=6))
    decision = whole(by_folder.decide(seen))
    assert keys(decision) == ["in/hour=11/a", "in/hour=11/b"]
    assert [signal.key for signal in decision.signals] == ["in/hour=11/_SUCCESS"]
    assert waiting(by_folder.decide(without(seen, decision))).until == after(minutes=9)
