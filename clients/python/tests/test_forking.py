"""Processes that fork: each follows jeton's changes by itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List

import httpx
import pytest

from process import Process, within

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    process = Process()
    yield process
    process.close()


def environment(process: Process, key: str) -> Dict[str, str]:
    path = os.pathsep.join([str(HERE), *sys.path])
    return {**os.environ, "JETON_URL": process.url, "JETON_KEY": key, "PYTHONPATH": path}


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


@pytest.mark.parametrize("workers, more", [(2, []), (2, ["--preload"]), (1, ["--preload", "--threads", "4"])])
def test_workers_of_gunicorn_notice_a_revocation(process: Process, workers: int, more: List[str], tmp_path: Path) -> None:
    keys, log = [process.key(), process.key()], tmp_path / "log"
    with open(log, "wb") as written:
        gunicorn = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", f"--workers={workers}", *more, "--bind=127.0.0.1:0", "forking:application"],
            env=environment(process, keys[0]),
            cwd=tmp_path,
            stdout=written,
            stderr=written,
        )
    try:
        url = within(60, lambda: re.search(r"http://127\.0\.0\.1:\d+", log.read_text()))[0]
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as http:
            remembering = set()

            def all_remember() -> bool:
                answer = http.get("/" + keys[1])
                assert answer.status_code == 200, answer
                process_id, remembered = answer.text.split()
                if remembered == "True":
                    remembering.add(process_id)
                return len(remembering) == workers

            within(60, all_remember)
            process.revoke(keys[1], wait=True)
            refusing = set()

            def all_refuse() -> bool:
                answer = http.get("/" + keys[1])
                assert answer.status_code == 401, answer
                refusing.add(answer.text.split()[0])
                return len(refusing) == workers

            within(60, all_refuse)
            assert refusing == remembering
        gunicorn.send_signal(signal.SIGTERM)
        assert gunicorn.wait(60) == 0
        assert "Traceback" not in log.read_text()
    finally:
        gunicorn.kill()
        gunicorn.wait()
