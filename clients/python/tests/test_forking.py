"""Processes that fork: each follows jeton's changes by itself, and none hangs with jeton."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List

import httpx
import pytest

from jeton_client import Verifier
from jeton_client.follower import Follower
from process import ID, SECRET, Process, within

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    process = Process()
    yield process
    process.close()


def environment(process: Process, key: str, timeout: int = 60) -> Dict[str, str]:
    path = os.pathsep.join([str(HERE), *sys.path])
    return {**os.environ, "TEST_JETON_URL": process.url, "TEST_JETON_KEY": key, "TIMEOUT": str(timeout), "PYTHONPATH": path}


@pytest.mark.parametrize("how", ["os", "libc"])
def test_parent_and_child_both_notice_a_revocation(process: Process, how: str, tmp_path: Path) -> None:
    key = process.key()
    program = subprocess.Popen(
        [sys.executable, str(HERE / "forking.py"), how],
        env=environment(process, key),
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with program:
        assert program.stdout is not None and program.stdout.readline() == "remembered\n"
        process.revoke(key, wait=True)
        assert program.communicate("\n", timeout=60)[0] == "refused\n"
    assert program.returncode == 0


@contextmanager
def gunicorn(process: Process, key: str, folder: Path, *arguments: str, timeout: int = 60) -> Iterator[httpx.Client]:
    """Serves the application of forking.py. It must stop by itself when it is told to, without an error."""
    log = folder / "log"
    with open(log, "wb") as written:
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *arguments, "--timeout=120", "--bind=127.0.0.1:0", "forking:application"],
            env=environment(process, key, timeout),
            cwd=folder,
            stdout=written,
            stderr=written,
        )
    try:
        url = within(60, lambda: re.search(r"http://127\.0\.0\.1:\d+", log.read_text()))[0]
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
            yield http
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
        assert "Traceback" not in log.read_text()
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("workers, more", [(2, []), (2, ["--preload"]), (1, ["--preload", "--threads", "4"])])
def test_workers_of_gunicorn_notice_a_revocation(process: Process, workers: int, more: List[str], tmp_path: Path) -> None:
    keys = [process.key(), process.key()]
    with gunicorn(process, keys[0], tmp_path, f"--workers={workers}", *more) as http:
        remembering, refusing = set(), set()

        def all_remember() -> bool:
            answer = http.get("/" + keys[1])
            assert answer.status_code == 200, answer
            process_id, remembered, _waited = answer.text.split()
            if remembered == "True":
                remembering.add(process_id)
            return len(remembering) == workers

        within(60, all_remember)
        process.revoke(keys[1], wait=True)

        def all_refuse() -> bool:
            answer = http.get("/" + keys[1])
            assert answer.status_code == 401, answer
            refusing.add(answer.text.split()[0])
            return len(refusing) == workers

        within(60, all_refuse)
        assert refusing == remembering


def test_a_frozen_jeton_costs_each_worker_one_timeout(process: Process, tmp_path: Path) -> None:
    """So twelve requests at once do not keep a health check waiting for twelve timeouts."""
    key, workers = process.key(), 2
    with gunicorn(process, key, tmp_path, f"--workers={workers}", timeout=5) as http:
        process.freeze()
        try:
            with ThreadPoolExecutor(12) as threads:
                answers = list(threads.map(lambda number: http.get(f"/{number:040}"), range(12)))
            assert [answer.status_code for answer in answers] == [503] * 12
            assert sum(answer.text.split()[2] == "True" for answer in answers) <= workers
            assert http.get("/").status_code == 200
        finally:
            process.thaw()
        within(60, lambda: http.get("/" + key).status_code == 200)


def test_a_fork_waits_for_a_handshake_of_the_thread() -> None:
    """What the thread holds of OpenSSL's locks at the moment of a fork is locked in the child for ever."""
    received, ended = threading.Event(), threading.Event()

    def serve(listener: socket.socket) -> None:
        """Answers the first words of a handshake late, and with what is no handshake."""
        with listener.accept()[0] as connection:
            connection.recv(65536)
            received.set()
            time.sleep(0.5)
            ended.set()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        with Verifier("https://127.0.0.1:%d" % listener.getsockname()[1], ID, SECRET) as verifier:
            follower = verifier._follower()
            assert received.wait(60)
            child = os.fork()
            if child == 0:
                os._exit(0 if ended.is_set() and not follower.handshake.acquire(blocking=False) else 1)
            assert os.waitpid(child, 0)[1] == 0, "the handshake was not over, or could begin again"
            within(60, lambda: not follower.handshake.locked())
        server.join()


def test_a_fork_does_not_wait_for_ever() -> None:
    with Verifier("https://127.0.0.1:1", ID, SECRET) as verifier:
        held = Follower(verifier._protocol, 3.0, 1.0, 1)
        verifier._followers[os.getpid()] = held
        with held.handshake:
            child = os.fork()
            if child == 0:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            assert held.handshake.locked()


def test_a_process_can_exit_while_jeton_does_not_answer(process: Process) -> None:
    """The thread waits for an answer then."""
    program = "from forking import remember, verifier; import os, signal; remember(os.environ['TEST_JETON_KEY']); "
    program += "os.kill(int(os.environ['JETON_PID']), signal.SIGSTOP)"
    variables = {**environment(process, process.key()), "JETON_PID": str(process.pid)}
    try:
        ended = subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, text=True, timeout=60)
    finally:
        process.thaw()
    assert (ended.returncode, ended.stderr) == (0, "")
