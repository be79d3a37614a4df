"""Annotations-only copies: official trees, kit folders and zips give what the benchmark's reader gives."""

import dataclasses
import json

import numpy as np
import pytest

from evalkit.benchmarks import BENCHMARKS, EXTRA_BENCHMARKS, get_benchmark
from evalkit.benchmarks.annotations import read_annotations, read_sequence_list
from evalkit.errors import AnnotationError, DatasetLayoutError, UnknownNameError
from helpers.files import tarred, write, write_zip, zipped

BOXES = b"10,20,30,40\n11,21,30,40\n0,0,0,0\n"
FLAGS = b"0\n0\n1\n"


GOT = {
    "groundtruth.txt": b"10.0000,20.0000,30.0000,40.0000\n11.0000,21.0000,30.0000,40.0000\n",
    "absence.label": b"0\n1\n",
    "cover.label": b"8\n0\n",
    "cut_by_image.label": b"0\n0\n",
    "meta_info.ini": b"[METAINFO]\nurl: x\nobject_class: cat\nresolution: (640, 480)\n",
}

# Official trees (with names of one's own): what the benchmark's reader reads from the same folder is the reference.
OFFICIAL = {
    "uav123": {
        "anno/UAV123/uav-car.txt": BOXES + b"NaN,NaN,NaN,NaN\n",
        "anno/UAV123/att/uav-car.txt": b"1,0," * 5 + b"1,0",
    },
    "got10k": {"val/list.txt": b"own_1\n"} | {f"val/own_1/{name}": data for name, data in GOT.items()},
    "lasot": {
        "testing_set.txt": b"face-1\n",
        "face/face-1/groundtruth.txt": BOXES,
        "face/face-1/full_occlusion.txt": b"0,1,0",
        "face/face-1/out_of_view.txt": b"0,0,1\n",
        "face/face-1/nlp.txt": b"a face\n",
    },
    "tnl2k": {"test/clip/groundtruth.txt": BOXES, "test/clip/language.txt": b"a clip\n"},
    "trackingnet": {"TEST/anno/a_0.txt": BOXES, "TEST/anno/b_1.txt": b"1.5,2,3,4\n"},
    "visevent": {
        "test/testlist.txt": b"ev_1\nev_2\n",
        "test/ev_1/groundtruth.txt": BOXES,
        "test/ev_1/absent_label.txt": b"1\n1\n0\n",  # 1 = present
        "test/ev_2/groundtruth.txt": b"0,0,0,0\n" + BOXES,
        "test/ev_2/absent_label.txt": b"0\n1\n1\n1\n",  # starts one frame later
    },
    "lasher": {
        "testingset/boy`s+head/visible.txt": BOXES,
        "testingset/boy`s+head/infrared.txt": BOXES,
        "testingset/boy`s+head/init.txt": b"10,20,30,40\n",
        "testingset/girl's/visible.txt": BOXES,
        "testingset/girl's/infrared.txt": BOXES,
    },
    "depthtrack": {
        "test/list.txt": b"cat_indoor\n",
        "test/cat_indoor/groundtruth.txt": b"1,2,3,4\nnan,nan,nan,nan\n5,6,-1,-1\n",
        "test/cat_indoor/sequence": b"name=cat_indoor\nwidth=320\nheight=200\n",
    },
    "rgbt234": {"man/visible.txt": BOXES, "man/infrared.txt": b"1,2,3,4\n5,6,7,8\n9,9,9,9\n"},
}
SPLITS = {"got10k": "val"}


def assert_same(first, second):
    assert first.name == second.name
    np.testing.assert_array_equal(first.ground_truth, second.ground_truth)
    np.testing.assert_array_equal(first.absent, second.absent)
    for field in ("visible_eighths", "ground_truth_aux"):
        left, right = getattr(first, field), getattr(second, field)
        assert (left is None) == (right is None)
        if left is not None:
            np.testing.assert_array_equal(left, right)
    for field in ("frame_count", "frame_wh", "attributes", "object_class", "description", "dropped_leading"):
        assert getattr(first, field) == getattr(second, field), field


