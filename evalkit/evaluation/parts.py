"""From a source of results to a part of the report: scores, verdicts, the hardest sequences, provenance."""

import collections.abc as cabc
import hashlib
from dataclasses import replace
from pathlib import Path

from evalkit.benchmarks import get_benchmark
from evalkit.boxes import FloatArray
from evalkit.errors import EvalkitError
from evalkit.evaluation.candidates import Candidate, Say, read_candidates
from evalkit.evaluation.papers import why_not_comparable
from evalkit.evaluation.report_sources import ReportSource
from evalkit.evaluation.roots import find_root
from evalkit.evaluation.scored import compute_scores, single_protocol, variants
from evalkit.evaluation.truth import Truth, load_truth
from evalkit.hardware import NONE
from evalkit.published import Published, find_published, load_published
from evalkit.report.hashes import ground_truth_sha256, results_sha256
from evalkit.report.headline import labels, leading
from evalkit.report.html.part import Entry, Part, part_styles, ranked
from evalkit.report.palette import Style
from evalkit.report.pictures.hardest import (
    Hard,
    Thumbnail,
    draw_thumbnails,
    hardest,
    overlaps_of,
    strip,
    telling_frames,
)
from evalkit.report.tables.comparison import judge_scores
from evalkit.scoring.statistics import LEVEL
from evalkit.sequences import Annotation, Trajectory
from evalkit.store.runs import Run

DRAWN = 6  # trackers whose boxes are drawn on one picture; more cannot be told apart
Runs = cabc.Mapping[str, Trajectory]


def make_parts(sources: cabc.Iterable[ReportSource], *, worst: int, say: Say) -> list[Part]:
    """Score sources.

    Args:
        sources: What to score.
        worst: Number of hardest sequences.
        say: Takes messages for people.

    Raises:
        EvalkitError: As for `evalkit score`.
    """
    parts: list[Part] = []
    for source in sources:
        say(f"{source.request.benchmark}: scoring")
        parts.append(_part(source, parts, worst=worst, say=say))
    return parts


def _part(source: ReportSource, before: cabc.Sequence[Part], *, worst: int, say: Say) -> Part:
    """Score a source; trackers keep the colors that they have in the parts before."""
    truth = load_truth(source.request)
    rules = single_protocol(truth.spec, source.request.protocol)
    level = source.request.interval or LEVEL
    source = replace(source, request=replace(source.request, protocol=rules.id, attributes=True, interval=level))
    candidates = read_candidates(source.request, truth, say)
    truth_hash = ground_truth_sha256(truth.annotations)
    published = find_published(load_published(), benchmark=truth.spec.name, split=truth.split.name)
    files = _file_facts("Files", source.request.predictions) if source.request.predictions else {}
    entries, kept = [], {}
    for candidate in candidates:
        entry = _entry(source, truth, candidate, truth_hash=truth_hash, published=published, files=files)
        entries.append(entry)
        kept[id(entry.scores)] = candidate
    part = Part(
        spec=truth.spec,
        rules=rules,
        entries=ranked(entries, truth.spec),
        attributes={annotation.name: annotation.attributes for annotation in truth.annotations},
        facts=_truth_facts(source, truth, truth_hash),
        remark=source.remark,
        stand_in=source.stand_in,
    )
    runs = {
        name: {sequence: repetitions[0] for sequence, repetitions in kept[id(entry.scores)].trajectories.items()}
        for name, entry in zip(labels(part.scores), part.entries, strict=True)
    }
    hard, problem = _hard_sequences(source, truth, part, runs, part_styles([*before, part]), count=worst, say=say)
    return replace(part, hard=hard, no_pictures=problem)


def _entry(
    source: ReportSource,
    truth: Truth,
    candidate: Candidate,
    *,
    truth_hash: str,
    published: cabc.Sequence[Published],
    files: cabc.Mapping[str, str],
) -> Entry:
    (scores,) = compute_scores(source.request, truth, [candidate])
    reason = source.stand_in or why_not_comparable(truth, candidate, scores.missing, truth_hash)
    under = variants(truth, candidate, scores.protocol, allow_missing=source.request.allow_missing)
    judged = judge_scores(scores, truth.spec, published, reason, under.explain)
    facts = {
        "Run": scores.run,
        "Predictions, SHA-256": results_sha256(candidate.trajectories),
        **files,
        **{key: value for run in candidate.stored[:1] for key, value in _run_facts(run).items()},
    }
    return Entry(scores, facts, candidate.frames_per_second(), judged)


