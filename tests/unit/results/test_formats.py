"""Raw results of other programs: every published layout is recognized, everything wrong is listed at once."""

import io
import zipfile

import numpy as np
import pytest
import scipy.io

from evalkit.benchmarks import BENCHMARKS, EXTRA_BENCHMARKS
from evalkit.errors import ResultFormatError, UnknownNameError
from evalkit.results.exporters import EXPORT_FORMATS
from evalkit.results.layouts import RESULT_LAYOUTS
from evalkit.results.reader import read_results
from helpers import ROOT
from helpers.files import write, write_zip

NAMES = ["car-1", "boy`s+head", "GOT_000001"]
BOXES = {
    "car-1": np.array([[10.0, 20, 5, 6], [11, 21, 5, 6], [12, 22, 5, 6]]),
    "boy`s+head": np.array([[100.0, 50, 30, 40], [101, 51, 30, 40]]),
    "GOT_000001": np.array([[7.0, 8, 3, 2], [7.5, 8.25, 3, 2]]),
}
COUNTS = {name: len(boxes) for name, boxes in BOXES.items()}


def text(array, separator=",", number="%g"):
    buffer = io.StringIO()
    np.savetxt(buffer, np.atleast_2d(array), fmt=number, delimiter=separator)
    return buffer.getvalue().encode()


def corners(boxes):
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def polygons(boxes):
    left, top, width, height = boxes.T
    columns = [left, top, left + width, top, left + width, top + height, left, top + height]
    return np.stack(columns, axis=1)


def read(path, benchmark="lasot", **options):
    return read_results(path, names=NAMES, benchmark=benchmark, frame_counts=COUNTS, **options)


def each(pattern, content=text):
    """One file per sequence; ``{}`` in the pattern is the sequence's name."""
    return {pattern.replace("{}", name): content(boxes) for name, boxes in BOXES.items()}


def matlab(boxes):
    buffer = io.BytesIO()
    result = np.empty((1, 1), dtype=object)
    result[0, 0] = {"res": boxes, "type": "rect", "len": len(boxes), "fps": 30.0}
    scipy.io.savemat(buffer, {"results": result})
    return buffer.getvalue()


