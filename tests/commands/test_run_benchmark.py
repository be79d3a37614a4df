"""`evalkit run-benchmark` from a user's side: complete or says why; resumes; never loses or mixes results."""

import dataclasses
import os
import shlex
import shutil
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest

from helpers.program import PATIENCE, call, only_run, run_videos, start, wait_until
from helpers.trees import draw_video, draw_videos

LENGTHS = [6, 9, 4, 12, 5]

OWN = """
import numpy as np, os, time
class Drift:
    started = 0
    def initialize(self, image, box):
        Drift.started += 1
        self.box = np.array(box, float)
    def track(self, image):
        if Drift.started > {quick} and not os.path.exists({go!r}):
            time.sleep(1)
        self.box[:2] += image.mean() / 1000
        {extra}
        return self.box.copy()
"""


def own_tracker(folder: Path, *, quick: float = float("inf"), extra: str = "pass") -> str:
    """After so many quick sequences each frame takes a second, until there is a file ``go``."""
    path = folder / "mine.py"
    path.write_text(OWN.format(quick=f"float('{quick}')", go=str(folder / "go"), extra=extra))
    return f"{path}:Drift"


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    return draw_videos(tmp_path / "videos", LENGTHS)


def test_the_document_of_a_complete_run(videos, tmp_path):
    done = run_videos(videos, tmp_path / "results")
    assert done.code == 0, done.stderr
    document = done.json
    assert document["benchmark"] == "custom"
    assert document["tracker"] == "ncc"
    assert document["status"] == "complete"
    assert document["sequences"] == len(LENGTHS)
    assert document["frames"] == sum(LENGTHS)
    assert document["seconds"] > 0
    assert document["failed"] == {}
    assert len(document["digest"]) == 64
    assert (tmp_path / "results" / "custom" / "ncc" / document["run"] / "manifest.json").is_file()


def test_boxes_do_not_depend_on_capacity_or_decoders(videos, tmp_path):
    digests = {
        run_videos(videos, tmp_path / f"r{capacity}", "kcf", "--capacity", capacity, "--decoders", decoders).json[
            "digest"
        ]
        for capacity, decoders in [(1, 1), (4, 3), (16, 2)]
    }
    assert len(digests) == 1


def test_the_same_command_again_computes_nothing(videos, tmp_path):
    first = run_videos(videos, tmp_path / "results")
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "results").rglob("*.csv")}
    again = run_videos(videos, tmp_path / "results")
    assert again.json == first.json
    assert "5 of 5 sequences were finished before" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "results").rglob("*.csv")} == files


def test_kill_9_then_resume_gives_the_digest_of_an_undisturbed_run(tmp_path):
    videos = draw_videos(tmp_path / "videos", [8] * 6)
    tracker = own_tracker(tmp_path, quick=2)
    (tmp_path / "go").touch()
    undisturbed = run_videos(videos, tmp_path / "whole", tracker).json
    (tmp_path / "go").unlink()
    common = ["run-benchmark", "custom", "--tracker", tracker, "--data-root", videos, "--capacity", 1]
    process = start(*common, "--results", tmp_path / "killed")
    wait_until(lambda: len(list((tmp_path / "killed").rglob("sequences/*.json"))) == 2, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (tmp_path / "go").touch()
    stored = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "killed").rglob("sequences/*.json")}
    assert len(stored) == 2
    resumed = run_videos(videos, tmp_path / "killed", tracker)
    assert resumed.code == 0, resumed.stderr
    assert resumed.json["digest"] == undisturbed["digest"]
    assert resumed.json["run"] == undisturbed["run"]
    for path in (tmp_path / "killed").rglob("sequences/*.json"):
        assert path.stat().st_mtime_ns == stored.get(path.name, path.stat().st_mtime_ns), "a finished one was redone"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_keeps_what_is_finished_and_says_how_to_go_on(tmp_path, number):
    videos = draw_videos(tmp_path / "videos", [8] * 6)
    common = ["run-benchmark", "custom", "--tracker", own_tracker(tmp_path, quick=1), "--data-root", videos]
    process = start(*common, "--results", tmp_path / "results", "--capacity", 1)
    wait_until(lambda: list((tmp_path / "results").rglob("sequences/*.json")), process)
    process.send_signal(number)
    output, messages = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "partial" in output
    assert "the same command runs only what is missing" in messages
    assert "Traceback" not in messages


