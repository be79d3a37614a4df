"""Folders and zips look alike; unsafe, damaged and oversized archives are refused with a clear text."""

import io
import struct
import zipfile

import pytest

from evalkit import archive
from evalkit.archive import open_tree
from evalkit.errors import DatasetLayoutError, ResultFormatError
from evalkit.zips import member_count
from helpers.files import write, zipped

CONTENT = {"A/one.txt": b"1,2,3,4\n", "A/two.txt": b"", "B/boy`head.txt": b"5\n", "B/girl's+bag.txt": b"6\n"}
JUNK = {"__MACOSX/A/._one.txt": b"x", "A/.DS_Store": b"x", ".hidden/a.txt": b"x", "A/Thumbs.db": b"x"}


@pytest.fixture(params=["folder", "deflated", "stored", "nested"])
def tree(request, tmp_path):
    content = CONTENT | JUNK
    if request.param == "folder":
        return open_tree(write(tmp_path / "tree", content))
    path = tmp_path / "all.zip"
    if request.param == "nested":
        path.write_bytes(zipped({"deep/inner.zip": zipped(content)}))
        return open_tree(path / "deep" / "inner.zip")
    path.write_bytes(zipped(content, zipfile.ZIP_STORED if request.param == "stored" else zipfile.ZIP_DEFLATED))
    return open_tree(path)


def test_names_and_contents_are_the_same_however_they_are_packed(tree):
    assert tree.names == tuple(sorted(CONTENT))
    assert tree.read_many(tree.names) == [CONTENT[name] for name in tree.names]
    assert tree.read("A/one.txt") == b"1,2,3,4\n"
    assert tree.location("A/one.txt").endswith("/A/one.txt")
    assert len(tree.digest()) == 64


def test_contents_of_many_large_members_keep_their_order(tmp_path):
    content = {f"{index}.txt": str(index).encode() * 100_000 for index in range(23)}
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(content))
    tree = open_tree(path)
    names = list(reversed(tree.names))
    assert tree.read_many(names) == [content[name] for name in names]


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 200])
def test_batches_are_all_contents_in_order(tmp_path, count):
    content = {f"{index:03d}.txt": str(index).encode() for index in range(count)}
    (tmp_path / "a.zip").write_bytes(zipped(content | {"other.txt": b""}))
    batches = list(open_tree(tmp_path / "a.zip").batches(list(content)))
    assert [data for batch in batches for data in batch] == list(content.values())
    assert len(batches) <= 8


def test_an_error_while_reading_ahead_reaches_the_caller(tmp_path):
    top = write(tmp_path, {f"{index:03d}.txt": b"1" for index in range(40)})
    tree = open_tree(top)
    (top / "039.txt").unlink()
    with pytest.raises(ResultFormatError, match=r"cannot read .*039\.txt"):
        list(tree.batches(tree.names))


def test_a_path_leads_into_an_archive(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({f"top/{name}": data for name, data in CONTENT.items()}))
    assert open_tree(path / "top" / "B").names == ("boy`head.txt", "girl's+bag.txt")
    with pytest.raises(ResultFormatError, match=r"holds nothing named 'nowhere'.*It holds: top"):
        open_tree(path / "nowhere")


def test_digest_changes_with_content_and_with_names(tmp_path):
    digests = {
        open_tree(write(tmp_path / str(index), content)).digest()
        for index, content in enumerate([{"a.txt": b"1"}, {"a.txt": b"2"}, {"b.txt": b"1"}])
    }
    assert len(digests) == 3
    assert open_tree(tmp_path / "0").digest() == open_tree(tmp_path / "0").digest()


def test_skipped_folders_are_not_listed(tmp_path):
    write(tmp_path / "tree", {"seq/img/1.jpg": b"", "seq/groundtruth.txt": b"1"})
    (tmp_path / "a.zip").write_bytes(zipped({"seq/img/1.jpg": b"", "seq/groundtruth.txt": b"1"}))
    for path in (tmp_path / "tree", tmp_path / "a.zip"):
        assert open_tree(path, skip={"img"}).names == ("seq/groundtruth.txt",)


def test_a_loop_of_links_ends(tmp_path):
    top = write(tmp_path / "tree", {"a/b.txt": b"1"})
    (top / "a" / "again").symlink_to(top, target_is_directory=True)
    assert open_tree(top).names == ("a/b.txt",)


@pytest.mark.parametrize("name", ["../evil.txt", "a/../../evil.txt", "/etc/evil.txt", "C:\\evil.txt", "..\\evil.txt"])
def test_names_that_climb_out_are_refused(tmp_path, name):
    (tmp_path / "a.zip").write_bytes(zipped({name: b"1"}))
    with pytest.raises(ResultFormatError, match="leads out of the archive; refused"):
        open_tree(tmp_path / "a.zip")


def test_nothing_there_names_the_part_that_exists(tmp_path):
    with pytest.raises(DatasetLayoutError, match="no such file or folder"):
        open_tree(tmp_path / "a" / "b.zip", error=DatasetLayoutError)


@pytest.mark.parametrize("data", [b"", b"no zip at all", b"PK\x03\x04" + b"\0" * 50])
def test_a_file_that_is_no_zip_is_refused(tmp_path, data):
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(ResultFormatError, match=r"no readable zip archive|is an empty file"):
        open_tree(tmp_path / "a.zip")