LAYOUTS = {
    "flat": ("plain", each("{}.txt"), None),
    "folder per tracker": ("plain", each("KCF/{}.txt"), "KCF"),
    "top folder": ("plain", each("raw_results/KCF/{}.txt"), "KCF"),
    "tab": ("plain", each("KCF/{}.txt", lambda boxes: text(boxes, "\t")), "KCF"),
    "blank": ("plain", each("KCF/{}.txt", lambda boxes: text(boxes, " ")), "KCF"),
    "exponents": ("plain", each("KCF/{}.txt", lambda boxes: text(boxes, ",", "%.18e")), "KCF"),
    "crlf": ("plain", each("KCF/{}.txt", lambda boxes: text(boxes).replace(b"\n", b"\r\n")), "KCF"),
    "uav prefix": ("plain", each("SiamFC/uav_{}.txt"), "SiamFC"),
    "nfs prefix": ("plain", each("SiamFC/nfs_{}.txt"), "SiamFC"),
    "pytracking": ("plain", each("tracking_results/dimp/dimp50_000/{}.txt"), "dimp50"),
    "ostrack got10k level": ("plain", each("ostrack/vitb_256/lasot/{}.txt"), "vitb_256"),
    "class level": ("plain", {"KCF/car/car-1.txt": text(BOXES["car-1"])}, "KCF"),
    "lasot kit": ("plain", each("tracking_results/KCF_tracking_result/{}.txt"), "KCF"),
    "visevent kit": ("plain", each("KCF_tracking_result/results{}.txt"), "KCF"),
    "lorat zip": ("plain", each("LoRAT-B-224_000/{}.txt", lambda boxes: text(boxes, "\t", "%.3f")), "LoRAT-B-224"),
    "trackingnet": ("plain", each("KCF/{}/{}.txt"), "KCF"),
    "got10k": ("got10k", each("GOT-10k/KCF/{}/{}_001.txt", lambda boxes: text(boxes, ",", "%.3f")), "KCF"),
    "got10k without tracker": ("got10k", each("{}/{}_001.txt"), None),
    "corners, named": ("swintrack", each("test_metrics/lasot/{}/bounding_box.txt", lambda b: text(corners(b))), None),
    "polygons": ("polygons", each("KCF/{}.txt", lambda boxes: text(polygons(boxes))), "KCF"),
    "vot": ("vot", each("KCF/rgbd-unsupervised/{}/{}_001.txt"), "KCF"),
    "vot polygons": ("vot", each("KCF/longterm/{}/{}_001.txt", lambda boxes: text(polygons(boxes))), "KCF"),
    "tracker's name twice": ("plain", each("KCF/KCF_{}.txt"), "KCF"),
    "matlab": ("otb-mat", each("results_OPE/KCF/{}_KCF.mat", matlab), "KCF"),
    "matlab flat": ("otb-mat", each("results_OPE/{}_KCF_HOG.mat", matlab), "KCF_HOG"),
}


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_boxes(tmp_path, layout, packed):
    kind, files, tracker = LAYOUTS[layout]
    benchmark = "got10k" if layout.startswith("got10k") else "lasot"
    path = write_zip(tmp_path / "mine.zip", files) if packed else write(tmp_path / "mine", files)
    (results,) = read(path, benchmark)
    assert results.layout == kind
    assert results.tracker == (tracker or "mine")
    expected = [name for name in NAMES if any(name in file for file in files)]
    assert list(results.sequences) == expected
    for name in expected:
        (trajectory,) = results.sequences[name]
        np.testing.assert_array_equal(trajectory.boxes, BOXES[name])
    assert results.missing == tuple(sorted(set(NAMES) - set(expected)))
    assert not results.unreadable
    assert not results.foreign


def test_naming_the_format_reads_the_same(tmp_path):
    for kind, files, _ in LAYOUTS.values():
        path = write_zip(tmp_path / f"{kind}.zip", files)
        (results,) = read(path, "got10k", layout=kind)
        assert results.layout == kind


def test_unknown_format_suggests_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'got10k'"):
        read(write(tmp_path, each("{}.txt")), layout="got-10k")


def test_several_trackers_are_told_apart_and_one_can_be_asked_for(tmp_path):
    path = write_zip(tmp_path / "all.zip", each("top/ATOM/{}.txt") | each("top/SiamRPN++/{}.txt"))
    assert [results.tracker for results in read(path)] == ["ATOM", "SiamRPN++"]
    (results,) = read(path, tracker="siamrpn++")
    assert results.tracker == "siamrpn++"
    assert [results.tracker for results in read(path / "top" / "ATOM")] == ["ATOM"]
    with pytest.raises(ResultFormatError, match=r"holds results of 2 trackers.*ATOM, SiamRPN\+\+"):
        read(path, tracker="KCF")


def test_a_lone_tracker_takes_the_name_given(tmp_path):
    (results,) = read(write(tmp_path / "x", each("ATOM/{}.txt")), tracker="mine")
    assert results.tracker == "mine"


def test_class_folders_are_lasots_alone(tmp_path):
    name = "T-6SBApMCsw_0"
    files = {f"{tracker}/{name}.txt": text(BOXES["car-1"]) for tracker in ("T", "U")}
    actual = read_results(write(tmp_path / "x", files), names=[name], benchmark="trackingnet")
    assert [results.tracker for results in actual] == ["T", "U"]
    (lasot,) = read(write(tmp_path / "y", {"KCF/car/car-1.txt": text(BOXES["car-1"])}))
    assert lasot.tracker == "KCF"


