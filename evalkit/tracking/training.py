"""What the command line and the trackers' training say to each other; importing this is cheap."""

import collections.abc as cabc
import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from evalkit.errors import TrackerError, text_of


@dataclass(frozen=True, slots=True)
class FinetuneRequest:
    """What the user asks for.

    Attributes:
        recipe: Name.
        data: Source -> folder; ``rendered`` -> seed, or nothing.
        init: A weight file, a tracker with weights of its own, ``random``; None = the recipe's parent, where evalkit
            brings its weights; from scratch, where there is no parent.
        output: Folder for weights, checkpoints and logs.
        settings: Changes of the recipe and of the run, as text.
        device: A torch device name.
        precision: fp32, tf32, bf16 or fp16.
        steps: Length in steps instead of the recipe's epochs.
        resume: Go on where the folder's training stopped.
    """

    recipe: str
    output: Path
    data: cabc.Mapping[str, str] = field(default_factory=dict)
    init: str | None = None
    settings: cabc.Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    precision: str = "fp32"
    steps: int | None = None
    resume: bool = False


@dataclass(frozen=True, slots=True)
class Parameters:
    """How much of a network is trained and added.

    Attributes:
        total: Of the network.
        backbone: Of its backbone without what is added.
        trained: Values that the training changes.
        tensors: Their tensors.
        added: Values that the parent lacks.
    """

    total: int
    backbone: int
    trained: int
    tensors: int
    added: int

    def text(self) -> str:
        """Both shares, with what they are shares of.

        Example:
            >>> print(Parameters(92_610_693, 86_044_416, 63_235_461, 103, 92_160).text())
            added 92,160 (0.107 % of the backbone); trained 63,235,461 in 103 tensors (68.3 % of 92,610,693)
        """
        return (
            f"added {self.added:,} ({100 * self.added / self.backbone:.3f} % of the backbone); trained "
            f"{self.trained:,} in {self.tensors:,} tensors ({100 * self.trained / self.total:.1f} % of {self.total:,})"
        )


class TrainingStep(NamedTuple):
    """Progress of a training.

    Attributes:
        number: Steps done.
        total: Of all.
        values: Losses and rates by name; empty between two logs.
    """

    number: int
    total: int
    values: cabc.Mapping[str, float]


def length_of_time(seconds: float) -> str:
    """For people.

    Example:
        >>> length_of_time(59.0), length_of_time(5400.0), length_of_time(200000.0)
        ('59 s', '1.5 hours', '2.3 days')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 3600:.1f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a training would cost.

    Attributes:
        recipe: Name.
        parameters: Trained and added.
        batch: Pairs per step of all devices.
        steps: Of the training.
        measured: What was run for it.
        peak_bytes: Memory of one process at its peak, which is before elimination starts.
        steps_per_second: Of the device, pairs at hand.
        pairs_per_second: That one core draws from the data; None without data.
        multiply_adds: Of the whole training, a backward pass taken for two forward passes.
        notes: What the user should know.
    """

    recipe: str
    parameters: Parameters
    batch: int
    steps: int
    measured: str
    peak_bytes: int
    steps_per_second: float
    pairs_per_second: float | None
    multiply_adds: float
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """For people."""
        pairs = self.steps_per_second * self.batch
        lines = [
            f"recipe      {self.recipe}: {self.steps:,} steps of {self.batch} pairs",
            f"parameters  {self.parameters.text()}",
            f"memory      {self.peak_bytes / 2**30:.1f} GiB a process at the peak",
            f"speed       {self.steps_per_second:.3g} steps/s, {pairs:.3g} pairs/s",
            f"time        {length_of_time(self.steps / self.steps_per_second)}",
            f"measured    {self.measured}",
            f"work        {self.multiply_adds:.2g} multiply-adds in all",
        ]
        if self.pairs_per_second is not None:
            workers = pairs / self.pairs_per_second
            lines.append(f"data        {self.pairs_per_second:.3g} pairs/s of one core; {workers:.1f} cores keep up")
        return lines + [f"note        {note}" for note in self.notes]


class TrainingResult(NamedTuple):
    """A training's outcome."""

    weights: Path
    sha256: str
    steps: int
    values: cabc.Mapping[str, float]


class TrainingProgram(Protocol):
    """The trackers' module behind ``finetune``, ``list recipes`` and ``list trackers --parameters``."""

    def recipe_documents(self) -> list[dict[str, Any]]:
        """Every number of every recipe with its source, and its parameters."""
        ...

    def tracker_parameters(self) -> dict[str, dict[str, Parameters]]:
        """Tracker -> recipe that trains it -> parameters."""
        ...

    def dry_run(self, request: FinetuneRequest) -> DryRun:
        """Measure a few steps."""
        ...

    def train(
        self,
        request: FinetuneRequest,
        progress: cabc.Callable[[TrainingStep], None],
        say: cabc.Callable[[str], None],
    ) -> TrainingResult:
        """Train to the end."""
        ...


def load_training(module: str) -> TrainingProgram:
    """Import the trackers' training.

    Raises:
        TrackerError: PyTorch cannot be imported; the text says how to install it.
    """
    try:
        return cast("TrainingProgram", importlib.import_module(module))
    except ImportError as problem:
        raise TrackerError(
            f"training needs PyTorch, which cannot be imported ({text_of(problem)}). Install it: "
            "pip install 'evalkit[training]'"
        ) from problem
