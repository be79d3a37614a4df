"""A stranger's pickle as inert values: no class is imported, no function called, no size believed.

A pickle is a program for a small stack machine. Here is that machine without its teeth: names stay names, objects
become :class:`Placeholder`, and only the few builders that the caller passes make something else. Python's own machine
imports and calls what the file names; torch's safe one refuses files with any object that it does not know.
"""

import collections.abc as cabc
import pickletools
import re
from typing import Any, BinaryIO

MAX_STEPS = 1_000_000
"""Weights need about 50 per tensor, with an optimizer's state 200."""
_MAX_KEY = 1 << 32  # larger integers can be chosen to collide in a dictionary, which then takes forever


class InertPickleError(Exception):
    """A pickle asks for something that data does not need."""


class Placeholder:
    """Stands for an object that is not made: keeps nothing, does nothing."""

    __slots__ = ()


class Name(Placeholder):
    """Stands for a class or function.

    Attributes:
        full: ``module.name``.
    """

    __slots__ = ("full",)

    def __init__(self, full: str) -> None:
        self.full = full


Builders = cabc.Mapping[str, cabc.Callable[..., object]]


def load_inert(
    file: bytes | BinaryIO,
    builders: Builders,
    persistent: cabc.Callable[[Any], object],
    check_name: cabc.Callable[[str], None],
) -> Any:
    """Run a pickle up to its end and return the value on top of its stack.

    Numbers, texts, dictionaries, lists, and tuples are themselves; of dictionaries, items with other keys than texts
    and small integers are left out. Everything else is a :class:`Placeholder`.

    Args:
        file: The pickle; an open file stands behind it afterwards.
        builders: ``module.name`` -> what to do instead of calling it.
        persistent: Makes the object of a persistent id.
        check_name: Called with every other ``module.name``; raises to refuse the file.

    Raises:
        InertPickleError: An instruction that data does not need, or too many.
        Exception: The pickle is damaged; any of Python's errors for wrong types and values.
    """
    machine = _Machine(builders, persistent, check_name)
    for opcode, argument, _ in pickletools.genops(file):
        machine.step(opcode.name, argument)
    return machine.stack.pop()


class _Machine:
    def __init__(
        self, builders: Builders, persistent: cabc.Callable[[Any], object], check_name: cabc.Callable[[str], None]
    ) -> None:
        self.builders = builders
        self.persistent = persistent
        self.check_name = check_name
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.steps = 0

    def step(self, name: str, argument: Any) -> None:
        self.count(1)
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _NEW:
            self.stack.append(_NEW[name]())
        elif name in _MEMO:
            self._remember(name, argument)
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        elif name not in _NOTHING_TO_DO:
            raise InertPickleError(f"its pickle uses {name}, which weights do not need")

    def count(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise InertPickleError(f"its pickle has more than {MAX_STEPS:,} steps; weights need far fewer")

    def since_mark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def last(self, count: int) -> tuple[Any, ...]:
        items = tuple(self.stack[-count:])
        if len(items) < count:
            raise IndexError("the stack is empty")
        del self.stack[-count:]
        return items

    def _remember(self, name: str, argument: Any) -> None:
        place = len(self.memo) if argument is None else argument
        if "PUT" in name and place > self.steps:
            raise InertPickleError(f"its pickle reserves {place} memo places")
        if "GET" in name:
            self.stack.append(self.memo[place])
        else:
            self.memo[place] = self.stack[-1]

    def mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    def pop(self, _: Any) -> None:
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self.stack.pop()

    def global_name(self, argument: Any) -> None:
        module, name = argument.split(" ", 1) if argument is not None else self.last(2)
        if not (isinstance(module, str) and isinstance(name, str)):
            raise TypeError("a name that is no text")
        full = f"{module}.{name}"
        if full not in self.builders:
            self.check_name(full)
        self.stack.append(Name(full))

    def call(self, _: Any) -> None:
        function, arguments = self.last(2)
        builder = self.builders.get(function.full) if isinstance(function, Name) else None
        if builder is None:
            self.stack.append(Placeholder())
            return
        self.count(sum(len(items) for items in arguments if isinstance(items, list)))  # it may walk through them
        self.stack.append(builder(*arguments))

    def append(self, items: cabc.Iterable[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def set_items(self, items: cabc.Sequence[Any]) -> None:
        if isinstance(self.stack[-1], dict):
            set_items(self.stack[-1], zip(items[::2], items[1::2], strict=True))


def set_items(target: dict[Any, Any], pairs: cabc.Iterable[tuple[Any, Any]]) -> None:
    """Put items into a dictionary, but for keys that could be nested without end or collide on purpose."""
    target.update((key, value) for key, value in pairs if _is_plain(key))


def _is_plain(key: object) -> bool:
    return abs(key) <= _MAX_KEY if isinstance(key, int) else isinstance(key, str | bytes | None)


_NOTHING_TO_DO = frozenset({"PROTO", "FRAME", "STOP"})
_VALUE = re.compile(r"INT|LONG[14]?|BININT[12]?|(BIN)?FLOAT|((SHORT_)?BIN)?(STRING|UNICODE|BYTES)8?|BYTEARRAY8")
_VALUES = frozenset(opcode.name for opcode in pickletools.opcodes if _VALUE.fullmatch(opcode.name))
_NEW: dict[str, cabc.Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": Placeholder,
}
_MEMO = frozenset({"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET"})


def _dictionary(machine: _Machine, _: Any) -> None:
    items = machine.since_mark()
    machine.stack.append({})
    machine.set_items(items)


def _inert(count: int) -> cabc.Callable[[_Machine, Any], None]:
    def action(machine: _Machine, _: Any) -> None:
        machine.last(count)
        machine.stack.append(Placeholder())

    return action


def _frozen_set(machine: _Machine, _: Any) -> None:
    machine.since_mark()
    machine.stack.append(Placeholder())


_ACTIONS: dict[str, cabc.Callable[[_Machine, Any], object]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": lambda machine, _: machine.since_mark(),
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.stack.append(machine.last(1)),
    "TUPLE2": lambda machine, _: machine.stack.append(machine.last(2)),
    "TUPLE3": lambda machine, _: machine.stack.append(machine.last(3)),
    "LIST": lambda machine, _: machine.stack.append(machine.since_mark()),
    "DICT": _dictionary,
    "FROZENSET": _frozen_set,
    "APPEND": lambda machine, _: machine.append(machine.last(1)),
    "APPENDS": lambda machine, _: machine.append(machine.since_mark()),
    "ADDITEMS": lambda machine, _: machine.since_mark(),
    "SETITEM": lambda machine, _: machine.set_items(machine.last(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
    "GLOBAL": _Machine.global_name,
    "STACK_GLOBAL": _Machine.global_name,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "NEWOBJ_EX": _inert(3),
    "BUILD": lambda machine, _: machine.last(1),  # an object's state
    "BINPERSID": lambda machine, _: machine.stack.append(machine.persistent(machine.stack.pop())),
}
