"""What the scores say: tables, JSON, figures and a report file, all from the files of finished arms."""

import collections.abc as cabc
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.boxes import FloatArray
from evalkit.errors import EvalkitError

from .arms import FULL, PARENT, SLOW, START, run_name
from .bootstrap import Estimate, estimate
from .figures import write_figures

SCORES = "scores.json"
_ROLES = ("target", "source")
_ORDER = ("shift", "rgbe", "rgbd", "rgbt", "rates")
_REFERENCES = {"srft-code": (FULL, "srft-rank"), "srft-fisher": (FULL, "srft-rank"), "srft-rank": (FULL, SLOW)}
_TITLES = {
    "shift": "Event images in the place of color",
    "rgbe": "Color and events",
    "rgbd": "Color and depth",
    "rgbt": "Color and thermal",
    "rates": "Other rates",
}


@dataclass(frozen=True, slots=True, eq=False)
class ArmScores:
    """Scores of an arm.

    Attributes:
        facts: Of its first seed: recipe, steps, batch, rates.
        values: Role -> (seeds, sequences).
    """

    facts: dict[str, Any]
    values: dict[str, FloatArray]


@dataclass(frozen=True, slots=True)
class Difference:
    """An arm minus another one, in points.

    Attributes:
        question: Of both.
        role: Domain: target or source.
        arm: The arm.
        other: The one that it is compared with.
        estimate: Of the difference.
    """

    question: str
    role: str
    arm: str
    other: str
    estimate: Estimate


def gather(output: Path) -> list[dict[str, Any]]:
    """What all finished arms wrote, or their collection :data:`SCORES`, in a fixed order.

    Raises:
        EvalkitError: There is nothing.
    """
    files = sorted(output.glob(f"arms/*/{SCORES}"))
    if not files and (output / SCORES).is_file():
        return list(json.loads((output / SCORES).read_text(encoding="utf-8")))
    if not files:
        raise EvalkitError(f"{output}: no arm of the study is finished there. Run it without --analyze.")
    done = [_rounded(json.loads(path.read_text(encoding="utf-8"))) for path in files]
    return sorted(done, key=lambda arm: (_ORDER.index(arm["question"]), _place(arm["arm"]), arm["seed"]))


def _rounded(document: dict[str, Any]) -> dict[str, Any]:
    """Scores with the digits that a collection keeps."""
    for role in _ROLES:
        document[role]["scores"] = {name: round(value, 4) for name, value in document[role]["scores"].items()}
    return document


def _place(arm: str) -> tuple[int, str]:
    """Start, full fine-tuning, the others."""
    return (0 if arm == START else 1 if arm.startswith(FULL) else 2, arm)


def arm_scores(documents: cabc.Iterable[cabc.Mapping[str, Any]]) -> dict[str, dict[str, ArmScores]]:
    """Question -> arm -> scores of the seeds that all of the question's arms have."""
    grouped: dict[str, dict[str, dict[int, cabc.Mapping[str, Any]]]] = {}
    for document in documents:
        grouped.setdefault(document["question"], {}).setdefault(document["arm"], {})[document["seed"]] = document
    result: dict[str, dict[str, ArmScores]] = {}
    for question, arms in grouped.items():
        seeds = sorted(set.intersection(*(set(done) for name, done in arms.items() if name != START)))
        for name, done in arms.items():
            rows = [done[seed] for seed in ([0] if name == START else seeds)]
            values = {role: np.array([list(row[role]["scores"].values()) for row in rows]) * 100 for role in _ROLES}
            facts = {key: rows[0][key] for key in ("recipe", "tracker", "steps", "batch", "rates")}
            result.setdefault(question, {})[name] = ArmScores(facts, values)
    return result


def differences(scores: cabc.Mapping[str, cabc.Mapping[str, ArmScores]]) -> list[Difference]:
    """Every arm against the start and against full fine-tuning; SRFT's modes also against each other."""
    made = []
    for question, arms in scores.items():
        for name, arm in arms.items():
            others = (START, *_REFERENCES.get(name, (FULL,)))
            for other in others:
                if name in {START, other} or other not in arms:
                    continue
                for role in _ROLES:
                    values = arm.values[role] - arms[other].values[role]
                    made.append(Difference(question, role, name, other, estimate(values)))
    return made


def analyze(output: Path) -> str:
    """Write scores, differences, tables, a report file and the figures into a folder of finished arms.

    Of a folder with nothing but the collected scores it only makes the tables.

    Returns:
        The tables.

    Raises:
        EvalkitError: No arm is finished.
    """
    documents = gather(output)
    scores = arm_scores(documents)
    compared = differences(scores)
    text = "\n".join(tables(question, arms, compared) for question, arms in scores.items())
    if (output / "arms").is_dir():
        _write(output / SCORES, "[\n" + ",\n".join(map(json.dumps, documents)) + "\n]\n")
        rows = [asdict(item) | {"estimate": item.estimate._asdict()} for item in compared]
        _write(output / "differences.json", json.dumps(rows, indent=1) + "\n")
        _write(output / "tables.md", text)
        _write(output / "report.toml", report_file(documents))
        write_figures(output)
    return text


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def tables(question: str, arms: cabc.Mapping[str, ArmScores], compared: cabc.Iterable[Difference]) -> str:
    """Scores of a question's arms, and their differences."""
    seeds, sequences = max(arm.values["target"].shape for arm in arms.values())
    lines = [f"### {_TITLES[question]}", "", f"{seeds} seeds, {sequences} sequences.", ""]
    lines += ["| arm | steps x batch | target | source |", "|---|---|---|---|"]
    for name, arm in arms.items():
        cells = [_score(estimate(arm.values[role])) for role in _ROLES]
        lines.append(f"| {name} | {arm.facts['steps']} x {arm.facts['batch']} | {' | '.join(cells)} |")
    lines += ["", "| difference | target | detectable | source | detectable |", "|---|---|---|---|---|"]
    pairs: dict[tuple[str, str], dict[str, Estimate]] = {}
    for item in compared:
        if item.question == question:
            pairs.setdefault((item.arm, item.other), {})[item.role] = item.estimate
    for (arm_name, other), roles in pairs.items():
        cells = [text for role in _ROLES for text in (_difference(roles[role]), f"{roles[role].smallest:.1f}")]
        lines.append(f"| {arm_name} minus {other} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _score(value: Estimate) -> str:
    return f"{value.mean:.1f} [{value.low:.1f}, {value.high:.1f}]"


def _difference(value: Estimate) -> str:
    text = f"{value.mean:+.1f} [{value.low:+.1f}, {value.high:+.1f}]"
    return f"**{text}**" if value.is_clear else text


def report_file(documents: cabc.Iterable[cabc.Mapping[str, Any]]) -> str:
    """For ``evalkit make-report --from``: the runs of all arms, a source for each domain."""
    runs: dict[str, list[str]] = {}
    for document in documents:
        for role in _ROLES:
            names = runs.setdefault(document[role]["domain"], [])
            names.append(run_name(document["question"], document["arm"], document["seed"]))
    lines = [f'title = "Fine-tuning {PARENT}: the arms of the study"', ""]
    for domain, names in runs.items():
        folder = domain.replace(" ", "-")
        lines += [
            "[[source]]",
            'benchmark = "custom"',
            f'results = "results/{folder}"',
            'data_root = "videos"',
            f'layout = "{folder}.toml"',
            f"trackers = {json.dumps(names)}",
            f'remark = "Drawn scenes: {domain}."',
            "",
        ]
    return "\n".join(lines)
