"""Submissions made in tests: right ones, which a test then damages in one place."""

from collections.abc import Mapping

import numpy as np

from evalkit.sequences import Trajectory
from evalkit.submission.checking import FORMATS, SubmissionReport, check_content
from evalkit.submission.content import content_of_bytes
from evalkit.submission.expected import Expected
from evalkit.submission.findings import Severity
from helpers.files import zipped

NAMES = {
    "got10k": ("GOT-10k_Test_000001", "GOT-10k_Test_000002", "GOT-10k_Test_000003"),
    "trackingnet": ("-Dz7OIf54b0_0", "0HBDWix1LAk_0", "0HBDWix1LAk_1"),
    "depthtrack": ("adapter01_indoor", "bag01_indoor", "cat01_indoor"),
}
FRAMES = 6
LAYOUT = {"got10k": "flat", "trackingnet": "flat", "depthtrack": "tracker-folder"}


def trajectory(seed: int, frames: int = FRAMES, *, first: np.ndarray | None = None) -> Trajectory:
    generator = np.random.default_rng(seed)
    boxes = np.column_stack([generator.uniform(50, 400, (frames, 2)), generator.uniform(5, 60, (frames, 2))])
    boxes[0] = np.round(boxes[0]) if first is None else first
    return Trajectory(
        boxes, np.append(np.nan, generator.uniform(size=frames - 1)), generator.uniform(0.001, 0.1, frames)
    )


def trajectories(benchmark: str, repetitions: int = 1) -> dict[str, list[Trajectory]]:
    """The first boxes of repetitions agree."""
    actual = {}
    for number, name in enumerate(NAMES[benchmark]):
        first = trajectory(number).boxes[0]
        actual[name] = [trajectory(number + 100 * repeat, first=first) for repeat in range(repetitions)]
    return actual


def expected(benchmark: str) -> Expected:
    tracks = trajectories(benchmark)
    return Expected(
        NAMES[benchmark],
        dict.fromkeys(tracks, FRAMES),
        {name: track.boxes[0] for name, (track,) in tracks.items()},
        "the test",
        {"GOT-10k_Val_000001": "val"},
    )


def files(benchmark: str, repetitions: int = 1, layout: str | None = None) -> dict[str, bytes]:
    """A right submission: name -> content."""
    form = FORMATS[benchmark]
    written = form.write(trajectories(benchmark, repetitions), "mine", layout or LAYOUT[benchmark])
    return {name: text.encode() for name, text in written}


def check(benchmark: str, content: Mapping[str, bytes] | bytes, *, name: str = "mine.zip") -> SubmissionReport:
    data = content if isinstance(content, bytes) else zipped(content)
    return check_content(content_of_bytes(data, name), FORMATS[benchmark], expected(benchmark))


def lines_of(content: Mapping[str, bytes], name: str) -> list[bytes]:
    return content[name].splitlines()


def found(report: SubmissionReport) -> list[tuple[str, str, str, tuple[int, ...]]]:
    """Severity, kind, file, lines of all findings."""
    return [(finding.severity.value, finding.kind.value, finding.file, finding.lines) for finding in report.findings]


def errors(report: SubmissionReport) -> list[tuple[str, str]]:
    return [(finding.kind.value, finding.file) for finding in report.findings if finding.severity is Severity.ERROR]
