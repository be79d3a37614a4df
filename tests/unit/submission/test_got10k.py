"""GOT-10k submissions: every defect is named with its file and line, several at once; right ones pass."""

import numpy as np
import pytest

from evalkit.benchmarks import get_benchmark
from evalkit.submission.checking import FORMATS, check_submission
from evalkit.submission.expected import official
from helpers.submission_files import FRAMES, NAMES, check, errors, expected, files, found, lines_of

FIRST, SECOND, THIRD = NAMES["got10k"]
BOXES = f"{FIRST}/{FIRST}_001.txt"
TIMES = f"{FIRST}/{FIRST}_time.txt"


def damaged(name, change):
    """A right submission with one file changed line by line."""
    content = files("got10k")
    content[name] = b"\n".join(change(lines_of(content, name))) + b"\n"
    return content


def set_line(number, text):
    return lambda lines: [*lines[: number - 1], text, *lines[number:]]


@pytest.mark.parametrize("layout", FORMATS["got10k"].layouts)
@pytest.mark.parametrize("repetitions", [1, 2, 3])
def test_a_right_submission_has_no_defects(layout, repetitions):
    assert found(check("got10k", files("got10k", repetitions, layout))) == []


def test_the_real_submission_passes_with_its_tracker_folder_on_top(shared_data):
    report = check_submission(
        shared_data / "results_got10k_test.zip", FORMATS["got10k"], official(get_benchmark("got10k"))
    )
    assert report.findings == ()
    assert (report.files, report.sequences, report.notes) == (360, 180, ())


LINE_DEFECTS = {
    "tabs": (b"5\t6\t7\t8", "wrong separator", "tabs in '5\\t6\\t7\\t8'"),
    "blanks": (b"5 6 7 8", "wrong separator", "blanks in '5 6 7 8'"),
    "semicolons": (b"5;6;7;8", "wrong separator", "semicolons in '5;6;7;8'"),
    "mixed": (b"5,6 7,8", "wrong separator", "blanks and commas in '5,6 7,8'"),
    "decimal comma": (b"5,5;6,5;7,5;8,5", "wrong separator", "a decimal comma in '5,5;6,5;7,5;8,5'"),
    "trailing comma": (b"5,6,7,8,", "wrong separator", "a separator at the end of the line in '5,6,7,8,'"),
    "empty field": (b"5,6,,7,8", "wrong separator", "an empty field in '5,6,,7,8'"),
    "three": (b"5,6,7", "wrong number of columns", "3 numbers in '5,6,7'"),
    "five": (b"1,5,6,7,8", "wrong number of columns", "5 numbers in '1,5,6,7,8'"),
    "polygon": (b"1,2,3,4,5,6,7,8", "wrong number of columns", "8 numbers in '1,2,3,4,5,6,7,8'"),
    "nan": (b"5,nan,7,8", "NaN or infinite", "'5,nan,7,8'"),
    "inf": (b"5,6,-inf,8", "NaN or infinite", "'5,6,-inf,8'"),
    "overflow": (b"5,6,1e999,8", "NaN or infinite", "'5,6,1e999,8'"),
    "text": (b"x,y,w,h", "no numbers", "'x,y,w,h'"),
    "hexadecimal": (b"0x5,6,7,8", "no numbers", "'0x5,6,7,8'"),
    "blank line": (b"", "blank line", "a blank line"),
    "negative": (b"5,6,-7,8", "negative size", "5,6,-7,8"),
}


@pytest.mark.parametrize("defect", LINE_DEFECTS)
def test_a_wrong_line_is_named(defect):
    line, kind, what = LINE_DEFECTS[defect]
    report = check("got10k", damaged(BOXES, set_line(3, line)))
    assert found(report) == [("error", kind, BOXES, (3,))]
    assert report.findings[0].found == what
    assert f"{BOXES}, line 3: {kind}: found {what}; expected " in str(report.findings[0])


def test_all_lines_with_one_defect_are_one_finding_that_names_them_all():
    report = check(
        "got10k", damaged(BOXES, lambda lines: [lines[0], *[line.replace(b",", b" ") for line in lines[1:]]])
    )
    assert found(report) == [("error", "wrong separator", BOXES, (2, 3, 4, 5, 6))]
    assert "lines 2-6" in str(report.findings[0])
    assert report.findings[0].document()["lines"] == [[2, 6]]


def test_defects_of_several_kinds_and_files_are_listed_together():
    content = damaged(BOXES, set_line(2, b"1,2,nan,4"))
    content[BOXES] = content[BOXES].replace(b"\n", b" \n", 1).rsplit(b"\n", 2)[0] + b"\n"  # and a row less
    del content[f"{SECOND}/{SECOND}_time.txt"]
    content[f"{THIRD}/{THIRD}_001.txt"] = b""
    content["readme.md"] = b"hello"
    assert sorted(errors(check("got10k", content))) == [
        ("NaN or infinite", BOXES),
        ("empty file", f"{THIRD}/{THIRD}_001.txt"),
        ("extra file", "readme.md"),
        ("missing file", f"{SECOND}/{SECOND}_time.txt"),
        ("row count", BOXES),
    ]


