"""A fine-tuning: one plan, one or several devices, states that go on exactly where they stopped.

Everything random of a step comes from the seed and the step's number, so that a resumed training draws what an
undisturbed one would have drawn.
"""

import collections.abc as cabc
import contextlib
import copy
import itertools
import json
import os
import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn

from evalkit import __version__
from evalkit.atomic import remove_unfinished, write_whole
from evalkit.errors import StoreError, TrackerError
from evalkit.images import single_opencv_thread
from evalkit.provenance import hash_files
from evalkit.tracking.training import FinetuneRequest, TrainingResult, TrainingStep

from ..common.definition import Definition, definition
from ..common.torch_tracker import mixed_precision, tf32
from ..common.weights import weight_file
from ..srft import SRTrackConfig, initial_entries
from .adaptation import add_low_rank, add_stochastic_depth, follow, plain_state, train_mode
from .damping import DampedUpdate, Damping
from .fisher import matrices, prior_ranks
from .initial import RANDOM, starting_entries, starting_network
from .loader import BatchShare, Late, PairNumbers, PairSet, batches, on_device
from .losses import Sharing
from .optimizer import FULL_RATE, make_optimizer
from .pairs import PairMaker
from .plan import TrainingPlan, count_parameters
from .rendered import Pairs
from .sources import open_sources
from .start import new_network, trained_groups
from .state import write_state
from .tasks import Learned, Task, least_keep_rate, make_task, pair_overlaps

STATE = "resume.pt"
WEIGHTS = "weights.safetensors"
MANIFEST = "manifest.json"
LOG = "log.jsonl"
CHECKPOINTS = "checkpoints"
_LOG_EVERY = 20
_PRIOR_PAIRS = 1 << 40  # numbers of the pairs for the Fisher prior; no training comes to them


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """The processes of a training (torchrun sets the variables)."""

    rank: int = 0
    size: int = 1
    local: int = 0

    @classmethod
    def of_environment(cls) -> "ProcessGroup":
        """One process, if torchrun did not start this one."""
        return cls(*(int(os.environ.get(name, value)) for name, value in _VARIABLES))

    def mean(self, value: Tensor) -> Tensor:
        """Of a number over the processes; all must ask."""
        value = value.detach().float()
        if self.size > 1:
            distributed.all_reduce(value)
        return value / self.size

    @contextlib.contextmanager
    def joined(self, device: str) -> cabc.Iterator[torch.device]:
        """The process group for the time of a training, and this process's device."""
        if self.size == 1:
            yield torch.device(device)
            return
        if not device.startswith("cuda"):
            distributed.init_process_group("gloo")
        else:
            device = f"cuda:{self.local}"
            torch.cuda.set_device(device)  # else each process would take memory on the first card, too
            distributed.init_process_group("nccl", device_id=torch.device(device))
        try:
            yield torch.device(device)
        finally:
            distributed.destroy_process_group()


_VARIABLES = (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))


class Learner(nn.Module):
    """A network and its task as one forward pass, which is what devices share."""

    def __init__(self, model: nn.Module, task: Task) -> None:
        super().__init__()
        self.model, self._task = model, task

    def forward(self, pairs: Pairs, keep_rate: float) -> Any:
        """The network's outputs."""
        return self._task.forward(self.model, pairs, keep_rate)


