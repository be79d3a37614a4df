"""Threads that never keep a process alive, and waiting with a limit: what hangs must not hang the run."""

import collections
import collections.abc as cabc
import queue
import threading
import time
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from evalkit.errors import StoreError, TrackerError, text_of
from evalkit.tracking.timing import LoopTiming, Timed, timed

P = ParamSpec("P")
R = TypeVar("R")
TICK = 1.0
WRITE_SECONDS = 600.0
"""A disk may be slow, and a file server may be away for a while; after this time it counts as gone."""


def contained(problem: BaseException) -> Exception:
    """An exception that ends one call: SystemExit, GeneratorExit, and their kind would end the program.

    Example:
        >>> contained(GeneratorExit("enough"))
        TrackerError('GeneratorExit: enough')
    """
    if isinstance(problem, Exception):
        return problem
    error = TrackerError(f"{type(problem).__name__}: {text_of(problem)}".removesuffix(": "))
    error.__cause__ = problem
    return error


class DaemonPool:
    """A pool of daemon threads.

    ``concurrent.futures.ThreadPoolExecutor`` joins its threads when the interpreter ends, so one call that never
    returns would keep the process forever. Here such a thread is given up with :meth:`replace_lost`.

    Args:
        workers: Number of threads, kept as ``size``.
        name: Prefix of the threads' names.

    Example:
        >>> with DaemonPool(1) as pool:
        ...     pool.submit(max, 3, 5).result(timeout=10)
        5
    """

    def __init__(self, workers: int, name: str = "evalkit") -> None:
        self._tasks: queue.SimpleQueue[cabc.Callable[[], None] | None] = queue.SimpleQueue()
        self._name = name
        self._workers = workers
        self.size = workers
        for _ in range(workers):
            self._start_thread()

    def __enter__(self) -> "DaemonPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, call: cabc.Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Queue a call; its result or exception arrives in the future."""
        future: Future[R] = Future()

        def task() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = call(*args, **kwargs)
            except BaseException as problem:  # noqa: BLE001 - a thread's boundary: all goes to the caller
                future.set_exception(contained(problem))
            else:
                future.set_result(result)

        self._tasks.put(task)
        return future

    def resize(self, size: int) -> None:
        """Have another number of threads; those that are too many end after the calls that are queued now."""
        for _ in range(self.size, size):
            self._start_thread()
        for _ in range(size, self.size):
            self._tasks.put(None)
        self._workers += size - self.size
        self.size = size

    def replace_lost(self) -> None:
        """Start one more thread, for one that is stuck in a call which never returns."""
        self._workers += 1
        self._start_thread()

    def close(self) -> None:
        """Let idle threads end; a stuck one dies with the process."""
        for _ in range(self._workers):
            self._tasks.put(None)

    def _start_thread(self) -> None:
        threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
            del task  # a future's result must not live until the next task arrives


class HangingError(Exception):
    """A call did not return in time; a signal to the loop, not an error that anyone sees."""


def limited(future: Future[R], timeout: float | None) -> R:
    """A call's result.

    Raises:
        HangingError: It is not there in time.
    """
    try:
        return future.result(timeout)
    except TimeoutError:
        if future.done():  # the call itself raised a TimeoutError
            raise
        raise HangingError from None


def call_here(function: cabc.Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
    """What a pool's ``submit`` does, in this thread."""
    future: Future[R] = Future()
    try:
        future.set_result(function(*args, **kwargs))
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # noqa: BLE001 - same boundary as a pool's thread
        future.set_exception(contained(problem))
    return future


@dataclass(slots=True, eq=False)
class Writes:
    """Results on their way to the disk, in order.

    Attributes:
        writer: One thread.
        timing: Counts them.
        on_note: Called at once when the first write fails; the run ends only after the step under way.
        on_beat: Called while the disk is waited for: a slow disk is no worker that stands still.
    """

    writer: DaemonPool
    timing: LoopTiming
    on_note: cabc.Callable[[str], None]
    on_beat: cabc.Callable[[], None]
    _under_way: collections.deque[Future[Timed[None]]] = field(default_factory=collections.deque)
    _told: bool = False

    def __len__(self) -> int:
        return len(self._under_way)

    def submit(self, call: cabc.Callable[..., None], *args: object) -> None:
        """Queue a write."""
        write = self.writer.submit(timed, call, *args)
        write.add_done_callback(self._tell)
        self._under_way.append(write)

    def check(self, *, wait: bool) -> None:
        """Take note of what has been written; with ``wait`` of all.

        Raises:
            EvalkitError: A write failed, or the disk does not answer.
        """
        begin = time.perf_counter()
        while self._under_way and (wait or self._under_way[0].done()):
            self.timing.write.add(self._result(self._under_way.popleft()))
        self.timing.wait_write += time.perf_counter() - begin

    def finish(self) -> Exception | None:
        """Wait for all; the first problem, if there is one."""
        problems = []
        while self._under_way:
            try:
                self.check(wait=True)
            except Exception as problem:  # noqa: BLE001 - the other results must reach the disk
                problems.append(problem)
        return problems[0] if problems else None

    def _result(self, write: Future[Timed[None]]) -> Timed[None]:
        for _ in range(round(WRITE_SECONDS / TICK)):
            self.on_beat()
            if wait([write], timeout=TICK).done:
                return write.result()
        self._under_way.clear()  # they wait behind this one
        raise StoreError(f"the disk did not take a result within {WRITE_SECONDS:g} s.")

    def _tell(self, write: Future[Timed[None]]) -> None:
        if (problem := write.exception()) is not None and not self._told:
            self._told = True
            self.on_note(f"a result cannot be stored, the run ends: {problem}")
