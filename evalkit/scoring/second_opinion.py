"""A live second opinion: the installed toolkit got10k evaluates the same boxes, and its numbers must be ours."""

import collections.abc as cabc
import contextlib
import io
import math
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.boxes import FloatArray
from evalkit.errors import ScoringError, listed
from evalkit.scoring.conventions import OpeProtocol
from evalkit.scoring.gather import ScoredTrack
from evalkit.scoring.lookup import get_protocol, protocols_for
from evalkit.scoring.score import Evaluation, evaluate_results
from evalkit.sequences import Annotation, Trajectories

TOOLKIT = "got10k"
AGREEING_PROTOCOL = "got10k-toolkit"
"""The protocol that must agree with the toolkit, with its variant for the benchmark."""
TOLERANCE = 1e-8
"""Of fractions: sums of the same terms in another order differ by less, a single frame of a benchmark by more."""

_GOT10K = "got10k"
_OVERALL = {  # metric key -> what the toolkit calls it, for GOT-10k and for all other benchmarks
    True: {"average_overlap": "ao", "success_rate_50": "sr"},
    False: {"success_auc": "success_score", "precision_20": "precision_score", "success_rate_50": "success_rate"},
}


@dataclass(frozen=True, slots=True, eq=False)
class SecondOpinion:
    """One tracker's boxes on one benchmark, evaluated by both programs.

    Attributes:
        tracker: Its name.
        benchmark: Benchmark name.
        run: Run id, or "files:..." for raw result files.
        toolkit: The other program with its version.
        protocol: Protocol of ours that must agree, with its version.
        theirs: Metric key -> fraction, by the toolkit.
        ours: The same metrics by evalkit under ``protocol``.
        sequences: Sequence name -> largest difference of a metric, theirs minus ours, of those that differ.
    """

    tracker: str
    benchmark: str
    run: str
    toolkit: str
    protocol: str
    theirs: cabc.Mapping[str, float]
    ours: cabc.Mapping[str, float]
    sequences: cabc.Mapping[str, float]

    @property
    def differences(self) -> dict[str, float]:
        """Metric key -> theirs minus ours, fractions; NaN where one of both has no number."""
        return {key: self.theirs[key] - value for key, value in self.ours.items()}

    @property
    def agrees(self) -> bool:
        """No number differs by more than :data:`TOLERANCE`, and both lack the same ones."""
        return not any(_differ(self.theirs[key], value) for key, value in self.ours.items())

    def explanation(self) -> list[str]:
        """Lines that say what does not agree and what that means; empty where all agrees."""
        if self.agrees:
            return []
        apart = [
            f"{key}: {self.toolkit} {100 * self.theirs[key]:.4f}, {self.protocol} {100 * value:.4f}"
            for key, value in self.ours.items()
            if _differ(self.theirs[key], value)
        ]
        ordered = sorted(self.sequences.items(), key=lambda item: -abs(np.nan_to_num(item[1], nan=np.inf)))
        where = listed(f"{name} ({100 * value:+.4f})" for name, value in ordered) or "none, only the mean over them"
        if any(math.isnan(self.theirs[key]) for key in self.ours):
            why = f"{TOOLKIT} takes the mean with rows without a box and sequences without a target, which gives nan;"
            why += " evalkit counts such rows as missed and leaves such sequences out."
        else:
            revision = get_protocol(AGREEING_PROTOCOL).source.revision
            why = f"Evalkit follows {revision}. Another release may have other rules; if yours is that one, one of"
            why += " both programs is wrong: please report it."
        head = (
            f"{self.tracker} on {self.benchmark}: {self.toolkit} and evalkit's {self.protocol} must agree on the same"
        )
        return [
            f"{head} boxes, but do not ({'; '.join(apart)}).",
            f"  Sequences that differ, in points: {where}.",
            f"  {why}",
        ]


def second_opinion(
    annotations: cabc.Sequence[Annotation],
    trajectories: Trajectories,
    *,
    benchmark: str,
    tracker: str,
    run: str = "",
    allow_missing: bool = False,
) -> SecondOpinion:
    """Have the installed toolkit evaluate what :data:`AGREEING_PROTOCOL` scores, and put both side by side.

    The toolkit gets the boxes as evalkit pairs them with the annotation: cut to its rows, every k-th where the
    annotation has a stride, sequences without a result left out where that is allowed. Its files are in a temporary
    folder, its printing is dropped, its figures are not drawn.

    Args:
        annotations: The benchmark's sequences in its order.
        trajectories: Sequence name -> repetitions; more than one for GOT-10k only.
        benchmark: Benchmark name.
        tracker: Tracker name.
        run: Run id.
        allow_missing: As for :func:`evalkit.scoring.score.score`.

    Raises:
        ScoringError: The toolkit is not installed or fails, has no rules for the benchmark, or takes one run per
            sequence; or as for :func:`evalkit.scoring.score.score`.

    Source: PyPI got10k 0.1.3, ``report`` of ExperimentGOT10k and, for all other benchmarks, of ExperimentUAV123: that
        of ExperimentOTB, which knows rows of NaN. The toolkit has a reader for LaSOT, but no experiment of its own.
    """
    if AGREEING_PROTOCOL not in {rules.id for rules in protocols_for(benchmark)}:
        known = ", ".join(sorted(get_protocol(AGREEING_PROTOCOL).benchmarks))
        raise ScoringError(f"{TOOLKIT} cannot evaluate {benchmark}; it can evaluate {known}.")
    import importlib.metadata

    experiments = _experiments()
    rules = get_protocol(AGREEING_PROTOCOL, benchmark)
    assert isinstance(rules, OpeProtocol)
    ours = evaluate_results(annotations, trajectories, rules, allow_missing=allow_missing)
    whole, parts = _report(experiments, ours, benchmark)
    names = _OVERALL[benchmark == _GOT10K]
    theirs = {key: float(whole[name]) for key, name in names.items()}
    single = {key: np.array([float(part[name]) for part in parts]) for key, name in names.items()}
    if benchmark == _GOT10K:  # per sequence the toolkit has no such number
        theirs["success_rate_75"] = float(whole["succ_curve"][75])
    return SecondOpinion(
        tracker=tracker,
        benchmark=benchmark,
        run=run,
        toolkit=f"{TOOLKIT} {importlib.metadata.version(TOOLKIT)}",
        protocol=f"{rules.id}/{rules.version}",
        theirs=theirs,
        ours={key: value for key, value in ours.summary().items() if key in theirs},
        sequences=_apart(ours, single),
    )


