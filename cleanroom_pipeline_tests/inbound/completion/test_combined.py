from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.inbound.completion.combined import ThenQuiet
from cleanroom_pipeline.inbound.completion.decision import (
    CompleteDelivery,
    Empty,
    Waiting,
    Whole,
)
from cleanroom_pipeline.inbound.completion.provider_run import ProviderRun
from cleanroom_pipeline.inbound.completion.sentinel import Sentinel
from cleanroom_pipeline.inbound.completion.sequence import NumberedFiles
from cleanroom_pipeline_tests.inbound.completion.looks import after, arrival, keys, look, waiting

QUIET = timedelta(minutes=5)
POLICY = ThenQuiet(Sentinel(), QUIET)


def test_a_whole_delivery_waits_until_its_files_are_quiet_too() -> None:
    files = (arrival("in/a.csv"), arrival("in/_SUCCESS"))
    early = POLICY.decide(look(POLICY, *files, at=after(minutes=4)))
    assert waiting(early).until == after(minutes=5)
    assert keys(POLICY.decide(look(POLICY, *files, at=after(minutes=5)))) == ["in/a.csv"]


def test_quiet_alone_is_not_enough() -> None:
    decision = POLICY.decide(look(POLICY, arrival("in/a.csv"), at=after(days=1)))
    assert "no sentinel" in waiting(decision).reason


def test_an_empty_delivery_needs_no_quiet() -> None:
    policy = ThenQuiet(ProviderRun(), QUIET)
    seen = look(policy, deliveries=[CompleteDelivery("e1", "in/e1/", 0)])
    assert isinstance(policy.decide(seen), Empty)


def test_the_policy_within_gives_its_name_and_tells_its_signals() -> None:
    policy = ThenQuiet(Sentinel("*.done", lists="csv"), QUIET)
    marker = arrival("in/x.done")
    assert policy.name == "sentinel"
    assert policy.is_signal("in/x.done")
    assert not policy.is_signal("in/x.csv")
    assert policy.wanted_documents([marker]) == [marker]


def test_the_policy_within_tells_positions() -> None:
    policy = ThenQuiet(NumberedFiles("{position}.csv"), QUIET)
    taken = policy.by_hand(look(policy, arrival("in/4.csv")), "test")
    assert taken
    assert taken.positions == {"-": 4}


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), st.integers(0, 20))
def test_no_batch_of_a_sequence_holds_an_object_newer_than_its_quiet_time(
    ages: list[int], unchanged: int
) -> None:
    policy = ThenQuiet(NumberedFiles("{position}.csv"), QUIET)
    files = [arrival(f"in/{n}.csv", after(minutes=-age)) for n, age in enumerate(ages)]
    decision = policy.decide(look(policy, *files, first_seen=after(minutes=-unchanged)))
    expected = Whole if min(*ages, unchanged) >= 5 else Waiting
    assert isinstance(decision, expected)