def test_repetitions_of_the_got10k_toolkit_with_times_in_columns(tmp_path):
    files = {}
    for name, boxes in BOXES.items():
        for number in (1, 2, 3):
            files[f"T/{name}/{name}_{number:03d}.txt"] = text(boxes + number - 1)
        files[f"T/{name}/{name}_time.txt"] = text(np.arange(3) / 10 + np.arange(len(boxes))[:, None], number="%.8f")
    (results,) = read(write(tmp_path, files), with_times=True)
    trajectories = results.sequences["car-1"]
    assert [trajectory.boxes[0, 0] for trajectory in trajectories] == [10, 11, 12]
    assert [trajectory.seconds.tolist() for trajectory in trajectories] == [[0, 1, 2], [0.1, 1.1, 2.1], [0.2, 1.2, 2.2]]
    assert results.remarks() == ["3 repetitions."]


def test_runs_in_numbered_folders_are_repetitions_but_input_sizes_are_not(tmp_path):
    runs = {}
    for number in range(3):
        runs |= each(f"dimp/dimp50_{number:03d}/{{}}.txt", lambda boxes, number=number: text(boxes + number))
    (results,) = read(write(tmp_path / "runs", runs))
    assert results.tracker == "dimp50"
    assert [trajectory.boxes[0, 0] for trajectory in results.sequences["car-1"]] == [10, 11, 12]
    sizes = each("ostrack/ostrack_256/{}.txt") | each("ostrack/ostrack_384/{}.txt")
    assert [r.tracker for r in read(write(tmp_path / "sizes", sizes))] == ["ostrack_256", "ostrack_384"]


def test_time_files_are_read_on_demand_only(tmp_path):
    files = each("T/{}.txt")
    files["T/car-1_time.txt"] = b"0.5\n0.25\n0.125\n"
    files["T/times/boy`s+head_time.txt"] = b"0.5\n"  # the first frame was not timed
    files["T/GOT_000001_time.txt"] = b"1\n2\n3\n4\n5\n"
    (results,) = read(write(tmp_path, files), with_times=True)
    seconds = {name: trajectories[0].seconds.tolist() for name, trajectories in results.sequences.items()}
    assert seconds["car-1"] == [0.5, 0.25, 0.125]
    np.testing.assert_array_equal(seconds["boy`s+head"], [np.nan, 0.5])
    np.testing.assert_array_equal(seconds["GOT_000001"], [np.nan, np.nan])
    assert results.remarks() == ["1 time files do not fit the boxes and were left out."]
    (results,) = read(tmp_path)
    assert np.isnan(results.sequences["car-1"][0].seconds).all()
    assert not results.remarks()


def test_by_products_and_stray_copies_are_skipped(tmp_path):
    files = each("T/{}.txt")
    files |= {"T/car-1_all_boxes.txt": b"text", "T/car-1_all_scores.txt": b"1\n", "T/car-1_001(1).txt": b"1,2,3,4"}
    files |= {"T/readme.md": b"", "T/log.json": b"{}", "T/eval_data.pkl": b"", "__MACOSX/T/car-1.txt": b""}
    (results,) = read(write_zip(tmp_path / "a.zip", files))
    assert not results.problems()
    assert not results.remarks()


def test_files_of_other_sequences_are_named_and_ignored(tmp_path):
    files = each("T/{}.txt") | {f"T/other-{number}.txt": b"1,2,3,4" for number in range(15)}
    (results,) = read(write(tmp_path, files))
    assert len(results.foreign) == 15
    assert results.remarks()[0].startswith("15 files of other sequences ignored: T/other-0.txt")
    assert results.remarks()[0].endswith("and 3 more.")


