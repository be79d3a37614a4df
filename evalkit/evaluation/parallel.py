"""One function over several items on several cores, by forked processes that inherit what was read before."""

import collections.abc as cabc
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from evalkit.machine import usable_cores

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Item = TypeVar("Item")
Result = TypeVar("Result")


# joblib would pickle the function and what it holds, the annotations of a whole benchmark, and start interpreters:
# forked processes inherit both
def fork_map(
    function: cabc.Callable[[Item], Result], items: cabc.Sequence[Item], *, workers: int | None = None
) -> list[Result]:
    """Apply a function to every item, in parallel where that is possible and safe.

    Forking needs a system that can, and a process without other threads; else the items are done one by one. Results
    must be picklable; the function's arguments and surroundings need not, they are inherited.

    Args:
        function: Its exceptions reach the caller.
        items: What to do.
        workers: Number of processes, this one included; default: the cores that this process may use.

    Returns:
        Results in the order of the items.

    Example:
        >>> fork_map(abs, [-1, 2, -3])
        [1, 2, 3]
    """
    count = min(len(items), workers or usable_cores())
    if count < 2 or not hasattr(os, "fork") or threading.active_count() > 1:
        return [function(item) for item in items]
    import multiprocessing

    context = multiprocessing.get_context("fork")
    children = []
    for rank in range(1, count):
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_work, args=(function, items[rank::count], theirs), daemon=True)
        child.start()
        theirs.close()
        children.append((rank, child, ours))
    results: dict[int, Result] = {}
    try:
        results.update(zip(range(0, len(items), count), map(function, items[::count]), strict=True))
        for rank, child, ours in children:
            part = _receive(ours, function, items[rank::count])
            results.update(zip(range(rank, len(items), count), part, strict=True))
            child.join()
    finally:
        for _, child, ours in children:
            ours.close()
            if child.is_alive():
                child.terminate()
    return [results[index] for index in range(len(items))]


def _work(function: cabc.Callable[[Any], Any], items: cabc.Sequence[Any], pipe: "Connection") -> None:
    try:
        answer: tuple[str, Any] = "results", [function(item) for item in items]
    except Exception as problem:  # noqa: BLE001 - the parent raises it
        answer = "problem", problem
    pipe.send(answer)
    pipe.close()


def _receive(pipe: "Connection", function: cabc.Callable[[Any], Any], items: cabc.Sequence[Any]) -> list[Any]:
    try:
        kind, content = pipe.recv()
    except EOFError:  # the child was killed: do its part here
        return [function(item) for item in items]
    if kind == "problem":
        raise content
    return list(content)
