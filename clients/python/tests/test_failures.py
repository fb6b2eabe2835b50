"""A jeton that is away, slow, broken or somebody else: nobody is let in, and nothing waits for ever."""

from __future__ import annotations

import logging
import socket
import threading
import time
from itertools import repeat
from typing import Any, Callable, Dict, List, Tuple

import pytest
from conftest import CLIENT_SECRET, URL

from jeton_client import AsyncClient, Client, JetonError, JetonUnavailable
from jeton_client.protocol import MAX_ANSWER_BYTES
from process import within
from support import ACTIVE, Awaited, CLOSE, DROP, HANG, RESET, Calls, Server, Step, Trickle, answer

Connect = Callable[..., Calls]
KEY = "5ec4e7" + "0" * 34
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

NONSENSE: Dict[str, bytes] = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTML": answer(b"<html>Welcome</html>"),
    "nothing": answer(b""),
    "a list": answer([ACTIVE]),
    "true": answer(True),
    "no active": answer({"username": "alice", "user_id": 7}),
    "active is text": answer({**ACTIVE, "active": "true"}),
    "active is 1": answer({**ACTIVE, "active": 1}),
    "nobody": answer({"active": True}),
    "no token": answer({**ACTIVE, "jti": None}),
    "no time": answer({**ACTIVE, "iat": None}),
    "no subject": answer({**ACTIVE, "sub": None}),
    "no name": answer({**ACTIVE, "username": ""}),
    "a name that is no text": answer({**ACTIVE, "username": 7}),
    "an id that is text": answer({**ACTIVE, "user_id": "7"}),
    "an id that is a boolean": answer({**ACTIVE, "user_id": True}),
    "staff that is text": answer({**ACTIVE, "is_staff": "no"}),
    "staff that is a number": answer({**ACTIVE, "is_staff": 1}),
    "groups that are text": answer({**ACTIVE, "groups": "billing"}),
    "groups of numbers": answer({**ACTIVE, "groups": [1]}),
    "a scope that is a list": answer({**ACTIVE, "scope": ["a"]}),
    "an end that is text": answer({**ACTIVE, "exp": "never"}),
    "too deep": answer(b"[" * 100_000),
    "not UTF-8": answer(b'{"active": true, "username": "\xff", "user_id": 7}'),
    "cut short": HEAD + b"Content-Length: 100\r\n\r\n" + b'{"active": true, "username": "alice", "user_id": 7}',
    "compressed": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "created": answer(ACTIVE, "201 Created"),
    "elsewhere": b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
    "bad request": answer(ACTIVE, "400 Bad Request"),
    "not found": answer(ACTIVE, "404 Not Found"),
    "too many": answer(ACTIVE, "429 Too Many Requests"),
    "broken": answer(ACTIVE, "500 Internal Server Error"),
    "bad gateway": answer(ACTIVE, "502 Bad Gateway"),
    "away for a while": answer({"error": "temporarily_unavailable"}, "503 Service Unavailable"),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_lets_nobody_in(connect: Connect, server: Server, what: str) -> None:
    server.does([NONSENSE[what], CLOSE], [NONSENSE[what], CLOSE])
    with pytest.raises(JetonUnavailable):
        connect(server.url).introspect(KEY)


def test_a_good_answer_of_the_same_server_is_taken(connect: Connect, server: Server) -> None:
    assert connect(server.does([answer(ACTIVE)]).url).introspect(KEY).username == "alice"


@pytest.mark.parametrize("results", [None, [], [ACTIVE], [ACTIVE] * 3, {"0": ACTIVE}, [ACTIVE, None], [ACTIVE, {}]])
def test_a_batch_has_an_answer_for_each(connect: Connect, server: Server, results: object) -> None:
    server.does([answer({"results": results})])
    with pytest.raises(JetonUnavailable):
        connect(server.url).introspect_many([KEY, KEY])


def test_a_refusal_is_jetons_or_none(connect: Connect, server: Server) -> None:
    server.does([answer({"detail": 7}, "401 Unauthorized"), answer(b"no", "401 Unauthorized"), answer({}, "500 Oh")])
    for _step in range(3):
        with pytest.raises(JetonUnavailable):
            connect(server.url).refusal(KEY)
    assert b"Authorization: Token " + KEY.encode() in server.requests[0]


def test_connections_are_kept(connect: Connect, server: Server) -> None:
    client = connect(server.does([answer(ACTIVE)] * 5).url)
    assert all(client.introspect(KEY).active for _time in range(5))
    assert server.accepted == 1


def test_a_connection_that_was_closed_meanwhile_is_made_again(connect: Connect, server: Server) -> None:
    client = connect(server.does([answer(ACTIVE), CLOSE], [answer(ACTIVE), CLOSE]).url)
    assert client.introspect(KEY).active
    server.finished(1)
    assert client.introspect(KEY).active
    assert (server.accepted, len(server.requests)) == (2, 2)


@pytest.mark.parametrize("how", [DROP, RESET])
def test_a_dropped_request_is_sent_once_more(connect: Connect, server: Server, how: Step) -> None:
    client = connect(server.does([answer(ACTIVE), how], [answer(ACTIVE)]).url)
    assert client.introspect(KEY).active and client.introspect(KEY).active
    assert (server.accepted, len(server.requests)) == (2, 3)


