from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.inbound.completion.decision import Nothing, Waiting, Whole
from cleanroom_pipeline.inbound.completion.sequence import NumberedFiles
from cleanroom_pipeline.model import Arrival
from cleanroom_pipeline_tests.inbound.completion.looks import (
    arrival,
    batches,
    decisions,
    keys,
    look,
    waiting,
    whole,
)

POLICY = NumberedFiles("{stream}.{position}.csv")


def numbered(*positions: int, stream: str = "s", version: str = "v1") -> list[Arrival]:
    return [arrival(f"in/{stream}.{position}.csv", version=version) for position in positions]


def test_nothing_pending_is_nothing_to_wait_for() -> None:
    assert isinstance(POLICY.decide(look(POLICY)), Nothing)


def test_a_new_stream_begins_with_the_lowest_position_seen() -> None:
    done = whole(POLICY.decide(look(POLICY, *numbered(9, 7, 8))))
    assert keys(done) == ["in/s.7.csv", "in/s.8.csv", "in/s.9.csv"]
    assert done.positions == {"s": 9}


def test_a_stream_goes_on_where_the_last_batch_ended() -> None:
    seen = look(POLICY, *numbered(8, 9), positions={"s": 7})
    assert whole(POLICY.decide(seen)).positions == {"s": 9}


def test_a_gap_after_the_last_position_taken_holds_and_names_what_is_missing() -> None:
    seen = look(POLICY, *numbered(10, 12), positions={"s": 7})
    decision = waiting(POLICY.decide(seen))
    assert decision.missing == ("s.8.csv", "s.9.csv", "s.11.csv")
    assert decision.reason == "2 objects wait behind a gap: s.8.csv is not there."


def test_what_is_before_a_gap_is_cut_and_the_rest_waits() -> None:
    cut, rest = decisions(POLICY, look(POLICY, *numbered(1, 2, 4, 5)))
    assert keys(cut) == ["in/s.1.csv", "in/s.2.csv"]
    assert whole(cut).positions == {"s": 2}
    assert "s.3.csv is not there" in whole(cut).reason
    assert waiting(rest).missing == ("s.3.csv",)


def test_a_gap_holds_its_whole_stream_if_so_set_and_no_other_stream() -> None:
    policy = NumberedFiles("{stream}.{position}.csv", gaps="hold")
    seen = look(policy, *numbered(1, 3), *numbered(4, 5, stream="t"))
    cut, rest = decisions(policy, seen)
    assert keys(cut) == ["in/t.4.csv", "in/t.5.csv"]
    assert waiting(rest).missing == ("s.2.csv",)


def test_the_first_position_may_be_told_so_that_a_missing_start_is_a_gap() -> None:
    policy = NumberedFiles("{stream}.{position}.csv", first=1)
    assert waiting(policy.decide(look(policy, *numbered(3)))).missing == ("s.1.csv", "s.2.csv")


def test_a_late_or_repeated_position_is_taken_and_never_lowers_the_last_one() -> None:
    seen = look(POLICY, *numbered(3), *numbered(7, version="v2"), positions={"s": 7})
    done = whole(POLICY.decide(seen))
    assert keys(done) == ["in/s.3.csv", "in/s.7.csv"]
    assert done.positions == {}
    done = whole(POLICY.decide(look(POLICY, *numbered(3, 8), positions={"s": 7})))
    assert keys(done) == ["in/s.3.csv", "in/s.8.csv"]
    assert done.positions == {"s": 8}


def test_a_cut_by_hand_skips_a_gap_and_the_sequence_goes_on_from_there() -> None:
    files = (*numbered(9, 12), *numbered(3, stream="t"), arrival("in/readme.csv"))
    taken = POLICY.by_hand(look(POLICY, *files), "test")
    assert taken
    positions = taken.positions
    assert positions == {"s": 12, "t": 3}
    seen = look(POLICY, *numbered(13), positions=positions)
    assert keys(POLICY.decide(seen)) == ["in/s.13.csv"]


