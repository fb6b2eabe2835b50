"""A WSGI application, and a program, that use one verifier in several processes: TEST_JETON_URL, TEST_JETON_KEY, TIMEOUT."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from typing import Any, Callable, Dict, List

from jeton_client import JetonUnreachable, Verifier
from jeton_client.memory import key_of, uptime
from process import ID, SECRET, within

verifier = Verifier(os.environ["TEST_JETON_URL"], ID, SECRET, timeout=float(os.environ["TIMEOUT"]))
# With gunicorn's --preload this is the master, which has a follower then that no worker may take for its own.
verifier._follower()


def application(environ: Dict[str, Any], start_response: Callable[..., Any]) -> List[bytes]:
    key, waited = environ["PATH_INFO"].strip("/"), False
    try:
        status = "200 OK" if not key or verifier.introspect(key).active else "401 Unauthorized"
    except JetonUnreachable as error:
        status, waited = "503 Service Unavailable", error.sent
    remembered = bool(key) and verifier._follower().memory.recall(key_of(key)) is not None
    body = f"{os.getpid()} {remembered} {waited}".encode()
    start_response(status, [("Content-Length", str(len(body))), ("Connection", "close")])
    return [body]


def remember(key: str) -> None:
    """By a proof of this process's own, which is from now."""
    begun, deadline = uptime(), time.monotonic() + 60
    while verifier._follower().memory.recall(key_of(key)) is None or verifier._follower().memory._proof < begun:
        assert verifier.introspect(key).active and time.monotonic() < deadline
        time.sleep(0.02)


def main(fork: Callable[[], int]) -> None:
    """Parent and child both remember; when a line comes on standard input, both must have noticed a revocation."""
    key = os.environ["TEST_JETON_KEY"]
    remember(key)
    child = fork()
    remember(key)
    if child == 0:
        with open("child", "w"):
            pass
    else:
        within(60, lambda: os.path.exists("child"))
        print("remembered", flush=True)
        sys.stdin.readline()
        with open("revoked", "w"):
            pass
    within(120, lambda: os.path.exists("revoked"))
    refused = not verifier.introspect(key)
    if child == 0:
        os._exit(0 if refused else 1)
    assert refused and os.waitpid(child, 0)[1] == 0
    print("refused", flush=True)


if __name__ == "__main__":
    # As servers that are no Python programs fork: nobody tells the interpreter.
    main(os.fork if sys.argv[1] == "os" else ctypes.PyDLL(None).fork)
