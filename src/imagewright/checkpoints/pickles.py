"""Pickles read as data: the instructions are interpreted here, and none of them can call anything.

Python's unpickler calls whatever a file names. This interpreter knows the same instructions, but a name becomes a
`Global`, and a call of it a `Record`: no code here imports, looks up or calls a name from a file.
`rebuilding.py` then makes tensors of the records that describe tensors.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import IO, Any

from imagewright.checkpoints.records import PERSISTENT, Global, Record, checked_key
from imagewright.errors import RunError

MOST_INSTRUCTIONS = 3_000_000  # a StyleGAN3 pickle has some tens of thousands

# What runs a program, code or another pickle, opens a file or goes to the network: no network is built by these calls.
HOSTILE_MODULES = {"os", "posix", "nt", "subprocess", "pty", "shutil", "sys", "socket", "ctypes", "importlib", "runpy"}
HOSTILE_MODULES |= {"code", "pickle", "_pickle", "urllib.request", "webbrowser", "torch.hub"}
HOSTILE_CALLS = {"eval", "exec", "open", "compile", "__import__"}  # of Python itself
HOSTILE_LOADERS = {"torch.load", "torch.serialization.load", "numpy.load", "io.open", "_io.open"}

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,
    "EMPTY_TUPLE": tuple,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NUMBERS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
_TEXTS = {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
_BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
_LITERALS = _NUMBERS | _TEXTS | _BYTES


def interpret(stream: IO[bytes]) -> Any:
    """The value that the next pickle of a stream describes: plain values, lists, tuples, dictionaries and records.

    A set becomes a list. Raises `RunError`, or any other exception, for a pickle that is damaged or cut short.
    """
    return _Interpreter().run(stream)


def is_hostile(called: Global) -> bool:
    """Whether what a pickle calls is of `HOSTILE_MODULES` and so on."""
    own = called.module in ("builtins", "__builtin__") and called.name in HOSTILE_CALLS
    return own or called.module in HOSTILE_MODULES or str(called) in HOSTILE_LOADERS


class _Interpreter:
    """The stack machine of the pickle format. `rows` are the stacks below the marks that are open."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.rows: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self, stream: IO[bytes]) -> Any:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(stream)):
            if count > MOST_INSTRUCTIONS:
                raise RunError(f"it has more than {MOST_INSTRUCTIONS:,} instructions, which no checkpoint needs.")
            if instruction.name == "STOP":
                return self.stack.pop()
            self._step(instruction.name, argument)
        raise RunError("it has no end.")

    def _step(self, name: str, argument: Any) -> None:
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name in _TUPLES:
            self.stack[-_TUPLES[name] :] = [tuple(self.stack[-_TUPLES[name] :])]
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name not in {"PROTO", "FRAME"}:
            raise RunError(f"it uses the instruction {name}, which no checkpoint needs.")

    # Marks and the memo

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def mark(self, _: Any) -> None:
        self.rows.append(self.stack)
        self.stack = []

    def since_mark(self, _: Any = None) -> list[Any]:
        found, self.stack = self.stack, self.rows.pop()
        return found

    def pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.since_mark()

    def put(self, place: int | None) -> None:
        self.memo[len(self.memo) if place is None else place] = self.stack[-1]

    # Names and calls: they are only written down

    def push_name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise RunError("it has a name that is no text.")
        self.stack.append(Global(module, name))

    def push_call(self, what: Any, args: Any, options: Any) -> None:
        if not isinstance(what, Global) or not isinstance(args, tuple) or not isinstance(options, dict):
            raise RunError("it calls something that is no name.")
        if what is not PERSISTENT and is_hostile(what):
            raise RunError(f"it calls {what}, which builds no network: the file is hostile. Nothing of it ran.")
        self.stack.append(Record(what, args, options))

    def global_name(self, text: str) -> None:
        self.push_name(*text.split(" ", 1))

    def stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.push_name(module, name)

    def reduce(self, _: Any) -> None:
        args, what = self.stack.pop(), self.stack.pop()
        self.push_call(what, args, {})

    def new_with_options(self, _: Any) -> None:
        options, args, what = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.push_call(what, args, options)

    def old_object(self, _: Any) -> None:
        what, *args = self.since_mark()
        self.push_call(what, tuple(args), {})

    def old_instance(self, text: str) -> None:
        args = tuple(self.since_mark())
        self.global_name(text)
        self.push_call(self.stack.pop(), args, {})

    def persistent(self, key: Any) -> None:
        self.push_call(PERSISTENT, (key,), {})

    # Containers

    def extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        (target.values if isinstance(target, Record) else _checked(list, target)).extend(values)

    def set_items(self, flat: list[Any]) -> None:
        target = self.stack[-1]
        entries = target.items if isinstance(target, Record) else _checked(dict, target)
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            entries[checked_key(key)] = value

    def new_dict(self, _: Any) -> None:
        flat = self.since_mark()
        self.stack.append({})
        self.set_items(flat)

    def build(self, _: Any) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Record):
            self.stack[-1].state = state


def _checked(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise RunError(f"it adds to a value of the type {type(value).__name__}.")
    return value


_STEPS: dict[str, Callable[[_Interpreter, Any], Any]] = {
    "MARK": _Interpreter.mark,
    "POP": _Interpreter.pop,
    "POP_MARK": _Interpreter.since_mark,
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Interpreter.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, place: machine.push(machine.memo[place])),
    "GLOBAL": _Interpreter.global_name,
    "STACK_GLOBAL": _Interpreter.stack_global,
    "REDUCE": _Interpreter.reduce,
    "NEWOBJ": _Interpreter.reduce,
    "NEWOBJ_EX": _Interpreter.new_with_options,
    "OBJ": _Interpreter.old_object,
    "INST": _Interpreter.old_instance,
    "PERSID": _Interpreter.persistent,
    "BINPERSID": lambda machine, _: machine.persistent(machine.stack.pop()),
    "LIST": lambda machine, _: machine.push(machine.since_mark()),
    "FROZENSET": lambda machine, _: machine.push(machine.since_mark()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "DICT": _Interpreter.new_dict,
    "APPEND": lambda machine, _: machine.extend([machine.stack.pop()]),
    **dict.fromkeys(("APPENDS", "ADDITEMS"), lambda machine, _: machine.extend(machine.since_mark())),
    "SETITEM": lambda machine, _: machine.set_items([machine.stack.pop(-2), machine.stack.pop()]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
    "BUILD": _Interpreter.build,
}