@pytest.mark.parametrize("packed", [None, zipped, tarred], ids=["folder", "zip", "tar"])
@pytest.mark.parametrize("benchmark", OFFICIAL)
def test_official_tree_gives_what_the_reader_gives(tmp_path, benchmark, packed):
    spec = get_benchmark(benchmark)
    root = write(tmp_path / "root", OFFICIAL[benchmark])
    split = spec.splits[SPLITS.get(benchmark, "test")]
    expected = [spec.read_annotation(root, split, name) for name in spec.list_sequences(root, split)]
    prefixed = {f"deep/{spec.title}/{name}": data for name, data in OFFICIAL[benchmark].items()}
    path = root
    if packed:
        path = tmp_path / "copy"
        path.write_bytes(packed(prefixed))
    found_split, actual = read_annotations(spec, split.name, path)
    assert found_split == split.name
    assert [annotation.name for annotation in actual] == [annotation.name for annotation in expected]
    for first, second in zip(actual, expected, strict=True):
        assert_same(first, second)
        assert not first.ground_truth.flags.writeable


def test_every_benchmark_has_a_layout():
    known = {**BENCHMARKS, **EXTRA_BENCHMARKS}
    assert {name for name, spec in known.items() if spec.copies and spec.annotate} == set(OFFICIAL) == set(known)


def test_images_are_not_looked_at(tmp_path):
    images = {f"face/face-1/img/{number:08d}.jpg": b"no image" for number in range(1, 4)}
    root = write(tmp_path, OFFICIAL["lasot"] | images)
    assert len(read_annotations(get_benchmark("lasot"), None, root)[1]) == 1


KITS = {
    "lasot": {
        "kit/annos/face-1.txt": BOXES,
        "kit/annos/absent/face-1.txt": FLAGS,
        "kit/annos/att/face-1.txt": b"1,0,0,0,0,0,0,0,0,0,0,0,0,1\n",
        "kit/testing_set.txt": b"face-1\n",
    },
    "tnl2k": {
        "gt_rect/clip.txt": BOXES,
        "absent/clip.txt": b"0 \n0 \n1 \n",
        "att/clip_attribute.txt": b"1\n" + b"0\n" * 15 + b"1\n",
    },
    "visevent": {"gt_rect/ev.txt": BOXES, "absent/ev.txt": FLAGS, "att/ev.txt": b"1\n" + b"0\n" * 15 + b"1\n"},
}


@pytest.mark.parametrize("benchmark", KITS)
def test_kit_folders_have_one_for_absent_and_their_attributes(tmp_path, benchmark):
    spec = get_benchmark(benchmark)
    for path in (write(tmp_path / "kit", KITS[benchmark]), write_zip(tmp_path / "kit.zip", KITS[benchmark])):
        split, (annotation,) = read_annotations(spec, None, path)
        assert split == "test"
        assert annotation.absent.tolist() == [False, False, True]
        assert annotation.attributes == {spec.attributes[0], spec.attributes[-1]}


def test_lasher_kit_folder(tmp_path):
    _, actual = read_annotations(
        get_benchmark("lasher"), None, write(tmp_path, {"gt/a`b.txt": BOXES, "gt/c.txt": BOXES})
    )
    assert [annotation.name for annotation in actual] == ["a`b", "c"]