def damage_truncated(folder: Path) -> None:
    path = sorted((folder / "img").iterdir())[3]
    path.write_bytes(path.read_bytes()[:-40])


def damage_empty(folder: Path) -> None:
    sorted((folder / "img").iterdir())[3].write_bytes(b"")


def damage_text(folder: Path) -> None:
    sorted((folder / "img").iterdir())[3].write_text("I am no image")


def damage_missing_images(folder: Path) -> None:
    for path in sorted((folder / "img").iterdir())[3:]:
        path.unlink()


def damage_annotation_text(folder: Path) -> None:
    (folder / "groundtruth.txt").write_text("one,two,three,four\n")


def damage_annotation_columns(folder: Path) -> None:
    (folder / "groundtruth.txt").write_text("1,2,3\n" * 9)


def damage_first_nan(folder: Path) -> None:
    text = (folder / "groundtruth.txt").read_text().splitlines()
    (folder / "groundtruth.txt").write_text("\n".join(["nan,nan,nan,nan", *text[1:]]) + "\n")


def damage_first_zero(folder: Path) -> None:
    text = (folder / "groundtruth.txt").read_text().splitlines()
    (folder / "groundtruth.txt").write_text("\n".join(["5,6,0,10", *text[1:]]) + "\n")


def damage_more_rows(folder: Path) -> None:
    with (folder / "groundtruth.txt").open("a") as file:
        file.write("1,2,3,4\n" * 3)


def damage_outside(folder: Path) -> None:
    text = (folder / "groundtruth.txt").read_text().splitlines()
    (folder / "groundtruth.txt").write_text("\n".join(["500,600,10,10", *text[1:]]) + "\n")


def damage_folder(folder: Path) -> None:
    shutil.rmtree(folder / "img")


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (damage_truncated, r"0004.png"),
        (damage_empty, r"0004.png"),
        (damage_text, r"0004.png"),
        (damage_missing_images, r"9 "),
        (damage_annotation_text, r"groundtruth.txt"),
        (damage_annotation_columns, r"groundtruth.txt"),
        (damage_first_nan, r"groundtruth.txt"),
        (damage_first_zero, r"groundtruth.txt"),
        (damage_more_rows, r"groundtruth.txt"),
        (damage_outside, r"groundtruth.txt"),
        (damage_folder, r"s1"),
    ],
)
def test_a_damaged_sequence_fails_by_name_and_the_others_go_on(videos, tmp_path, damage, text):
    damage(videos / "s1")
    done = run_videos(videos, tmp_path / "results", "still" if damage is damage_folder else "ncc")
    assert done.code == 1
    document = done.json
    assert document["status"] == "partial"
    assert list(document["failed"]) == ["s1"]
    assert text in document["failed"]["s1"]
    assert document["sequences"] == len(LENGTHS) - 1
    assert "s1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mended_sequence_alone_is_run_again(videos, tmp_path):
    whole = run_videos(videos, tmp_path / "whole").json
    good = (videos / "s1" / "img" / "0004.png").read_bytes()
    damage_truncated(videos / "s1")
    assert run_videos(videos, tmp_path / "results").code == 1
    (videos / "s1" / "img" / "0004.png").write_bytes(good)
    again = run_videos(videos, tmp_path / "results")
    assert again.code == 0
    assert again.json["digest"] == whole["digest"]
    assert not list((tmp_path / "results").rglob("failures/*.json"))


