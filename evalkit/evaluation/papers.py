"""``make-table --paper``: which runs and files may stand beside a paper's numbers, and why the others may not."""

import collections.abc as cabc
from dataclasses import dataclass, field, replace

from evalkit.benchmarks import BENCHMARKS, EXTRA_BENCHMARKS, get_benchmark
from evalkit.benchmarks.names import official_rows
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Split
from evalkit.errors import AnnotationError, DatasetLayoutError, ResultFormatError, ScoringError, unknown_name
from evalkit.evaluation.candidates import Candidate, of_tracker, read_candidates, with_labels
from evalkit.evaluation.request import Request
from evalkit.evaluation.scored import compute_scores, variants
from evalkit.evaluation.truth import Truth, load_truth
from evalkit.provenance import is_dry_run
from evalkit.report.hashes import ground_truth_sha256, results_sha256
from evalkit.report.tables.comparison import ComparedTable, MeasuredScores, compare, is_named
from evalkit.report.tables.shapes import PaperCell, get_tables, paper_cells
from evalkit.store.runs import ResultStore, Run, RunStatus

# ground truths that look official in names and lengths and are not: numbers on them say nothing about published ones
_STAND_INS = {
    "9f6c10dbd5444588d81d6f63c0335e4de75797a837c14d6c43e0737dcb980824": (
        "the annotation is another one (a stand-in for DepthTrack's, made of trackers' boxes)"
    ),
}


def paper_tables(request: Request, paper: str, table: str | None) -> list[ComparedTable]:
    """Tables of a paper with everything measured that belongs into them.

    Args:
        request: Which runs or files, which ground truth.
        paper: "upvpt", "srft", "vipt".
        table: Its number; None makes all of the paper.

    Raises:
        UnknownNameError: No such paper, table, or tracker in them.
        ResultFormatError: The files asked for hold no results of the table's trackers.
    """
    shapes = get_tables(paper, table)
    cells = {id(shape): [cell for line in paper_cells(shape) for cell in line] for shape in shapes if not shape.is_text}
    names = [name for group in cells.values() for cell in group for name in cell.names]
    for tracker in request.trackers:
        if not is_named(tracker, names):
            raise unknown_name(f"tracker of {paper} table {table}" if table else f"tracker of {paper}", tracker, names)
    offers = {
        key: [_offer(request, name, group) for name, group in _by_benchmark(of).items()] for key, of in cells.items()
    }
    everything = [offer for group in offers.values() for offer in group]
    if request.predictions is not None and not any(offer.measured or offer.left_out for offer in everything):
        problems = dict.fromkeys(problem for offer in everything for problem in offer.problems)
        raise ResultFormatError(*(problems or [f"{request.predictions}: no tracker of the table has results."]))
    return [
        compare(
            shape,
            [measured for offer in offers.get(id(shape), []) for measured in offer.measured],
            [text for offer in offers.get(id(shape), []) for text in offer.left_out],
        )
        for shape in shapes
    ]


@dataclass(slots=True)
class _Offer:
    """What one benchmark contributes to a table."""

    measured: list[MeasuredScores] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def _by_benchmark(cells: cabc.Iterable[PaperCell]) -> dict[str, list[PaperCell]]:
    groups: dict[str, list[PaperCell]] = {}
    for cell in cells:
        if cell.benchmark in BENCHMARKS or cell.benchmark in EXTRA_BENCHMARKS:
            groups.setdefault(cell.benchmark, []).append(cell)
    return groups


def _offer(request: Request, benchmark: str, cells: list[PaperCell]) -> _Offer:
    spec = get_benchmark(benchmark)
    split = spec.splits[cells[0].split]
    if request.predictions is not None:
        return _from_files(request, spec, split, cells)
    return _from_store(request, spec, split, cells)


def _from_store(request: Request, spec: BenchmarkSpec, split: Split, cells: list[PaperCell]) -> _Offer:
    offer, store = _Offer(), ResultStore(request.results)
    fitting: dict[str, list[Run]] = {}
    for run in store.find(benchmark=spec.name):
        if not _is_asked(request, run, cells):
            continue
        dry = is_dry_run(run.identity.weights_sha256) and not request.with_random_weights
        reason = "its weights are random (--with-random-weights takes it)" if dry else _why_not(request, run, split)
        if reason:
            offer.left_out.append(f"{_name_of(run, spec)}: {reason}.")
        else:
            fitting.setdefault(run.identity.tracker, []).append(run)
    if not fitting:
        return offer
    try:
        truth = _truth(request, spec, split)
    except (DatasetLayoutError, AnnotationError, ScoringError) as problem:
        text = problem.lines[0]
        offer.left_out += [f"{_name_of(runs[0], spec)}: no ground truth ({text})" for runs in fitting.values()]
        return offer
    for runs in fitting.values():
        for candidate in with_labels(request, store, of_tracker(request, truth, runs)):
            try:
                offer.measured += _measure(request, truth, candidate, cells)
            except ScoringError as problem:
                offer.left_out.append(f"{_name_of(candidate.stored[0], spec)}: {problem}")
    return offer


