"""Annotations of several targets: each becomes a sequence of `custom`."""

import json

import cv2
import numpy as np
import pytest

from evalkit.benchmarks import get_benchmark, targets
from evalkit.benchmarks.data_check import check_copy
from evalkit.errors import AnnotationError, DatasetLayoutError
from helpers.videos import number_of, numbered, write_video


def images(folder, count=8):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        cv2.imwrite(str(folder / f"{number + 1:06d}.png"), numbered(number))


def read(root, name):
    spec = get_benchmark("custom")
    return spec.read_sequence(root, spec.default_split, name)


def names(root):
    spec = get_benchmark("custom")
    return spec.list_sequences(root, spec.default_split)


def assert_sequence(root, name, first, boxes):
    sequence = read(root, name)
    assert np.allclose(sequence.annotation.ground_truth, np.array(boxes, float), equal_nan=True)
    assert len(sequence) == len(boxes)
    assert number_of(sequence.frames.read(0).rgb) == first
    assert number_of(sequence.frames.read(len(boxes) - 1).rgb) == first + len(boxes) - 1
    assert sequence.annotation.dropped_leading == first
    return sequence


NAN = [np.nan] * 4


def test_mot_gives_a_sequence_for_each_identity(tmp_path):
    images(tmp_path / "walk" / "img1")
    rows = ["1,7,10,11,12,13,1,1,1", "2,7,11,11,12,13,1,1,1", "4,7,13,11,12,13,1,1,1"]
    rows += ["3,2,20,21,22,23,1,1,1", "4,2,21,21,22,23,1,1,1", "4,9,1,1,5,5,0,1,1"]
    (tmp_path / "walk" / "gt").mkdir()
    (tmp_path / "walk" / "gt" / "gt.txt").write_text("\n".join(rows))
    (tmp_path / "walk" / "seqinfo.ini").write_text("[Sequence]\nname=walk\nimDir=img1\nframeRate=30\n")
    assert names(tmp_path) == ["walk-2", "walk-7"]
    assert_sequence(tmp_path, "walk-7", 0, [[10, 11, 12, 13], [11, 11, 12, 13], NAN, [13, 11, 12, 13]])
    assert_sequence(tmp_path, "walk-2", 2, [[20, 21, 22, 23], [21, 21, 22, 23]])
    spec = get_benchmark("custom")
    assert check_copy(spec, tmp_path, spec.default_split).complete


def test_a_seqinfo_leads_out_of_no_folder(tmp_path):
    images(tmp_path / "walk" / "img1")
    images(tmp_path / "secret")
    (tmp_path / "walk" / "gt").mkdir()
    (tmp_path / "walk" / "gt" / "gt.txt").write_text("1,1,1,1,5,5\n2,1,1,1,5,5\n")
    (tmp_path / "walk" / "seqinfo.ini").write_text("[Sequence]\nimDir=../secret\n")
    assert read(tmp_path, "walk-1").frames.folder == str(tmp_path / "walk" / "img1")