def test_everything_wrong_is_listed_at_once(tmp_path):
    names = [f"s{number}" for number in range(8)]
    good = b"1,2,3,4\n5,6,7,8\n"
    files = {
        "T/s0.txt": good,
        "T/s1.txt": b"1,2,3,4\n",  # short
        "T/s2.txt": good + b"9,9,9,9\n",  # long
        "T/s3.txt": b"1,2,3,4\nNaN,NaN,NaN,NaN\n",
        "T/s4.txt": b"1,2,3\n4,5,6\n",
        "T/s5.txt": b"1,2,3,4\nx,y,w,h\n",
        "T/s6.txt": b"",
    }
    (results,) = read_results(
        write(tmp_path, files), names=names, benchmark="lasot", frame_counts=dict.fromkeys(names, 2)
    )
    assert list(results.sequences) == ["s0", "s1", "s2", "s3"]
    assert results.missing == ("s7",)
    assert results.short == {"s1": (1, 2)}
    assert results.long == {"s2": (3, 2)}
    assert results.with_nan == {"s3": 1}
    message = "\n".join(results.problems())
    assert "no result for 1 sequence: s7" in message
    assert "s4.txt: 3 columns, expected 4" in message
    assert "s5.txt, line 2: expected numbers, found 'x,y,w,h'" in message
    assert "s6.txt: an empty file" in message
    assert "fewer rows than frames in 1 result: s1 (1 of 2)" in message
    assert [remark.partition(":")[0] for remark in results.remarks()] == [
        "more rows than frames in 1 result",
        "1 row without a box in 1 result",
    ]


def test_decimal_commas_are_not_read_as_polygons(tmp_path):
    files = {f"T/{name}.txt": b"1,5 2,5 3,5 4,5\n" for name in NAMES}
    (results,) = read(write(tmp_path, files))
    assert not results.sequences
    assert "decimal comma" in results.unreadable[0]


def regions(boxes):
    """As the VOT toolkit writes them: a code for frame 0."""
    return b"1\n" + text(boxes[1:])


CONFIDENCES = {f"T/{name}_001_confidence.value": b"\n" + b"0.5\n" * (len(boxes) - 1) for name, boxes in BOXES.items()}


class TestRegions:
    @pytest.mark.parametrize("pattern", ["T/{}/{}_001.txt", "T/{}_001.txt", "T/{}.txt", "{}/{}_001.txt"])
    def test_codes_are_recognized_by_content_in_any_folder(self, tmp_path, pattern):
        (results,) = read(write(tmp_path, each(pattern, regions)))
        assert results.layout == "vot"
        boxes = results.sequences["car-1"][0].boxes
        assert np.isnan(boxes[0]).all()
        np.testing.assert_array_equal(boxes[1:], BOXES["car-1"][1:])
        assert not results.unreadable
        assert results.notes == (f"No confidence file for 3 sequences, counted as 0: {', '.join(NAMES)}.",)

    def test_confidences_beside_the_boxes_are_read(self, tmp_path):
        (results,) = read(write(tmp_path, each("T/{}_001.txt", regions) | CONFIDENCES))
        assert [item.confidence.tolist() for item in results.sequences["car-1"]] == [[0.0, 0.5, 0.5]]
        assert not results.notes

    def test_the_format_can_be_named_where_no_code_tells(self, tmp_path):
        (results,) = read(write(tmp_path, each("T/{}_001.txt")), layout="vot")
        assert results.layout == "vot"
        assert results.sequences["car-1"][0].confidence.tolist() == [0.0, 0.0, 0.0]

    def test_an_empty_file_is_unreadable(self, tmp_path):
        (results,) = read(write(tmp_path, each("T/{}.txt", regions) | {"T/car-1.txt": b""}), layout="vot")
        assert "car-1" not in results.sequences
        assert results.unreadable == (f"{tmp_path}/T/car-1.txt: an empty file.",)

    def test_confidences_of_another_length_make_the_result_unreadable(self, tmp_path):
        files = each("T/{}_001.txt", regions) | CONFIDENCES | {"T/car-1_001_confidence.value": b"0.5\n"}
        (results,) = read(write(tmp_path, files))
        assert "car-1" not in results.sequences
        assert "car-1_001_confidence.value: 2 lines, but 3 regions" in results.unreadable[0]
        assert results.problems()


