import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.inbound.completion.decision import Empty, Nothing, Waiting, Whole
from cleanroom_pipeline.inbound.completion.file_lists import ListForm
from cleanroom_pipeline.inbound.completion.provider_manifest import ProviderManifest, aep_manifest
from cleanroom_pipeline.model import Arrival
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

FORM = ListForm("json", files="files", name="name", size="size")
POLICY = ProviderManifest("manifest-*.json", FORM)
AEP = aep_manifest()
RUN = "in/aep/manifest-5d1e-9f0a.json"


def aep_document(*files: tuple[str, str, int]) -> bytes:
    results = [{"sinkPath": path, "name": name, "size": size} for path, name, size in files]
    run = {"flowRunId": "9f0a", "scheduledTime": "2026-11-24T12:00:00Z", "exportResults": results}
    return json.dumps(run).encode()


def test_nothing_pending_is_nothing_to_wait_for() -> None:
    assert isinstance(POLICY.decide(look(POLICY)), Nothing)


@pytest.mark.parametrize(
    "sink_path",
    [
        "/exportTime=202611241200",
        "exportTime=202611241200/part-0.parquet",
        "in/aep/exportTime=202611241200/",
        "/aep/exportTime=202611241200",
    ],
)
def test_an_aep_export_is_whole_wherever_its_sink_path_counts_from(sink_path: str) -> None:
    document = aep_document((sink_path, "part-0.parquet", 7))
    part = arrival("in/aep/exportTime=202611241200/part-0.parquet", size=7)
    documents = {RUN: document}
    done = whole(AEP.decide(look(AEP, arrival(RUN), part, documents=documents)))
    assert done.files == (part,)
    assert [signal.key for signal in done.signals] == [RUN]
    held = waiting(AEP.decide(look(AEP, arrival(RUN), documents=documents)))
    assert len(held.missing) == 1
    assert held.missing[0].endswith("exportTime=202611241200/part-0.parquet")


def test_a_named_object_of_another_size_holds_and_its_size_is_told() -> None:
    documents = {"in/manifest-1.json": json_list(("a.csv", 5))}
    seen = look(POLICY, arrival("in/manifest-1.json"), arrival("in/a.csv"), documents=documents)
    assert waiting(POLICY.decide(seen)).missing == ("in/a.csv (it has 1 bytes, not 5)",)


def test_an_empty_list_is_an_empty_delivery() -> None:
    seen = look(
        POLICY, arrival("in/manifest-1.json"), documents={"in/manifest-1.json": json_list()}
    )
    decision = POLICY.decide(seen)
    assert isinstance(decision, Empty)
    assert [signal.key for signal in decision.signals] == ["in/manifest-1.json"]


