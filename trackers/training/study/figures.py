"""The figures of SRFT's paper, of our trainings: trajectories, Fisher map, sparsity of gradients."""

import collections.abc as cabc
import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

OPERATIONS = ("patch embedding", "qkv", "proj", "fc1", "fc2")
_DPI = 110
_SENSORS = ("rgbe", "rgbd", "rgbt")


def write_figures(output: Path) -> list[Path]:
    """Draw what the finished arms of a folder allow, as PNG beside them."""
    observed = {path.parent.name: _read(path) for path in sorted(output.glob("arms/*/observed.json"))}
    made: dict[str, Figure] = {}
    for question in ("shift", *_SENSORS):
        arms = {_arm(name): values for name, values in observed.items() if name.startswith(f"{question}-")}
        if any(values["trajectory"] for values in arms.values()):
            made[f"trajectory-{question}"] = trajectories({name: values["trajectory"] for name, values in arms.items()})
        if "srft-rank" in arms:
            made[f"sparsity-{question}"] = sparsity(arms["srft-rank"]["gradients"])
    for path in sorted(output.glob("arms/*/fisher.json")):
        made["fisher"] = fisher_map(_read(path))
    return [_write(output / f"{name}.png", figure) for name, figure in made.items()]


def trajectories(arms: cabc.Mapping[str, cabc.Sequence[cabc.Mapping[str, float]]]) -> Figure:
    """Training loss and overlap on scenes that are not trained on.

    Args:
        arms: Arm -> points with step, loss, val_iou.
    """
    figure, (left, right) = _axes(2)
    for name, points in arms.items():
        steps = [point["step"] for point in points]
        left.plot(steps, [point["loss"] for point in points], label=name, linewidth=1.2)
        right.plot(steps, [point["val_iou"] for point in points], label=name, linewidth=1.2)
    left.set(xlabel="step", ylabel="loss on training pairs")
    right.set(xlabel="step", ylabel="overlap on held-out pairs")
    right.legend(fontsize=7, frameon=False)
    return figure


def fisher_map(facts: cabc.Mapping[str, Any]) -> Figure:
    """Mean of the Fisher diagonal of each operation in each block, and the share of the kept eigenpairs.

    Args:
        facts: ``samples``, ``eigenpairs``, and ``cells`` with operation, block ("" = patch embedding), mean, kept.
    """
    blocks = sorted({cell["block"] for cell in facts["cells"] if cell["block"]}, key=int)
    grids = {key: np.full((len(OPERATIONS), len(blocks)), np.nan) for key in ("mean", "kept")}
    for cell in facts["cells"]:
        if cell["operation"] is None:
            continue
        columns = [blocks.index(cell["block"])] if cell["block"] else range(len(blocks))
        for key, grid in grids.items():
            grid[OPERATIONS.index(cell["operation"]), columns] = cell[key]
    figure, axes = _axes(2)
    samples, kept = facts["samples"], facts["eigenpairs"]
    titles = f"log10 of mean Fisher information, {samples} samples", f"share of the {kept} largest eigenvalues"
    for ax, title, grid in zip(axes, titles, (np.log10(grids["mean"]), grids["kept"]), strict=True):
        picture = ax.imshow(grid, aspect="auto", cmap="viridis")
        figure.colorbar(picture, ax=ax)
        ax.set_title(title, fontsize=8)
        ax.set_xticks(range(len(blocks)), blocks)
        ax.set_yticks(range(len(OPERATIONS)), OPERATIONS)
        ax.set_xlabel("block")
    return figure


def sparsity(operations: cabc.Mapping[str, cabc.Sequence[float]]) -> Figure:
    """How much of the squared gradient the largest values hold.

    Args:
        operations: Operation -> share of the sum in the largest 0, 1, ..., 100 % of the values.
    """
    figure, (ax,) = _axes(1)
    for name, shares in operations.items():
        ax.plot(np.linspace(0, 100, len(shares)), 100 * np.asarray(shares), label=name, linewidth=1.2)
    ax.plot([0, 100], [0, 100], color="gray", linewidth=0.8, linestyle=":")
    ax.set(xlabel="largest values, %", ylabel="share of the squared gradient, %", xlim=(0, 100), ylim=(0, 101))
    ax.legend(fontsize=7, frameon=False)
    return figure


def _axes(count: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(3.6 * count, 2.7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(1, count, number + 1) for number in range(count)]
    for ax in axes:
        ax.tick_params(labelsize=7)
    return figure, axes


def _arm(folder: str) -> str:
    """Name of the arm in that of a run."""
    return folder.partition("-")[2].rpartition("-")[0]


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _write(path: Path, figure: Figure) -> Path:
    figure.savefig(path, dpi=_DPI, metadata={"Software": None})
    return path
