"""TrackingNet submissions: flat, 511 files, nothing else; frames and first boxes come from a copy of the data."""

import pytest

from evalkit.benchmarks import get_benchmark
from evalkit.submission.checking import FORMATS, check_content, check_submission
from evalkit.submission.content import content_of_bytes
from evalkit.submission.expected import of_copy, official
from helpers import trees
from helpers.files import zipped
from helpers.submission_files import NAMES, check, errors, files, found, trajectories

FIRST, SECOND, THIRD = NAMES["trackingnet"]
FORM = FORMATS["trackingnet"]
SPEC = get_benchmark("trackingnet")


def test_a_right_submission_has_no_defects_and_two_decimals():
    content = files("trackingnet")
    assert sorted(content) == sorted(f"{name}.txt" for name in NAMES["trackingnet"])
    box = trajectories("trackingnet")[FIRST][0].boxes[1]
    assert content[f"{FIRST}.txt"].splitlines()[1].decode() == ",".join(f"{value:.2f}" for value in box)
    assert found(check("trackingnet", content)) == []


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"5\t6\t7\t8", "wrong separator"),
        (b"5,6,7", "wrong number of columns"),
        (b"5,6,7,nan", "NaN or infinite"),
        (b"lost", "no numbers"),
        (b"5,6,7,-8", "negative size"),
    ],
)
def test_a_wrong_line_is_named(line, kind):
    content = files("trackingnet")
    lines = content[f"{SECOND}.txt"].splitlines()
    content[f"{SECOND}.txt"] = b"\n".join([*lines[:3], line, *lines[4:]])
    assert found(check("trackingnet", content)) == [("error", kind, f"{SECOND}.txt", (4,))]


@pytest.mark.parametrize("above", ["mine/", "mine/SEQUENCE/", "a/b/c/"])
def test_folders_are_a_warning_since_the_development_kit_looks_at_names_only(above):
    content = {above.replace("SEQUENCE", name[:-4]) + name: data for name, data in files("trackingnet").items()}
    report = check("trackingnet", content)
    assert errors(report) == []
    assert [(kind, len(finding.more_files)) for finding in report.findings for kind in [finding.kind.value]] == [
        ("wrong folder level", 2)
    ]


def test_a_missing_sequence_a_time_file_and_a_second_tracker_are_errors():
    content = files("trackingnet")
    data = content.pop(f"{THIRD}.txt")
    content |= {f"{FIRST}_time.txt": b"0.1\n", f"other/{SECOND}.txt": data, "list.csv": b""}
    report = check("trackingnet", content)
    assert sorted(errors(report)) == [
        ("extra file", f"{FIRST}_time.txt"),
        ("extra file", "list.csv"),
        ("missing sequence", f"{THIRD}.txt"),
        ("several trackers", f"other/{SECOND}.txt"),
    ]
    (time,) = [finding for finding in report.findings if finding.file == f"{FIRST}_time.txt"]
    assert "two names contain" in time.advice


def test_what_macos_adds_is_a_warning_that_the_development_kit_ignores():
    report = check("trackingnet", files("trackingnet") | {f"__MACOSX/._{FIRST}.txt": b"x"})
    assert found(report) == [("warning", "extra file", f"__MACOSX/._{FIRST}.txt", ())]


@pytest.mark.parametrize("name", [f"{FIRST}.TXT", f"{FIRST.upper()}.txt"])
def test_case_matters(name):
    content = files("trackingnet")
    content[name] = content.pop(f"{FIRST}.txt")
    assert errors(check("trackingnet", content)) == [("wrong name", name)]


def test_frames_and_first_boxes_are_compared_only_with_a_copy_of_the_data(tmp_path):
    names = ("one_0", "two_0", "three_0")
    root = trees.trackingnet(tmp_path / "TrackingNet", names=names)  # 12 frames, first box 10,12,20,16
    rows = [b"10.00,12.00,20.00,16.00\n", *[b"11.50,12.00,20.00,16.00\n"] * 11]
    content = {f"{name}.txt": b"".join(rows) for name in names}
    content["one_0.txt"] = b"".join(rows[:-1])
    content["two_0.txt"] = b"".join([rows[1], *rows[1:]])
    data = content_of_bytes(zipped(content), "mine.zip")
    expected, remarks = of_copy(SPEC, root, own_names=True)
    assert remarks == []
    report = check_content(data, FORM, expected)
    assert sorted(found(report)) == [
        ("error", "first row is not the given box", "two_0.txt", (1,)),
        ("error", "row count", "one_0.txt", ()),
    ]
    assert report.notes == ()


def test_without_a_copy_the_report_says_what_was_not_compared():
    report = check_content(content_of_bytes(zipped({}), "mine.zip"), FORM, official(SPEC))
    assert [("511" in note, "--data-root" in note) for note in report.notes] == [(True, True)] * 2


def test_an_official_copy_adds_its_facts_to_the_whole_official_list(tmp_path):
    root = trees.trackingnet(tmp_path / "TrackingNet", names=NAMES["trackingnet"])
    expected, remarks = of_copy(SPEC, root, own_names=False)
    assert len(expected.names) == 511
    assert expected.frame_counts == dict.fromkeys(NAMES["trackingnet"], 12)
    assert sorted(expected.initial_boxes) == sorted(NAMES["trackingnet"])
    assert remarks[0].startswith("508 sequences could not be read")
    assert "508 sequences" in expected.notes()[0]


def test_files_with_one_row_look_like_the_annotation():
    content = {name: data.splitlines(keepends=True)[0] for name, data in files("trackingnet").items()}
    report = check_content(content_of_bytes(zipped(content), "mine.zip"), FORM, official(SPEC))
    (warning,) = report.warnings
    assert (warning.kind, len(warning.more_files)) == ("row count", 2)


@pytest.mark.parametrize(
    ("inner", "extra"),
    [
        ("trackingnet/devkit_dummy/dummy_subm.zip", 8),
        ("trackingnet/lasot_heads/subm_ATOM.zip", 70),
        ("trackingnet/lasot_heads/subm_SiamRPN++.zip", 69),
    ],
)
def test_archives_of_other_sequences_miss_all_and_have_only_extra_files(shared_data, inner, extra):
    report = check_submission(shared_data / "trackingnet_style.zip" / inner, FORM, official(SPEC))
    kinds = [kind for kind, _ in errors(report)]
    assert (kinds.count("extra file"), kinds.count("missing sequence")) == (extra, 511)
    assert len(kinds) == extra + 511


def test_the_content_of_those_archives_is_right_but_for_what_is_known_of_them(shared_data, tmp_path):
    """Checked against their own ground truth: one file was left out on purpose; ATOM has integers only."""
    import dataclasses

    from evalkit.archive import open_tree
    from evalkit.numbers import parse_numbers

    style = shared_data / "trackingnet_style.zip" / "trackingnet" / "lasot_heads"
    tree = open_tree(style / "GT.zip")
    tables = {name.removesuffix(".txt"): parse_numbers(tree.read(name), where=name) for name in tree.names}
    expected = dataclasses.replace(
        official(SPEC),
        names=tuple(tables),
        frame_counts={name: len(table) for name, table in tables.items()},
        initial_boxes={name: table[0] for name, table in tables.items()},
    )
    atom = check_submission(style / "subm_ATOM.zip", FORM, expected)
    assert errors(atom) == []
    assert "integers only" in {warning.kind.value for warning in atom.warnings}
    siam = check_submission(style / "subm_SiamRPN++.zip", FORM, expected)
    assert [kind for kind, _ in errors(siam)] == ["missing sequence"]
