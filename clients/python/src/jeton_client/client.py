"""Plain calls."""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import Iterable, List, Optional, Tuple, Type, TypeVar

import httpx

from . import header, protocol
from .base import Settings
from .introspection import Answer
from .protocol import Call, could_be_sent_by_holder, could_be_token

T = TypeVar("T")


class Client(Settings):
    """Asks one jeton over persistent connections. Threads may share a client, also in a process that forks.

    `timeout` is in seconds: for a connection, for each part of an answer's head, and for the whole of it to be read.
    `ssl_context` is for a jeton whose certificate is of an authority of your own; `SSL_CERT_FILE` works too.
    Every call raises `JetonUnavailable` when jeton gives no answer.
    """

    _pool: Optional[Tuple[int, httpx.Client]] = None

    def _begin(self) -> None:
        self._connections()  # threads that call at once shall share them

    def introspect(self, token: str) -> Answer:
        """jeton's answer about a token."""
        if not could_be_token(token):
            return protocol.INACTIVE
        return self._send(self._protocol.introspect(token))

    def introspect_many(self, tokens: Iterable[str]) -> List[Answer]:
        """The answers about many tokens, in their order, with one request per thousand."""
        tokens = list(tokens)
        asked = [token for token in tokens if could_be_token(token)]
        answers = iter([answer for batch in protocol.batches(asked)
                        for answer in self._send(self._protocol.introspect_batch(batch))])
        return [next(answers) if could_be_token(token) else protocol.INACTIVE for token in tokens]

    def revoke(self, token: str) -> None:
        """Revokes the token. An unknown token is not an error."""
        if could_be_token(token):
            self._send(self._protocol.revoke(token))

    def refusal(self, token: str) -> Optional[str]:
        """jeton's message to the holder of a token that is not active; None for an active one.

        It is one of `jeton_client.header`: introspection does not tell `User inactive or deleted.` from `Invalid token.`.
        """
        if not could_be_sent_by_holder(token):
            return header.INVALID_TOKEN
        return self._send(self._protocol.refusal(token))

    def close(self) -> None:
        """Closes the idle connections."""
        pool, self._pool = self._pool, None
        if pool is not None and pool[0] == os.getpid():
            pool[1].close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def _send(self, call: Call[T]) -> T:
        deadline = time.monotonic() + self._timeout
        try:
            try:
                status, body = self._attempt(call, deadline)
            except protocol.DROPPED:
                status, body = self._attempt(call, deadline)
        except httpx.HTTPError as error:
            raise self._protocol.failure(error) from None
        return call.read(status, body)

    def _attempt(self, call: Call[T], deadline: float) -> Tuple[int, bytes]:
        left = deadline - time.monotonic()
        if left <= 0:
            raise httpx.ReadTimeout("")
        with self._connections().stream(
            call.method, call.url, headers=call.headers, content=call.content, timeout=left
        ) as answer:
            return answer.status_code, self._protocol.body(answer, deadline)

    def _connections(self) -> httpx.Client:
        """The connections of this process: if two shared one after a fork, one could read the other's answer."""
        pool, process = self._pool, os.getpid()
        if pool is None or pool[0] != process:
            pool = self._pool = (process, httpx.Client(**protocol.connection_settings(self._ssl_context)))
        return pool[1]
