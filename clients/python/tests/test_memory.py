"""What is remembered, by a clock that the tests set: no jeton, no thread."""

from __future__ import annotations

import threading
import time
from typing import Any, Dict, List, Optional

import pytest

from jeton_client import Answer, Introspection
from jeton_client.memory import MAX_AGE, Memory, key_of
from jeton_client.protocol import Changes, TimedAnswer

BOUND = 1.0
PLACE = "7-5-a"
KEY = key_of("a key")


class Times:
    """A clock, and a memory that lives by it, and has read its first cursor."""

    def __init__(self, max_answers: int = 100, started: bool = True) -> None:
        self.now = 1000.0
        self.memory = Memory(BOUND, max_answers, "reports", lambda: self.now)
        if started:
            self.read(reset=True)
            self.passes(0.2)
            self.read()

    def passes(self, seconds: float) -> None:
        self.now += seconds

    def read(self, *changes: Any, reset: bool = False, took: float = 0.0, place: str = PLACE) -> None:
        """The answer of a request for changes that is sent now; it takes its time."""
        asked_at = self.now
        self.passes(took)
        self.memory.apply(Changes(f"{place}-1-2", reset, tuple(changes)), asked_at)

    def remember(
        self,
        answer: Answer,
        key: bytes = KEY,
        age: Optional[float] = 0.0,
        place: Optional[str] = PLACE,
        expires_in: Optional[float] = None,
        asked: float = 0.0,
    ) -> bool:
        """An answer that comes now, to a request that was sent so many seconds ago."""
        return self.memory.remember(key, TimedAnswer(answer, age, place, expires_in), self.now - asked)

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
    times.memory.apply(Changes(f"{PLACE}-1-2", False, ()), times.now - 10)
    assert times.active() is True


@pytest.mark.parametrize("change", [("token", "7"), ("user", "3"), ("client", "shop"), ("client", "reports")])
def test_a_change_ends_an_answer(change: Any) -> None:
    times = Times()
    times.remember(good(client_id="shop"))
    times.read(change)
    assert times.active() is None
    times.remember(good(client_id="shop"))
    assert times.active() is None, "it was asked for at the same moment"
    times.passes(0.1)
    times.remember(good(client_id="shop"))
    times.passes(0.1)
    times.read(change)
    assert times.active() is None


@pytest.mark.parametrize("change", [("token", "3"), ("user", "7"), ("client", "7"), ("token", "8"), ("user", "4")])
def test_the_change_of_something_else_does_not(change: Any) -> None:
    times = Times()
    times.remember(good())
    times.passes(0.1)
    times.read(change)
    assert times.active() is True


def test_an_answer_that_was_asked_for_before_a_change_was_read_is_not_remembered() -> None:
    times = Times()
    times.passes(0.1)
    times.read(("user", "3"))
    times.remember(good(), asked=0.1)
    assert times.active() is None


@pytest.mark.parametrize("age", [0.5, BOUND, 10.0])
def test_nor_one_that_another_node_has_given_from_its_memory_of_before(age: float) -> None:
    """With JETON_STALE_IF_ERROR, a node that does not reach the database remembers longer than a bound."""
    times = Times()
    times.active_after(20)
    times.read(("token", "7"))
    times.passes(age - 0.01)
    times.read()
    assert times.remember(good(), age=age) is (age <= BOUND), "from a node that keeps the bound it may be given once"
    assert times.active() is None
    times.passes(0.02)
    assert times.remember(good(), age=age)
    assert times.active() is True, "it contains the change"


def test_an_old_answer_is_not_wrong_if_it_is_only_not_known_to_be_right() -> None:
    times = Times()
    times.active_after(20)
    times.read(("token", "8"))
    assert times.remember(good(), age=None) and times.remember(good(), age=10.0, place="another")
    times.read(("token", "7"))
    assert times.remember(BAD, age=10.0), "who is refused too often asks again"


def test_an_old_answer_is_refused_if_changes_may_have_been_missed_since() -> None:
    """A node that does not reach the database answers, and a healthy one is asked for the changes."""
    times = Times()
    assert not times.remember(good(), age=10.0), "the changes are read since a moment ago"
    times.active_after(20)
    assert times.remember(good(), age=10.0)
    times.read(reset=True)
    times.passes(0.5)
    times.read()
    assert not times.remember(good(), age=10.0)
    assert times.remember(good(), age=BOUND), "from a node that keeps the bound it may be given once"
    assert times.active() is None


