import pytest

from cleanroom_pipeline.inbound.completion.decision import CompleteDelivery, Empty, Nothing, Waiting
from cleanroom_pipeline.inbound.completion.provider_run import ProviderRun
from cleanroom_pipeline_tests.inbound.completion.looks import (
    arrival,
    decisions,
    keys,
    look,
    waiting,
    whole,
)

POLICY = ProviderRun()


def test_nothing_pending_is_nothing_to_wait_for() -> None:
    assert isinstance(POLICY.decide(look(POLICY)), Nothing)


def test_an_execution_that_ended_makes_a_batch_of_its_own_files_alone() -> None:
    seen = look(
        POLICY,
        arrival("in/flow/e1/a"),
        arrival("in/flow/e2/a"),
        arrival("in/flow/e1/_SUCCESS"),
        deliveries=[CompleteDelivery("e1", "in/flow/e1/", 7)],
    )
    done = whole(POLICY.decide(seen))
    assert keys(done) == ["in/flow/e1/a"]
    assert (done.deliveries, done.records) == (("e1",), 7)
    assert [signal.key for signal in done.signals] == ["in/flow/e1/_SUCCESS"]


def test_the_batch_of_an_execution_that_was_asked_for_a_day_is_that_day() -> None:
    prefix = "in/day=2026-10-01/flow-day-20261001/e1/"
    seen = look(POLICY, arrival(f"{prefix}a"), deliveries=[CompleteDelivery("e1", prefix, 7)])
    assert whole(POLICY.decide(seen)).day == "2026-10-01"


@pytest.mark.parametrize("prefix", ["in/flow/e1/", "in/today=2026-10-01/e1/", "in/day=1/e1/"])
def test_the_batch_of_an_execution_that_was_asked_for_all_is_of_no_day(prefix: str) -> None:
    seen = look(POLICY, arrival(f"{prefix}a"), deliveries=[CompleteDelivery("e1", prefix, 7)])
    assert whole(POLICY.decide(seen)).day is None


def test_a_person_cuts_the_earliest_day_of_pulls_of_days() -> None:
    later, earlier = "in/day=2026-10-02/f/e2/a", "in/day=2026-10-01/f/e1/a"
    ended = [CompleteDelivery(f"e{n}", f"in/day=2026-10-0{n}/f/e{n}/", 9) for n in (1, 2)]
    seen = look(POLICY, arrival(later), arrival(earlier), deliveries=ended)
    done = POLICY.by_hand(seen, "now")
    assert done
    assert (keys(done), done.day, done.deliveries) == ([earlier], "2026-10-01", ("e1",))


def test_a_person_cuts_all_of_pulls_of_all() -> None:
    done = POLICY.by_hand(look(POLICY, arrival("in/f/e2/a"), arrival("in/f/e1/a")), "now")
    assert done
    assert (keys(done), done.day) == (["in/f/e1/a", "in/f/e2/a"], None)


def test_files_of_an_execution_that_has_not_ended_wait() -> None:
    decision = POLICY.decide(look(POLICY, arrival("in/flow/e2/a")))
    assert "belong to no execution" in waiting(decision).reason


def test_a_prefix_without_its_slash_does_not_reach_the_execution_of_a_longer_name() -> None:
    seen = look(
        POLICY, arrival("in/flow/e10/a"), deliveries=[CompleteDelivery("e1", "in/flow/e1", 7)]
    )
    assert isinstance(POLICY.decide(seen), Waiting)


def test_an_execution_with_no_record_and_no_file_is_an_empty_delivery() -> None:
    decision = POLICY.decide(look(POLICY, deliveries=[CompleteDelivery("e1", "in/flow/e1/", 0)]))
    assert isinstance(decision, Empty)
    assert decision.deliveries == ("e1",)


def test_an_execution_with_records_and_no_file_waits_and_says_so() -> None:
    decision = POLICY.decide(look(POLICY, deliveries=[CompleteDelivery("e1", "in/flow/e1/", 7)]))
    assert waiting(decision).reason == (
        "Execution e1 ended with 7 records, and none of its files is there."
    )
    assert waiting(decision).missing == ("in/flow/e1/ (files of e1)",)


def test_each_execution_is_a_batch_of_its_own_the_earliest_first() -> None:
    seen = look(
        POLICY,
        arrival("in/flow/e2/a"),
        arrival("in/flow/e1/a"),
        deliveries=[
            CompleteDelivery("e2", "in/flow/e2/", 2),
            CompleteDelivery("e0", "in/flow/e0/", 0),
            CompleteDelivery("e1", "in/flow/e1/", 1),
        ],
    )
    first, second, third, last = decisions(POLICY, seen)
    assert keys(first) == ["in/flow/e2/a"]
    assert isinstance(second, Empty)
    assert keys(third) == ["in/flow/e1/a"]
    assert isinstance(last, Nothing)


def test_executions_that_share_a_prefix_cannot_be_told_apart_and_are_one_batch() -> None:
    seen = look(
        POLICY,
        arrival("in/flow/a"),
        arrival("in/flow/b"),
        deliveries=[CompleteDelivery("e1", "in/flow/", 1), CompleteDelivery("e2", "in/flow/", 2)],
    )
    done, rest = decisions(POLICY, seen)
    assert (whole(done).deliveries, whole(done).records) == (("e1", "e2"), 3)
    assert isinstance(rest, Nothing)