def _from_files(request: Request, spec: BenchmarkSpec, split: Split, cells: list[PaperCell]) -> _Offer:
    offer = _Offer()
    try:
        truth = _truth(request, spec, split)
        _check_names(truth)
        candidates = read_candidates(request, truth, offer.left_out.append)
    except (DatasetLayoutError, AnnotationError, ScoringError, ResultFormatError) as problem:
        offer.problems.extend(problem.lines)
        return offer
    for candidate in candidates:
        if not any(is_named(candidate.plain_name, cell.names) for cell in cells):
            continue
        try:
            offer.measured += _measure(request, truth, candidate, cells)
        except ScoringError as problem:
            offer.left_out.append(f"{candidate.tracker} on {spec.title}: {problem.lines[0]}")
    return offer


def _check_names(truth: Truth) -> None:
    """Refuse the ground truth of another benchmark, which a table of several benchmarks also meets."""
    official = official_rows(truth.split.names_file)
    names = [annotation.name for annotation in truth.annotations]
    if official and not set(names) & set(official):
        raise AnnotationError(
            f"the ground truth is not {truth.spec.title} {truth.split.name}'s: "
            f"none of its {len(names)} sequences ({names[0]}, ...) is among the {len(official)} official ones."
        )


def _is_asked(request: Request, run: Run, cells: list[PaperCell]) -> bool:
    tracker = run.identity.tracker
    return (
        any(is_named(tracker, cell.names) for cell in cells)
        and (not request.trackers or is_named(tracker, request.trackers))
        and (not request.run_ids or run.run_id.startswith(request.run_ids))
    )


def _why_not(request: Request, run: Run, split: Split) -> str:
    """Why a run cannot stand in a cell; empty if it may."""
    official = official_rows(split.names_file)
    if run.identity.data.is_sample:
        return "not comparable because it ran on the rendered sample"
    if run.identity.split != split.name:
        return f"not comparable because of another sequence list (split {run.identity.split}, published {split.name})"
    if official and set(run.names) != set(official):
        return f"not comparable because of another sequence list ({len(run.names)} sequences, not {len(official)})"
    if split.access is Access.FIRST_FRAME_ONLY and request.annotations is None:
        return "not comparable here because only the organizers' server has the ground truth; submit the run"
    if run.status() is RunStatus.PARTIAL and not request.allow_missing:
        return f"not complete, {len(run.missing())} of {len(run.names)} sequences are missing"
    return ""


def _name_of(run: Run, spec: BenchmarkSpec) -> str:
    return f"{run.identity.tracker} on {spec.title}, run {run.run_id}"


def _truth(request: Request, spec: BenchmarkSpec, split: Split) -> Truth:
    truth = load_truth(replace(request, benchmarks=(spec.name,), split=split.name))
    if truth.is_sample:
        raise ScoringError("the data root holds the rendered sample, which has no published numbers")
    return truth


def _measure(request: Request, truth: Truth, candidate: Candidate, cells: list[PaperCell]) -> list[MeasuredScores]:
    """Scores of a candidate under every protocol that its cells' numbers were made with."""
    mine = [cell for cell in cells if is_named(candidate.plain_name, cell.names)]
    default = truth.spec.protocols["papers"]
    protocols = (
        list(dict.fromkeys(cell.protocols[0] if cell.protocols else default for cell in mine))
        if request.protocol == "papers"
        else [request.protocol]
    )
    truth_hash = ground_truth_sha256(truth.annotations)
    origin = {"predictions_sha256": results_sha256(candidate.trajectories), "ground_truth_sha256": truth_hash}
    return [
        MeasuredScores(
            score,
            why_not_comparable(truth, candidate, score.missing, truth_hash),
            origin,
            variants(truth, candidate, score.protocol, allow_missing=request.allow_missing).explain,
        )
        for protocol in protocols
        for score in compute_scores(
            replace(request, protocol=protocol, attributes=any(cell.attribute for cell in mine)), truth, [candidate]
        )
    ]


def why_not_comparable(
    truth: Truth, candidate: Candidate, missing: cabc.Sequence[str] | None = None, truth_hash: str = ""
) -> str:
    """Why results cannot be compared with published numbers; empty if they can.

    Args:
        truth: The ground truth.
        candidate: The results.
        missing: Sequences that were left out; None takes those without a result.
        truth_hash: Of the annotations, where known.
    """
    if truth.is_sample:
        return "the data are the rendered sample"
    if any(is_dry_run(run.identity.weights_sha256) for run in candidate.stored):
        return "random weights"
    if missing is None:
        missing = [annotation.name for annotation in truth.annotations if annotation.name not in candidate.trajectories]
    other = other_data(truth, candidate, truth_hash or ground_truth_sha256(truth.annotations))
    return other or incomplete(missing, len(truth.annotations))


def other_data(truth: Truth, candidate: Candidate, truth_hash: str) -> str:
    """Why results on this ground truth say nothing about published numbers; empty if they do."""
    if truth_hash in _STAND_INS:
        return _STAND_INS[truth_hash]
    if candidate.frame_limit is not None:
        return f"only the first {candidate.frame_limit} frames of every sequence"
    frames, official = sum(annotation.frame_count for annotation in truth.annotations), truth.split.frame_count
    if len(truth.annotations) != truth.split.sequence_count:
        return (
            f"the sequence list is another one ({len(truth.annotations)} sequences, not {truth.split.sequence_count})"
        )
    if official is not None and frames != official:
        return f"the annotation is another one ({frames} frames, the official one has {official})"
    return ""


def incomplete(missing: cabc.Sequence[str], total: int) -> str:
    """The same of sequences that were left out."""
    return f"scored without {len(missing)} of {total} sequences" if missing else ""
