"""A run's folder after accidents and under strangers' hands: each change is an error with the file's name, or no change."""

import dataclasses
import errno
import json
import os
import shutil
import signal
import string
import time
from pathlib import Path

import pytest

from evalkit import atomic, hardware
from evalkit.atomic import read_file
from evalkit.errors import EvalkitError
from evalkit.store import runs
from evalkit.store.manifest import RunEnvironment, current_environment
from evalkit.store.runs import ResultStore, Run
from helpers.own_trackers import own_tracker
from helpers.program import call, evalkit, only_run, run_videos, start
from helpers.trees import draw_videos

LENGTHS = [3, 4]


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    return draw_videos(tmp_path_factory.mktemp("data") / "videos", LENGTHS)


@pytest.fixture(scope="module")
def whole(videos, tmp_path_factory) -> Path:
    """Results of a run with a failure beside it, as one that was continued has."""
    results = tmp_path_factory.mktemp("whole")
    assert run_videos(videos, results).code == 0
    only_run(results).write_failure("s9", "broke", "trace")
    return results


def printed(results: Path) -> dict[str, object]:
    """All that commands print of a run comes from this."""
    run = only_run(results)
    records = run.records()
    return {
        "identity": run.identity,
        "names": run.names,
        "remarks": run.remarks(records),
        "digest": run.digest(records),
        "records": records,
        "boxes": {name: run.read(name).boxes.tobytes() for name in records},
        "times": {name: run.read(name).seconds.tobytes() for name in records},
        "environments": run.environments(),
        "missing": run.missing(),
        "failures": run.failures(),
        "timings": run.timings(),
    }


