"""How changes are followed, step by step, by a clock that the tests set: no jeton, no thread."""

from __future__ import annotations

import logging
from typing import Any, Dict, List

import pytest

from jeton_client import Introspection, JetonRefused, JetonUnavailable, JetonUnreachable
from jeton_client.following import MAX_RETRY, Followed, Wait
from jeton_client.protocol import Call, Changes, Protocol

URL = "http://jeton.example.com"
SILENT = JetonUnreachable("no answer")


class Follower:
    def __init__(self) -> None:
        self.now = 1000.0
        self.followed = Followed(Protocol(URL, "reports", "secret"), 1.0, 100)
        self.followed.memory.clock = lambda: self.now
        self.followed.is_followed = True
        self.steps = self.followed.follow()
        self.step = next(self.steps)

    @property
    def path(self) -> str:
        """What is asked now."""
        assert isinstance(self.step, Call)
        return self.step.url[len(URL) :]

    @property
    def wait(self) -> float:
        assert isinstance(self.step, Wait)
        return self.step.seconds

    def answered(self, answer: Any, took: float = 0.0) -> None:
        self.now += took
        self.step = self.steps.throw(answer) if isinstance(answer, Exception) else self.steps.send(answer)

    def waited(self) -> None:
        self.now += self.wait
        self.step = next(self.steps)


def changes(cursor: str, *changed: Any, reset: bool = False) -> Changes:
    return Changes(cursor, reset, changed)


def test_each_request_goes_on_where_the_last_answer_ended() -> None:
    follower = Follower()
    assert follower.path == "/changes"
    follower.answered(changes("1-2:3", reset=True), took=0.2)
    assert follower.wait == 0.0
    follower.waited()
    assert follower.path == "/changes?after=1-2%3A3"
    follower.answered(SILENT)
    follower.waited()
    assert follower.path == "/changes?after=1-2%3A3", "a cursor outlives a failure"


def test_the_moment_before_the_request_is_the_proof() -> None:
    follower = Follower()
    memory = follower.followed.memory
    follower.answered(changes("a", reset=True), took=0.9)
    assert memory.has_proof()
    follower.now += 0.1
    assert not memory.has_proof()


def test_answers_that_come_at_once_are_not_asked_for_without_end() -> None:
    follower = Follower()
    follower.answered(changes("a", reset=True))
    assert follower.wait == pytest.approx(0.125)
    follower.waited()
    follower.answered(changes("b"), took=0.1)
    assert follower.wait == pytest.approx(0.025)


def test_pauses_between_failures_grow_to_a_limit() -> None:
    follower = Follower()
    pauses: List[float] = []
    for _time in range(12):
        follower.answered(SILENT)
        pauses.append(follower.wait)
        follower.waited()
    assert 0 < pauses[0] <= 0.1 and all(0 < pause <= MAX_RETRY for pause in pauses) and pauses[-1] >= MAX_RETRY / 2
    follower.answered(changes("a", reset=True))
    follower.waited()
    follower.answered(SILENT)
    assert follower.wait <= 0.1


def test_a_refusal_is_not_repeated_often() -> None:
    """jeton counts failed credentials."""
    follower = Follower()
    for _time in range(12):
        while isinstance(follower.step, Wait):
            follower.waited()
        begun = follower.now
        follower.answered(JetonRefused("status 401"))
    while isinstance(follower.step, Wait):
        assert follower.wait <= MAX_RETRY
        follower.waited()
    assert follower.now - begun >= 15
    follower.answered(JetonRefused("status 401"))
    with pytest.raises(JetonUnreachable):
        ask(follower.followed, SILENT)
    follower.waited()
    assert follower.path == "/introspect", "whether it answers is not asked so late"


def ask(followed: Followed, answer: Any) -> None:
    with followed.asking():
        if isinstance(answer, Exception):
            raise answer


