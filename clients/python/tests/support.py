"""Servers that are no jeton, and one way to call clients of both kinds."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from typing import Dict, Iterable, List, Optional, Protocol, Union

from jeton_client import Answer, AsyncClient


class Calls(Protocol):
    def introspect(self, token: str) -> Answer: ...
    def introspect_many(self, tokens: Iterable[str]) -> List[Answer]: ...
    def revoke(self, token: str) -> None: ...
    def refusal(self, token: str) -> Optional[str]: ...
    def close(self) -> None: ...


class Awaited:
    """An AsyncClient in an event loop of its own."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._loop = asyncio.new_event_loop()

    def introspect(self, token: str) -> Answer:
        return self._loop.run_until_complete(self._client.introspect(token))

    def introspect_many(self, tokens: Iterable[str]) -> List[Answer]:
        return self._loop.run_until_complete(self._client.introspect_many(tokens))

    def revoke(self, token: str) -> None:
        self._loop.run_until_complete(self._client.revoke(token))

    def refusal(self, token: str) -> Optional[str]:
        return self._loop.run_until_complete(self._client.refusal(token))

    def close(self) -> None:
        if not self._loop.is_closed():
            self._loop.run_until_complete(self._client.aclose())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())  # as asyncio.run does
            self._loop.close()

    def __repr__(self) -> str:
        return repr(self._client)


class Trickle:
    """Bytes that come one after the other, each long before any timeout."""

    def __init__(self, head: bytes) -> None:
        self.head = head


#: What is done about a request: an answer, or one of these words. `close` does not wait for the request.
Step = Union[bytes, str, Trickle]
DROP, RESET, HANG, CLOSE = "drop", "reset", "hang", "close"


def answer(body: object, status: str = "200 OK") -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        status.encode(),
        len(text),
        text,
    )


ACTIVE = {"active": True, "username": "alice", "user_id": 7, "sub": "7", "iat": 1700000000, "jti": "1"}


class Server:
    """Does what it was told, connection after connection, on a real socket."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self._listener.getsockname()[1]
        self._script: List[List[Step]] = []
        self._over = threading.Event()
        self._connections: List[socket.socket] = []
        #: Instead of a script: what is answered to each path, on any connection.
        self.by_path: Dict[bytes, bytes] = {}
        #: With `by_path`: a connection is closed, without a word, after so many answers.
        self.answers_per_connection = 1_000_000
        self.accepted = 0
        self.requests: List[bytes] = []
        self._done = threading.Condition()
        self._finished = 0
        self._thread = threading.Thread(target=self._accept)

    def does(self, *connections: List[Step]) -> Server:
        """A list of steps for each connection."""
        self._script = list(connections)
        return self

    def finished(self, connections: int) -> None:
        """Waits until it has closed that many."""
        with self._done:
            assert self._done.wait_for(lambda: self._finished >= connections, timeout=60)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for connection in self._connections:
            connection.close()

    def _accept(self) -> None:
        handlers = []
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                break
            self._connections.append(connection)
            steps = self._script[self.accepted] if self.accepted < len(self._script) else [CLOSE]
            self.accepted += 1
            handlers.append(threading.Thread(target=self._serve, args=(connection, list(steps))))
            handlers[-1].start()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)  # wakes who reads it
            except OSError:  # it is closed already
                pass
        for handler in handlers:
            handler.join()

    def _serve(self, connection: socket.socket, steps: List[Step]) -> None:
        try:
            self._take(connection, steps)
        except OSError:  # the client went away, as it may
            pass
        with self._done:
            self._finished += 1
            self._done.notify_all()

    def _take(self, connection: socket.socket, steps: List[Step]) -> None:
        with connection:
            answered = 0
            while self.by_path and answered < self.answers_per_connection and self._read(connection):
                path = self.requests[-1].split()[1]
                connection.sendall(self.by_path.get(path, answer({}, "404 Not Found")))
                answered += 1
            for step in steps:
                if step == CLOSE or not self._read(connection):
                    break
                if isinstance(step, bytes):
                    connection.sendall(step)
                elif isinstance(step, Trickle):
                    self._trickle(connection, step)
                elif step == RESET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                elif step == HANG:
                    self._over.wait()
                else:
                    break

    def _trickle(self, connection: socket.socket, step: Trickle) -> None:
        connection.sendall(step.head)
        while not self._over.wait(0.05):
            connection.sendall(b" ")

    def _read(self, connection: socket.socket) -> bool:
        """One whole request."""
        connection.settimeout(60)
        received = b""
        while b"\r\n\r\n" not in received:
            part = connection.recv(65536)
            if not part:
                return False
            received += part
        head, _, body = received.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        while len(body) < int(lengths[0] if lengths else 0):
            part = connection.recv(65536)
            if not part:  # the client has given up
                return False
            body += part
        self.requests.append(head + b"\r\n\r\n" + body)
        return True
