"""The readers on real annotations: every sequence is accepted and the published counts come out."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from evalkit.benchmarks import BENCHMARKS
from evalkit.sequences import Annotation

pytestmark = pytest.mark.data


def unpack(archive: Path, target: Path, places: dict[str, str]) -> None:
    """Unpack members whose path starts with a key; ``{}`` in the value is the rest of the path."""
    with zipfile.ZipFile(archive) as content:
        for member in content.namelist():
            for start, place in places.items():
                rest = member.removeprefix(start).removesuffix(".txt")
                if member.startswith(start) and not member.endswith("/"):
                    path = target / place.format(rest)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content.read(member))


def annotations(benchmark: str, root: Path) -> list[Annotation]:
    spec = BENCHMARKS[benchmark]
    split = spec.default_split
    actual = [spec.read_annotation(root, split, name) for name in spec.list_sequences(root, split)]
    assert len(actual) == split.sequence_count
    assert sum(annotation.frame_count + annotation.dropped_leading for annotation in actual) == split.frame_count
    return actual


def test_uav123_has_its_nan_frames(shared_data: Path, tmp_path: Path) -> None:
    unpack(shared_data / "uav123_gt.zip", tmp_path, {"uav123/anno/UAV123/": "anno/UAV123/{}.txt"})
    actual = annotations("uav123", tmp_path)
    missing = [int(np.isnan(annotation.ground_truth).all(axis=1).sum()) for annotation in actual]
    assert (sum(missing), sum(count > 0 for count in missing)) == (2_683, 33)
    assert {annotation.object_class for annotation in actual} == {
        *("aircraft", "bird", "car", "other", "person", "truck", "vehicle", "vessel")
    }


def test_tnl2k_derived_flags_equal_those_of_the_kit(shared_data: Path, tmp_path: Path) -> None:
    places = {"tnl2k/gt_rect/": "boxes/test/{}/groundtruth.txt", "tnl2k/absent/": "absent/{}.txt"}
    unpack(shared_data / "tnl2k_test_gt.zip", tmp_path, places)
    derived = annotations("tnl2k", tmp_path / "boxes")
    (tmp_path / "absent").rename(tmp_path / "boxes/absent")
    stated = annotations("tnl2k", tmp_path / "boxes")
    assert sum(int(annotation.absent.sum()) for annotation in stated) == 65_253
    for first, second in zip(derived, stated, strict=True):
        assert np.array_equal(first.absent, second.absent), first.name


def test_visevent_has_its_absent_frames_and_drops_none(shared_data: Path, tmp_path: Path) -> None:
    places = {"gt_rect/": "test/{}/groundtruth.txt", "absent/": "absent/{}.txt"}
    unpack(shared_data / "visevent_test_gt.zip", tmp_path, places)
    actual = annotations("visevent", tmp_path)
    assert sum(int(annotation.absent.sum()) for annotation in actual) == 21_026
    assert all(annotation.dropped_leading == 0 for annotation in actual)


def test_lasher_boxes_are_accepted(shared_data: Path, tmp_path: Path) -> None:
    unpack(shared_data / "lasher_test_gt.zip", tmp_path, {"gt/": "testingset/{}/visible.txt"})
    actual = annotations("lasher", tmp_path)
    sizes = np.concatenate([annotation.ground_truth[:, 2:] for annotation in actual])
    assert int((sizes <= 0).any(axis=1).sum()) == 533


def test_depthtrack_proxy_is_accepted(shared_data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(shared_data / "depthtrack_proxy_gt.zip") as content:
        members = [m for m in content.namelist() if m.startswith("sequences/") and not m.endswith("/")]
        content.extractall(tmp_path, members)
    actual = annotations("depthtrack", tmp_path / "sequences")
    assert sum(int(np.isnan(annotation.ground_truth[:, 0]).sum()) for annotation in actual) == 2_541
    assert all(annotation.frame_wh == (640, 360) for annotation in actual)


def test_lasot_has_its_absent_frames(shared_data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(shared_data / "lasot_test_gt.zip") as content:
        content.extractall(tmp_path)
    actual = annotations("lasot", tmp_path / "lasot")
    assert sum(int(annotation.absent.sum()) for annotation in actual) == 18_346
    empty = [(annotation.ground_truth[:, 2:] <= 0).any(axis=1) for annotation in actual]
    assert sum(int(flags.sum()) for flags in empty) == 10_289
    visible = sum(int((flags & ~a.absent).sum()) for flags, a in zip(empty, actual, strict=True))
    assert visible == 3


def test_got10k_like_validation_set_is_accepted(shared_data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(shared_data / "got10k_val_like.zip") as content:
        content.extractall(tmp_path)
    spec = BENCHMARKS["got10k"]
    root, split = tmp_path / "got10k", spec.splits["val"]
    names = spec.list_sequences(root, split)
    assert len(names) == 180
    for name in names:
        annotation = spec.read_annotation(root, split, name)
        assert annotation.visible_eighths is not None
        assert len(annotation.visible_eighths) == len(annotation.ground_truth)
        assert annotation.frame_wh is not None
