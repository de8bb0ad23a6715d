from datetime import timedelta

import pytest

from cleanroom_pipeline.inbound.completion.decision import Empty, Nothing, Waiting
from cleanroom_pipeline.inbound.completion.patterns import PolicySettingError
from cleanroom_pipeline.inbound.completion.sentinel import Sentinel
from cleanroom_pipeline_tests.inbound.completion.looks import (
    after,
    arrival,
    batches,
    decisions,
    json_list,
    keys,
    look,
    waiting,
    whole,
)

LAST = Sentinel()
FIRST = Sentinel(grace=timedelta(minutes=10))


def test_nothing_pending_is_nothing_to_wait_for() -> None:
    assert isinstance(LAST.decide(look(LAST)), Nothing)


def test_without_its_sentinel_a_delivery_waits_however_long_it_is_quiet() -> None:
    decision = LAST.decide(look(LAST, arrival("in/a.csv"), at=after(days=30)))
    assert "no sentinel _SUCCESS" in waiting(decision).reason


def test_the_sentinel_makes_its_folder_whole_and_is_no_data() -> None:
    seen = look(
        LAST,
        arrival("in/1/a.csv"),
        arrival("in/1/sub/b.csv"),
        arrival("in/2/c.csv"),
        arrival("in/1/_SUCCESS", after(minutes=1)),
        at=after(minutes=1),
    )
    taken, rest = decisions(LAST, seen)
    assert keys(taken) == ["in/1/a.csv", "in/1/sub/b.csv"]
    assert [signal.key for signal in whole(taken).signals] == ["in/1/_SUCCESS"]
    assert isinstance(rest, Waiting)


def test_two_sentinels_in_two_folders_are_two_deliveries_the_earliest_sentinel_first() -> None:
    seen = look(
        LAST,
        arrival("in/1/a.csv"),
        arrival("in/2/b.csv"),
        arrival("in/1/_SUCCESS", after(minutes=9)),
        arrival("in/2/_SUCCESS", after(minutes=8)),
        at=after(minutes=10),
    )
    assert [keys(batch) for batch in batches(LAST, seen)] == [["in/2/b.csv"], ["in/1/a.csv"]]


def test_a_folder_with_a_sentinel_of_its_own_is_not_taken_by_the_one_above() -> None:
    seen = look(
        LAST,
        arrival("in/a.csv"),
        arrival("in/sub/b.csv"),
        arrival("in/_SUCCESS", after(minutes=1)),
        arrival("in/sub/_SUCCESS", after(minutes=2)),
        at=after(minutes=3),
    )
    assert [keys(batch) for batch in batches(LAST, seen)] == [["in/a.csv"], ["in/sub/b.csv"]]


def test_an_object_newer_than_the_sentinel_holds_it_since_a_delivery_is_being_written() -> None:
    seen = look(
        LAST,
        arrival("in/a.csv"),
        arrival("in/b.csv", after(minutes=2)),
        arrival("in/_SUCCESS", after(minutes=1)),
        at=after(days=1),
    )
    decision = waiting(LAST.decide(seen))
    assert "1 are newer, such as in/b.csv" in decision.reason
    assert "grace_minutes" in decision.reason
    assert decision.missing == ("in/_SUCCESS (newer than its files)",)


def test_with_the_prefix_as_scope_each_sentinel_speaks_for_what_came_before_it() -> None:
    policy = Sentinel("*.done", scope="prefix")
    seen = look(
        policy,
        arrival("in/x/a.csv"),
        arrival("in/y/b.csv", after(minutes=2)),
        arrival("in/flags/1.done", after(minutes=1)),
        arrival("in/flags/2.done", after(minutes=3)),
        at=after(minutes=4),
    )
    assert [keys(batch) for batch in batches(policy, seen)] == [["in/x/a.csv"], ["in/y/b.csv"]]


def test_an_object_newer_than_every_sentinel_holds_the_newest_of_them_alone() -> None:
    policy = Sentinel("*.done", scope="prefix")
    seen = look(
        policy,
        arrival("in/a.csv"),
        arrival("in/b.csv", after(minutes=2)),
        arrival("in/c.csv", after(minutes=4)),
        arrival("in/1.done", after(minutes=1)),
        arrival("in/2.done", after(minutes=3)),
        at=after(minutes=5),
    )
    taken, rest = decisions(policy, seen)
    assert keys(taken) == ["in/a.csv"]
    assert "in/2.done" in waiting(rest).reason


