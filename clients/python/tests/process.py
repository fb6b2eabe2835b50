"""A jeton of the test's own, as a process that can be stopped, frozen and started again: TEST_JETON_BINARY names the program."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, Optional, TypeVar

import httpx

T = TypeVar("T")

ID, SECRET = "reports", "client-secret-of-the-tests-0123456789"
ADMIN, PASSWORD = "admin", "tall ships sail at dawn"


def within(seconds: float, what: Callable[[], Optional[T]]) -> T:
    """Waits until something is so, and not for ever."""
    deadline = time.monotonic() + seconds
    while True:
        result = what()
        if result:
            return result
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.02)


class Process:
    """Over SQLite, on a port that it keeps when it is started again."""

    def __init__(self, bound: str = "1s") -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._bound = bound
        self.port = 0
        self._process: Optional["subprocess.Popen[bytes]"] = None
        self.start()
        with self._http() as http:
            answer = http.post("/api-token-auth/", data={"username": ADMIN, "password": PASSWORD})
        self.admin: str = answer.json()["token"]

    @property
    def folder(self) -> str:
        """Of its database, `jeton.db`."""
        return self._folder.name

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        log = Path(self._folder.name) / "log"
        environment: Dict[str, str] = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": f"sqlite://{self._folder.name}/jeton.db",
            "JETON_LISTEN": f"127.0.0.1:{self.port}",
            "JETON_SECRET_KEY": "00" * 32,
            "JETON_WORKERS": "1",
            "JETON_ARGON2_MEMORY_KIB": "64",
            "JETON_ARGON2_ITERATIONS": "1",
            "JETON_REVOCATION_BOUND": self._bound,
            "JETON_SHUTDOWN_TIMEOUT": "1s",
            "JETON_BOOTSTRAP_ADMIN": ADMIN,
            "JETON_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD,
            "JETON_BOOTSTRAP_CLIENT_ID": ID,
            "JETON_BOOTSTRAP_CLIENT_SECRET": SECRET,
        }
        with open(log, "wb") as written:
            self._process = subprocess.Popen(
                [os.environ["TEST_JETON_BINARY"], "serve"], env=environment, cwd=self._folder.name, stdout=written, stderr=written
            )
        listening = within(60, lambda: re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text(errors="replace")))
        self.port = int(listening[1])
        within(60, self._is_ready)

    def _is_ready(self) -> bool:
        try:
            with self._http() as http:
                return http.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def freeze(self) -> None:
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        self._send(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def _send(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def key(self, name: str = "of the tests", **fields: object) -> str:
        """A new token of the admin's."""
        with self._http() as http:
            body = {"name": name, **fields}
            answer = http.post(f"/admin/users/{ADMIN}/tokens/", json=body, headers={"Authorization": f"Token {self.admin}"})
        assert answer.status_code == 201, answer.text
        key = answer.json()["token"]
        assert isinstance(key, str)
        return key

    def revoke(self, key: str, wait: bool = False) -> None:
        with self._http() as http:
            path = "/revoke?wait=true" if wait else "/revoke"
            assert http.post(path, data={"token": key}, auth=(ID, SECRET)).status_code == 200

    def _http(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self.kill()
        self._folder.cleanup()
