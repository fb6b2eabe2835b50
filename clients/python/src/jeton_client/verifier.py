"""A client that remembers answers, and reads jeton's changes in a thread."""

from __future__ import annotations

import encodings.idna  # noqa: F401  (looking up a host imports it: not in the thread, while the process may fork)
import logging
import os
import ssl
import threading
import time
import weakref
from typing import Any, Dict, Iterable, List, Optional, Tuple

import httpx

from . import header, protocol
from .client import Client
from .errors import JetonUnavailable
from .follower import MAX_ANSWERS, Follower, Step, Wait, checked
from .introspection import Answer
from .memory import key_of
from .protocol import Call, could_be_sent_by_holder, could_be_token

logger = logging.getLogger("jeton_client")

#: Seconds before the follower starts again after an error that nobody expected.
RESTART = 1.0
#: Seconds that a fork waits at most for a handshake.
FORK_WAIT = 1.0


class Verifier(Client):
    """A `Client` that remembers answers, and uses them as long as it knows that jeton would give them again.

    A revoked token is refused after at most `revocation_bound` seconds, which must equal jeton's JETON_REVOCATION_BOUND.
    The first call in a process starts a thread that reads jeton's changes. While they cannot be read, every call asks
    jeton. If jeton does not answer a call in time, other calls fail at once until it answers again.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        timeout: float = 3.0,
        revocation_bound: float = 1.0,
        max_answers: int = MAX_ANSWERS,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        self._bound, self._max_answers = checked(revocation_bound, max_answers)
        # By process id: a forked process has no copy of the thread, and its copies of locks may never be released.
        self._followers: Dict[int, Follower] = {}
        super().__init__(url, client_id, client_secret, timeout=timeout, ssl_context=ssl_context)
        _verifiers.add(self)

    def introspect(self, token: str) -> Answer:
        """jeton's answer about a token, from memory if jeton would still give it."""
        if not could_be_token(token):
            return protocol.INACTIVE
        follower, key = self._follower(), key_of(token)
        answer = follower.memory.recall(key)
        if answer is None:
            with follower.asking() as asked_at:
                if not follower.memory.has_read():  # then no answer is remembered
                    return super().introspect(token)
                (timed,) = self._send(self._protocol.introspect_timed([token]))
            answer = follower.remember(key, timed, asked_at)
        return answer

    def introspect_many(self, tokens: Iterable[str]) -> List[Answer]:
        """The answers about many tokens, in their order. jeton is asked only about those that are not in memory."""
        tokens, follower = list(tokens), self._follower()
        answers = {token: follower.memory.recall(key_of(token)) for token in set(tokens) if could_be_token(token)}
        missing = [token for token, answer in answers.items() if answer is None]
        if missing:
            for batch in protocol.batches(missing):
                with follower.asking() as asked_at:
                    found = self._send(self._protocol.introspect_timed(batch))
                for token, timed in zip(batch, found):
                    answers[token] = follower.remember(key_of(token), timed, asked_at)
        return [answers.get(token) or protocol.INACTIVE for token in tokens]

    def revoke(self, token: str) -> None:
        """Revokes the token. What is remembered here is forgotten at once, and everywhere else within the bound."""
        if could_be_token(token):
            follower = self._follower()
            with follower.asking():
                super().revoke(token)
            follower.memory.forget(key_of(token))

    def refusal(self, token: str) -> Optional[str]:
        """jeton's message to the holder of a token that is not active; None for an active one."""
        if not could_be_sent_by_holder(token):
            return header.INVALID_TOKEN
        follower, key = self._follower(), key_of(token)
        sentence = follower.memory.recall_refusal(key)
        if sentence is None:
            with follower.asking():
                sentence = super().refusal(token)
            if sentence is not None:
                follower.memory.remember_refusal(key, sentence)
        return sentence

    def close(self) -> None:
        """Ends the thread, forgets the answers, and closes the idle connections. Another call would start again."""
        follower = self._followers.pop(os.getpid(), None)
        if follower is not None:
            follower.is_stopped = True
        super().close()

    def __enter__(self) -> Verifier:
        return self

    def _follower(self) -> Follower:
        """The follower of this process."""
        return self._followers.get(os.getpid()) or self._start()

    def _start(self) -> Follower:
        mine = Follower(self._protocol, self._timeout, self._bound, self._max_answers)
        follower = self._followers.setdefault(os.getpid(), mine)
        if follower is mine:
            for process in [process for process in self._followers if process != os.getpid()]:
                del self._followers[process]
            # The thread holds no reference to the verifier. It ends when the verifier is collected, or the process exits.
            weakref.finalize(self, setattr, mine, "is_stopped", True)
            try:
                threading.Thread(target=_run, args=(mine, self._ssl_context), name="jeton-client", daemon=True).start()
            except RuntimeError as error:  # there are too many threads, or the process is about to exit
                logger.warning("no answer is remembered, because no thread can read the changes: %s", error)
        return follower