@pytest.mark.parametrize("how", [DROP, RESET, CLOSE])
def test_and_not_a_third_time(connect: Connect, server: Server, how: Step) -> None:
    client = connect(server.does([how], [how], [answer(ACTIVE)]).url)
    with pytest.raises(JetonUnavailable, match="does not answer: "):
        client.introspect(KEY)
    assert server.accepted == 2


def test_a_revocation_is_sent_once_more_too(connect: Connect, server: Server) -> None:
    connect(server.does([DROP], [answer(b"")]).url).revoke(KEY)
    assert server.accepted == 2


SLOW: List[Step] = [HANG, Trickle(HEAD + b"Content-Length: 1000\r\n\r\n"), Trickle(HEAD + b"\r\n")]


@pytest.mark.parametrize("how", SLOW, ids=["silent", "slow", "endless"])
def test_a_slow_answer_is_none_and_is_not_asked_for_again(connect: Connect, server: Server, how: Step) -> None:
    client = connect(server.does([how], [answer(ACTIVE)]).url, timeout=0.5)
    begun = time.monotonic()
    with pytest.raises(JetonUnavailable, match="does not answer in time"):
        client.introspect(KEY)
    assert time.monotonic() - begun > 0.4
    assert within(60, lambda: server.accepted) == 1


def test_an_awaited_call_is_given_up_whatever_comes_slowly(server: Server) -> None:
    # The head of an answer, which a plain call reads as long as each part of it is in time.
    server.does([Trickle(b"HTTP/1.1 200 OK\r\nX-Padding: ")], [answer(ACTIVE)], [answer(ACTIVE)])
    client = Awaited(AsyncClient(server.url, "demo", CLIENT_SECRET, timeout=0.5))
    begun = time.monotonic()
    with pytest.raises(JetonUnavailable, match="does not answer in time"):
        client.introspect(KEY)
    assert time.monotonic() - begun > 0.4
    assert within(60, lambda: server.accepted) == 1
    client._client._timeout = 30.0
    assert client.introspect(KEY).active
    client.close()


def test_a_drop_late_does_not_make_the_time_longer(connect: Connect, server: Server) -> None:
    client = connect(server.does([DROP], [HANG]).url, timeout=0.5)
    begun = time.monotonic()
    with pytest.raises(JetonUnavailable, match="does not answer in time"):
        client.introspect(KEY)
    assert time.monotonic() - begun < 30


def test_an_answer_without_end_is_not_read_to_it(connect: Connect, server: Server) -> None:
    client = connect(server.does([HEAD + b"\r\n" + b" " * (MAX_ANSWER_BYTES + 1)]).url, timeout=60)
    with pytest.raises(JetonUnavailable, match="it has no end"):
        client.introspect(KEY)


def test_nobody_there(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(JetonUnavailable, match="cannot be reached"):
        connect(f"http://127.0.0.1:{port}").introspect(KEY)


def test_proxies_of_the_environment_see_no_token(
    connect: Connect, server: Server, alice: Tuple[Dict[str, Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, server.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert connect().introspect(alice[1]).active
    assert server.accepted == 0


def test_threads_share_a_client(server: Server) -> None:
    def named(number: int) -> Step:
        return answer({**ACTIVE, "user_id": number})

    server.does(*[list(repeat(named(number), 80)) for number in range(8)])
    failed: List[BaseException] = []
    with Client(server.url, "demo", CLIENT_SECRET) as client:

        def work() -> None:
            try:
                for _time in range(10):
                    assert client.introspect(KEY).active
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=work) for _thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == [] and server.accepted <= 8


def test_nothing_tells_a_token_or_a_secret(
    connect: Connect, server: Server, alice: Tuple[Dict[str, Any], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = answer({"active": KEY, "error": CLIENT_SECRET})
    broken = [b"HTTP/1.1 " + KEY.encode() + b"\r\n", b"HTTP/1.1 200 OK\r\n" + CLIENT_SECRET.encode() + b"\r\n\r\n"]
    server.does([echo], [broken[0], CLOSE], [broken[0], CLOSE], [broken[1], CLOSE], [broken[1], CLOSE], [DROP], [DROP])
    told: List[str] = []
    live = connect()
    told += [repr(live), repr(live.introspect(alice[1])), repr(live.introspect_many([alice[1]]))]
    for _time in range(4):
        client = connect(server.url)
        with pytest.raises(JetonError) as error:
            client.introspect(KEY)
        cause = error.value.__cause__
        told += [str(error.value), repr(error.value), repr(cause), repr(client)]
        client.close()
    live.revoke(alice[1])
    told += [live.refusal(alice[1]) or ""]
    # What h11 says of broken headers is its debug log's; its own words are another package's.
    told += [record.getMessage() for record in caplog.records if record.name.startswith("jeton_client")]
    told += [record.getMessage() for record in caplog.records if record.name == "httpx"]
    assert any(URL in text for text in told)
    for text in told:
        for secret in (KEY, alice[1], CLIENT_SECRET):
            assert secret not in text
