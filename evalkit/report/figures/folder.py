"""A folder of plots for one benchmark, with a ``report.json`` that names every input by run, hash and protocol."""

import collections.abc as cabc
import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import evalkit
from evalkit.atomic import write_whole
from evalkit.errors import ScoringError
from evalkit.report.figures.look import figure_bytes
from evalkit.report.headline import Key, remarks, result_key
from evalkit.scoring.scores import Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = 1
Origins = cabc.Mapping[Key, cabc.Mapping[str, str]]


def write_plots(
    figures: cabc.Mapping[str, "Figure"],
    scores: cabc.Sequence[Scores],
    title: str,
    folder: Path,
    *,
    formats: cabc.Sequence[str],
    origins: Origins | None = None,
) -> list[Path]:
    """Write figures of the scores of one benchmark.

    Args:
        figures: File name without suffix -> figure, as ``all_figures`` makes them.
        scores: What they show.
        title: The benchmark's, as printed.
        folder: Gets ``success.pdf``, ..., and ``report.json``, which is written last.
        formats: Of "pdf", "png", "svg".
        origins: ``result_key`` -> hashes of what was scored, for ``report.json``.

    Returns:
        The files written.

    Raises:
        ScoringError: There is no figure.
        StoreError: A file cannot be written.
    """
    if not figures:
        raise ScoringError(f"{title}: nothing to plot under protocol {scores[0].protocol if scores else '?'}.")
    files = {
        f"{name}.{form}": figure_bytes(figure, form)
        for name, figure in figures.items()
        for form in dict.fromkeys(formats)
    }
    for name, data in files.items():
        write_whole(folder / name, data)
    report = describe(scores, title, origins or {})
    report["files"] = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    write_whole(folder / "report.json", (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())
    return [*(folder / name for name in files), folder / "report.json"]


def describe(scores: cabc.Sequence[Scores], title: str, origins: Origins) -> dict[str, object]:
    """What a set of scores was computed from, as JSON values."""
    return {
        "schema": SCHEMA,
        "evalkit": evalkit.__version__,
        "title": title + (" (sample)" if scores[0].sample else ""),
        "benchmark": scores[0].benchmark,
        "split": scores[0].split,
        "protocol": scores[0].protocol,
        "sample": scores[0].sample,
        "inputs": [
            {
                "tracker": score.tracker,
                "run": score.run,
                **origins.get(result_key(score), {}),
                "sequences": len(score.sequence_names),
                "frames": int(score.frames.sum()),
                "scores": {key: value if math.isfinite(value) else None for key, value in score.summary.items()},
                "missing": list(score.missing),
                "notes": remarks(score),
            }
            for score in scores
        ],
    }
