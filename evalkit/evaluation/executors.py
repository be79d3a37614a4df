"""From the command line's words to an executor: which devices, how many workers, how many streams and threads."""

import collections.abc as cabc
import contextlib
import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import evalkit
from evalkit.errors import OptionError, StoreError
from evalkit.machine import usable_cores, usable_memory
from evalkit.store.manifest import RunEnvironment, current_environment
from evalkit.tracking.catalog import TrackerEntry, check_name, load_tracker, refuse_known
from evalkit.tracking.dispatch import Limits
from evalkit.tracking.execution import Executor, InProcess, Site, workers
from evalkit.tracking.interface import Tracker, TrackerOptions
from evalkit.tracking.local_workers import LocalSite
from evalkit.tracking.loop import LoopSettings
from evalkit.tracking.messages import Order
from evalkit.tracking.own import of_python
from evalkit.tracking.ray_workers import RaySite
from evalkit.tracking.repository import parse_own
from evalkit.tracking.sizing import Sizing

PACKAGE = Path(evalkit.__file__).parent
CODE = (PACKAGE / "tracking", PACKAGE / "images.py")  # what decides boxes, besides the trackers
START_SECONDS = 600.0
MARGIN_SECONDS = 20.0
"""A worker ends a step that hangs by itself; one that is this much later than the limit stands still."""


@dataclass(frozen=True, slots=True)
class ExecutorOptions:
    """What the command line says of how to run; nothing of it changes a box, apart from the tracker's options.

    Attributes:
        tracker: Name or own file.
        options: Weights, precision, seed; the device is in ``device``.
        catalog: Trackers known by name.
        code: Folders of their sources, part of a run's environment record.
        device: auto, cpu, cuda, cuda:1, cuda:0,1.
        executor: A name of :data:`EXECUTORS`.
        workers: Number of workers, None = one per device.
        ray_address: Of a cluster.
        capacity: A number or auto.
        waves: 1, 2 or auto.
        decoders: Threads per worker, None = the cores divided among the workers.
        frame_memory: MiB for decoded frames on each machine.
        timeout: Seconds after which one step hangs.
        allow_mixed: Workers may have other libraries than this process.
        verbose: Show what Ray says of its processes.
        own: A class or an object of this process in the place of a name.
    """

    tracker: str
    options: TrackerOptions
    catalog: cabc.Mapping[str, TrackerEntry] = field(default_factory=dict)
    code: tuple[Path, ...] = ()
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
    verbose: bool = False
    own: object = None

    @property
    def site(self) -> Site:
        """The machines of the executor that was asked for."""
        return EXECUTORS[self.executor](self)

    @property
    def in_process(self) -> bool:
        """Whether there is a single worker, which needs no process of its own."""
        return self.site.here and self.workers in {None, 1} and "," not in self.device

    @property
    def is_network(self) -> bool:
        """Whether the tracker is of the catalog and computes on a device."""
        entry = self.catalog.get(self.tracker)
        return entry is not None and entry.parameters is not None

    def environment(self) -> RunEnvironment:
        """Code and libraries of this process that decide the boxes."""
        return current_environment([*CODE, *self.code])


EXECUTORS: cabc.Mapping[str, cabc.Callable[[ExecutorOptions], Site]] = {
    "local": lambda asked: LocalSite(asked.workers),
    "ray": lambda asked: RaySite(asked.workers, asked.ray_address, asked.verbose),
}
"""Name -> where its workers run; a further executor is a file with its site and transport, and a row here."""