def test_an_identity_beyond_the_images_is_an_error(tmp_path):
    images(tmp_path / "walk" / "img1", 3)
    (tmp_path / "walk" / "gt").mkdir()
    (tmp_path / "walk" / "gt" / "gt.txt").write_text("2,1,1,1,5,5\n9,1,1,1,5,5\n")
    with pytest.raises(AnnotationError, match="walk-1"):
        read(tmp_path, "walk-1")
    (tmp_path / "walk" / "gt" / "gt.txt").write_text("999999999,1,1,1,5,5\n")
    with pytest.raises(AnnotationError, match=r"gt\.txt: a row begins"):
        names(tmp_path)


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><source>clip.mp4</source></task></meta>
<track id="0" label="car"><box frame="2" outside="0" occluded="0" keyframe="1" xtl="10" ytl="20" xbr="20.5" ybr="30" z_order="0"></box>
<box frame="4" outside="0" keyframe="1" xtl="12" ytl="20" xbr="22.5" ybr="30"></box>
<box frame="5" outside="1" keyframe="1" xtl="12" ytl="20" xbr="22" ybr="30"></box>
<box frame="7" outside="0" keyframe="1" xtl="1" ytl="2" xbr="4" ybr="6"></box></track>
<track id="1" label="person"><polygon frame="0" outside="0" points="1,2;11,2;11,12"></polygon></track></annotations>"""


@pytest.mark.parametrize("place", ["clip.xml", "clip/annotations.xml"])
def test_cvat_gives_a_sequence_for_each_track(tmp_path, place):
    path = tmp_path / place
    write_video(path.parent / "clip.mp4", frames=10)
    path.write_text(CVAT)
    assert names(tmp_path) == ["clip-0", "clip-1"]
    boxes = [[10, 20, 10.5, 10], [11, 20, 10.5, 10], [12, 20, 10.5, 10], NAN, NAN, [1, 2, 3, 4]]
    assert assert_sequence(tmp_path, "clip-0", 2, boxes).annotation.object_class == "car"
    assert_sequence(tmp_path, "clip-1", 0, [[1, 2, 10, 10]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><annotations>&x;</annotations>',
            "document type or entity",
        ),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotations></annotations>', "document type or entity"),
        ("<annotations><track>", "clip.xml: not"),
        ("<annotations>" + "<a>" * 100, "nested too deeply"),
        ("<annotations></annotations>", "no <track>"),
        (CVAT.replace('frame="4"', 'frame="99999999999"'), "frame 99999999999"),
        (CVAT.replace('xtl="10"', 'xtl="ten"'), "not CVAT's XML"),
    ],
)
def test_hostile_and_broken_xml_is_refused(tmp_path, text, words):
    write_video(tmp_path / "clip.mp4", frames=3)
    (tmp_path / "clip.xml").write_text(text)
    with pytest.raises(AnnotationError, match=words):
        names(tmp_path)


def coco(root, by_image=True):
    images(root / "images" / "a")
    files = [f"a/{number + 1:06d}.png" for number in range(8)]
    document = {
        "categories": [{"id": 3, "name": "dog"}],
        "videos": [{"id": 1, "name": "a"}],
        "images": [],
        "annotations": [],
    }
    if by_image:
        document["images"] = [{"id": 10 + n, "video_id": 1, "frame_id": n, "file_name": f} for n, f in enumerate(files)]
        document["annotations"] = [
            {"id": n, "image_id": 10 + n, "track_id": 5, "category_id": 3, "bbox": [n, 2, 3, 4]} for n in (1, 2, 4)
        ]
    else:
        document["videos"] = [{"id": 1, "file_names": files}]
        boxes = [None, [1, 2, 3, 4], [2, 2, 3, 4], None, [4, 2, 3, 4], None, None, None]
        document["annotations"] = [{"id": 5, "video_id": 1, "category_id": 3, "bboxes": boxes}]
    return document


@pytest.mark.parametrize("by_image", [True, False])
def test_coco_for_video_gives_a_sequence_for_each_track(tmp_path, by_image):
    (tmp_path / "train.json").write_text(json.dumps(coco(tmp_path, by_image)))
    assert names(tmp_path) == ["a-5"]
    sequence = assert_sequence(tmp_path, "a-5", 1, [[1, 2, 3, 4], [2, 2, 3, 4], NAN, [4, 2, 3, 4]])
    assert sequence.annotation.object_class == "dog"


def test_coco_reads_no_file_outside_of_the_data_root(tmp_path):
    root = tmp_path / "data"
    document = coco(root)
    images(tmp_path / "secret")
    for item in document["images"]:
        item["file_name"] = f"../secret/{item['file_name'][2:]}"
    (root / "train.json").write_text(json.dumps(document))
    with pytest.raises(DatasetLayoutError, match=r"names an image .*which is not below"):
        names(root)
    (root / "train.json").write_text(json.dumps({"videos": [], "annotations": [{}]}))
    with pytest.raises(AnnotationError, match=r"train\.json: not COCO's layout for video"):
        names(root)


def test_labelme_gives_a_sequence_for_each_label_and_group(tmp_path):
    images(tmp_path / "a", 5)
    for number in (1, 2, 3):
        shapes = [
            {"label": "cat", "group_id": None, "shape_type": "rectangle", "points": [[5 + number, 6], [1 + number, 2]]},
            {"label": "dog", "group_id": 4, "shape_type": "polygon", "points": [[1, 1], [9, 1], [9, 5]]},
        ]
        (tmp_path / "a" / f"{number + 1:06d}.json").write_text(
            json.dumps({"shapes": shapes[: 1 if number == 3 else 2]})
        )
    assert names(tmp_path) == ["a-cat", "a-dog-4"]
    assert_sequence(tmp_path, "a-cat", 1, [[2, 2, 4, 4], [3, 2, 4, 4], [4, 2, 4, 4]])
    assert_sequence(tmp_path, "a-dog-4", 1, [[1, 1, 8, 4]] * 2)
    (tmp_path / "a" / "000002.json").write_text('{"shapes": [{}]}')
    with pytest.raises(AnnotationError, match=r"000002\.json: not labelme's layout"):
        names(tmp_path)


def test_huge_and_deep_files_are_refused(tmp_path, monkeypatch):
    (tmp_path / "train.json").write_text('{"videos": ' + "[" * 100000 + "]" * 100000 + ', "annotations": []}')
    with pytest.raises(AnnotationError, match=r"not valid JSON|not COCO"):
        names(tmp_path)
    monkeypatch.setattr(targets, "MOST_BYTES", 1000)
    (tmp_path / "train.json").write_text('{"videos": [' + "1," * 5000 + "1]}")
    with pytest.raises(AnnotationError, match="at most 1,000 bytes is read"):
        names(tmp_path)


def test_names_of_strangers_become_names_of_files(tmp_path):
    images(tmp_path / "a", 2)
    shape = {"label": "../../x\x1b[2J", "shape_type": "rectangle", "points": [[1, 1], [9, 9]]}
    (tmp_path / "a" / "000001.json").write_text(json.dumps({"shapes": [shape]}))
    assert names(tmp_path) == ["a-_.._x_2J"]


def test_other_files_beside_the_videos_are_left_alone(tmp_path):
    write_video(tmp_path / "a.mp4", frames=3)
    (tmp_path / "a.txt").write_text("1,1,9,9\n")
    (tmp_path / "notes.json").write_text('{"any": "thing"}')
    (tmp_path / "other.xml").write_text("<root/>")
    assert names(tmp_path) == ["a"]


def test_only_the_files_of_a_folder_are_read_for_a_target_of_it(tmp_path, monkeypatch):
    for name in ("walk", "run"):
        images(tmp_path / name / "img1", 2)
        (tmp_path / name / "gt").mkdir()
        (tmp_path / name / "gt" / "gt.txt").write_text("1,1,1,1,5,5\n2,1,1,1,5,5\n")
    assert names(tmp_path) == ["run-1", "walk-1"]
    (tmp_path / "run" / "gt" / "gt.txt").write_text("hello")
    assert len(read(tmp_path, "walk-1")) == 2
    with pytest.raises(AnnotationError):
        names(tmp_path)


def test_a_mot_folder_itself_is_not_a_data_root(tmp_path):
    images(tmp_path / "walk" / "img1", 2)
    (tmp_path / "walk" / "gt").mkdir()
    (tmp_path / "walk" / "gt" / "gt.txt").write_text("1,1,1,1,5,5\n")
    with pytest.raises(DatasetLayoutError, match="is itself a sequence"):
        names(tmp_path / "walk")


def test_a_folder_with_an_annotation_of_one_target_stays_one_sequence(tmp_path):
    images(tmp_path / "a", 2)
    (tmp_path / "a" / "groundtruth.txt").write_text("1,1,9,9\n2,1,9,9\n")
    for stray in ("a/000001.json", "a/annotations.xml"):
        (tmp_path / stray).write_text("anything")
    assert names(tmp_path) == ["a"]
    assert read(tmp_path, "a").annotation.ground_truth[1].tolist() == [2, 1, 9, 9]
