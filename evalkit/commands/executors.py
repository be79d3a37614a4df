"""From the command line's words to an executor: which devices, how many workers, how many streams and threads."""

import collections.abc as cabc
import contextlib
import dataclasses
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import click

import evalkit
from evalkit.commands.common import App
from evalkit.cores import usable_cores
from evalkit.errors import StoreError
from evalkit.store.manifest import RunEnvironment, current_environment
from evalkit.tracking.catalog import check_name, load_tracker
from evalkit.tracking.dispatch import Limits
from evalkit.tracking.executor import Executor, InProcess, workers
from evalkit.tracking.interface import TrackerOptions
from evalkit.tracking.loop import LoopSettings
from evalkit.tracking.messages import Order
from evalkit.tracking.tuning import FIRST_CAPACITY

PACKAGE = Path(evalkit.__file__).parent
CODE = (PACKAGE / "tracking", PACKAGE / "images.py")  # what decides boxes, besides the trackers
START_SECONDS = 600.0
LEAST_FRAME_MEMORY = 64 << 20


@dataclass(frozen=True, slots=True)
class ExecutorOptions:
    """What the command line says of how to run; nothing of it changes a box, apart from the tracker's options.

    Attributes:
        tracker: Name or own file.
        options: Weights, precision, seed; the device is in ``device``.
        device: auto, cpu, cuda, cuda:1, cuda:0,1.
        executor: local or ray.
        workers: Number of workers, None = one per device.
        ray_address: Of a cluster.
        capacity: A number or auto.
        waves: 1, 2 or auto.
        decoders: Threads per worker, None = the cores divided among the workers.
        frame_memory: MiB for decoded frames on this machine.
        timeout: Seconds after which one step hangs.
        allow_mixed: Workers may have other libraries than this process.
    """

    tracker: str
    options: TrackerOptions
    device: str = "auto"
    executor: str = "local"
    workers: int | None = None
    ray_address: str | None = None
    capacity: str = "auto"
    waves: str = "auto"
    decoders: int | None = None
    frame_memory: int = 1024
    timeout: float = 600.0
    allow_mixed: bool = False


def is_network(app: App, tracker: str) -> bool:
    """Whether a tracker of the catalogue computes on a device."""
    entry = app.catalog.get(tracker)
    return entry is not None and entry.parameters is not None


@contextlib.contextmanager
def open_executor(app: App, asked: ExecutorOptions) -> cabc.Iterator[Executor]:
    """Build the tracker, here or in workers.

    Raises:
        EvalkitError: The tracker cannot be built, or workers cannot be started.
    """
    check_name(app.catalog, asked.tracker)
    environment = current_environment([*CODE, *app.code])
    devices = _devices(app, asked)
    if asked.executor == "local" and len(devices) == 1:
        options = dataclasses.replace(asked.options, device=devices[0])
        tracker = load_tracker(app.catalog, asked.tracker, options, timeout=asked.timeout)
        settings = loop_settings(app, asked, devices[0], share=1)
        yield InProcess(tracker, settings, device=devices[0], environment=environment)
        return

    def accept(other: RunEnvironment, host: str) -> None:
        if other.sha256 != environment.sha256 and not asked.allow_mixed:
            raise StoreError(
                f"the worker on {host} has another environment: {'; '.join(other.differences(environment))}. Its boxes "
                "may differ. Install the same versions on all machines, or use --allow-mixed (tables will say so)."
            )

    orders = [_order(app, asked, rank, device, len(devices)) for rank, device in enumerate(devices)]
    settings = orders[0].settings
    calls = settings.capacity + 1 if settings.timeout is None else 2  # simple trackers may hang one after the other
    limits = Limits(start=max(START_SECONDS, asked.timeout), silence=calls * asked.timeout + 60)
    if asked.executor == "ray":
        from evalkit.tracking.ray_workers import RayTransport

        with _stdout_for_results(app):
            transport = RayTransport(orders, gpus=devices[0].startswith("cuda"), address=asked.ray_address)
            with workers(transport, limits, accept) as executor:
                yield executor
    else:
        from evalkit.tracking.local_workers import LocalTransport

        with workers(LocalTransport(orders), limits, accept) as executor:
            yield executor


@contextlib.contextmanager
def _stdout_for_results(app: App) -> cabc.Iterator[None]:
    """Ray prints what happens to its processes on stdout, which is for results: show it on stderr, if at all."""
    with contextlib.ExitStack() as stack:
        sink = sys.stderr if app.verbose else stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        stack.enter_context(contextlib.redirect_stdout(sink))
        yield


