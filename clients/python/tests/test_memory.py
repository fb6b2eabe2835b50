"""What is remembered, by a clock that the tests set: no jeton, no thread."""

from __future__ import annotations

import threading
from typing import Any, List, Optional

import pytest

from jeton_client import Answer, Introspection
from jeton_client.memory import MAX_AGE, Memory, key_of
from jeton_client.protocol import Changes

BOUND = 1.0
KEY = key_of("a key")
NOW = 1_700_000_000.0


class Times:
    """Both clocks, and a memory that lives by them: it has read its first cursor, and a bound has passed since."""

    def __init__(self, max_answers: int = 100, started: bool = True) -> None:
        self.now = 1000.0
        self.wall = NOW
        self.memory = Memory(BOUND, max_answers, "reports", lambda: self.now, lambda: self.wall)
        if started:
            self.read(reset=True)
            self.passes(BOUND)
            self.read()

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds

    def read(self, *changes: Any, reset: bool = False, took: float = 0.0) -> None:
        """The answer of a request for changes that is sent now; it takes its time."""
        asked_at = self.now
        self.passes(took)
        self.memory.apply(Changes("cursor", reset, tuple(changes)), asked_at)

    def remember(self, answer: Answer, key: bytes = KEY) -> None:
        self.memory.remember(key, answer, self.now)

    def active(self, key: bytes = KEY) -> Optional[bool]:
        answer = self.memory.recall(key)
        return None if answer is None else answer.active

    def active_after(self, seconds: float) -> Optional[bool]:
        """With proof all the time."""
        end = self.now + seconds
        while self.now < end:
            self.read()
            self.passes(min(BOUND / 4, end - self.now))
        return self.active()


def good(**more: Any) -> Answer:
    who = {"username": "alice", "user_id": 3, "sub": "3", "groups": ["billing"]}
    raw = {"active": True, **who, "iat": 1700000000, "jti": "7", **more}
    return Introspection.of(raw)


BAD = Introspection.of({"active": False})


def test_an_answer_is_given_again_while_it_is_proved() -> None:
    times = Times()
    times.remember(good())
    assert times.memory.recall(KEY) == good()
    assert times.active_after(10) is True


def test_the_proof_is_younger_than_the_bound() -> None:
    times = Times()
    times.remember(good())
    times.passes(0.99 * BOUND)
    assert times.active() is True and times.memory.has_proof()
    times.passes(0.01 * BOUND)
    assert times.active() is None and not times.memory.has_proof()
    times.read()
    assert times.active() is True, "nothing has changed meanwhile"


def test_the_proof_is_of_when_the_changes_were_asked_for() -> None:
    times = Times()
    times.remember(good())
    times.read(took=0.6)
    assert times.active() is True
    times.passes(0.4)
    assert times.active() is None
    times.read(took=BOUND)
    assert times.active() is None, "an answer that took a bound proves nothing"


def test_an_older_proof_does_not_replace_a_newer_one() -> None:
    times = Times()
    times.remember(good())
    times.passes(0.5)
    times.read()
    times.memory.apply(Changes("cursor", False, ()), times.now - 10)
    assert times.active() is True


@pytest.mark.parametrize("change", [("token", "7"), ("user", "3"), ("client", "shop"), ("client", "reports")])
def test_a_change_ends_an_answer(change: Any) -> None:
    times = Times()
    times.remember(good(client_id="shop"))
    times.read(change)
    assert times.active() is None


@pytest.mark.parametrize("change", [("token", "3"), ("user", "7"), ("client", "7"), ("token", "8"), ("user", "4")])
def test_the_change_of_something_else_does_not(change: Any) -> None:
    times = Times()
    times.remember(good())
    times.read(change)
    assert times.active() is True


def test_an_answer_that_was_asked_for_before_a_change_was_read_is_not_remembered() -> None:
    times = Times()
    asked_at = times.now
    times.passes(0.1)
    times.read(("user", "3"))
    times.memory.remember(KEY, good(), asked_at)
    assert times.active() is None


def test_nor_one_that_another_node_may_have_given_from_its_memory() -> None:
    times = Times()
    times.read(("token", "7"))
    times.passes(0.99 * BOUND)
    times.read()
    times.remember(good())
    assert times.active() is None
    times.passes(0.01 * BOUND)
    times.remember(good())
    assert times.active() is True


def test_a_reset_forgets_everything() -> None:
    times = Times()
    times.remember(good())
    times.remember(BAD, key_of("another"))
    times.read(reset=True)
    assert len(times.memory) == 0
    times.passes(0.99 * BOUND)
    times.remember(good())
    assert times.active() is None
    times.passes(0.01 * BOUND)
    times.read()
    times.remember(good())
    assert times.active() is True