@pytest.mark.parametrize(
    ("extra", "text"),
    [
        ("raise ValueError('out of ideas')", "out of ideas"),
        ("self.box[0] = np.nan", "finite"),
        ("return self.box[:3]", "4 numbers"),
        ("return None", "4 numbers"),
        ("raise SystemExit(3)", "SystemExit"),
    ],
)
def test_a_tracker_that_misbehaves_fails_its_sequences_and_is_named(videos, tmp_path, extra, text):
    done = run_videos(videos, tmp_path / "results", own_tracker(tmp_path, extra=extra))
    assert done.code == 1
    assert sorted(done.json["failed"]) == ["s0", "s1", "s2", "s3", "s4"]
    assert all(text in error and "frame 1" in error for error in done.json["failed"].values()), done.json["failed"]


def test_a_tracker_that_never_stops_fails_its_sequence_alone(videos, tmp_path):
    tracker = own_tracker(tmp_path, extra="time.sleep(3600 if abs(self.box[2] - 12.5) < 0.1 else 0)")
    (videos / "s2" / "groundtruth.txt").write_text("5,6,12.5,10\n")
    done = run_videos(videos, tmp_path / "results", tracker, "--timeout", 3, apart=True)
    assert done.code == 1
    assert list(done.json["failed"]) == ["s2"]
    assert "did not answer within 3 s" in done.json["failed"]["s2"]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_tracker_prints_does_not_mix_with_the_document(videos, tmp_path, workers):
    tracker = own_tracker(tmp_path, extra="print('hello from the tracker')")
    done = run_videos(videos, tmp_path / "results", tracker, "--workers", workers, apart=True)
    assert done.code == 0
    assert done.json["status"] == "complete"
    assert "hello from the tracker" in done.stderr


def test_quiet_still_names_what_failed(videos, tmp_path):
    damage_empty(videos / "s1")
    done = run_videos(videos, tmp_path / "results", "ncc", "--quiet")
    assert done.code == 1
    assert "failed: custom/s1: " in done.stderr
    assert "0004.png" in done.stderr


@pytest.mark.parametrize("options", [(), ("--limit-sequences", 2), ("--sequences", "s1", "--repeat", 2)])
def test_the_hint_of_the_next_command_works_as_printed(videos, tmp_path, options):
    done = run_videos(videos, tmp_path / "results", "ncc", *options)
    hint = done.stderr.partition("next:\nevalkit ")[2].replace("\\\n", "")
    table = call(*shlex.split(hint))
    assert table.code == 0, table.stderr
    assert "ncc" in table.stdout


def test_selections_limits_and_repeats(videos, tmp_path):
    done = run_videos(videos, tmp_path / "results", "still", "--sequences", "s3,s1", "--limit-frames", 5, "--repeat", 2)
    assert [document["frames"] for document in done.json] == [10, 10]
    assert [document["repeat"] for document in done.json] == [0, 1]
    assert len({document["run"] for document in done.json}) == 2
    (tmp_path / "names.txt").write_text("s0\ns2\n")
    listed = run_videos(videos, tmp_path / "results", "still", "--sequences", f"@{tmp_path / 'names.txt'}")
    assert listed.json["sequences"] == 2
    limited = run_videos(videos, tmp_path / "results", "still", "--limit-sequences", 3)
    assert limited.json["sequences"] == 3
    unknown = run_videos(videos, tmp_path / "results", "still", "--sequences", "s33")
    assert unknown.code == 2
    assert "did you mean" in unknown.stderr


def test_a_changed_result_is_refused_on_resume(videos, tmp_path):
    run_videos(videos, tmp_path / "results")
    path = next((tmp_path / "results").rglob("sequences/s1.csv"))
    path.write_text(path.read_text().replace("12.0", "13.0"))
    done = run_videos(videos, tmp_path / "results")
    assert done.code == 1
    assert "s1.csv was changed after it was written" in done.stderr


def test_results_of_other_data_under_the_same_names_are_refused(videos, tmp_path):
    run_videos(videos, tmp_path / "results")
    draw_video(tmp_path / "other" / "videos" / "s0", 7, seed=9)
    for name in ("s1", "s2", "s3", "s4"):
        shutil.copytree(videos / name, tmp_path / "other" / "videos" / name)
    done = run_videos(tmp_path / "other" / "videos", tmp_path / "results")
    assert done.code == 1
    assert "holds results of other data: s0 has 6 frames" in done.stderr
    fresh = run_videos(tmp_path / "other" / "videos", tmp_path / "results", "ncc", "--fresh")
    assert fresh.code == 0
    assert list((tmp_path / "results").glob("custom/ncc/.replaced/*/manifest.json"))


