"""Tables and reports of many trackers: 100 of them on eight benchmarks, against another commit's code in one run.

    python perf/report.py                         # random truth, 10 sequences of 200 frames per benchmark
    python perf/report.py --rendered              # the rendered sample, which has pictures too
    python perf/report.py --trackers 20 --rounds 1

Trackers are the truth with noise, stored as imported runs by each code itself (not measured). Limits are those of
processor time for 100 trackers on eight benchmarks.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from against import ROOT, VERSION_0_1, Compared, compare, spend, table

from evalkit.benchmarks import BENCHMARKS
from evalkit.boxes import Boxes
from evalkit.evaluation.request import Request
from evalkit.evaluation.truth import Truth, load_truth
from evalkit.provenance import OFFICIAL
from evalkit.results.importing import store_results
from evalkit.results.reader import ImportedResults
from evalkit.sequences import Annotation, Trajectory
from evalkit.store.runs import ResultStore

SECONDS, MEGABYTES = 15.0, 8.0
PUBLISHED = {"uav123": "siamfc", "lasot": "ostrack-256"}  # names of trackers that have published numbers

FLAGS = {"absent.txt": "0\n", "absent_label.txt": "1\n", "absence.label": "0\n", "cover.label": "8\n"}
FACTS = {"sequence": "width=640\nheight=480\n", "meta_info.ini": "resolution: (640, 480)\n"}


def write_truth(top: Path, sequences: int, frames: int) -> None:
    """Annotations-only copies with boxes that wander, and a report file that names them."""
    for number, (name, spec) in enumerate(BENCHMARKS.items()):
        rng = np.random.default_rng(number)
        names = [f"made-{place}" for place in range(1, sequences + 1)]
        codes = {entry: [code for code in spec.attributes if rng.random() < 0.4] for entry in names}
        _write(top / name / "attributes.json", json.dumps({"sequences": codes}))
        for entry in names:
            corners = 100 + np.abs(np.cumsum(rng.integers(-3, 4, (frames, 2)), axis=0))
            boxes = np.hstack([corners, rng.integers(20, 90, (frames, 2))])
            text = "".join(",".join(map(str, row)) + "\n" for row in boxes.tolist())
            assert spec.copies is not None
            files = spec.copies.files
            _write(top / name / (f"{entry}/{files[0]}" if files else f"anno/{entry}.txt"), text)
            for file, text in FLAGS.items():
                _write(top / name / entry / file, text * frames)
            for file, text in FACTS.items():
                _write(top / name / entry / file, text)
    sources = [f'[[source]]\nbenchmark = "{name}"\nannotations = "{name}"\n' for name in BENCHMARKS]
    _write(top / "report.toml", "\n".join(sources))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def fill(data: Path, results: Path, trackers: int) -> None:
    """Store runs of trackers on all benchmarks; syncing them is not what is measured."""
    os.fsync = id  # type: ignore[assignment]
    for name in BENCHMARKS:
        truth = truth_of(data, name)
        for number in range(trackers):
            tracker = PUBLISHED.get(name, "tracker-000") if number == 0 else f"tracker-{number:03}"
            rng = np.random.default_rng(number)
            measured = {entry.name: [_noisy(entry, rng, 1 + number / 8)] for entry in truth.annotations}
            store_results(
                ImportedResults(tracker, "plain", "made", measured, (), (), {}, {}, {}, (), (), tracker.__str__),
                ResultStore(results),
                benchmark=name,
                split=truth.split.name,
                data=truth.origin or OFFICIAL,
                names=truth.known,
            )


def truth_of(data: Path, benchmark: str) -> Truth:
    """Of the rendered sample, or of random copies."""
    if (data / "report.toml").is_file():
        return load_truth(Request(benchmarks=(benchmark,), annotations=data / benchmark))
    return load_truth(Request(benchmarks=(benchmark,), data_root=data, local_truth=True))


def _noisy(annotation: Annotation, rng: np.random.Generator, pixels: float) -> Trajectory:
    boxes: Boxes = np.nan_to_num(np.repeat(annotation.ground_truth, annotation.stride, axis=0))
    boxes = boxes[: annotation.frame_count] + rng.normal(0, pixels, (annotation.frame_count, 4)).round(3)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], 1)
    return Trajectory(boxes, rng.random(len(boxes)).round(4), rng.uniform(0.01, 0.02, len(boxes)).round(6))


def measure(data: Path, out: Path, trackers: int, rounds: int, commit: str) -> dict[str, Compared]:
    """Costs of tables and of the report under both codes."""
    results = ["--results", "{own}/results"]
    if (data / "report.toml").is_file():
        where = ["--from", str(data / "report.toml")]
        tables = {
            f"table {name}": ["make-table", "--benchmark", name, "--annotations", str(data / name)]
            for name in BENCHMARKS
        }
    else:
        where = ["--data-root", str(data), "--local-truth"]
        tables = {"table": ["make-table", "--benchmark", ",".join(BENCHMARKS), *where]}
    steps = {"fill": ["python", str(Path(__file__)), "--fill", str(data), "{own}/results", str(trackers)]}
    steps |= {name: ["evalkit", *words, *results, "--format", "csv"] for name, words in tables.items()}
    steps["report"] = ["evalkit", "make-report", *where, *results, "--output", str(out)]
    return compare(steps, rounds=rounds, commit=commit)


def main() -> int:
    """Measure, print, and return 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trackers", type=int, default=100)
    parser.add_argument("--sequences", type=int, default=10)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--rendered", action="store_true", help="take the rendered sample")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--commit", default=VERSION_0_1)
    parser.add_argument("--fill", nargs=3, metavar=("DATA", "RESULTS", "TRACKERS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fill:
        fill(Path(options.fill[0]), Path(options.fill[1]), int(options.fill[2]))
        return 0
    with tempfile.TemporaryDirectory(prefix="report-") as made:
        data, out = Path(made) / "data", Path(made) / "report.html"
        if options.rendered:
            spend(["evalkit", "make-sample", str(data)], ROOT)
        else:
            write_truth(data, options.sequences, options.frames)
        measured = measure(data, out, options.trackers, options.rounds, options.commit)
        size = out.stat().st_size / 1e6
    print(table(measured, options.commit))
    tables, report = (
        sum(entry.today.processor for name, entry in measured.items() if name.startswith(kind))
        for kind in ("table", "report")
    )
    missed = 0
    for name, value, unit, limit in (
        ("tables", tables, "s", SECONDS),
        ("report", report, "s", SECONDS),
        ("size", size, "MB", MEGABYTES),
    ):
        missed += value > limit
        print(f"{name:8} {value:6.2f} {unit:2}  limit {limit:4.0f}  {'MISSED' if value > limit else 'ok'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