def test_nothing_is_remembered_before_there_is_a_cursor() -> None:
    times = Times(started=False)
    times.remember(good())
    times.passes(10)
    times.remember(BAD, key_of("another"))
    assert len(times.memory) == 0
    times.read(reset=True)
    assert times.active() is None


def test_exp_lies_ahead() -> None:
    times = Times()
    times.remember(good(exp=int(NOW)))
    assert times.active() is None, "it has ended"
    times.remember(good(exp=int(times.wall) + 10))
    assert times.active_after(4.9) is True
    assert times.active_after(0.2) is None, "it is asked for again before it ends"
    times.remember(good(exp=int(times.wall) + 10))
    times.wall += 11
    assert times.active() is None, "the clock was set"
    times.remember(good(exp=int(times.wall) + 10))
    times.wall -= 1000
    assert times.active_after(5.1) is None, "the clock was set back"


def test_jeton_sees_the_tokens_that_are_in_use() -> None:
    times = Times()
    times.remember(good())
    assert times.active_after(MAX_AGE - 0.1) is True
    assert times.active_after(0.1) is None


def test_not_active_is_remembered_for_a_bound() -> None:
    times = Times()
    times.remember(BAD)
    assert times.active_after(0.99 * BOUND) is False
    assert times.active_after(0.01 * BOUND) is None


def test_a_refusal_is_remembered_as_long_as_the_answer_that_it_belongs_to() -> None:
    times = Times()
    times.memory.remember_refusal(KEY, "Invalid token.")
    assert times.memory.recall_refusal(KEY) is None
    times.remember(BAD)
    times.memory.remember_refusal(KEY, "Invalid token.")
    assert times.memory.recall_refusal(KEY) == "Invalid token."
    times.active_after(BOUND)
    assert times.memory.recall_refusal(KEY) is None
    times.remember(BAD)
    times.memory.remember_refusal(KEY, "Invalid token.")
    times.remember(good())
    assert times.memory.recall_refusal(KEY) is None and times.active() is True


def test_the_answer_that_was_asked_for_later_counts() -> None:
    for first, second in [(good(), BAD), (BAD, good())]:
        times = Times()
        asked_at = times.now
        times.passes(0.1)
        times.remember(second)
        times.memory.remember(KEY, first, asked_at)
        assert times.active() is second.active and len(times.memory) == 1


def test_who_revokes_a_token_here_forgets_it_here() -> None:
    times = Times()
    times.remember(good())
    asked_at = times.now
    times.memory.forget(KEY)
    assert times.active() is None
    times.memory.remember(KEY, good(), asked_at)
    assert times.active() is None, "it was under way"


def test_memory_is_bounded_and_keeps_what_is_used() -> None:
    times = Times(max_answers=100)
    keys = [key_of(str(number)) for number in range(1000)]
    times.remember(good(), keys[0])
    for key in keys[1:]:
        times.remember(good(), key)
        assert times.active(keys[0]) is True
    assert len(times.memory) == 100 and times.active(keys[1]) is None and times.active(keys[-1]) is True
    for key in keys[:800]:
        times.remember(BAD, key)
    assert len(times.memory) <= 110
    assert times.active(keys[-1]) is True, "whoever tries keys displaces nobody's answer"


def test_what_a_request_does_to_its_answer_is_its_own() -> None:
    times = Times()
    mine = good()
    times.remember(mine)
    for _time in range(2):
        mine.raw["groups"].append("admins")
        mine.raw["is_staff"] = True
        recalled = times.memory.recall(KEY)
        assert recalled is not None and recalled == good() and recalled.raw == good().raw
        mine = recalled


def test_an_answer_without_groups_is_remembered() -> None:
    nothing: List[Any] = [None, []]
    for groups in nothing:
        times = Times()
        times.remember(good(groups=groups))
        recalled = times.memory.recall(KEY)
        assert recalled is not None and recalled.groups == () and recalled.raw["groups"] == groups


def test_no_token_is_in_memory() -> None:
    assert b"secret" not in key_of("secret") and len(key_of("secret")) == 32


def test_threads_share_it() -> None:
    memory = Memory(1000.0, 50, "reports")
    memory.apply(Changes("cursor", True, ()), memory.clock())
    memory._all_since = 0.0
    failed: List[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(2000):
                key = key_of(str((turn * 7 + number) % 80))
                if memory.recall(key) is None:
                    memory.remember(key, good(), memory.clock())
                if turn % 100 == 0:
                    memory.apply(Changes("cursor", False, (("token", "8"),)), memory.clock())
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and len(memory) <= 50
