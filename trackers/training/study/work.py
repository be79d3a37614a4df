"""The work of the study: one checkpoint and its scores for each arm and seed."""

import collections.abc as cabc
import functools
from pathlib import Path
from typing import Any

import torch

from evalkit.modality import Modality

from ...common.definition import definition
from ...common.weights import SHIPPED
from ..damping import FisherSettings
from ..fisher import matrices, spectra
from ..pool_training import PoolSettings, parent_losses, weights_path
from ..rendered import Pool
from .arms import PARENT, START, Arm
from .scenes import EVENTS
from .scoring import sequence_scores
from .trial import Trial, operation_of, write_json

_NEVER = float("inf")
_FISHER = FisherSettings()


class Study:
    """Scenes in memory, and a folder of finished arms.

    Args:
        output: The folder; ``videos`` in it are scored on.
        paths: Files of the pool.
        checks: The first of them are for validation.
        arms: What will be done; only their sensors are read.
        precision: Of training and tracking.
        device: Of both.
    """

    def __init__(
        self,
        output: Path,
        paths: cabc.Sequence[Path],
        checks: int,
        arms: cabc.Iterable[Arm],
        *,
        precision: str,
        device: str,
    ) -> None:
        self.output, self.precision, self.device = output, precision, device
        self._paths, self._checks = paths, checks
        self._sensors = {arm.target.second or Modality.EVENT for arm in arms}

    @functools.cached_property
    def _pools(self) -> tuple[Pool, Pool]:
        parts = self._paths[self._checks :], self._paths[: self._checks]
        training, check = (Pool(part, torch.device(self.device), self._sensors, 1) for part in parts)
        return training, check

    @functools.cached_property
    def _shifted(self) -> tuple[Pool, Pool]:
        training, check = (pool.as_color(Modality.EVENT) for pool in self._pools)
        return training, check

    def do(self, arm: Arm, seed: int) -> bool:
        """Train and score; False if that was done before, or is the same for all seeds."""
        folder = self.output / "arms" / arm.run_name(seed)
        if (folder / "scores.json").is_file() or (seed and arm.name == START):
            return False
        folder.mkdir(parents=True, exist_ok=True)
        parent = weights_path(SHIPPED, PARENT)
        trial = self._trial(arm, seed, folder, parent)
        trial.run()
        if seed == 0 and arm.steps:
            write_json(folder / "observed.json", trial.observed())
        if arm.name == START and arm.target.second is Modality.EVENT:
            write_json(folder / "fisher.json", self._fisher(arm, parent))
        weights = weights_path(folder, arm.recipe.name)
        write_json(folder / "scores.json", self._facts(arm, seed) | self._scores(arm, seed, weights))
        return True

    def _trial(self, arm: Arm, seed: int, folder: Path, parent: Path) -> Trial:
        pools = self._shifted if arm.target is EVENTS else self._pools
        checks = 1 if seed == 0 and arm.steps else 0
        settings = PoolSettings(
            folder, seed, self.device, self.precision, arm.steps, every=_NEVER, packed=False, checks=checks
        )
        return Trial(arm, definition(arm.recipe.tracker), pools, settings, parent)

    def _facts(self, arm: Arm, seed: int) -> dict[str, Any]:
        recipe = arm.recipe
        return {
            "question": arm.question,
            "arm": arm.name,
            "seed": seed,
            "recipe": recipe.name,
            "tracker": recipe.tracker,
            "steps": arm.steps,
            "batch": recipe.batch,
            "rates": {group.pattern: group.rate for group in recipe.groups},
        }

    def _scores(self, arm: Arm, seed: int, weights: Path) -> dict[str, Any]:
        done = {}
        for role, domain in (("target", arm.target), ("source", arm.source)):
            values, run = sequence_scores(
                self.output,
                self.output / "videos",
                domain,
                arm.recipe.tracker,
                weights,
                name=arm.run_name(seed),
                precision=self.precision,
                device=self.device,
            )
            done[role] = {"domain": domain.name, "run": run, "scores": values}
        return done

    def _fisher(self, arm: Arm, parent: Path) -> dict[str, Any]:
        """For the map: mean Fisher diagonal of each operation in each block, and what the kept eigenpairs hold."""
        model, losses = parent_losses(definition(PARENT), parent, self._pools[0], arm.recipe, 0)
        named = matrices(model)
        cells = []
        for name, pairs in spectra(named, losses, samples=_FISHER.samples, kept=_FISHER.kept):
            block = name.split(".")[2] if ".blocks." in name else ""
            whole = pairs.values.sum().item()
            kept = pairs.values[: len(pairs.vectors)].sum().item()
            cells.append(
                {
                    "operation": operation_of(name),
                    "block": block,
                    "mean": whole / named[name].numel(),
                    "kept": kept / whole,
                }
            )
        return {"parent": PARENT, "samples": _FISHER.samples, "eigenpairs": _FISHER.kept, "cells": cells}
