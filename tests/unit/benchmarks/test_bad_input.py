"""Broken copies: each defect has an error that names the sequence or file, and what was expected."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.benchmarks import get_benchmark, get_split
from evalkit.benchmarks.names import MissingSequenceError
from evalkit.errors import AnnotationError, DatasetLayoutError, EvalkitError, ImageReadError, UnknownNameError
from evalkit.sequences import Sequence
from helpers import trees
from helpers.trees import BUILDERS

# Benchmark -> annotation file and a folder of color images of one sequence in the tiny copies, and its name.
PLACES = {
    "uav123": ("anno/UAV123/street_1.txt", "data_seq/UAV123/street", "street_1"),
    "got10k": ("val/GOT-10k_Val_000001/groundtruth.txt", "val/GOT-10k_Val_000001", "GOT-10k_Val_000001"),
    "lasot": ("cup/cup-1/groundtruth.txt", "cup/cup-1/img", "cup-1"),
    "tnl2k": ("test/walk_done/groundtruth.txt", "test/walk_done/imgs", "walk_done"),
    "trackingnet": ("TEST/anno/x1_2.txt", "TEST/frames/x1_2", "x1_2"),
    "visevent": ("test/early/groundtruth.txt", "test/early/vis_imgs", "early"),
    "lasher": ("testingset/car+2/visible.txt", "testingset/car+2/visible", "car+2"),
    "depthtrack": ("test/cat_indoor/groundtruth.txt", "test/cat_indoor/color", "cat_indoor"),
    "custom": ("my cat/groundtruth.txt", "my cat/img", "my cat"),
}
SPLITS = {"got10k": "val"}


def read(benchmark: str, root: Path) -> Sequence:
    spec = get_benchmark(benchmark)
    return spec.read_sequence(root, get_split(spec, SPLITS.get(benchmark)), PLACES[benchmark][2])


@pytest.fixture(params=PLACES)
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, Path, Path]:
    """Benchmark, root, annotation file, image folder."""
    name = request.param
    root = BUILDERS[name](tmp_path / "copy of données")
    annotation, folder, _ = PLACES[name]
    read(name, root)  # it is a good copy
    return name, root, root / annotation, root / folder


def change_first_row(row: str) -> Callable[[str], str]:
    return lambda text: row + "\n" + "".join(text.splitlines(keepends=True)[1:])


FIRST_ROWS = {
    "NaN,NaN,NaN,NaN": "must have four numbers",
    "10,nan,5,5": "must have four numbers",
    "10,12,0,16": "must have a positive width and height",
    "10,12,20,-1": "must have a positive width and height",
    "900,12,20,16": r"lies completely outside the image \(64 x 48 pixels",
    "10,-50,20,16": "lies completely outside the image",
    "ten,12,20,16": "line 1: expected numbers, found 'ten,12,20,16'",
    "10,12,,16": "line 1: an empty field",
}


@pytest.mark.parametrize("row", FIRST_ROWS)
def test_bad_first_row_is_refused(copy: tuple[str, Path, Path, Path], row: str) -> None:
    benchmark, root, annotation, _ = copy
    annotation.write_text(change_first_row(row)(annotation.read_text()))
    with pytest.raises(AnnotationError, match=FIRST_ROWS[row]) as caught:
        read(benchmark, root)
    assert str(annotation) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("10,12,20\n" * 6, "3 columns; expected 4"),
        ("10,12,20,16,0.9\n" * 6, "5 columns; expected 4"),
        ("", "no rows"),
        ("10,12,20,16\n10,12,20\n", "line 2: 3 columns, but 4 in the lines before"),
        ("10,12,20,16\nfoo bar\n", "line 2: expected numbers, found 'foo bar'"),
        ("10,12,20,16\n\n10,12,20,16\n", "line 2"),
    ],
)
def test_wrong_columns_and_text_are_refused(copy: tuple[str, Path, Path, Path], content: str, expected: str) -> None:
    benchmark, root, annotation, _ = copy
    annotation.write_text(content)
    with pytest.raises(AnnotationError, match=expected) as caught:
        read(benchmark, root)
    assert str(annotation) in str(caught.value)


@pytest.mark.parametrize("change", [-1, 1])
def test_rows_must_be_as_many_as_images(copy: tuple[str, Path, Path, Path], change: int) -> None:
    benchmark, root, annotation, folder = copy
    lines = annotation.read_text().splitlines()
    if benchmark == "trackingnet":  # the first box alone is right, so two rows for twelve images are not
        lines = lines * 2
    images = {"uav123": 5}.get(benchmark, sum(path.suffix in {".jpg", ".png", ".bmp"} for path in folder.iterdir()))
    changed = lines[:change] if change < 0 else [*lines, lines[-1]]
    if benchmark == "trackingnet":
        changed = lines if change < 0 else lines * 7
    annotation.write_text("\n".join(changed) + "\n")
    for flags in (root.rglob("*.label"), root.rglob("absent_label.txt"), root.rglob("full_occlusion.txt")):
        for path in flags:  # flags fit the rows, so that the images are what differs
            path.write_text("1\n" * len(changed) if path.name == "absent_label.txt" else "0\n" * len(changed))
    for path in root.rglob("out_of_view.txt"):
        path.write_text("0," * len(changed))
    for path in root.rglob("infrared.txt"):
        path.write_text("\n".join(changed))
    with pytest.raises(AnnotationError, match=rf"has {len(changed)} rows but .* has {images} images") as caught:
        read(benchmark, root)
    assert PLACES[benchmark][2] in str(caught.value)


def test_gap_in_the_frames_is_named(copy: tuple[str, Path, Path, Path]) -> None:
    benchmark, root, _, folder = copy
    victim = sorted(path for path in folder.iterdir() if path.suffix in {".jpg", ".png", ".bmp"})[1]
    victim.unlink()
    with pytest.raises(EvalkitError) as caught:
        read(benchmark, root)
    number = str(int("".join(c for c in victim.stem.rpartition("_")[2] if c.isdigit())))
    assert number in str(caught.value)
    assert PLACES[benchmark][2] in str(caught.value)


def test_half_unpacked_sequence_is_named(copy: tuple[str, Path, Path, Path]) -> None:
    benchmark, root, annotation, folder = copy
    for path in folder.iterdir():
        if path.suffix in {".jpg", ".png", ".bmp"}:
            path.unlink()
    with pytest.raises(DatasetLayoutError, match=r"no image|are missing|packed") as caught:
        read(benchmark, root)
    assert str(folder) in str(caught.value)
    if benchmark not in {"got10k", "custom"}:
        shutil.rmtree(folder)
        with pytest.raises(DatasetLayoutError):
            read(benchmark, root)
    annotation.unlink()
    with pytest.raises(DatasetLayoutError, match=r"missing|no annotation"):
        read(benchmark, root)


def test_missing_root_and_foreign_root_are_refused(copy: tuple[str, Path, Path, Path], tmp_path: Path) -> None:
    spec = get_benchmark(copy[0])
    with pytest.raises(DatasetLayoutError, match=r"data folder .*nowhere does not exist"):
        spec.list_sequences(tmp_path / "nowhere", spec.default_split)
    trees.text(tmp_path / "music/song.mp3", "la")
    with pytest.raises(DatasetLayoutError, match=r"no sequences in .*Expected .*Found: song.mp3\."):
        spec.list_sequences(tmp_path / "music", spec.default_split)
    (tmp_path / "music/song.mp3").unlink()
    with pytest.raises(DatasetLayoutError, match="Found: an empty folder"):
        spec.list_sequences(tmp_path / "music", spec.default_split)


def test_missing_sequence_has_an_error_of_its_own(copy: tuple[str, Path, Path, Path]) -> None:
    benchmark, root, _, _ = copy
    spec = get_benchmark(benchmark)
    for function in (spec.read_annotation, spec.read_sequence, spec.read_frames):
        assert function is not None
        with pytest.raises(MissingSequenceError, match="sequence nobody is missing"):
            function(root, get_split(spec, SPLITS.get(benchmark)), "nobody")


@pytest.mark.parametrize(("content", "reason"), [(b"", "empty"), (b"no image", "not an image")])
def test_bad_image_in_the_middle_fails_at_its_frame_only(
    copy: tuple[str, Path, Path, Path], content: bytes, reason: str
) -> None:
    benchmark, root, _, folder = copy
    victim = sorted(path for path in folder.iterdir() if path.suffix in {".jpg", ".png", ".bmp"})[2]
    victim.write_bytes(content)
    sequence = read(benchmark, root)
    assert sequence.frames.read(0).rgb.shape == (48, 64, 3)
    failures = []
    for index in range(len(sequence)):
        try:
            sequence.frames.read(index)
        except ImageReadError as problem:
            failures.append(str(problem))
    assert len(failures) == 1
    assert str(victim) in failures[0]
    assert reason in failures[0]


def test_box_outside_the_image_after_the_first_frame_is_allowed(tmp_path: Path) -> None:
    root = trees.lasot(tmp_path)
    path = root / "cup/cup-1/groundtruth.txt"
    path.write_text(path.read_text().replace("11,13,20,16", "-900,13,20,16"))
    assert read("lasot", root).annotation.ground_truth[1, 0] == -900


FLAGS = {
    "got10k": ("val/GOT-10k_Val_000001/absence.label", "val/GOT-10k_Val_000001/cover.label"),
    "lasot": ("cup/cup-1/full_occlusion.txt", "cup/cup-1/out_of_view.txt"),
    "visevent": ("test/early/absent_label.txt",),
}


@pytest.mark.parametrize(("benchmark", "file"), [(name, file) for name, files in FLAGS.items() for file in files])
def test_flag_files_must_be_complete_and_plain(benchmark: str, file: str, tmp_path: Path) -> None:
    path = BUILDERS[benchmark](tmp_path) / file
    flags = path.read_text()
    path.write_text(flags.rstrip() + "\n0\n")
    with pytest.raises(AnnotationError, match=r"7 |6 flags") as caught:
        read(benchmark, tmp_path)
    assert str(path) in str(caught.value)
    path.write_text(flags.replace("1", "x", 1).replace("5", "x", 1))
    with pytest.raises(AnnotationError, match="'x'; expected integers from 0 to"):
        read(benchmark, tmp_path)
    path.unlink()
    with pytest.raises(DatasetLayoutError, match=f"{path.name} is missing"):
        read(benchmark, tmp_path)


def test_surplus_flag_is_tolerated_in_the_one_known_file_only(tmp_path: Path) -> None:
    root = trees.tnl2k(tmp_path)
    trees.text(root / "absent/walk_done.txt", "0\n" * 5)
    with pytest.raises(AnnotationError, match="5 flags, but the annotation has 4 rows"):
        read("tnl2k", root)


def test_target_that_never_appears_is_refused(tmp_path: Path) -> None:
    root = trees.visevent(tmp_path)
    (root / "test/early/absent_label.txt").write_text("0\n" * 5)
    with pytest.raises(AnnotationError, match="early: the flags say that the target is absent in every frame"):
        read("visevent", root)


def test_second_modality_must_be_complete(tmp_path: Path) -> None:
    for benchmark, folder in (("visevent", "event_imgs"), ("lasher", "infrared"), ("depthtrack", "depth")):
        root = BUILDERS[benchmark](tmp_path / benchmark)
        place = (root / PLACES[benchmark][1]).parent / folder
        victim = sorted(place.iterdir())[1]
        victim.unlink()
        with pytest.raises(DatasetLayoutError, match=r"no partner|images in") as caught:
            read(benchmark, root)
        assert str(place) in str(caught.value)
        shutil.rmtree(place)
        with pytest.raises(DatasetLayoutError, match=rf"no (event|thermal|depth) image folder .*{folder}"):
            read(benchmark, root)


def test_thermal_annotation_must_have_as_many_rows(tmp_path: Path) -> None:
    root = trees.lasher(tmp_path)
    (root / "testingset/car+2/infrared.txt").write_text(trees.rows(trees.boxes(3)))
    with pytest.raises(AnnotationError, match=r"infrared\.txt has 3 rows, but visible\.txt beside it has 12"):
        read("lasher", root)


def test_first_frame_split_notices_a_lost_frame(tmp_path: Path) -> None:
    root = trees.got10k(tmp_path)
    (root / "test/GOT-10k_Test_000001/00000004.jpg").unlink()
    spec = get_benchmark("got10k")
    with pytest.raises(DatasetLayoutError, match="frame number 4 is missing"):
        spec.read_sequence(root, spec.default_split, "GOT-10k_Test_000001")


def test_list_files_with_mistakes_are_refused(tmp_path: Path) -> None:
    root = trees.lasot(tmp_path)
    spec = get_benchmark("lasot")
    trees.text(root / "testing_set.txt", "cup-1\ncup-3\ncup-1\n")
    with pytest.raises(DatasetLayoutError, match=r"testing_set\.txt has names twice: cup-1"):
        spec.list_sequences(root, spec.default_split)
    trees.text(root / "testing_set.txt", "\n\n")
    with pytest.raises(DatasetLayoutError, match="holds no sequence name"):
        spec.list_sequences(root, spec.default_split)


def test_frame_table_of_uav123_with_mistakes_is_refused(tmp_path: Path) -> None:
    root = trees.uav123(tmp_path)
    table = root / "anno/UAV123/sequences.csv"
    for content in ("name,folder\nstreet_1,street\n", "name,folder,start_frame,end_frame\nstreet_1,street,one,5\n"):
        table.write_text(content)
        with pytest.raises(DatasetLayoutError, match="must have the columns name, folder, start_frame, end_frame"):
            read("uav123", root)


def test_stated_size_with_a_mistake_is_refused(tmp_path: Path) -> None:
    root = trees.got10k(tmp_path)
    trees.text(root / "val/GOT-10k_Val_000001/meta_info.ini", "[METAINFO]\nresolution: big\n")
    with pytest.raises(AnnotationError, match=r"resolution is 'big'; expected \(width, height\)"):
        read("got10k", root)


def test_byte_order_mark_and_crlf_are_no_mistakes(tmp_path: Path) -> None:
    root = trees.lasot(tmp_path)
    path = root / "cup/cup-1/groundtruth.txt"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n").replace(b",", b" "))
    assert read("lasot", root).initial_box.tolist() == [10, 12, 20, 16]


@pytest.mark.parametrize(("name", "nearest"), [("lasto", "lasot"), ("GOT10K", "got10k"), ("custm", "custom")])
def test_unknown_benchmark_suggests_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean '{nearest}'"):
        get_benchmark(name)


def test_unknown_split_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown split of lasot 'trian'; did you mean 'train'"):
        get_split(get_benchmark("lasot"), "trian")


def test_infinite_coordinates_are_refused(copy: tuple[str, Path, Path, Path]) -> None:
    name, root, annotation, _ = copy
    rows = annotation.read_text().splitlines()
    rows[-1] = "inf,1,2,3"
    trees.text(annotation, "\n".join(rows))
    with pytest.raises(AnnotationError, match=rf"row {len(rows)} is inf,1,2,3; expected finite numbers, or NaN"):
        read(name, root)


@pytest.mark.parametrize("benchmark", ["tnl2k", "visevent", "lasher", "depthtrack"])
def test_own_copy_does_not_lose_a_sequence_without_annotation(benchmark: str, tmp_path: Path) -> None:
    root = BUILDERS[benchmark](tmp_path)
    for path in [*root.rglob("list.txt"), *root.rglob("testlist.txt"), *root.rglob("testingsetList.txt")]:
        path.unlink()
    spec = get_benchmark(benchmark)
    before = spec.list_sequences(root, get_split(spec, None))
    (root / PLACES[benchmark][0]).unlink()
    assert spec.list_sequences(root, get_split(spec, None)) == before
    with pytest.raises(DatasetLayoutError, match="is missing"):
        read(benchmark, root)


@pytest.mark.parametrize("benchmark", ["tnl2k", "custom"])
def test_folder_name_in_another_encoding_is_refused(benchmark: str, tmp_path: Path) -> None:
    root = BUILDERS[benchmark](tmp_path)
    folder = (root / PLACES[benchmark][0]).parent
    try:
        folder.rename(folder.with_name("caf\udce9"))
    except OSError:
        pytest.skip("the file system takes valid UTF-8 only")
    spec = get_benchmark(benchmark)
    with pytest.raises(DatasetLayoutError, match=r"the name b'caf\\xe9' is not valid UTF-8"):
        spec.list_sequences(root, get_split(spec, None))


def test_older_form_of_absence_in_the_first_row_is_quoted_as_the_file_has_it(tmp_path: Path) -> None:
    root = BUILDERS["depthtrack"](tmp_path)
    path = root / PLACES["depthtrack"][0]
    path.write_text(change_first_row("4,5,-1,-1")(path.read_text()))
    with pytest.raises(AnnotationError, match="the first row is 4,5,-1,-1"):
        read("depthtrack", root)


def test_folder_with_files_of_another_kind_says_what_it_holds(tmp_path: Path) -> None:
    root = BUILDERS["custom"](tmp_path)
    folder = root / PLACES["custom"][1]
    for path in list(folder.iterdir()):
        path.rename(path.with_suffix(".gif"))
    with pytest.raises(DatasetLayoutError, match=r"found \d+ other files such as \S+\.gif, expected files ending in"):
        read("custom", root)