def test_times_in_a_folder_of_their_own_are_no_results(tmp_path):
    files = each("T/{}.txt") | {f"T/time/{name}.txt": b"1\n" * len(boxes) for name, boxes in BOXES.items()}
    (results,) = read(write(tmp_path, files), with_times=True)
    assert results.layout == "plain"
    assert results.sequences["car-1"][0].seconds.tolist() == [1.0, 1.0, 1.0]


class TestCorners:
    FILES = each("T/{}.txt", lambda boxes: text(corners(boxes)))

    def test_without_an_annotation_the_user_is_asked(self, tmp_path):
        with pytest.raises(ResultFormatError, match="--layout-of-results plain or --layout-of-results corners"):
            read(write(tmp_path, self.FILES))

    def test_the_annotation_tells(self, tmp_path):
        first = {name: boxes[0] for name, boxes in BOXES.items()}
        (results,) = read(write(tmp_path / "corners", self.FILES), initial_boxes=first)
        assert results.layout == "corners"
        np.testing.assert_array_equal(results.sequences["car-1"][0].boxes, BOXES["car-1"])
        assert results.remarks() == ["Corners x1,y1,x2,y2 were converted with width = x2 - x1."]
        many = np.tile(corners(BOXES["car-1"]), (40, 1))
        many[7] = [30.0, 20, 25, 28]  # a right side left of the left one
        files = self.FILES | {"T/car-1.txt": text(many)}
        (results,) = read(write(tmp_path / "broken", files), initial_boxes=first)
        assert results.layout == "corners"
        large = {name: np.array([[1.0, 2, 300, 400]]) for name in NAMES}
        files = {f"T/{name}.txt": text(boxes) for name, boxes in large.items()}
        (results,) = read(write(tmp_path / "boxes", files), initial_boxes={n: b[0] for n, b in large.items()})
        assert results.layout == "plain"

    def test_the_user_tells(self, tmp_path):
        path = write(tmp_path, self.FILES)
        (results,) = read(path, layout="corners")
        np.testing.assert_array_equal(results.sequences["boy`s+head"][0].boxes, BOXES["boy`s+head"])
        (results,) = read(path, layout="plain")
        np.testing.assert_array_equal(results.sequences["car-1"][0].boxes, corners(BOXES["car-1"]))


class TestAmbiguous:
    @pytest.mark.parametrize(
        "extra",
        [
            {"T/uav_car-1.txt": b"1,2,3,4"},
            {"T/car-1/car-1.txt": b"1,2,3,4"},
            {"T/resultscar-1.txt": b"1,2,3,4"},
            {"T/car-1_001.txt": b"1,2,3,4"},
        ],
    )
    def test_two_files_for_one_sequence_are_refused(self, tmp_path, extra):
        with pytest.raises(ResultFormatError, match=r"two files for one sequence .*car-1.* --layout-of-results"):
            read(write(tmp_path, each("T/{}.txt") | extra))

    def test_two_layouts_in_one_place_need_the_format(self, tmp_path):
        files = each("T/{}.txt") | each("T/{}/{}_001.txt", lambda boxes: text(boxes + 1))
        path = write(tmp_path, files)
        with pytest.raises(ResultFormatError, match="--layout-of-results"):
            read(path)
        assert read(path, layout="plain")[0].sequences["car-1"][0].boxes[0, 0] == 10
        assert read(path, layout="got10k")[0].sequences["car-1"][0].boxes[0, 0] == 11


