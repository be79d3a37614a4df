"""Workers as Ray actors on any number of machines that share the data and the results folder.

Ray gives each actor a GPU of its own, starts it wherever one is free, waits for machines that are yet to come, and says
when an actor or its machine is gone. It does not notice an actor that stands still, and knows nothing of sequences:
that is :mod:`evalkit.tracking.dispatch`. Actors are called directly and every wait has a time limit: Ray's own pool of
actors was seen to hang when one of them was killed.
"""

import collections.abc as cabc
import contextlib
import dataclasses
import logging
import os
import queue
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import EvalkitError
from evalkit.tracking.messages import Broken, Ended, Event, Lost, Message, Order
from evalkit.tracking.threads import DaemonPool
from evalkit.tracking.worker import Worker

CONNECT_SECONDS = 60.0
REACH_SECONDS = 10.0
ANSWER_SECONDS = 30.0
POLL_SECONDS = 1.0
LOOK_SECONDS = 5.0
"""Between two looks for machines that have joined."""


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster, with what it lends to Ray.

    Attributes:
        key: Ray's identity of it; one that leaves and comes back has another.
        cpus: Cores.
        gpus: Cards.
    """

    key: str
    cpus: int
    gpus: int

    def room(self, *, gpus: bool) -> int:
        """Workers for which it is meant: one per card, or one that uses all cores."""
        return self.gpus if gpus else min(self.cpus, 1)


@dataclass(frozen=True, slots=True)
class RaySite:
    """The machines of a Ray cluster; see :class:`~evalkit.tracking.execution.Site`.

    Attributes:
        workers: Number of workers, None = as many as there is room for.
        address: Of a running cluster, "auto" for the one that this machine belongs to, None to start one here.
        verbose: Show what Ray says of its processes.
    """

    workers: int | None
    address: str | None
    verbose: bool
    here: bool = False

    def has_card(self) -> bool:
        """Whether any machine of the cluster lends one."""
        return any(node.gpus for node in self._nodes())

    def devices(self, kind: str, numbers: cabc.Sequence[str]) -> list[str]:  # noqa: ARG002 - Ray chooses the cards
        """Each worker sees one card only, whichever Ray gives it."""
        room = sum(node.room(gpus=kind == "cuda") for node in self._nodes()) if self.workers is None else self.workers
        return [kind] * max(1, room)

    def machines(self) -> int:
        """Those that are there now."""
        return max(1, len(self._nodes()))

    @contextlib.contextmanager
    def transport(self, orders: cabc.Sequence[Order]) -> cabc.Iterator["RayTransport"]:
        """Actors; further ones on machines that join later, unless their number was given."""
        gpus, grow = orders[0].options.device == "cuda", self.workers is None
        with contextlib.ExitStack() as stack:
            # Ray prints what happens to its processes on stdout, which is for results
            sink = sys.stderr if self.verbose else stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(sink))
            yield RayTransport(orders, gpus=gpus, address=self.address, grow=grow)

    def _nodes(self) -> list[Node]:
        return _nodes(connect(self.address))


class RayWorker:
    """The actor: a worker in a thread, its events in a queue."""

    def __init__(self, order: Order) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        import ray

        key = ray.get_runtime_context().get_node_id()
        cpus = next((node.cpus for node in _nodes(ray) if node.key == key), None)
        self._worker = Worker(order, self._events.put, node=key, cores=cpus)
        threading.Thread(target=self._worker.run, name="worker", daemon=True).start()

    def tell(self, message: Message) -> None:
        """Take a message."""
        self._worker.tell(message)

    def poll(self, seconds: float) -> list[Event]:
        """Events that have arrived; waits for the first one up to ``seconds``."""
        events: list[Event] = []
        with contextlib.suppress(queue.Empty):
            events.append(self._events.get(timeout=seconds))
            while True:
                events.append(self._events.get_nowait())
        return events


class RayTransport:
    """Actors with one GPU each, or with one processor core on machines without.

    Args:
        orders: One per worker.
        gpus: One GPU per actor.
        address: Of a running cluster, "auto" for the one that this machine belongs to, None to start one here.
        grow: Have further workers on machines that join later.

    Raises:
        EvalkitError: Ray is not installed, or the cluster cannot be reached.
    """

    def __init__(self, orders: cabc.Sequence[Order], *, gpus: bool, address: str | None, grow: bool = False) -> None:
        self._orders = {order.rank: order for order in orders}
        self._gpus = gpus
        self._ray = connect(address)
        self._actors: dict[int, Any] = {}
        self._polls: dict[Any, int] = {}
        self._grow = grow
        self._known = {node.key for node in _nodes(self._ray)}
        self._looked = time.monotonic()

    @property
    def ranks(self) -> cabc.Sequence[int]:
        """Numbers of the workers; more than before when a machine has joined."""
        if self._grow and time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            with contextlib.suppress(self._ray.exceptions.RayError, RuntimeError, OSError):  # the head is busy or gone
                for node in _nodes(self._ray):
                    self._take_in(node)
        return list(self._orders)

    def _take_in(self, node: Node) -> None:
        room = 0 if node.key in self._known else node.room(gpus=self._gpus)
        first = len(self._orders)
        new = range(first, first + room)
        self._orders |= {rank: dataclasses.replace(self._orders[0], rank=rank, share=room) for rank in new}
        self._known.add(node.key)

    def start(self, rank: int) -> None:
        """Ask for an actor; Ray creates it when a machine has room for it."""
        kind = self._ray.remote(RayWorker).options(
            num_cpus=1, num_gpus=int(self._gpus), max_restarts=0, max_concurrency=4, scheduling_strategy="SPREAD"
        )
        self._actors[rank] = kind.remote(self._orders[rank])
        self._poll(rank)

    def send(self, rank: int, message: Message) -> None:
        """Call the actor and do not wait; if it is gone, the pending poll says so."""
        if rank in self._actors:
            self._actors[rank].tell.remote(message)

    def receive(self, timeout: float) -> list[tuple[int, Event]]:
        """What has arrived from all actors."""
        waiting = list(self._polls)
        ready, _ = self._ray.wait(waiting, num_returns=1, timeout=timeout) if waiting else ([], [])
        if ready:  # and whatever else is there by now
            ready, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=0)
        events: list[tuple[int, Event]] = []
        for reference in ready:
            rank = self._polls.pop(reference, None)
            if rank is not None:
                events += [(rank, event) for event in self._answer(rank, reference)]
        return events

    def kill(self, rank: int) -> None:
        """End an actor's process."""
        actor = self._actors.pop(rank, None)
        self._polls = {reference: other for reference, other in self._polls.items() if other != rank}
        if actor is not None:
            with contextlib.suppress(self._ray.exceptions.RayError, ValueError):
                self._ray.kill(actor, no_restart=True)

    def close(self) -> None:
        """End all actors and leave the cluster."""
        for rank in list(self._actors):
            self.kill(rank)
        with contextlib.suppress(TimeoutError):
            DaemonPool(1, "ray").submit(self._ray.shutdown).result(ANSWER_SECONDS)

    def _poll(self, rank: int) -> None:
        self._polls[self._actors[rank].poll.remote(POLL_SECONDS)] = rank

    def _answer(self, rank: int, reference: Any) -> list[Event]:
        try:
            events: list[Event] = self._ray.get(reference, timeout=ANSWER_SECONDS)
        except self._ray.exceptions.RayError as problem:  # the actor or its machine is gone, or does not answer
            self.kill(rank)
            first = next((line.strip() for line in str(problem).splitlines() if line.strip()), "no reason given")
            return [Lost(f"{type(problem).__name__}: {first}")]
        if not any(isinstance(event, Ended | Broken) for event in events):
            self._poll(rank)
        return events


