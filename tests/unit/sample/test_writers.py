"""The sample's folders: official file formats, and each reader finds in them what the generator meant."""

import csv
import json
import re

import cv2
import numpy as np
import pytest

from evalkit.benchmarks import get_benchmark
from evalkit.sample.geometry import SceneTruth, scene_truth
from evalkit.sample.render import TINY_FRAMES, TINY_WH
from evalkit.sample.scenarios import SCENARIOS, Scenario
from evalkit.sample.scene import Scene
from evalkit.sample.writers import ATTRIBUTE_CODES, cover_labels, decimal_rows, integer_rows, whole_pixels
from evalkit.sequences import Modality

READERS = {
    "UAV123": ("uav123", {"test": "test"}),
    "GOT-10k": ("got10k", {"val": "val", "test": "test"}),
    "LaSOT": ("lasot", {"testing": "test", "training": "train"}),
    "TNL2K": ("tnl2k", {"test": "test"}),
    "TrackingNet": ("trackingnet", {"TEST": "test", "TRAIN_0": "train"}),
    "VisEvent": ("visevent", {"test": "test"}),
    "LasHeR": ("lasher", {"test": "test"}),
    "DepthTrack": ("depthtrack", {"test": "test"}),
}
INTEGERS = {"UAV123": 1, "LaSOT": 1, "TNL2K": 0, "LasHeR": 0, "DepthTrack": 0}  # coordinate of the first pixel
DECIMALS = {"GOT-10k": 4, "TrackingNet": 2, "VisEvent": 4}
TINY = [scenario for scenario in SCENARIOS if scenario.in_tiny]
IDS = [scenario.name for scenario in TINY]


def truth_of(scenario: Scenario) -> SceneTruth:
    return scene_truth(Scene.of_name(scenario.staging, TINY_FRAMES, TINY_WH, seed=0, name=scenario.name))


def expected_boxes(scenario: Scenario, truth: SceneTruth) -> np.ndarray:
    """The generator's boxes as the benchmark's files can hold them, worked out here once more."""
    boxes = truth.boxes.copy()
    if scenario.benchmark in INTEGERS:
        boxes = np.floor(boxes + 0.5)
        boxes[:, 2:] = np.where(boxes[:, 2:] < 1, 1, boxes[:, 2:])
        boxes[:, :2] += INTEGERS[scenario.benchmark]
    else:
        boxes = np.round(boxes, DECIMALS[scenario.benchmark])
    if scenario.benchmark in {"UAV123", "DepthTrack"}:
        boxes[truth.absent] = np.nan
    elif scenario.benchmark in {"TNL2K", "VisEvent", "LasHeR"}:
        boxes[truth.absent] = 0
    else:
        boxes[truth.out_of_view] = 0
    return boxes


@pytest.mark.parametrize("scenario", TINY, ids=IDS)
def test_reader_finds_the_frames_boxes_and_flags_of_the_generator(tiny_sample, scenario):
    name, splits = READERS[scenario.benchmark]
    spec = get_benchmark(name)
    split, root = spec.splits[splits[scenario.split]], tiny_sample / scenario.benchmark
    assert spec.list_sequences(root, split) == [scenario.name]
    sequence = spec.read_sequence(root, split, scenario.name)
    annotation = sequence.annotation
    truth = truth_of(scenario)
    boxes, absent = expected_boxes(scenario, truth), truth.absent
    first_only = (scenario.benchmark, scenario.split) in {("GOT-10k", "test"), ("TrackingNet", "TEST")}
    if scenario.benchmark == "VisEvent":  # the reader starts at the first frame with the target
        lead = int(np.argmin(absent))
        assert annotation.dropped_leading == lead == 2
        boxes, absent = boxes[lead:], absent[lead:]
    assert len(sequence) == len(sequence.frames) == len(boxes)
    np.testing.assert_allclose(annotation.ground_truth, boxes[:1] if first_only else boxes, atol=1e-9)
    flagged = scenario.benchmark in {"LaSOT", "TNL2K", "VisEvent"} or scenario.split == "val"
    assert annotation.absent.tolist() == (absent.tolist() if flagged else [False] * len(annotation.ground_truth))
    frame = sequence.frames.read(len(sequence) - 1)
    assert frame.rgb.shape == (120, 160, 3)
    assert (frame.aux is not None) == (spec.modalities != {Modality.RGB})


