"""Some nodes, of one database or of another, and a memory in front of them. A node's answer may be old, however old, and says
how old it is; the changes come from a node that knows them. Whatever the order of events, no answer lives longer than a bound
after it has ended. Faults that are planted are found."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import List, Optional, Type

import pytest

from jeton_client import Introspection
from jeton_client.memory import Memory, key_of
from jeton_client.protocol import Changes, TimedAnswer

BOUND = 1.0
KEY = key_of("a key")


class ProofOfTheEnd(Memory):
    """The proof is taken when the changes are read."""

    def apply(self, changes: Changes, asked_at: float) -> None:
        super().apply(changes, self.clock())


class RememberedFromBefore(Memory):
    """An answer counts from when it came."""

    def remember(self, key: bytes, timed: TimedAnswer, asked_at: float) -> bool:
        return super().remember(key, timed, self.clock())


class TrustsEveryNode(Memory):
    """An answer counts as true at the moment when it was asked for, whoever gave it."""

    def remember(self, key: bytes, timed: TimedAnswer, asked_at: float) -> bool:
        return super().remember(key, replace(timed, age=0.0), asked_at)


class TrustsEveryDatabase(Memory):
    """An answer counts as from the database whose changes are read."""

    def remember(self, key: bytes, timed: TimedAnswer, asked_at: float) -> bool:
        return super().remember(key, replace(timed, place=self._cursor.split("-")[0]), asked_at)


class ProofOfTwoBounds(Memory):
    """The proof may be older than the bound."""

    def _find(self, key: bytes) -> "Optional[object]":  # type: ignore[override]
        self._proof += self.bound
        try:
            return super()._find(key)
        finally:
            self._proof -= self.bound


class NoReset(Memory):
    """Goes on after a reset."""

    def apply(self, changes: Changes, asked_at: float) -> None:
        reset = changes.reset and self._proof < 0
        super().apply(Changes(changes.cursor, reset, changes.changes), asked_at)


class World:
    """A user who is given other rights now and then: `version` counts. An answer holds the version that its node knows."""

    def __init__(self, kind: Type[Memory], seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 100.0
        self.memory = kind(BOUND, 10, "reports", lambda: self.now)
        #: When each version began.
        self.began: List[float] = [0.0]
        self.read = 0
        self.lost = False
        #: Requests under way, with the moment they were sent: for changes, and for answers.
        self.reading: Optional[float] = None
        self.asking: List[float] = []

    def known_at(self, moment: float) -> int:
        """The version that began last before a moment."""
        return sum(began < moment for began in self.began) - 1

    def known_to_a_node(self, moment: float) -> int:
        """By its proof, or newer."""
        return self.random.randint(max(0, self.known_at(moment)), len(self.began) - 1)

    def step(self) -> None:
        self.now += self.random.choice([0.001, 0.05, 0.2, 0.4])
        event = self.random.random()
        if event < 0.08:
            self.began.append(self.now)
        elif event < 0.10:
            self.lost = True  # another database, or a cursor that is too old
        elif event < 0.40:
            self.follow()
        elif event < 0.70:
            self.ask()
        recalled = self.memory.recall(KEY)
        if recalled is not None:
            version = int(recalled.username)
            if version + 1 < len(self.began):
                assert self.now - self.began[version + 1] <= BOUND, "an answer outlives its end"

    def follow(self) -> None:
        if self.reading is None:
            self.reading = self.now
            return
        known = self.known_to_a_node(self.reading)
        asked_at, self.reading = self.reading, None
        first, reset = self.memory._proof < 0, self.lost
        self.lost = False
        changes = (("user", "3"),) if known > self.read and not reset and not first else ()
        self.read = max(self.read, known)
        self.memory.apply(Changes("a-1", first or reset, changes), asked_at)

    def ask(self) -> None:
        if self.asking and self.random.random() < 0.6:
            asked_at = self.asking.pop(self.random.randrange(len(self.asking)))
            place, age = self.random.choice("aaab"), self.random.choice([0.0, 0.2, BOUND, 10.0])
            # The other database is an old copy.
            version = self.known_to_a_node(asked_at - age) if place == "a" else 0
            raw = {"active": True, "username": str(version), "user_id": 3, "sub": "3", "iat": 1, "jti": "7"}
            self.memory.remember(KEY, TimedAnswer(Introspection.of(raw), age, place), asked_at)
        else:
            self.asking.append(self.now)


def run(kind: Type[Memory], seeds: int) -> None:
    for seed in range(seeds):
        world = World(kind, seed)
        for _step in range(300):
            world.step()


def test_no_answer_outlives_its_end() -> None:
    run(Memory, 100)


@pytest.mark.parametrize(
    "fault",
    [ProofOfTheEnd, RememberedFromBefore, TrustsEveryNode, TrustsEveryDatabase, ProofOfTwoBounds, NoReset],
)
def test_a_planted_fault_is_found(fault: Type[Memory]) -> None:
    with pytest.raises(AssertionError, match="outlives"):
        run(fault, 300)
