"""`Verifier` for async code: a task reads the changes."""

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
from .aio import AsyncClient
from .errors import JetonUnavailable
from .follower import MAX_ANSWERS, Follower, Step, Wait, checked
from .introspection import Answer
from .memory import key_of
from .per_loop import PerLoop, running_loop
from .protocol import Call, Protocol, could_be_sent_by_holder, could_be_token
from .verifier import RESTART, request_of

logger = logging.getLogger("jeton_client")


class AsyncVerifier(AsyncClient):
    """`Verifier`, to be awaited. Each event loop of asyncio has its own task and its own answers.

    Under trio, which allows no task in the background, every call asks jeton.
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
        self._followers: PerLoop[Tuple[Follower, Optional["asyncio.Task[None]"]]] = PerLoop()
        super().__init__(url, client_id, client_secret, timeout=timeout, ssl_context=ssl_context)

    async def introspect(self, token: str) -> Answer:
        """jeton's answer about a token, from memory if jeton would still give it."""
        if not could_be_token(token):
            return protocol.INACTIVE
        follower, key = self._follower(), key_of(token)
        answer = follower.memory.recall(key)
        if answer is None:
            with follower.asking() as asked_at:
                if not follower.memory.has_read():  # then no answer is remembered
                    return await super().introspect(token)
                (timed,) = await self._send(self._protocol.introspect_timed([token]))
            answer = follower.remember(key, timed, asked_at)
        return answer

    async def introspect_many(self, tokens: Iterable[str]) -> List[Answer]:
        """The answers about many tokens, in their order. jeton is asked only about those that are not in memory."""
        tokens, follower = list(tokens), self._follower()
        answers = {token: follower.memory.recall(key_of(token)) for token in set(tokens) if could_be_token(token)}
        missing = [token for token, answer in answers.items() if answer is None]
        if missing:
            for batch in protocol.batches(missing):
                with follower.asking() as asked_at:
                    found = await self._send(self._protocol.introspect_timed(batch))
                for token, timed in zip(batch, found):
                    answers[token] = follower.remember(key_of(token), timed, asked_at)
        return [answers.get(token) or protocol.INACTIVE for token in tokens]

    async def revoke(self, token: str) -> None:
        """Revokes the token. It is refused here at once, and everywhere else within the bound."""
        if could_be_token(token):
            follower = self._follower()
            with follower.asking():
                await super().revoke(token)
            follower.memory.forget(key_of(token))

    async def refusal(self, token: str) -> Optional[str]:
        """jeton's message to the holder of a token that is not active; None for an active one."""
        if not could_be_sent_by_holder(token):
            return header.INVALID_TOKEN
        follower, key = self._follower(), key_of(token)
        sentence = follower.memory.recall_refusal(key)
        if sentence is None:
            with follower.asking():
                sentence = await super().refusal(token)
            if sentence is not None:
                follower.memory.remember_refusal(key, sentence)
        return sentence

    async def aclose(self) -> None:
        """Ends the task, forgets the answers, and closes the idle connections. Another call would start again."""
        follower, task = self._followers.pop() or (None, None)
        if follower is not None:
            follower.is_stopped = True
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await super().aclose()

    async def __aenter__(self) -> AsyncVerifier:
        return self

    def _follower(self) -> Follower:
        """The follower of this event loop."""
        here = self._followers.get()
        if here is None or (here[1] is not None and here[1].done()):  # whoever cancels all tasks of a loop cancels it too
            here = self._followers.put(self._start())
        return here[0]

    def _start(self) -> Tuple[Follower, Optional["asyncio.Task[None]"]]:
        follower, loop = Follower(self._protocol, self._timeout, self._bound, self._max_answers), running_loop()
        if loop is None:
            return follower, None
        # The task holds no reference to the verifier. It ends when the verifier is collected, or its loop ends.
        weakref.finalize(self, setattr, follower, "is_stopped", True)
        # Its context is empty, so that it does not keep the context variables of the first request.
        return follower, Context().run(loop.create_task, _run(follower, self._ssl_context))


async def _run(follower: Follower, ssl_context: ssl.SSLContext) -> None:
    follower.is_running = True
    try:
        while not follower.is_stopped:
            try:
                async with _Connection(follower.protocol, ssl_context) as connection:
                    await _follow(follower, connection)
            except Exception:
                logger.exception("reading the changes of jeton at %s starts again", follower.protocol.url)
                await asyncio.sleep(RESTART)
    finally:
        follower.is_running = False


async def _follow(follower: Follower, connection: _Connection) -> None:
    """Takes the steps until the follower is stopped."""
    steps = follower.steps()
    step: Step = next(steps)
    while not follower.is_stopped:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            step = next(steps)
            continue
        try:
            parsed = step.call.read(*await connection.send(step.call, step.seconds))
        except JetonUnavailable as error:
            step = steps.throw(error)
        else:
            step = steps.send(parsed)


class _Connection:
    """The task's own connection, as in `verifier.py`."""

    def __init__(self, protocol_: Protocol, ssl_context: ssl.SSLContext) -> None:
        self._protocol = protocol_
        self._transport = httpx.AsyncHTTPTransport(**protocol.connection_settings(ssl_context))

    async def __aenter__(self) -> _Connection:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._transport.aclose()

    async def send(self, call: Call[Any], seconds: float) -> Tuple[int, bytes]:
        try:
            with anyio.fail_after(seconds):
                try:
                    return await self._attempt(call, seconds)
                except protocol.DROPPED:
                    return await self._attempt(call, seconds)
        except TimeoutError:
            raise self._protocol.failure(httpx.ReadTimeout("")) from None
        except httpx.HTTPError as error:
            raise self._protocol.failure(error) from None

    async def _attempt(self, call: Call[Any], seconds: float) -> Tuple[int, bytes]:
        body = bytearray()
        answer = await self._transport.handle_async_request(request_of(call, seconds))
        try:
            async for part in answer.aiter_raw():
                body += part
                if len(body) > protocol.MAX_ANSWER_BYTES:
                    raise self._protocol.too_long()
        finally:
            await answer.aclose()
        return answer.status_code, bytes(body)