class TestVot:
    BOXES_FILE = b"1\n10.5,20,5,6\n0\n11,21,16,21,16,27,11,27\n"
    FOLDER = "T/rgbd-unsupervised/car-1/car-1_001"

    def one(self, tmp_path, more=None, **options):
        files = {f"{self.FOLDER}.txt": self.BOXES_FILE} | (more or {})
        (results,) = read_results(
            write(tmp_path, files), names=["car-1"], benchmark="depthtrack", frame_counts={"car-1": 4}, **options
        )
        return results

    def test_codes_rectangles_polygons_and_confidence(self, tmp_path):
        more = {
            f"{self.FOLDER}_confidence.value": b"\n0.5\n\n1e-2\n",
            f"{self.FOLDER}_time.value": b"0.1\n0.2\n0.3\n0.4\n",
        }
        (trajectory,) = self.one(tmp_path, more, with_times=True).sequences["car-1"]
        nothing = [np.nan] * 4
        np.testing.assert_array_equal(trajectory.boxes, [nothing, [10.5, 20, 5, 6], nothing, [11, 21, 5, 6]])
        assert trajectory.confidence.tolist() == [0, 0.5, 0, 0.01]
        assert trajectory.seconds.tolist() == [0.1, 0.2, 0.3, 0.4]

    def test_without_a_confidence_file_every_confidence_is_zero(self, tmp_path):
        (trajectory,) = self.one(tmp_path).sequences["car-1"]
        assert trajectory.confidence.tolist() == [0, 0, 0, 0]

    def test_without_the_experiment_level_the_confidence_file_tells(self, tmp_path):
        files = {"T/car-1/car-1_001.txt": self.BOXES_FILE, "T/car-1/car-1_001_confidence.value": b"1\n1\n1\n1\n"}
        (results,) = read_results(write(tmp_path, files), names=["car-1"], benchmark="depthtrack")
        assert results.layout == "vot"
        assert results.sequences["car-1"][0].confidence.tolist() == [1, 1, 1, 1]

    @pytest.mark.parametrize("data", [b"1\n0.5\n", b"1\n2\n3\n4\n5\n", b"1\nx\n1\n1\n", b"1 2\n1 2\n1 2\n1 2\n"])
    def test_confidence_that_does_not_fit_is_listed(self, tmp_path, data):
        results = self.one(tmp_path, {f"{self.FOLDER}_confidence.value": data})
        assert "car-1_001_confidence.value" in results.unreadable[0]

    @pytest.mark.parametrize(
        ("line", "text_"),
        [(b"m0,0,4,4,1,2,3", "segmentation mask"), (b"7", "expected a region"), (b"1,2,3", "expected a region")],
    )
    def test_other_regions_are_refused_with_their_line(self, tmp_path, line, text_):
        results = self.one(tmp_path, {f"{self.FOLDER}.txt": b"1\n" + line + b"\n1,2,3,4\n"})
        assert "car-1_001.txt, line 2" in results.unreadable[0]
        assert text_ in results.unreadable[0]
        assert not results.sequences

    def test_binary_results_are_refused_with_advice(self, tmp_path):
        with pytest.raises(ResultFormatError, match="binary VOT results"):
            read(write(tmp_path, {f"{self.FOLDER}.bin": b"\0\1"}))


class TestMatlab:
    @pytest.mark.parametrize("data", [b"", b"no matlab", b"MATLAB 5.0 MAT-file" + b"\0" * 200])
    def test_damaged_files_are_listed(self, tmp_path, data):
        (results,) = read(write(tmp_path, {"car-1_KCF.mat": data}))
        assert "car-1_KCF.mat" in results.unreadable[0]

    def test_other_regions_are_listed(self, tmp_path):
        buffer = io.BytesIO()
        scipy.io.savemat(buffer, {"results": {"res": np.ones((2, 6)), "type": "affine_ivt"}})
        (results,) = read(write(tmp_path, {"car-1_KCF.mat": buffer.getvalue()}))
        assert "regions of type 'affine_ivt'" in results.unreadable[0]

    def test_truncated_real_file_is_listed(self, tmp_path):
        data = matlab(BOXES["car-1"])
        for size in range(0, len(data), 37):
            (results,) = read(write(tmp_path, {"car-1_KCF.mat": data[:size]}))
            assert len(results.unreadable) == 1


