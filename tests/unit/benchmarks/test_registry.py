"""One walk over the benchmarks: complete, unique, cited, counted; facts of the official lists; light to import."""

import json
import shutil
from pathlib import Path

import pytest

from evalkit.benchmarks import BENCHMARKS, got10k, lasher, tnl2k, uav123, visevent
from evalkit.benchmarks.names import official_rows
from evalkit.benchmarks.spec import Access, BenchmarkSpec
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.protocols import PROTOCOLS
from evalkit.sequences import Modality
from helpers import ROOT, trees
from helpers.program import python

SPECS = pytest.mark.parametrize("spec", BENCHMARKS.values(), ids=BENCHMARKS)
TITLES = ["UAV123", "GOT-10k", "LaSOT", "TNL2K", "TrackingNet", "VisEvent", "LasHeR", "DepthTrack"]


def test_registry_has_the_eight_benchmarks_once() -> None:
    assert [spec.title for spec in BENCHMARKS.values()] == TITLES
    assert all(name == spec.name for name, spec in BENCHMARKS.items())


@SPECS
def test_every_field_is_filled(spec: BenchmarkSpec) -> None:
    assert spec.citation.year == spec.year
    assert spec.citation.authors.count(",") >= 2
    assert spec.citation.title
    assert spec.citation.venue
    assert spec.homepage.startswith("http")
    assert Modality.RGB in spec.modalities
    assert spec.coordinate_origin in (0, 1)
    assert len(set(spec.attributes)) == len(spec.attributes)
    assert spec.default_split.name == "test"
    assert spec.read_frames is not None
    assert set(spec.protocols) == {"official", "papers"}


@SPECS
def test_protocols_exist_and_report_the_headline(spec: BenchmarkSpec) -> None:
    for protocol in spec.protocols.values():
        assert spec.name in PROTOCOLS[protocol].benchmarks
    reported = {number.key for number in get_protocol(spec.protocols["papers"], spec.name).reported}
    assert set(spec.headline) <= reported


@SPECS
def test_packaged_lists_have_the_counts_of_the_specification(spec: BenchmarkSpec) -> None:
    for name, split in spec.splits.items():
        assert split.name == name
        rows = official_rows(split.names_file)
        if split.names_file is None:
            assert name == "train"
            continue
        assert len(rows) == split.sequence_count
        frames = [row["frames"] for row in rows.values() if row.get("frames")]
        if frames:
            assert sum(map(int, frames)) == split.frame_count
        codes = {code for row in rows.values() for code in row.get("attributes", "").split()}
        assert codes <= set(spec.attributes)


@pytest.mark.parametrize(
    ("benchmark", "sequences", "frames"),
    [
        ("lasot", 280, 685_360),
        ("uav123", 123, 112_578),
        ("tnl2k", 700, 516_038),
        ("got10k", 180, 22_834),
        ("trackingnet", 511, None),
        ("lasher", 245, 220_703),
        ("visevent", 320, 157_395),
        ("depthtrack", 50, 76_373),
    ],
)
def test_known_sizes_of_the_test_sets(benchmark: str, sequences: int, frames: int | None) -> None:
    split = BENCHMARKS[benchmark].default_split
    assert (split.sequence_count, split.frame_count) == (sequences, frames)


def test_known_sizes_of_the_training_sets() -> None:
    counts = {name: spec.splits["train"].sequence_count for name, spec in BENCHMARKS.items() if "train" in spec.splits}
    assert counts == {
        "got10k": 9335,
        "lasot": 1120,
        "tnl2k": 1300,
        "trackingnet": 12 * 2511,
        "visevent": 294,
        "lasher": 979,
        "depthtrack": 152,
    }


