"""What belongs to an event loop: connections, and tasks."""

from __future__ import annotations

import asyncio
import os
from typing import Dict, Generic, Optional, TypeVar

T = TypeVar("T")


def running_loop() -> Optional[asyncio.AbstractEventLoop]:
    """None under trio, which has no loop of asyncio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class PerLoop(Generic[T]):
    """One value for each event loop of this process. A forked process starts without any."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._values: Dict[Optional[asyncio.AbstractEventLoop], T] = {}

    def get(self) -> Optional[T]:
        if self._process != os.getpid():
            self._process, self._values = os.getpid(), {}
        return self._values.get(running_loop())

    def put(self, value: T) -> T:
        for loop in list(self._values):
            if loop is not None and loop.is_closed():
                self._values.pop(loop, None)
        self._values[running_loop()] = value
        return value

    def pop(self) -> Optional[T]:
        return None if self.get() is None else self._values.pop(running_loop(), None)
