"""What scoring commands need: ground truth, results from the store or from raw files, and the scores made of them."""

import collections.abc as cabc
import contextlib
import glob
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.errors import ScoringError, StoreError, listed
from evalkit.evaluation.parallel import fork_map
from evalkit.evaluation.truth import Truth, load_truth
from evalkit.results.reader import ImportedResults
from evalkit.scoring.conventions import FirstFrame, LongTermProtocol, Protocol
from evalkit.scoring.lookup import get_protocol, protocols_for
from evalkit.scoring.score import score
from evalkit.scoring.scores import Scores
from evalkit.sequences import Annotation, Trajectory

if TYPE_CHECKING:
    from evalkit.scoring.explain import Variants
    from evalkit.store.runs import ResultStore, Run

__all__ = [
    "ALL",
    "ROLES",
    "Candidate",
    "ScoreOptions",
    "Truth",
    "compute_scores",
    "from_files",
    "from_store",
    "limited",
    "load_truth",
    "protocols_of",
    "rules_for",
    "said_of",
    "score_files",
    "variants",
]

ROLES = ("papers", "official")
ALL = "all"
_WORTH_FORKING = 500_000  # frames times trackers; below, starting processes costs more than it saves


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One tracker's results on one benchmark.

    Attributes:
        tracker: Its name.
        run: Run id, "imported:..." or "files:...".
        trajectories: Sequence name -> repetitions.
        frame_limit: The run covers only the first frames of every sequence; None = all.
        unreadable: Texts about files that could not be read.
        notes: Facts for readers of the numbers.
        how_to_continue: The command that computes what is missing, empty if there is none.
        stored: Runs of the store that the results are; empty for raw files.
        own: The run was made by evalkit, so that row 0 is the box that was given, not one that was found.
    """

    tracker: str
    run: str
    trajectories: cabc.Mapping[str, list[Trajectory]]
    frame_limit: int | None = None
    unreadable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    how_to_continue: str = ""
    stored: "tuple[Run, ...]" = ()
    own: bool = False

    @property
    def unreadable_notes(self) -> tuple[str, ...]:
        """Texts about files that could not be read, as notes."""
        return tuple(f"unreadable: {text}" for text in self.unreadable)

    def frames_per_second(self) -> float | None:
        """Frames divided by the seconds spent on them, over all frames whose time is known."""
        seconds = [run.seconds for runs in self.trajectories.values() for run in runs]
        spent = np.concatenate(seconds) if seconds else np.zeros(0)
        spent = spent[np.isfinite(spent)]
        return float(len(spent) / spent.sum()) if spent.sum() > 0 else None


def from_files(
    truth: Truth, path: Path, *, trackers: cabc.Sequence[str] = (), format: str | None = None
) -> list[Candidate]:
    """Read raw result files, one candidate per tracker.

    Args:
        truth: The sequences.
        path: Folder or zip.
        trackers: Only these; empty = all. One name where there is one tracker only renames it.
        format: Layout of the files; None recognizes it.

    Raises:
        ResultFormatError: Nothing fits, or the layout is ambiguous.
    """
    from evalkit.results.reader import read_results

    boxes = {one.name: one.ground_truth[0] for one in truth.annotations}
    found = [
        one
        for tracker in (trackers or (None,))
        for one in read_results(
            path,
            names=truth.known,
            benchmark=truth.spec.name,
            tracker=tracker,
            format=format,
            initial_boxes=boxes,
        )
    ]
    return [_of_files(one, truth) for one in found]


def _of_files(found: ImportedResults, truth: Truth) -> Candidate:
    wanted = {one.name for one in truth.annotations}
    notes = list(found.notes)
    if found.foreign:
        notes.append(f"{len(found.foreign)} files of other sequences ignored: {listed(found.foreign)}")
    return Candidate(
        tracker=found.tracker,
        run=f"files:{found.digest()[:12]}",
        trajectories={name: runs for name, runs in found.sequences.items() if name in wanted},
        unreadable=found.unreadable,
        notes=tuple(notes),
    )


def from_store(
    truth: Truth,
    results: Path,
    *,
    trackers: cabc.Sequence[str] = (),
    run_ids: cabc.Sequence[str] = (),
) -> list[Candidate]:
    """Read runs of the store, one candidate per tracker; runs that differ only in ``--repeat`` are its repetitions.

    Args:
        truth: The sequences.
        results: Folder of the store.
        trackers: Only these, in this order; empty = all.
        run_ids: Run ids or their beginnings, where a tracker has several runs; a named tracker that none of them
            fits keeps all of its runs.

    Raises:
        StoreError: A tracker has no run, or several that are no repetitions of each other; lists them. A run id fits
            nothing.
    """
    from evalkit.store.runs import ResultStore

    store = ResultStore(results)
    runs = [
        run
        for tracker in trackers or (None,)  # named one by one: what another tracker's folder holds does not matter
        for run in store.find(benchmark=truth.spec.name, tracker=tracker)
        if run.identity.split == truth.split.name and truth.origin in {None, run.identity.data}
    ]
    if run_ids:
        runs = _chosen(truth, store, runs, trackers, run_ids)
    wanted = trackers or tuple(dict.fromkeys(run.identity.tracker for run in runs))
    if not wanted:
        raise StoreError(_no_run(truth, results, "no tracker"))
    return [_of_runs(truth, results, name, [run for run in runs if run.identity.tracker == name]) for name in wanted]


def _chosen(
    truth: Truth, store: "ResultStore", runs: "list[Run]", trackers: cabc.Sequence[str], run_ids: cabc.Sequence[str]
) -> "list[Run]":
    """Runs of the ids, and all runs of named trackers that no id speaks of.

    Raises:
        StoreError: An id fits none of the runs, and none of another benchmark of the same command either.
    """
    fitting = [run for run in runs if run.run_id.startswith(tuple(run_ids))]
    unused = [one for one in run_ids if not any(run.run_id.startswith(one) for run in fitting)]
    lost = unused if not fitting else [one for one in unused if not list(store.root.glob(f"*/*/{glob.escape(one)}*"))]
    if lost:
        who = f" of {', '.join(trackers)}" if trackers else ""
        found = ", ".join(f"{run.run_id} ({run.identity.tracker})" for run in runs) or "none"
        raise StoreError(
            f"--run {', '.join(lost)}: no such run{who} on {truth.spec.name} {truth.split.name} in {store.root}. "
            f"Runs: {found}."
        )
    spoken_of = {run.identity.tracker for run in fitting}
    return fitting + [run for run in runs if trackers and run.identity.tracker not in spoken_of]


def _no_run(truth: Truth, results: Path, who: str) -> str:
    name = f"{truth.spec.name} {truth.split.name}"
    data = " rendered with these settings" if truth.is_sample else ""
    return (
        f"{who} has a run on {name}{data} in {results}. Run `evalkit run-benchmark {truth.spec.name} --tracker T` "
        "first, or score raw files with --predictions PATH."
    )


def _of_runs(truth: Truth, results: Path, tracker: str, runs: "list[Run]") -> Candidate:
    from evalkit.store.runs import mixture

    if not runs:
        raise StoreError(_no_run(truth, results, f"no tracker {tracker!r}"))
    runs, passed_over = _on_same_list(truth, runs)
    if _distinct(runs) > 1:
        found = ", ".join(f"{run.run_id} ({len(run.names)} sequences, {run.status().value})" for run in runs)
        raise StoreError(f"{tracker} has several runs on {truth.spec.name}: {found}. Choose one with --run ID.")
    first = runs[0]
    wanted = {one.name for one in truth.annotations}
    trajectories: dict[str, list[Trajectory]] = {}
    records = [run.records() for run in runs]
    for run, finished in zip(runs, records, strict=True):
        for record in finished.values():
            if record.name in wanted:
                trajectories.setdefault(record.name, []).append(run.trajectory(record))
    notes = dict.fromkeys(note for run, finished in zip(runs, records, strict=True) for note in run.remarks(finished))
    if len(runs) > 1:
        known = {key: one for run in runs for key, one in run.environments().items()}
        notes |= dict.fromkeys(mixture(known, (record for finished in records for record in finished.values())))
    if passed_over:
        others = ", ".join(f"{run.run_id} ({len(run.names)} sequences)" for run in passed_over)
        notes[f"run {first.run_id} is taken, whose sequences are those of the data; there are also: {others}"] = None
    imported = first.identity.is_imported
    return Candidate(
        tracker=tracker,
        run=f"imported:{first.run_id}" if imported else "+".join(run.run_id for run in runs),
        trajectories=trajectories,
        frame_limit=first.identity.frame_limit,
        notes=tuple(notes),
        how_to_continue="" if imported else f"evalkit run-benchmark {truth.spec.name} --tracker {tracker}",
        stored=tuple(runs),
        own=not imported,
    )


def _distinct(runs: "cabc.Iterable[Run]") -> int:
    """Number of runs that are no repetitions of each other."""
    return len({replace(run.identity, repeat=0).run_id for run in runs})


def _on_same_list(truth: Truth, runs: "list[Run]") -> "tuple[list[Run], list[Run]]":
    """Of several runs those on the sequences asked for, or else on those of the copy; and the others."""
    scored = {one.name for one in truth.annotations}
    if _distinct(runs) > 1:
        for names in (scored | set(truth.left_out), scored, set(truth.known)):
            fitting = [run for run in runs if set(run.names) == names]
            if fitting:
                return fitting, [run for run in runs if run not in fitting]
    return runs, []


def protocols_of(spec: BenchmarkSpec, name: str) -> list[Protocol]:
    """The protocols that ``--protocol`` means for a benchmark: an id, a role, or all that fit.

    Raises:
        UnknownNameError: Neither a role nor an id.
    """
    if name == ALL:
        return protocols_for(spec.name, spec.protocols.values())
    return [get_protocol(spec.protocols[name] if name in ROLES else name, spec.name)]


def compute_scores(
    truth: Truth,
    candidates: cabc.Sequence[Candidate],
    protocol: str = "papers",
    *,
    allow_missing: bool = False,
    attributes: bool = False,
    interval: float | None = None,
    seed: int = 0,
) -> list[Scores]:
    """Score every candidate under a protocol, a role, or all protocols that fit the benchmark.

    Raises:
        ScoringError: Something is missing or wrong; every problem of every candidate is listed.
        UnknownNameError: Unknown protocol.
    """
    options = ScoreOptions(protocol, allow_missing, attributes, interval, seed)
    return _united([_scores_of(truth, candidate, options) for candidate in candidates])


def score_files(
    truth: Truth,
    path: Path,
    options: "ScoreOptions",
    *,
    trackers: cabc.Sequence[str] = (),
    format: str | None = None,
) -> list[Scores]:
    """Read and score raw result files, several trackers on several cores.

    Args:
        truth: The sequences.
        path: Folder or zip.
        options: How to score.
        trackers: As for :func:`from_files`.
        format: As for :func:`from_files`.

    Raises:
        ResultFormatError: As :func:`from_files`.
        ScoringError: As :func:`compute_scores`.
    """
    from evalkit.results.reader import trackers_in

    frames = sum(one.frame_count for one in truth.annotations)
    names = trackers or (trackers_in(path, names=truth.known, benchmark=truth.spec.name) if format is None else ())
    if len(names) < 2 or len(names) * frames < _WORTH_FORKING:
        return _united(
            [_scores_of(truth, one, options) for one in from_files(truth, path, trackers=trackers, format=format)]
        )

    def of_tracker(name: str) -> tuple[list[Scores], list[str]]:
        done = [_scores_of(truth, one, options) for one in from_files(truth, path, trackers=(name,), format=format)]
        return [score for scores, _ in done for score in scores], [text for _, texts in done for text in texts]

    return _united(fork_map(of_tracker, names))


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """How results are scored; see :func:`compute_scores`."""

    protocol: str = "papers"
    allow_missing: bool = False
    attributes: bool = False
    interval: float | None = None
    seed: int = 0


def _scores_of(truth: Truth, candidate: Candidate, options: ScoreOptions) -> tuple[list[Scores], list[str]]:
    """Scores of one candidate under every protocol asked for, and what went wrong.

    Of all protocols those that refuse the results are told in a note of the first score.
    """
    scores: list[Scores] = []
    problems: dict[str, tuple[str, ...]] = {}
    for rules in protocols_of(truth.spec, options.protocol):
        try:
            scores.append(_score(truth, candidate, rules, options))
        except ScoringError as problem:
            problems[rules.id] = problem.lines
    if options.protocol != ALL or not scores:
        return scores, [line for lines in problems.values() for line in lines]
    refusals = [f"not scored under {name}: {' '.join(' '.join(lines).split())}" for name, lines in problems.items()]
    scores[0] = replace(scores[0], notes=(*scores[0].notes, *refusals))
    return scores, []


def _united(done: cabc.Iterable[tuple[list[Scores], list[str]]]) -> list[Scores]:
    """All scores, or one error with all problems."""
    scores: list[Scores] = []
    problems: list[str] = []
    for found, texts in done:
        scores += found
        problems += texts
    if problems:
        raise ScoringError(*dict.fromkeys(problems))
    return scores


def rules_for(candidate: Candidate, rules: Protocol) -> Protocol:
    """A protocol for a candidate: frame 0 of an own run counts as the VOT toolkit would have written it."""
    if candidate.own and isinstance(rules, LongTermProtocol):
        return replace(rules, first_frame=FirstFrame.INITIALIZATION)
    return rules


def variants(truth: Truth, candidate: Candidate, protocol: str, *, allow_missing: bool = False) -> "Variants":
    """A candidate's boxes under the rules that may explain a published number; nothing is scored yet."""
    from evalkit.scoring.explain import Variants

    (reference,) = protocols_of(truth.spec, protocol)
    return Variants(
        limited(truth, candidate)[0],
        candidate.trajectories,
        rules_for(candidate, reference),
        [rules_for(candidate, one) for one in protocols_of(truth.spec, ALL)],
        allow_missing=allow_missing,
    )


