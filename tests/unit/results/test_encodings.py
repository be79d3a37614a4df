"""Results in other encodings than plain text score as the plain ones do; hostile files of each kind are refused."""

import gzip
import io
import json
import tarfile
import tracemalloc
import zlib

import numpy as np
import pytest
import scipy.io

from evalkit import archive
from evalkit.archive import open_tree
from evalkit.errors import ResultFormatError
from evalkit.results import encodings
from evalkit.results.reader import read_results
from evalkit.store.runs import ResultStore
from helpers.files import tarred, write, write_zip, zipped
from helpers.program import call
from helpers.small_lasot import FRAMES, NAMES, make_lasot

RESULTS = {
    name: np.array([[12.5 + frame + number, 19.25, 21, 12] for frame in range(FRAMES)])
    for number, name in enumerate(NAMES)
}
CONFIDENCES = {name: np.linspace(0.9, 0.1, len(boxes)).round(3) for name, boxes in RESULTS.items()}


def text(rows, separator=","):
    return "".join(separator.join(map(repr, row)) + "\n" for row in rows.tolist()).encode()


def with_confidence(name):
    return np.column_stack([RESULTS[name], CONFIDENCES[name]])


def npy(table, **options):
    buffer = io.BytesIO()
    np.save(buffer, table, **options)
    return buffer.getvalue()


def mat(**variables):
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, variables, do_compression=True)
    return buffer.getvalue()


def rows(name):
    return RESULTS[name].tolist()


def each(pattern, content):
    return {pattern.replace("{}", name): content(name) for name in NAMES}


def mixed():
    """All benchmarks in one folder, as programs of that time wrote them."""
    others = ["nfs_basketball_1", "otb_Basketball", "uav_bike1", *(f"otb_{name}" for name in NAMES)]
    return each("{}.txt", lambda name: text(RESULTS[name])) | {f"{name}.txt": b"1,2,3,4\n" for name in others}


PLAIN = each("T/{}.txt", lambda name: text(RESULTS[name]))
LAYOUTS = {
    "TXT": each("T/{}.TXT", lambda name: text(RESULTS[name])),
    "csv": each("T/{}.csv", lambda name: text(RESULTS[name])),
    "csv with semicolons": each("T/{}.csv", lambda name: text(RESULTS[name], ";")),
    "csv with header": each("T/{}.csv", lambda name: b"x,y,w,h\n" + text(RESULTS[name])),
    "csv with columns in another order": each(
        "T/{}.csv",
        lambda name: (
            b"\xef\xbb\xbfFrame,Width,Height,Left,Top\r\n"
            + text(np.column_stack([np.arange(len(RESULTS[name])), RESULTS[name][:, [2, 3, 0, 1]]]))
        ),
    ),
    "letter case": {name.swapcase().replace("t/", "T/"): data for name, data in PLAIN.items()},
    "letter case of folders": {f"T/{name.upper()}/{name.title()}_001.txt": text(RESULTS[name]) for name in NAMES},
    "prefix in capitals": each("T/UAV_{}.txt", lambda name: text(RESULTS[name])),
    "fifth column": each("T/{}.txt", lambda name: text(with_confidence(name))),
    "csv with a header and confidence": each(
        "T/{}.csv", lambda name: b"left,top,width,height,score\n" + text(with_confidence(name))
    ),
    "json": each("T/{}.json", lambda name: json.dumps(rows(name)).encode()),
    "json with names": each(
        "T/{}.json",
        lambda name: json.dumps({"target_bbox": rows(name), "scores": CONFIDENCES[name].tolist(), "fps": 30}).encode(),
    ),
    "json of a benchmark": {"T.json": json.dumps({name: rows(name) for name in NAMES}).encode()},
    "json of trackers": {"all.json": json.dumps({"T": {name: {"boxes": rows(name)} for name in NAMES}}).encode()},
    "npy": each("T/{}.npy", lambda name: npy(RESULTS[name])),
    "npy by columns": each("T/{}.npy", lambda name: npy(np.asfortranarray(with_confidence(name)))),
    "npz": {"T.npz": None},
    "matlab, bare": each("T/{}.mat", lambda name: mat(res=RESULTS[name])),
    "matlab, bare, tracker in the name": each("{}_T.mat", lambda name: mat(res=with_confidence(name))),
    "mixed benchmarks": mixed(),
    "corners with confidence": each(
        "T/{}.txt",
        lambda name: text(
            np.column_stack([RESULTS[name][:, :2], RESULTS[name][:, :2] + RESULTS[name][:, 2:], CONFIDENCES[name]])
        ),
    ),
}
CONFIDENT = {
    "fifth column",
    "csv with a header and confidence",
    "json with names",
    "npy by columns",
    "matlab, bare, tracker in the name",
    "corners with confidence",
}