def _truth_facts(source: ReportSource, truth: Truth, truth_hash: str) -> dict[str, str]:
    protocols = truth.spec.protocols
    citation = truth.spec.citation
    return {
        "Benchmark": f"{citation.authors}: {citation.title}. {citation.venue} {citation.year}. {truth.spec.homepage}",
        "Data": truth.origin or "annotations-only copy",
        **(_file_facts("Annotations", source.request.annotations) if source.request.annotations else {}),
        "Ground truth, SHA-256": truth_hash,
        "Protocols": f"official: {protocols['official']}, papers: {protocols['papers']}",
    }


def _file_facts(label: str, path: Path) -> dict[str, str]:
    facts = {label: path.name}
    if path.is_file():
        facts[f"{label}, SHA-256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return facts


def _run_facts(run: Run) -> dict[str, str]:
    identity = run.identity
    facts = {"Source": identity.source, "Data": identity.data}
    if identity.archive_sha256:
        facts["Imported file, SHA-256"] = identity.archive_sha256
    if not identity.is_imported:
        facts["Weights, SHA-256"] = identity.weights_sha256 or "none"
        facts["Settings"] = ", ".join(f"{key} = {value}" for key, value in identity.config.items()) or "none"
        facts["Precision and seed"] = f"{identity.precision}, seed {identity.seed}"
    for number, environment in enumerate(run.environments().values(), 1):
        libraries = ", ".join(f"{name} {version}" for name, version in environment.libraries.items())
        facts[f"Environment {number}"] = (
            f"evalkit {environment.evalkit_version} (code {environment.code_sha256[:12]}), Python "
            f"{environment.python}, {environment.platform}, {libraries}, images by {environment.image_decoder}"
            + "".join(f", {name} {value}" for name, value in (environment.hardware or {}).items() if value != NONE)
        )
    records = run.records().values()
    where = sorted({f"{record.device}, capacity {record.capacity}" for record in records if record.environment_sha256})
    if where:
        facts["Devices"] = "; ".join(where)
    return facts


def _hard_sequences(
    source: ReportSource,
    truth: Truth,
    part: Part,
    runs: cabc.Mapping[str, Runs],
    styles: cabc.Mapping[str, Style],
    *,
    count: int,
    say: Say,
) -> tuple[tuple[Hard, ...], str]:
    """The hardest sequences, and why they have no pictures."""
    annotations = {annotation.name: annotation for annotation in truth.annotations}
    key = leading(part.scores, truth.spec)
    hard = []
    problem = "" if source.request.has_images else "No pictures: the ground truth is a copy without images."
    for name, mean in hardest(part.scores, key, count):
        annotation = annotations[name]
        own = {tracker: by_name[name] for tracker, by_name in runs.items() if name in by_name}
        overlaps = {tracker: overlaps_of(annotation, trajectory) for tracker, trajectory in own.items()}
        drawn = dict(list(own.items())[:DRAWN])
        pictures: list[Thumbnail] = []
        if not problem:
            try:
                pictures = _pictures(
                    source, truth, annotation, drawn, [overlaps[tracker] for tracker in drawn], styles=styles
                )
            except EvalkitError as trouble:
                say(f"{truth.spec.name}: no pictures of the hardest sequences: {trouble}")
                problem = "No pictures: the images cannot be read here."
        strips = {tracker: strip(values) for tracker, values in overlaps.items()}
        shown = tuple(drawn) if pictures else ()
        hard.append(Hard(name, annotation.frame_count, mean, strips, shown, tuple(pictures)))
    return tuple(hard), problem


def _pictures(
    source: ReportSource,
    truth: Truth,
    annotation: Annotation,
    drawn: Runs,
    overlaps: list[FloatArray],
    *,
    styles: cabc.Mapping[str, Style],
) -> list[Thumbnail]:
    spec = get_benchmark(source.request.benchmark, layout=source.request.layout)
    clip = spec.read_sequence(find_root(spec, source.request.data_root), truth.split, annotation.name)
    mark = "sample" if truth.is_sample else ""
    return draw_thumbnails(
        annotation, clip.frames, drawn, telling_frames(overlaps), styles, mark=mark, origin=spec.coordinate_origin
    )
