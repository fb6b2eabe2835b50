"""Which answers of introspection may be given again: the state behind `Verifier`, without input or output.

Whoever began to read jeton's changes at `t`, and has read them all, knows everything that was committed before `t`: `t` is
the proof. An answer is given again only

- while the proof is younger than the bound,
- if it was asked for a bound or more after the last change of its token, user and client was read. Another node may
  have given it than told the change, and a node may answer from its own memory for a bound,
- while its `exp` lies ahead, and not longer than `MAX_AGE`, so that jeton sees which tokens are in use.

"Not active" is given again for a bound at most: nobody tells that a token was made.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Callable, List, Optional, Tuple

from .introspection import Introspection
from .protocol import Changes

#: Seconds after which jeton is asked again in any case: it extends tokens that are in use, and notes when that was.
MAX_AGE = 60.0

#: Moments for this many groups of tokens, users and clients. Those of one group only make each other be asked for again.
_BUCKETS = 1 << 14

NEVER = float("inf")


def uptime() -> float:
    """Seconds since the machine was started. Goes on while it sleeps, where the system tells, and is never set."""
    return _uptime()


if hasattr(time, "CLOCK_BOOTTIME"):

    def _uptime() -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

else:
    _uptime = time.monotonic


def key_of(token: str) -> bytes:
    """What stands for a token in memory, which holds no token."""
    return hashlib.sha256(token.encode()).digest()


@dataclass
class _Entry:
    answer: Introspection
    asked_at: float
    until: float
    buckets: Tuple[int, ...]
    #: jeton's sentence to the holder of a token that is not active.
    refusal: Optional[str] = None


class Memory:
    """Threads may share it. Moments are seconds of `clock`; `wall` is the clock by which `exp` is read.

    The least recently used answers make room: there are at most `max_answers` active ones, and a tenth as many others,
    so that whoever tries keys displaces nobody's answer.
    """

    def __init__(
        self,
        bound: float,
        max_answers: int,
        client_id: str,
        clock: Callable[[], float] = uptime,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.bound = bound
        self.clock = clock
        self._wall = wall
        self._client_id = client_id
        self._lock = threading.Lock()
        self._proof = -NEVER
        # Answers that were asked for before these moments may be older than a change.
        self._all_since = NEVER
        self._since: List[float] = [-NEVER] * _BUCKETS
        self._active: "OrderedDict[bytes, _Entry]" = OrderedDict()
        self._others: "OrderedDict[bytes, _Entry]" = OrderedDict()
        self._max_active = max_answers
        self._max_others = max(1, max_answers // 10)

    def __len__(self) -> int:
        return len(self._active) + len(self._others)

    def has_proof(self) -> bool:
        return self.clock() - self._proof < self.bound

    def recall(self, key: bytes) -> Optional[Introspection]:
        """An answer that is as good as jeton's; None if jeton must be asked."""
        with self._lock:
            entry = self._find(key)
        return None if entry is None else entry.answer.copy()

    def recall_refusal(self, key: bytes) -> Optional[str]:
        with self._lock:
            entry = self._find(key)
        return None if entry is None else entry.refusal

    def remember(self, key: bytes, answer: Introspection, asked_at: float) -> None:
        """An answer that was asked for at `asked_at`: the moment before the request was sent."""
        buckets: Tuple[int, ...] = (_bucket("key", key),)
        if not answer.active:
            entry = _Entry(answer.copy(), asked_at, asked_at + self.bound, buckets)
            self._put(self._others, self._max_others, key, entry)
            return
        if answer.jti is None:  # nobody could tell of its changes
            return
        until = asked_at + MAX_AGE
        if answer.exp is not None:
            # Half the time, so that jeton can extend it before it ends, and a clock that is set back changes little.
            until = min(until, asked_at + (answer.exp - self._wall()) / 2)
        buckets += (_bucket("token", answer.jti), _bucket("user", str(answer.user_id)))
        if answer.client_id is not None:
            buckets += (_bucket("client", answer.client_id),)
        self._put(self._active, self._max_active, key, _Entry(answer.copy(), asked_at, until, buckets))

    def remember_refusal(self, key: bytes, sentence: str) -> None:
        """For as long as the answer that the token is not active."""
        with self._lock:
            entry = self._others.get(key)
            if entry is not None:
                entry.refusal = sentence

    def forget(self, key: bytes) -> None:
        """This process has ended the token. What was asked for before that is not remembered either."""
        with self._lock:
            self._active.pop(key, None)
            self._since[_bucket("key", key)] = self.clock() + self.bound

    def apply(self, changes: Changes, asked_at: float) -> None:
        """Changes that were asked for at `asked_at`, and have been read now."""
        with self._lock:
            since = self.clock() + self.bound
            if changes.reset or ("client", self._client_id) in changes.changes:
                self._all_since = since
                self._active.clear()
                self._others.clear()
            for kind, name in changes.changes:
                self._since[_bucket(kind, name)] = since
            # Last: whoever sees the proof sees the changes.
            self._proof = max(self._proof, asked_at)

    def _find(self, key: bytes) -> Optional[_Entry]:
        now = self.clock()
        if not now - self._proof < self.bound:
            return None
        entries = self._active if key in self._active else self._others
        entry = entries.get(key)
        if entry is None:
            return None
        exp = entry.answer.exp
        if now < entry.until and self._is_current(entry) and (exp is None or self._wall() < exp):
            entries.move_to_end(key)
            return entry
        del entries[key]
        return None

    def _is_current(self, entry: _Entry) -> bool:
        asked_at, since = entry.asked_at, self._since
        for bucket in entry.buckets:
            if asked_at < since[bucket]:
                return False
        return asked_at >= self._all_since

    def _put(self, entries: "OrderedDict[bytes, _Entry]", at_most: int, key: bytes, entry: _Entry) -> None:
        with self._lock:
            if not self._is_current(entry) or self.clock() >= entry.until:
                return
            other = self._others if entries is self._active else self._active
            before = entries.get(key) or other.get(key)
            if before is not None and before.asked_at > entry.asked_at:
                return
            other.pop(key, None)
            entries[key] = entry
            entries.move_to_end(key)
            if len(entries) > at_most:
                entries.popitem(last=False)


def _bucket(kind: str, name: object) -> int:
    return hash((kind, name)) & (_BUCKETS - 1)
