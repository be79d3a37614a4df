"""Somebody's raw results as a reviewer sees them: whose and on what they are, whether the published numbers hold."""

import collections.abc as cabc
import contextlib
import difflib
import textwrap
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from evalkit.archive import open_tree
from evalkit.benchmarks import BENCHMARKS, EXTRA_BENCHMARKS, get_benchmark, get_split
from evalkit.benchmarks.names import official_rows
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Split
from evalkit.errors import (
    DatasetLayoutError,
    EvalkitError,
    OptionError,
    ResultFormatError,
    ScoringError,
    counted,
    listed,
    unknown_name,
)
from evalkit.evaluation.candidates import Candidate, of_files
from evalkit.evaluation.explained import metric_key
from evalkit.evaluation.papers import why_not_comparable
from evalkit.evaluation.request import Request
from evalkit.evaluation.scored import ALL, compute_scores, protocols_of, single_protocol, variants
from evalkit.evaluation.truth import Truth, load_truth
from evalkit.published import Printed, Published, Unit, find_published, load_published
from evalkit.report.headline import headline, leading
from evalkit.report.html.audited import Audited
from evalkit.report.metrics import get_metric
from evalkit.report.tables.comparison import Judged, difference_text, is_named, judge_scores
from evalkit.results.reader import Held, ImportedResults, RawResults, digest_of, open_results, results_held
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.oddities import Print, Remark, find_copies, find_oddities, give_back_half, is_whole, prints
from evalkit.scoring.scores import Scores
from evalkit.scoring.verdicts import Explain, ExplainedNumber, Judgment, Verdict, judge
from evalkit.sequences import Trajectory

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_INNER = 64  # archives in an archive or a folder that are looked into
_ROWS = 100_000
_NAMED = 3  # sequences in a verdict; the evidence has more
_LONGEST = 160  # letters of a reason
_ESTIMATE = 0.001  # half a pixel given back met the scores of the boxes before they were cut off to a tenth of a point
_CUT_OFF = "boxes cut off to integers (an estimate: half a pixel given back)"
_ORDER = (Verdict.AGREES, Verdict.EXPLAINED, Verdict.DIFFERS, Verdict.NOT_COMPARABLE, Verdict.NOTHING_PUBLISHED)
"""From what holds to what nobody can say."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What the results are to be compared with, besides the packaged numbers.

    Attributes:
        published: A value as printed; None compares with the packaged numbers of the tracker.
        metric: Of the value: key or printed label; None = what ranks.
        paper: Of the packaged numbers only those whose source has this text.
    """

    published: str | None = None
    metric: str | None = None
    paper: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Audit:
    """What was judged: SHA-256 of the file, or over names and contents of a folder; one entry for each result."""

    sha256: str
    results: tuple[Audited, ...]


@dataclass(slots=True)
class _Checked:
    """One tracker's results on one benchmark, before they are compared with others'."""

    audited: Audited
    prints: list[Print] = field(default_factory=list)


def audit(request: Request, path: Path, claim: Claim) -> Audit:
    """Judge raw results of other programs.

    Args:
        request: Trackers, benchmarks, ground truth, rules; its predictions are passed over.
        path: Folder, archive, or a path into one. Archives in it are looked into where it holds nothing else.
        claim: What is to hold.

    Raises:
        ResultFormatError: Nothing is recognized; says what was found.
        UnknownNameError: The results have no such tracker.
        OptionError: A single published value, but several results.
    """
    chosen = [(place, held) for place, held in _held(request, path) if held]
    parts = [(place, group) for place, held in chosen for group in _wanted(held, request)]
    if not parts:
        raise unknown_name(
            "tracker in the results", request.trackers[0], [result.tracker for _, held in chosen for result in held]
        )
    if claim.published is not None and len(parts) > 1:
        names = listed(f"{held.tracker} on {held.benchmark}" for _, held in parts)
        raise OptionError("--published", f"{path} holds several results: {names}. Choose with --tracker and BENCHMARK.")
    checked: list[_Checked] = []
    sets: dict[tuple[Path, str, str], list[Held]] = {}
    for place, held in parts:
        sets.setdefault((place, held.benchmark, _split(request, held).name), []).append(held)
    for (place, benchmark, split), group in sets.items():
        single = replace(request, benchmarks=(benchmark,), split=split, predictions=place, allow_missing=True)
        renamed = request.trackers[0] if len(request.trackers) == len(parts) == 1 else None
        checked += _Set.open(single, claim).check(group, renamed)
    return Audit(digest_of(path), tuple(_beside_each_other(checked)))


