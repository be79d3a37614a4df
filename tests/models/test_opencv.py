"""OpenCV's trackers: MIL runs; the others find their ONNX files, or say which ones they need and who has them."""

import cv2
import numpy as np
import pytest

import trackers
import trackers.opencv as adapters
from evalkit.errors import TrackerError
from evalkit.provenance import hash_files
from evalkit.sequences import Frame, Modality
from evalkit.testing import Video, check_tracker, draw_video, track_together
from evalkit.tracking.catalog import load_tracker
from evalkit.tracking.interface import TrackerOptions
from helpers import tiny_onnx
from trackers.opencv import DASIAMRPN, MIL, NANO, VIT, OpenCVTracker, find_parts, whole_pixels

NAMES = {
    NANO: {"backbone": "nanotrack_backbone_sim.onnx", "neckhead": "nanotrack_head_sim.onnx"},
    VIT: {"net": "object_tracking_vittrack_2023sep.onnx"},
    DASIAMRPN: {
        "model": "dasiamrpn_model.onnx",
        "kernel_cls1": "dasiamrpn_kernel_cls1.onnx",
        "kernel_r1": "dasiamrpn_kernel_r1.onnx",
    },
}
MODELS = sorted(NAMES, key=lambda model: model.name)


def fill(folder, *names, size=4096):
    for name in names:
        (folder / name).write_bytes(b"\x08" * size)


@pytest.fixture(params=MODELS, ids=lambda model: model.name)
def model(request):
    return request.param


def load(name, weights=None):
    return load_tracker(trackers.CATALOG, name, TrackerOptions(weights=weights))


# ---- MIL


def test_mil_follows_a_moving_target():
    video = draw_video(seed=1, frame_count=8, frame_wh=(160, 120))
    path = track_together(load("opencv-mil"), [video])[0]
    assert np.abs(path.boxes - video.boxes[1:]).max() < 12  # it draws samples at random
    assert np.isnan(path.confidence).all()


def test_mil_says_that_it_is_not_deterministic_and_ignores_a_second_image():
    info = load("opencv-mil").info
    assert not info.deterministic
    assert info.weights_sha256 is None
    assert info.modalities == {Modality.RGB}
    assert any("whole pixels" in note for note in info.notes)
    assert info.config["opencv"] == cv2.__version__


@pytest.mark.slow
def test_mil_passes_the_conformance_suite():
    report = check_tracker(load("opencv-mil"))
    assert [check for check in report.checks if check.status == "failed"] == []


def test_mil_returns_for_boxes_with_which_opencv_would_not():
    video = draw_video(frame_count=2, frame_wh=(160, 120))
    for box in ([20.0, 20, 4, 4], [30, 40, 1, 12], [0, 0, 160, 120], [-5, -5, 20, 20]):
        path = track_together(load("opencv-mil"), [Video(video.frames, np.array([box, box]))])[0]
        width, height = path.boxes[0, 2:]
        assert width <= 160
        assert height <= 120
        assert abs(width - min(box[0] + box[2], 160) + max(box[0], 0)) <= 1


def test_mil_takes_no_weights(tmp_path):
    with pytest.raises(TrackerError, match="takes no weights"):
        load("opencv-mil", str(tmp_path))


@pytest.mark.parametrize(
    ("box", "whole"),
    [
        ((10.4, 2.6, 20, 20), (10, 3, 20, 20)),
        ((-5, -5, 10, 10), (0, 0, 5, 5)),
        ((35, 20, 10, 10), (35, 20, 5, 4)),
        ((10, 10, 0.2, 0.2), (10, 10, 1, 1)),
        ((100, 100, 5, 5), (39, 23, 1, 1)),
        ((-50, -50, 5, 5), (0, 0, 1, 1)),
    ],
)
def test_a_box_is_rounded_and_cut_to_the_frame(box, whole):
    assert whole_pixels(np.array(box, dtype=np.float64), np.zeros((24, 40, 3), np.uint8)) == whole


class Fake:
    """OpenCV's object without OpenCV."""

    answers = ((True, (3, 4, 5, 6)), (False, (0, 0, 0, 0)), (True, (7.5, 8, 9, 10)))
    scores = (0.5, 0.9, 1.7)

    def __init__(self):
        self.step = -1
        self.images = []

    def init(self, image, box):
        self.images.append(image)

    def update(self, image):
        self.step += 1
        return self.answers[self.step]

    def getTrackingScore(self):  # noqa: N802 - OpenCV's name
        return self.scores[self.step]


def test_a_lost_target_repeats_the_last_box_with_confidence_zero():
    tracker, image = OpenCVTracker(Fake, NANO, scored=True), np.zeros((24, 40, 3), np.uint8)
    tracker.initialize(image, np.array([1.0, 2, 3, 4]))
    answers = [tracker.track(image) for _ in range(3)]
    assert [box.tolist() for box, _ in answers] == [[3, 4, 5, 6], [3, 4, 5, 6], [7.5, 8, 9, 10]]
    assert [confidence for _, confidence in answers] == [0.5, 0.0, 1.0]


def test_opencv_gets_its_channels_in_its_order():
    tracker, image = OpenCVTracker(Fake, NANO, scored=True), np.zeros((24, 40, 3), np.uint8)
    image[..., 0] = 200  # red
    tracker.initialize(image, np.array([1.0, 2, 3, 4]))
    assert tracker.tracker.images[0][0, 0].tolist() == [0, 0, 200]