@contextlib.contextmanager
def open_executor(asked: ExecutorOptions) -> cabc.Iterator[Executor]:
    """Build the tracker, here or in workers.

    Raises:
        EvalkitError: The tracker cannot be built, or workers cannot be started.
    """
    if asked.own is None:
        check_name(asked.catalog, asked.tracker)
    site, devices = asked.site, _devices(asked)
    if site.here and len(devices) == 1:
        options = dataclasses.replace(asked.options, device=devices[0])
        tracker = _load(asked, options)
        settings = loop_settings(asked, devices[0], share=1)
        yield InProcess(tracker, settings, device=devices[0], environment=asked.environment())
        return

    if asked.own is not None:
        raise OptionError("workers", f"{asked.tracker} is known to this process alone; give FILE.py:CLASS to workers.")
    environment = asked.environment()

    def accept(other: RunEnvironment, host: str) -> None:
        if other.differences(environment) and not asked.allow_mixed:
            raise StoreError(
                f"the worker on {host} has another environment: {'; '.join(other.differences(environment))}. Its boxes "
                "may differ. Install the same versions on all machines, or use --allow-mixed (tables will say so)."
            )

    limits = Limits(start=max(START_SECONDS, asked.timeout), silence=asked.timeout + MARGIN_SECONDS)
    with (
        site.transport(_orders(asked, site, devices)) as transport,
        workers(transport, limits, accept) as executor,
    ):
        yield executor


def _load(asked: ExecutorOptions, options: TrackerOptions) -> Tracker[Any, Any]:
    if asked.own is None:
        return load_tracker(asked.catalog, asked.tracker, options, timeout=asked.timeout)
    tracker = of_python(asked.own, options, timeout=asked.timeout)
    refuse_known(asked.catalog, tracker, asked.tracker)
    return tracker


def single_device(asked: ExecutorOptions) -> str:
    """The device, where there can be only one."""
    devices = _devices(asked)
    if len(devices) > 1:
        raise OptionError("--device", f"one device, not {', '.join(devices)}.")
    return devices[0]


def loop_settings(asked: ExecutorOptions, device: str, *, share: int) -> LoopSettings:
    """Settings of one of ``share`` slot loops on this machine."""
    return _sizing(asked).settings(device, usable_cores(), share, usable_memory())


def _sizing(asked: ExecutorOptions) -> Sizing:
    if asked.capacity != "auto" and (not asked.capacity.isdigit() or int(asked.capacity) < 1):
        raise OptionError("--capacity", f"{asked.capacity!r} is neither a positive number nor `auto`.")
    network = asked.is_network
    return Sizing(
        capacity=None if asked.capacity == "auto" else int(asked.capacity),
        waves=None if asked.waves == "auto" else int(asked.waves),
        decoders=asked.decoders,
        frame_memory=asked.frame_memory << 20,
        timeout=asked.timeout,
        limited=network or asked.tracker not in asked.catalog,  # the others are known to return
        network=network,
    )


def _orders(asked: ExecutorOptions, site: Site, devices: cabc.Sequence[str]) -> list[Order]:
    tracker, root = asked.tracker, asked.options.root
    if tracker not in asked.catalog:
        tracker, root = parse_own(tracker).portable(root)
    weights = asked.options.weights
    if weights is not None and Path(weights).exists():  # a worker may have another working folder
        weights = str(Path(weights).resolve())
    first = Order(
        tracker=tracker,
        catalog=dict(asked.catalog),
        options=dataclasses.replace(asked.options, weights=weights, root=root),
        sizing=_sizing(asked),
        share=-(-len(devices) // site.machines()),
        rank=0,
        code=(*CODE, *asked.code),
    )
    return [
        dataclasses.replace(first, rank=rank, options=dataclasses.replace(first.options, device=device))
        for rank, device in enumerate(devices)
    ]


def _devices(asked: ExecutorOptions) -> list[str]:
    """The device of each worker."""
    kind, _, numbers = _device(asked).partition(":")
    listed = [number.strip() for number in numbers.split(",") if number.strip()]
    if not all(number.isdigit() for number in listed) or (kind not in {"cpu", "cuda"} and listed):
        raise OptionError("--device", f"{asked.device!r} is none of auto, cpu, cuda, cuda:1, cuda:0,1.")
    return asked.site.devices(kind, listed)


def _device(asked: ExecutorOptions) -> str:
    if asked.tracker in asked.catalog and not asked.is_network:
        return "cpu"  # nothing of it runs on a device
    if asked.device != "auto":
        return asked.device
    return "cuda" if asked.is_network and asked.site.has_card() else "cpu"
