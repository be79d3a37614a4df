"""The training loop: one recipe, one device, drawn scenes; checkpoints that go on where they stopped."""

import collections.abc as cabc
import contextlib
import copy
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from evalkit.atomic import write_whole
from evalkit.errors import TrackerError

from ..common.definition import Definition, definition
from ..common.torch_tracker import mixed_precision, tf32
from ..common.weights import packed, weight_file
from .adaptation import follow, train_mode
from .damping import DampedUpdate
from .fisher import matrices, prior_ranks
from .optimizer import FULL_RATE, make_optimizer
from .plan import TrainingPlan
from .recipe import Recipe
from .rendered import Pool, Sampling
from .start import load_parent, mapped, new_network, trained_groups
from .state import write_state
from .tasks import least_keep_rate, make_task, pair_overlaps

CHECKPOINT = "resume.pt"
LOG = "log.jsonl"
_CHECK_BATCH = 64


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Where and how long.

    Attributes:
        output: Folder for weights, log and the checkpoint of an unfinished training.
        seed: Of weights and pairs.
        device: A torch device name.
        precision: "fp32", "tf32" or "bf16".
        steps: Length.
        batch: Instead of the recipe's.
        every: Seconds between two checks (log, validation, checkpoint).
        packed: Write matrices as 8 bit integers with a scale for each row.
        checks: Batches of validation pairs in a check; 0 = no check.
    """

    output: Path
    seed: int = 0
    device: str = "cpu"
    precision: str = "fp32"
    steps: int = 1
    batch: int | None = None
    every: float = 30.0
    packed: bool = False
    checks: int = 8


@contextlib.contextmanager
def _tiny_numbers_are_zero() -> cabc.Iterator[None]:
    """They cost a processor a hundred times the usual; what runs later in the process sees them again."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