def _held(request: Request, path: Path) -> list[tuple[Path, list[Held]]]:
    """What a place holds; the archives in it where it holds archives only."""
    official = {name: _official_names(request, name) for name in request.benchmarks or (*BENCHMARKS, *EXTRA_BENCHMARKS)}
    held = results_held(path, official)
    if held:
        return [(path, held)]
    names = open_tree(path).names if path.is_dir() or path.name.lower().endswith(_ARCHIVES) else ()
    inner = [path / name for name in names if name.lower().endswith(_ARCHIVES)][:_INNER]
    looked_at = [(place, results_held(place, official)) for place in inner]
    if not any(held for _, held in looked_at):
        own = {name: _own_names(request, name) for name in official}
        looked_at = [
            (place, results_held(place, {name: own[name] for name in own if own[name]})) for place in (path, *inner)
        ]
    if not any(held for _, held in looked_at):
        raise _unrecognized(request, path, names, official)
    return looked_at


def _unrecognized(
    request: Request, path: Path, names: cabc.Sequence[str], official: cabc.Mapping[str, frozenset[str]]
) -> ResultFormatError:
    some = [f"{min(values)}.txt ({name})" for name, values in official.items() if values]
    elsewhere: list[tuple[Path, list[Held]]] = []
    if request.benchmarks:
        with contextlib.suppress(ResultFormatError):
            elsewhere = _held(replace(request, benchmarks=(), split=None), path)
    others = dict.fromkeys(held.benchmark for _, group in elsewhere for held in group)
    return ResultFormatError(
        f"{path}: cannot be checked, because no file is named after a sequence of "
        f"{' or '.join(request.benchmarks) or 'a known benchmark'}.",
        f"  {counted(len(names), 'file')}: {listed(names[:4]) or path.name}",
        f"  expected, for example: {listed(some)}",
        f"  They are named as those of {', '.join(others)}: name that, or no benchmark."
        if others
        else "  Sequences of other names: name the BENCHMARK, and give --annotations or --data-root.",
    )


def _official_names(request: Request, benchmark: str) -> frozenset[str]:
    spec = get_benchmark(benchmark, layout=request.layout)
    splits = [get_split(spec, request.split)] if request.split else spec.splits.values()
    return frozenset(name for split in splits for name in official_rows(split.names_file))


def _own_names(request: Request, benchmark: str) -> tuple[str, ...]:
    """Names of a copy whose sequences are not the official ones."""
    if request.annotations is None and request.data_root is None:
        return ()
    with contextlib.suppress(EvalkitError):
        return load_truth(replace(request, benchmarks=(benchmark,), allow_missing=True)).known
    return ()


def _wanted(held: cabc.Sequence[Held], request: Request) -> list[Held]:
    asked = request.trackers
    if not asked or (len(asked) == 1 and len({result.tracker for result in held}) == 1):
        return list(held)
    return [result for result in held if any(_is_called(result.tracker, name) for name in asked)]


def _is_called(label: str, name: str) -> bool:
    return is_named(label, [name]) or name.lower() in label.lower().split("/")


def _split(request: Request, held: Held) -> Split:
    """The split asked for, or the one that the sequences are of: most of them, and as little else as can be.

    Of sequences of an own copy, with other names, it is the one that papers report.
    """
    spec = get_benchmark(held.benchmark, layout=request.layout)
    usual = get_split(spec, request.split)
    if request.split is not None:
        return usual

    def fit(split: Split) -> tuple[int, float]:
        names = official_rows(split.names_file).keys()
        known = len(held.sequences & names)
        return known, -len(names) if known else split == usual

    return max(spec.splits.values(), key=fit)