def test_a_run_begun_under_other_code_is_not_continued_unless_asked_for(videos, tmp_path):
    damage_empty(videos / "s1")
    assert run_videos(videos, tmp_path / "results").code == 1
    stored = only_run(tmp_path / "results")
    (environment,) = stored.environments().values()
    (stored.path / "environments" / f"{environment.sha256[:12]}.json").unlink()
    stored.add_environment(dataclasses.replace(environment, image_decoder="opencv 1.0"))
    refused = run_videos(videos, tmp_path / "results")
    assert refused.code == 1
    assert "image_decoder: opencv 1.0 before" in refused.stderr
    assert "--allow-mixed" in refused.stderr
    draw_video(tmp_path / "new", LENGTHS[1], seed=1)
    shutil.copy(tmp_path / "new" / "img" / "0004.png", videos / "s1" / "img" / "0004.png")
    mixed = run_videos(videos, tmp_path / "results", "ncc", "--allow-mixed")
    assert mixed.code == 0
    assert mixed.json["environments"] == 2
    assert run_videos(videos, tmp_path / "results").code == 0, "a finished run is only verified"


def test_two_runs_into_the_same_folder_at_once(tmp_path):
    videos = draw_videos(tmp_path / "videos", [10] * 4)
    tracker = own_tracker(tmp_path, quick=0)
    common = ["run-benchmark", "custom", "--tracker", tracker, "--data-root", videos, "--results", tmp_path / "r"]
    process = start(*common)
    wait_until(lambda: list((tmp_path / "r").rglob("environments/*.json")), process)
    second = call(*common)
    (tmp_path / "go").touch()
    _, messages = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, messages
    assert second.code == 1
    assert "is being written by another process" in second.stderr


def test_a_results_folder_that_cannot_be_used(videos, tmp_path):
    (tmp_path / "results").write_text("a file")
    done = run_videos(videos, tmp_path / "results")
    assert done.code == 1
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_disk_that_fills_stops_the_run_keeps_what_is_there_and_says_so(videos, tmp_path, monkeypatch):
    results = tmp_path / "results"
    arguments = ["run-benchmark", "custom", "--tracker", "still", "--data-root", str(videos), "--results", str(results)]
    real_replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        stored = {path.name for path in target.parent.glob("*.csv")}
        if target.suffix == ".csv" and len(stored | {target.name}) > 2:
            raise OSError(28, os.strerror(28))
        return real_replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    assert call(*arguments).code == 1
    monkeypatch.undo()
    assert len(list(results.rglob("sequences/*.json"))) == 2
    assert not list(results.rglob(".writing-*"))
    done = run_videos(videos, results, "still")
    assert done.code == 0
    assert "2 of 5 sequences were finished before" in done.stderr


@pytest.mark.parametrize("name", ["two words", "ünïcode 視覚", "boy`head's+1"])
def test_names_with_blanks_and_unicode(tmp_path, name):
    draw_video(tmp_path / "videos" / name, 4)
    done = run_videos(tmp_path / "videos", tmp_path / "results")
    assert done.code == 0, done.stderr
    assert done.json["sequences"] == 1
    again = run_videos(tmp_path / "videos", tmp_path / "results", "ncc", "--sequences", name)
    assert again.json["sequences"] == 1


def save(path: Path, image: np.ndarray) -> None:
    assert cv2.imwrite(str(path), image)


