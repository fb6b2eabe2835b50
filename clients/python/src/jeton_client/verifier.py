"""A client that remembers answers, and follows jeton's changes in a thread."""

from __future__ import annotations

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
from .following import MAX_ANSWERS, Followed, Step, Wait, checked
from .introspection import Introspection
from .memory import key_of
from .protocol import Call, Protocol, could_be_sent_by_holder, could_be_token

logger = logging.getLogger("jeton_client")


class Verifier(Client):
    """A `Client` that answers from memory what jeton has not changed, as long as it knows that.

    A token that is revoked is refused within `revocation_bound` seconds, which must equal jeton's JETON_REVOCATION_BOUND.
    Each process follows jeton's changes in a thread of its own, from its first call on. Where they cannot be followed,
    every call asks jeton. After a call that jeton did not answer in time, others fail at once until it answers again.
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
        # By process: a fork takes no thread along, and may take locks along that nobody will ever release.
        self._followed: Dict[int, Followed] = {}
        super().__init__(url, client_id, client_secret, timeout=timeout, ssl_context=ssl_context)
        _verifiers.add(self)

    def introspect(self, token: str) -> Introspection:
        """What jeton says of a token, or said and would still say."""
        if not could_be_token(token):
            return protocol.INACTIVE
        followed, key = self._here(), key_of(token)
        answer = followed.memory.recall(key)
        if answer is None:
            with followed.asking() as asked_at:
                answer = super().introspect(token)
            followed.memory.remember(key, answer, asked_at)
        return answer

    def introspect_many(self, tokens: Iterable[str]) -> List[Introspection]:
        """The same of many, in their order. Only what is not remembered is asked for."""
        tokens, followed = list(tokens), self._here()
        answers = {token: followed.memory.recall(key_of(token)) for token in set(tokens) if could_be_token(token)}
        missing = [token for token, answer in answers.items() if answer is None]
        if missing:
            with followed.asking() as asked_at:
                for token, answer in zip(missing, super().introspect_many(missing)):
                    answers[token] = answer
                    followed.memory.remember(key_of(token), answer, asked_at)
        return [answers.get(token) or protocol.INACTIVE for token in tokens]

    def revoke(self, token: str) -> None:
        """The token is dead when this returns, here at once and elsewhere within the bound."""
        if could_be_token(token):
            followed = self._here()
            with followed.asking():
                super().revoke(token)
            followed.memory.forget(key_of(token))

    def refusal(self, token: str) -> Optional[str]:
        """jeton's sentence to the holder of a token that is not active; None if it is."""
        if not could_be_sent_by_holder(token):
            return header.INVALID_TOKEN
        followed, key = self._here(), key_of(token)
        sentence = followed.memory.recall_refusal(key)
        if sentence is None:
            with followed.asking():
                sentence = super().refusal(token)
            if sentence is not None:
                followed.memory.remember_refusal(key, sentence)
        return sentence

    def close(self) -> None:
        """Ends the thread, forgets, and closes the idle connections. The next call would begin anew."""
        followed = self._followed.pop(os.getpid(), None)
        if followed is not None:
            followed.is_stopped = True
        super().close()

    def __enter__(self) -> Verifier:
        return self

    def _here(self) -> Followed:
        """Of this process."""
        return self._followed.get(os.getpid()) or self._start()

    def _start(self) -> Followed:
        mine = Followed(self._protocol, self._bound, self._max_answers)
        followed = self._followed.setdefault(os.getpid(), mine)
        if followed is mine:
            for process in [process for process in self._followed if process != os.getpid()]:
                del self._followed[process]
            # The thread knows nothing of the verifier, so it ends with one that is dropped, and when the process does.
            weakref.finalize(self, setattr, mine, "is_stopped", True)
            try:
                threading.Thread(
                    target=_run, args=(mine, self._ssl_context), name="jeton-client", daemon=True
                ).start()
            except RuntimeError as error:  # no more threads, none of this kind, or the interpreter is about to end
                logger.warning("changes of jeton at %s are not followed: %s", self._protocol.url, error)
        return followed


_verifiers: "weakref.WeakSet[Verifier]" = weakref.WeakSet()


def _in_child() -> None:
    """What the parent knows is not followed here. A process id may come again, so it is not left to `_here` alone."""
    for verifier in list(_verifiers):
        verifier._followed = {}


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def _run(followed: Followed, ssl_context: Optional[ssl.SSLContext]) -> None:
    followed.is_followed = True
    try:
        with _Line(followed.protocol, followed.patience, ssl_context) as line:
            while not followed.is_stopped:
                try:
                    _follow(followed, line)
                except Exception:
                    logger.exception("changes of jeton at %s are followed anew", followed.protocol.url)
                    time.sleep(1.0)
    finally:
        followed.is_followed = False


def _follow(followed: Followed, line: _Line) -> None:
    """Until it is told to stop."""
    steps = followed.follow()
    step: Step = next(steps)
    while not followed.is_stopped:
        if isinstance(step, Wait):
            time.sleep(step.seconds)
            step = next(steps)
            continue
        try:
            read = step.read(*line.send(step))
        except JetonUnavailable as error:
            step = steps.throw(error)
        else:
            step = steps.send(read)


class _Line:
    """The follower's own connection. Not httpx's client, which would log a line for each of four requests a second."""

    def __init__(self, asked: Protocol, patience: float, ssl_context: Optional[ssl.SSLContext]) -> None:
        self._protocol = asked
        self._patience = patience
        self._transport = httpx.HTTPTransport(**protocol.connection_settings(ssl_context))

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_error: object) -> None:
        self._transport.close()

    def send(self, call: Call[Any]) -> Tuple[int, bytes]:
        deadline, body = time.monotonic() + self._patience, bytearray()
        try:
            answer = self._transport.handle_request(request_of(call, self._patience))
            try:
                for part in answer.iter_raw():
                    body += part
                    if len(body) > protocol.MAX_ANSWER_BYTES:
                        raise self._protocol.too_long()
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("")
            finally:
                answer.close()
        except httpx.HTTPError as error:
            raise self._protocol.failure(error) from None
        return answer.status_code, bytes(body)


def request_of(call: Call[Any], timeout: float) -> httpx.Request:
    """As a transport takes it."""
    extensions = {"timeout": httpx.Timeout(timeout).as_dict()}
    return httpx.Request(call.method, call.url, headers=call.headers, content=call.content, extensions=extensions)
