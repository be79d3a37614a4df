"""What scoring commands need: ground truth, results from the store or from raw files, and the scores made of them."""

import collections.abc as cabc
import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evalkit.benchmarks import CUSTOM, get_benchmark, get_split
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Split
from evalkit.commands.parallel import fork_map
from evalkit.commands.roots import find_root
from evalkit.errors import DatasetLayoutError, ScoringError, StoreError, unknown_name
from evalkit.sample import sample_origin
from evalkit.scoring.conventions import FirstFrame, LongTermProtocol, Protocol
from evalkit.scoring.lookup import get_protocol, protocols_for
from evalkit.scoring.score import score
from evalkit.scoring.scores import Scores
from evalkit.sequences import Annotation, Trajectory
from evalkit.store.imported import ImportedResults, listed

if TYPE_CHECKING:
    from evalkit.store.runs import Run

ROLES = ("papers", "official")
ALL = "all"
_READERS = 4
_WORTH_FORKING = 500_000  # frames times trackers; below, starting processes costs more than it saves


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Ground truth of one split of one benchmark.

    Attributes:
        spec: The benchmark.
        split: Its split.
        annotations: Sequences to be scored, in the benchmark's order.
        known: Names of all sequences of the split; more than ``annotations`` where a list was given.
        origin: "official", "sample:...", "custom:..."; stored runs on other data are not taken. None = any.
        notes: Facts for readers of the numbers.
    """

    spec: BenchmarkSpec
    split: Split
    annotations: tuple[Annotation, ...]
    known: tuple[str, ...]
    origin: str | None
    notes: tuple[str, ...] = ()

    @property
    def is_sample(self) -> bool:
        """The data are the rendered sample."""
        return (self.origin or "").startswith("sample:")


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
        own: The run was made by evalkit, so that row 0 is the box that was given, not one that was found.
    """

    tracker: str
    run: str
    trajectories: cabc.Mapping[str, list[Trajectory]]
    frame_limit: int | None = None
    unreadable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    how_to_continue: str = ""
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


def load_truth(
    benchmark: str,
    *,
    split: str | None = None,
    annotations: Path | None = None,
    data_root: Path | None = None,
    local_truth: bool = False,
    sequences: cabc.Sequence[str] | None = None,
    layout: Path | None = None,
) -> Truth:
    """Read the ground truth of a benchmark.

    Args:
        benchmark: Name.
        split: Split; None takes the default, or the one that ``annotations`` holds.
        annotations: Annotations-only copy, folder or zip.
        data_root: As ``--data-root``.
        local_truth: For splits that a server scores, take the truth that the sample brings.
        sequences: Only these.
        layout: Layout file for ``custom``.

    Raises:
        DatasetLayoutError: No copy, or one that is not complete.
        ScoringError: Only the first box is public; says how to submit.
        UnknownNameError: Unknown benchmark, split or sequence.
    """
    spec = get_benchmark(benchmark, layout=layout)
    if annotations is not None:
        truth = _from_copy(spec, split, annotations, sample_origin(annotations), sequences)
    else:
        part = get_split(spec, split)
        root = find_root(spec, data_root)
        if part.access is Access.FIRST_FRAME_ONLY:
            truth = _hidden_truth(spec, part, root, allowed=local_truth)
        else:
            truth = _from_root(spec, part, root, sequences)
    if all(len(one.ground_truth) < one.frame_count and one.stride == 1 for one in truth.annotations):
        raise _server_only(spec, truth.split)
    return truth if sequences is None else _selected(truth, sequences)


def _from_copy(
    spec: BenchmarkSpec,
    split: str | None,
    path: Path,
    origin: str | None,
    sequences: cabc.Sequence[str] | None = None,
) -> Truth:
    from evalkit.benchmarks.annotations import read_annotations

    try:
        name, found = read_annotations(spec, split, path)
    except DatasetLayoutError:
        if sequences is None:
            raise
        name, found = read_annotations(spec, split, path, names=sequences)  # a copy of these sequences alone
    return Truth(spec, spec.splits[name], tuple(found), tuple(one.name for one in found), origin)


