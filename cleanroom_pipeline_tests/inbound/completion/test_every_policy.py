"""What holds for every completion policy, over looks that chance made."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.inbound.completion.combined import ThenQuiet
from cleanroom_pipeline.inbound.completion.decision import (
    CompleteDelivery,
    CompletionPolicy,
    Empty,
    Look,
    Nothing,
    Waiting,
    Whole,
)
from cleanroom_pipeline.inbound.completion.file_lists import ListForm
from cleanroom_pipeline.inbound.completion.provider_manifest import ProviderManifest
from cleanroom_pipeline.inbound.completion.provider_run import ProviderRun
from cleanroom_pipeline.inbound.completion.quiet_period import QuietPeriod
from cleanroom_pipeline.inbound.completion.restatement import RestatedDays
from cleanroom_pipeline.inbound.completion.sentinel import Sentinel
from cleanroom_pipeline.inbound.completion.sequence import NumberedFiles
from cleanroom_pipeline.model import Arrival
from cleanroom_pipeline_tests.inbound.completion.looks import after, decisions, json_list, look

QUIET = timedelta(minutes=5)
FORM = ListForm("json", files="files", name="name", size="size")
POLICIES: list[CompletionPolicy] = [
    QuietPeriod(QUIET),
    Sentinel(),
    Sentinel(scope="prefix", grace=timedelta(minutes=3), empty="allowed"),
    Sentinel(lists="json"),
    ThenQuiet(Sentinel(), QUIET),
    ProviderManifest("manifest-*", FORM),
    ProviderManifest("manifest-*", FORM, relative_to="prefix"),
    ThenQuiet(ProviderManifest("manifest-*", FORM), QUIET),
    ProviderRun(),
    NumberedFiles("events_{position}.csv"),
    ThenQuiet(NumberedFiles("{stream}_{position}.csv", gaps="hold", first=20261121), QUIET),
    RestatedDays("events_{day}", QUIET, ignore=("manifest-*",)),
]
NAMES = [
    *(f"events_2026112{day}.csv" for day in range(1, 8)),
    "a.csv",
    "b.csv",
    "_SUCCESS",
    "manifest-1",
    "manifest-2",
]
DOCUMENTS = [
    json_list(),
    json_list(("a.csv", 1)),
    json_list(("a.csv", 1), ("b.csv", 1)),
    json_list(("../a.csv", 1)),
    b"{",
]


@st.composite
def arrivals(draw: st.DrawFn) -> list[Arrival]:
    folders_and_names = st.tuples(
        st.sampled_from(["in/", "in/e1/", "in/e2/"]), st.sampled_from(NAMES)
    )
    keys = draw(st.lists(folders_and_names, max_size=16, unique=True))
    return [
        Arrival(
            folder + name,
            draw(st.sampled_from(["v1", "v2"])),
            "etag",
            draw(st.integers(1, 2)),
            after(minutes=-draw(st.integers(0, 12))),
        )
        for folder, name in keys
    ]


@st.composite
def looks(draw: st.DrawFn, policy: CompletionPolicy) -> Look:
    pending = draw(arrivals())
    documents = {one.key: draw(st.sampled_from(DOCUMENTS)) for one in pending}
    deliveries = [
        CompleteDelivery(name, f"in/{name}/", draw(st.integers(0, 1))) for name in ("e1", "e2")
    ]
    return look(
        policy,
        *pending,
        first_seen={one: after(minutes=-draw(st.integers(0, 12))) for one in pending},
        documents=documents,
        deliveries=deliveries[: draw(st.integers(0, 2))],
        positions=draw(st.sampled_from([{}, {"-": 20261122}, {"events": 20261122}])),
    )


def shuffled(seen: Look, data: st.DataObject) -> Look:
    return replace(
        seen,
        data=tuple(data.draw(st.permutations(seen.data))),
        signals=tuple(data.draw(st.permutations(seen.signals))),
        documents=dict(data.draw(st.permutations(list(seen.documents.items())))),
    )


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@given(data=st.data())
def test_what_is_taken_was_pending_and_is_taken_once_and_the_rest_is_answered(
    policy: CompletionPolicy, data: st.DataObject
) -> None:
    seen = data.draw(looks(policy))
    files: list[Arrival] = []
    signals: list[Arrival] = []
    deliveries: list[str] = []
    positions = dict(seen.positions)
    for decision in decisions(policy, seen):
        if not isinstance(decision, Whole | Empty):
            assert isinstance(decision, Waiting | Nothing)
            left = set(seen.data) - set(files)
            assert isinstance(decision, Waiting) or not left
            assert decision.reason
            break
        signals += decision.signals
        deliveries += decision.deliveries
        if isinstance(decision, Whole):
            assert decision.files
            files += decision.files
            for stream, position in decision.positions.items():
                assert position > positions.get(stream, -1)
                positions[stream] = position
    assert len(set(files)) == len(files)
    assert set(files) <= set(seen.data)
    assert len(set(signals)) == len(signals)
    assert set(signals) <= set(seen.signals)
    assert len(set(deliveries)) == len(deliveries)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@given(data=st.data())
def test_a_decision_does_not_depend_on_the_order_in_which_things_are_given(
    policy: CompletionPolicy, data: st.DataObject
) -> None:
    seen = data.draw(looks(policy))
    assert list(decisions(policy, shuffled(seen, data))) == list(decisions(policy, seen))


@pytest.mark.parametrize("policy", [one for one in POLICIES if hasattr(one, "quiet")], ids=str)
@given(data=st.data())
def test_no_batch_holds_an_object_newer_than_the_quiet_time(
    policy: CompletionPolicy, data: st.DataObject
) -> None:
    seen = data.draw(looks(policy))
    for decision in decisions(policy, seen):
        if isinstance(decision, Whole):
            assert all(seen.at - seen.first_seen(file) >= QUIET for file in decision.files)
            assert all(seen.at - file.last_modified >= QUIET for file in decision.files)
