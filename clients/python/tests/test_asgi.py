"""ASGI: requests, websockets and lifespans."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, Dict, List, Optional, Tuple

import pytest
from conftest import CLIENT_ID, CLIENT_SECRET, URL, Jeton

from jeton_client import AsyncVerifier
from jeton_client.asgi import JetonMiddleware, Message, Receive, Scope, Send
from jeton_client.memory import key_of
from support import CLOSE, Server

Alice = Tuple[Dict[str, Any], str]
UNKNOWN = b"Token " + b"0" * 40


class Application:
    def __init__(self) -> None:
        self.scopes: List[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        await send({"type": "served"})


def call(
    *authorization: bytes,
    type: str = "http",
    url: str = URL,
    extensions: Optional[Dict[str, Any]] = None,
    **how: Any,
) -> Tuple[List[Scope], List[Message]]:
    """The scopes that the application sees, and what is sent."""
    application, sent = Application(), []
    how.setdefault("verifier", False)
    middleware = JetonMiddleware(application, url, CLIENT_ID, CLIENT_SECRET, **how)
    scope = {
        "type": type,
        "headers": [(b"host", b"x"), *((b"authorization", value) for value in authorization)],
        "extensions": extensions,
        "jeton": "forged",
    }

    async def receive() -> Message:
        return {"type": f"{type}.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        await middleware(scope, receive, send)
        await middleware({"type": "lifespan"}, receive, send)

    asyncio.run(run())
    assert application.scopes.pop() == {"type": "lifespan"} and sent.pop() == {"type": "served"}
    return application.scopes, sent


def assert_refused(sent: List[Message], status: int, detail: str, kind: str = "http.response") -> None:
    start, body = sent
    assert (start["type"], start["status"]) == (f"{kind}.start", status)
    headers = dict(start["headers"])
    assert headers.get(b"www-authenticate") == (b"Token" if status == 401 else None)
    assert headers.get(b"retry-after") == (b"1" if status == 503 else None)
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert body["type"] == f"{kind}.body" and json.loads(body["body"]) == {"detail": detail}


@pytest.mark.parametrize("type", ["http", "websocket"])
def test_a_good_token_passes_with_its_answer(type: str, alice: Alice) -> None:
    for keyword in (b"Token", b"bearer"):
        (scope,), sent = call(keyword + b" " + alice[1].encode(), type=type)
        assert sent == [{"type": "served"}]
        assert scope["jeton"].username == alice[0]["username"] and scope["jeton"].scopes == {"a", "b"}


@pytest.mark.parametrize("anonymous", [False, True])
def test_a_bad_one_does_not(anonymous: bool, alice: Alice, inactive: str) -> None:
    good = b"Token " + alice[1].encode()
    for authorization, detail in [
        ([b"Token"], "Invalid token header. No credentials provided."),
        ([b"Token a b"], "Invalid token header. Token string should not contain spaces."),
        ([good, good], "Invalid token header. Token string should not contain spaces."),
        ([b"Token \xff"], "Invalid token header. Token string should not contain invalid characters."),
        ([UNKNOWN], "Invalid token."),
        ([b"Token a\0b"], "Invalid token."),
        ([b"Token " + inactive.encode()], "User inactive or deleted."),
    ]:
        scopes, sent = call(*authorization, allow_anonymous=anonymous)
        assert scopes == []
        assert_refused(sent, 401, detail)


def test_who_brings_none_passes_only_where_they_may() -> None:
    for authorization in ([], [b""], [b"Basic YTpi"]):
        scopes, sent = call(*authorization)
        assert scopes == []
        assert_refused(sent, 401, "Authentication credentials were not provided.")
        (scope,), sent = call(*authorization, allow_anonymous=True)
        assert scope["jeton"] is None and sent == [{"type": "served"}]


def test_websockets_are_refused_before_they_are_open() -> None:
    scopes, sent = call(UNKNOWN, type="websocket")
    assert scopes == [] and sent == [{"type": "websocket.close", "code": 1008, "reason": "Invalid token."}]
    scopes, sent = call(UNKNOWN, type="websocket", extensions={"websocket.http.response": {}})
    assert scopes == []
    assert_refused(sent, 401, "Invalid token.", "websocket.http.response")


@pytest.mark.parametrize("anonymous", [False, True])
def test_without_jeton_it_is_503(anonymous: bool, server: Server) -> None:
    scopes, sent = call(UNKNOWN, url=server.does([CLOSE], [CLOSE]).url, allow_anonymous=anonymous)
    assert scopes == []
    assert_refused(sent, 503, "The token service is temporarily unavailable.")


def test_by_default_answers_are_remembered_as_long_as_they_are_good(jeton: Jeton) -> None:
    user = jeton.user()["username"]
    key = jeton.key(user)
    middleware = JetonMiddleware(Application(), URL, CLIENT_ID, CLIENT_SECRET, timeout=30.0)
    verifier = middleware._client
    assert isinstance(verifier, AsyncVerifier)

    sent: List[Message] = []

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        sent.append(message)

    async def status() -> int:
        sent.clear()
        scope = {"type": "http", "headers": [(b"authorization", b"Token " + key.encode())]}
        await middleware(scope, receive, send)
        return int(sent[0].get("status", 200))

    async def run() -> None:
        deadline = time.monotonic() + 60
        while True:
            assert await status() == 200 and time.monotonic() < deadline
            if verifier._follower().memory.recall(key_of(key)) is not None:
                break
            await asyncio.sleep(0.02)
        change = lambda: jeton.change(f"{user}?wait=true", is_active=False)
        await asyncio.get_running_loop().run_in_executor(None, change)
        assert await status() == 401
        await middleware({"type": "lifespan"}, receive, send)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_keywords_are_a_list() -> None:
    for keywords in ("Token", ()):
        with pytest.raises(ValueError):
            JetonMiddleware(Application(), URL, CLIENT_ID, CLIENT_SECRET, keywords=keywords)
