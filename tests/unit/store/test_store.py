"""Results on disk: lossless, whole or nothing, verified on reading."""

import dataclasses
import errno
import json
import os
import urllib.parse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evalkit import atomic
from evalkit.errors import StoreError
from evalkit.sequences import Trajectory
from evalkit.store import box_csv
from evalkit.store.box_csv import predictions_sha256
from evalkit.store.manifest import RunEnvironment, RunIdentity, SequenceRecord, names_sha256
from evalkit.store.runs import ResultStore, RunStatus
from evalkit.store.sealed import seal
from helpers.program import python

IDENTITY = RunIdentity(
    benchmark="lasot",
    split="test",
    data="sample:seed=1",
    sequence_list_sha256=names_sha256(["a-1", "b`2"]),
    tracker="kcf",
    config={"rate": 0.02, "scales": [0.97, 1, 1.03]},
    weights_sha256="ab" * 32,
    precision="bf16",
    seed=7,
    repeat=2,
    frame_limit=30,
    source="imported",
    archive_sha256="cd" * 32,
)
NAMES = ("a-1", "b`2")
BLANK = SequenceRecord(
    name="a-1",
    frames=3,
    initial_box=(1.0, 2.0, 3.0, 4.0),
    predictions_sha256="",
    file_sha256="",
    seconds=0.5,
    device="cpu",
    capacity=4,
    rank=0,
    finished_utc="2026-01-01T00:00:00+00:00",
    environment_sha256="",
)


def unsealed(text: str) -> dict[str, Any]:
    """Content of a JSON file as version 0.1 wrote it, without a hash of its own."""
    return {key: value for key, value in json.loads(text).items() if key != "sha256"}


def trajectory(seed: int = 0) -> Trajectory:
    noise = np.random.default_rng(seed)
    return Trajectory(noise.normal(100, 50, (3, 4)), np.array([np.nan, 0.25, 1 / 3]), np.array([0.1, 0.01, np.nan]))


def test_the_run_id_of_schema_1_never_changes() -> None:
    assert IDENTITY.schema == 1
    assert IDENTITY.run_id == "e0fb4ef5beeb"


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(RunIdentity)])
def test_every_field_of_the_identity_changes_the_run_id(field: str) -> None:
    value = getattr(IDENTITY, field)
    other = {"config": {"rate": 0.03}}.get(field, value + 1 if isinstance(value, int) else f"{value}x")
    assert dataclasses.replace(IDENTITY, **{field: other}).run_id != IDENTITY.run_id


def test_a_result_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    run = ResultStore(tmp_path).open_or_create(IDENTITY, NAMES)
    written = trajectory()
    run.write(BLANK, written)
    read = run.read("a-1")
    np.testing.assert_array_equal(read.boxes, written.boxes)
    np.testing.assert_array_equal(read.confidence, written.confidence)
    assert run.missing() == ["b`2"]
    assert run.status() is RunStatus.PARTIAL
    run.write(dataclasses.replace(BLANK, name="b`2"), written)
    assert run.status() is RunStatus.COMPLETE


@settings(max_examples=25, deadline=None)
@given(hnp.arrays(np.float64, (2, 4), elements=st.floats(allow_infinity=False, allow_nan=True)))
def test_any_box_survives_the_store(tmp_path_factory: pytest.TempPathFactory, boxes: np.ndarray) -> None:
    run = ResultStore(tmp_path_factory.mktemp("store")).open_or_create(IDENTITY, NAMES)
    run.write(BLANK, Trajectory.of_boxes(boxes))
    np.testing.assert_array_equal(run.read("a-1").boxes, boxes)
    assert predictions_sha256(run.read("a-1")) == predictions_sha256(Trajectory.of_boxes(boxes))


def test_times_do_not_enter_the_digest_but_boxes_and_confidence_do(tmp_path: Path) -> None:
    first = trajectory()
    digests = set()
    for number, other in enumerate(
        [
            first,
            dataclasses.replace(first, seconds=first.seconds * 2),
            dataclasses.replace(first, boxes=first.boxes + 1e-9),
            dataclasses.replace(first, confidence=first.confidence + 0.5),
        ]
    ):
        run = ResultStore(tmp_path / str(number)).open_or_create(IDENTITY, NAMES)
        run.write(BLANK, other)
        digests.add(run.digest())
    assert len(digests) == 3


def test_a_changed_result_file_is_refused_by_name(tmp_path: Path) -> None:
    run = ResultStore(tmp_path).open_or_create(IDENTITY, NAMES)
    run.write(BLANK, trajectory())
    path = run.path / "sequences" / "a-1.csv"
    path.write_text(path.read_text().replace("2,", "3,", 1))
    with pytest.raises(StoreError, match=r"a-1\.csv was changed"):
        run.read("a-1")


