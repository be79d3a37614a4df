"""Archives that nobody should trust: every danger is named, nothing is unpacked, and nothing stops the check."""

import io
import os
import stat
import warnings
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import SubmissionError
from evalkit.submission import content as content_module
from evalkit.submission.checking import FORMATS, check_submission
from evalkit.submission.content import content_of_bytes, open_content
from helpers.files import zipped
from helpers.submission_files import NAMES, check, errors, expected, files, found

FORM = FORMATS["got10k"]
FIRST = NAMES["got10k"][0]
BOXES = f"{FIRST}/{FIRST}_001.txt"


def archive_of(*entries, compression=zipfile.ZIP_DEFLATED):
    """A right submission and more members: (name or ZipInfo, data)."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        warnings.simplefilter("ignore")  # duplicate names
        for name, data in [*files("got10k").items(), *entries]:
            archive.writestr(name, data)
    return buffer.getvalue()


def member(name, mode=0o100644):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize(
    "name", ["../evil.txt", "a/../../evil.txt", "/etc/evil.txt", "C:/evil.txt", "//host/evil.txt", "a/C:/evil.txt"]
)
def test_names_that_leave_the_archive_are_named(name):
    report = check("got10k", archive_of((name, b"x")))
    kinds = [(kind, file) for kind, file in errors(report) if kind == "unsafe name"]
    assert kinds == [("unsafe name", name)]


def test_backslashes_are_told_and_the_files_checked():
    content = {name.replace("/", "\\"): data for name, data in files("got10k").items()}
    report = check("got10k", content)
    assert [kind for kind, _ in errors(report)] == ["backslash in name"]
    assert len(report.findings[0].more_files) == len(content) - 1


def test_links_are_told_and_not_followed(tmp_path):
    report = check("got10k", archive_of((member("link.txt", stat.S_IFLNK | 0o777), b"/etc/passwd")))
    assert ("symbolic link", "link.txt") in errors(report)


def test_duplicate_members_are_told():
    report = check("got10k", archive_of((BOXES, b"1,2,3,4\n")))
    assert ("duplicate", BOXES) in errors(report)
    assert ("row count", BOXES) in errors(report)  # the last one counts, as for most programs


def test_nested_archives_are_told():
    report = check("got10k", archive_of(("more.zip", zipped({"a": b"b"}))))
    assert errors(report) == [("archive in archive", "more.zip")]


def test_a_zipped_zip_is_told_and_its_content_checked():
    inner = files("got10k")
    inner[BOXES] = inner[BOXES].replace(b",", b" ")
    report = check("got10k", zipped({"mine.zip": zipped(inner)}))
    assert errors(report) == [("archive in archive", "mine.zip"), ("wrong separator", BOXES)]


def test_encrypted_members_are_told():
    data = bytearray(archive_of())
    start = data.index(b"PK\x01\x02")
    data[start + 8] |= 1
    report = check("got10k", bytes(data))
    assert ("encrypted", BOXES) in errors(report)


def test_a_member_that_unpacks_to_very_much_is_not_read():
    report = check("got10k", archive_of(("bomb.txt", b"0" * (content_module._BOMB_SIZE + 1))))
    assert ("zip bomb", "bomb.txt") in errors(report)


def test_an_archive_that_claims_too_much_is_not_read(monkeypatch):
    monkeypatch.setattr(content_module, "TOTAL_LIMIT", 100)
    read = content_of_bytes(archive_of(), "mine.zip")
    assert [finding.kind.value for finding in read.findings] == ["zip bomb"]
    assert set(read.files.values()) == {None}


def test_members_that_share_bytes_are_not_read():
    data = bytearray(archive_of())
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]  # both directory entries point to one member
    report = check("got10k", bytes(data))
    assert "zip bomb" in {kind for kind, _ in errors(report)}


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_a_warning(compression):
    report = check("got10k", archive_of(compression=compression))
    assert found(report)[0][:2] == ("warning", "unusual compression")
    assert errors(report) == []


def test_stored_members_are_right():
    assert found(check("got10k", archive_of(compression=zipfile.ZIP_STORED))) == []


def test_folder_entries_are_no_files():
    assert found(check("got10k", archive_of((f"{FIRST}/", b"")))) == []


def test_a_wrong_checksum_is_told_for_its_member_alone():
    data = bytearray(archive_of(compression=zipfile.ZIP_STORED))
    start = data.index(files("got10k")[BOXES][:20])
    data[start] ^= 1
    report = check("got10k", bytes(data))
    assert errors(report) == [("damaged archive", BOXES)]


def test_a_member_whose_own_header_has_another_name_is_told():
    data = bytearray(archive_of())
    start = data.index(BOXES.encode())  # programs differ in which of the two names they believe
    data[start : start + 1] = b"X"
    assert errors(check("got10k", bytes(data))) == [("damaged archive", BOXES)]


@pytest.mark.parametrize(
    ("data", "kind", "word"),
    [
        (b"", "not a zip", "empty file"),
        (b"hello", "not a zip", "bytes b'hello'"),
        (b"Rar!\x1a\x07", "not a zip", "RAR"),
        (b"7z\xbc\xaf\x27\x1c", "not a zip", "7z"),
        (b"\x1f\x8b\x08", "not a zip", "gzip"),
        (b"<!DOCTYPE html>", "not a zip", "web page"),
    ],
)
def test_what_is_no_zip_is_told_and_nothing_else(data, kind, word):
    report = check("got10k", data)
    assert errors(report) == [(kind, "mine.zip")]
    assert word in report.errors[0].found


def test_a_cut_archive_is_told():
    data = archive_of()
    report = check("got10k", data[: len(data) // 2])
    assert errors(report) == [("damaged archive", "mine.zip")]
    assert "cut short" in report.errors[0].advice


def test_the_name_must_end_in_zip():
    assert errors(check("got10k", files("got10k"), name="mine.ZIP")) == []
    assert errors(check("got10k", files("got10k"), name="mine.bin")) == [("wrong name", "mine.bin")]


def test_names_that_would_change_the_terminal_are_escaped():
    report = check("got10k", files("got10k") | {"a\x1b[2J\n.txt": b""})
    text = str(report.findings[0])
    assert "\x1b" not in text
    assert "\\x1b[2J\\n.txt" in text


# --- folders ---------------------------------------------------------------------------------------------------------


def unpacked(folder):
    for name, data in files("got10k").items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def test_a_folder_is_checked_like_its_zip(tmp_path):
    report = check_submission(unpacked(tmp_path / "mine"), FORM, expected("got10k"))
    assert (report.findings, report.archive, report.sha256) == ((), False, None)


def test_links_and_strange_files_in_a_folder_are_told(tmp_path):
    folder = unpacked(tmp_path / "mine")
    (tmp_path / "elsewhere.txt").write_text("x")
    (folder / "link.txt").symlink_to(tmp_path / "elsewhere.txt")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.txt")
    report = check_submission(folder, FORM, expected("got10k"))
    assert {("symbolic link", "link.txt"), ("symbolic link", "loop"), ("extra file", "pipe.txt")} <= set(errors(report))


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(SubmissionError, match=r"no such file or folder"):
        open_content(tmp_path / "no.zip")
    (tmp_path / "all.zip").write_bytes(zipped({"a.zip": b""}))
    with pytest.raises(SubmissionError, match=r"holds no file 'b\.zip'"):
        open_content(tmp_path / "all.zip" / "b.zip")


# --- whatever comes --------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_no_damage_to_the_bytes_stops_the_check(data):
    original = archive_of(("../x.txt", b"1"))
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    report = check("got10k", bytes(damaged[: data.draw(st.integers(len(damaged) - 50, len(damaged)))]))
    report.document()


LINE = st.one_of(
    st.binary(max_size=12), st.sampled_from([b"1,2,3,4", b"1;2;3;4", b"nan,1,2,3", b"1e308,-1e308,1e308,1", b"1", b"0"])
)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(sorted(FORMATS)), st.lists(LINE, max_size=8), st.data())
def test_no_content_of_a_file_stops_the_check(benchmark, lines, data):
    content = files(benchmark)
    name = data.draw(st.sampled_from(sorted(content)))
    content[name] = b"\n".join(lines)
    for finding in check(benchmark, content).findings:
        assert str(finding)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(sorted(FORMATS)), st.text(max_size=20), st.data())
def test_no_name_of_a_file_stops_the_check(benchmark, text, data):
    name = data.draw(st.sampled_from(sorted(files(benchmark))))
    place = data.draw(st.integers(0, len(name)))
    try:
        archive = zipped(files(benchmark) | {name[:place] + text + name[place:]: b"1,2,3,4\n"})
    except (ValueError, UnicodeEncodeError):
        return
    for finding in check(benchmark, archive).findings:
        assert str(finding).isprintable()
