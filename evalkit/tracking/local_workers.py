"""Workers as processes of this machine, one per device."""

import collections.abc as cabc
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import TextIO, cast

from evalkit.errors import OptionError, counted
from evalkit.tracking.messages import Event, Lost, Message, Order, Stop
from evalkit.tracking.threads import DaemonPool
from evalkit.tracking.worker import Worker
from evalkit.visible import Shown

JOIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Link:
    """A process, the pipe to it, and the thread that writes into the pipe (which may be full)."""

    process: SpawnProcess
    pipe: Connection
    sender: DaemonPool


@dataclass(frozen=True, slots=True)
class LocalSite:
    """This machine; see :class:`~evalkit.tracking.execution.Site`.

    Attributes:
        workers: Number of workers, None = one per device.
    """

    workers: int | None
    here: bool = True

    def has_card(self) -> bool:
        """As torch says, where it is installed."""
        try:
            import torch
        except ImportError:
            return False  # building the tracker says what is missing
        return torch.cuda.is_available()

    def devices(self, kind: str, numbers: cabc.Sequence[str]) -> list[str]:
        """The cards that were named, or as many as there are workers."""
        if not numbers:
            count = self.workers or 1
            return [kind] if count == 1 else [f"{kind}:{n}" if kind == "cuda" else kind for n in range(count)]
        if self.workers not in {None, len(numbers)}:
            raise OptionError(
                "--workers",
                f"{counted(self.workers or 0, 'worker')} for {counted(len(numbers), 'device')}; "
                "leave it out: one per device.",
            )
        return [f"{kind}:{number}" for number in numbers]

    def machines(self) -> int:
        """One."""
        return 1

    def transport(self, orders: cabc.Sequence[Order]) -> contextlib.AbstractContextManager["LocalTransport"]:
        """Processes of their own."""
        return contextlib.nullcontext(LocalTransport(orders))


class LocalTransport:
    """Spawned processes with a pipe each.

    Spawned, not forked: a forked child of a process with threads or a CUDA context is broken.

    Args:
        orders: One per worker.
    """

    def __init__(self, orders: cabc.Sequence[Order]) -> None:
        self._orders = {order.rank: order for order in orders}
        self._links: dict[int, _Link] = {}
        self._context = multiprocessing.get_context("spawn")

    @property
    def ranks(self) -> cabc.Sequence[int]:
        """Numbers of the workers."""
        return list(self._orders)

    def start(self, rank: int) -> None:
        """Spawn a process."""
        here, there = self._context.Pipe()
        process = self._context.Process(target=_main, args=(self._orders[rank], there), daemon=True)
        process.start()
        there.close()
        self._links[rank] = _Link(process, here, DaemonPool(1, f"send-{rank}"))

    def send(self, rank: int, message: Message) -> None:
        """Hand a message to the thread that sends."""
        link = self._links.get(rank)
        if link is not None:
            link.sender.submit(_send, link.pipe, message)

    def receive(self, timeout: float) -> list[tuple[int, Event]]:
        """What has arrived from all workers."""
        pipes = {id(link.pipe): rank for rank, link in self._links.items()}
        events: list[tuple[int, Event]] = []
        for pipe in wait([link.pipe for link in self._links.values()], timeout):
            rank = pipes[id(pipe)]
            events += [(rank, event) for event in self._drain(rank)]
        return events

    def kill(self, rank: int) -> None:
        """SIGKILL."""
        link = self._links.pop(rank, None)
        if link is not None:
            link.process.kill()
            self._forget(link)

    def close(self) -> None:
        """Kill all that are left."""
        for rank in list(self._links):
            self.kill(rank)

    def _drain(self, rank: int) -> list[Event]:
        link = self._links[rank]
        events: list[Event] = []
        try:
            while link.pipe.poll():
                events.append(link.pipe.recv())
        except (EOFError, OSError):  # all ends of the pipe at the other side are closed: the process is gone
            del self._links[rank]
            self._forget(link)
            events.append(Lost(_exit_text(link.process.exitcode)))
        return events

    def _forget(self, link: _Link) -> None:
        link.process.join(JOIN_SECONDS)
        link.sender.close()
        link.pipe.close()


def _send(pipe: Connection, message: Message) -> None:
    with contextlib.suppress(OSError):  # gone: its end of the pipe says so to receive()
        pipe.send(message)


def _exit_text(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return f"its process was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"its process was ended by signal {-code}"
    return f"its process ended with exit code {code}"


def _main(order: Order, pipe: Connection) -> None:
    """The worker's process."""
    lock = threading.Lock()

    def emit(event: Event) -> None:
        try:
            with lock:
                pipe.send(event)
        except OSError:  # the main process is gone, and with it the lock on the run
            os._exit(1)

    worker = Worker(order, emit)

    def listen() -> None:
        try:
            while True:
                worker.tell(pipe.recv())
        except (EOFError, OSError):
            os._exit(1)

    def stop(_number: int, _frame: FrameType | None) -> None:
        worker.tell(Stop())

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the main one decides
    signal.signal(signal.SIGTERM, stop)  # batch systems signal all processes of a job
    threading.Thread(target=listen, name="listen", daemon=True).start()
    prints = cast("TextIO", Shown(sys.stderr))  # stdout is for the command's results
    with contextlib.redirect_stdout(prints), contextlib.redirect_stderr(prints):
        worker.run()