def single_device(app: App, asked: ExecutorOptions) -> str:
    """The device, where there can be only one."""
    devices = _devices(app, asked)
    if len(devices) > 1:
        raise click.BadParameter(f"one device, not {', '.join(devices)}.", param_hint="--device")
    return devices[0]


def loop_settings(app: App, asked: ExecutorOptions, device: str, *, share: int) -> LoopSettings:
    """Settings of one of ``share`` slot loops on a machine."""
    cores = max(1, usable_cores() // share)
    capacity, grow = _capacity(asked, device, cores)
    own = asked.tracker not in app.catalog
    return LoopSettings(
        capacity=capacity,
        decoders=asked.decoders or cores,
        workers=cores,
        lookahead_bytes=max(LEAST_FRAME_MEMORY, (asked.frame_memory << 20) // share),
        timeout=asked.timeout if own or is_network(app, asked.tracker) else None,  # the others are known to return
        read_timeout=asked.timeout,
        grow=grow,
        waves=None if asked.waves == "auto" else int(asked.waves),
        batch=1 if device == "cpu" and is_network(app, asked.tracker) else None,  # a processor gains nothing by more
    )


def _capacity(asked: ExecutorOptions, device: str, cores: int) -> tuple[int, bool]:
    """Streams tracked together, and whether to look for a better number while running."""
    if asked.capacity == "auto":
        return (FIRST_CAPACITY, True) if device.startswith("cuda") else (max(2, cores), False)
    if not asked.capacity.isdigit() or int(asked.capacity) < 1:
        raise click.BadParameter(
            f"{asked.capacity!r} is neither a positive number nor `auto`.", param_hint="--capacity"
        )
    return int(asked.capacity), False


def _order(app: App, asked: ExecutorOptions, rank: int, device: str, count: int) -> Order:
    return Order(
        tracker=_absolute_tracker(asked.tracker, app),
        catalog=dict(app.catalog),
        options=dataclasses.replace(asked.options, device=device, weights=_absolute(asked.options.weights)),
        settings=loop_settings(app, asked, device, share=count if asked.executor == "local" else 1),
        timeout=asked.timeout,
        rank=rank,
        code=(*CODE, *app.code),
    )


def _absolute_tracker(tracker: str, app: App) -> str:
    place, colon, name = tracker.rpartition(":")
    if tracker in app.catalog or not place.endswith(".py"):
        return tracker
    return f"{Path(place).expanduser().resolve()}{colon}{name}"


def _absolute(weights: str | None) -> str | None:
    return str(Path(weights).resolve()) if weights is not None and Path(weights).exists() else weights


def _devices(app: App, asked: ExecutorOptions) -> list[str]:
    """The device of each worker."""
    kind, _, numbers = _device(app, asked).partition(":")
    listed = [number.strip() for number in numbers.split(",") if number.strip()]
    if not all(number.isdigit() for number in listed) or (kind not in {"cpu", "cuda"} and listed):
        raise click.BadParameter(
            f"{asked.device!r} is none of auto, cpu, cuda, cuda:1, cuda:0,1.", param_hint="--device"
        )
    if asked.executor == "ray":
        return [kind] * (asked.workers or _ray_workers(asked, kind))
    if not listed:
        count = asked.workers or 1
        return [kind] if count == 1 else [f"{kind}:{n}" if kind == "cuda" else kind for n in range(count)]
    if asked.workers not in {None, len(listed)}:
        raise click.BadParameter(
            f"{asked.workers} workers for {len(listed)} devices; leave it out: one per device.", param_hint="--workers"
        )
    return [f"{kind}:{number}" for number in listed]


def _ray_workers(asked: ExecutorOptions, kind: str) -> int:
    from evalkit.tracking.ray_workers import cluster_resources

    found = cluster_resources(asked.ray_address)
    return max(1, int(found.get("GPU", 0) if kind == "cuda" else found["nodes"]))


def _device(app: App, asked: ExecutorOptions) -> str:
    tracker, device = asked.tracker, asked.device
    if tracker in app.catalog and not is_network(app, tracker):
        return "cpu"  # nothing of it runs on a device
    if device != "auto":
        return device
    if tracker not in app.catalog:
        return "cpu"
    if asked.executor == "ray":
        from evalkit.tracking.ray_workers import cluster_resources

        return "cuda" if cluster_resources(asked.ray_address).get("GPU", 0) else "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