class TestNothingFound:
    @pytest.mark.parametrize(
        ("files", "message"),
        [
            ({"T/zebra-1.txt": b"1,2,3,4"}, "none of 1 file is named after a sequence of lasot; found T/zebra-1.txt"),
            ({"readme.md": b""}, "no result files among 1 file"),
            ({}, "no result files among 0 files"),
            ({"a.zip": b"", "b.zip": b""}, r"holds archives only: a\.zip, b\.zip\. Name one"),
        ],
    )
    def test_the_text_says_what_was_there_and_what_was_expected(self, tmp_path, files, message):
        with pytest.raises(ResultFormatError, match=message):
            read(write(tmp_path, files))

    def test_another_format_than_asked_for(self, tmp_path):
        with pytest.raises(ResultFormatError, match="none of 3 files is in the layout 'otb-mat'"):
            read(write(tmp_path, each("T/{}.txt")), layout="otb-mat")

    def test_every_format_is_described(self):
        assert set(RESULT_LAYOUTS) == {kind for kind, _, _ in LAYOUTS.values()} | {"corners"}


REAL = [
    ("results_lasot.zip", "lasot_test_gt.zip", "lasot/testing_set.txt", "lasot", {"ATOM": 280, "SiamRPN++": 280}),
    ("results_tnl2k.zip", "tnl2k_test_gt.zip", "tnl2k/testing_set.txt", "tnl2k", {"SynthA": 700}),
    ("visevent_results_A.zip", "visevent_test_gt.zip", "lists/test_320.txt", "visevent", {"CEUTrack": 172}),
    ("lasher_results_A.zip", "lasher_test_gt.zip", "lists/testing_245.txt", "lasher", {"MANet++": 245, "MTNet": 245}),
    ("depthtrack_results_A.zip", "depthtrack_proxy_gt.zip", "lists/test_50.txt", "depthtrack", {"SynLost": 50}),
    ("rgbt234_results_A.zip", "rgbt234_gt.zip", "lists/sequences_234.txt", "rgbt234", {"SynP": 234}),
    ("results_got10k_val_like.zip", "got10k_val_like.zip", "got10k/val/list.txt", "got10k", {"Trio": 180}),
]


@pytest.mark.data
@pytest.mark.parametrize(("archive", "annotations", "list_", "benchmark", "counts"), REAL, ids=[r[3] for r in REAL])
def test_real_archives_are_read_as_they_are(shared_data, archive, annotations, list_, benchmark, counts):
    with zipfile.ZipFile(shared_data / annotations) as file:
        names = file.read(list_).decode().split()
    for tracker, count in counts.items():
        (results,) = read_results(shared_data / archive, names=names, benchmark=benchmark, tracker=tracker)
        assert len(results.sequences) == count
        assert len(results.missing) == len(names) - count
        assert not results.unreadable
        assert not results.foreign
        repetitions = {len(trajectories) for trajectories in results.sequences.values()}
        assert repetitions == {3 if tracker == "Trio" else 1}


@pytest.mark.data
def test_a_missing_file_of_a_nested_real_archive_is_named(shared_data):
    heads = shared_data / "trackingnet_style.zip" / "trackingnet" / "lasot_heads"
    with zipfile.ZipFile(shared_data / "trackingnet_style.zip") as outer:
        inner = zipfile.ZipFile(io.BytesIO(outer.read("trackingnet/lasot_heads/GT.zip")))
    names = [name.removesuffix(".txt") for name in inner.namelist()]
    (results,) = read_results(heads / "subm_SiamRPN++.zip", names=names, benchmark="trackingnet")
    assert results.missing == ("bicycle-18",)
    (results,) = read_results(heads / "subm_ATOM.zip", names=names, benchmark="trackingnet")
    assert not results.missing
    with pytest.raises(ResultFormatError, match="holds archives only"):
        read_results(heads, names=names, benchmark="trackingnet")


def test_the_page_about_result_files_names_every_format():
    page = (ROOT / "docs" / "result-files.md").read_text(encoding="utf-8")
    for name in (*RESULT_LAYOUTS, *EXPORT_FORMATS):
        assert f"`{name}`" in page, name
    for title in (spec.title for spec in (*BENCHMARKS.values(), *EXTRA_BENCHMARKS.values())):
        assert f"| {title} |" in page
