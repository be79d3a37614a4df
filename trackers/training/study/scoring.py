"""A checkpoint's scores by evalkit's own run and score, sequence by sequence."""

import contextlib
from pathlib import Path

from evalkit.evaluation.executors import ExecutorOptions
from evalkit.evaluation.session import RunOptions, Watch, run_tracker
from evalkit.tracking.interface import TrackerOptions

from ... import CATALOG
from .scenes import Domain

METRIC = "success_auc"
_CAPACITY = "20"


class _Silent:
    """Nobody watches the progress."""

    def advance(self, frames: int) -> None:
        """Nothing."""

    def failure(self, name: str, error: str) -> None:
        """Say it: its score would be missing."""
        print(f"failed: {name}: {error}", flush=True)  # noqa: T201

    def finished(self) -> None:
        """Nothing."""


def results_of(output: Path, domain: Domain) -> Path:
    """Store of a domain's runs."""
    return output / "results" / domain.name.replace(" ", "-")


def layout_of(output: Path, domain: Domain) -> Path:
    """The domain's layout file, written here."""
    path = output / f"{domain.name.replace(' ', '-')}.toml"
    path.write_text(domain.layout(), encoding="utf-8")
    return path


def sequence_scores(
    output: Path, videos: Path, domain: Domain, tracker: str, weights: Path, *, name: str, precision: str, device: str
) -> tuple[dict[str, float], str]:
    """Run a tracker on a domain's videos, under a name of its own.

    Returns:
        Sequence -> area under the success curve, and the id of the run.
    """
    results, layout = results_of(output, domain), layout_of(output, domain)
    asked = RunOptions(benchmarks=("custom",), results=results, data_root=videos, layout=layout, name=name)
    options = TrackerOptions(weights=str(weights), precision=precision)
    how = ExecutorOptions(tracker, options, catalog=CATALOG, device=device, capacity=_CAPACITY, allow_mixed=True)
    watch = Watch(_say_nothing, lambda *_: contextlib.nullcontext(_Silent()), _say_nothing)
    ran = run_tracker(asked, how, watch)
    (scores,) = ran.scores
    assert scores is not None, name
    values: list[float] = scores.per_sequence[METRIC].tolist()
    return dict(zip(scores.sequence_names, values, strict=True)), str(ran.documents[0]["run"])


def _say_nothing(_: str) -> None:
    """What a reader of single numbers must know; here all runs are alike."""