def connect(address: str | None) -> Any:
    """Join a Ray cluster, or start one on this machine; usage statistics are off.

    Returns:
        The module ``ray``.

    Raises:
        EvalkitError: Ray is not installed, or the cluster cannot be reached in time.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns of a future change
    try:
        import ray
    except ImportError:
        raise EvalkitError("--executor ray needs Ray: pip install 'evalkit[ray]'.") from None
    if ray.is_initialized():
        return ray
    _check_reachable(address)

    logging.getLogger("ray").setLevel(logging.ERROR)

    def join() -> None:
        ray.init(
            address=address,
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=False,
        )

    try:
        DaemonPool(1, "ray").submit(join).result(CONNECT_SECONDS)
    except TimeoutError:
        raise EvalkitError(f"Ray: no cluster at {address or 'this machine'} within {CONNECT_SECONDS:g} s.") from None
    except (ConnectionError, RuntimeError, ValueError, OSError) as problem:
        raise EvalkitError(f"Ray: cannot use the cluster at {address or 'this machine'}: {problem}") from problem
    return ray


def _check_reachable(address: str | None) -> None:
    """Ask whether anything listens at ``host:port``: Ray itself would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdigit():
        return  # None, "auto", "ray://...": Ray knows what is meant
    try:
        socket.create_connection((host, int(port)), timeout=REACH_SECONDS).close()
    except (OSError, OverflowError) as problem:
        raise EvalkitError(f"Ray: nothing answers at {address}: {problem}.") from problem


def _nodes(ray: Any) -> list[Node]:
    alive = [(node["NodeID"], node["Resources"]) for node in ray.nodes() if node["Alive"]]
    return [Node(key, int(has.get("CPU", 0)), int(has.get("GPU", 0))) for key, has in alive]