def test_coordinates_start_where_the_benchmark_says():
    for title, (name, _) in READERS.items():
        assert get_benchmark(name).coordinate_origin == INTEGERS.get(title, 0)


def test_attribute_codes_are_those_of_the_benchmarks(tiny_sample):
    for title, codes in ATTRIBUTE_CODES.items():
        assert get_benchmark(READERS[title][0]).attributes == codes
    for scenario in SCENARIOS:
        assert set(scenario.challenges) <= set(ATTRIBUTE_CODES.get(scenario.benchmark, scenario.challenges))
    spec = get_benchmark("uav123")
    annotation = spec.read_annotation(tiny_sample / "UAV123", spec.default_split, "uav-walk")
    assert annotation.attributes == {"LR", "FOC", "POC", "CM"}
    spec = get_benchmark("tnl2k")
    assert spec.read_annotation(tiny_sample / "TNL2K", spec.default_split, "tnl-walk").attributes == {"IV", "BC"}


def test_absent_flags_occur_in_the_tiny_sample(tiny_sample):
    truths = {scenario.name: truth_of(scenario) for scenario in TINY}
    assert truths["lasot-leave"].absent.sum() > 2
    assert truths["dep-leave"].absent.sum() > 2
    assert truths["vis-car"].absent[:3].tolist() == [True, True, False]