def test_objects_that_no_list_names_wait_and_are_named() -> None:
    documents = {"in/manifest-1.json": json_list(("a.csv", 1))}
    seen = look(
        POLICY,
        arrival("in/manifest-1.json"),
        arrival("in/a.csv"),
        arrival("in/stray.csv"),
        documents=documents,
    )
    taken, rest = decisions(POLICY, seen)
    assert keys(taken) == ["in/a.csv"]
    assert waiting(rest).reason == "No list names 1 objects: in/stray.csv."


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"{", "it is no JSON"),
        (b"\xff", "it is not UTF-8"),
        (b"[" * 100_000, "it is no JSON"),
        (b"[]", "it has no field files"),
        (b'{"files": {"a": 1}}', "its field files is no list"),
        (b'{"files": [{"name": "secret"}]}', "entry 1 has no field size"),
        (b'{"files": [{"name": 7, "size": 1}]}', "entry 1 has a name that is no text"),
        (b'{"files": [{"name": "secret", "size": true}]}', "entry 1 has a size that is no number"),
        (b'{"files": [{"name": "secret", "size": -1}]}', "entry 1 has a size that is no number"),
        (b'{"files": [{"name": "../secret", "size": 1}]}', "entry 1 names a file outside"),
        (b'{"files": [{"name": "/secret", "size": 1}]}', "entry 1 names a file outside"),
        (b'{"files": [{"name": "a//secret", "size": 1}]}', "entry 1 names a file outside"),
        (b'{"files": [{"name": "a\\\\secret", "size": 1}]}', "entry 1 names a file outside"),
        (b'{"files": [{"name": "a\\u0000secret", "size": 1}]}', "entry 1 names a file outside"),
        (b'{"files": [{"name": "", "size": 1}]}', "entry 1 names a file outside"),
        (json_list(("secret", 1), ("secret", 2)), "entry 2 names a file again, with another size"),
    ],
)
def test_a_list_that_cannot_be_used_holds_and_its_content_is_not_told(
    document: bytes, told: str
) -> None:
    documents = {"in/manifest-1.json": document}
    seen = look(POLICY, arrival("in/manifest-1.json"), arrival("in/a.csv"), documents=documents)
    decision = waiting(POLICY.decide(seen))
    assert told in decision.reason
    assert "secret" not in decision.reason
    assert decision.missing == ("in/manifest-1.json (as a list that can be read)",)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"", "it has no header"),
        (b"path,bytes\na.csv,1\n", "it has no column name"),
        (b"name,size\na.csv\n", "line 2 has too few columns"),
        (b"name,size\na.csv,many\n", "line 2 has a size that is no number of bytes"),
        (b'name,size\n"a.csv,1\n', "it is no CSV"),
    ],
)
def test_a_csv_list_that_cannot_be_used_holds_with_its_line(document: bytes, told: str) -> None:
    policy = ProviderManifest("*.list", ListForm("csv", name="name", size="size"))
    seen = look(policy, arrival("in/1.list"), documents={"in/1.list": document})
    assert told in waiting(policy.decide(seen)).reason


def test_a_list_whose_content_is_not_at_hand_holds() -> None:
    seen = look(POLICY, arrival("in/manifest-1.json"), arrival("in/a.csv"))
    assert "could not be read yet" in waiting(POLICY.decide(seen)).reason


def test_a_list_that_waits_does_not_hold_a_later_one_that_is_whole() -> None:
    documents = {
        "in/manifest-1.json": json_list(("gone.csv", 1)),
        "in/manifest-2.json": json_list(("b.csv", 1)),
    }
    seen = look(
        POLICY,
        arrival("in/manifest-1.json"),
        arrival("in/manifest-2.json", after(minutes=1)),
        arrival("in/b.csv"),
        documents=documents,
    )
    taken, rest = decisions(POLICY, seen)
    assert keys(taken) == ["in/b.csv"]
    assert waiting(rest).missing == ("in/gone.csv",)


def test_an_object_that_two_lists_name_belongs_to_the_earlier() -> None:
    documents = {
        "in/manifest-1.json": json_list(("a.csv", 1), ("b.csv", 1)),
        "in/manifest-2.json": json_list(("a.csv", 1)),
    }
    lists = (arrival("in/manifest-1.json"), arrival("in/manifest-2.json", after(minutes=1)))
    seen = look(POLICY, *lists, arrival("in/a.csv"), documents=documents)
    assert waiting(POLICY.decide(seen)).missing == ("in/b.csv",)
    seen = look(POLICY, *lists, arrival("in/a.csv"), arrival("in/b.csv"), documents=documents)
    taken, rest = decisions(POLICY, seen)
    assert keys(taken) == ["in/a.csv", "in/b.csv"]
    assert waiting(rest).missing == ("in/a.csv",)


def test_an_overwritten_object_belongs_to_the_list_that_states_its_size() -> None:
    documents = {
        "in/manifest-1.json": json_list(("a.csv", 1)),
        "in/manifest-2.json": json_list(("a.csv", 2)),
    }
    lists = (arrival("in/manifest-1.json"), arrival("in/manifest-2.json", after(minutes=1)))
    seen = look(POLICY, *lists, arrival("in/a.csv", size=2, version="v2"), documents=documents)
    taken, rest = decisions(POLICY, seen)
    assert [signal.key for signal in whole(taken).signals] == ["in/manifest-2.json"]
    assert "manifest-1" in waiting(rest).reason


