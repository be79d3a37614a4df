"""From a source of results to a part of the report: scores, verdicts, the hardest sequences, provenance."""

import collections.abc as cabc
import hashlib
from dataclasses import replace
from pathlib import Path

from evalkit.evaluation.candidates import Candidate, Say, read_candidates
from evalkit.evaluation.explored import Clips, clips_of
from evalkit.evaluation.papers import why_not_comparable
from evalkit.evaluation.report_sources import ReportSource
from evalkit.evaluation.scored import compute_scores, single_protocol, variants
from evalkit.evaluation.truth import Truth, load_truth
from evalkit.hardware import NONE
from evalkit.published import Published, find_published, load_published
from evalkit.report.hashes import ground_truth_sha256, results_sha256
from evalkit.report.headline import labels
from evalkit.report.html.part import Entry, Part, ranked
from evalkit.report.tables.comparison import judge_scores
from evalkit.scoring.statistics import LEVEL
from evalkit.store.runs import Run

BOXES = 300_000
"""Boxes that a report holds for its explorer, some two megabytes."""


def make_parts(sources: cabc.Sequence[ReportSource], *, worst: int, near: Path, say: Say) -> list[Part]:
    """Score sources.

    Args:
        sources: What to score.
        worst: Number of hardest sequences.
        near: Folder of the report, to which links to frames are relative.
        say: Takes messages for people.

    Raises:
        EvalkitError: As for `evalkit score`.
    """
    clips = Clips(worst, near, BOXES // max(1, len(sources)))
    parts = []
    for source in sources:
        say(f"{source.request.benchmark}: scoring")
        parts.append(_part(source, clips, say))
    return parts


def _part(source: ReportSource, clips: Clips, say: Say) -> Part:
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
    return clips_of(source.request, truth, part, runs, wanted=clips, say=say)


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