def test_uav123_sequence_is_a_part_of_a_longer_folder(tiny_sample):
    root = tiny_sample / "UAV123"
    with (root / "anno/UAV123/sequences.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{"name": "uav-walk", "folder": "uav-park", "start_frame": "3", "end_frame": "14"}]
    images = sorted(path.name for path in (root / "data_seq/UAV123/uav-park").iterdir())
    assert images == [f"{number:06d}.jpg" for number in range(1, 17)]
    assert len((root / "anno/UAV123/uav-walk.txt").read_text().splitlines()) == 12
    assert (root / "anno/UAV123/att/uav-walk.txt").read_text() == "0,0,1,0,1,1,0,0,0,0,1,0\n"


def test_got10k_files_have_the_official_form(tiny_sample):
    val = tiny_sample / "GOT-10k/val/GOT-10k_Val_000001"
    assert re.fullmatch(r"(\d+\.\d{4},){3}\d+\.\d{4}", (val / "groundtruth.txt").read_text().splitlines()[0])
    for name in ("absence", "cut_by_image"):
        assert re.fullmatch(r"([01]\n){12}", (val / f"{name}.label").read_text())
    assert re.fullmatch(r"([0-8]\n){12}", (val / "cover.label").read_text())
    meta = (val / "meta_info.ini").read_text().splitlines()
    assert meta[0] == "[METAINFO]"
    assert meta[-1] == "resolution: (160, 120)"
    assert [line.split(": ")[0] for line in meta[1:]] == [
        *("url", "begin", "end", "anno_fps", "object_class", "motion_class"),
        *("major_class", "root_class", "motion_adverb", "resolution"),
    ]
    assert (tiny_sample / "GOT-10k/val/list.txt").read_text() == "GOT-10k_Val_000001\n"


def test_got10k_test_split_tells_the_first_box_only(tiny_sample):
    test = tiny_sample / "GOT-10k/test/GOT-10k_Test_000001"
    assert sorted(path.name for path in test.iterdir() if path.suffix != ".jpg") == ["groundtruth.txt"]
    rows = (test / "groundtruth.txt").read_text().splitlines()
    hidden = tiny_sample / ".truth/GOT-10k/test/GOT-10k_Test_000001"
    assert (hidden / "groundtruth.txt").read_text().splitlines()[:1] == rows
    assert len(rows) == 1
    spec = get_benchmark("got10k")
    annotation = spec.read_annotation(tiny_sample / ".truth/GOT-10k", spec.splits["test"], "GOT-10k_Test_000001")
    assert annotation.ground_truth.shape == (12, 4)
    assert annotation.visible_eighths is not None
    assert annotation.frame_wh == (160, 120)


def test_trackingnet_hides_its_test_boxes_and_numbers_frames_without_zeros(tiny_sample):
    root = tiny_sample / "TrackingNet"
    images = {path.name for path in (root / "TEST/frames/tn-car").iterdir()}
    assert images == {f"{number}.jpg" for number in range(12)}
    rows = (root / "TEST/anno/tn-car.txt").read_text().splitlines()
    assert len(rows) == 1
    hidden = (tiny_sample / ".truth/TrackingNet/TEST/anno/tn-car.txt").read_text().splitlines()
    assert hidden[0] == rows[0]
    assert len(hidden) == 12
    train = (root / "TRAIN_0/anno/tn-train.txt").read_text().splitlines()
    assert len(train) == 12
    assert all(re.fullmatch(r"(\d+\.\d\d,){3}\d+\.\d\d", row) for row in train)


def test_lasot_flags_stand_in_one_line_and_boxes_count_from_one(tiny_sample):
    folder = tiny_sample / "LaSOT/lasot/lasot-leave"
    for name in ("full_occlusion", "out_of_view"):
        assert re.fullmatch(r"([01],){11}[01]", (folder / f"{name}.txt").read_text())
    truth = truth_of(next(scenario for scenario in TINY if scenario.name == "lasot-leave"))
    x = int((folder / "groundtruth.txt").read_text().split(",")[0])
    assert x == int(np.floor(truth.boxes[0, 0] + 0.5)) + 1
    assert (tiny_sample / "LaSOT/testing_set.txt").read_text() == "lasot-leave\n"
    assert (tiny_sample / "LaSOT/training_set.txt").read_text() == "lasot-train\n"
    assert (folder / "nlp.txt").read_text().count("\n") == 1


def test_tnl2k_names_do_not_start_at_one(tiny_sample):
    folder = tiny_sample / "TNL2K/test/tnl-walk"
    assert sorted(path.name for path in (folder / "imgs").iterdir())[0] == "00017.jpg"
    assert (folder / "language.txt").read_text().strip() == "the person walking from the left to the right"
    assert {item.image_suffix for item in SCENARIOS if item.benchmark == "TNL2K"} == {".jpg", ".png"}
    assert {item.first_number for item in SCENARIOS if item.benchmark == "TNL2K"} == {0, 17}


def test_visevent_flag_one_means_present(tiny_sample):
    folder = tiny_sample / "VisEvent/test/vis-car"
    assert (folder / "absent_label.txt").read_text() == "0\n" * 2 + "1\n" * 10
    rows = (folder / "groundtruth.txt").read_text().splitlines()
    assert rows[:2] == ["0,0,0,0"] * 2
    assert (tiny_sample / "VisEvent/test/testlist.txt").read_text() == "vis-car\n"
    colors = [path.name for path in sorted((folder / "vis_imgs").iterdir())]
    assert colors == [path.name for path in sorted((folder / "event_imgs").iterdir())]
    assert colors[0] == "frame0000.bmp"


def test_visevent_images_are_bitmaps_with_three_event_colors(tiny_sample):
    folder = tiny_sample / "VisEvent/test/vis-car"
    for path in sorted((folder / "event_imgs").iterdir()):
        assert path.read_bytes()[:2] == b"BM"
        image = cv2.imread(str(path))
        assert image.shape == (120, 160, 3)
        assert {tuple(color) for color in image.reshape(-1, 3).tolist()} <= {
            (255, 255, 255),
            (30, 30, 220),
            (200, 30, 30),
        }
        assert (image != 255).any()
    assert cv2.imread(str(folder / "vis_imgs/frame0000.bmp"), cv2.IMREAD_UNCHANGED).shape == (120, 160, 3)


def test_lasher_boxes_of_the_two_cameras(tiny_sample):
    folder = tiny_sample / "LasHeR/test/las-car"
    assert sorted(path.name for path in folder.iterdir()) == [
        *("infrared", "infrared.txt", "init.txt"),
        *("visible", "visible.txt"),
    ]
    assert (folder / "visible.txt").read_text() == (folder / "infrared.txt").read_text()
    assert (folder / "init.txt").read_text() == (folder / "visible.txt").read_text().splitlines()[0] + "\n"
    assert sorted(path.name for path in (folder / "infrared").iterdir())[0] == "i000.jpg"
    thermal = cv2.imread(str(folder / "infrared/i000.jpg"), cv2.IMREAD_UNCHANGED)
    assert thermal.shape == (120, 160, 3)
    assert [item.infrared_shift for item in SCENARIOS if item.benchmark == "LasHeR"] == [1, 0]


def test_lasher_offset_moves_the_infrared_boxes_only(tmp_path):
    from evalkit.sample.writers import LAYOUTS, RenderedSequence

    scenario = next(item for item in SCENARIOS if item.name == "las-walk")
    LAYOUTS["LasHeR"].annotate(
        tmp_path, tmp_path, RenderedSequence(scenario, TINY_FRAMES, 0, truth_of(scenario), TINY_WH)
    )
    boxes = [np.loadtxt(tmp_path / f"test/las-walk/{name}.txt", delimiter=",") for name in ("visible", "infrared")]
    assert np.array_equal(boxes[1] - boxes[0], np.tile([1, 0, 0, 0], (12, 1)))


def test_depthtrack_depth_is_16_bit_millimeters_and_absence_is_nan(tiny_sample):
    folder = tiny_sample / "DepthTrack/test/dep-leave"
    depth = cv2.imread(str(folder / "depth/00000001.png"), cv2.IMREAD_UNCHANGED)
    assert depth.dtype == np.uint16
    assert depth.shape == (120, 160)
    assert 8000 < np.median(depth[:20][depth[:20] > 0]) < 10000
    rows = (folder / "groundtruth.txt").read_text().splitlines()
    assert "nan,nan,nan,nan" in rows
    facts = dict(line.split("=") for line in (folder / "sequence").read_text().splitlines())
    assert (facts["length"], facts["width"], facts["channels.depth"]) == ("12", "160", "depth/%08d.png")
    assert (tiny_sample / "DepthTrack/test/list.txt").read_text() == "dep-leave\n"


def test_full_sample_has_the_agreed_names():
    names = {(item.benchmark, item.split): [] for item in SCENARIOS}
    for item in SCENARIOS:
        names[item.benchmark, item.split].append(item.name)
    assert names == {
        ("UAV123", "test"): ["uav-car", "uav-walk"],
        ("GOT-10k", "val"): ["GOT-10k_Val_000001", "GOT-10k_Val_000002"],
        ("GOT-10k", "test"): ["GOT-10k_Test_000001", "GOT-10k_Test_000002"],
        ("LaSOT", "testing"): ["lasot-face", "lasot-leave"],
        ("LaSOT", "training"): ["lasot-train"],
        ("TNL2K", "test"): ["tnl-walk", "tnl-cup"],
        ("TrackingNet", "TEST"): ["tn-car", "tn-face"],
        ("TrackingNet", "TRAIN_0"): ["tn-train"],
        ("VisEvent", "test"): ["vis-cup", "vis-car", "vis-flare", "vis-fast"],
        ("LasHeR", "test"): ["las-walk", "las-car"],
        ("DepthTrack", "test"): ["dep-cat", "dep-leave"],
    }


def truth_with(cover: list[float]) -> SceneTruth:
    count = len(cover)
    nothing = np.zeros(count, dtype=bool)
    gone = np.array([value == 0 for value in cover])
    return SceneTruth(np.ones((count, 4)), np.ones(count), np.array(cover), nothing, gone)


def test_cover_labels_count_the_official_bins():
    shares = [0.0, 0.01, 0.15, 0.16, 0.30, 0.45, 0.60, 0.75, 0.90, 0.91, 0.99, 1.0]
    assert cover_labels(truth_with(shares)) == [0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 7, 8]


def test_rows_round_half_up_and_keep_a_pixel():
    boxes = np.array([[0.5, 1.49, 0.1, 2.5], [np.nan] * 4])
    assert integer_rows(whole_pixels(boxes), "NaN,NaN,NaN,NaN") == "1,1,1,3\nNaN,NaN,NaN,NaN\n"
    assert decimal_rows(boxes, 4) == "0.5000,1.4900,0.1000,2.5000\n0,0,0,0\n"
    assert decimal_rows(np.array([[10.0, 0.0, 3.14159, 20.5]]), 4, trim=True) == "10,0,3.1416,20.5\n"


def test_record_lists_every_sequence_with_its_challenges(tiny_sample):
    record = json.loads((tiny_sample / "sample.json").read_text(encoding="utf-8"))
    by_name = {entry["name"]: entry for entry in record["sequences"]}
    assert by_name["uav-walk"]["challenges"] == ["LR", "FOC", "POC", "CM"]
    assert by_name["lasot-leave"]["absent"] == int(
        truth_of(next(s for s in TINY if s.name == "lasot-leave")).absent.sum()
    )