@pytest.mark.parametrize(
    ("form", "document"),
    [
        (ListForm("csv", name="url", size="content length"), b"url,content length\nx/a.csv,1\n"),
        (ListForm("csv", name="2"), b'done,x/a.csv\n"done","x/a.csv"\n'),
        (ListForm("json", name="."), b'["x/a.csv"]'),
        (
            ListForm("json", files="entries", name="url", size="meta.content_length"),
            b'{"entries": [{"url": "x/a.csv", "meta": {"content_length": "1"}}]}',
        ),
    ],
)
def test_a_list_of_any_described_form_is_read(form: ListForm, document: bytes) -> None:
    policy = ProviderManifest("*.list", form)
    seen = look(
        policy, arrival("in/1.list"), arrival("in/x/a.csv"), documents={"in/1.list": document}
    )
    assert keys(policy.decide(seen)) == ["in/x/a.csv"]


@pytest.mark.parametrize(
    ("relative_to", "name", "key"),
    [
        ("manifest", "a.csv", "in/day/a.csv"),
        ("prefix", "other/a.csv", "in/other/a.csv"),
        ("bucket", "in/other/a.csv", "in/other/a.csv"),
        ("bucket", "s3://lake/in/other/a.csv", "in/other/a.csv"),
        ("manifest", "s3://lake/in/other/a.csv", "in/other/a.csv"),
    ],
)
def test_names_are_relative_to_what_the_settings_say(relative_to: str, name: str, key: str) -> None:
    policy = ProviderManifest("m.json", ListForm("json", name="."), relative_to=relative_to)  # type: ignore[arg-type]  # a parameter of a test is a str
    seen = look(
        policy,
        arrival("in/day/m.json"),
        arrival(key),
        documents={"in/day/m.json": json.dumps([name]).encode()},
    )
    assert keys(policy.decide(seen)) == [key]


RUNS = {
    "in/manifest-1.json": json_list(("r1-a.csv", 1), ("r1-b.csv", 2), ("r1-c.csv", 3)),
    "in/manifest-2.json": json_list(("r2-a.csv", 1), ("r2-b.csv", 2)),
}
PIECES = [
    arrival("in/manifest-1.json"),
    arrival("in/manifest-2.json"),
    arrival("in/r1-a.csv", size=1),
    arrival("in/r1-b.csv", size=2),
    arrival("in/r1-c.csv", size=3),
    arrival("in/r2-a.csv", size=1),
    arrival("in/r2-b.csv", size=2),
]


@given(order=st.permutations(PIECES))
def test_two_runs_that_arrive_in_any_order_make_exactly_two_batches(order: list[Arrival]) -> None:
    pending: list[Arrival] = []
    cut: list[Whole] = []
    for piece in order:
        pending.append(piece)
        for batch in batches(POLICY, look(POLICY, *pending, documents=RUNS)):
            cut.append(batch)
            pending = [one for one in pending if one not in (*batch.files, *batch.signals)]
    assert sorted(keys(batch) for batch in cut) == [
        ["in/r1-a.csv", "in/r1-b.csv", "in/r1-c.csv"],
        ["in/r2-a.csv", "in/r2-b.csv"],
    ]
    assert pending == []


@given(
    there=st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers(1, 3), max_size=4),
    named=st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers(1, 3), min_size=1),
)
def test_a_list_is_never_whole_while_an_object_is_missing_or_of_another_size(
    there: dict[str, int], named: dict[str, int]
) -> None:
    arrivals = [arrival(f"in/{name}", size=size) for name, size in there.items()]
    document = json_list(*named.items())
    seen = look(
        POLICY, arrival("in/manifest-1.json"), *arrivals, documents={"in/manifest-1.json": document}
    )
    decision = POLICY.decide(seen)
    if all(there.get(name) == size for name, size in named.items()):
        assert keys(decision) == sorted(f"in/{name}" for name in named)
    else:
        assert isinstance(decision, Waiting)
        wrong = {f"in/{name}" for name, size in named.items() if there.get(name) != size}
        assert {name.split(" ")[0] for name in decision.missing} == wrong
