"""A tracker of the user: a class in a file, a class in a module, or one of the got10k package's API."""

import re

import pytest

from evalkit.errors import TrackerError, UnknownNameError
from evalkit.provenance import hash_files
from evalkit.sequences import Modality
from evalkit.testing import check_tracker, draw_video, track_together
from evalkit.tracking.catalog import check_modalities
from evalkit.tracking.interface import TrackerInfo
from helpers import ROOT
from helpers.own_trackers import load, moved

DOCS = ROOT / "docs" / "own-tracker.md"
SHIFT = """
class Shift:
    def initialize(self, image, box):
        self.box = box
    def track(self, image):
        self.box[0] += 1
        return self.box
"""


# ---- the three interfaces


def test_a_class_in_a_file_is_a_tracker(write):
    tracker = load(f"{write(SHIFT)}:Shift")
    assert tracker.info.name == "Shift"
    assert tracker.info.deterministic
    assert moved(tracker)[0] == [3, 0, 0, 0]
    assert check_tracker(tracker).passed


def test_the_source_is_part_of_the_identity(write):
    path = write(SHIFT)
    before = load(f"{path}:Shift").info.config
    assert before == {"source_sha256": hash_files([path])}
    write(SHIFT + "\n# changed\n")
    after = load(f"{path}:Shift").info.config
    assert after["source_sha256"] != before["source_sha256"]


def test_a_changed_file_is_loaded_anew(write):
    path = write(SHIFT)
    load(f"{path}:Shift")
    write(SHIFT.replace("+= 1", "+= 5"))
    assert moved(load(f"{path}:Shift"))[0] == [15, 0, 0, 0]


def test_a_class_of_an_importable_module_is_a_tracker(write, monkeypatch):
    monkeypatch.syspath_prepend(write(SHIFT, "evalkit_test_importable.py").parent)
    tracker = load("evalkit_test_importable:Shift")
    assert tracker.info.name == "Shift"
    assert moved(tracker)[0] == [3, 0, 0, 0]


def test_the_got10k_package_s_own_tracker_runs():
    tracker = load("got10k.trackers:IdentityTracker")
    assert tracker.info.name == "IdentityTracker"
    assert tracker.info.deterministic
    assert tracker.info.modalities == {Modality.RGB}
    assert moved(tracker)[0] == [0, 0, 0, 0]
    assert check_tracker(tracker).passed


def test_a_subclass_of_the_got10k_tracker_gets_pil_images_in_rgb(write):
    path = write("""
        import numpy as np
        from got10k.trackers import Tracker

        class Sum(Tracker):
            def __init__(self):
                super().__init__(name="Sum")
            def init(self, image, box):
                self.box = box
            def update(self, image):
                assert image.mode == "RGB" and image.size == (160, 120)
                return [*self.box[:2], float(np.asarray(image)[..., 0].mean()), 1]
        """)
    tracker = load(f"{path}:Sum")
    assert not tracker.info.deterministic
    video = draw_video(frame_count=2)
    answer = track_together(tracker, [video])[0].boxes[0]
    assert answer[2] == pytest.approx(video.frames[1].rgb[..., 0].mean())


def test_a_class_with_init_and_update_needs_no_base_class(write):
    path = write("""
        class Duck:
            is_deterministic = True
            def init(self, image, box):
                self.box = box
            def update(self, image):
                return self.box
        """)
    tracker = load(f"{path}:Duck")
    assert tracker.info.deterministic
    assert moved(tracker)[0] == [0, 0, 0, 0]


def test_a_batched_tracker_of_the_user_runs_as_it_is(write):
    path = write("""
        from evalkit.tracking.interface import TrackerInfo
        from trackers.still import StillTracker

        class Batched(StillTracker):
            info = TrackerInfo(name="Batched", config={"a": 1})
        """)
    tracker = load(f"{path}:Batched")
    assert tracker.info.config == {"a": 1, "source_sha256": hash_files([path])}
    assert check_tracker(tracker).passed


# ---- what a class says of itself


def test_attributes_become_the_tracker_s_facts(write):
    path = write("""
        class Facts:
            deterministic = False
            concurrent = True
            config = {"window": 3}
            modalities = ("rgb", "thermal")
            def initialize(self, image, box, aux):
                self.box = box
            def track(self, image, aux):
                assert aux.shape == image.shape
                return self.box
        """)
    info = load(f"{path}:Facts").info
    assert info.modalities == {Modality.RGB, Modality.THERMAL}
    assert info.required == {Modality.THERMAL}
    assert not info.deterministic
    assert info.config["window"] == 3
    assert check_tracker(load(f"{path}:Facts")).passed


def test_a_benchmark_without_the_needed_second_image_is_refused_before_the_run():
    info = TrackerInfo("mine", required=frozenset({Modality.THERMAL}))
    check_modalities(info, {Modality.RGB, Modality.THERMAL}, "LasHeR")
    with pytest.raises(TrackerError, match=r"mine needs a second image \(thermal\), but LaSOT has only: rgb"):
        check_modalities(info, {Modality.RGB}, "LaSOT")
    check_modalities(TrackerInfo("kcf"), {Modality.RGB}, "LaSOT")