def _score(truth: Truth, candidate: Candidate, rules: Protocol, options: ScoreOptions) -> Scores:
    annotations, notes = limited(truth, candidate)
    with said_of(truth, candidate, allow_missing=options.allow_missing):
        found = score(
            annotations,
            candidate.trajectories,
            rules_for(candidate, rules),
            benchmark=truth.spec.name,
            split=truth.split.name,
            tracker=candidate.tracker,
            run=candidate.run,
            allow_missing=options.allow_missing,
            attributes=options.attributes,
            interval=options.interval,
            seed=options.seed,
            notes=(*truth.notes, *notes, *candidate.unreadable_notes),
            sample=truth.is_sample,
        )
    missing = {*found.missing, *truth.left_out}
    return replace(found, missing=tuple(name for name in truth.known if name in missing))


@contextlib.contextmanager
def said_of(truth: Truth, candidate: Candidate, *, allow_missing: bool) -> cabc.Iterator[None]:
    """Errors of scoring say whose results they are, why files could not be read, and how to go on."""
    try:
        yield
    except ScoringError as problem:
        first, *more = problem.lines
        text = f"{candidate.tracker} on {truth.spec.title} {truth.split.name}: {first}"
        lines = [text, *more, *(f"  {line}" for line in (*candidate.unreadable_notes, *candidate.notes))]
        if candidate.how_to_continue and not allow_missing:
            lines.append(f"What is missing is computed by `{candidate.how_to_continue}`.")
        raise ScoringError(*lines) from problem


def limited(truth: Truth, candidate: Candidate) -> tuple[tuple[Annotation, ...], tuple[str, ...]]:
    """Annotations for a candidate, cut to the first frames where its run was limited to them, and its notes."""
    limit = candidate.frame_limit
    if limit is None:
        return truth.annotations, candidate.notes
    return tuple(_cut(one, limit) for one in truth.annotations), (
        *candidate.notes,
        f"scored on the first {limit} frames of every sequence",
    )


def _cut(annotation: Annotation, limit: int) -> Annotation:
    rows = -(-limit // annotation.stride)
    visible, second = annotation.visible_eighths, annotation.ground_truth_aux
    return replace(
        annotation,
        ground_truth=annotation.ground_truth[:rows],
        absent=annotation.absent[:rows],
        frame_count=min(annotation.frame_count, limit),
        visible_eighths=None if visible is None else visible[:rows],
        ground_truth_aux=None if second is None else second[:rows],
    )