def _differ(theirs: float, ours: float) -> bool:
    return not (abs(theirs - ours) <= TOLERANCE or (math.isnan(theirs) and math.isnan(ours)))


def _apart(ours: Evaluation, single: cabc.Mapping[str, FloatArray]) -> dict[str, float]:
    """Sequence name -> the difference that is largest, of sequences in which some metric differs."""
    apart: dict[str, float] = {}
    for row, name in enumerate(ours.names):
        pairs = [(values[row], ours.numbers.metrics[key].values[row]) for key, values in single.items()]
        differing = [theirs - mine for theirs, mine in pairs if _differ(theirs, mine)]
        if differing:
            apart[name] = float(max(differing, key=lambda value: abs(np.nan_to_num(value, nan=np.inf))))
    return apart


def _experiments() -> Any:
    """The toolkit's module of experiments, which imports pyplot, but opens no figure here."""
    try:
        with warnings.catch_warnings():  # those of its own code are not ours to mend
            warnings.simplefilter("ignore")
            import got10k.experiments
    except ImportError as problem:
        raise ScoringError(
            f"the second opinion of {TOOLKIT} needs that package, which cannot be imported ({problem}). "
            "Install it: pip install 'evalkit[got10k]'"
        ) from problem
    return got10k.experiments


class _Dataset:
    """Sequences in the toolkit's form, numbered: a stranger's sequence name never becomes a path.

    The toolkit's own readers want images, whole benchmarks and more than three entries in a folder; that for LaSOT
    cannot be constructed at all.
    """

    def __init__(self, annotations: cabc.Sequence[Annotation], rows: cabc.Sequence[int]) -> None:
        self.seq_names = [f"s{number:06}" for number in range(len(annotations))]
        self.return_meta = False
        self._annotations = annotations
        self._rows = rows

    def __len__(self) -> int:
        return len(self.seq_names)

    def __getitem__(self, key: int | str) -> tuple[Any, ...]:
        number = self.seq_names.index(key) if isinstance(key, str) else key
        annotation, rows = self._annotations[number], self._rows[number]
        truth = annotation.ground_truth[:rows].copy()  # overlap with bounds writes into its arguments
        if not self.return_meta:
            return [], truth
        assert annotation.visible_eighths is not None
        return [], truth, {"resolution": str(annotation.frame_wh), "cover": annotation.visible_eighths[:rows]}


def _report(experiments: Any, ours: Evaluation, benchmark: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The toolkit's numbers over all sequences, and of each."""
    tracks = ours.gathered.tracks
    several = benchmark == _GOT10K
    if not several and len(tracks) > len(ours.names):
        raise ScoringError(f"{TOOLKIT} evaluates one run per sequence on {benchmark}; name one with --run ID.")
    rows = {track.sequence: track.rows for track in tracks}
    dataset = _Dataset(ours.gathered.annotations, [rows[number] for number in range(len(ours.names))])
    with tempfile.TemporaryDirectory(prefix="evalkit-") as folder:
        _write(Path(folder, "ours"), dataset.seq_names, tracks, several=several)
        # without the constructor, which reads a benchmark from disk, and without figures
        kind = experiments.ExperimentGOT10k if several else experiments.ExperimentUAV123
        experiment: Any = object.__new__(type(kind.__name__, (kind,), {"plot_curves": lambda *_: None}))
        bins = {"nbins_iou": 101 if several else 21, "nbins_ce": 51}
        vars(experiment).update(dataset=dataset, result_dir=folder, report_dir=folder, subset="val", **bins)
        report = _called(experiment)
    return report["overall"], [report["seq_wise"][name] for name in dataset.seq_names]


def _write(folder: Path, names: cabc.Sequence[str], tracks: cabc.Iterable[ScoredTrack], *, several: bool) -> None:
    """Write boxes as the toolkit reads them: exactly, not with the three decimals that it writes itself."""
    numbers: dict[int, int] = {}
    for track in tracks:
        numbers[track.sequence] = number = numbers.get(track.sequence, 0) + 1
        name = names[track.sequence]
        place = folder / name if several else folder
        place.mkdir(parents=True, exist_ok=True)
        lines = [",".join(map(repr, row)) for row in track.boxes.tolist()]
        (place / (f"{name}_{number:03}.txt" if several else f"{name}.txt")).write_text("\n".join(lines))
        if several:  # without times the toolkit stops at a name that it has not set
            (place / f"{name}_time.txt").write_text("1\n")


def _called(experiment: Any) -> dict[str, Any]:
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            return dict(experiment.report(["ours"])["ours"])
        except Exception as problem:
            what = f"{type(problem).__name__}: {problem}"
            raise ScoringError(f"{TOOLKIT} cannot evaluate these results ({what}).") from problem