def test_a_class_that_takes_options_gets_them_and_its_weights_are_hashed(write, tmp_path):
    path = write("""
        class WithWeights:
            def __init__(self, options):
                self.config = {"device": options.device}
            def initialize(self, image, box):
                self.box = box
            def track(self, image):
                return self.box
        """)
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"123")
    info = load(f"{path}:WithWeights", weights=str(weights), device="cuda:1").info
    assert info.weights_sha256 == hash_files([weights])
    assert info.config["device"] == "cuda:1"
    assert load(f"{path}:WithWeights").info.weights_sha256 is None
    assert load(f"{path}:WithWeights", weights=str(tmp_path)).info.weights_sha256 is not None
    with pytest.raises(TrackerError, match="neither file nor folder"):
        load(f"{path}:WithWeights", weights="nowhere.pt")


def test_a_file_may_import_its_neighbors_and_define_dataclasses(write):
    write("STEP = 2\n", "evalkit_test_neighbor.py")
    path = write("""
        from __future__ import annotations
        from dataclasses import dataclass, field
        from evalkit_test_neighbor import STEP

        @dataclass
        class Neighbor:
            step: int = STEP
            def initialize(self, image, box):
                self.box = box
            def track(self, image):
                self.box[1] += self.step
                return self.box
        """)
    assert moved(load(f"{path}:Neighbor"))[0] == [0, 6, 0, 0]


# ---- what can be wrong


@pytest.mark.parametrize(
    ("text", "class_name", "words"),
    [
        (SHIFT, "Shif", "unknown class 'Shif'; did you mean 'Shift'?"),
        (SHIFT, "", "which class? Give FILE.py:CLASS; found: Shift."),
        ("class Broken:\n    def f(self) return 1\n", "Broken", "cannot be imported: line 2: expected ':'"),
        ("import not_there_at_all\n", "A", "ModuleNotFoundError: No module named 'not_there_at_all' (mine.py, line 1)"),
        ("raise SystemExit(1)\n", "A", "cannot be imported: SystemExit: 1 (mine.py, line 1)"),
        ("A = 3\n", "A", "A is no class"),
        ("class A:\n    def track(self, image): ...\n", "A", "fits no interface. Its methods: track. Interfaces:"),
        ("class A: ...\n", "A", "fits no interface. Its methods: none"),
        (
            "class A:\n def __init__(self, size): ...\n def initialize(self, i, b): ...\n def track(self, i): ...\n",
            "A",
            "the constructor needs size. Give defaults",
        ),
        (
            "class A:\n def __init__(self): 1 / 0\n def initialize(self, i, b): ...\n def track(self, i): ...\n",
            "A",
            "the constructor raised ZeroDivisionError: division by zero (mine.py, line 2)",
        ),
        (SHIFT.replace("class Shift:", "class Shift:\n    modalities = ('rgb', 'thermic')"), "Shift", "'thermal'?"),
        (
            SHIFT.replace("class Shift:", "class Shift:\n    modalities = 'thermal'"),
            "Shift",
            "must be a tuple of names",
        ),
        (SHIFT.replace("class Shift:", "class Shift:\n    config = {'a': {1, 2}}"), "Shift", "dict of JSON values"),
        (SHIFT.replace("class Shift:", "class Shift:\n    config = {'a': float('nan')}"), "Shift", "JSON values"),
        (SHIFT.replace("Shift", "kcf"), "kcf", "belongs to a tracker of the catalog"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(write, text, class_name, words):
    path = write(text)
    with pytest.raises(TrackerError) as caught:
        load(f"{path}:{class_name}" if class_name else path)
    assert words in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TrackerError, match=r"no file .*nothing\.py"):
        load(tmp_path / "nothing.py:A")


def test_a_missing_module_is_named():
    with pytest.raises(TrackerError, match=r"module not_there_at_all cannot be imported.*FILE\.py:CLASS"):
        load("not_there_at_all:A")


def test_weights_for_a_class_that_takes_none_are_refused(write, tmp_path):
    with pytest.raises(TrackerError, match="has no effect"):
        load(f"{write(SHIFT)}:Shift", weights=str(tmp_path))
    with pytest.raises(TrackerError, match="tracker kcf takes no weights"):
        load("kcf", weights=str(tmp_path))


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown tracker 'msse'; did you mean 'mosse'"):
        load("msse")


# ---- the page about it


def code_blocks():
    return re.findall(r"^```python\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_example_of_the_page_runs_and_tracks(write):
    example = code_blocks()[0]
    body = [line for line in example.splitlines() if line.strip() and not line.startswith("import")]
    assert len(body) == 13
    tracker = load(f"{write(example)}:Correlation")
    assert moved(tracker)[0] == [6, 3, 0, 0]


def test_every_class_of_the_page_passes_the_conformance_suite_or_the_page_says_what_fails(write):
    failed = {}
    for number, block in enumerate(code_blocks()):
        name = re.search(r"^class (\w+)", block, re.MULTILINE).group(1)
        report = check_tracker(load(f"{write(block, f'page{number}.py')}:{name}"))
        failed[name] = [check.name for check in report.checks if check.status == "failed"]
    assert failed.pop("Correlation") == ["boxes at the border"]
    assert len(failed) >= 2
    assert all(not names for names in failed.values())
