"""What the objects of a pickle become: records of a name and its arguments, and no object at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from imagewright.errors import RunError

LARGEST_KEY = 2**60


@dataclass(frozen=True, eq=False)
class Global:
    """A name in a pickle: a class or a function that was never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


PERSISTENT = Global("pickle", "persistent_load")  # a reference to something beside the pickle


@dataclass(eq=False)
class Record:
    """A call in a pickle, which was not made: what was called, with which arguments, and what was put into the result.

    state: what the object was restored from, often the `__dict__` of an instance.
    items: entries, if it is a mapping. values: elements, if it is a list or a set.
    """

    what: Global
    args: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)
    values: list[Any] = field(default_factory=list)

    def __repr__(self) -> str:
        # Without what it holds: values that are shared many times would be written out as often.
        return f"{self.what}(...)"

    @property
    def name(self) -> str:
        """The full name of what was called."""
        return str(self.what)

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of the object. NVIDIA's persistent objects carry theirs in the argument of the call."""
        state = self.state
        if self.what.name == "_reconstruct_persistent_obj" and self.args and isinstance(self.args[0], dict):
            state = self.args[0].get("state")
        if isinstance(state, tuple) and state:  # (__dict__, __slots__)
            state = state[0]
        return state if isinstance(state, dict) else {}


def checked_key(key: Any) -> Any:
    """A key of a dictionary, if it is text, a number, a name, or a tuple of these. Raises `RunError` otherwise.

    To hash a tuple of tuples of tuples ... can overflow the stack of the process, and Python's hashes of large whole
    numbers can be made equal, which would make a dictionary search all of them for each.
    """
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, int) and abs(part) >= LARGEST_KEY:
            raise RunError("a dictionary in it has a key of more than 18 digits.")
        if not isinstance(part, str | bytes | int | float | Global | Record | None):
            raise RunError(f"a dictionary in it has a key of the type {type(part).__name__}.")
    return key
