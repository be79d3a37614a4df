"""Rendering the sample: the same bytes every time, all or nothing, and nobody's files are touched."""

import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import filelock
import numpy as np
import pytest

from evalkit.errors import SampleError
from evalkit.sample import RECORD, render, sample_origin, sprites, textures
from evalkit.sample.image_files import palette_bmp, write_image
from evalkit.sample.render import make_sample
from evalkit.sample.scenarios import SCENARIOS
from helpers import ROOT
from helpers.program import python, wait_until


def digests(folder: Path, part: str = "") -> dict[str, str]:
    files = sorted(path for path in (folder / part).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(render, "SCENARIOS", tuple(item for item in SCENARIOS if item.name in names))


def test_two_renders_are_equal_to_the_byte(tiny_sample, tmp_path):
    again = make_sample(tmp_path / "again", tiny=True).folder
    assert digests(again) == digests(tiny_sample)


def test_another_seed_gives_other_pictures_and_other_places(tiny_sample, tmp_path, monkeypatch):
    only(monkeypatch, "GOT-10k_Val_000001")
    name = "GOT-10k/val/GOT-10k_Val_000001"
    monkeypatch.setattr(render, "LAYOUTS", {"GOT-10k": render.LAYOUTS["GOT-10k"]})
    other = make_sample(tmp_path / "other", 1, tiny=True).folder
    ours, theirs = digests(tiny_sample, name), digests(other, name)
    assert ours.keys() == theirs.keys()
    same = {file for file in ours if ours[file] == theirs[file]}
    assert f"{name}/00000001.jpg" not in same
    assert f"{name}/groundtruth.txt" not in same


def test_a_sequence_does_not_depend_on_the_others(tiny_sample, tmp_path, monkeypatch):
    only(monkeypatch, "vis-car", "tn-car")
    alone = make_sample(tmp_path / "alone", tiny=True).folder
    for part in ("VisEvent/test/vis-car", "TrackingNet/TEST/frames/tn-car"):
        assert digests(alone, part) == digests(tiny_sample, part)
        assert len(digests(alone, part)) >= 12


def test_number_of_opencv_threads_is_given_back(tmp_path, monkeypatch):
    only(monkeypatch, "tn-car")
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        make_sample(tmp_path / "sample", tiny=True)
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_tiny_has_all_benchmarks_and_the_record_says_so(tiny_sample):
    record = json.loads((tiny_sample / RECORD).read_text(encoding="utf-8"))
    places = {(entry["benchmark"], entry["split"]) for entry in record["sequences"]}
    assert places == {(scenario.benchmark, scenario.split) for scenario in SCENARIOS}
    assert len(places) == len(record["sequences"]) == 11
    assert {entry["frames"] for entry in record["sequences"]} == {12}
    assert record["libraries"] == {"numpy": np.__version__, "opencv": cv2.__version__}
    image = cv2.imread(str(tiny_sample / "LaSOT/lasot/lasot-leave/img/00000001.jpg"))
    assert image.shape == (120, 160, 3)


def test_every_scenario_has_its_own_name():
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names) == 22


def test_progress_counts_every_frame_once(tmp_path):
    seen: list[tuple[int, int]] = []
    result = make_sample(tmp_path / "sample", tiny=True, progress=lambda *step: seen.append(step))
    assert [done for done, _ in seen] == list(range(1, result.frames + 1))
    assert {total for _, total in seen} == {result.frames}


def test_second_call_finds_the_sample_and_changes_nothing(tiny_sample):
    before = {path: path.stat().st_mtime_ns for path in tiny_sample.rglob("*")}
    result = make_sample(tiny_sample, tiny=True)
    assert not result.created
    assert result.sequences == 11
    assert {path: path.stat().st_mtime_ns for path in tiny_sample.rglob("*")} == before


@pytest.mark.parametrize("other", [{"seed": 1, "tiny": True}, {"tiny": False}, {"tiny": True, "size": (128, 96)}])
def test_other_parameters_on_an_existing_sample_are_refused(tiny_sample, other):
    before = digests(tiny_sample)
    with pytest.raises(SampleError, match=r"holds another sample: found sample:format=1:seed=0:size=160x120.*expected"):
        make_sample(tiny_sample, **other)
    assert digests(tiny_sample) == before


def test_a_folder_with_other_content_is_refused(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(SampleError, match=r"not empty and holds no sample \(precious.txt\)"):
        make_sample(tmp_path, tiny=True)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "sample").write_text("mine")
    with pytest.raises(SampleError, match="is a file"):
        make_sample(tmp_path / "sample", tiny=True)
    assert (tmp_path / "sample").read_text() == "mine"


def test_an_incomplete_sample_is_reported(tiny_sample, tmp_path):
    broken = tmp_path / "sample"
    broken.mkdir()
    (broken / RECORD).write_bytes((tiny_sample / RECORD).read_bytes())
    with pytest.raises(SampleError, match=r"lacks UAV123, .*\.truth"):
        make_sample(broken, tiny=True)