@dataclass(frozen=True, slots=True)
class _Set:
    """Results on one split of one benchmark, with its truth or the reason why there is none."""

    request: Request
    claim: Claim
    spec: BenchmarkSpec
    split: Split
    truth: Truth | None
    reason: str

    @classmethod
    def open(cls, request: Request, claim: Claim) -> "_Set":
        spec = get_benchmark(request.benchmark, layout=request.layout)
        split = get_split(spec, request.split)
        try:
            return cls(request, claim, spec, split, load_truth(request), "")
        except EvalkitError as problem:
            return cls(request, claim, spec, split, None, _no_truth(request, spec, split, problem))

    @property
    def title(self) -> str:
        return f"{self.spec.title} {self.split.name}"

    def check(self, group: cabc.Sequence[Held], renamed: str | None) -> cabc.Iterator[_Checked]:
        """Read and judge one tracker after the other, so that no two lie in memory together."""
        assert self.request.predictions is not None
        names = self.truth.known if self.truth else tuple(official_rows(self.split.names_file))
        try:
            raw = open_results(
                self.request.predictions,
                names=names,
                benchmark=self.spec.name,
                layout=self.request.layout_of_results,
            )
        except ResultFormatError as problem:
            yield from (_Checked(self._unreadable(held.tracker, problem)) for held in group)
            return
        for held in group:
            name = renamed or held.tracker
            try:
                with np.errstate(all="ignore"):  # numbers of any size: they are told, not warned of
                    checked = self._checked(raw, self._read(raw, held, name))
                yield checked
            except EvalkitError as problem:
                yield _Checked(self._unreadable(name, problem))

    def _read(self, raw: RawResults, held: Held, name: str) -> ImportedResults:
        packaged = official_rows(self.split.names_file).items()
        counts = {sequence: int(row["frames"]) for sequence, row in packaged if row.get("frames")}
        annotations = self.truth.annotations if self.truth else ()
        counts |= {annotation.name: annotation.frame_count for annotation in annotations}
        first = {annotation.name: annotation.ground_truth[0] for annotation in annotations} or None
        if held.folders not in raw.labels:
            raise ResultFormatError(f"no file of {name} is of the split {self.split.name}.")
        return raw.read(held.folders, name, frame_counts=counts, initial_boxes=first)

    def _unreadable(self, name: str, problem: EvalkitError) -> Audited:
        reason = f"cannot be checked, because {_inside(problem.lines[0])}"
        return self._audited(name, Verdict.NOT_COMPARABLE, reason, problems=problem.lines[1:])

    def _audited(self, tracker: str, verdict: Verdict, text: str, **more: object) -> Audited:
        base = Audited(
            tracker=tracker,
            benchmark=self.spec.name,
            split=self.split.name,
            title=self.title,
            layout="",
            sequences=0,
            total=len(self.truth.known) if self.truth else self.split.sequence_count,
            frames=0,
            verdict=verdict,
            text=text.rstrip("."),
            protocol=single_protocol(self.spec, self.request.protocol).id,
            keys=self.spec.headline,
            scores={},
            judged={},
            problems=(),
            remarks=(),
            notes=self.truth.notes if self.truth else (),
        )
        return replace(base, **more)  # type: ignore[arg-type]  # fields of Audited

    def _checked(self, raw: RawResults, results: ImportedResults) -> _Checked:
        annotations = self.truth.annotations if self.truth else ()
        looked_at = {name: [_beginning(run) for run in runs] for name, runs in results.sequences.items()}
        facts = {
            "layout": results.layout,
            "sequences": len(results.sequences),
            "frames": sum(len(run) for runs in results.sequences.values() for run in runs),
            "problems": tuple(results.problems()),
            "remarks": tuple(find_oddities(looked_at, annotations)),
            "notes": (*(self.truth.notes if self.truth else ()), *results.remarks()),
        }
        marks = prints(looked_at)
        if self.truth is None:
            text = f"cannot be checked, because {self.reason}"
            return _Checked(self._audited(results.tracker, Verdict.NOT_COMPARABLE, text, **facts), marks)
        candidate = of_files(results, self.truth, f"files:{Path(raw.tree.where).name}")
        judged = _Judging(self, self.truth, candidate).judge()
        return _Checked(self._audited(results.tracker, **judged, **facts), marks)  # type: ignore[arg-type]


def _beginning(run: Trajectory) -> Trajectory:
    """A trajectory without the rows that no benchmark has frames for."""
    return Trajectory(run.boxes[:_ROWS], run.confidence[:_ROWS], run.seconds[:_ROWS])


def _no_truth(request: Request, spec: BenchmarkSpec, split: Split, problem: EvalkitError) -> str:
    if split.access is Access.FIRST_FRAME_ONLY and request.annotations is None:
        check = f"; `evalkit check-submission {spec.name} FILE` looks at the form" if spec.submission else ""
        return f"only the organizers' server has the ground truth of {spec.title} {split.name}{check}"
    if request.annotations is None and request.data_root is None and isinstance(problem, DatasetLayoutError):
        return f"no ground truth of {spec.title} {split.name} is at hand: give --annotations or --data-root"
    return _inside(problem.lines[0])


