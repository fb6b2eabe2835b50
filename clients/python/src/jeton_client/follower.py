"""How a process follows jeton's changes, and what its requests do while jeton does not answer.

This module does no input or output: `Verifier` takes the steps in a thread, `AsyncVerifier` in a task.
"""

from __future__ import annotations

import logging
import random
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generator, Iterator, Tuple, Union

from .errors import JetonRefused, JetonUnavailable, JetonUnreachable
from .introspection import Answer
from .memory import NEVER, Memory
from .protocol import Call, Protocol, TimedAnswer

logger = logging.getLogger("jeton_client")

#: How many answers are remembered at most: two to three kilobytes each.
MAX_ANSWERS = 10_000
#: The most requests for changes within a bound. jeton answers each after a quarter of the bound, or at once if there are
#: changes.
REQUESTS_PER_BOUND = 8
#: Seconds before a failed request is sent again: the first pause, the longest pause, and the longest pause when jeton
#: refuses the client, because jeton counts wrong credentials.
RETRY, MAX_RETRY, REFUSED_RETRY = 0.1, 2.0, 30.0
#: A text that is no token. Introspecting it shows whether jeton answers.
PROBE = "-"


@dataclass(frozen=True)
class Wait:
    seconds: float


@dataclass(frozen=True)
class Ask:
    """Send a request, and wait for its answer at most so many seconds."""

    call: Call[Any]
    seconds: float


Step = Union[Wait, Ask]


class Follower:
    """What one process knows of one jeton, and the steps that keep it current."""

    def __init__(self, protocol: Protocol, timeout: float, bound: float, max_answers: int) -> None:
        self.protocol = protocol
        self.memory = Memory(bound, max_answers, protocol.client_id)
        #: Tells the thread or task to end. A plain attribute, because a lock could be held by another thread at a fork.
        self.is_stopped = False
        #: Whether a thread or task takes the steps. Without it nobody would find out when jeton answers again.
        self.is_running = False
        #: The thread holds it while it agrees with jeton on keys, in which time the process must not fork.
        self.handshake = threading.Lock()
        self._timeout = timeout
        # Whether requests fail at once. A lock, because of several that fail at the same time only one acquires it, and logs.
        self._unreachable = threading.Lock()
        # When the last answer came.
        self._answered_at = -NEVER

    @contextmanager
    def asking(self) -> Iterator[float]:
        """Surrounds a request; the value is the time just before it is sent.

        A request that jeton does not answer makes the next ones fail at once, until the follower gets an answer. So a jeton
        that hangs costs one timeout, not one for each request.
        """
        if self._unreachable.locked() and self.is_running:
            raise JetonUnreachable(f"jeton at {self.protocol.url} did not answer the last request", sent=False)
        asked_at = self.memory.clock()
        try:
            yield asked_at
        except JetonUnreachable:
            # If others were answered while this one waited, until shortly before its end, then only this one was lost.
            now = self.memory.clock()
            if now - self._answered_at >= (now - asked_at) / 2:
                self._set_unreachable()
            raise
        except JetonUnavailable:
            self._answered_at = self.memory.clock()
            raise
        self._answered_at = self.memory.clock()

    def remember(self, key: bytes, timed: TimedAnswer, asked_at: float) -> Answer:
        """Remembers an answer, and returns it. Raises JetonUnavailable if it is known to be wrong."""
        if not self.memory.remember(key, timed, asked_at):
            raise JetonUnavailable(f"jeton at {self.protocol.url} answers with what was true {timed.age:.1f} s ago")
        return timed.answer

    def steps(self) -> Generator[Step, Any, None]:
        """What the thread or task does. It sends back what each answer is parsed to, or throws JetonUnavailable."""
        cursor, failures, has_warned = None, 0, False
        clock, bound = self.memory.clock, self.memory.bound
        while True:
            if self._unreachable.locked():
                yield from self._probe()
            # Before the request is sent: its answer may not contain what is committed while it is running.
            asked_at = clock()
            try:
                # An answer that takes longer than the bound proves nothing.
                changes = yield Ask(self.protocol.changes(cursor), max(bound, 1.0))
            except JetonUnavailable as error:
                failures += 1
                if not has_warned and not self.memory.has_proof():
                    logger.warning("no answer is remembered until changes can be read again: %s", error)
                    has_warned = True
                if isinstance(error, JetonUnreachable) and not self._unreachable.locked():
                    # The next request would have to wait too, unless it is only the changes that are not answered.
                    yield from self._probe()
                left = _pause(failures, REFUSED_RETRY if isinstance(error, JetonRefused) else MAX_RETRY)
                while left > 0:
                    yield Wait(min(left, MAX_RETRY))
                    # Requests must not fail for all of a long pause.
                    left = 0 if self._unreachable.locked() else left - MAX_RETRY
                continue
            self.memory.apply(changes, asked_at)
            cursor, failures = changes.cursor, 0
            if has_warned:
                logger.warning("changes of jeton at %s can be read again", self.protocol.url)
                has_warned = False
            yield Wait(max(0.0, bound / REQUESTS_PER_BOUND - (clock() - asked_at)))

    def _probe(self) -> Generator[Step, Any, None]:
        """Finds out whether a request would be answered. A refusal is an answer."""
        try:
            yield Ask(self.protocol.introspect(PROBE), self._timeout)
        except JetonUnreachable:
            self._set_unreachable()
            return
        except JetonUnavailable:
            pass
        self._answered_at = self.memory.clock()
        if self._unreachable.locked():
            self._unreachable.release()
            logger.warning("jeton at %s answers again", self.protocol.url)

    def _set_unreachable(self) -> None:
        if self._unreachable.acquire(blocking=False):
            logger.warning("jeton at %s does not answer: requests fail at once until it does", self.protocol.url)


def _pause(failures: int, longest: float) -> float:
    """Longer after each failure, and at random, so that not all followers come back at once."""
    return min(longest, RETRY * 2.0 ** min(failures - 1, 10)) * random.uniform(0.5, 1.0)


def checked(bound: float, max_answers: int) -> Tuple[float, int]:
    """Raises ValueError if one of them is no such number."""
    if isinstance(bound, bool) or not isinstance(bound, (int, float)) or not 0 < bound < float("inf"):
        raise ValueError("the revocation bound is a number of seconds, more than 0")
    if isinstance(max_answers, bool) or not isinstance(max_answers, int) or max_answers < 1:
        raise ValueError("max_answers is a whole number, more than 0")
    return bound, max_answers