class Finetuning:
    """The state of one training.

    Args:
        plan: What to do.
        request: Where, with which weights and data.
        device: Of this process.
        world: The processes.

    Raises:
        EvalkitError: Weights or data cannot be used.
    """

    def __init__(
        self, plan: TrainingPlan, request: FinetuneRequest, device: torch.device, world: ProcessGroup | None = None
    ) -> None:
        self.plan, self.request, self.device = plan, request, device
        self.world = world or ProcessGroup()
        recipe = plan.recipe
        self.definition = definition(recipe.tracker)
        self.share = BatchShare(recipe.batch, plan.accumulate, self.world.rank, self.world.size)
        model, self.origin = starting_network(recipe, request.init, plan.seed)
        if recipe.low_rank is not None:
            add_low_rank(model, recipe.low_rank)
        add_stochastic_depth(model, *recipe.depth)
        self.model = model.to(device)
        self.task = make_task(self.definition, recipe.losses)
        groups = trained_groups(self.model, recipe)
        self.trained = {name: value for group in groups.values() for name, value in group.items()}
        self.optimizer = make_optimizer(recipe, groups, fused=device.type == "cuda")
        self._together = self._shared(Learner(self.model, self.task))
        self.average = copy.deepcopy(self.model) if recipe.average else self.model
        self.scaler = torch.amp.GradScaler(device.type, enabled=request.precision == "fp16")
        self.damped: DampedUpdate | None = None
        self.step, self.bad = 0, torch.zeros((), dtype=torch.bool, device=device)

    def _shared(self, learner: Learner) -> nn.Module:
        if self.world.size == 1:
            return learner
        with warnings.catch_warnings():  # what torch offers instead would exchange buffers at the start
            warnings.filterwarnings("ignore", "`broadcast_buffers`", FutureWarning)
            return nn.parallel.DistributedDataParallel(learner, broadcast_buffers=False, find_unused_parameters=True)

    def begin(self, pairs: PairSet | None) -> None:
        """What comes before the first step: SRFT's memory and prior."""
        recipe = self.plan.recipe
        if recipe.damping is None:
            return
        named = {name: value for name, value in self.trained.items() if name.startswith("backbone.")}
        prior: dict[str, Tensor] = {}
        if recipe.damping is Damping.FISHER and pairs is not None:
            prior = {name: value.to(self.device) for name, value in self._prior(pairs).items() if name in named}
        self.damped = DampedUpdate(named, recipe.damping, prior)

    def _prior(self, pairs: PairSet) -> dict[str, Tensor]:
        """Ranks by the Fisher information of the parent on color alone, under this network's names."""
        settings, parent = self.plan.recipe.fisher, self.plan.recipe.parent
        assert settings is not None
        assert parent is not None
        made = definition(parent)
        model = new_network(made, self.plan.seed)
        if self.request.init not in (None, RANDOM):
            entries = starting_entries(self.plan.recipe, str(self.request.init))[0]
            model.load_state_dict({name: value.float() for name, value in entries.items()}, strict=False)
        model = model.to(self.device).eval()
        task = make_task(made)

        def losses() -> cabc.Iterator[Tensor]:
            for number in range(settings.samples):
                item = torch.utils.data.default_collate([pairs[_PRIOR_PAIRS + number]])
                pair = on_device(item, self.device)
                color = pair._replace(template=pair.template[:, :3], search=pair.search[:, :3])
                yield task.learned(task.forward(model, color, 1.0), color).loss

        ranked = prior_ranks(matrices(model), losses, samples=settings.samples, kept=settings.kept)
        config = self.definition.config
        return initial_entries(ranked, config) if isinstance(config, SRTrackConfig) else ranked

    def train_step(self, parts: cabc.Sequence[Pairs]) -> dict[str, Tensor]:
        """One step from its micro-batches; losses stay on the device."""
        torch.manual_seed((self.plan.seed << 32) + (self.step << 8) + self.world.rank)
        train_mode(self.model, statistics=self.plan.recipe.head_statistics)
        factor = self.plan.rate(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = group[FULL_RATE] * factor
        self.optimizer.zero_grad(set_to_none=True)
        keep_rate = self.plan.keep_rate(self.step, least_keep_rate(self.definition))
        losses: list[dict[str, Tensor]] = []
        positives = torch.stack([self.task.positives(pairs).float() for pairs in parts]).mean()
        sharing = Sharing(self.world.mean(positives), self.world.mean)
        for number, pairs in enumerate(parts):
            with self._unshared(last=number == len(parts) - 1):
                learned = self._learned(self._together, pairs, keep_rate, sharing)
                self.scaler.scale(learned.loss / len(parts)).backward()  # type: ignore[no-untyped-call]
            values = {"loss": learned.loss, **learned.parts}
            losses.append({name: value.detach() for name, value in values.items()})
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(list(self.trained.values()), self.plan.recipe.clip)
        means = {name: torch.stack([loss[name] for loss in losses]).mean() for name in losses[0]}
        self.bad |= ~means["loss"].isfinite()
        if not self.scaler.is_enabled():
            self.bad |= ~norm.isfinite()
        self._update(norm)
        self.step += 1
        if self.average is not self.model:
            follow(self.average, self.model, self.plan.recipe.average, self.step)
        return means | {"gradient_norm": norm}

    def _update(self, norm: Tensor) -> None:
        left_out = self.scaler.is_enabled() and not norm.isfinite()  # by the scaler, which lowers its scale
        if self.damped is None or left_out:
            self.scaler.step(self.optimizer)
        else:
            self.damped.kappa = self.plan.kappa(self.step)
            self.damped.step(lambda: self.scaler.step(self.optimizer))
        self.scaler.update()

    def _learned(self, learner: nn.Module, pairs: Pairs, keep_rate: float, sharing: Sharing | None = None) -> Learned:
        with mixed_precision(self.device.type, self.request.precision):
            outputs = learner(pairs, keep_rate)
        return self.task.learned(outputs, pairs, sharing)

    def _unshared(self, *, last: bool) -> contextlib.AbstractContextManager[None]:
        if isinstance(self._together, nn.parallel.DistributedDataParallel) and not last:
            return self._together.no_sync()
        return contextlib.nullcontext()

    @torch.no_grad()
    def validate(self, pairs: PairSet) -> dict[str, float]:
        """Overlap on held-out pairs: mean, and share above one half."""
        learner = Learner(self.average.eval(), self.task)
        count, size = self.plan.checks, min(self.share.size, self.plan.checks)
        numbers = [list(range(begin, min(begin + size, count))) for begin in range(0, count, size)]
        overlaps = []
        for item in batches(pairs, numbers, 0, self.device):
            batch = on_device(item, self.device)
            learned = self._learned(learner, batch, least_keep_rate(self.definition))
            overlaps.append(pair_overlaps(learned, batch)[batch.present])
        values = torch.cat(overlaps)
        return {"validation_iou": values.mean().item(), "validation_half": (values > 0.5).float().mean().item()}

    def state(self) -> dict[str, Any]:
        """All that a continuation needs."""
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "damped": self.damped.state_dict() if self.damped else {},
        }

    def load_state(self, state: cabc.Mapping[str, Any]) -> None:
        """Take over a saved state."""
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if self.damped:
            self.damped.load_state_dict(state["damped"])