def test_splits_are_disjoint_and_sublists_are_inside() -> None:
    def names(file: str) -> set[str]:
        return set(official_rows(file))

    assert not names("lasher_test.csv") & names("lasher_train.csv")
    assert not names("visevent_test.csv") & names("visevent_train.csv")
    assert names("tnl2k_test.csv") & names("tnl2k_train.csv") == {"monitor_manypeople"}  # so in the authors' lists
    assert names("visevent_test-172.csv") < names("visevent_test.csv")
    assert names("visevent_test-218.csv") < names("visevent_test.csv")
    assert names("depthtrack_train-146.csv") | names("depthtrack_val-6.csv") == names("depthtrack_train.csv")
    assert not names("depthtrack_train-146.csv") & names("depthtrack_val-6.csv")
    assert len(names(visevent.RAW_ONLY) | names("visevent_train.csv")) == 500


def test_lasher_attribute_counts_are_the_published_ones() -> None:
    counts = [33, 215, 87, 17, 88, 51, 34, 7, 68, 46, 78, 107, 133, 148, 20, 7, 193, 222, 109]
    rows = official_rows("lasher_test.csv").values()
    assert [sum(code in row["attributes"].split() for row in rows) for code in lasher.CODES] == counts


def test_visevent_attribute_counts_are_the_published_ones() -> None:
    counts = [136, 28, 8, 73, 75, 64, 114, 57, 131, 211, 33, 70, 90, 33, 63, 38, 239]
    rows = official_rows("visevent_test.csv").values()
    assert [sum(code in row["attributes"].split() for row in rows) for code in visevent.CODES] == counts


def test_uav123_ranges_have_the_length_of_the_sequences() -> None:
    rows = official_rows(uav123.NAMES)
    assert len({row["folder"] for row in rows.values()}) == 91
    for row in rows.values():
        assert int(row["end_frame"]) - int(row["start_frame"]) + 1 == int(row["frames"])
    assert rows["car6_1"]["end_frame"] == rows["car6_2"]["start_frame"] == "487"


def test_got10k_first_boxes_are_packaged() -> None:
    row = official_rows("got10k_test.csv")["GOT-10k_Test_000001"]
    assert [row[key] for key in ("frames", "left", "top", "width", "height")] == ["100", "395", "340", "532", "407"]
    assert got10k.SPEC.default_split.access is Access.FIRST_FRAME_ONLY


def test_tnl2k_exceptions_are_official_sequences() -> None:
    assert len(tnl2k.EMPTY_NOT_ABSENT) == 12
    assert set(tnl2k.EMPTY_NOT_ABSENT) <= set(official_rows("tnl2k_test.csv"))


def test_importing_the_registry_loads_no_heavy_package() -> None:
    code = (
        "import sys, evalkit.benchmarks; print([m for m in ('cv2', 'torch', 'pydantic', 'pandas') if m in sys.modules])"
    )
    assert python(code).stdout.strip() == "[]"


NEW_BENCHMARK = {"rgbt234": "harbor9", "RGBT234": "Harbor9", "rgbt-toolkit": "ostrack", "maximum_success": "success"}


def test_a_new_benchmark_is_a_module_and_its_sequence_list(tmp_path: Path) -> None:
    package = shutil.copytree(ROOT / "evalkit", tmp_path / "evalkit")
    source = (package / "benchmarks/rgbt234.py").read_text(encoding="utf-8")
    for old, new in NEW_BENCHMARK.items():
        source = source.replace(old, new)
    trees.text(package / "benchmarks/harbor9.py", source)
    trees.text(package / "data/sequences/harbor9_test.csv", "name,frames,attributes\nboat,2,SC\n")
    for kind in ("visible", "infrared"):
        trees.text(tmp_path / f"truth/boat/{kind}.txt", "1,2,30,40\n3,4,30,40\n")
    trees.text(tmp_path / "results/mine/harbor9/boat.txt", "1,2,30,40\n3,4,30,40\n")
    call = [
        "score",
        "harbor9",
        "--annotations",
        "truth",
        "--predictions",
        "results",
        "--protocol",
        "all",
        "--attributes",
        "--json",
    ]
    done = python("from cli import main; main()", *call, cwd=tmp_path)  # which comes first in the path
    assert done.code == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["benchmark"], document["tracker"]) == ("harbor9", "mine")
    assert document["scores"]["success_auc"] == pytest.approx(20 / 21)
    assert "SC" in document["attributes"]