@pytest.mark.parametrize(("rows", "advice"), [(FRAMES - 1, "first frame"), (FRAMES + 1, "counts too"), (1, "")])
def test_row_counts_are_compared_with_the_frames(rows, advice):
    report = check("got10k", damaged(BOXES, lambda lines: (lines * 2)[:rows]))
    assert found(report) == [("error", "row count", BOXES, ())]
    (finding,) = report.findings
    assert (finding.found, finding.expected) == (f"{rows} rows", str(FRAMES))
    assert advice in finding.advice


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        (lambda box: box + np.array([1.5, 0, 0, 0]), ""),
        (lambda box: [box[0], box[1], box[0] + box[2], box[1] + box[3]], "x1,y1,x2,y2"),
        (lambda box: [box[0] + box[2] / 2, box[1] + box[3] / 2, box[2], box[3]], "center"),
        (lambda box: box / 1000, "divided by the size"),
    ],
)
def test_a_first_row_that_is_not_the_given_box_is_an_error(change, advice):
    given = expected("got10k").initial_boxes[FIRST]
    row = ",".join(map(repr, map(float, change(given)))).encode()
    report = check("got10k", damaged(BOXES, set_line(1, row)))
    assert found(report) == [("error", "first row is not the given box", BOXES, (1,))]
    assert advice in report.findings[0].advice


@pytest.mark.parametrize("shift", [-1.0, 0.5, 1.0])
def test_a_first_row_may_be_one_pixel_off(shift):
    given = expected("got10k").initial_boxes[FIRST]
    row = ",".join(map(repr, (given + shift).tolist())).encode()
    assert found(check("got10k", damaged(BOXES, set_line(1, row)))) == []


def test_zero_sizes_are_a_warning():
    report = check("got10k", damaged(BOXES, set_line(4, b"0,0,0,0")))
    assert found(report) == [("warning", "zero size", BOXES, (4,))]


def test_integers_only_are_one_warning_for_all_files():
    content = files("got10k")
    for name in NAMES["got10k"]:
        path = f"{name}/{name}_001.txt"
        content[path] = b"".join(
            b",".join(f.split(b".")[0] for f in row.split(b",")) + b"\n" for row in lines_of(content, path)
        )
    report = check("got10k", content)
    assert found(report) == [("warning", "integers only", BOXES, ())]
    assert len(report.findings[0].more_files) == 2
    assert "and 2 more files" in str(report.findings[0])


def test_byte_order_mark_is_an_error_and_carriage_returns_are_a_warning():
    content = files("got10k")
    content[BOXES] = b"\xef\xbb\xbf" + content[BOXES]
    content[TIMES] = content[TIMES].replace(b"\n", b"\r\n")
    assert found(check("got10k", content)) == [
        ("error", "byte-order mark", BOXES, (1,)),
        ("warning", "line ends", TIMES, ()),
    ]


def test_a_byte_order_mark_breaks_the_reader_of_the_got10k_toolkit_and_carriage_returns_do_not(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"1,2,3,4\r\n")
    assert np.loadtxt(path, delimiter=",").tolist() == [1, 2, 3, 4]
    path.write_bytes(b"\xef\xbb\xbf1,2,3,4\n")
    with pytest.raises(ValueError, match="could not convert"):
        np.loadtxt(path, delimiter=",")


def test_utf16_and_binary_content_are_told():
    content = files("got10k")
    content[BOXES] = content[BOXES].decode().encode("utf-16")
    content[TIMES] = b"\x00\x01" + content[TIMES]
    assert found(check("got10k", content)) == [
        ("error", "text encoding", BOXES, ()),
        ("error", "text encoding", TIMES, (1,)),
    ]


def test_blanks_beside_commas_are_a_warning():
    report = check("got10k", damaged(BOXES, set_line(2, b"5, 6, 7.5, 8")))
    assert found(report) == [("warning", "blanks beside commas", BOXES, (2,))]


# --- times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "kind"),
    [(b"nan", "NaN or infinite"), (b"0.1 0.2", "wrong separator"), (b"fast", "no numbers"), (b"-0.1", "times")],
)
def test_a_wrong_time_is_named(line, kind):
    assert (kind, TIMES) in errors(check("got10k", damaged(TIMES, set_line(3, line))))


def test_times_need_a_row_for_every_frame():
    report = check("got10k", damaged(TIMES, lambda lines: lines[1:]))
    assert errors(report) == [("row count", TIMES)]


@pytest.mark.parametrize(("columns", "right"), [(1, True), (2, False), (3, True)])
def test_times_have_one_column_or_one_for_each_repetition(columns, right):
    content = files("got10k", 3)
    content[TIMES] = b"".join(b",".join(row.split(b",")[:columns]) + b"\n" for row in lines_of(content, TIMES))
    assert errors(check("got10k", content)) == ([] if right else [("times", TIMES)])


def test_times_of_zero_only_are_a_warning():
    report = check("got10k", damaged(TIMES, lambda lines: [b"0.0"] * len(lines)))
    assert found(report) == [("warning", "times", TIMES, ())]