def _from_root(spec: BenchmarkSpec, split: Split, root: Path, sequences: cabc.Sequence[str] | None) -> Truth:
    names = spec.list_sequences(root, split)
    wanted = names if sequences is None else [name for name in names if name in set(sequences)]

    def read(name: str) -> Annotation:
        if spec.name == CUSTOM:  # only the images tell how many frames there are
            return spec.read_sequence(root, split, name).annotation
        return spec.read_annotation(root, split, name)

    with ThreadPoolExecutor(_READERS) as pool:
        found = tuple(pool.map(read, wanted))
    origin = sample_origin(root) or (f"custom:{root.resolve().name}" if spec.name == CUSTOM else "official")
    return Truth(spec, split, found, tuple(names), origin)


def _hidden_truth(spec: BenchmarkSpec, split: Split, root: Path, *, allowed: bool) -> Truth:
    if not allowed:
        raise _server_only(spec, split)
    folder = root.parent / ".truth" / spec.title
    if not folder.is_dir():
        raise DatasetLayoutError(
            f"{spec.title} {split.name}: --local-truth takes the truth that the rendered sample brings, but there is "
            f"no folder {folder}. For an annotations-only copy of your own use --annotations PATH."
        )
    truth = _from_copy(spec, split.name, folder, sample_origin(root))
    return replace(truth, notes=(f"scored with the sample's own truth of {spec.title} {split.name}",))


def _server_only(spec: BenchmarkSpec, split: Split) -> ScoringError:
    others = [name for name, other in spec.splits.items() if other.access is Access.FULL]
    local = f" Splits with public annotation: {', '.join(others)} (--split)." if others else ""
    pack = f"evalkit package-submission {spec.submission}" if spec.submission else "evalkit export-results"
    return ScoringError(
        f"{spec.title} {split.name} cannot be scored here: only the first box of every sequence is public, and the "
        f"organizers' server scores the rest. Make the files that it expects with `{pack}` and submit them at "
        f"{spec.homepage}.{local} The rendered sample brings its own truth: --local-truth."
    )


def _selected(truth: Truth, sequences: cabc.Sequence[str]) -> Truth:
    for name in sequences:
        if name not in truth.known:
            raise unknown_name(f"sequence of {truth.spec.name}", name, truth.known)
    chosen = set(sequences)
    kept = tuple(one for one in truth.annotations if one.name in chosen)
    note = f"scored on a list of {len(kept)} of {len(truth.known)} sequences"
    notes = truth.notes if len(kept) == len(truth.known) else (*truth.notes, note)
    return replace(truth, annotations=kept, notes=notes)