def _inside(line: str) -> str:
    """A line of an error inside a sentence."""
    return line.rstrip(". ")


@dataclass(frozen=True, slots=True)
class _Judging:
    """One tracker's scores beside what is published."""

    of: _Set
    truth: Truth
    candidate: Candidate

    def judge(self) -> dict[str, object]:
        """Verdict, text, scores and published numbers, as fields of :class:`Audited`."""
        request, spec = self.of.request, self.of.spec
        rules = single_protocol(spec, request.protocol)
        under = variants(self.truth, self.candidate, rules.id, allow_missing=True)
        others = [other for other in protocols_of(spec, ALL) if other.id != rules.id]
        by_protocol = {other.id: summary for other in others if (summary := under.summary(other))}
        try:
            (scores,) = compute_scores(replace(request, protocol=rules.id), self.truth, [self.candidate])
        except ScoringError as problem:
            first, *more = problem.lines
            first = first.removeprefix(f"{self.candidate.tracker} on {self.of.title}: ")
            reason = f"{rules.id} refuses the results: {more[0].strip()}" if first.endswith(":") and more else first
            text = f"cannot be checked, because {_inside(textwrap.shorten(reason, _LONGEST, placeholder=' and more'))}"
            return {"verdict": Verdict.NOT_COMPARABLE, "text": text, "scores": by_protocol}
        by_protocol = {rules.id: dict(scores.summary), **by_protocol}
        judged = self._judged(scores, self._explain(rules.id, under.explain))
        keys = tuple(dict.fromkeys((*headline([scores], spec), *judged)))
        verdict, text = self._verdict(scores, judged)
        return {
            "verdict": verdict,
            "text": text,
            "protocol": rules.id,
            "keys": keys,
            "scores": by_protocol,
            "judged": judged,
        }

    def _explain(self, protocol: str, explain: Explain) -> Explain:
        """Rules that explain a number, and before single rules the boxes before they were cut off to integers."""
        restored: dict[str, float] = {}

        def explained(key: str, published: Printed, attribute: str) -> ExplainedNumber | None:
            number = explain(key, published, attribute)
            if (number is not None and not number.rule) or not is_whole(self.candidate.trajectories):
                return number
            if not restored:
                back = replace(self.candidate, trajectories=give_back_half(self.candidate.trajectories))
                rules = get_protocol(protocol, self.of.spec.name)
                restored.update(variants(self.truth, back, protocol, allow_missing=True).summary(rules))
            value = restored.get(key, float("nan"))
            if abs(value - published.value) <= published.tolerance + _ESTIMATE:
                return ExplainedNumber(protocol, _CUT_OFF, key, value)
            return number

        return explained

    def _judged(self, scores: Scores, explain: Explain) -> dict[str, list[Judged]]:
        """Published numbers by metric, the one that decides first."""
        spec, claim = self.of.spec, self.of.claim
        reason = self._incomplete(scores)
        caution = why_not_comparable(self.truth, self.candidate, ())
        if claim.published is not None:
            key = metric_key(claim.metric, get_protocol(scores.protocol, spec.name), spec)
            given = _given(scores, key, claim.published)
            return {key: [_with_caution(_judged_given(scores, key, given, reason, explain), caution)]}
        values = [value for value in load_published() if claim.paper.lower() in value.provenance.lower()]
        values = find_published(values, benchmark=spec.name, split=self.truth.split.name)
        judged = judge_scores(scores, spec, values, reason or caution, explain)
        if claim.metric is not None:
            key = metric_key(claim.metric, get_protocol(scores.protocol, spec.name), spec)
            judged = {key: judged[key]} if key in judged else {}
        return {
            key: sorted(entries, key=lambda entry: _ORDER.index(entry.judgment.verdict))
            for key, entries in judged.items()
        }

    def _incomplete(self, scores: Scores) -> str:
        """Why the results are not all that was published."""
        missing, total = scores.missing, counted(len(self.truth.known), "sequence")
        have = "has" if len(missing) == 1 else "have"
        which = f" ({', '.join(missing)})" if len(missing) <= _NAMED else ""
        return f"{len(missing)} of {total} {have} no usable result{which}" if missing else ""

    def _verdict(self, scores: Scores, judged: cabc.Mapping[str, cabc.Sequence[Judged]]) -> tuple[Verdict, str]:
        if not judged:
            return Verdict.NOTHING_PUBLISHED, f"cannot be checked, because {self._unpublished(scores)}"
        deciding = {key: entries[0] for key, entries in judged.items()}
        worst = max((entry.judgment.verdict for entry in deciding.values()), key=_ORDER.index)
        if worst is Verdict.NOT_COMPARABLE:
            first = next(iter(deciding.values()))
            return worst, f"cannot be checked, because {_inside(first.judgment.detail)}"
        agreeing = [key for key, entry in deciding.items() if entry.judgment.verdict is Verdict.AGREES]
        numbers = [f"{get_metric(key, scores.benchmark).label} {deciding[key].published.printed}" for key in agreeing]
        texts = [f"reproduces the published {_and(numbers)} under {scores.protocol}"] if agreeing else []
        for key, entry in deciding.items():
            if key not in agreeing:
                label, published = get_metric(key, scores.benchmark).label, entry.published
                points = published.as_printed.points(float(scores.summary[key]))
                how = "unexplained" if entry.judgment.verdict is Verdict.DIFFERS else entry.judgment.text
                texts.append(f"differs by {points} from the published {label} {published.printed}, {how}")
        return worst, "; ".join(texts)

    def _unpublished(self, scores: Scores) -> str:
        if reason := self._incomplete(scores) or why_not_comparable(self.truth, self.candidate, ()):
            return reason
        spec, key = self.of.spec, leading([scores], self.of.spec)
        metric = get_metric(key, spec.name)
        values = find_published(load_published(), benchmark=spec.name, split=self.truth.split.name, metric=key)
        names = {(value.variant or value.tracker).lower(): value.variant or value.tracker for value in values}
        near = [names[name] for name in difflib.get_close_matches(self.candidate.tracker.lower(), names, cutoff=0.7)]
        called = f", published are {_and(near)}" if near else ""
        return (
            f"no published {metric.label} of that name is known here (--published VALUE gives one, --tracker NAME the "
            f"name in the paper{called}); measured {metric.label} {metric.detailed(scores.summary[key])}"
        )