# --- names and places ------------------------------------------------------------------------------------------------


def moved(change):
    return {change(name): data for name, data in files("got10k").items()}


def test_a_missing_sequence_is_named_once():
    content = {name: data for name, data in files("got10k").items() if SECOND not in name}
    report = check("got10k", content)
    assert errors(report) == [("missing sequence", f"{SECOND}/{SECOND}_001.txt")]


def test_an_empty_archive_misses_every_sequence():
    assert [kind for kind, _ in errors(check("got10k", {}))] == ["missing sequence"] * 3


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda name: f"results/GOT-10k/mine/{name}", "3 folders above the sequences"),
        (lambda name: name.partition("/")[2], "result files in the top folder"),
        (lambda name: f"mine/{name.partition('/')[2]}", "result files in the folder mine"),
        (lambda name: name.lower()[:7] + name[7:], "the folder got-10k_Test"),
    ],
)
def test_a_wrong_folder_level_is_named_and_the_content_checked_all_the_same(change, what):
    content = moved(change)
    wrong = next(name for name in content if name.endswith(f"{SECOND}_001.txt"))
    content[wrong] = content[wrong].replace(b",", b" ")
    report = check("got10k", content)
    kinds = {kind for kind, _ in errors(report)}
    assert kinds == {"wrong folder level", "wrong separator"}
    assert any(finding.found.startswith(what) for finding in report.findings)


def test_one_sequence_in_a_wrong_place_is_not_called_missing():
    content = moved(lambda name: f"old/{name}" if SECOND in name else name)
    report = check("got10k", content)
    assert {kind for kind, _ in errors(report)} == {"wrong folder level"}
    assert report.errors[0].found == "files below old/"


def test_two_trackers_in_one_archive_are_refused():
    content = {**files("got10k", layout="tracker-folder")}
    content |= {name.replace("mine", "other"): data for name, data in content.items() if FIRST in name}
    report = check("got10k", content)
    assert errors(report) == [("several trackers", f"other/{BOXES}")]
    assert report.errors[0].more_files == (f"other/{TIMES}",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("_001.txt", "_001.TXT"),
        ("_001.txt", ".txt"),
        ("_001.txt", "_01.txt"),
        (f"/{FIRST}_time", f"/{FIRST.lower()}_time"),
    ],
)
def test_a_wrong_name_is_named_with_the_right_one(old, new):
    content = moved(lambda name: name.replace(old, new) if FIRST in name else name)
    report = check("got10k", content)
    assert [kind for kind, _ in errors(report)] == ["wrong name"]
    assert report.errors[0].expected in (f"{FIRST}_001.txt", f"{FIRST}_time.txt")


def test_two_files_for_one_repetition_are_a_duplicate():
    content = files("got10k")
    content[f"{FIRST}/{FIRST}.txt"] = content[BOXES]
    assert errors(check("got10k", content)) == [("wrong name", f"{FIRST}/{FIRST}.txt"), ("duplicate", BOXES)]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        (f"{FIRST}/{FIRST}_all_boxes.txt", "OSTrack"),
        ("__MACOSX/._x.txt", "operating system"),
        (f"{FIRST}/.DS_Store", "operating system"),
        ("GOT-10k_Val_000001/GOT-10k_Val_000001_001.txt", "split val"),
        ("notes.txt", "no part of the format"),
    ],
)
def test_extra_files_are_errors(name, word):
    report = check("got10k", files("got10k") | {name: b"1,2,3,4\n"})
    assert errors(report) == [("extra file", name)]
    assert word in str(report.findings[0])


# --- repetitions -----------------------------------------------------------------------------------------------------


def test_a_missing_repetition_is_named():
    content = files("got10k", 3)
    del content[f"{FIRST}/{FIRST}_002.txt"]
    assert ("missing file", f"{FIRST}/{FIRST}_002.txt") in errors(check("got10k", content))


def test_a_sequence_without_boxes_misses_a_file():
    content = files("got10k")
    del content[BOXES]
    assert errors(check("got10k", content)) == [("missing file", BOXES)]


def test_more_than_three_repetitions_are_refused():
    content = files("got10k", 3)
    for name in NAMES["got10k"]:
        content[f"{name}/{name}_004.txt"] = content[f"{name}/{name}_003.txt"]
    kinds = errors(check("got10k", content))
    assert [("repetitions", f"{name}/{name}_004.txt") in kinds for name in NAMES["got10k"]] == [True] * 3


def test_a_sequence_with_more_repetitions_than_the_others_is_named():
    content = files("got10k")
    content[f"{FIRST}/{FIRST}_002.txt"] = files("got10k", 2)[f"{FIRST}/{FIRST}_002.txt"]
    assert errors(check("got10k", content)) == [("repetitions", BOXES)]


def test_identical_repetitions_are_a_warning():
    content = files("got10k", 2)
    for name in NAMES["got10k"]:
        content[f"{name}/{name}_002.txt"] = content[f"{name}/{name}_001.txt"]
    report = check("got10k", content)
    assert found(report) == [("warning", "identical repetitions", f"{FIRST}/{FIRST}_002.txt", ())]