def test_an_answer_that_does_not_say_its_age_is_given_once_whatever_has_changed() -> None:
    times = Times()
    for number in range(100):
        times.passes(0.123)
        times.read(("token", "7"))
        assert times.remember(good(), age=None, place=None), number
        assert times.active() is None


def test_an_old_answer_is_as_good_as_a_new_one_if_nothing_has_changed() -> None:
    times = Times()
    times.active_after(20)
    times.remember(good(), age=10.0)
    assert times.active_after(10) is True


def test_an_answer_of_another_database_is_not_remembered() -> None:
    """The changes that are read say nothing about it. Behind one address there may be two."""
    times = Times()
    for place in ("8-5-a", "7-5-ab", "7-5-", None):
        for each in (good(), BAD):
            times.remember(each, place=place)
            assert times.active() is None, place
    times.read(reset=True, place="8-5-a")
    times.passes(0.1)
    times.remember(good())
    assert times.active() is None
    times.remember(good(), place="8-5-a")
    assert times.active() is True


def test_an_answer_that_does_not_say_its_age_is_remembered_for_a_bound() -> None:
    """As of a jeton that is older than the members for edges."""
    for each in (good(), BAD):
        times = Times()
        times.read(("token", "7"))
        times.passes(0.99 * BOUND)
        times.read()
        times.remember(each, age=None, place=None)
        assert times.active() is (None if each.active else False), "a node may have given it from its memory"
        times.passes(0.02 * BOUND)
        times.remember(each, age=None, place=None)
        assert times.active_after(0.99 * BOUND) is each.active
        assert times.active_after(0.01 * BOUND) is None


def test_a_reset_forgets_everything() -> None:
    times = Times()
    times.remember(good())
    times.remember(BAD, key_of("another"))
    times.read(reset=True)
    assert len(times.memory) == 0
    times.passes(0.5)
    times.read()
    times.remember(good(), age=0.51)
    assert times.active() is None
    times.remember(good(), age=0.49)
    assert times.active() is True


def test_nothing_is_remembered_before_there_is_a_cursor() -> None:
    times = Times(started=False)
    times.remember(good())
    times.passes(10)
    times.remember(BAD, key_of("another"))
    assert len(times.memory) == 0
    times.read(reset=True)
    assert times.active() is None


@pytest.mark.parametrize("exp", [1, int(time.time()) + 10, 2**40])
def test_a_token_ends_by_the_time_that_is_left(exp: int) -> None:
    """Nobody's clocks are compared: that of the service may be wrong."""
    times = Times()
    times.remember(good(exp=exp), expires_in=0.0)
    assert times.active() is None, "it has ended"
    times.remember(good(exp=exp), expires_in=10.0, asked=0.1)
    assert times.active_after(4.8) is True
    assert times.active_after(0.2) is None, "it is asked for again before it ends"
    times.remember(good(exp=exp), expires_in=1000.0)
    assert times.active_after(MAX_AGE - 0.1) is True
    assert times.active_after(0.1) is None


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
    times.remember(BAD, age=0.4)
    assert times.active_after(0.59 * BOUND) is False
    assert times.active_after(0.01 * BOUND) is None, "who gave it may have remembered it, too"
    times.remember(BAD, expires_in=0.3)
    assert times.active_after(0.29 * BOUND) is False
    assert times.active_after(0.01 * BOUND) is None, "jeton says that it may change then"


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


def test_the_answer_of_the_later_moment_counts() -> None:
    hows: List[Dict[str, Any]] = [{"asked": 0.1}, {"age": 0.1}]
    for first, second in [(good(), BAD), (BAD, good())]:
        for how in hows:
            times = Times()
            times.passes(0.1)
            times.remember(second)
            times.remember(first, **how)
            assert times.active() is second.active and len(times.memory) == 1


def test_who_revokes_a_token_here_forgets_it_here() -> None:
    times = Times()
    times.remember(good())
    times.passes(0.1)
    times.memory.forget(KEY)
    assert times.active() is None
    times.remember(good(), asked=0.1)
    assert times.active() is None, "it was under way"
    times.passes(0.1)
    times.remember(good(), age=0.2)
    assert times.active() is None, "it is of another node, which does not know it yet"


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
    memory.apply(Changes(f"{PLACE}-1", True, ()), memory.clock())
    failed: List[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(2000):
                key = key_of(str((turn * 7 + number) % 80))
                if memory.recall(key) is None:
                    memory.remember(key, TimedAnswer(good(), 0.0, PLACE), memory.clock())
                if turn % 100 == 0:
                    memory.apply(Changes(f"{PLACE}-1", False, (("token", "8"),)), memory.clock())
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and len(memory) <= 50