def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    run = ResultStore(tmp_path).open_or_create(IDENTITY, NAMES)
    manifest = run.path / "manifest.json"
    content = json.loads(manifest.read_text())
    content["identity"]["schema"] = 9
    manifest.write_text(json.dumps(content))
    with pytest.raises(StoreError, match="schema version 9, this evalkit reads version 1"):
        ResultStore(tmp_path).find()


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"identity": {"schema": 1}, "sequences": []}', '{"identity": 3}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, damage: str) -> None:
    run = ResultStore(tmp_path).open_or_create(IDENTITY, NAMES)
    (run.path / "manifest.json").write_text(damage)
    with pytest.raises(StoreError, match=r"manifest\.json"):
        ResultStore(tmp_path).find(benchmark="lasot")


def test_an_edited_identity_is_noticed(tmp_path: Path) -> None:
    run = ResultStore(tmp_path).open_or_create(IDENTITY, NAMES)
    manifest = run.path / "manifest.json"
    written = manifest.read_text()
    manifest.write_text(written.replace('"seed": 7', '"seed": 8'))
    with pytest.raises(StoreError, match=r"manifest\.json was changed after it was written"):
        ResultStore(tmp_path).find()
    manifest.write_bytes(seal({**unsealed(written), "identity": dataclasses.asdict(IDENTITY) | {"seed": 8}}))
    with pytest.raises(StoreError, match="was changed: its identity hashes to"):
        ResultStore(tmp_path).find()


def test_find_filters_by_benchmark_tracker_and_run(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    first = store.open_or_create(IDENTITY, NAMES)
    second = store.open_or_create(dataclasses.replace(IDENTITY, tracker="mine.py:X"), NAMES)
    assert {run.run_id for run in store.find(benchmark="lasot")} == {first.run_id, second.run_id}
    assert [run.run_id for run in store.find(tracker="mine.py:X")] == [second.run_id]
    assert [run.run_id for run in store.find(run_id=first.run_id[:6])] == [first.run_id]
    assert store.find(benchmark="uav123") == []
    assert ResultStore(tmp_path / "nowhere").find() == []


def test_a_full_disk_leaves_the_old_file_and_no_debris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    atomic.write_whole(path, b"old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"a\.csv: No space left on device.*same command again"):
        atomic.write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.csv"]


def test_a_results_folder_that_cannot_be_written_is_an_error_not_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="cannot write"):
        ResultStore(tmp_path / "results").open_or_create(IDENTITY, NAMES)


def test_a_killed_writer_leaves_whole_files_only(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from evalkit import atomic\n"
        "sync = os.fsync\n"
        "def die(handle): os.kill(os.getpid(), 9)\n"
        "os.fsync = die\n"
        "atomic.write_whole(Path(sys.argv[1]), b'x' * 1000000)\n"
    )
    path = tmp_path / "a.csv"
    assert python(program, path).code == -9
    assert not path.exists()


def test_two_writers_of_one_run_exclude_each_other(tmp_path: Path) -> None:
    run = ResultStore(tmp_path).open_or_create(IDENTITY, NAMES)
    other = ResultStore(tmp_path).open_or_create(IDENTITY, NAMES)
    with run.lock(), pytest.raises(StoreError, match="being written by another process"), other.lock():
        pass
    with other.lock():
        pass


def test_a_failure_is_kept_and_forgotten_when_the_sequence_is_finished(tmp_path: Path) -> None:
    run = ResultStore(tmp_path).open_or_create(IDENTITY, NAMES)
    run.write_failure("a-1", "it broke", "trace")
    assert run.failures() == {"a-1": "it broke"}
    run.write(BLANK, trajectory())
    assert run.failures() == {}


@pytest.mark.parametrize("name", ["a b", "ünïcode", "..", "../x", "a/b", "c:d", "boy`head", "x" * 60, ".hidden", "%41"])
def test_any_name_is_a_file_name_inside_its_folder(name: str) -> None:
    encoded = atomic.file_name(name)
    assert "/" not in encoded
    assert not encoded.startswith(".")
    assert encoded.isascii()
    assert urllib.parse.unquote(encoded) == name


def test_environments_tell_what_differs() -> None:
    environment = RunEnvironment("1", "aa", "3.11", "Linux", {"numpy": "2"}, "opencv 5")
    newer = dataclasses.replace(environment, image_decoder="opencv 6")
    assert newer.differences(environment) == ["image_decoder: opencv 5 before, opencv 6 now"]
    assert environment.sha256 != newer.sha256


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(-(10**16), 10**16), min_size=1, max_size=12),
    st.integers(0, 18),
    st.sampled_from(
        [0.0, -0.0, 0.1 + 0.2, -0.0005, 1e15, 1e16, 1e300, float("inf"), float("nan"), 999_999_999_999.999]
    ),
)
def test_boxes_are_written_as_repr_writes_them(numbers, decimals, odd):
    values = [float(f"{number}e-{decimals}") for number in numbers]
    for chosen in (values, [*values, odd], [float(number) for number in numbers], [odd]):
        assert box_csv._decimals(np.array(chosen)) == [repr(value) for value in chosen]