def test_truncated_zip_is_refused(tmp_path):
    data = zipped({name: data * 500 for name, data in CONTENT.items()})
    (tmp_path / "a.zip").write_bytes(data[: len(data) // 2])
    with pytest.raises(ResultFormatError, match="download it again"):
        open_tree(tmp_path / "a.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_flipped_bits_are_noticed(tmp_path, method):
    packed = bytearray(zipped({"one.txt": b"123456789,123456789\n" * 50}, method))
    packed[45] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(packed)
    with pytest.raises(ResultFormatError, match=r"a\.zip/one\.txt: the archive is damaged"):
        open_tree(tmp_path / "a.zip").read("one.txt")


def test_encrypted_zip_is_refused(tmp_path):
    packed = bytearray(zipped({"one.txt": b"1"}))
    central = packed.index(b"PK\x01\x02")
    packed[central + 8] |= 1  # the flag in the central directory
    (tmp_path / "a.zip").write_bytes(packed)
    with pytest.raises(ResultFormatError, match="encrypted"):
        open_tree(tmp_path / "a.zip")


def test_a_member_without_a_name_is_damage(tmp_path):
    packed = bytearray(zipped({"one.txt": b"1"}))
    packed[packed.index(b"PK\x01\x02") + 46] = 0  # names end at a zero
    (tmp_path / "a.zip").write_bytes(packed)
    with pytest.raises(ResultFormatError, match=r"a member has no name"):
        open_tree(tmp_path / "a.zip")


def test_oversized_claims_are_refused_before_anything_is_unpacked(tmp_path, monkeypatch):
    (tmp_path / "a.zip").write_bytes(zipped({"bomb.txt": b"0" * 5_000_000, "b.txt": b"1"}))
    monkeypatch.setattr(archive, "MEMBER_LIMIT", 1_000_000)
    with pytest.raises(ResultFormatError, match=r"'bomb\.txt' claims to unpack to 5000000 bytes; refused"):
        open_tree(tmp_path / "a.zip")
    monkeypatch.setattr(archive, "TOTAL_LIMIT", 1_000_000)
    with pytest.raises(ResultFormatError, match="refused"):
        open_tree(tmp_path / "a.zip")
    monkeypatch.setattr(archive, "COUNT_LIMIT", 1)
    monkeypatch.setattr(archive, "FOLDER_LIMIT", 1)
    monkeypatch.setattr(archive, "TOTAL_LIMIT", 1 << 32)
    with pytest.raises(ResultFormatError, match="refused"):
        open_tree(tmp_path / "a.zip")
    write(tmp_path / "many", {"1": b"", "2": b"", "3": b""})
    with pytest.raises(ResultFormatError, match="more than 1 files"):
        open_tree(tmp_path / "many")


@pytest.mark.parametrize("claimed", [None, 1, 0])
@pytest.mark.parametrize("comment", [b"", b"a comment"])
def test_the_members_of_a_zip_are_counted_whatever_it_claims(claimed, comment):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for number in range(70_000 if claimed is None else 50):  # from 65,536 on, the format is another one
            file.writestr(f"{number}", b"")
        file.comment = comment
    data = bytearray(buffer.getvalue())
    if claimed is not None:
        end = data.rindex(b"PK\x05\x06")
        data[end + 8 : end + 12] = struct.pack("<HH", claimed, claimed)
    assert member_count(io.BytesIO(bytes(data))) == (70_000 if claimed is None else 50)


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x05\x06", b"PK\x03\x04" + b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_has_no_members(data):
    assert member_count(io.BytesIO(data)) == 0


def test_a_table_of_contents_of_gigabytes_counts_as_many(tmp_path):
    end = b"PK\x05\x06" + bytes(8) + struct.pack("<II", 0xFFFFFFFF, 0) + bytes(2)
    assert member_count(io.BytesIO(end)) > 1_000_000
    (tmp_path / "a.zip").write_bytes(end)
    with pytest.raises(ResultFormatError, match=r"holds about \d+ files; at most 100000"):
        open_tree(tmp_path / "a.zip")


def test_a_member_that_unpacks_to_more_than_it_claims_is_refused(tmp_path):
    packed = bytearray(zipped({"one.txt": b"0" * 5_000_000}))
    central = packed.index(b"PK\x01\x02")
    packed[central + 24 : central + 28] = struct.pack("<I", 10)
    (tmp_path / "a.zip").write_bytes(packed)
    with pytest.raises(ResultFormatError, match="damaged"):
        open_tree(tmp_path / "a.zip").read("one.txt")


@pytest.mark.filterwarnings("ignore:Duplicate name")  # zipfile warns of what we make on purpose
def test_two_members_of_one_name_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("one.txt", b"1")
        file.writestr("one.txt", b"2")
    with pytest.raises(ResultFormatError, match=r"two files named 'one\.txt'"):
        open_tree(tmp_path / "a.zip")


def test_other_compression_methods_are_refused_by_name(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped({"one.txt": b"1" * 100}, zipfile.ZIP_BZIP2))
    with pytest.raises(ResultFormatError, match="compression method 12 is not supported"):
        open_tree(tmp_path / "a.zip").read("one.txt")


def test_unreadable_file_is_an_error_with_its_name(tmp_path):
    top = write(tmp_path / "tree", {"a.txt": b"1"})
    tree = open_tree(top)
    (top / "a.txt").unlink()
    with pytest.raises(ResultFormatError, match=r"cannot read .*a\.txt"):
        tree.read("a.txt")


@pytest.mark.data
def test_every_real_archive_opens_and_reads_as_zipfile_does(shared_data):
    archives = sorted(shared_data.glob("*.zip"))
    assert len(archives) >= 16
    for path in archives:
        tree = open_tree(path)
        some = tree.names[:: max(1, len(tree.names) // 20)]
        with zipfile.ZipFile(path) as file:
            assert set(tree.names) == {name for name in file.namelist() if not name.endswith("/")}
            assert tree.read_many(some) == [file.read(name) for name in some]