def test_an_empty_folder_is_used(tmp_path, monkeypatch):
    only(monkeypatch, "tn-car")
    (tmp_path / "sample").mkdir()
    assert make_sample(tmp_path / "sample", tiny=True).created
    assert (tmp_path / "sample" / RECORD).is_file()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_interrupted_rendering_leaves_nothing(tmp_path, stop):
    def interrupt(done: int, _: int) -> None:
        if done == 20:
            raise stop

    with pytest.raises(stop):
        make_sample(tmp_path / "sample", tiny=True, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_reported_and_leaves_nothing(tmp_path, monkeypatch):
    written = []

    def write(path: Path, picture: np.ndarray) -> None:
        written.append(path)
        if len(written) > 30:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_image(path, picture)

    monkeypatch.setattr(render, "write_image", write)
    with pytest.raises(SampleError, match=r"No space left on device.*Nothing was left"):
        make_sample(tmp_path / "sample", tiny=True)
    assert list(tmp_path.iterdir()) == []


def test_killed_rendering_is_cleaned_up_by_the_next_one(tmp_path):
    code = "import sys; from pathlib import Path; from evalkit.sample.render import make_sample; make_sample(Path(sys.argv[1]))"
    folder = tmp_path / "sample"
    with subprocess.Popen([sys.executable, "-c", code, str(folder)]) as process:
        wait_until(lambda: list(tmp_path.glob(".sample.rendering-*/sample/*/*")))
        process.kill()
    assert not folder.exists()
    assert len(list(tmp_path.iterdir())) == 1
    make_sample(folder, tiny=True)
    assert [path.name for path in tmp_path.iterdir()] == ["sample"]


def test_leftovers_of_a_rendering_at_work_stay(tmp_path, monkeypatch):
    only(monkeypatch, "tn-car")
    other = tmp_path / ".sample.rendering-abc"
    other.mkdir()
    with filelock.FileLock(other / "lock"):
        make_sample(tmp_path / "sample", tiny=True)
        assert other.is_dir()


def test_two_renderings_at_once_agree(tmp_path, monkeypatch):
    only(monkeypatch, "tn-car")
    finish = render._finish

    def overtaken(draft: Path, identity: object, clips: list[object]) -> None:
        finish(draft, identity, clips)
        monkeypatch.setattr(render, "_finish", finish)
        make_sample(tmp_path / "sample", tiny=True)  # the other process is quicker

    monkeypatch.setattr(render, "LAYOUTS", {"TrackingNet": render.LAYOUTS["TrackingNet"]})
    monkeypatch.setattr(render, "_finish", overtaken)
    make_sample(tmp_path / "sample", tiny=True)
    assert [path.name for path in tmp_path.iterdir()] == ["sample"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_place_is_reported(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(SampleError, match="Permission denied"):
            make_sample(tmp_path / "sample", tiny=True)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [({"seed": -1}, "seed must be 0 or more"), ({"size": (63, 240)}, "63x240"), ({"size": (320, 9999)}, "320x9999")],
)
def test_bad_parameters_are_refused(tmp_path, parameters, text):
    with pytest.raises(SampleError, match=text):
        make_sample(tmp_path / "sample", **parameters)
    assert list(tmp_path.iterdir()) == []


def test_missing_photographs_are_replaced_by_noise(tmp_path, monkeypatch):
    caches = (textures.texture, sprites._photo)
    monkeypatch.setattr(textures, "FOLDER", tmp_path / "nowhere")
    only(monkeypatch, "GOT-10k_Val_000001")
    for cache in caches:
        cache.cache_clear()
    try:
        make_sample(tmp_path / "sample", tiny=True)
        image = textures.texture("brick")
    finally:
        for cache in caches:
            cache.cache_clear()
    assert image.shape == (384, 384, 3)
    assert 20 < image.std() < 60
    frame = cv2.imread(str(tmp_path / "sample/GOT-10k/val/GOT-10k_Val_000001/00000001.jpg"))
    assert frame.std() > 10


def test_all_photographs_are_packaged():
    names = {*textures.PHOTOGRAPHS, "brick", "grass", "gravel"}
    assert {path.stem for path in textures.FOLDER.glob("*.jpg")} == names
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert all(f"{name}.jpg" in notice for name in names)


@pytest.mark.parametrize("size", [(1, 1), (3, 255), (2, 256), (2, 511), (5, 321)])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.6])
def test_run_length_bitmaps_decode_to_the_same_pixels(size, density):
    colors = ((255, 255, 255), (30, 30, 220), (200, 30, 30))
    rng = np.random.default_rng(1)
    indices = np.where(rng.random(size) < density, rng.integers(1, 3, size), 0)
    picture = np.array(colors, dtype=np.uint8)[indices]
    data = np.frombuffer(palette_bmp(picture, colors), dtype=np.uint8)
    for mode in (cv2.IMREAD_COLOR, cv2.IMREAD_UNCHANGED):
        assert np.array_equal(cv2.imdecode(data, mode), picture)


def test_origin_is_told_from_the_sample_and_from_a_benchmark_in_it(tiny_sample, tmp_path):
    expected = "sample:format=1:seed=0:size=160x120:tiny=true"
    assert sample_origin(tiny_sample) == expected
    assert sample_origin(tiny_sample / "LaSOT") == expected
    assert sample_origin(tiny_sample / "GOT-10k") == expected
    assert sample_origin(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": 1}',
        '{"format": 1, "seed": "0", "size": [320, 240], "tiny": false}',
        '{"format": 1, "seed": 0, "size": [320], "tiny": false}',
        '{"format": 1, "seed": 0, "size": [320, 240], "tiny": 0}',
    ],
)
def test_damaged_record_is_reported(tmp_path, text):
    (tmp_path / RECORD).write_text(text)
    with pytest.raises(SampleError, match=r"sample\.json marks its folder as a sample benchmark, but is damaged"):
        sample_origin(tmp_path)
    with pytest.raises(SampleError, match="damaged"):
        make_sample(tmp_path)


def test_asking_for_the_origin_loads_neither_numpy_nor_opencv():
    code = (
        "import sys; from evalkit.sample import sample_origin; print([m for m in ('cv2', 'numpy') if m in sys.modules])"
    )
    assert python(code).stdout.strip() == "[]"