def test_attributes_for_all_sequences_in_one_file(tmp_path):
    table = b"sequence,split,NO,PO,TO,HO,MB,LI,HI,AIV,LR,DEF,BC,SA,CM,TC,FL,OV,FM,SV,ARC\na,test" + b",0" * 18 + b",1\n"
    path = write(tmp_path / "csv", {"gt/a.txt": BOXES, "attributes_1.csv": table})
    assert read_annotations(get_benchmark("lasher"), None, path)[1][0].attributes == {"ARC"}
    document = json.dumps({"sequences": {"face-1": ["IV", "OV"]}}).encode()
    path = write(tmp_path / "json", OFFICIAL["lasot"] | {"attributes.json": document})
    assert read_annotations(get_benchmark("lasot"), None, path)[1][0].attributes == {"IV", "OV"}


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", '{"sequences": [1]}', '{"sequences": {"a": 1}}', "no JSON", "{"])
def test_a_damaged_file_of_attributes_is_named(text, tmp_path):
    path = write(tmp_path / "json", OFFICIAL["lasot"] | {"attributes.json": text.encode()})
    with pytest.raises(AnnotationError, match=r"attributes\.json: no table of attributes"):
        read_annotations(get_benchmark("lasot"), None, path)


def test_a_table_of_attributes_without_its_columns_is_named(tmp_path):
    path = write(tmp_path / "csv", {"gt/a.txt": BOXES, "attributes_1.csv": b"name,x\na,1\n"})
    with pytest.raises(AnnotationError, match=r"attributes_1\.csv: no table of attributes \(KeyError"):
        read_annotations(get_benchmark("lasher"), None, path)


def test_names_tell_the_split(tmp_path):
    spec = get_benchmark("got10k")
    val = {f"GOT-10k_Val_{number:06d}/{name}": data for number in range(1, 181) for name, data in GOT.items()}
    split, actual = read_annotations(spec, None, write_zip(tmp_path / "a.zip", val))
    assert (split, len(actual)) == ("val", 180)
    assert (actual[0].frame_wh, actual[0].object_class) == ((640, 480), "cat")
    assert actual[0].visible_eighths.tolist() == [8, 0]
    with pytest.raises(DatasetLayoutError, match="none of split test"):
        read_annotations(spec, "test", tmp_path / "a.zip")


def test_hidden_truth_of_a_server_split_needs_no_labels(tmp_path):
    files = {"test/list.txt": b"own\n", "test/own/groundtruth.txt": GOT["groundtruth.txt"]}
    split, (annotation,) = read_annotations(get_benchmark("got10k"), None, write(tmp_path, files))
    assert (split, annotation.frame_count, annotation.visible_eighths) == ("test", 2, None)


def test_training_sequences_beside_are_left_out(tmp_path):
    files = {f"{part}/{name}/visible.txt": BOXES for part, name in [("trainingset", "x"), ("testingset", "y")]}
    root = write(tmp_path, files)
    for split, name in (("test", "y"), ("train", "x")):
        _, actual = read_annotations(get_benchmark("lasher"), split, root)
        assert [annotation.name for annotation in actual] == [name]


@pytest.mark.parametrize("flags", [b"0,1\n0\n", b"0 1\t0", b"0;1;0;", b"0.0\n1.0\n0.0\n", b"0\n1\n\n0"])
def test_flags_in_any_arrangement_are_read_alike_with_and_without_images(tmp_path, flags):
    spec = get_benchmark("lasot")
    root = write(tmp_path, OFFICIAL["lasot"] | {"face/face-1/full_occlusion.txt": flags})
    full = spec.read_annotation(root, spec.default_split, "face-1")
    assert full.absent.tolist() == [False, True, True]
    assert_same(full, read_annotations(spec, None, root)[1][0])


FOUR = {f"gt/{name}.txt": BOXES for name in "abcd"}


class TestSubLists:
    def test_only_the_named_sequences_in_the_order_of_the_benchmark(self, tmp_path):
        _, actual = read_annotations(get_benchmark("lasher"), None, write(tmp_path, FOUR), names=["c", "a"])
        assert [annotation.name for annotation in actual] == ["a", "c"]

    def test_unknown_names_are_listed_together(self, tmp_path):
        with pytest.raises(DatasetLayoutError, match=r"no annotation of 2 of 3 sequences .*: x, y"):
            read_annotations(get_benchmark("lasher"), None, write(tmp_path, FOUR), names=["x", "y", "a"])

    def test_list_files(self, tmp_path):
        path = write(tmp_path, {"list.txt": b"\xef\xbb\xbf# comment\nboy`s+head\r\n\n a \n", "empty.txt": b"\n"})
        assert read_sequence_list(path / "list.txt") == ["boy`s+head", "a"]
        write_zip(tmp_path / "a.zip", {"lists/218.txt": b"x\ny\n"})
        assert read_sequence_list(tmp_path / "a.zip" / "lists" / "218.txt") == ["x", "y"]
        for missing in ("none.txt", "a.zip/lists/none.txt", "empty.txt"):
            with pytest.raises(DatasetLayoutError, match="list"):
                read_sequence_list(tmp_path / missing)
        with pytest.raises(DatasetLayoutError, match=r"there is no list .*none\.txt; .*a\.zip/lists holds 218\.txt"):
            read_sequence_list(tmp_path / "a.zip" / "lists" / "none.txt")


class TestWrongContent:
    def refused(self, tmp_path, benchmark, changes, error=AnnotationError):
        base = {**OFFICIAL, **{f"{name} kit": files for name, files in KITS.items()}}[benchmark]
        spec = get_benchmark(benchmark.partition(" ")[0])
        with pytest.raises(error) as caught:
            read_annotations(spec, SPLITS.get(spec.name), write(tmp_path, base | changes))
        return str(caught.value)

    def test_wrong_files_are_listed_together(self, tmp_path):
        changes = {"TEST/anno/a_0.txt": b"1,2,3\n", "TEST/anno/b_1.txt": b"1,2,3,x\n", "TEST/anno/c_2.txt": b""}
        message = self.refused(tmp_path, "trackingnet", changes)
        assert "a_0.txt: 3 columns" in message
        assert "b_1.txt, line 1: expected numbers" in message
        assert "c_2.txt: the file has no rows" in message

    @pytest.mark.parametrize("row", [b"nan,nan,nan,nan", b"1,2,0,4", b"1,2,3,-4"])
    def test_first_box_must_start_a_tracker(self, tmp_path, row):
        assert "first row" in self.refused(tmp_path, "trackingnet", {"TEST/anno/a_0.txt": row + b"\n" + BOXES})

    @pytest.mark.parametrize("flags", [b"0,1", b"0,1,0,0", b"0,1,2", b"0,1,0.5", b"0,1,nan"])
    def test_flags_must_fit_the_rows(self, tmp_path, flags):
        assert "out_of_view.txt" in self.refused(tmp_path, "lasot", {"face/face-1/out_of_view.txt": flags})

    def test_infinite_boxes_are_refused(self, tmp_path):
        message = self.refused(tmp_path, "trackingnet", {"TEST/anno/a_0.txt": BOXES + b"inf,1,2,3\n"})
        assert "a_0.txt: row 4 is inf,1,2,3; expected finite numbers" in message

    def test_flags_must_exist(self, tmp_path):
        files = {"lasot/face-1/groundtruth.txt": BOXES}
        with pytest.raises(
            AnnotationError, match=r"face-1 has no full_occlusion\.txt and no out_of_view\.txt \(nor absent\.txt"
        ):
            read_annotations(get_benchmark("lasot"), None, write(tmp_path, files))

    def test_inverted_flags_are_noticed(self, tmp_path):
        message = self.refused(tmp_path, "visevent kit", {"absent/ev.txt": b"1\n1\n0\n"})
        assert "contradict each other in 3 of 3 frames" in message
        assert "the other way round" in message

    def test_labels_of_got10k_are_required_and_checked(self, tmp_path):
        assert "cover.label" in self.refused(tmp_path, "got10k", {"val/own_1/cover.label": b"8\n9\n"})
        assert "resolution is 'x'" in self.refused(tmp_path, "got10k", {"val/own_1/meta_info.ini": b"resolution: x\n"})
        bare = {"list.txt": b"o\n", "o/groundtruth.txt": GOT["groundtruth.txt"]}
        with pytest.raises(AnnotationError, match=r"sequence o has no absence\.label and no cover\.label"):
            read_annotations(get_benchmark("got10k"), "val", write(tmp_path / "bare", bare))

    def test_missing_sequences_of_the_list_are_named(self, tmp_path):
        message = self.refused(tmp_path, "lasot", {"testing_set.txt": b"face-1\ncar-1\ncar-2\n"}, DatasetLayoutError)
        assert "no annotation of 2 of 3 sequences (split test): car-1, car-2" in message

    def test_two_annotations_of_one_sequence_are_refused(self, tmp_path):
        message = self.refused(tmp_path, "lasot", {"old/face/face-1/groundtruth.txt": BOXES}, DatasetLayoutError)
        assert "two annotations of 1 sequence: face-1" in message

    def test_something_else_says_what_was_expected(self, tmp_path):
        with pytest.raises(DatasetLayoutError, match=r"no annotations recognized .*Expected <sequence>/groundtruth"):
            read_annotations(get_benchmark("lasot"), None, write(tmp_path / "a", {"readme.md": b""}))
        with pytest.raises(DatasetLayoutError, match=r"holds archives; name one: .*/GT\.zip"):
            read_annotations(get_benchmark("trackingnet"), None, write(tmp_path / "b", {"GT.zip": b""}))

    def test_unknown_split_and_benchmark_without_such_copies(self, tmp_path):
        with pytest.raises(UnknownNameError, match="split of lasot"):
            read_annotations(get_benchmark("lasot"), "tset", tmp_path)
        with pytest.raises(DatasetLayoutError, match="use --data-root"):
            read_annotations(get_benchmark("custom"), None, tmp_path)


def test_the_rendered_sample_is_read_alike_with_and_without_its_images(tiny_sample):
    for spec in BENCHMARKS.values():
        root = tiny_sample / spec.title
        split = spec.splits[SPLITS.get(spec.name, "test")]
        expected = [spec.read_annotation(root, split, name) for name in spec.list_sequences(root, split)]
        _, actual = read_annotations(spec, split.name, root)
        for first, second in zip(actual, expected, strict=True):
            rows = len(first.ground_truth)  # only the images tell how long a sequence with one row is
            assert_same(first, dataclasses.replace(second, frame_count=rows) if rows == 1 else second)
    for name in ("got10k", "trackingnet"):
        spec = get_benchmark(name)
        _, truth = read_annotations(spec, "test", tiny_sample / ".truth" / spec.title)
        assert all(len(annotation.ground_truth) == annotation.frame_count > 1 for annotation in truth)


# split, sequences, frames, absent frames, attribute flags: facts of the protocol pages
REAL = {
    "lasot_test_gt.zip": ("lasot", "test", 280, 685_360, 18_346, 1797),
    "tnl2k_test_gt.zip": ("tnl2k", "test", 700, 516_038, 65_253, 3314),
    "uav123_gt.zip": ("uav123", "test", 123, 112_578, 0, 610),
    "got10k_val_like.zip": ("got10k", "val", 180, 17_896, 211, 0),
    "visevent_test_gt.zip": ("visevent", "test", 320, 157_395, 21_026, 1463),
    "lasher_test_gt.zip": ("lasher", "test", 245, 220_703, 0, 1363),
    "depthtrack_proxy_gt.zip": ("depthtrack", "test", 50, 76_373, 0, 0),
    "rgbt234_gt.zip": ("rgbt234", "test", 234, 116_650, 0, 800),
    "trackingnet_style.zip/trackingnet/lasot_heads/GT.zip": ("trackingnet", "test", 70, 21_000, 0, 0),
    "trackingnet_style.zip/trackingnet/devkit_dummy/dummy_GT.zip": ("trackingnet", "test", 9, 4_500, 0, 0),
}


@pytest.mark.data
@pytest.mark.parametrize("archive", REAL)
def test_real_archives_are_read_as_they_are(shared_data, archive):
    benchmark, split, sequences, frames, absent, attributes = REAL[archive]
    found_split, actual = read_annotations(get_benchmark(benchmark), None, shared_data / archive)
    assert (found_split, len(actual)) == (split, sequences)
    assert sum(len(annotation.ground_truth) for annotation in actual) == frames
    assert sum(int(annotation.absent.sum()) for annotation in actual) == absent
    if benchmark != "lasher":
        assert sum(len(annotation.attributes) for annotation in actual) == attributes
    counts = {code: sum(code in annotation.attributes for annotation in actual) for code in ("NO", "ARC", "TC")}
    if benchmark == "lasher":
        assert counts == {"NO": 33, "ARC": 109, "TC": 148}
    if benchmark == "depthtrack":
        assert sum(int(np.isnan(annotation.ground_truth).any(axis=1).sum()) for annotation in actual) == 2541
        assert {annotation.frame_wh for annotation in actual} == {(640, 360)}


@pytest.mark.data
@pytest.mark.parametrize(("list_name", "count"), [("srtrack_val_218", 218), ("test_aedat4_subset_172", 172)])
def test_sub_lists_of_visevent(shared_data, list_name, count):
    archive = shared_data / "visevent_test_gt.zip"
    names = read_sequence_list(archive / "lists" / f"{list_name}.txt")
    _, actual = read_annotations(get_benchmark("visevent"), None, archive, names=names)
    assert [annotation.name for annotation in actual] == sorted(names)
    split, packaged = read_annotations(get_benchmark("visevent"), f"test-{count}", archive)
    assert split == f"test-{count}"
    assert {annotation.name for annotation in packaged} == set(names)