class Folder:
    """The output folder of a training: one process writes, files appear when they are complete.

    Args:
        path: The folder.
        plan: Of the training.
        request: Of the user.

    Raises:
        TrackerError: The folder holds another training, or one to be resumed.
    """

    def __init__(self, path: Path, plan: TrainingPlan, request: FinetuneRequest, facts: cabc.Mapping[str, Any]) -> None:
        self.path, self._plan = path, plan
        self._boards: list[Any] | None = None
        self._settings = describe(plan, request)
        manifest = path / MANIFEST
        if manifest.is_file():
            written = json.loads(manifest.read_text(encoding="utf-8")).get("training")
            if written != self._settings:
                different = [key for key in self._settings if (written or {}).get(key) != self._settings[key]]
                raise TrackerError(
                    f"{path}: holds another training (different: {', '.join(different)}). Choose another folder, or "
                    "repeat the command that began it with --resume."
                )
            if not request.resume:
                raise TrackerError(
                    f"{path}: holds this training already. Go on with --resume, or choose another folder."
                )
        self._facts = {"training": self._settings, "version": __version__, "torch": torch.__version__, **facts}
        self.write_manifest()
        remove_unfinished(path)

    def write_manifest(self, **more: Any) -> None:
        """Write what is known of the training."""
        self._facts |= more
        write_whole(self.path / MANIFEST, (json.dumps(self._facts, indent=1) + "\n").encode())

    def save_state(self, run: Finetuning) -> None:
        """Write the state to resume from."""
        write_state(self.path / STATE, run.state())

    def save_epoch(self, run: Finetuning, epoch: int) -> None:
        """Write the weights of an epoch and remove those that are too old."""
        if not self._plan.keep:
            return
        folder = self.path / CHECKPOINTS
        save_weights(run, folder / f"epoch-{epoch:04d}.safetensors", epoch)
        for old in sorted(folder.glob("epoch-*.safetensors"))[: -self._plan.keep]:
            old.unlink()

    def log(self, step: int, values: cabc.Mapping[str, float]) -> None:
        """Append a line to the log, and the values to TensorBoard's if that is installed.

        Raises:
            StoreError: The disk is full.
        """
        line = json.dumps({"step": step} | {name: round(value, 6) for name, value in values.items()}) + "\n"
        try:
            with (self.path / LOG).open("a", encoding="utf-8") as file:
                file.write(line)
            if self._boards is None:
                self._boards = _tensorboard(self.path / "tensorboard", step)
            for board in self._boards:
                for name, value in values.items():
                    board.add_scalar(name, value, step)
                board.flush()
        except OSError as problem:
            raise StoreError(
                f"cannot write the log in {self.path}: {problem.strerror or problem}. Make room, then --resume."
            ) from problem


