"""Ground truth for scoring commands: of a copy of the benchmark, an annotations-only copy, or the sample."""

import collections.abc as cabc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit.benchmarks import CUSTOM, get_benchmark, get_split
from evalkit.benchmarks.names import MissingSequenceError
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Split
from evalkit.errors import DatasetLayoutError, EvalkitError, ScoringError, counted, listed, unknown_name
from evalkit.evaluation.request import Request
from evalkit.evaluation.roots import data_origin, find_root
from evalkit.provenance import Origin
from evalkit.sample import sample_origin
from evalkit.sequences import Annotation

_READERS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Ground truth of one split of one benchmark.

    Attributes:
        spec: The benchmark.
        split: Its split.
        annotations: Sequences to be scored, in the benchmark's order.
        known: Names of all sequences of the split; more than ``annotations`` where a list was given.
        origin: Stored runs on other data are not taken. None = any.
        notes: Facts for readers of the numbers.
        left_out: Sequences that were asked for but cannot be read; only where that was allowed.
    """

    spec: BenchmarkSpec
    split: Split
    annotations: tuple[Annotation, ...]
    known: tuple[str, ...]
    origin: Origin | None
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Names of the sequences to be scored."""
        return frozenset(annotation.name for annotation in self.annotations)

    @property
    def is_sample(self) -> bool:
        """The data are the rendered sample."""
        return self.origin is not None and self.origin.is_sample

    @property
    def is_hidden(self) -> bool:
        """Of every sequence the first boxes alone are known: nothing can be scored."""
        return all(
            len(annotation.ground_truth) < annotation.frame_count and annotation.stride == 1
            for annotation in self.annotations
        )


def load_truth(request: Request) -> Truth:
    """Read the ground truth of a request's only benchmark.

    Raises:
        DatasetLayoutError: No copy, or one that is not complete; lists all sequences that it lacks.
        AnnotationError: An annotation has wrong content; lists all of them.
        ScoringError: Only the first box is known; says how to submit where a server has the others.
        UnknownNameError: Unknown benchmark, split or sequence.
    """
    spec = get_benchmark(request.benchmark, layout=request.layout)
    sequences = request.sequences
    if (path := request.annotations) is not None:
        truth = _from_copy(
            spec, request.split, path, sample_origin(path), sequences, allow_missing=request.allow_missing
        )
    else:
        part = get_split(spec, request.split)
        root = find_root(spec, request.data_root, without_images=True)
        if part.access is Access.FIRST_FRAME_ONLY:
            truth = _hidden_truth(spec, part, root, allowed=request.local_truth)
        else:
            truth = _from_root(spec, part, root, sequences, allow_missing=request.allow_missing)
    if truth.is_hidden:
        raise _first_frame_only(spec) if truth.split.access is Access.FULL else _server_only(spec, truth.split)
    return truth if sequences is None else _selected(truth, sequences)


def _from_copy(
    spec: BenchmarkSpec,
    split: str | None,
    path: Path,
    origin: Origin | None,
    sequences: cabc.Sequence[str] | None = None,
    *,
    allow_missing: bool = False,
) -> Truth:
    from evalkit.benchmarks.annotations import read_annotations
    from evalkit.benchmarks.copies import IncompleteCopyError

    lacking: list[str] = []
    try:
        name, annotations = read_annotations(spec, split, path)
    except DatasetLayoutError as problem:
        wanted = sequences
        if allow_missing and isinstance(problem, IncompleteCopyError):
            asked = problem.names if sequences is None else sequences
            lacking = [sequence for sequence in asked if sequence in set(problem.missing)]
            wanted = [sequence for sequence in asked if sequence not in set(lacking)]
        if not wanted:
            raise
        name, annotations = read_annotations(spec, split, path, names=wanted)  # a copy of these sequences alone
    known = (*(annotation.name for annotation in annotations), *lacking)
    notes = (_lacking_note(lacking),) if lacking else ()
    return Truth(spec, spec.splits[name], tuple(annotations), known, origin, notes, tuple(lacking))


