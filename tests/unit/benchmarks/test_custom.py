"""The user's own videos: usual names, layout files, polygons, strides; the six real clips."""

import functools
import io
import os
from pathlib import Path

import numpy as np
import pytest

from evalkit.benchmarks import get_benchmark
from evalkit.benchmarks.custom import custom_benchmark
from evalkit.errors import AnnotationError, DatasetLayoutError
from evalkit.sequences import Modality, Sequence
from helpers import trees
from helpers.clips import CLIPS, THERMAL_CLIP
from helpers.program import call
from helpers.trees import boxes, rows


def read(root: Path, name: str, layout: Path | None = None) -> Sequence:
    spec = custom_benchmark(layout)
    return spec.read_sequence(root, spec.default_split, name)


def video(
    folder: Path, *, images: str = "img", annotation: str = "groundtruth.txt", content: str | None = None
) -> None:
    trees.images(folder / images, trees.numbered(4, "{}.jpg"))
    trees.text(folder / annotation, rows(boxes(4)) if content is None else content)


@pytest.mark.parametrize("images", ["img", "imgs", "color", "visible", "vis_imgs", "."])
@pytest.mark.parametrize("annotation", ["groundtruth.txt", "groundtruth_rect.txt"])
def test_usual_names_need_no_layout_file(tmp_path: Path, images: str, annotation: str) -> None:
    video(tmp_path / "my video é", images=images, annotation=annotation)
    trees.text(tmp_path / "README.md", "not a sequence")
    spec = get_benchmark("custom")
    assert spec.list_sequences(tmp_path, spec.default_split) == ["my video é"]
    sequence = read(tmp_path, "my video é")
    assert len(sequence) == 4
    assert np.array_equal(sequence.annotation.ground_truth, boxes(4))


@pytest.mark.parametrize(
    ("folder", "modality"),
    [
        ("event", Modality.EVENT),
        ("event_imgs", Modality.EVENT),
        ("infrared", Modality.THERMAL),
        ("depth", Modality.DEPTH),
    ],
)
def test_second_modality_is_recognized_by_its_folder(tmp_path: Path, folder: str, modality: Modality) -> None:
    video(tmp_path / "a")
    trees.images(tmp_path / "a" / folder, trees.numbered(4, "{}.png"), depth=modality is Modality.DEPTH)
    frame = read(tmp_path, "a").frames.read(3)
    assert frame.aux is not None
    assert frame.aux.dtype == (np.uint16 if modality is Modality.DEPTH else np.uint8)
    assert custom_benchmark(root=tmp_path).modalities == {Modality.RGB, modality}


@pytest.mark.parametrize("separator", [",", "\t", " ", ", ", ";"])
def test_separators_and_exponents_are_accepted(tmp_path: Path, separator: str) -> None:
    video(tmp_path / "a", content=rows(boxes(4), separator=separator, pattern="%.18e"))
    assert np.array_equal(read(tmp_path, "a").annotation.ground_truth, boxes(4))


def test_corner_points_become_their_enclosing_box(tmp_path: Path) -> None:
    video(tmp_path / "a", content="10,20,30,15,35,40,12,44\n" * 3 + "nan,nan,nan,nan,nan,nan,nan,nan\n")
    annotation = read(tmp_path, "a").annotation
    assert annotation.ground_truth[0].tolist() == [10, 15, 25, 29]
    assert annotation.absent.tolist() == [False, False, False, True]


def test_first_row_alone_is_enough(tmp_path: Path) -> None:
    video(tmp_path / "a", content="10 12 20 16")
    sequence = read(tmp_path, "a")
    assert sequence.annotation.ground_truth.shape == (1, 4)
    assert len(sequence) == sequence.annotation.frame_count == 4


@pytest.mark.parametrize("columns", [3, 5, 6])
def test_other_numbers_of_columns_are_refused(tmp_path: Path, columns: int) -> None:
    video(tmp_path / "a", content=(",".join(["10"] * columns) + "\n") * 4)
    with pytest.raises(AnnotationError, match=rf"{columns} columns; expected 4 .* or 8"):
        read(tmp_path, "a")