def _tensorboard(folder: Path, step: int) -> list[Any]:
    """TensorBoard's writer; none where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return []
    return [SummaryWriter(str(folder), purge_step=step)]


def describe(plan: TrainingPlan, request: FinetuneRequest) -> dict[str, Any]:
    """What makes two trainings the same, as JSON values; where they run does not count."""
    numbers = asdict(replace(plan, recipe=replace(plan.recipe, sources={})))
    for name in ("workers", "keep", "save_every", "checks", "notes"):
        numbers.pop(name)
    numbers["recipe"].pop("sources")
    numbers |= {"data": dict(request.data), "init": request.init, "precision": request.precision}
    text = json.dumps(numbers).replace("Infinity", "null")  # JSON has no infinity
    return dict(json.loads(text))


def save_weights(run: Finetuning, path: Path, epoch: int) -> None:
    """Write weights as ``run-benchmark --weights`` takes them."""
    metadata = {
        "format": "pt",
        "evalkit.tracker": run.definition.name,
        "evalkit.origin": run.definition.origin,
        "evalkit.recipe": run.plan.recipe.name,
        "evalkit.epoch": str(epoch),
        "evalkit.step": str(run.step),
        "evalkit.seed": str(run.plan.seed),
    } | {f"evalkit.{key}": value for key, value in run.origin.items()}
    write_whole(path, weight_file(plain_state(run.average), metadata))


def make_pairs(
    plan: TrainingPlan, request: FinetuneRequest, definition: Definition, *, validation: bool = False
) -> tuple[PairSet, list[dict[str, str | int]]]:
    """The pairs of a training or of its validation, and what they come from."""
    sampling = plan.recipe.sampling
    data = request.data or dict.fromkeys(plan.recipe.data, "")
    sources = open_sources(data, sampling, definition.second, seed=plan.seed, validation=validation)
    first = plan.late_from * plan.recipe.batch
    late = None if plan.recipe.late is None or validation else Late(first, PairMaker(definition, plan.recipe.late))
    pairs = PairSet(sources, PairMaker(definition, sampling), plan.seed, late)
    return pairs, [source.describe() for source in sources]


def train(
    plan: TrainingPlan,
    request: FinetuneRequest,
    progress: cabc.Callable[[TrainingStep], None],
    say: cabc.Callable[[str], None],
) -> TrainingResult:
    """Train to the end, in this process's part of the world.

    Raises:
        TrackerError: The loss is not finite, or the folder holds another training.
        EvalkitError: Weights or data cannot be used.
    """
    world = ProcessGroup.of_environment()
    exact = tf32(allowed=request.precision != "fp32")
    with exact, world.joined(request.device) as device, single_opencv_thread():
        run = Finetuning(plan, request, device, world)
        pairs, described = make_pairs(plan, request, run.definition)
        checks, _ = make_pairs(plan, request, run.definition, validation=True)
        folder = None
        if world.rank == 0:
            facts = {"data": described, "origin": run.origin, "parameters": asdict(count_parameters(plan.recipe))}
            folder = Folder(request.output, plan, request, facts)
        if world.size > 1:
            distributed.barrier()
        state = request.output / STATE
        resumed = request.resume and state.is_file()
        run.begin(None if resumed else pairs)
        if resumed:
            run.load_state(torch.load(state, map_location=device, weights_only=True))
            say(f"goes on at step {run.step} of {plan.steps}")
        return _loop(run, folder, pairs, checks, progress)


def _loop(
    run: Finetuning,
    folder: Folder | None,
    pairs: PairSet,
    checks: PairSet,
    progress: cabc.Callable[[TrainingStep], None],
) -> TrainingResult:
    plan = run.plan
    loaded = iter(batches(pairs, PairNumbers(run.share, run.step, plan.steps), plan.workers, run.device))
    recent: list[dict[str, Tensor]] = []
    last: dict[str, float] = {}
    while run.step < plan.steps:
        epoch = plan.epoch(run.step)
        parts = [on_device(item, run.device) for item in itertools.islice(loaded, plan.accumulate)]
        recent.append(run.train_step(parts))
        ends = run.step == plan.steps or plan.epoch(run.step) != epoch
        logs = ends or run.step % _LOG_EVERY == 0
        if logs or run.step % plan.save_every == 0:
            _refuse_bad(run)
        if logs:
            means = torch.stack([torch.stack([loss[name] for loss in recent]).mean() for name in recent[0]])
            last = dict(zip(recent[0], run.world.mean(means).tolist(), strict=True))
            recent.clear()
        if folder is not None:
            if ends:
                last |= run.validate(checks) if plan.checks else {}
                folder.save_epoch(run, epoch)
            if logs:
                last["rate"] = plan.rate(run.step - 1)
                folder.log(run.step, last)
            if ends or run.step % plan.save_every == 0:
                folder.save_state(run)
        progress(TrainingStep(run.step, plan.steps, last if logs else {}))
    path = run.request.output / WEIGHTS
    if folder is None:
        return TrainingResult(path, "", run.step, last)
    save_weights(run, path, plan.recipe.epochs)
    digest = hash_files([path])
    folder.write_manifest(weights=WEIGHTS, weights_sha256=digest, steps=run.step, values=last)
    return TrainingResult(path, digest, run.step, last)


def _refuse_bad(run: Finetuning) -> None:
    if not bool(run.bad):
        return
    state = run.request.output / STATE
    kept = (
        f"The last good state is in {state}; go on from it with --resume and a wider --precision."
        if state.is_file()
        else "No state was saved before it."
    )
    raise TrackerError(
        f"{run.plan.recipe.name}: the loss or its gradient is not finite at step {run.step} or shortly before. {kept}"
    )
