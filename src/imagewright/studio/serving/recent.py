"""`Recent`: the few results that pages ask for again and again, such as an opened source."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class _Slot(Generic[Value]):
    """A value, or the lock of who makes it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.values: list[Value] = []  # one, or none yet


class Recent(Generic[Key, Value]):
    """Values by key, made when they are missing. The one that was used longest ago leaves.

    most: values that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._slots: OrderedDict[Key, _Slot[Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value of a key. Who asks for it while it is made waits; who asks for another one does not."""
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > self._most:
                self._slots.popitem(last=False)
        with slot.lock:
            if not slot.values:
                slot.values.append(make())
            return slot.values[0]

    def forget(self, is_old: Callable[[Key], bool]) -> None:
        """Make the values of some keys anew at their next use."""
        with self._lock:
            for key in [key for key in self._slots if is_old(key)]:
                del self._slots[key]