def thermal_clip(folder: Path, *, rows_written: int = 4) -> None:
    """Ten frames with a row every third frame, under unusual names."""
    trees.images(folder / "rgb", trees.numbered(10, "{:06d}.jpg", 0))
    trees.images(folder / "ir", trees.numbered(10, "{:06d}.jpg", 0))
    trees.text(folder / "rgb.txt", rows(boxes(rows_written), separator=" "))
    trees.text(folder / "ir.txt", rows(boxes(rows_written) + 1, separator=" "))


KEYS = 'images = "rgb"\nthermal = "ir"\nannotation = "rgb.txt"\nannotation_aux = "ir.txt"\nstride = 3\n'


@pytest.mark.parametrize("place", ["root", "sequence", "option", "option for one sequence"])
def test_layout_file_names_other_folders_and_a_stride(tmp_path: Path, place: str) -> None:
    root = tmp_path / "videos"
    thermal_clip(root / "clip")
    layout = None
    if place == "root":
        trees.text(root / "evalkit.toml", KEYS)
    elif place == "sequence":
        trees.text(root / "clip/evalkit.toml", KEYS)
    else:
        start = '[sequences."clip"]\n' if "one" in place else ""
        layout = trees.text(tmp_path / "layout.toml", start + KEYS)
    annotation = read(root, "clip", layout).annotation
    assert annotation.stride == 3
    assert annotation.ground_truth.shape == (4, 4)
    assert annotation.frame_count == 10
    assert annotation.ground_truth_aux is not None
    assert annotation.ground_truth_aux[0].tolist() == [11, 13, 21, 17]
    assert read(root, "clip", layout).frames.read(9).aux is not None
    if layout is not None:
        assert Modality.THERMAL in custom_benchmark(layout).modalities


def test_layout_of_one_sequence_leaves_the_others_as_usual(tmp_path: Path) -> None:
    thermal_clip(tmp_path / "videos/clip")
    video(tmp_path / "videos/plain")
    layout = trees.text(tmp_path / "layout.toml", "[sequences.clip]\n" + KEYS)
    assert len(read(tmp_path / "videos", "plain", layout)) == 4
    assert len(read(tmp_path / "videos", "clip", layout)) == 10


def test_nearer_layout_file_wins_key_by_key(tmp_path: Path) -> None:
    thermal_clip(tmp_path / "clip")
    trees.text(tmp_path / "evalkit.toml", KEYS.replace("stride = 3", "stride = 5"))
    trees.text(tmp_path / "clip/evalkit.toml", "stride = 3\n")
    assert read(tmp_path, "clip").annotation.stride == 3


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_rows_must_fit_the_stride(tmp_path: Path, count: int) -> None:
    thermal_clip(tmp_path / "clip", rows_written=count)
    trees.text(tmp_path / "evalkit.toml", KEYS)
    with pytest.raises(AnnotationError, match=rf"has {count} rows, but 10 images with a row every 3 frames need 4"):
        read(tmp_path, "clip")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("imags = 'rgb'\n", "unknown key 'imags'.*Keys: images, event"),
        ("stride = 0\n", "stride: Input should be greater than 0"),
        ("stride = '3'\n", "stride: Input should be a valid integer"),
        ("images = 3\n", "images: Input should be a valid string"),
        ("images = rgb\n", "is not valid TOML"),
        ("thermal = 'a'\ndepth = 'b'\n", "a sequence has one second modality, but thermal and depth are given"),
        ("[sequences.a]\nfolder = 'x'\n", r"unknown key 'sequences\.a\.folder'"),
    ],
)
def test_layout_files_with_mistakes_are_refused(tmp_path: Path, content: str, expected: str) -> None:
    video(tmp_path / "a")
    trees.text(tmp_path / "evalkit.toml", content)
    with pytest.raises(DatasetLayoutError, match=expected) as caught:
        read(tmp_path, "a")
    assert "evalkit.toml" in str(caught.value)
    with pytest.raises(DatasetLayoutError, match=expected):
        custom_benchmark(tmp_path / "evalkit.toml")


def test_missing_layout_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetLayoutError, match=r"no\.toml cannot be read"):
        get_benchmark("custom", layout=tmp_path / "no.toml")


