"""How jeton's changes are followed, and what is done while it does not answer: without input or output.

`Verifier` sends what `follow` says from a thread, `AsyncVerifier` from a task.
"""

from __future__ import annotations

import logging
import random
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generator, Iterator, Tuple, Union

from .errors import JetonRefused, JetonUnavailable, JetonUnreachable
from .memory import Memory
from .protocol import Call, Protocol

logger = logging.getLogger("jeton_client")

#: Answers that are remembered at most: two to three kilobytes each.
MAX_ANSWERS = 10_000
#: Requests for changes within a bound, at most. jeton lets each wait for a quarter of it, unless there are changes.
REQUESTS_PER_BOUND = 8
#: Seconds before a failed request is sent again: the first time, at most, and where jeton, which counts that, refuses
#: the client.
RETRY, MAX_RETRY, REFUSED_RETRY = 0.1, 2.0, 30.0
#: A text that is no token. Whether jeton answers is asked by the question that was not answered.
PROBE = "-"


@dataclass(frozen=True)
class Wait:
    seconds: float


Step = Union[Wait, Call[Any]]


class Followed:
    """What one process remembers of one jeton, as long as somebody follows its changes."""

    def __init__(self, protocol: Protocol, bound: float, max_answers: int) -> None:
        self.protocol = protocol
        self.memory = Memory(bound, max_answers, protocol.client_id)
        #: Ends the follower. No lock, which a fork might take along while it is held.
        self.is_stopped = False
        #: Whether there is a follower, which finds out when jeton answers again.
        self.is_followed = False
        self._is_silent = False

    @property
    def patience(self) -> float:
        """Seconds that the follower waits for an answer. One that comes after the bound proves nothing."""
        return max(self.memory.bound, 1.0)

    @contextmanager
    def asking(self) -> Iterator[float]:
        """Around a request, with the moment before it. After one that was not answered nobody waits for another:
        they fail at once, until the follower has had an answer."""
        if self._is_silent and self.is_followed:
            raise JetonUnreachable(f"jeton at {self.protocol.url} did not answer, and is not asked until it does again")
        try:
            yield self.memory.clock()
        except JetonUnreachable:
            self._is_silent = True
            raise

    def follow(self) -> Generator[Step, Any, None]:
        """The steps of a follower, who sends back what each call's answer reads as, or throws JetonUnavailable."""
        cursor, failures, clock = None, 0, self.memory.clock
        warned = False
        while True:
            if self._is_silent:
                try:
                    yield self.protocol.introspect(PROBE)
                    self._is_silent = False
                except JetonUnreachable:
                    pass
                except JetonUnavailable:
                    self._is_silent = False  # it is an answer
            # Before the request is sent: what is committed while it is under way may be missing from its answer.
            asked_at = clock()
            try:
                changes = yield self.protocol.changes(cursor)
            except JetonUnavailable as error:
                failures += 1
                if not warned and not self.memory.has_proof():
                    logger.warning("every token is asked for until changes can be followed again: %s", error)
                    warned = True
                left = _pause(failures, REFUSED_RETRY if isinstance(error, JetonRefused) else MAX_RETRY)
                while left > 0:
                    yield Wait(min(left, MAX_RETRY))
                    # Whoever refuses `/changes` alone is not asked for it often, and still found to be back soon.
                    left = 0 if self._is_silent else left - MAX_RETRY
                continue
            self.memory.apply(changes, asked_at)
            cursor, failures = changes.cursor, 0
            if warned:
                logger.info("changes of jeton at %s are followed again", self.protocol.url)
                warned = False
            yield Wait(max(0.0, self.memory.bound / REQUESTS_PER_BOUND - (clock() - asked_at)))


def _pause(failures: int, longest: float) -> float:
    """Longer each time, and not for all followers alike."""
    return min(longest, RETRY * 2.0 ** min(failures - 1, 10)) * random.uniform(0.5, 1.0)


def checked(bound: float, max_answers: int) -> Tuple[float, int]:
    """Raises ValueError for what is no bound, or no number of answers."""
    if isinstance(bound, bool) or not isinstance(bound, (int, float)) or not 0 < bound < float("inf"):
        raise ValueError("the revocation bound is a number of seconds, more than 0")
    if isinstance(max_answers, bool) or not isinstance(max_answers, int) or max_answers < 1:
        raise ValueError("max_answers is a whole number, more than 0")
    return bound, max_answers