def test_gray_and_16_bit_images_run(tmp_path):
    folder = tmp_path / "videos" / "odd"
    draw_video(folder, 6)
    images = sorted((folder / "img").iterdir())
    save(images[2], cv2.imread(str(images[2]), cv2.IMREAD_GRAYSCALE))
    save(images[3], cv2.imread(str(images[3])).astype(np.uint16) * 257)
    done = run_videos(tmp_path / "videos", tmp_path / "results")
    assert done.code == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["run-benchmark", "lasott", "--tracker", "kcf"], 2, "did you mean 'lasot'"),
        (["run-benchmark", "lasot", "--tracker", "kfc", "--data-root", "."], 2, "did you mean 'kcf'"),
        (["run-benchmark", "lasot", "--tracker", "kcf", "--data-root", "nowhere"], 1, "no folder"),
        (
            ["run-benchmark", "lasot", "--tracker", "kcf", "--split", "tset", "--data-root", "."],
            2,
            "did you mean 'test'",
        ),
        (["run-benchmark", "lasot"], 2, "--tracker"),
        (
            ["run-benchmark", "lasot", "--tracker", "still", "--device", "cudaa"],
            2,
            "'cudaa' is none of auto, cpu, cuda",
        ),
        (["run-benchmarks"], 2, "did you mean 'run-benchmark'"),
        (["run-benchmark", "custom", "--tracker", "kcf", "--data-root", ".", "--capacity", "many"], 1, "."),
    ],
)
def test_wrong_usage(tmp_path, arguments, code, text):
    done = call(*arguments, cwd=tmp_path)
    assert done.code in {code, 2 if text == "." else code}
    assert text in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "limits"),
    [
        ("--timeout", "-1", "0<x<=604800"),
        ("--timeout", "0", "0<x<=604800"),
        ("--timeout", "inf", "0<x<=604800"),
        ("--timeout", "nan", "is no number of seconds"),
        ("--repeat", "1000000", "1<=x<=1000"),
        ("--repeat", "0", "1<=x<=1000"),
        ("--workers", "100000", "1<=x<=1024"),
        ("--decoders", "100000", "1<=x<=1024"),
        ("--seed", "-1", "0<=x<=9223372036854775807"),
    ],
)
def test_numbers_out_of_range_are_refused_with_the_range(tmp_path, option, value, limits):
    done = call("run-benchmark", "lasot", "--tracker", "still", option, value, cwd=tmp_path)
    assert done.code == 2
    assert limits in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_data_folder_configured_says_how_to(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("EVALKIT_DATA_ROOT", raising=False)
    done = call("run-benchmark", "lasot", "--tracker", "still", cwd=tmp_path)
    assert done.code == 1
    assert "evalkit config set data-root.lasot DIR" in done.stderr


def test_the_settings_file_and_the_environment_name_data_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    draw_videos(tmp_path / "videos", [3])
    assert call("config", "set", "data-root.custom", tmp_path / "videos").code == 0
    assert str(tmp_path / "videos") in call("config", "show").stdout
    assert call("run-benchmark", "custom", "--tracker", "still", cwd=tmp_path).code == 0
    path = Path(call("config", "path").stdout.strip())
    path.write_text("[data-rot]\n")
    broken = call("run-benchmark", "custom", "--tracker", "still", cwd=tmp_path)
    assert broken.code == 1
    assert "config.toml" in broken.stderr
    path.unlink()
    monkeypatch.setenv("EVALKIT_DATA_ROOT", str(tmp_path / "videos"))
    assert call("run-benchmark", "custom", "--tracker", "still", cwd=tmp_path).code == 0
    assert call("config", "set", "data-root.lasott", "x").code == 2


def test_several_trackers_are_run_one_after_the_other(videos, tmp_path):
    place = ["--data-root", videos, "--results", tmp_path / "r"]
    done = call(
        "run-benchmark", "--benchmark", "custom", "--tracker", "still,ncc", "--tracker", "still", *place, "--json"
    )
    assert done.code == 0
    assert [document["tracker"] for document in done.json] == ["still", "ncc"]
    assert "make-table custom --tracker still,ncc" in done.stderr
    assert call("run-benchmark", "custom", "--tracker", "still,nccc", *place).code == 2
    weights = tmp_path / "weights.pth"
    weights.touch()
    assert call("run-benchmark", "custom", "--tracker", "still,ncc", "--weights", weights, *place).code == 2
    assert call("run-benchmark", "--tracker", "still", *place).code == 2