def _given(scores: Scores, key: str, text: str) -> Published:
    """The value that the user wants to be compared."""
    printed = Printed.parse(text)
    return Published(
        tracker=scores.tracker,
        variant="",
        benchmark=scores.benchmark,
        split=scores.split,
        attribute="",
        metric=key,
        label=get_metric(key, scores.benchmark).label,
        value=printed.value,
        unit=Unit.FRACTION,
        printed=printed.text,
        printed_unit="%",
        training="",
        source="the value given",
        table="--published",
        doubt=None,
        note="",
    )


def _judged_given(scores: Scores, key: str, given: Published, reason: str, explain: Explain) -> Judged:
    measured = float(scores.summary[key])
    judgment = judge(key, given.as_printed, measured, scores.protocol, reason=reason, explain=explain)
    return Judged(given, judgment, difference_text(get_metric(key, scores.benchmark), measured - given.value))


def _with_caution(judged: Judged, caution: str) -> Judged:
    """On other data than the published ones a number can agree, but a difference says nothing."""
    if not caution or judged.judgment.verdict is not Verdict.DIFFERS:
        return judged
    return replace(judged, judgment=Judgment(Verdict.NOT_COMPARABLE, caution))


def _and(texts: cabc.Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _beside_each_other(checked: cabc.Sequence[_Checked]) -> list[Audited]:
    """Results with what only shows beside others': copies of another tracker's boxes."""
    groups: dict[tuple[str, str], list[_Checked]] = {}
    for entry in checked:
        groups.setdefault((entry.audited.benchmark, entry.audited.split), []).append(entry)
    copies: dict[tuple[str, str, str], list[Remark]] = {}
    for place, group in groups.items():
        by_tracker = find_copies({entry.audited.tracker: entry.prints for entry in group})
        copies |= {(*place, tracker): remarks for tracker, remarks in by_tracker.items()}
    audited = []
    for entry in checked:
        judged = entry.audited
        remarks = (*judged.remarks, *copies.get((judged.benchmark, judged.split, judged.tracker), ()))
        grave = [remark.text for remark in remarks if remark.is_grave]
        text = f"{judged.text}; beware: {'; '.join(grave)}" if grave else judged.text
        audited.append(replace(judged, remarks=remarks, text=text))
    return audited
