"""Threads that never keep a process alive: a decoder or tracker that hangs must not hang the run."""

import collections.abc as cabc
import queue
import threading
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

from evalkit.errors import TrackerError, text_of

P = ParamSpec("P")
R = TypeVar("R")


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
    returns would keep the process for ever. Here such a thread is given up with :meth:`replace_lost`.

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