# ---- weight files


def test_files_are_found_under_the_names_that_their_authors_gave_them(model, tmp_path):
    names = NAMES[model]
    fill(tmp_path, *names.values())
    (tmp_path / "README.md").write_text("not a network")
    assert {part: path.name for part, path in find_parts(model, str(tmp_path)).items()} == names


def test_files_are_found_under_opencv_s_default_names(tmp_path):
    fill(tmp_path, "backbone.onnx", "neckhead.onnx")
    assert set(find_parts(NANO, str(tmp_path))) == {"backbone", "neckhead"}


def test_a_single_file_is_enough_for_one_part_and_too_few_for_more(tmp_path):
    fill(tmp_path, "any.onnx")
    assert find_parts(VIT, str(tmp_path / "any.onnx")) == {"net": tmp_path / "any.onnx"}
    assert find_parts(VIT, str(tmp_path)) == {"net": tmp_path / "any.onnx"}
    with pytest.raises(TrackerError, match=r"is one file.*Needed: --weights DIR with these files"):
        find_parts(NANO, str(tmp_path / "any.onnx"))


def test_without_weights_the_error_says_what_is_needed_and_who_has_it(model):
    with pytest.raises(TrackerError) as caught:
        load(model.name)
    text = str(caught.value)
    assert "no --weights given" in text
    assert all(name in text for name in NAMES[model].values())
    assert "Published by" in text


def test_a_missing_place_is_named(model, tmp_path):
    with pytest.raises(TrackerError, match=r"neither file nor folder .*nowhere"):
        load(model.name, str(tmp_path / "nowhere"))


def test_each_missing_part_is_named_with_what_was_found(model, tmp_path):
    for part, name in NAMES[model].items():
        folder = tmp_path / part
        folder.mkdir()
        others = [other for other in NAMES[model].values() if other != name]
        fill(folder, *others)
        with pytest.raises(TrackerError, match=rf"no file fits .* \({part}\) in") as caught:
            find_parts(model, str(folder))
        assert f"ONNX files found: {', '.join(sorted(others)) or 'none'}." in str(caught.value)


def test_an_ambiguous_folder_is_refused_with_its_candidates(tmp_path):
    fill(tmp_path, "v1_backbone.onnx", "v2_backbone.onnx", "head.onnx")
    with pytest.raises(TrackerError, match=r"several files fit \*backbone\*.onnx .*v1_backbone.onnx, v2_backbone.onnx"):
        find_parts(NANO, str(tmp_path))


def test_an_empty_file_and_a_git_lfs_pointer_are_refused(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"")
    with pytest.raises(TrackerError, match=r"a\.onnx is empty"):
        find_parts(VIT, str(tmp_path / "a.onnx"))
    (tmp_path / "b.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    with pytest.raises(TrackerError, match="git-lfs pointer: fetch the file itself"):
        find_parts(VIT, str(tmp_path / "b.onnx"))


def test_a_file_that_is_no_network_is_refused_when_the_tracker_is_built(model, tmp_path):
    fill(tmp_path, *NAMES[model].values())
    with pytest.raises(TrackerError, match=r"OpenCV cannot load .*onnx"):
        load(model.name, str(tmp_path))


def test_an_opencv_without_the_class_is_named(monkeypatch):
    missing = MIL.__class__(name="opencv-goturn", kind="TrackerGOTURN")
    with pytest.raises(TrackerError, match=r"has no cv2\.TrackerGOTURN"):
        adapters.build_tracker(missing, TrackerOptions())


def test_the_catalog_lists_all_adapters():
    names = {name for name in trackers.CATALOG if name.startswith("opencv-")}
    assert names == {model.name for model in (MIL, *MODELS)}
    assert all((trackers.CATALOG[model.name].weights is None) == (not model.parts) for model in (MIL, *MODELS))


def test_frames_are_not_changed_by_opencv():
    frame = Frame(np.full((48, 64, 3), 9, np.uint8))
    track_together(load("opencv-mil"), [Video([frame, frame], np.array([[20.0, 10, 16, 16]] * 2))])
    assert (frame.rgb == 9).all()


# ---- real networks, too small to track


@pytest.fixture(params=["opencv-vit", "opencv-nano"])
def tiny(request, tmp_path):
    if request.param == "opencv-vit":
        (tmp_path / "vit.onnx").write_bytes(tiny_onnx.vit())
        return request.param, tmp_path / "vit.onnx"
    (tmp_path / "tiny_backbone.onnx").write_bytes(tiny_onnx.nano_backbone())
    (tmp_path / "tiny_head.onnx").write_bytes(tiny_onnx.nano_head())
    return request.param, tmp_path


def test_networks_run_through_opencv(tiny):
    name, weights = tiny
    tracker = load(name, str(weights))
    path = track_together(tracker, [draw_video(frame_count=4)])[0]
    assert np.isfinite(path.boxes).all()
    assert ((path.confidence >= 0) & (path.confidence <= 1)).all()
    files = [weights] if weights.is_file() else sorted(weights.iterdir())
    assert tracker.info.weights_sha256 == hash_files(files)
    assert tracker.info.deterministic


def test_networks_pass_the_conformance_suite(tiny):
    name, weights = tiny
    report = check_tracker(load(name, str(weights)), tolerance=0.0)
    assert [check for check in report.checks if check.status == "failed"] == []
