"""`Verifier` for async code: changes are followed by a task."""

from __future__ import annotations

import asyncio
import logging
import ssl
import weakref
from contextvars import Context
from typing import Any, Iterable, List, Optional, Tuple

import anyio
import httpx

from . import header, protocol
from .aio import AsyncClient, Place, place
from .errors import JetonUnavailable
from .following import MAX_ANSWERS, Followed, Step, Wait, checked
from .introspection import Introspection
from .memory import key_of
from .protocol import Call, Protocol, could_be_sent_by_holder, could_be_token
from .verifier import request_of

logger = logging.getLogger("jeton_client")


class AsyncVerifier(AsyncClient):
    """`Verifier`, to be awaited. The task belongs to asyncio's event loop that runs; another loop begins anew.

    Under trio, which lets no task run by itself, every call asks jeton.
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
        self._followed: Optional[Tuple[Place, Followed, Optional["asyncio.Task[None]"]]] = None
        super().__init__(url, client_id, client_secret, timeout=timeout, ssl_context=ssl_context)

    async def introspect(self, token: str) -> Introspection:
        """What jeton says of a token, or said and would still say."""
        if not could_be_token(token):
            return protocol.INACTIVE
        followed, key = self._here(), key_of(token)
        answer = followed.memory.recall(key)
        if answer is None:
            with followed.asking() as asked_at:
                answer = await super().introspect(token)
            followed.memory.remember(key, answer, asked_at)
        return answer

    async def introspect_many(self, tokens: Iterable[str]) -> List[Introspection]:
        """The same of many, in their order. Only what is not remembered is asked for."""
        tokens, followed = list(tokens), self._here()
        answers = {token: followed.memory.recall(key_of(token)) for token in set(tokens) if could_be_token(token)}
        missing = [token for token, answer in answers.items() if answer is None]
        if missing:
            with followed.asking() as asked_at:
                for token, answer in zip(missing, await super().introspect_many(missing)):
                    answers[token] = answer
                    followed.memory.remember(key_of(token), answer, asked_at)
        return [answers.get(token) or protocol.INACTIVE for token in tokens]

    async def revoke(self, token: str) -> None:
        """The token is dead when this returns, here at once and elsewhere within the bound."""
        if could_be_token(token):
            followed = self._here()
            with followed.asking():
                await super().revoke(token)
            followed.memory.forget(key_of(token))

    async def refusal(self, token: str) -> Optional[str]:
        """jeton's sentence to the holder of a token that is not active; None if it is."""
        if not could_be_sent_by_holder(token):
            return header.INVALID_TOKEN
        followed, key = self._here(), key_of(token)
        sentence = followed.memory.recall_refusal(key)
        if sentence is None:
            with followed.asking():
                sentence = await super().refusal(token)
            if sentence is not None:
                followed.memory.remember_refusal(key, sentence)
        return sentence

    async def aclose(self) -> None:
        """Ends the task, forgets, and closes the idle connections. The next call would begin anew."""
        here, self._followed = self._followed, None
        if here is not None:
            here[1].is_stopped = True
            if here[0] == place() and here[2] is not None:
                here[2].cancel()
                await asyncio.wait([here[2]])
        await super().aclose()

    async def __aenter__(self) -> AsyncVerifier:
        return self

    def _here(self) -> Followed:
        """Of this process and this loop."""
        here, now = self._followed, place()
        if here is not None and here[0] == now:
            return here[1]
        if here is not None:
            here[1].is_stopped = True
        followed, task = Followed(self._protocol, self._bound, self._max_answers), None
        if now[1] is not None:
            weakref.finalize(self, setattr, followed, "is_stopped", True)
            # In a context of its own: what the first request has set is not the follower's.
            task = Context().run(now[1].create_task, _run(followed, self._ssl_context))
        self._followed = (now, followed, task)
        return followed


async def _run(followed: Followed, ssl_context: Optional[ssl.SSLContext]) -> None:
    followed.is_followed = True
    try:
        async with _Line(followed.protocol, followed.patience, ssl_context) as line:
            while not followed.is_stopped:
                try:
                    await _follow(followed, line)
                except Exception:
                    logger.exception("changes of jeton at %s are followed anew", followed.protocol.url)
                    await asyncio.sleep(1.0)
    finally:
        followed.is_followed = False


async def _follow(followed: Followed, line: _Line) -> None:
    """Until it is told to stop."""
    steps = followed.follow()
    step: Step = next(steps)
    while not followed.is_stopped:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            step = next(steps)
            continue
        try:
            read = step.read(*await line.send(step))
        except JetonUnavailable as error:
            step = steps.throw(error)
        else:
            step = steps.send(read)


class _Line:
    """The follower's own connection, as in `verifier.py`."""

    def __init__(self, asked: Protocol, patience: float, ssl_context: Optional[ssl.SSLContext]) -> None:
        self._protocol = asked
        self._patience = patience
        self._transport = httpx.AsyncHTTPTransport(**protocol.connection_settings(ssl_context))

    async def __aenter__(self) -> _Line:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._transport.aclose()

    async def send(self, call: Call[Any]) -> Tuple[int, bytes]:
        body = bytearray()
        try:
            with anyio.fail_after(self._patience):
                answer = await self._transport.handle_async_request(request_of(call, self._patience))
                try:
                    async for part in answer.aiter_raw():
                        body += part
                        if len(body) > protocol.MAX_ANSWER_BYTES:
                            raise self._protocol.too_long()
                finally:
                    await answer.aclose()
        except TimeoutError:
            raise self._protocol.failure(httpx.ReadTimeout("")) from None
        except httpx.HTTPError as error:
            raise self._protocol.failure(error) from None
        return answer.status_code, bytes(body)
