"""Every benchmark's layout, each split kind, read from tiny copies."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from evalkit.benchmarks import BENCHMARKS, get_benchmark, get_split
from evalkit.errors import DatasetLayoutError
from evalkit.sequences import Sequence
from helpers import trees
from helpers.trees import BUILDERS, WH, boxes


def read(benchmark: str, root: Path, name: str, split: str | None = None) -> Sequence:
    spec = get_benchmark(benchmark)
    return spec.read_sequence(root, get_split(spec, split), name)


def names(benchmark: str, root: Path, split: str | None = None) -> list[str]:
    spec = get_benchmark(benchmark)
    return spec.list_sequences(root, get_split(spec, split))


def gray_level(sequence: Sequence, index: int) -> int:
    return round(int(sequence.frames.read(index).rgb[24, 32, 1]) / 10)


@pytest.mark.parametrize("benchmark", BUILDERS)
def test_every_frame_of_every_sequence_is_read_in_order(benchmark: str, tmp_path: Path) -> None:
    root = BUILDERS[benchmark](tmp_path / "copy")
    spec = get_benchmark(benchmark)
    actual = spec.list_sequences(root, spec.default_split)
    assert len(actual) == 2
    for name in actual:
        sequence = spec.read_sequence(root, spec.default_split, name)
        assert sequence.name == name
        assert sequence.annotation.frame_wh == WH
        assert sequence.annotation.frame_count == len(sequence)
        levels = [gray_level(sequence, index) for index in range(len(sequence))]
        assert levels == list(range(levels[0], levels[0] + len(sequence)))
        assert not sequence.annotation.ground_truth.flags.writeable


@pytest.mark.parametrize("benchmark", BUILDERS)
def test_annotation_is_read_without_images(benchmark: str, tmp_path: Path) -> None:
    root = BUILDERS[benchmark](tmp_path / "copy")
    spec = get_benchmark(benchmark)
    name = spec.list_sequences(root, spec.default_split)[0]
    with_images = spec.read_sequence(root, spec.default_split, name).annotation
    for image in [path for path in root.rglob("*") if path.suffix in {".jpg", ".png", ".bmp"}]:
        image.unlink()
    alone = spec.read_annotation(root, spec.default_split, name)
    assert np.array_equal(alone.ground_truth, with_images.ground_truth, equal_nan=True)
    assert np.array_equal(alone.absent, with_images.absent)
    assert alone.attributes == with_images.attributes


def test_uav123_cuts_sequences_out_of_a_folder(tmp_path: Path) -> None:
    root = trees.uav123(tmp_path)
    second = read("uav123", root, "street_2")
    assert [gray_level(second, 0), gray_level(second, 4)] == [4, 8]  # images 5 and 9
    assert np.isnan(second.annotation.ground_truth[2]).all()
    assert not second.annotation.absent.any()  # the benchmark has no flags
    assert second.annotation.attributes == {"SV", "POC"}


def test_uav123_official_ranges_come_from_the_package(tmp_path: Path) -> None:
    trees.images(tmp_path / "data_seq/UAV123/bird1", trees.numbered(300, "{:06d}.jpg"))
    trees.text(tmp_path / "anno/UAV123/bird1_1.txt", trees.rows(boxes(253) % 40))
    sequence = read("uav123", tmp_path, "bird1_1")
    assert len(sequence) == 253
    assert sequence.annotation.object_class == "bird"
    assert names("uav123", tmp_path)[:2] == ["bike1", "bike2"]  # an official copy, though incomplete
    (tmp_path / "data_seq/UAV123/bird1/000077.jpg").unlink()
    with pytest.raises(DatasetLayoutError, match=r"frames 1 to 253 .* the first is number 77"):
        read("uav123", tmp_path, "bird1_1")


def test_uav123_sequence_in_no_table_is_its_whole_folder(tmp_path: Path) -> None:
    trees.images(tmp_path / "data_seq/UAV123/lane", trees.numbered(3, "{:06d}.jpg"))
    trees.text(tmp_path / "anno/UAV123/lane.txt", trees.rows(boxes(3)))
    assert names("uav123", tmp_path) == ["lane"]
    assert len(read("uav123", tmp_path, "lane")) == 3


def test_got10k_val_has_labels_and_stated_size(tmp_path: Path) -> None:
    root = trees.got10k(tmp_path, splits=("val", "train"))
    for split in ("val", "train"):
        annotation = read("got10k", root, f"GOT-10k_{split.capitalize()}_000002", split).annotation
        assert annotation.absent.tolist() == [False, False, True, False, False, False]
        assert annotation.visible_eighths is not None
        assert annotation.visible_eighths.tolist() == [8, 8, 0, 5, 8, 1]
        assert annotation.object_class == "cat"
        assert np.array_equal(annotation.ground_truth, boxes(6))


def test_got10k_test_knows_the_first_box_only(tmp_path: Path) -> None:
    sequence = read("got10k", trees.got10k(tmp_path), "GOT-10k_Test_000001")
    assert sequence.annotation.ground_truth.shape == (1, 4)
    assert sequence.annotation.absent.shape == (1,)
    assert len(sequence) == sequence.annotation.frame_count == 6
    assert sequence.annotation.visible_eighths is None


def test_got10k_frame_count_without_images_is_the_official_one(tmp_path: Path) -> None:
    trees.text(tmp_path / "test/GOT-10k_Test_000001/groundtruth.txt", "395,340,532,407\n")
    spec = get_benchmark("got10k")
    assert len(names("got10k", tmp_path)) == 180
    assert spec.read_annotation(tmp_path, spec.default_split, "GOT-10k_Test_000001").frame_count == 100


@pytest.mark.parametrize("benchmark", ["got10k", "trackingnet"])
def test_truth_kept_apart_is_read_as_a_test_split(benchmark: str, tmp_path: Path) -> None:
    if benchmark == "got10k":
        trees.text(tmp_path / "test/GOT-10k_Test_000001/groundtruth.txt", trees.rows(boxes(6)))
        trees.text(tmp_path / "test/GOT-10k_Test_000001/cover.label", "8\n" * 6)
        name = "GOT-10k_Test_000001"
    else:
        trees.text(tmp_path / "TEST/anno/vid_0.txt", trees.rows(boxes(6)))
        name = "vid_0"
    spec = get_benchmark(benchmark)
    annotation = spec.read_annotation(tmp_path, spec.default_split, name)
    assert name in names(benchmark, tmp_path)
    assert annotation.frame_count == 6
    assert np.array_equal(annotation.ground_truth, boxes(6))


def test_lasot_joins_both_one_line_flag_files(tmp_path: Path) -> None:
    root = trees.lasot(tmp_path)
    annotation = read("lasot", root, "cup-1").annotation
    assert annotation.absent.tolist() == [False, False, True, True, True, False]
    assert annotation.object_class == "cup"
    assert annotation.description == "a cup on the table"
    assert names("lasot", root, "train") == ["cup-2"]
    assert len(read("lasot", root, "cup-2", "train")) == 6


def test_lasot_combined_flag_and_missing_class_level_are_read(tmp_path: Path) -> None:
    root = trees.lasot(tmp_path, test=("mug-1",), train=())
    shutil.move(root / "mug/mug-1", root / "mug-1")
    (root / "testing_set.txt").unlink()
    for file in ("full_occlusion.txt", "out_of_view.txt"):
        (root / "mug-1" / file).unlink()
    trees.text(root / "mug-1/absent.txt", "0\n1\n0\n0\n0\n0\n")
    assert names("lasot", root) == ["mug-1"]
    assert read("lasot", root, "mug-1").annotation.absent.tolist() == [False, True, False, False, False, False]


def test_lasot_without_lists_divides_by_the_official_test_list(tmp_path: Path) -> None:
    root = trees.lasot(tmp_path, test=("airplane-1",), train=("airplane-2",))
    for file in ("testing_set.txt", "training_set.txt"):
        (root / file).unlink()
    assert len(names("lasot", root)) == 280
    assert names("lasot", root, "train") == ["airplane-2"]
    assert read("lasot", root, "airplane-1").annotation.attributes == {"POC", "ROT", "SV", "LR"}


@pytest.mark.parametrize("base", ["", "test", "TNL2K_test_subset"])
def test_tnl2k_sorts_as_text_and_derives_absent_flags(base: str, tmp_path: Path) -> None:
    root = trees.tnl2k(tmp_path, base=base)
    assert names("tnl2k", root) == ["cup_done", "walk_done"]
    annotation = read("tnl2k", root, "walk_done").annotation
    assert annotation.absent.tolist() == [False, True, False, False]
    assert annotation.ground_truth[2, 0] == -3  # kept as it is
    assert annotation.description == "the man in red"


def test_tnl2k_text_order_differs_from_numbers(tmp_path: Path) -> None:
    trees.images(tmp_path / "test/a/imgs", ["1.jpg", "10.jpg", "2.jpg"])  # gray levels in text order
    trees.text(tmp_path / "test/a/groundtruth.txt", trees.rows(boxes(3)))
    assert [gray_level(read("tnl2k", tmp_path, "a"), k) for k in range(3)] == [0, 1, 2]


def test_tnl2k_flags_of_the_kit_win_and_its_one_surplus_flag_is_ignored(tmp_path: Path) -> None:
    name = "advSamp_monitor_bikeyellow"
    root = trees.tnl2k(tmp_path, names=(name, "cup_done"))
    trees.text(root / f"absent/{name}.txt", "0\n0\n0\n1\n1\n")
    trees.text(root / "absent/cup_done.txt", "0\n0\n0\n1\n")
    assert read("tnl2k", root, name).annotation.absent.tolist() == [False, False, False, True]
    assert read("tnl2k", root, "cup_done").annotation.absent.tolist() == [False, False, False, True]


def test_tnl2k_training_names_do_not_leak_into_test(tmp_path: Path) -> None:
    root = trees.tnl2k(tmp_path, base="", names=("Arrow_Video_ZZ04_done", "mine"))
    assert names("tnl2k", root) == ["mine"]
    assert len(names("tnl2k", root, "train")) == 1300


def test_tnl2k_name_that_is_in_both_official_lists_belongs_to_both_splits(tmp_path: Path) -> None:
    root = trees.tnl2k(tmp_path, names=("monitor_manypeople", "mine"))
    trees.text(root / "test/list.txt", "mine\nmonitor_manypeople\nArrow_Video_ZZ04_done\n")
    assert names("tnl2k", root) == ["mine", "monitor_manypeople"]


def test_trackingnet_frames_are_sorted_by_number(tmp_path: Path) -> None:
    root = trees.trackingnet(tmp_path)
    sequence = read("trackingnet", root, "-a_b_0")
    assert len(sequence) == 12
    assert sequence.annotation.ground_truth.shape == (1, 4)
    assert gray_level(sequence, 2) == 2  # 2.jpg, not 10.jpg


def test_trackingnet_training_chunks_are_joined(tmp_path: Path) -> None:
    root = trees.trackingnet(tmp_path, chunks=("TRAIN_0", "TRAIN_11"))
    assert names("trackingnet", root, "train") == ["-a_b_0_0", "x1_2_0", "-a_b_0_1", "x1_2_1"]
    assert read("trackingnet", root, "x1_2_1", "train").annotation.ground_truth.shape == (12, 4)
    shutil.copy(root / "TRAIN_0/anno/x1_2_0.txt", root / "TRAIN_11/anno/x1_2_0.txt")
    with pytest.raises(DatasetLayoutError, match="in two chunks: x1_2_0"):
        names("trackingnet", root, "train")


def test_trackingnet_says_that_a_video_is_still_packed(tmp_path: Path) -> None:
    root = trees.trackingnet(tmp_path)
    shutil.rmtree(root / "TEST/frames/x1_2")
    trees.text(root / "TEST/zips/x1_2.zip", "")
    with pytest.raises(DatasetLayoutError, match=r"still packed; unpack .*x1_2\.zip"):
        read("trackingnet", root, "x1_2")


def test_visevent_starts_where_the_target_is_first_present(tmp_path: Path) -> None:
    root = trees.visevent(tmp_path)
    late, early = read("visevent", root, "late"), read("visevent", root, "early")
    assert late.annotation.dropped_leading == 2
    assert len(late) == 3
    assert gray_level(late, 0) == 2
    assert late.annotation.absent.tolist() == [False, True, False]
    assert np.array_equal(late.initial_box, boxes(3)[2])
    assert early.annotation.absent.tolist() == [False, False, False, True, False]
    assert early.frames.read(1).aux is not None


def test_visevent_flags_of_the_kit_have_the_other_polarity(tmp_path: Path) -> None:
    root = trees.visevent(tmp_path)
    (root / "test/early/absent_label.txt").unlink()
    trees.text(root / "absent/early.txt", "0\n0\n0\n0\n1\n")
    assert read("visevent", root, "early").annotation.absent.tolist() == [False, False, False, False, True]


@pytest.mark.parametrize(
    ("benchmark", "file"),
    [
        ("lasot", "att/cup-1.txt"),
        ("tnl2k", "att/cup_done_attribute.txt"),
        ("visevent", "att/early.txt"),
        ("lasher", "att/car+2.txt"),
        ("uav123", "anno/UAV123/att/street_1.txt"),
    ],
)
def test_attribute_files_of_the_evaluation_kits_are_read(benchmark: str, file: str, tmp_path: Path) -> None:
    root = BUILDERS[benchmark](tmp_path)
    codes = BENCHMARKS[benchmark].attributes
    trees.text(root / file, "\n".join("1" if k in (0, len(codes) - 1) else "0" for k in range(len(codes))))
    name = Path(file).stem.removesuffix("_attribute")
    assert read(benchmark, root, name).annotation.attributes == {codes[0], codes[-1]}


@pytest.mark.parametrize(("benchmark", "split"), [("visevent", "test-172"), ("depthtrack", "val-6")])
def test_selections_of_the_official_list_need_an_official_copy(benchmark: str, split: str, tmp_path: Path) -> None:
    root = BUILDERS[benchmark](tmp_path)
    if benchmark == "depthtrack":
        (root / "test").rename(root / "train")
    with pytest.raises(DatasetLayoutError, match=f"no sequences in .*split {split}"):
        names(benchmark, root, split)


def test_visevent_rearranged_copy_is_read(tmp_path: Path) -> None:
    root = trees.visevent(tmp_path, names=("00141_tank_outdoor2", "00142_tank_outdoor2"))
    for name in ("00141_tank_outdoor2", "00142_tank_outdoor2"):
        shutil.move(root / "test" / name, root / name)
        (root / name / "vis_imgs").rename(root / name / "img")
        (root / name / "event_imgs").rename(root / name / "evimg")
    shutil.rmtree(root / "test")
    assert len(names("visevent", root)) == 320
    assert len(names("visevent", root, "test-218")) == 218
    assert "00142_tank_outdoor2" in names("visevent", root, "train")
    assert read("visevent", root, "00142_tank_outdoor2", "train").annotation.absent.any()


@pytest.mark.parametrize("base", ["testingset", "test", "test/testingset", ""])
def test_lasher_sorts_irregular_names_by_number(base: str, tmp_path: Path) -> None:
    root = trees.lasher(tmp_path, base=base)
    assert names("lasher", root) == ["boy`s'hat", "car+2"]
    sequence = read("lasher", root, "boy`s'hat")
    assert gray_level(sequence, 2) == 2  # v2.jpg, not v10.jpg
    thermal = sequence.frames.read(2).aux
    assert thermal is not None
    assert thermal.shape == (WH[1], WH[0], 3)
    assert sequence.annotation.ground_truth_aux is not None
    assert sequence.annotation.ground_truth_aux[0].tolist() == [11, 12, 20, 16]


def test_lasher_prefix_may_change_within_a_video(tmp_path: Path) -> None:
    root = trees.lasher(tmp_path)
    for folder, letter in (("visible", "v"), ("infrared", "i")):
        place = root / "testingset/boy`s'hat" / folder
        (place / f"{letter}0.jpg").rename(place / f"z{letter}0.jpg")
    assert gray_level(read("lasher", root, "boy`s'hat"), 0) == 0


def test_lasher_renamed_copy_and_training_set_are_read(tmp_path: Path) -> None:
    root = trees.lasher(tmp_path, base="trainingset", names=("2ndrunningboy", "bike2"))
    for name in ("2ndrunningboy", "bike2"):
        (root / "trainingset" / name / "visible.txt").rename(root / "trainingset" / name / "groundtruth.txt")
    assert len(names("lasher", root, "train")) == 979
    annotation = read("lasher", root, "2ndrunningboy", "train").annotation
    assert "NO" in annotation.attributes


@pytest.mark.parametrize("base", ["test", ""])
def test_depthtrack_older_forms_of_absence_become_nan(base: str, tmp_path: Path) -> None:
    sequence = read("depthtrack", trees.depthtrack(tmp_path, base=base), "cat_indoor")
    assert np.isnan(sequence.annotation.ground_truth).all(axis=1).tolist() == [False, True, True, True, False]
    depth = sequence.frames.read(3).aux
    assert depth is not None
    assert depth.dtype == np.uint16
    assert (depth == 1003).all()
    assert sequence.annotation.object_class == "cat"


def test_depthtrack_size_comes_from_the_vot_file_without_images(tmp_path: Path) -> None:
    root = trees.depthtrack(tmp_path)
    for name in ("color", "depth"):
        shutil.rmtree(root / "test/cat_indoor" / name)
    trees.text(root / "test/cat_indoor/sequence", "name=cat_indoor\nwidth=640\nheight=320\n")
    spec = get_benchmark("depthtrack")
    assert spec.read_annotation(root, spec.default_split, "cat_indoor").frame_wh == (640, 320)


def test_depthtrack_training_divisions_come_from_the_package(tmp_path: Path) -> None:
    root = trees.depthtrack(tmp_path, base="train", names=("adapter02_indoor", "toy03_indoor"))
    (root / "train/list.txt").unlink()
    assert [len(names("depthtrack", root, split)) for split in ("train", "train-146", "val-6")] == [152, 146, 6]
    assert len(read("depthtrack", root, "toy03_indoor", "val-6")) == 5


@pytest.mark.parametrize("benchmark", [name for name, spec in BENCHMARKS.items() if "train" in spec.splits])
def test_training_split_of_a_test_copy_is_refused(benchmark: str, tmp_path: Path) -> None:
    root = BUILDERS[benchmark](tmp_path)
    if benchmark == "lasot":
        (root / "training_set.txt").unlink()
        shutil.rmtree(root / "cup")
    spec = get_benchmark(benchmark)
    if benchmark == "tnl2k":
        shutil.rmtree(root / "test")
    with pytest.raises(DatasetLayoutError, match=r"no sequences in .*Expected .*train.*Found: "):
        spec.list_sequences(root, spec.splits["train"])
