"""Websockets: where their token comes from, and whose they are."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.urls import re_path

from jeton_client import JetonUser
from jeton_client.asgi import JetonMiddleware, Message, Receive, Scope, Send
from jeton_client.channels import JetonAuthMiddleware
from jeton_client.testing import FakeJeton
from project import project

ALL = ("header", "subprotocol", "query:token", "cookie:auth")


class Consumer:
    def __init__(self) -> None:
        self.scope: Optional[Scope] = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope


def connect(middleware: Any, consumer: Consumer, **scope: Any) -> List[Message]:
    """What is sent to a websocket that is refused; nothing if the consumer has it."""
    sent: List[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    # What it does in a thread is done in this one, where the test's transaction is.
    async_to_sync(middleware)({"type": "websocket", "headers": [], **scope}, receive, send)
    return sent


def carried(key: str) -> List[Dict[str, Any]]:
    return [
        {"headers": [(b"authorization", f"Token {key}".encode())]},
        {"subprotocols": ["Token", key]},
        {"query_string": f"a=b&token={key}".encode()},
        {"headers": [(b"cookie", f"a=b; auth={key}".encode())]},
    ]


def test_a_token_is_taken_from_the_places_that_are_named(fake_jeton: FakeJeton) -> None:
    key = fake_jeton.token("alice")
    for place, used in enumerate(ALL):
        for number, scope in enumerate(carried(key)):
            consumer = Consumer()
            middleware = JetonMiddleware(consumer, "http://jeton.test", "a", "b", token_from=[used])
            assert bool(connect(middleware, consumer, **scope)) is (number != place)
            assert (consumer.scope is not None) is (number == place)
            assert number != place or (consumer.scope or {})["jeton"].username == "alice"


def test_the_first_place_that_has_one_counts(fake_jeton: FakeJeton) -> None:
    key, consumer = fake_jeton.token("alice"), Consumer()
    middleware = JetonMiddleware(consumer, "http://jeton.test", "a", "b", token_from=ALL)
    both = {"headers": [(b"authorization", b"Token bad"), *carried(key)[3]["headers"]]}
    assert connect(middleware, consumer, **both)[0]["code"] == 1008 and consumer.scope is None
    assert connect(middleware, consumer, **carried(key)[3]) == []


@pytest.mark.parametrize(
    "scope",
    [
        {"subprotocols": ["graphql-ws", "KEY"]},
        {"subprotocols": ["Token"]},
        {"query_string": b"token="},
        {"query_string": b"\xff"},
        {"headers": [(b"cookie", b"auth")]},
        {"headers": [(b"cookie", b'auth="\xff')]},
        {},
    ],
)
def test_what_is_no_token_is_none(scope: Dict[str, Any], fake_jeton: FakeJeton) -> None:
    consumer = Consumer()
    middleware = JetonMiddleware(consumer, "http://jeton.test", "a", "b", token_from=ALL, allow_anonymous=True)
    assert connect(middleware, consumer, **scope) == [] and consumer.scope is not None
    assert consumer.scope["jeton"] is None


@pytest.mark.parametrize("names", ["header", ["headers"], ["query"], ["query:"], ["cookie:"], ["header:x"], [""]])
def test_other_places_are_refused(names: Any) -> None:
    with pytest.raises(ValueError):
        JetonMiddleware(Consumer(), "http://jeton.test", "a", "b", token_from=names)


def test_consumers_know_whose_the_websocket_is(fake_jeton: FakeJeton) -> None:
    consumer = Consumer()
    middleware = JetonAuthMiddleware(consumer)
    key = fake_jeton.token("alice")
    assert connect(middleware, consumer, subprotocols=["Token", key]) == [] and consumer.scope is not None
    user = consumer.scope["user"]
    assert isinstance(user, JetonUser) and user.username == consumer.scope["jeton"].username == "alice"
    assert connect(middleware, consumer) == [] and isinstance(consumer.scope["user"], AnonymousUser)
    fake_jeton.revoke(key)
    assert connect(middleware, consumer, subprotocols=["Token", key])[0]["reason"] == "Invalid token."
    fake_jeton.down()
    assert connect(middleware, consumer, subprotocols=["Token", key])[0]["code"] == 1013
    assert connect(JetonAuthMiddleware(consumer, allow_anonymous=False), consumer)[0]["code"] == 1008


def test_they_get_the_row_that_views_get(database: None) -> None:
    row = get_user_model().objects.create_user("alice")
    with project(USER="find"), FakeJeton() as fake:
        consumer = Consumer()
        middleware = JetonAuthMiddleware(consumer)
        assert connect(middleware, consumer, subprotocols=["Token", fake.token(row)]) == [] and consumer.scope is not None
        assert consumer.scope["user"] == row
        (refused,) = connect(middleware, consumer, subprotocols=["Token", fake.token("nobody")])
        assert refused["reason"] == "User inactive or deleted."


class Whose(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Of Django Channels: says whose the websocket is."""

    async def connect(self) -> None:
        offered = self.scope["subprotocols"]
        await self.accept("Token" if "Token" in offered else None)
        await self.send(self.scope["user"].get_username() or "nobody")


async def say(token_from: Sequence[str], **how: Any) -> Optional[str]:
    """What a consumer behind a router says; None where it is not reached."""
    routes = URLRouter([re_path("^ws/$", Whose.as_asgi())])
    application = ProtocolTypeRouter({"websocket": JetonAuthMiddleware(routes, token_from=token_from)})
    scope = {"type": "websocket", "path": "/ws/", "query_string": b"", "headers": [], "subprotocols": [], **how}
    communicator: Any = ApplicationCommunicator
    socket = communicator(application, scope)
    await socket.send_input({"type": "websocket.connect"})
    if (await socket.receive_output(60))["type"] == "websocket.close":
        return None
    said: str = (await socket.receive_output(60))["text"]
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait(60)
    return said


@pytest.mark.parametrize("place", range(len(ALL)))
def test_consumers_of_channels_are_reached_by_the_places_that_the_project_names(place: int, fake_jeton: FakeJeton) -> None:
    key = fake_jeton.token("alice")
    how = carried(key)[place]
    assert async_to_sync(say)([ALL[place]], **how) == "alice"
    assert async_to_sync(say)([ALL[place]]) == "nobody"
    assert async_to_sync(say)([ALL[place - 1]], **how) == "nobody", "another place is not looked at"
    fake_jeton.revoke(key)
    assert async_to_sync(say)([ALL[place]], **how) is None