class Training:
    """The state of one training; what :meth:`state` returns is all that a continuation needs.

    Args:
        recipe: What to do.
        definition: Of the recipe's tracker.
        pools: Training and validation scenes.
        settings: Where and how long.
        parent: Weights to start from, if the recipe has a parent.
    """

    def __init__(
        self,
        recipe: Recipe,
        definition: Definition,
        pools: tuple[Pool, Pool],
        settings: PoolSettings,
        parent: Path | None = None,
    ) -> None:
        self.recipe, self.definition, self.settings = recipe, definition, settings
        self.pool, self.check_pool = pools
        self.device = torch.device(settings.device)
        model = new_network(definition, settings.seed, recipe.start)
        if parent is not None:
            load_parent(model, definition, parent)
        self.model = model.to(self.device)
        self.task = make_task(definition, recipe.losses)
        groups = trained_groups(self.model, recipe)
        self.trained = {name: value for group in groups.values() for name, value in group.items()}
        self.optimizer = make_optimizer(recipe, groups, fused=True)
        self.average = copy.deepcopy(self.model) if recipe.average else self.model
        self.tracks = self.pool.tracks(recipe.sampling.light)
        prior = self._prior(parent) if recipe.fisher is not None and parent is not None else {}
        self.damped = DampedUpdate(self.trained, recipe.damping, prior) if recipe.damping else None
        self.generator = torch.Generator(self.device).manual_seed(settings.seed)
        self.step, self.total, self.seconds = 0, settings.steps, 0.0

    @property
    def batch(self) -> int:
        """Pairs per step."""
        return self.settings.batch or self.recipe.batch

    @_tiny_numbers_are_zero()
    def run(self) -> dict[str, float]:
        """Train to the end; writes checkpoints, the log and at last the weights.

        Returns:
            The last check.

        Raises:
            TrackerError: The loss is not finite; the last checkpoint is kept.
        """
        with tf32(allowed=self.settings.precision != "fp32"):
            return self._run()

    def _run(self) -> dict[str, float]:
        checked = time.monotonic()
        begin = checked - self.seconds
        losses: list[dict[str, Tensor]] = []
        while self.step < self.total:
            losses.append(self._step())
            if time.monotonic() - checked > self.settings.every:
                self.seconds = time.monotonic() - begin
                self._log(_means(losses) | self.check())
                losses.clear()
                self.save()
                checked = time.monotonic()
        self.seconds = time.monotonic() - begin
        last = (_means(losses) if losses else {}) | self.check()
        self._log(last)
        self.export()
        return last

    def _step(self) -> dict[str, Tensor]:
        """One batch; the losses stay on the device."""
        train_mode(self.model, statistics=self.recipe.head_statistics)
        plan = self.plan
        rate, keep_rate = plan.rate(self.step), plan.keep_rate(self.step, least_keep_rate(self.definition))
        for group in self.optimizer.param_groups:
            group["lr"] = group[FULL_RATE] * rate
        pairs = self.pool.pairs(self.batch, self.tracks, plan.sampling(self.step), self.task.rules, self.generator)
        with self._autocast():
            outputs = self.task.forward(self.model, pairs, keep_rate)
        learned = self.task.learned(outputs, pairs)
        self.optimizer.zero_grad(set_to_none=True)
        learned.loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.trained.values(), self.recipe.clip)
        if self.damped is None:
            self.optimizer.step()
        else:
            self.damped.kappa = plan.kappa(self.step)
            self.damped.step(self.optimizer.step)
        self.step += 1
        if self.recipe.average:
            follow(self.average, self.model, self.recipe.average, self.step)
        return {"loss": learned.loss.detach()} | {name: value.detach() for name, value in learned.parts.items()}

    def _prior(self, parent: Path) -> dict[str, Tensor]:
        """Ranks by the parent's Fisher information on the color images of this pool, under this network's names."""
        fisher = self.recipe.fisher
        assert fisher is not None
        assert self.recipe.parent is not None
        model, losses = parent_losses(
            definition(self.recipe.parent), parent, self.pool, self.recipe, self.settings.seed
        )
        ranked = prior_ranks(matrices(model), losses, samples=fisher.samples, kept=fisher.kept)
        return {name: value.to(self.device) for name, value in mapped(ranked, self.definition).items()}

    @contextlib.contextmanager
    def _autocast(self) -> cabc.Iterator[None]:
        """Mixed precision; a processor's fused attention is slower than its steps."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(mixed_precision(self.device.type, self.settings.precision))
            if torch.is_autocast_enabled("cpu"):
                stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            yield

    @property
    def plan(self) -> TrainingPlan:
        """Schedules of rate, keep rate and sampling."""
        return TrainingPlan(self.recipe, self.total)

    @torch.no_grad()
    def check(self) -> dict[str, float]:
        """Overlap on validation scenes: mean, and share above one half."""
        if not self.settings.checks:
            return {}
        model = self.average.eval()
        generator = torch.Generator(self.device).manual_seed(12345)
        learned = self.recipe.sampling
        sampling = Sampling(learned.scale_jitter, learned.center_jitter, light=learned.light)  # colors as they are
        tracks = self.check_pool.tracks(sampling.light)
        overlaps = []
        for _ in range(self.settings.checks):
            pairs = self.check_pool.pairs(_CHECK_BATCH, tracks, sampling, self.task.rules, generator)
            with self._autocast():
                outputs = self.task.forward(model, pairs, least_keep_rate(self.definition))
            overlaps.append(pair_overlaps(self.task.learned(outputs, pairs), pairs)[pairs.present])
        values = torch.cat(overlaps)
        return {"val_iou": values.mean().item(), "val_half": (values > 0.5).float().mean().item()}

    def _log(self, values: cabc.Mapping[str, float]) -> None:
        record: dict[str, Any] = {
            "recipe": self.recipe.name,
            "step": self.step,
            "of": self.total,
            "samples": self.step * self.batch,
            "seconds": round(self.seconds, 1),
        } | {name: round(value, 5) for name, value in values.items()}
        with (self.settings.output / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        print(" ".join(f"{name} {value}" for name, value in record.items()), flush=True)  # noqa: T201 - the log on screen
        if not math.isfinite(values.get("loss", 0.0)):
            raise TrackerError(
                f"{self.recipe.name}: the loss is not finite at step {self.step}. The last good state is in "
                f"{self.settings.output / CHECKPOINT}; go on from there with a smaller rate or a wider precision."
            )

    def save(self) -> None:
        """Write the checkpoint of an unfinished training."""
        write_state(self.settings.output / CHECKPOINT, self.state())

    def state(self) -> dict[str, Any]:
        """All that a continuation needs."""
        return {
            "recipe": self.recipe.name,
            "step": self.step,
            "total": self.total,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "damped": self.damped.state_dict() if self.damped else {},
            "generator": self.generator.get_state(),
        }

    def resume(self) -> bool:
        """Take over the checkpoint, if there is one of this recipe."""
        path = self.settings.output / CHECKPOINT
        if not path.is_file():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["recipe"] != self.recipe.name:
            return False
        self.step, self.seconds = state["step"], state["seconds"]
        self.total = self.settings.steps
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.damped:
            self.damped.load_state_dict(state["damped"])
        self.generator.set_state(state["generator"].cpu())
        return True

    def export(self) -> None:
        """Write the weights in half precision and remove the checkpoint."""
        state = {name: value.cpu() for name, value in self.average.state_dict().items()}
        halves = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
        entries = packed(state) if self.settings.packed else halves
        settings = {name: str(value) for name, value in asdict(self.settings).items() if name != "output"}
        metadata = {
            "format": "pt",
            "evalkit.tracker": self.definition.name,
            "evalkit.origin": self.definition.origin,
            "evalkit.recipe": self.recipe.name,
            "evalkit.training": json.dumps({"steps": self.step, "samples": self.step * self.batch, **settings}),
        }
        path = weights_path(self.settings.output, self.recipe.name)
        write_whole(path, weight_file(entries, metadata))
        (self.settings.output / CHECKPOINT).unlink(missing_ok=True)


def parent_losses(
    made: Definition, weights: Path, pool: Pool, recipe: Recipe, seed: int
) -> tuple[nn.Module, cabc.Callable[[], cabc.Iterator[Tensor]]]:
    """A parent's network in evaluation mode, and what begins the same series of losses on single pairs again."""
    model = new_network(made, seed)
    load_parent(model, made, weights)
    model.to(pool.device).eval()
    task, tracks = make_task(made), pool.tracks(recipe.sampling.light)

    def losses() -> cabc.Iterator[Tensor]:
        generator = torch.Generator(pool.device).manual_seed(seed)
        while True:
            pairs = pool.pairs(1, tracks, recipe.sampling, task.rules, generator)
            yield task.learned(task.forward(model, pairs, 1.0), pairs).loss

    return model, losses


def weights_path(folder: Path, recipe: str) -> Path:
    """Where a finished training's weights lie."""
    return folder / f"{recipe}.safetensors"


def _means(losses: cabc.Sequence[cabc.Mapping[str, Tensor]]) -> dict[str, float]:
    return {name: torch.stack([loss[name] for loss in losses]).mean().item() for name in losses[0]}
