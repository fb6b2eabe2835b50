"""How changes are followed, step by step, by a clock that the tests set: no jeton, no thread."""

from __future__ import annotations

import logging
from typing import Any, Dict, List

import pytest

from jeton_client import Inactive, JetonRefused, JetonUnavailable, JetonUnreachable
from jeton_client.follower import MAX_RETRY, Ask, Follower, Wait
from jeton_client.protocol import Changes, Protocol

URL = "http://jeton.example.com"
SILENT = JetonUnreachable("no answer")
FAILED = JetonUnavailable("status 500")


class Stepped:
    """A follower whose steps the test takes."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.follower = Follower(Protocol(URL, "reports", "secret"), 3.0, 1.0, 100)
        self.follower.memory.clock = lambda: self.now
        self.follower.is_running = True
        self.steps = self.follower.steps()
        self.step = next(self.steps)

    @property
    def path(self) -> str:
        """What is requested now."""
        assert isinstance(self.step, Ask)
        return self.step.call.url[len(URL) :]

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

    def request(self, answer: Any = None) -> None:
        """A request of the service."""
        with self.follower.asking():
            if isinstance(answer, Exception):
                raise answer


def changes(cursor: str, *changed: Any, reset: bool = False) -> Changes:
    return Changes(cursor, reset, changed)


def test_each_request_goes_on_where_the_last_answer_ended() -> None:
    follower = Stepped()
    assert follower.path == "/changes"
    follower.answered(changes("1-2:3", reset=True), took=0.2)
    assert follower.wait == 0.0
    follower.waited()
    assert follower.path == "/changes?after=1-2%3A3"
    follower.answered(FAILED)
    follower.waited()
    assert follower.path == "/changes?after=1-2%3A3", "a cursor outlives a failure"


def test_the_moment_before_the_request_is_the_proof() -> None:
    follower = Stepped()
    memory = follower.follower.memory
    follower.answered(changes("a", reset=True), took=0.9)
    assert memory.has_proof()
    follower.now += 0.1
    assert not memory.has_proof()


def test_answers_that_come_at_once_are_not_asked_for_without_end() -> None:
    follower = Stepped()
    follower.answered(changes("a", reset=True))
    assert follower.wait == pytest.approx(0.125)
    follower.waited()
    follower.answered(changes("b"), took=0.1)
    assert follower.wait == pytest.approx(0.025)


def test_pauses_between_failures_grow_to_a_limit() -> None:
    follower = Stepped()
    pauses: List[float] = []
    for _time in range(12):
        follower.answered(FAILED)
        pauses.append(follower.wait)
        follower.waited()
    assert 0 < pauses[0] <= 0.1 and all(0 < pause <= MAX_RETRY for pause in pauses) and pauses[-1] >= MAX_RETRY / 2
    follower.answered(changes("a", reset=True))
    follower.waited()
    follower.answered(FAILED)
    assert follower.wait <= 0.1


def test_a_refusal_is_not_repeated_often() -> None:
    """jeton counts failed credentials."""
    follower = Stepped()
    begun = follower.now
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
        follower.request(SILENT)
    follower.waited()
    assert follower.path == "/introspect", "requests do not fail for all of the pause"


def test_after_one_request_without_answer_others_fail_at_once_until_there_is_one() -> None:
    follower = Stepped()
    with pytest.raises(JetonUnreachable, match="no answer"):
        follower.request(SILENT)
    with pytest.raises(JetonUnreachable, match="did not answer the last request"):
        follower.request()
    # An answer to `/changes` does not end it: the follower sends the request that was not answered.
    follower.answered(changes("a", reset=True))
    follower.waited()
    assert follower.path == "/introspect"
    with pytest.raises(JetonUnreachable):
        follower.request()
    follower.answered(SILENT)
    assert follower.path == "/changes?after=a"
    follower.answered(changes("b"))
    with pytest.raises(JetonUnreachable):
        follower.request()
    follower.waited()
    follower.answered(Inactive(active=False))
    follower.request()
    assert follower.path == "/changes?after=b"


def test_a_lost_request_is_alone_if_others_are_answered() -> None:
    follower = Stepped()
    for answered_after, is_alone in [(2.9, True), (1.6, True), (1.4, False)]:
        with pytest.raises(JetonUnreachable), follower.follower.asking():
            follower.now += answered_after
            follower.request()
            follower.now += 3.0 - answered_after
            raise SILENT
        if is_alone:
            follower.request()
    with pytest.raises(JetonUnreachable) as error:
        follower.request()
    assert not error.value.sent


def test_of_requests_that_fail_together_the_first_is_enough() -> None:
    """A request that was sent last, and so fails last, must not let others in meanwhile."""
    follower = Stepped()
    with pytest.raises(JetonUnreachable), follower.follower.asking():
        follower.now += 0.01
        follower.request()
        follower.now += 2.99
        raise SILENT
    with pytest.raises(JetonUnreachable):
        follower.request()


def test_a_request_need_not_find_out_that_jeton_does_not_answer() -> None:
    follower = Stepped()
    follower.answered(changes("a", reset=True))
    follower.waited()
    follower.answered(SILENT, took=1.0)
    assert follower.path == "/introspect"
    follower.request()
    follower.answered(SILENT, took=3.0)
    with pytest.raises(JetonUnreachable):
        follower.request()
    follower.waited()
    follower.answered(Inactive(active=False))
    follower.request()


def test_if_only_changes_are_not_answered_requests_are_sent() -> None:
    follower = Stepped()
    for _time in range(3):
        follower.answered(SILENT)
        follower.request()
        assert follower.path == "/introspect"
        follower.answered(Inactive(active=False))
        follower.request()
        follower.waited()


def test_the_follower_waits_as_long_as_a_request_would() -> None:
    follower = Stepped()
    follower.answered(SILENT)
    assert isinstance(follower.step, Ask) and follower.step.seconds == 3.0


def test_the_probe_does_not_make_the_proof_older() -> None:
    follower = Stepped()
    with pytest.raises(JetonUnreachable):
        follower.request(SILENT)
    follower.answered(changes("a", reset=True))
    follower.waited()
    follower.answered(Inactive(active=False), took=10)
    follower.answered(changes("b"), took=0.1)
    assert follower.follower.memory.has_proof()


@pytest.mark.parametrize("answer", [JetonUnavailable("status 503"), JetonRefused("status 401")])
def test_a_refusal_is_an_answer(answer: JetonUnavailable) -> None:
    follower = Stepped()
    with pytest.raises(JetonUnavailable):
        follower.request(answer)
    follower.request()
    with pytest.raises(JetonUnreachable):
        follower.request(SILENT)
    follower.answered(changes("a", reset=True))
    follower.waited()
    follower.answered(answer)
    follower.request()


def test_where_nobody_follows_every_request_is_sent() -> None:
    follower = Stepped()
    follower.follower.is_running = False
    for _time in range(3):
        with pytest.raises(JetonUnreachable, match="no answer"):
            follower.request(SILENT)


def test_the_log_says_once_that_proof_is_lost_and_once_that_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "jeton_client")
    follower = Stepped()
    follower.answered(changes("a", reset=True))
    follower.waited()
    follower.answered(FAILED)
    assert caplog.messages == [], "the proof is young enough"
    follower.now += 1
    for _time in range(3):
        follower.waited()
        follower.answered(FAILED)
    follower.waited()
    follower.answered(changes("b"))
    assert caplog.messages == [
        "no answer is remembered until changes can be read again: status 500",
        f"changes of jeton at {URL} can be read again",
    ]


def test_the_log_says_once_that_jeton_does_not_answer_and_once_that_it_does(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "jeton_client")
    follower = Stepped()
    follower.answered(changes("a", reset=True))
    for _time in range(3):
        with pytest.raises(JetonUnreachable):
            follower.request(SILENT)
    for answer in (SILENT, Inactive(active=False)):
        follower.waited()
        follower.answered(answer)
        follower.answered(changes("b"))
    assert caplog.messages == [
        f"jeton at {URL} does not answer: requests fail at once until it does",
        f"jeton at {URL} answers again",
    ]


BODY: Dict[str, Any] = {"cursor": "a", "reset": False, "changes": []}


@pytest.mark.parametrize(
    "more, changed, reset",
    [
        ({}, (), False),
        ({"reset": True}, (), True),
        ({"changes": [{"token": 7}, {"user": 3}]}, (("token", "7"), ("user", "3")), False),
        ({"changes": [{"client": "reports"}]}, (("client", "reports"),), False),
        # A change that is not known may be about everything.
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
