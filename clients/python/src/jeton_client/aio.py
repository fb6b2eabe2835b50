"""The same calls for async code."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from types import TracebackType
from typing import Iterable, List, Optional, Tuple, Type, TypeVar

import httpx

from . import header, protocol
from .introspection import Introspection
from .protocol import Call, Protocol, could_be_sent_by_holder, could_be_token

T = TypeVar("T")
Place = Tuple[int, Optional[asyncio.AbstractEventLoop]]


class AsyncClient:
    """`Client`, to be awaited. Its connections belong to the event loop that runs; another loop makes new ones."""

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        timeout: float = 3.0,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        self._protocol = Protocol(url, client_id, client_secret)
        self._timeout = timeout
        self._ssl_context = ssl_context
        self._pool: Optional[Tuple[Place, httpx.AsyncClient]] = None

    async def introspect(self, token: str) -> Introspection:
        """What jeton says of a token."""
        if not could_be_token(token):
            return protocol.INACTIVE
        return await self._send(self._protocol.introspect(token))

    async def introspect_many(self, tokens: Iterable[str]) -> List[Introspection]:
        """The same of many, in their order, by one request for each thousand."""
        tokens = list(tokens)
        asked = [token for token in tokens if could_be_token(token)]
        answers = iter([answer for batch in protocol.batches(asked)
                        for answer in await self._send(self._protocol.introspect_batch(batch))])
        return [next(answers) if could_be_token(token) else protocol.INACTIVE for token in tokens]

    async def revoke(self, token: str) -> None:
        """The token is dead when this returns; an unknown one is no error."""
        if could_be_token(token):
            await self._send(self._protocol.revoke(token))

    async def refusal(self, token: str) -> Optional[str]:
        """jeton's sentence to the holder of a token that is not active; None if it is."""
        if not could_be_sent_by_holder(token):
            return header.INVALID_TOKEN
        return await self._send(self._protocol.refusal(token))

    async def aclose(self) -> None:
        """Closes the idle connections."""
        pool, self._pool = self._pool, None
        if pool is not None and pool[0] == _place():
            await pool[1].aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"AsyncClient({self._protocol!r})"

    async def _send(self, call: Call[T]) -> T:
        deadline = time.monotonic() + self._timeout
        try:
            try:
                status, body = await self._attempt(call, deadline)
            except protocol.DROPPED:
                status, body = await self._attempt(call, deadline)
        except httpx.HTTPError as error:
            raise self._protocol.failure(error) from None
        return call.read(status, body)

    async def _attempt(self, call: Call[T], deadline: float) -> Tuple[int, bytes]:
        left = deadline - time.monotonic()
        if left <= 0:
            raise httpx.ReadTimeout("")
        body = bytearray()
        async with self._connections().stream(
            call.method, call.url, headers=call.headers, content=call.content, timeout=left
        ) as answer:
            async for part in answer.aiter_raw():
                body += part
                if len(body) > protocol.MAX_ANSWER_BYTES:
                    raise self._protocol.too_long()
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("")
            return answer.status_code, bytes(body)

    def _connections(self) -> httpx.AsyncClient:
        pool, place = self._pool, _place()
        if pool is None or pool[0] != place:
            pool = self._pool = (place, httpx.AsyncClient(**protocol.connection_settings(self._ssl_context)))
        return pool[1]


def _place() -> Place:
    try:
        return os.getpid(), asyncio.get_running_loop()
    except RuntimeError:  # trio has no loop of asyncio's
        return os.getpid(), None
