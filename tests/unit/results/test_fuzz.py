"""Fuzzed trees, archives and region files: an error of ours, or exactly what a file says. Never a crash or a guess."""

import contextlib
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.archive import open_tree
from evalkit.errors import EvalkitError, ResultFormatError
from evalkit.results.layouts import RESULT_LAYOUTS
from evalkit.results.reader import read_results
from evalkit.results.regions import parse_regions, parse_values
from helpers.files import write_zip, zipped

NAMES = ["car-1", "bike1", "bike1_001", "boy`s+head"]
folders = st.lists(
    st.sampled_from(["KCF", "car-1", "bike1", "times", "rgbd-unsupervised", "lasot", "x_000", "x_001", "y_256", "car"]),
    max_size=3,
)
STEMS = [
    "uav_bike1",
    "uav_car-1",
    "car-1_001",
    "car-1_002",
    "bike1_001_001",
    "car-1_time",
    "bike1_time",
    "car-1_all_boxes",
    "car-1_001(1)",
    "resultscar-1",
    "bounding_box",
    "time",
    "zebra",
    "car-1_001_confidence",
    "car-1_KCF",
    "car-1_001_time",
    ".",
]
CONTENTS = [
    *(b"11,12,3,4\n15,16,7,8\n", b"11\t12\t3\t4\n", b"1\n12,12,3,4\n", b"1\n0.5\n", b"\n0.5\n", b"1,2,3\n", b"", b"x"),
    *(b"nan,nan,nan,nan\n", b"0,0,1,0,1,1,0,1\n", b"1,5 2,5 3,5 4,5\n", b"1,2,9,9\n", b"\0\1", b"m0,0,1,1,1\n"),
]
stems = st.sampled_from([*NAMES, *STEMS, ""])
suffixes = st.sampled_from([".txt", ".txt", ".txt", ".value", ".mat", ".bin", "", ".TXT", ".zip"])
contents = st.sampled_from(CONTENTS)
trees = st.dictionaries(st.tuples(folders, stems, suffixes).map(lambda t: "/".join([*t[0], t[1] + t[2]])), contents)


def attempt(function, *arguments, **options):
    """(value, None), or (None, text of our error)."""
    try:
        return function(*arguments, **options), None
    except ResultFormatError as problem:
        return None, str(problem)


def read_with_float(data):
    rows = data.decode().replace(",", " ").split("\n")
    return [[float(part) for part in row.split()] for row in rows if row.strip()]


@settings(max_examples=400, deadline=None)
@given(trees, st.sampled_from([None, *RESULT_LAYOUTS]), st.sampled_from([None, "KCF"]))
def test_a_fuzzed_tree_is_an_error_or_what_its_files_say(files, layout, tracker):
    files = {name: data for name, data in files.items() if name.rpartition("/")[2] not in {"", "."}}
    with tempfile.TemporaryDirectory() as folder:
        path = write_zip(Path(folder, "a.zip"), files)
        actual, problem = attempt(
            read_results, path, names=NAMES, benchmark="lasot", tracker=tracker, layout=layout, with_times=True
        )
    if problem is not None:
        assert str(path) in problem
        return
    plain = [read_with_float(data) for data in files.values() if data[:2] in {b"11", b"1,"} and b" " not in data]
    for results in actual:
        assert set(results.sequences) | set(results.missing) <= set(NAMES)
        for name, trajectories in results.sequences.items():
            assert name not in results.missing
            for trajectory in trajectories:
                assert trajectory.boxes.shape == (len(trajectory), 4)
                assert len(trajectory.confidence) == len(trajectory.seconds) == len(trajectory) > 0
                if results.layout in {"plain", "got10k"} and np.isfinite(trajectory.boxes).all():
                    assert trajectory.boxes.tolist() in plain


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_archive_is_an_error_or_unchanged(data):
    content = {"T/car-1.txt": b"1,2,3,4\n" * 20, "T/bike1.txt": b"5,6,7,8\n" * 3}
    packed = bytearray(zipped(content))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del packed[data.draw(st.integers(0, len(packed))) :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.zip")
        path.write_bytes(packed)
        with contextlib.suppress(EvalkitError):
            tree = open_tree(path)
            for name in tree.names:
                assert tree.read(name) in content.values()


lines = st.sampled_from(
    [b"1,2,3,4", b"0", b"1", b"2", b"7", b"", b"m0,1", b"1,2,3", b"1,2,3,4,5,6", b"nan,nan,nan,nan"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(lines, min_size=1, max_size=8), st.sampled_from([b"\n", b"\r\n"]))
def test_fuzzed_regions_keep_one_row_per_line(rows, newline):
    wrong = {b"7", b"m0,1", b"1,2,3"}
    while rows and rows[-1] == b"":
        rows.pop()
    boxes, problem = attempt(parse_regions, newline.join(rows), where="r.txt")
    if problem is not None:
        first = next(number for number, row in enumerate(rows, start=1) if row in wrong or row == b"")
        assert problem.startswith(f"r.txt, line {first}:")
        return
    assert not set(rows) & (wrong | {b""})
    assert len(boxes) == len(rows)
    assert [bool(np.isnan(box).all()) for box in boxes] == [row in {b"0", b"1", b"2"} or b"nan" in row for row in rows]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b"0.5", b"", b" ", b"1e-3", b"x", b"1 2", b"-1"]), max_size=8), st.integers(0, 8))
def test_fuzzed_values_are_an_error_or_one_per_row(rows, count):
    values, problem = attempt(parse_values, b"\n".join(rows), rows=count, blank=0.0, where="v.value")
    if problem is not None:
        assert problem.startswith("v.value")
        return
    assert len(values) == count
    kept = [*rows, *[b""] * 8][:count]
    assert values.tolist() == [float(row) if row.strip() else 0.0 for row in kept]
    assert not any(row.strip() for row in rows[count:])
