from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.inbound.completion.decision import Whole
from cleanroom_pipeline.inbound.manifest import ManifestError, build_manifest, check_present, digest
from cleanroom_pipeline.model import BATCH_ID, Arrival, Manifest

AT = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)

arrivals = st.builds(
    Arrival,
    key=st.text(min_size=1, max_size=20).map(lambda text: "in/" + text),
    version_id=st.text("abc123", min_size=1, max_size=8),
    etag=st.text("0123456789abcdef", min_size=8, max_size=8),
    size=st.integers(0, 10**12),
    last_modified=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 (the strategy wants naive bounds)
        lambda moment: moment.replace(tzinfo=UTC)
    ),
)
file_lists = st.lists(arrivals, min_size=1, max_size=8, unique_by=lambda file: file.key)


def manifest_of(files: list[Arrival], last_batch: str | None = None) -> Manifest:
    whole = Whole(tuple(files), "quiet", records=len(files), positions={"a": 3}, day="2026-11-23")
    return build_manifest(
        "shop", "inbound", whole, policy="quiet_period", at=AT, last_batch=last_batch
    )


@given(files=file_lists, data=st.data())
def test_the_same_files_give_the_same_batch_in_whatever_order(
    files: list[Arrival], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(files))
    assert manifest_of(files) == manifest_of(shuffled)


@given(files=file_lists, data=st.data())
def test_another_version_size_or_etag_gives_another_digest(
    files: list[Arrival], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(files) - 1))
    changed = data.draw(
        st.sampled_from(
            [
                replace(files[number], version_id=files[number].version_id + "x"),
                replace(files[number], size=files[number].size + 1),
                replace(files[number], etag=files[number].etag + "0"),
            ]
        )
    )
    assert digest(files) != digest([*files[:number], changed, *files[number + 1 :]])


def test_no_two_different_lists_read_the_same() -> None:
    one = Arrival("ab", "c", "e", 1, AT)
    other = Arrival("a", "bc", "e", 1, AT)
    assert digest([one]) != digest([other])


@given(files=file_lists)
def test_a_manifest_survives_json_and_its_id_is_safe_in_paths(files: list[Arrival]) -> None:
    manifest = manifest_of(files)
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert BATCH_ID.fullmatch(manifest.batch_id)


def test_the_batch_id_tells_the_time_of_the_cut_whatever_the_files_say() -> None:
    """A multipart upload carries the time at which it began."""
    files = [Arrival("a", "1", "e", 1, AT - timedelta(hours=3))]
    assert manifest_of(files).batch_id.startswith("20261124T031500Z-")


@pytest.mark.parametrize(
    ("last", "stamp"),
    [
        (None, "20261124T031500Z"),
        ("20261124T031459Z-00000000", "20261124T031500Z"),
        ("20261124T031500Z-00000000", "20261124T031501Z"),
        ("20261124T235959Z-00000000", "20261125T000000Z"),
    ],
)
def test_batch_ids_sort_in_the_order_of_cuts_whatever_a_clock_does(
    last: str | None, stamp: str
) -> None:
    batch_id = manifest_of([Arrival("a", "1", "e", 1, AT)], last).batch_id
    assert batch_id.startswith(f"{stamp}-")
    assert last is None or batch_id > last


def test_a_batch_needs_a_file() -> None:
    with pytest.raises(ManifestError, match="at least one file"):
        manifest_of([])


def test_versions_that_are_gone_are_named() -> None:
    files = [Arrival("in/a", "1", "e", 1, AT), Arrival("in/b", "1", "e", 1, AT)]
    with pytest.raises(ManifestError, match=r"pins 1 object version\(s\) that are gone.*in/b"):
        check_present(manifest_of(files), {"in/a": files[0], "in/b": None})


def test_other_bytes_under_a_pinned_version_are_named() -> None:
    file = Arrival("in/a", "1", "e", 1, AT)
    with pytest.raises(ManifestError, match=r"other bytes .* in/a"):
        check_present(manifest_of([file]), {"in/a": replace(file, etag="f")})
