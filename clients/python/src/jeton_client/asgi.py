"""ASGI applications: `app = JetonMiddleware(app, url, client_id, client_secret)`."""

from __future__ import annotations

import json
import logging
import ssl
from typing import Any, Awaitable, Callable, Dict, List, MutableMapping, Optional, Sequence, Tuple

from . import header
from .aio import AsyncClient
from .aio_verifier import AsyncVerifier
from .errors import JetonUnavailable
from .follower import MAX_ANSWERS
from .introspection import Active
from .places import places, token_in

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger("jeton_client")


class JetonMiddleware:
    """Lets requests and websockets with a good token through, and puts its answer into `scope["jeton"]`.

    `token_from` names the places where a token may be: `header`, `subprotocol`, `query:<name>`, `cookie:<name>`. With
    `allow_anonymous`, those without a token pass too, with None there; a bad token never passes.
    Refusals are Django REST framework's. Answers are remembered by an `AsyncVerifier`; `verifier=False` asks each time.
    """

    def __init__(
        self,
        app: Application,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        timeout: float = 3.0,
        keywords: Sequence[str] = ("Token", "Bearer"),
        allow_anonymous: bool = False,
        ssl_context: Optional[ssl.SSLContext] = None,
        verifier: bool = True,
        revocation_bound: float = 1.0,
        max_answers: int = MAX_ANSWERS,
        token_from: Sequence[str] = ("header",),
    ) -> None:
        if isinstance(keywords, str) or not keywords:
            raise ValueError("keywords is a list of words")
        self._places = places(token_from, keywords)
        self._app = app
        how: Dict[str, Any] = {"timeout": timeout, "ssl_context": ssl_context}
        self._client = (
            AsyncVerifier(url, client_id, client_secret, revocation_bound=revocation_bound, max_answers=max_answers, **how)
            if verifier
            else AsyncClient(url, client_id, client_secret, **how)
        )
        self._keywords = tuple(keywords)
        self._allow_anonymous = allow_anonymous

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            try:
                await self._app(scope, receive, send)
            finally:
                await self._client.aclose()  # a lifespan ends with its server
            return
        status, detail, added = await self._judge(scope)
        if status == 200:
            await self._app({**scope, **added}, receive, send)
        elif scope["type"] == "http":
            await _refuse(status, detail, self._keywords[0], "http.response", send)
        else:
            await receive()  # websocket.connect, which a server sends first
            if "websocket.http.response" in (scope.get("extensions") or {}):
                await _refuse(status, detail, self._keywords[0], "websocket.http.response", send)
            else:
                await send({"type": "websocket.close", "code": 1008 if status == 401 else 1013, "reason": detail})

    async def scope_of(self, answer: Optional[Active]) -> Optional[Dict[str, Any]]:
        """What the application's scope gets for an answer, or for a request without a token. None refuses the user.
        A subclass may override this."""
        return {"jeton": answer}

    async def _judge(self, scope: Scope) -> Tuple[int, str, Dict[str, Any]]:
        """Status and message, and what the application's scope gets."""
        try:
            token = token_in(scope, self._places)
        except header.MalformedHeader as error:
            return 401, str(error), {}
        if token is None and not self._allow_anonymous:
            return 401, header.NOT_PROVIDED, {}
        try:
            if token is None:
                added = await self.scope_of(None)
            else:
                answer = await self._client.introspect(token)
                if not answer:
                    inactive_user = await self._client.refusal(token) == header.INACTIVE_USER
                    return 401, header.INACTIVE_USER if inactive_user else header.INVALID_TOKEN, {}
                added = await self.scope_of(answer)
        except JetonUnavailable as error:
            # Requests that were not sent are many, and the log has why.
            logger.log(logging.ERROR if error.sent else logging.DEBUG, "%s", error)
            return 503, header.UNAVAILABLE, {}
        return (401, header.INACTIVE_USER, {}) if added is None else (200, "", added)


async def _refuse(status: int, detail: str, keyword: str, kind: str, send: Send) -> None:
    body = json.dumps({"detail": detail}, separators=(",", ":")).encode()
    headers: List[Tuple[bytes, bytes]] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    headers.append((b"www-authenticate", keyword.encode()) if status == 401 else (b"retry-after", b"1"))
    start: Dict[str, Any] = {"type": f"{kind}.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": f"{kind}.body", "body": body})