def test_after_one_request_without_answer_others_fail_at_once_until_there_is_one() -> None:
    follower = Follower()
    with pytest.raises(JetonUnreachable, match="no answer"):
        ask(follower.followed, SILENT)
    with pytest.raises(JetonUnreachable, match="is not asked until it does again"):
        ask(follower.followed, None)
    # Changes alone do not end it: what was not answered is asked.
    follower.answered(changes("a", reset=True))
    follower.waited()
    assert follower.path == "/introspect"
    with pytest.raises(JetonUnreachable):
        ask(follower.followed, None)
    follower.answered(SILENT)
    assert follower.path == "/changes?after=a"
    follower.answered(changes("b"))
    with pytest.raises(JetonUnreachable):
        ask(follower.followed, None)
    follower.waited()
    follower.answered(Introspection(active=False))
    ask(follower.followed, None)
    assert follower.path == "/changes?after=b"


def test_the_proof_is_not_older_for_that() -> None:
    follower = Follower()
    with pytest.raises(JetonUnreachable):
        ask(follower.followed, SILENT)
    follower.answered(changes("a", reset=True))
    follower.waited()
    follower.answered(Introspection(active=False), took=10)
    follower.answered(changes("b"), took=0.1)
    assert follower.followed.memory.has_proof()


@pytest.mark.parametrize("answer", [JetonUnavailable("status 503"), JetonRefused("status 401")])
def test_a_refusal_is_an_answer(answer: JetonUnavailable) -> None:
    follower = Follower()
    with pytest.raises(JetonUnavailable):
        ask(follower.followed, answer)
    ask(follower.followed, None)
    with pytest.raises(JetonUnreachable):
        ask(follower.followed, SILENT)
    follower.answered(changes("a", reset=True))
    follower.waited()
    follower.answered(answer)
    ask(follower.followed, None)


def test_where_nobody_follows_every_request_is_sent() -> None:
    follower = Follower()
    follower.followed.is_followed = False
    for _time in range(3):
        with pytest.raises(JetonUnreachable, match="no answer"):
            ask(follower.followed, SILENT)


def test_the_log_says_once_that_proof_is_lost_and_once_that_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "jeton_client")
    follower = Follower()
    follower.answered(changes("a", reset=True))
    follower.waited()
    follower.answered(SILENT)
    assert caplog.messages == [], "there is proof yet"
    follower.now += 1
    for _time in range(3):
        follower.waited()
        follower.answered(SILENT)
    follower.waited()
    follower.answered(changes("b"))
    assert caplog.messages == [
        "every token is asked for until changes can be followed again: no answer",
        f"changes of jeton at {URL} are followed again",
    ]


BODY: Dict[str, Any] = {"cursor": "a", "reset": False, "changes": []}


@pytest.mark.parametrize(
    "more, changed, reset",
    [
        ({}, (), False),
        ({"reset": True}, (), True),
        ({"changes": [{"token": 7}, {"user": 3}]}, (("token", "7"), ("user", "3")), False),
        ({"changes": [{"client": "reports"}]}, (("client", "reports"),), False),
        # What is not understood may be about everything.
        ({"changes": [{"token": 7}, {"group": 3}]}, (("token", "7"),), True),
        ({"changes": [{"token": "7"}]}, (), True),
        ({"changes": [{"token": True}]}, (), True),
        ({"changes": [{"token": 7, "user": 3}]}, (), True),
        ({"changes": [7]}, (), True),
        ({"more": 1}, (), False),
    ],
)
def test_changes_are_read(more: Dict[str, Any], changed: Any, reset: bool) -> None:
    import json

    call = Protocol(URL, "reports", "secret").changes("before")
    assert call.read(200, json.dumps({**BODY, **more}).encode()) == Changes("a", reset, changed)


def test_who_has_no_cursor_knows_nothing_of_before() -> None:
    import json

    assert Protocol(URL, "reports", "secret").changes(None).read(200, json.dumps(BODY).encode()).reset


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"cursor": "", "reset": false, "changes": []}',
                                  b'{"cursor": "a", "reset": 0, "changes": []}', b'{"cursor": "a", "reset": false}'])  # fmt: skip
def test_what_is_no_answer_proves_nothing(body: bytes) -> None:
    with pytest.raises(JetonUnavailable):
        Protocol(URL, "reports", "secret").changes("before").read(200, body)