def kinds_of_bytes(data: bytes) -> dict[str, int]:
    """One position of every kind of byte at its first, middle and last place."""
    kinds: dict[str, list[int]] = {}
    for position, value in enumerate(data):
        letter = chr(value)
        kind = "letter" if letter in string.ascii_letters else "digit" if letter in string.digits else letter
        kinds.setdefault(kind, []).append(position)
    return {
        f"{kind!r}{place}": places[at]
        for kind, places in kinds.items()
        for place, at in (("first", 0), ("middle", len(places) // 2), ("last", -1))
    }


def test_a_flipped_byte_of_any_kind_in_any_file_is_an_error_with_its_name_or_changes_nothing(whole, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(whole, results)
    before = printed(results)
    files = sorted(path for path in results.rglob("*") if path.is_file())
    assert {path.parent.name for path in files} >= {"sequences", "environments", "timings", "failures"}
    for path in files:
        data = path.read_bytes()
        positions = {*kinds_of_bytes(data).values()}
        if path.suffix == ".json":  # every byte of a key
            positions |= {place for place in range(len(data)) if b'"sha256"' in data[max(0, place - 9) : place + 9]}
        for position in positions:
            for mask in (1, 2, 4, 32, 128):
                flipped = bytearray(data)
                flipped[position] ^= mask
                path.write_bytes(flipped)
                try:
                    assert printed(results) == before, (path, position, mask)
                except EvalkitError as problem:
                    assert path.name in str(problem)  # noqa: PT017 - either no error or this one
        path.write_bytes(data)
    assert printed(results) == before


@pytest.mark.parametrize("entry", ["manifest.json", "sequences/s0.json", "environments", "timings"])
def test_a_new_run_does_not_pass_for_one_without_hashes(whole, tmp_path, entry):
    shutil.copytree(whole, tmp_path / "results")
    place = only_run(tmp_path / "results").path / entry
    (path,) = place.glob("*.json") if place.is_dir() else [place]
    content = json.loads(path.read_text())
    del content["sha256"]
    path.write_text(json.dumps(content, indent=1))
    if entry == "manifest.json":  # then nothing is left that says so, and the records must still fit
        assert not only_run(tmp_path / "results").sealed
        return
    with pytest.raises(EvalkitError, match=path.name):
        printed(tmp_path / "results")


def as_version_0_1(run: Run) -> None:
    """Write the JSON files of a run as version 0.1 did: indented, without hashes, without hardware."""
    for path in run.path.rglob("*.json"):
        content = {
            key: value for key, value in json.loads(path.read_text()).items() if key not in {"sha256", "hardware"}
        }
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    (path,) = run.path.glob("environments/*.json")
    environment = RunEnvironment(**json.loads(path.read_text()))
    path.rename(path.with_name(f"{environment.sha256[:12]}.json"))
    for record in run.path.glob("sequences/*.json"):
        content = json.loads(record.read_text()) | {"environment_sha256": environment.sha256}
        record.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def test_a_folder_of_version_0_1_reads_as_before_and_its_hashes_of_boxes_are_compared(videos, whole, tmp_path):
    digest = printed(whole)["digest"]
    shutil.copytree(whole, tmp_path / "results")
    run = only_run(tmp_path / "results")
    as_version_0_1(run)
    assert printed(tmp_path / "results")["digest"] == digest
    assert run_videos(videos, tmp_path / "results").json["digest"] == digest
    record = run.path / "sequences" / "s0.json"
    content = json.loads(record.read_text())
    wrong = content["predictions_sha256"][::-1]
    record.write_text(json.dumps(content | {"predictions_sha256": wrong}))
    done = run_videos(videos, tmp_path / "results")
    assert done.code == 1
    assert "s0.json was changed: its hash of the boxes" in done.stderr


@pytest.mark.parametrize("lost", ["environment", "record", "boxes", "manifest"])
def test_a_deleted_file_is_remarked(videos, whole, tmp_path, lost):
    results = tmp_path / "results"
    shutil.copytree(whole, results)
    folder = only_run(results).path
    (environment,) = folder.glob("environments/*.json")
    place = {
        "environment": environment,
        "record": folder / "sequences" / "s0.json",
        "boxes": folder / "sequences" / "s0.csv",
        "manifest": folder / "manifest.json",
    }
    place[lost].unlink()
    score = ["score", "custom", "--data-root", videos, "--results", results]
    scored = call(*score, "--allow-missing")
    assert scored.code == (0 if lost in {"environment", "record"} else 1)
    expected = {
        "environment": f"environment {environment.stem} is missing",
        "record": "boxes without a record",
        "boxes": "s0.csv is missing",
        "manifest": "manifest.json is missing",
    }
    assert expected[lost] in scored.stderr
    again = run_videos(videos, results)
    assert again.code == scored.code
    if lost == "environment":
        assert any(expected[lost] in note for note in again.json["notes"])


def test_a_run_computed_in_two_environments_says_so_everywhere(videos, tmp_path, monkeypatch):
    results = tmp_path / "results"
    tracker = own_tracker(tmp_path)
    cards = {"gpu": "none", "driver": "none", "cuda": "none", "cudnn": "none"}
    monkeypatch.setattr("evalkit.store.manifest.graphics", lambda: cards)
    image = videos / "s1" / "img" / "0002.png"
    kept = image.read_bytes()
    image.write_bytes(b"")
    assert run_videos(videos, results, tracker).code == 1
    image.write_bytes(kept)
    cards = cards | {"gpu": "NVIDIA H100", "driver": "570.1"}
    done = run_videos(videos, results, tracker)
    assert done.code == 0
    remark = "different environments (gpu: NVIDIA H100 / none; driver: 570.1 / none)"
    other_order = "different environments (gpu: none / NVIDIA H100; driver: none / 570.1)"

    def tells(text: str) -> bool:
        return remark in " ".join(text.split()) or other_order in " ".join(text.split())

    assert any(map(tells, done.json["notes"]))
    assert tells(done.stderr)
    given = ["--data-root", videos, "--results", results]
    assert run_videos(videos, results).code == 0
    for words in (
        ["score", "custom", *given],
        ["make-table", "--benchmark", "custom", "--format", "csv", *given],
        ["compare", "custom", "--tracker", "Drift,ncc", *given],
    ):
        done = call(*words)
        assert done.code == 0
        assert tells(done.stdout + done.stderr), words
    assert call("make-report", *given, "--output", str(tmp_path / "r.html"), "--worst", "0").code == 0
    assert tells((tmp_path / "r.html").read_text())


def test_the_same_cards_on_two_devices_are_a_mixture_too(whole):
    run = only_run(whole)
    first, second = run.records().values()
    assert runs.mixture(run.environments(), [first, second]) == []
    (remark,) = runs.mixture(run.environments(), [first, dataclasses.replace(second, device="cuda:1")])
    assert "(device: cpu / cuda)" in remark
    elsewhere = [dataclasses.replace(record, device=f"cuda:{number}") for number, record in enumerate([first, second])]
    assert runs.mixture(run.environments(), elsewhere) == []


def test_the_environment_names_card_and_driver_from_the_system(tmp_path, monkeypatch):
    (tmp_path / "gpus" / "0000:01:00.0").mkdir(parents=True)
    (tmp_path / "gpus" / "0000:02:00.0").mkdir()
    for folder in (tmp_path / "gpus").iterdir():
        (folder / "information").write_text("Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 100\n")
    line = "NVRM version: NVIDIA UNIX {}  570.124.06  Release Build  (dvs-builder)  Mon\nGCC version: gcc 12.2.0\n"
    for kind in ("x86_64 Kernel Module", "Open Kernel Module for x86_64"):
        (tmp_path / "version").write_text(line.format(kind))
        assert hardware._from_system(tmp_path) == (["NVIDIA H100 80GB HBM3"] * 2, "570.124.06")
    monkeypatch.setattr(hardware, "_from_library", lambda: (["B", "A", "B"], "1.2"))
    assert current_environment([]).hardware == {**hardware.graphics(), "gpu": "A, B", "driver": "1.2"}
    assert hardware._from_system(tmp_path / "nothing") is None


def test_versions_of_cuda_do_not_depend_on_whether_torch_is_loaded(monkeypatch):
    import sys

    import torch

    loaded = hardware.graphics()
    assert loaded["cuda"] == (torch.version.cuda or "none")
    monkeypatch.delitem(sys.modules, "torch")
    assert hardware.graphics() == loaded
    assert "torch" not in sys.modules


def refuse_writing(path, flags, *more, real=os.open, **settings):
    if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
    return real(path, flags, *more, **settings)


def test_a_finished_run_on_a_read_only_file_system_is_verified_and_scored(videos, whole, monkeypatch):
    monkeypatch.setattr(os, "open", refuse_writing)
    monkeypatch.setattr(os, "access", lambda _path, mode: not mode & os.W_OK)
    done = run_videos(videos, whole)
    assert done.code == 0
    assert "2 of 2 sequences were finished before" in done.stderr
    assert call("score", "custom", "--data-root", videos, "--results", whole).code == 0


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [make_pipe, make_device, Path.mkdir])
@pytest.mark.parametrize("entry", ["manifest.json", "sequences/s0.json", "sequences/s0.csv", "environments/*.json"])
def test_what_is_no_file_in_place_of_one_is_refused_and_does_not_hang(videos, whole, tmp_path, make, entry):
    results = tmp_path / "results"
    shutil.copytree(whole, results)
    (path,) = only_run(results).path.glob(entry)
    path.unlink()
    make(path)
    for done in (
        run_videos(videos, results),
        call("score", "custom", "--data-root", videos, "--results", results),
    ):
        assert done.code == 1
        assert path.name in done.stderr


def test_a_growing_file_is_read_to_the_end_that_it_had(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    assert read_file(tmp_path / "a") == b"x" * 100_000
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "b")


def test_files_of_killed_writers_are_removed_by_the_next_run_alone(videos, whole, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(whole, results)
    run = only_run(results)
    dead = [run.path / ".writing-1", run.path / "sequences" / ".writing-2", run.path / "failures" / ".writing-3"]
    for path in dead:
        path.write_text("half")
    assert run_videos(videos, results, "ncc", "--shard", "1/2").code == 0
    assert all(path.exists() for path in dead)  # another shard may be writing them
    assert run_videos(videos, results).code == 0
    assert not any(path.exists() for path in dead)


def test_results_that_come_while_others_are_written_are_stored_together(videos, tmp_path, monkeypatch):
    written = []

    def slow(folder, *steps, real=runs.write_together):
        if len(steps) == 2:
            written.append(len(steps[0]))
            time.sleep(0.3)  # meanwhile the others finish
        real(folder, *steps)

    monkeypatch.setattr(runs, "write_together", slow)
    data = draw_videos(tmp_path / "videos", [3] * 5)
    assert run_videos(data, tmp_path / "results", "ncc", "--capacity", 5).code == 0
    assert sum(written) == 5
    assert len(written) < 5


@pytest.mark.slow
def test_kills_again_and_again_lose_no_more_than_what_is_under_way(tmp_path):
    data, capacity = draw_videos(tmp_path / "videos", [3] * 150), 2
    log = tmp_path / "finished.txt"
    tracker = own_tracker(tmp_path, sleep=0.005, trouble=f"self.frame == 2 and open({str(log)!r}, 'a').write('x')")
    words = ["run-benchmark", "custom", "--tracker", tracker, "--data-root", data, "--capacity", capacity]
    whole = evalkit(*words, "--results", tmp_path / "whole", "--json").json
    results, stored = tmp_path / "killed", 0
    for kill in range(40):
        log.write_text("")
        process = start(*words, "--results", results)
        while process.poll() is None and len(log.read_text()) < 2 + 3 * (kill % 6):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        before, stored = stored, sum(len(run.records()) for run in ResultStore(results).find())
        # being tracked, waiting to be written, and being written
        assert stored >= before + len(log.read_text()) - (capacity + 2 * (2 * capacity + 1))
        if stored == len(whole["missing"]) + whole["sequences"]:
            break
    done = evalkit(*words, "--results", results, "--json")
    assert done.code == 0, done.stderr
    assert done.json["digest"] == whole["digest"]
    assert not list(results.rglob(".writing-*"))


@pytest.mark.parametrize("count", [1, 5])
def test_no_record_appears_before_its_boxes_are_on_the_disk(whole, tmp_path, monkeypatch, count):
    steps = []
    shutil.copytree(whole, tmp_path / "results")
    run = only_run(tmp_path / "results")
    results = [(dataclasses.replace(run.records()["s0"], name=f"n{number}"), run.read("s0")) for number in range(count)]
    real = {name: getattr(atomic, name) for name in ("_write", "_sync_all", "_sync_folder")}
    replace = Path.replace
    monkeypatch.setattr(
        atomic, "_write", lambda *a, sync: steps.append("sync" if sync else "write") or real["_write"](*a, sync=sync)
    )
    monkeypatch.setattr(atomic, "_sync_all", lambda *a: steps.append("sync all") or real["_sync_all"](*a))
    monkeypatch.setattr(atomic, "_sync_folder", lambda *a: steps.append("sync folder") or real["_sync_folder"](*a))
    monkeypatch.setattr(Path, "replace", lambda path, to: steps.append(to.suffix) or replace(path, to))
    run.write_all(results)
    single = ["sync", ".csv", "sync folder", "sync", ".json", "sync folder"]
    five = [*["write"] * 5, *[".csv"] * 5, *["write"] * 5, "sync all", *[".json"] * 5, "sync folder"]
    assert steps == {1: single, 5: five}[count]
