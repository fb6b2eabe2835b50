"""The same calls for async code."""

from __future__ import annotations

from types import TracebackType
from typing import Iterable, List, Optional, Tuple, Type, TypeVar

import anyio
import httpx

from . import header, protocol
from .base import Settings
from .introspection import Answer
from .per_loop import PerLoop
from .protocol import Call, could_be_sent_by_holder, could_be_token

T = TypeVar("T")


class AsyncClient(Settings):
    """`Client`, to be awaited. Each event loop has its own connections.

    `timeout` is in seconds, for all of a call: what is awaited can be given up at any moment.
    """

    def _begin(self) -> None:
        self._pools: PerLoop[httpx.AsyncClient] = PerLoop()

    async def introspect(self, token: str) -> Answer:
        """jeton's answer about a token."""
        if not could_be_token(token):
            return protocol.INACTIVE
        return await self._send(self._protocol.introspect(token))

    async def introspect_many(self, tokens: Iterable[str]) -> List[Answer]:
        """The answers about many tokens, in their order, with one request per thousand."""
        tokens = list(tokens)
        asked = [token for token in tokens if could_be_token(token)]
        answers = iter([answer for batch in protocol.batches(asked)
                        for answer in await self._send(self._protocol.introspect_batch(batch))])
        return [next(answers) if could_be_token(token) else protocol.INACTIVE for token in tokens]

    async def revoke(self, token: str) -> None:
        """Revokes the token. An unknown token is not an error."""
        if could_be_token(token):
            await self._send(self._protocol.revoke(token))

    async def refusal(self, token: str) -> Optional[str]:
        """jeton's message to the holder of a token that is not active; None for an active one."""
        if not could_be_sent_by_holder(token):
            return header.INVALID_TOKEN
        return await self._send(self._protocol.refusal(token))

    async def aclose(self) -> None:
        """Closes the idle connections."""
        pool = self._pools.pop()
        if pool is not None:
            await pool.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.aclose()

    async def _send(self, call: Call[T]) -> T:
        try:
            with anyio.fail_after(self._timeout):
                try:
                    status, body = await self._attempt(call)
                except protocol.DROPPED:
                    status, body = await self._attempt(call)
        except TimeoutError:
            raise self._protocol.failure(httpx.ReadTimeout("")) from None
        except httpx.HTTPError as error:
            raise self._protocol.failure(error) from None
        return call.read(status, body)

    async def _attempt(self, call: Call[T]) -> Tuple[int, bytes]:
        body = bytearray()
        async with self._connections().stream(
            call.method, call.url, headers=call.headers, content=call.content, timeout=self._timeout
        ) as answer:
            async for part in answer.aiter_raw():
                body += part
                if len(body) > protocol.MAX_ANSWER_BYTES:
                    raise self._protocol.too_long()
            return answer.status_code, bytes(body)

    def _connections(self) -> httpx.AsyncClient:
        pool = self._pools.get()
        return pool or self._pools.put(httpx.AsyncClient(**protocol.connection_settings(self._ssl_context)))