def test_positions_may_go_in_steps() -> None:
    policy = NumberedFiles("{position}.csv", step=100)
    seen = look(policy, arrival("in/0.csv"), arrival("in/100.csv"), arrival("in/300.csv"))
    cut, rest = decisions(policy, seen)
    assert whole(cut).positions == {"-": 100}
    assert waiting(rest).missing == ("200.csv",)


def test_missing_names_are_written_with_the_leading_zeros_of_the_file_behind_the_gap() -> None:
    policy = NumberedFiles("part-{position}.csv")
    seen = look(policy, arrival("in/part-0001.csv"), arrival("in/part-0004.csv"))
    _, rest = decisions(policy, seen)
    assert waiting(rest).missing == ("part-0002.csv", "part-0003.csv")


def test_a_gap_of_any_width_names_twenty_at_most() -> None:
    seen = look(POLICY, *numbered(10**17), positions={"s": 1})
    decision = waiting(POLICY.decide(seen))
    assert decision.missing == tuple(f"s.{position}.csv" for position in range(2, 22))


def test_objects_whose_names_have_no_position_wait_and_are_told_of() -> None:
    stray = arrival("in/readme.csv")
    decision = waiting(POLICY.decide(look(POLICY, stray)))
    assert "1 objects have no position in their names, such as in/readme.csv" in decision.reason
    assert keys(POLICY.decide(look(POLICY, stray, *numbered(1)))) == ["in/s.1.csv"]


def test_customer_io_names_are_read_with_the_dots_that_a_stream_may_have() -> None:
    policy = NumberedFiles("{stream}.{position}.track.*", first=1)
    seen = look(policy, arrival("in/2184.13699.1.track.json"), positions={})
    assert whole(policy.decide(seen)).positions == {"2184.13699": 1}


def test_a_template_with_a_folder_is_held_against_as_many_parts_of_the_key() -> None:
    policy = NumberedFiles("{stream}/{position}.json")
    seen = look(policy, arrival("in/x/orders/1.json"), arrival("in/x/clicks/5.json"))
    assert whole(policy.decide(seen)).positions == {"orders": 1, "clicks": 5}


@given(
    order=st.permutations(range(1, 9)),
    cuts=st.sets(st.integers(0, 7)),
    again=st.lists(st.integers(1, 8), max_size=3),
)
def test_however_files_come_each_is_in_one_batch_and_the_order_is_kept(
    order: list[int], cuts: set[int], again: list[int]
) -> None:
    """With the first position told, what a batch takes anew is the next run without a gap."""
    policy = NumberedFiles("{stream}.{position}.csv", first=1)
    pending: list[Arrival] = []
    taken: list[Arrival] = []
    positions: dict[str, int] = {}
    arriving = [*numbered(*order)]
    for number, position in enumerate(again):
        arriving += numbered(position, version=f"again{number}")
    for tick, one in enumerate(arriving):
        pending = [old for old in pending if old.key != one.key] + [one]
        if tick not in cuts and tick < len(arriving) - 1:
            continue
        for batch in batches(policy, look(policy, *pending, positions=positions)):
            before = positions.get("s", 0)
            last = batch.positions.get("s", before)
            assert last >= before
            new = [int(file.key.split(".")[1]) for file in batch.files]
            assert set(range(before + 1, last + 1)) <= set(new)
            assert all(position <= last for position in new)
            positions = {**positions, **batch.positions}
            taken += batch.files
            pending = [old for old in pending if old not in batch.files]
    assert pending == []
    assert positions == {"s": 8}
    assert len(set(taken)) == len(taken)
    assert {file.key for file in taken} == {f"in/s.{position}.csv" for position in range(1, 9)}


@given(st.sets(st.integers(1, 12), min_size=1), st.integers(0, 12))
def test_nothing_behind_a_gap_is_ever_taken(there: set[int], last: int) -> None:
    decision = POLICY.decide(look(POLICY, *numbered(*there), positions={"s": last}))
    due = last
    while due + 1 in there:
        due += 1
    expected = {position for position in there if position <= due}
    if expected:
        assert isinstance(decision, Whole)
        assert {file.key for file in decision.files} == {f"in/s.{p}.csv" for p in expected}
    else:
        assert isinstance(decision, Waiting)
        assert decision.missing[0] == f"s.{last + 1}.csv"