def test_unusual_names_without_layout_say_what_was_found(tmp_path: Path) -> None:
    thermal_clip(tmp_path / "clip")
    with pytest.raises(
        DatasetLayoutError, match=r"no annotation in .*found ir\.txt, ir/, rgb\.txt, rgb/.*evalkit\.toml"
    ):
        read(tmp_path, "clip")
    (tmp_path / "clip/rgb.txt").rename(tmp_path / "clip/groundtruth.txt")
    with pytest.raises(DatasetLayoutError, match=r"no images in .*Expected a sub-folder img, .*found .*ir/"):
        read(tmp_path, "clip")


def test_single_sequence_folder_says_to_pass_the_one_above(tmp_path: Path) -> None:
    video(tmp_path / "a")
    spec = custom_benchmark()
    with pytest.raises(DatasetLayoutError, match=r"is itself a sequence.*choose the sequence by its name, a"):
        spec.list_sequences(tmp_path / "a", spec.default_split)


def test_long_video_is_listed_without_examining_each_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees.images(tmp_path / "long/img", ["00000001.jpg"])
    for name in trees.numbered(999, start=2):
        (tmp_path / "long/img" / name).touch()
    trees.text(tmp_path / "long/groundtruth.txt", "10,12,20,16\n" * 1000)
    asked: list[object] = []
    for module, function in ((os, "stat"), (io, "open")):  # what pathlib and os.path call
        real = getattr(module, function)
        watched = functools.partial(
            lambda real, path, *rest, **more: asked.append(path) or real(path, *rest, **more), real
        )
        monkeypatch.setattr(module, function, watched)
    assert len(read(tmp_path, "long")) == 1000
    assert 0 < len(asked) < 50


@pytest.mark.data
@pytest.mark.parametrize("name", CLIPS)
def test_real_clips_are_read(shared_data: Path, tmp_path: Path, name: str) -> None:
    root = shared_data / "sequences"
    layout = trees.text(tmp_path / "layout.toml", THERMAL_CLIP)
    spec = custom_benchmark(layout)
    assert spec.list_sequences(root, spec.default_split) == sorted(CLIPS)
    sequence = spec.read_sequence(root, spec.default_split, name)
    frames, wh, first = CLIPS[name]
    assert len(sequence) == frames
    assert sequence.annotation.frame_wh == wh
    np.testing.assert_allclose(sequence.initial_box, first, rtol=0, atol=1e-12)
    frame = sequence.frames.read(frames - 1)
    assert frame.rgb.shape == (wh[1], wh[0], 3)
    assert (frame.aux is not None) == name.endswith(("rgbt", "rgbe"))


@pytest.mark.data
def test_real_event_image_has_three_levels_in_equal_channels(shared_data: Path) -> None:
    aux = read(shared_data / "sequences", "fe240_star_motion_0_rgbe").frames.read(5).aux
    assert aux is not None
    assert set(np.unique(aux)) == {0, 128, 255}
    assert (aux == aux[..., :1]).all()


@pytest.mark.data
def test_real_thermal_clip_has_a_row_every_tenth_frame(shared_data: Path, tmp_path: Path) -> None:
    layout = trees.text(tmp_path / "layout.toml", THERMAL_CLIP)
    annotation = read(shared_data / "sequences", "vtuav_bus1_rgbt", layout).annotation
    assert (annotation.stride, len(annotation.ground_truth), annotation.frame_count) == (10, 5, 41)
    assert annotation.ground_truth_aux is not None
    assert not np.array_equal(annotation.ground_truth, annotation.ground_truth_aux)


def test_rows_without_a_target_are_left_out_of_the_default_scores(tmp_path: Path) -> None:
    video(tmp_path / "videos" / "a")
    path = tmp_path / "videos" / "a" / "groundtruth.txt"
    lines = path.read_text().splitlines()
    lines[1] = "NaN,NaN,NaN,NaN"
    trees.text(path, "\n".join(lines))
    trees.text(tmp_path / "raw/a.txt", path.read_text().replace("NaN,NaN,NaN,NaN", "1,1,5,5"))
    options = ["--predictions", tmp_path / "raw", "--data-root", tmp_path / "videos", "--json"]
    scores = call("score", "custom", *options).json["scores"]
    assert (scores["success_auc"], scores["precision_20"]) == (pytest.approx(20 / 21, abs=1e-6), 1)