def put(top, files, packing):
    if set(files) == {"T.npz"}:
        np.savez(top / "T.npz", **RESULTS)
        return top / "T.npz"
    if packing == "folder":
        return write(top / "raw", files)
    path = top / f"raw.{packing}"
    path.write_bytes(tarred(files) if packing == "tar.gz" else zipped(files))
    return path


def scored(*words):
    code, out, err = call("score", "lasot", *words, "--json")
    assert code == 0, err
    actual = json.loads(out)
    return {key: actual[key] for key in ("tracker", "scores", "sequences", "frames")}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    top = tmp_path_factory.mktemp("plain")
    return scored("--predictions", put(top, PLAIN, "folder"), "--annotations", make_lasot(top))


@pytest.mark.parametrize("packing", ["folder", "zip", "tar.gz"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_encoding_scores_as_plain_text(tmp_path, expected, layout, packing):
    path = put(tmp_path, LAYOUTS[layout], packing)
    assert scored("--predictions", path, "--tracker", "T", "--annotations", make_lasot(tmp_path)) == expected


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_encoding_is_imported_exactly_with_its_confidences(tmp_path, expected, layout):
    path, truth = put(tmp_path, LAYOUTS[layout], "folder"), make_lasot(tmp_path)
    words = ("--benchmark", "lasot", "--tracker", "T", "--annotations", truth, "--results", tmp_path / "results")
    code, _, err = call("import-results", path, *words)
    assert code == 0, err
    (run,) = ResultStore(tmp_path / "results").find()
    for name in NAMES:
        confidence = run.read(name).confidence
        np.testing.assert_array_equal(run.read(name).boxes, RESULTS[name])
        wanted = CONFIDENCES[name] if layout in CONFIDENT else np.full(len(confidence), np.nan)
        np.testing.assert_array_equal(confidence, wanted)
    assert scored("--results", tmp_path / "results", "--tracker", "T", "--annotations", truth) == expected


def read(top, files, benchmark="lasot", names=NAMES):
    return read_results(put(top, files, "folder"), names=names, benchmark=benchmark)


def test_the_benchmarks_own_prefix_decides_in_a_mixed_archive(tmp_path):
    files = {
        f"{start}bike1.txt": text(np.array([[30.0, 40, 5, n]])) for n, start in enumerate(("uav_", "nfs_", "otb_"))
    }
    (actual,) = read(tmp_path, files | {"Bike1.txt": b"9,9,9,9", "Car1.txt": b"9,9,9,9"}, "uav123", ["bike1", "car1"])
    assert actual.sequences["bike1"][0].boxes.tolist() == [[30, 40, 5, 0]]
    assert actual.missing == ("car1",)
    assert len(actual.foreign) == 4


def test_a_name_is_taken_in_the_benchmarks_own_spelling(tmp_path):
    (actual,) = read(tmp_path, {"car.txt": b"30,40,5,6", "CAR.txt": b"9,9,9,9"}, names=["car"])
    assert actual.sequences["car"][0].boxes.tolist() == [[30, 40, 5, 6]]
    assert actual.foreign == ("CAR.txt",)


@pytest.mark.parametrize(
    ("files", "names", "told"),
    [
        ({"Car.txt": b"1,2,3,4", "CAR.txt": b"9,9,9,9"}, ["car"], "two files for one sequence"),
        ({"Car.txt": b"1,2,3,4"}, ["car", "CAR"], "none of 1 file is named"),
        ({"car.txt": b"1,2,3,4", "car.json": b"[[1,2,3,4]]"}, ["car"], "two files for one sequence"),
        ({"T.json": b'{"car": [[1,2,3,4]]}', "T/car.json": b"[[1,2,3,4]]"}, ["car"], "has results twice"),
        ({"T.json": b'{"car": [[1,2,3,4]], "car": [[5,6,7,8]]}'}, ["car"], "'car' occurs twice"),
    ],
)
def test_ambiguous_names_are_refused(tmp_path, files, names, told):
    with pytest.raises(ResultFormatError, match=told):
        read(tmp_path, files, names=names)


def header(shape, kind="<f8"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": shape})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("file", "data", "told"),
    [
        ("car.txt", b"0,1,2,3,4\n1,1,2,3,4\n", "of 5 columns the first counts the frames"),
        ("car.txt", b"1,2,3,4,5,6\n", "6 columns, expected 4"),
        ("car.csv", b"x1,y1,x2,y2\n1,2,3,4\n", "expected numbers"),
        ("car.csv", b"x,y,w,h,class\n1,2,3,4,5\n", "the header is 'x,y,w,h,class'"),
        ("car.csv", b"x,y,w,h,h\n1,2,3,4,5\n", "the header is"),
        ("car.csv", b"x,y,w,h\n", "an empty file"),
        ("car.json", b"{", "no readable JSON"),
        ("car.json", b"[" * 100_000, "no readable JSON"),
        ("car.json", b"[[1,2,3,true]]", "expected numbers"),
        ("car.json", b'[[1,2,3,"4"]]', "expected numbers"),
        ("car.json", b"[[1,2,3,4],[1,2,3]]", "row 2: 3 values, expected 4"),
        ("car.json", b"[[1,2,3,1" + b"0" * 400 + b"]]", "too large"),
        ("car.json", b"[[1,2,3," + b"1" * 5000 + b"]]", "no readable JSON"),
        ("car.json", b'{"boxes": [[1,2,3,4]], "score": [1, 2]}', "confidences: 2 values, expected 1"),
        ("car.json", b'{"a": 1}', "expected a list of rows"),
        ("car.json", b"7", "expected a list of rows"),
        ("car.json", b"\xff\xfe", "no readable JSON"),
        ("car.npy", b"", "no readable NumPy file"),
        ("car.npy", npy(np.array([{}], dtype=object), allow_pickle=True), "pickled objects"),
        ("car.npy", npy(np.zeros((2, 4), dtype=complex)), "expected a table of numbers"),
        ("car.npy", npy(np.zeros(4)), "expected a table of numbers"),
        ("car.npy", npy(np.zeros((4, 3))), "3 columns, expected 4"),
        ("car.npy", npy(np.zeros((2, 4)))[:-1], "63 bytes of numbers, but the header says"),
        ("car.npy", header((10**15, 4)) + b"0" * 64, "but the header says"),
        ("car.npy", header((-1, -64)) + b"0" * 512, "but the header says"),
        ("car.npy", b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535, "no readable NumPy file"),
        ("car.mat", mat(res=np.zeros((2, 3))), "expected numbers of shape"),
        ("car.mat", mat(other=np.zeros((2, 4))), "0 results called 'res'"),
        ("car.mat", mat(res=np.zeros((2, 4)), results={"res": np.zeros((2, 4))}), "2 results called 'res'"),
    ],
)
def test_files_that_hold_no_table_of_boxes_are_named_with_the_reason(tmp_path, file, data, told):
    (actual,) = read(tmp_path, {file: data}, names=["car"])
    (text_,) = actual.unreadable
    assert told in text_
    assert file in text_


def test_sizes_are_checked_before_anything_is_built(tmp_path, monkeypatch):
    monkeypatch.setattr(encodings, "_CONTAINERS", 10)
    monkeypatch.setattr(encodings, "UNPACKED_LIMIT", 10_000)
    bomb = mat(res=np.zeros((5000, 4)))
    assert len(bomb) < 1000
    files = {"car.json": b"[" + b"[1,2,3,4]," * 20 + b"[1,2,3,4]]", "cup.mat": bomb}
    for name, told in (("car", "too large for a JSON file"), ("cup", "unpacks to more than")):
        (actual,) = read(tmp_path / name, {file: data for file, data in files.items() if name in file}, names=[name])
        assert told in actual.unreadable[0]


# --- tars ------------------------------------------------------------------------------------------------------------

LONG = {
    f"{'deep/' * 30}{'n' * 90}.txt": b"1,2,3,4\n",
    "T/girl\u00e9.txt": b"5\n" * 3000,
    "T/a/b.txt": b"",
    "._x": b"junk",
}


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_tars_are_read_as_tarfile_writes_them(tmp_path, mode, form):
    content = {name: data for name, data in LONG.items() if form != tarfile.USTAR_FORMAT or len(name) < 100}
    content |= {f"{'deep/' * 25}long.txt": b"7\n"}
    (tmp_path / "a.tgz").write_bytes(tarred(content, mode, form))
    tree = open_tree(tmp_path / "a.tgz")
    assert {name: tree.read(name) for name in tree.names} == {k: v for k, v in content.items() if k != "._x"}
    assert open_tree(tmp_path / "a.tgz" / "deep").names == tuple(
        sorted(name.removeprefix("deep/") for name in content if name.startswith("deep/"))
    )
    assert len(tree.digest()) == 64


def test_a_tar_in_a_zip_and_a_zip_in_a_tar(tmp_path):
    write_zip(tmp_path / "a.zip", {"in/b.tar.gz": tarred({"c.txt": b"1"})})
    assert open_tree(tmp_path / "a.zip" / "in" / "b.tar.gz").read("c.txt") == b"1"
    (tmp_path / "d.tar").write_bytes(tarred({"in/a.zip": (tmp_path / "a.zip").read_bytes()}, "w"))
    assert open_tree(tmp_path / "d.tar" / "in" / "a.zip").names == ("in/b.tar.gz",)


def special(kind, name="x.txt", **fields):
    entry = tarfile.TarInfo(name)
    entry.type = kind
    for key, value in fields.items():
        setattr(entry, key, value)
    return entry.tobuf(tarfile.GNU_FORMAT)


def flipped(data, place):
    changed = bytearray(data)
    changed[place] ^= 0x55
    return bytes(changed)


WHOLE = tarred({"a.txt": b"1,2,3,4\n" * 2000, "b.txt": b"5"}, "w", tarfile.GNU_FORMAT)
END = bytes(1024)
REFUSED = {
    "symbolic link": (special(tarfile.SYMTYPE, linkname="/etc/passwd") + END, "holds the link 'x.txt'; refused"),
    "hard link": (special(tarfile.LNKTYPE, linkname="/etc/passwd") + END, "holds the link"),
    "device": (special(tarfile.CHRTYPE, devmajor=1, devminor=5) + END, "holds the device file"),
    "pipe": (special(tarfile.FIFOTYPE) + END, "holds the pipe"),
    "sparse": (special(tarfile.GNUTYPE_SPARSE, size=1 << 60) + END, "no octal numbers"),
    "small sparse": (special(tarfile.GNUTYPE_SPARSE, size=1 << 30) + END, "holds the sparse file"),
    "climbs out": (tarred({"../x.txt": b"1"}), "leads out of the archive"),
    "absolute": (tarred({"/x.txt": b"1"}), "leads out of the archive"),
    "twice": (special(tarfile.REGTYPE) * 2 + END, "two files named 'x.txt'"),
    "claims much": (special(tarfile.REGTYPE, size=1 << 30) + END, "claims to unpack to 1073741824 bytes"),
    "claims more than it has": (special(tarfile.REGTYPE, size=4000) + END, "ends in the middle of a file"),
    "long name bomb": (special(tarfile.GNUTYPE_LONGNAME, size=1 << 30) + END, "an extended header of 1073741824 bytes"),
    "negative size": (special(tarfile.REGTYPE)[:124] + b"-0000000010\0" + special(tarfile.REGTYPE)[136:] + END, "damaged"),
    "size in extended header": (special(tarfile.XHDTYPE, size=14) + b"14 size=99999\n".ljust(512, b"\0") + special(tarfile.REGTYPE) + END, "extended header"),
    "extended header without end": (special(tarfile.XHDTYPE, size=9) + b"0 path=x\n".ljust(512, b"\0") + END, "extended header"),
    "flipped header": (flipped(WHOLE, 3), "wrong checksum"),
    "flipped content in gzip": (flipped(gzip.compress(WHOLE, 0), 700), "damaged"),
    "cut": (gzip.compress(WHOLE)[:-20], "damaged"),
    "no tar in gzip": (gzip.compress(b"1,2,3,4\n" * 1000), "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_hostile_and_damaged_tars_are_refused(tmp_path, case):
    data, told = REFUSED[case]
    (tmp_path / "a.tar").write_bytes(data if data[:2] == b"\x1f\x8b" else gzip.compress(data))
    with pytest.raises(ResultFormatError, match=told):
        open_tree(tmp_path / "a.tar")


def test_a_tar_that_unpacks_to_too_much_is_refused_within_little_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "TAR_LIMIT", 1 << 20)
    bomb = zlib.compressobj(9, wbits=31)
    data = bomb.compress(WHOLE[:-10_240]) + b"".join(bomb.compress(bytes(1 << 20)) for _ in range(64)) + bomb.flush()
    (tmp_path / "a.tgz").write_bytes(data)
    tracemalloc.start()
    with pytest.raises(ResultFormatError, match=r"unpacks to more than 1 MiB\. Unpack it"):
        open_tree(tmp_path / "a.tgz")
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()
    monkeypatch.setattr(archive, "COUNT_LIMIT", 5)
    (tmp_path / "b.tar").write_bytes(tarred({f"{number}/": b"" for number in range(9)}))
    with pytest.raises(ResultFormatError, match="more than 5 files"):
        open_tree(tmp_path / "b.tar")
