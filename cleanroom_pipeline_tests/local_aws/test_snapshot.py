import json
from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.local_aws import snapshot
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline.local_aws.state_dir import StateDir, StateDirBusyError


def saved(tmp_path: Path) -> Path:
    path = tmp_path / "local_aws.snapshot"
    snapshot.save(path, {"key": [1, 2]})
    return path


def content_of(path: Path) -> Any:
    packed = snapshot.load(path)
    assert packed is not None
    return snapshot.unpack(packed)


def test_a_snapshot_gives_back_what_was_saved_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = saved(tmp_path)
    assert content_of(path) == {"key": [1, 2]}
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_file_there_is_no_snapshot(tmp_path: Path) -> None:
    assert snapshot.load(tmp_path / "none") is None


def test_a_failed_save_leaves_the_old_snapshot_and_nothing_else(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with pytest.raises(TypeError):
        snapshot.save(path, {"unpicklable": (n for n in range(3))})
    assert content_of(path) == {"key": [1, 2]}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("keep", [0, 1, 20, -1])
def test_a_cut_snapshot_is_refused_with_what_to_do(tmp_path: Path, keep: int) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(snapshot.SnapshotError, match="make clean"):
        snapshot.load(path)


def test_a_changed_snapshot_is_never_unpickled(tmp_path: Path) -> None:
    path = saved(tmp_path)
    head, payload = path.read_bytes().split(b"\n", 1)
    path.write_bytes(head + b"\n" + payload[:-2] + b"X" + payload[-1:])
    with pytest.raises(snapshot.SnapshotError, match="damaged"):
        snapshot.load(path)


@pytest.mark.parametrize("member", ["moto", "python", "format"])
def test_a_snapshot_of_another_version_is_refused_with_both_versions(
    tmp_path: Path, member: str
) -> None:
    path = saved(tmp_path)
    head, payload = path.read_bytes().split(b"\n", 1)
    other = {**json.loads(head), member: "0.1"}
    path.write_bytes(json.dumps(other).encode() + b"\n" + payload)
    with pytest.raises(snapshot.SnapshotError, match=rf"{member} 0\.1.*make clean"):
        snapshot.load(path)
    with pytest.raises(snapshot.SnapshotError):
        LocalAws.start(tmp_path)


def test_a_state_directory_has_one_local_aws(tmp_path: Path) -> None:
    def taken_again() -> None:
        with StateDir(tmp_path):
            pass

    with StateDir(tmp_path), pytest.raises(StateDirBusyError, match="Another local AWS"):
        taken_again()
    taken_again()


def test_an_address_that_a_killed_one_left_is_removed_at_once(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.address.write_text("{}")
    with state:
        assert not state.address.exists()


@pytest.mark.parametrize(("text", "port"), [("8080\n", 8080), ("x", 0), ("99999", 0), ("", 0)])
def test_the_last_port_is_a_hint_that_may_be_damaged(tmp_path: Path, text: str, port: int) -> None:
    (tmp_path / "local_aws.port").write_text(text)
    assert StateDir(tmp_path).last_port == port