def _from_root(
    spec: BenchmarkSpec, split: Split, root: Path, sequences: cabc.Sequence[str] | None, *, allow_missing: bool
) -> Truth:
    names = spec.list_sequences(root, split)
    if sequences is not None:
        _refuse_unknown(spec, sequences, names)
    wanted = names if sequences is None else [name for name in names if name in set(sequences)]

    def read(name: str) -> Annotation | EvalkitError:
        try:
            if spec.name == CUSTOM:  # only the images tell how many frames there are
                return spec.read_sequence(root, split, name).annotation
            return spec.read_annotation(root, split, name)
        except EvalkitError as problem:
            return problem

    with ThreadPoolExecutor(_READERS) as pool:
        done = dict(zip(wanted, pool.map(read, wanted), strict=True))
    annotations = tuple(result for result in done.values() if isinstance(result, Annotation))
    problems = {name: result for name, result in done.items() if isinstance(result, EvalkitError)}
    if problems and not (allow_missing and annotations):
        raise _incomplete(f"{spec.title} {split.name}", root, problems, len(wanted))
    origin = data_origin(spec, root)
    return Truth(spec, split, annotations, tuple(names), origin, _left_out_notes(problems), tuple(problems))


def _incomplete(title: str, root: Path, problems: cabc.Mapping[str, EvalkitError], count: int) -> EvalkitError:
    """One error about all sequences that cannot be read, of the kind of the first one."""
    first = next(iter(problems.values()))
    hint = ""
    if len(problems) < count:
        hint = (
            "\nComplete the copy, name the sequences to score with --sequences, or leave these out with "
            "`evalkit score --allow-missing` (the output says so)."
        )
    if len(problems) == 1:
        return type(first)(f"{first}{hint}")
    lacking, broken = _sorted_out(problems)
    lines = [f"{title}: {len(problems)} of {counted(count, 'sequence')} cannot be read from {root}."]
    lines += [f"  not there, {len(lacking)}: {', '.join(lacking)}"] if lacking else []
    lines += [f"  {name}: {problem}" for name, problem in broken.items()]
    return type(first)("\n".join(lines) + hint)


def _left_out_notes(problems: cabc.Mapping[str, EvalkitError]) -> tuple[str, ...]:
    lacking, broken = _sorted_out(problems)
    notes = [_lacking_note(lacking)] if lacking else []
    return (*notes, *(f"sequence {name} cannot be read and is left out: {text}" for name, text in broken.items()))


def _lacking_note(names: cabc.Collection[str]) -> str:
    return f"{counted(len(names), 'sequence')} that the data lack, left out: {listed(names)}"


def _sorted_out(problems: cabc.Mapping[str, EvalkitError]) -> tuple[list[str], dict[str, str]]:
    """Sequences that are not there, and why the others cannot be read."""
    lacking = [name for name, problem in problems.items() if isinstance(problem, MissingSequenceError)]
    return lacking, {name: str(problem) for name, problem in problems.items() if name not in lacking}


def _first_frame_only(spec: BenchmarkSpec) -> ScoringError:
    return ScoringError(
        f"{spec.title}: only the first frame of every sequence is annotated, so there is nothing to score. Write a box "
        "per frame into the annotation files. `evalkit render` draws what a tracker found without them."
    )


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
    _refuse_unknown(truth.spec, sequences, truth.known)
    chosen = set(sequences)
    kept = tuple(annotation for annotation in truth.annotations if annotation.name in chosen)
    note = f"scored on a list of {len(kept)} of {counted(len(truth.known), 'sequence')}"
    notes = truth.notes if len(kept) == len(truth.known) else (*truth.notes, note)
    return replace(truth, annotations=kept, notes=notes)


def _refuse_unknown(spec: BenchmarkSpec, asked: cabc.Iterable[str], known: cabc.Collection[str]) -> None:
    for name in asked:
        if name not in known:
            raise unknown_name(f"sequence of {spec.name}", name, known)