def from_files(
    truth: Truth, path: Path, *, trackers: cabc.Sequence[str] = (), format: str | None = None
) -> list[Candidate]:
    """Read raw result files, one candidate per tracker.

    Args:
        truth: The sequences.
        path: Folder or zip.
        trackers: Only these; empty = all. One name where there is one tracker only renames it.
        format: Layout of the files; None recognises it.

    Raises:
        ResultFormatError: Nothing fits, or the layout is ambiguous.
    """
    from evalkit.store.formats import read_results

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
        run_ids: Run ids or their beginnings, where a tracker has several runs.

    Raises:
        StoreError: A tracker has no run, or several that are no repetitions of each other; lists them.
    """
    from evalkit.store.runs import ResultStore

    runs = [
        run
        for run in ResultStore(results).find(benchmark=truth.spec.name)
        if run.identity.split == truth.split.name and truth.origin in {None, run.identity.data}
    ]
    if run_ids:
        runs = [run for run in runs if run.run_id.startswith(tuple(run_ids))]
    wanted = trackers or tuple(dict.fromkeys(run.identity.tracker for run in runs))
    if not wanted:
        raise StoreError(_no_run(truth, results, "no tracker"))
    return [_of_runs(truth, results, name, [run for run in runs if run.identity.tracker == name]) for name in wanted]


def _no_run(truth: Truth, results: Path, who: str) -> str:
    name = f"{truth.spec.name} {truth.split.name}"
    data = " rendered with these settings" if truth.is_sample else ""
    return (
        f"{who} has a run on {name}{data} in {results}. Run `evalkit run-benchmark {truth.spec.name} --tracker T` "
        "first, or score raw files with --predictions PATH."
    )


def _of_runs(truth: Truth, results: Path, tracker: str, runs: "list[Run]") -> Candidate:
    if not runs:
        raise StoreError(_no_run(truth, results, f"no tracker {tracker!r}"))
    groups = {replace(run.identity, repeat=0).run_id for run in runs}
    if len(groups) > 1:
        found = ", ".join(f"{run.run_id} ({len(run.names)} sequences, {run.status().value})" for run in runs)
        raise StoreError(f"{tracker} has several runs on {truth.spec.name}: {found}. Choose one with --run ID.")
    first = runs[0]
    wanted = {one.name for one in truth.annotations}
    trajectories: dict[str, list[Trajectory]] = {}
    for run in runs:
        missing = set(run.missing())
        for name in run.names:
            if name in wanted and name not in missing:
                trajectories.setdefault(name, []).append(run.read(name))
    notes = dict.fromkeys(note for run in runs for note in run.notes)
    if any(len(run.environments()) > 1 for run in runs):
        notes["mixed: parts of the run were computed by different code or libraries"] = None
    imported = first.identity.source == "imported"
    return Candidate(
        tracker=tracker,
        run=f"imported:{first.run_id}" if imported else "+".join(run.run_id for run in runs),
        trajectories=trajectories,
        frame_limit=first.identity.frame_limit,
        notes=tuple(notes),
        how_to_continue="" if imported else f"evalkit run-benchmark {truth.spec.name} --tracker {tracker}",
        own=not imported,
    )


def protocols_of(spec: BenchmarkSpec, name: str) -> list[Protocol]:
    """The protocols that ``--protocol`` means for a benchmark: an id, a role, or all that fit.

    Raises:
        UnknownNameError: Neither a role nor an id.
    """
    if name == ALL:
        return protocols_for(spec.name)
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
    from evalkit.store.formats import trackers_in

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
    problems: dict[str, str] = {}
    for rules in protocols_of(truth.spec, options.protocol):
        try:
            scores.append(_score(truth, candidate, rules, options))
        except ScoringError as problem:
            problems[rules.id] = str(problem)
    if options.protocol != ALL or not scores:
        return scores, list(problems.values())
    refusals = [f"not scored under {name}: {' '.join(text.split())}" for name, text in problems.items()]
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
        raise ScoringError("\n".join(dict.fromkeys(problems)))
    return scores


def rules_for(candidate: Candidate, rules: Protocol) -> Protocol:
    """A protocol for a candidate: frame 0 of an own run counts as the VOT toolkit would have written it."""
    if candidate.own and isinstance(rules, LongTermProtocol):
        return replace(rules, first_frame=FirstFrame.INITIALIZATION)
    return rules


def _score(truth: Truth, candidate: Candidate, rules: Protocol, options: ScoreOptions) -> Scores:
    annotations, notes = limited(truth, candidate)
    with said_of(truth, candidate, allow_missing=options.allow_missing):
        return score(
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


@contextlib.contextmanager
def said_of(truth: Truth, candidate: Candidate, *, allow_missing: bool) -> cabc.Iterator[None]:
    """Errors of scoring say whose results they are, why files could not be read, and how to go on."""
    try:
        yield
    except ScoringError as problem:
        text = f"{candidate.tracker} on {truth.spec.title} {truth.split.name}: {problem}"
        lines = [text, *(f"  {line}" for line in (*candidate.unreadable_notes, *candidate.notes))]
        if candidate.how_to_continue and not allow_missing:
            lines.append(f"What is missing is computed by `{candidate.how_to_continue}`.")
        raise ScoringError("\n".join(lines)) from problem


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
