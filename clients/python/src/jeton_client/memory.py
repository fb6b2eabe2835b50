"""The answers of introspection that a process remembers. This module does no input or output.

A request for jeton's changes that was sent at `t` returns every change committed before `t`. The time of the last such
request is the proof. An answer says how old it was when jeton got the request, and so at which moment it was true. That may
be long ago: the answer may come from another node than the changes, and from that node's memory. A remembered answer is used
only

- while the proof is younger than the bound,
- if the last change of its token, user or client was read before that moment, so that the answer contains the change,
- if it is from the database whose changes are read,
- until its token ends, by the time that jeton says is left, because clocks may be wrong; and for at most `MAX_AGE`, so that
  jeton knows which tokens are in use.

"Not active" is used for at most a bound from that moment, because a new token is not in the changes.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import Callable, List, Optional, Tuple

from .introspection import Answer
from .protocol import Changes, TimedAnswer

#: Seconds after which jeton is asked again in any case. It extends tokens that are in use, and stores when they were used.
MAX_AGE = 60.0

#: The times of changes are kept by hash, in a table of this size. Two ids with the same hash forget each other's answers.
_BUCKETS = 1 << 14

NEVER = float("inf")


#: Seconds since the machine was started. It counts while the machine sleeps, if the system can tell, and is never set.
uptime: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)


def key_of(token: str) -> bytes:
    """The digest of a token. Memory holds no tokens."""
    return hashlib.sha256(token.encode()).digest()


@dataclass
class _Entry:
    answer: Answer
    #: It contains every change that was committed before.
    moment: float
    until: float
    buckets: Tuple[int, ...]
    #: jeton's message to the holder of a token that is not active.
    refusal: Optional[str] = None


class Memory:
    """Threads may share it. Times are seconds of `clock`.

    It holds at most `max_answers` active answers, and a tenth as many inactive ones, so that wrong keys do not displace
    active answers. When it is full, the least recently used answer is removed.
    """

    def __init__(
        self,
        bound: float,
        max_answers: int,
        client_id: str,
        clock: Callable[[], float] = uptime,
    ) -> None:
        self.bound = bound
        self.clock = clock
        self._client_id = client_id
        self._lock = threading.Lock()
        self._proof = -NEVER
        # Of the last changes that were read: it begins with the place of the database.
        self._cursor = ""
        # When the changes were read. Who knows only what was committed before these times may not know the change.
        self._all_since = NEVER
        self._since: List[float] = [-NEVER] * _BUCKETS
        self._active: "OrderedDict[bytes, _Entry]" = OrderedDict()
        self._inactive: "OrderedDict[bytes, _Entry]" = OrderedDict()
        self._max_active = max_answers
        self._max_inactive = max(1, max_answers // 10)

    def __len__(self) -> int:
        return len(self._active) + len(self._inactive)

    def has_proof(self) -> bool:
        return self.clock() - self._proof < self.bound

    def has_read(self) -> bool:
        """Whether changes have been read, at any time. Without them, the age of an answer says nothing."""
        return self._cursor != ""

    def recall(self, key: bytes) -> Optional[Answer]:
        """The remembered answer, if jeton would still give it; None if jeton must be asked."""
        with self._lock:
            entry = self._find(key)
        return None if entry is None else entry.answer

    def recall_refusal(self, key: bytes) -> Optional[str]:
        with self._lock:
            entry = self._find(key)
        return None if entry is None else entry.refusal

    def remember(self, key: bytes, timed: TimedAnswer, asked_at: float) -> bool:
        """Remembers an answer. `asked_at` is the time just before its request was sent.

        False: the answer may be wrong, because it is older than the bound, and than a change that has been read, or than
        changes that cannot be read any more. Who gave it does not reach the database, and JETON_STALE_IF_ERROR allows it to
        go on.
        """
        answer, left = timed.answer, timed.expires_in
        if timed.age is None:
            # It may be from a node's memory, which answers for a bound.
            moment, until = asked_at - self.bound, asked_at + self.bound
        elif timed.place is not None and self._cursor.startswith(timed.place + "-"):
            moment = asked_at - timed.age
            until = asked_at + MAX_AGE if answer.active else moment + self.bound
        else:
            return True
        buckets: Tuple[int, ...] = (_bucket("key", key),)
        if not answer.active:
            until = until if left is None else min(until, asked_at + left)
            self._put(self._inactive, self._max_inactive, key, _Entry(answer, moment, until, buckets))
            return True
        if left is not None:
            # Half of what is left, so that jeton can extend it before it ends.
            until = min(until, asked_at + left / 2)
        buckets += (_bucket("token", answer.jti), _bucket("user", str(answer.user_id)))
        if answer.client_id is not None:
            buckets += (_bucket("client", answer.client_id),)
        entry = _Entry(answer, moment, until, buckets)
        if timed.age is not None and timed.age > self.bound and not self._is_current(entry):
            return False
        self._put(self._active, self._max_active, key, entry)
        return True

    def remember_refusal(self, key: bytes, sentence: str) -> None:
        """Remembers the message for as long as the answer that the token is not active."""
        with self._lock:
            entry = self._inactive.get(key)
            if entry is not None:
                entry.refusal = sentence

    def forget(self, key: bytes) -> None:
        """Forgets a token that this process has revoked, and ignores the answers of requests that are still running."""
        with self._lock:
            self._active.pop(key, None)
            self._since[_bucket("key", key)] = self.clock()

    def apply(self, changes: Changes, asked_at: float) -> None:
        """Forgets what has changed. `asked_at` is the time just before the request for the changes was sent."""
        with self._lock:
            since = self.clock()
            if changes.reset or ("client", self._client_id) in changes.changes:
                self._all_since = since
                self._active.clear()
                self._inactive.clear()
            for kind, name in changes.changes:
                self._since[_bucket(kind, name)] = since
            self._cursor = changes.cursor
            self._proof = max(self._proof, asked_at)

    def _find(self, key: bytes) -> Optional[_Entry]:
        now = self.clock()
        if not now - self._proof < self.bound:
            return None
        entries = self._active
        entry = entries.get(key)
        if entry is None:
            entries = self._inactive
            entry = entries.get(key)
            if entry is None:
                return None
        if now < entry.until and self._is_current(entry):
            entries.move_to_end(key)
            return entry
        del entries[key]
        return None

    def _is_current(self, entry: _Entry) -> bool:
        moment, since = entry.moment, self._since
        for bucket in entry.buckets:
            if moment <= since[bucket]:
                return False
        return moment > self._all_since

    def _put(self, entries: "OrderedDict[bytes, _Entry]", at_most: int, key: bytes, entry: _Entry) -> None:
        with self._lock:
            if not self._is_current(entry) or self.clock() >= entry.until:
                return
            other = self._inactive if entries is self._active else self._active
            before = entries.get(key) or other.get(key)
            if before is not None and before.moment > entry.moment:
                return
            other.pop(key, None)
            entries[key] = entry
            entries.move_to_end(key)
            if len(entries) > at_most:
                entries.popitem(last=False)


def _bucket(kind: str, name: object) -> int:
    return hash((kind, name)) & (_BUCKETS - 1)