def test_a_sentinel_that_comes_first_holds_for_its_grace() -> None:
    files = (arrival("in/_SUCCESS"), arrival("in/a.csv", after(minutes=4)))
    early = FIRST.decide(look(FIRST, *files, at=after(minutes=9)))
    assert waiting(early).until == after(minutes=10)
    assert keys(FIRST.decide(look(FIRST, *files, at=after(minutes=10)))) == ["in/a.csv"]


def test_a_sentinel_with_no_data_after_its_grace_waits_unless_empty_is_allowed() -> None:
    seen = look(FIRST, arrival("in/_SUCCESS"), at=after(minutes=10))
    assert "none of its files" in waiting(FIRST.decide(seen)).reason
    allowed = Sentinel(grace=timedelta(minutes=10), empty="allowed")
    decision = allowed.decide(seen)
    assert isinstance(decision, Empty)
    assert [signal.key for signal in decision.signals] == ["in/_SUCCESS"]
    early = look(allowed, arrival("in/_SUCCESS"), at=after(minutes=9))
    assert isinstance(allowed.decide(early), Waiting)


@pytest.mark.parametrize(
    ("policy", "document"),
    [
        (Sentinel("_LIST", lists="json"), json_list(("a.csv", 3), ("sub/b.csv", 5))),
        (Sentinel("_LIST", lists="csv"), b"a.csv,3\r\nsub/b.csv,5\n"),
    ],
)
def test_a_sentinel_that_lists_its_files_holds_until_each_is_there_with_its_size(
    policy: Sentinel, document: bytes
) -> None:
    marker, a = arrival("in/_LIST"), arrival("in/a.csv", after(minutes=1), size=3)
    documents = {"in/_LIST": document}
    seen = look(policy, marker, a, documents=documents)
    assert waiting(policy.decide(seen)).missing == ("in/sub/b.csv",)
    short = arrival("in/sub/b.csv", after(minutes=2), size=4)
    seen = look(policy, marker, a, short, documents=documents)
    assert waiting(policy.decide(seen)).missing == ("in/sub/b.csv (it has 4 bytes, not 5)",)
    b = arrival("in/sub/b.csv", after(minutes=3), size=5, version="v2")
    seen = look(policy, marker, a, b, documents=documents)
    assert whole(policy.decide(seen)).files == (a, b)


def test_a_sentinel_with_an_empty_list_is_an_empty_delivery() -> None:
    policy = Sentinel("_LIST", lists="json")
    seen = look(policy, arrival("in/_LIST"), documents={"in/_LIST": json_list()})
    assert isinstance(policy.decide(seen), Empty)


def test_only_sentinels_that_list_files_are_read() -> None:
    marker, other = arrival("in/_SUCCESS"), arrival("in/_committed_1")
    assert LAST.wanted_documents([marker, other]) == ()
    assert Sentinel(lists="json").wanted_documents([marker, other]) == [marker]


def test_other_signals_of_the_folder_are_used_up_with_it() -> None:
    seen = look(
        LAST,
        arrival("in/1/a.csv"),
        arrival("in/1/_committed_1"),
        arrival("in/2/_committed_2"),
        arrival("in/1/_SUCCESS"),
    )
    used = [signal.key for signal in whole(LAST.decide(seen)).signals]
    assert used == ["in/1/_SUCCESS", "in/1/_committed_1"]


@pytest.mark.parametrize("pattern", ["", "*", "a/b", "[a-z]", "a*b*c*d", "a" * 201, "a b"])
def test_a_pattern_that_is_not_of_the_safe_form_is_refused(pattern: str) -> None:
    with pytest.raises(PolicySettingError) as caught:
        Sentinel(pattern)
    assert caught.value.field == "pattern"


def test_settings_that_a_list_makes_void_are_refused() -> None:
    with pytest.raises(PolicySettingError, match="lists: none"):
        Sentinel(lists="json", grace=timedelta(minutes=1))
    with pytest.raises(PolicySettingError, match="lists: none"):
        Sentinel(lists="json", empty="allowed")
    with pytest.raises(PolicySettingError, match="lists: none"):
        Sentinel(lists="json", scope="prefix")