_verifiers: "weakref.WeakSet[Verifier]" = weakref.WeakSet()


_held: List[threading.Lock] = []


def _before_fork() -> None:
    """A child gets OpenSSL's locks as they are. What a thread holds at the moment of the fork is never released there, and the
    child's own handshakes would wait for ever. So a fork waits until no follower is in a handshake."""
    deadline = time.monotonic() + FORK_WAIT
    for verifier in list(_verifiers):
        for follower in list(verifier._followers.values()):
            if follower.handshake.acquire(timeout=max(0.0, deadline - time.monotonic())):
                _held.append(follower.handshake)


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().release()


def _after_fork() -> None:
    """A forked process starts without answers. Its id alone may not show that: ids are used again."""
    _held.clear()
    for verifier in list(_verifiers):
        verifier._followers = {}


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork)


def _run(follower: Follower, ssl_context: ssl.SSLContext) -> None:
    follower.is_running = True
    try:
        while not follower.is_stopped:
            try:
                with _Connection(follower, ssl_context) as connection:
                    _follow(follower, connection)
            except Exception:
                logger.exception("reading the changes of jeton at %s starts again", follower.protocol.url)
                time.sleep(RESTART)
    finally:
        follower.is_running = False


def _follow(follower: Follower, connection: _Connection) -> None:
    """Takes the steps until the follower is stopped."""
    steps = follower.steps()
    step: Step = next(steps)
    while not follower.is_stopped:
        if isinstance(step, Wait):
            time.sleep(step.seconds)
            step = next(steps)
            continue
        try:
            parsed = step.call.read(*connection.send(step.call, step.seconds))
        except JetonUnavailable as error:
            step = steps.throw(error)
        else:
            step = steps.send(parsed)


class _Connection:
    """The thread's own connection. It is not an httpx.Client, which would log four requests a second."""

    def __init__(self, follower: Follower, ssl_context: ssl.SSLContext) -> None:
        self._protocol = follower.protocol
        self._handshake = follower.handshake
        self._transport = httpx.HTTPTransport(**protocol.connection_settings(ssl_context))

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_error: object) -> None:
        self._transport.close()

    def send(self, call: Call[Any], seconds: float) -> Tuple[int, bytes]:
        deadline = time.monotonic() + seconds
        try:
            try:
                return self._attempt(call, deadline)
            except protocol.DROPPED:  # a server closes a connection after a while, or after a number of requests
                return self._attempt(call, deadline)
        except httpx.HTTPError as error:
            raise self._protocol.failure(error) from None

    def _attempt(self, call: Call[Any], deadline: float) -> Tuple[int, bytes]:
        left = deadline - time.monotonic()
        if left <= 0:
            raise httpx.ReadTimeout("")
        request = request_of(call, left)
        request.extensions["trace"] = self._trace
        answer = self._transport.handle_request(request)
        try:
            return answer.status_code, self._protocol.body(answer, deadline)
        finally:
            answer.close()

    def _trace(self, event: str, _info: Any) -> None:
        """httpcore calls it at the beginning and the end of each part of a request."""
        if event == "connection.start_tls.started":
            self._handshake.acquire()
        elif event in ("connection.start_tls.complete", "connection.start_tls.failed"):
            self._handshake.release()


def request_of(call: Call[Any], timeout: float) -> httpx.Request:
    """The request as a transport of httpx takes it."""
    extensions = {"timeout": httpx.Timeout(timeout).as_dict()}
    return httpx.Request(call.method, call.url, headers=call.headers, content=call.content, extensions=extensions)
