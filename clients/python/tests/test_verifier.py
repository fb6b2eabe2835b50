"""A verifier of either kind, in front of a jeton that is revoked at, frozen, killed and started again."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import ssl
import threading
import time
from contextlib import closing, suppress
from typing import Any, Callable, Coroutine, Dict, Iterable, Iterator, List, Optional, TypeVar, Union

import pytest
import trio
from conftest import CLIENT_ID, CLIENT_SECRET, URL, Jeton

from jeton_client import Answer, AsyncClient, AsyncVerifier, Client, JetonUnavailable, JetonUnreachable, Verifier, header
from jeton_client.memory import Memory, key_of
from jeton_client.protocol import Changes
from process import ID, SECRET, Process, within
from support import ACTIVE, Server, answer

T = TypeVar("T")
UNKNOWN = "0" * 40
#: A timeout that no request reaches, however busy the machine is.
LONG = 30.0


class Running:
    """An AsyncVerifier in a loop that runs in a thread, as a server's does."""

    def __init__(self, *who: str, **how: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.verifier = AsyncVerifier(*who, **how)

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(60)

    def introspect(self, token: str) -> Answer:
        return self._run(self.verifier.introspect(token))

    def introspect_many(self, tokens: Iterable[str]) -> List[Answer]:
        return self._run(self.verifier.introspect_many(tokens))

    def revoke(self, token: str) -> None:
        self._run(self.verifier.revoke(token))

    def refusal(self, token: str) -> Optional[str]:
        return self._run(self.verifier.refusal(token))

    def tasks(self) -> int:
        """Beside the one that counts."""

        async def count() -> int:
            return len(asyncio.all_tasks()) - 1

        return self._run(count())

    def close(self) -> None:
        if not self._loop.is_closed():
            self._run(self.verifier.aclose())
            assert self.tasks() == 0
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


Either = Union[Verifier, Running]
Verify = Callable[..., Either]


@pytest.fixture(params=["thread", "task"])
def verify(request: pytest.FixtureRequest) -> Iterator[Verify]:
    made: List[Either] = []

    def make(url: str, client_id: str = ID, client_secret: str = SECRET, **how: Any) -> Either:
        how.setdefault("timeout", LONG)
        kind: Callable[..., Either] = Verifier if request.param == "thread" else Running
        made.append(kind(url, client_id, client_secret, **how))
        return made[-1]

    yield make
    for verifier in made:
        verifier.close()


@pytest.fixture
def process() -> Iterator[Process]:
    process = Process()
    yield process
    process.close()


def memory_of(verifier: Either) -> Memory:
    if isinstance(verifier, Verifier):
        (follower,) = verifier._followers.values()
    else:
        ((follower, _task),) = verifier.verifier._followers._values.values()
    return follower.memory


def remembers(verifier: Either, key: str) -> bool:
    return memory_of(verifier).recall(key_of(key)) is not None


def wait_until_remembered(verifier: Either, key: str, active: bool = True) -> None:
    def asked() -> bool:
        try:
            assert verifier.introspect(key).active is active
        except JetonUnreachable:  # a busy machine, and a test with a short timeout
            return False
        return remembers(verifier, key)

    within(60, asked)


def test_what_is_remembered_is_what_jeton_says(verify: Verify, process: Process) -> None:
    verifier, key = verify(process.url), process.key()
    before = verifier.introspect(key)
    wait_until_remembered(verifier, key)
    again = verifier.introspect(key)
    assert again == before and again.raw == before.raw
    wait_until_remembered(verifier, UNKNOWN, active=False)
    assert [each.active for each in verifier.introspect_many([key, UNKNOWN, "", key])] == [True, False, False, True]
    assert verifier.refusal(UNKNOWN) == header.INVALID_TOKEN and verifier.refusal(key) is None


def test_a_revoked_token_is_refused_once_the_bound_has_passed(verify: Verify, process: Process) -> None:
    verifier = verify(process.url)
    for round in range(3):
        keys = [process.key(f"{round}-{number}") for number in range(3)]
        for key in keys:
            wait_until_remembered(verifier, key)
        process.revoke(keys[0], wait=True)
        assert not verifier.introspect(keys[0])
        assert [each.active for each in verifier.introspect_many(keys)] == [False, True, True]
        verifier.revoke(keys[1])
        assert not verifier.introspect(keys[1]), "who revokes it here forgets it at once"
        process.revoke(keys[2])
        within(60, lambda: not verifier.introspect(keys[2]))


def test_a_user_is_followed_too(verify: Verify, jeton: Jeton) -> None:
    """Over the database of these tests, whichever it is."""
    verifier = verify(URL, CLIENT_ID, CLIENT_SECRET)
    user = jeton.user(groups=["billing"])
    key = jeton.key(user["username"])
    wait_until_remembered(verifier, key)
    jeton.change(user["username"], groups=["sales"])
    within(60, lambda: verifier.introspect(key).groups == ("sales",))
    wait_until_remembered(verifier, key)
    jeton.change(f"{user['username']}?wait=true", is_active=False)
    assert not verifier.introspect(key)


def test_a_reset_forgets_everything(verify: Verify, process: Process) -> None:
    verifier, key = verify(process.url), process.key()
    wait_until_remembered(verifier, key)
    with closing(sqlite3.connect(f"{process.folder}/jeton.db", timeout=60)) as database, database:
        database.execute("insert into groups (id, name) values (99, 'g')")
        database.execute("update groups set name = 'h'")
    within(60, lambda: len(memory_of(verifier)) == 0)
    wait_until_remembered(verifier, key)


def test_a_frozen_jeton_costs_one_timeout(verify: Verify, process: Process) -> None:
    verifier, keys = verify(process.url, timeout=2.0), [process.key(), process.key()]
    wait_until_remembered(verifier, keys[0])
    process.freeze()
    begun = time.monotonic()
    failed = 0
    while failed < 100:
        try:
            verifier.introspect(keys[failed % 2])
        except JetonUnreachable:
            failed += 1
    # Those that were asked for at once would have taken two seconds each.
    assert time.monotonic() - begun < 100
    process.thaw()
    wait_until_recovered(verifier, keys[0])
    wait_until_remembered(verifier, keys[0])


def wait_until_recovered(verifier: Either, key: str) -> None:
    def answered() -> bool:
        try:
            return verifier.introspect(key).active
        except JetonUnavailable:
            return False

    within(60, answered)


def test_a_jeton_that_dies_is_found_when_it_is_back(verify: Verify, process: Process) -> None:
    verifier, keys = verify(process.url), [process.key(), process.key()]
    wait_until_remembered(verifier, keys[0])
    process.revoke(keys[1])
    process.kill()
    within(60, lambda: not remembers(verifier, keys[0]))
    for key in keys:
        with pytest.raises(JetonUnreachable):
            verifier.introspect(key)
    process.start()
    wait_until_recovered(verifier, keys[0])
    assert not verifier.introspect(keys[1])
    wait_until_remembered(verifier, keys[0])


def test_within_the_bound_it_answers_without_jeton(verify: Verify) -> None:
    process = Process(bound="10s")
    try:
        verifier, key = verify(process.url, revocation_bound=10.0), process.key()
        wait_until_remembered(verifier, key)
        process.kill()
        assert verifier.introspect(key).active
        with pytest.raises(JetonUnavailable):
            verifier.introspect(UNKNOWN)
        assert verifier.introspect(key).active
    finally:
        process.close()


@pytest.mark.parametrize(
    "changes",
    [
        answer({"detail": "Not found."}, "404 Not Found"),  # a jeton that is older than the route
        answer({"detail": "Request was throttled."}, "429 Too Many Requests"),
        answer(b"<h1>Oh</h1>", "500 Internal Server Error"),
        answer(b"<html>Welcome to nginx!</html>"),
    ],
)
def test_without_changes_every_call_asks(verify: Verify, server: Server, changes: bytes) -> None:
    good = answer(ACTIVE)
    server.by_path = {b"/changes": changes, b"/introspect": good}
    verifier = verify(server.url)
    for _time in range(5):
        assert verifier.introspect(UNKNOWN).active
    within(60, lambda: any(b"/changes" in request for request in server.requests))
    assert sum(b"POST /introspect" in request for request in server.requests) == 5


def test_a_connection_that_is_closed_now_and_then_costs_no_proof(verify: Verify, server: Server) -> None:
    """As nginx closes one after `keepalive_requests`."""
    changes = answer({"cursor": "a", "reset": False, "changes": []})
    server.by_path = {b"/changes": changes, b"/changes?after=a": changes, b"/introspect": answer({"active": False})}
    server.answers_per_connection = 3
    server.by_path[b"/introspect/batch"] = answer({"results": [{"active": False}]})
    verifier = verify(server.url)
    verifier.introspect(UNKNOWN)
    within(60, lambda: sum(b"/changes" in request for request in server.requests) > 10)
    within(60, lambda: memory_of(verifier).has_proof())
    # A follower whose request fails asks whether jeton answers at all.
    assert sum(b"POST /introspect" in request for request in server.requests) == 1


def timed(*expires_in: Optional[float], age: float = 0.0, place: Optional[str] = "a") -> bytes:
    """What jeton answers about active tokens to whoever remembers it."""
    results = [ACTIVE for _token in expires_in]
    return answer({"results": results, "kinds": [], "expires_in": expires_in, "clients": [], "age": age, "place": place})


def no_changes(cursor: str, *changes: Dict[str, int]) -> bytes:
    return answer({"cursor": cursor, "reset": False, "changes": changes})


def following(server: Server, verify: Verify, **how: Any) -> Either:
    """A verifier that has read the server's changes, of which there are none."""
    server.by_path = {b"/changes": no_changes("a-1"), b"/changes?after=a-1": no_changes("a-1")}
    server.by_path[b"/introspect"], server.by_path[b"/introspect/batch"] = answer(ACTIVE), timed(None)
    verifier = verify(server.url, **how)
    verifier.introspect("another")
    within(60, lambda: memory_of(verifier).has_proof())
    return verifier


def asked(server: Server) -> int:
    return sum(request.startswith(b"POST /introspect") for request in server.requests)


def test_an_answer_from_before_a_change_is_not_remembered_and_an_old_one_refused(verify: Verify, server: Server) -> None:
    """Behind one address, the changes are of a node that knows them, and the answer of one that does not reach the database
    and still answers from its memory, as JETON_STALE_IF_ERROR allows."""
    verifier = following(server, verify)
    wait_until_remembered(verifier, UNKNOWN)
    server.by_path[b"/introspect/batch"] = timed(None, age=8.0)
    server.by_path[b"/changes?after=a-2"] = no_changes("a-2")
    server.by_path[b"/changes?after=a-1"] = no_changes("a-2", {"token": 1})
    within(60, lambda: not remembers(verifier, UNKNOWN))
    within(60, lambda: memory_of(verifier).has_proof())
    for call in (lambda: verifier.introspect(UNKNOWN), lambda: verifier.introspect_many([UNKNOWN])):
        with pytest.raises(JetonUnavailable, match="true 8.0 s ago"):
            call()
        assert not remembers(verifier, UNKNOWN)
    del server.by_path[b"/changes?after=a-2"]
    within(60, lambda: not memory_of(verifier).has_proof())
    with pytest.raises(JetonUnavailable, match="true 8.0 s ago"):
        verifier.introspect(UNKNOWN)
    server.by_path[b"/changes?after=a-2"] = no_changes("a-2")
    server.by_path[b"/introspect/batch"] = timed(None, age=0.01)
    wait_until_remembered(verifier, UNKNOWN)


def test_an_answer_from_another_database_is_not_remembered(verify: Verify, server: Server) -> None:
    verifier = following(server, verify)
    for place in ("b", None):
        server.by_path[b"/introspect/batch"] = timed(None, place=place)
        before = asked(server)
        for _time in range(5):
            assert verifier.introspect(UNKNOWN).active
        assert asked(server) - before == 5


def test_a_jeton_that_does_not_say_how_old_answers_are_is_asked_more_often(verify: Verify, server: Server) -> None:
    verifier = following(server, verify, revocation_bound=0.5)
    server.by_path[b"/introspect/batch"] = answer({"results": [ACTIVE]})
    wait_until_remembered(verifier, UNKNOWN)
    within(60, lambda: not remembers(verifier, UNKNOWN))
    assert memory_of(verifier).has_proof()


@pytest.mark.parametrize(
    "wrong",
    [{"age": -1}, {"age": "1"}, {"age": None}, {"age": True}, {"age": float("nan")}, {"age": float("inf")}]
    + [{"place": 7}, {"place": ""}, {"expires_in": None}, {"expires_in": []}, {"expires_in": [-1]}, {"expires_in": ["1"]}]
    + [{"results": []}, {"results": [{}]}],
)
def test_an_answer_that_jeton_would_not_give_is_none(verify: Verify, server: Server, wrong: Dict[str, Any]) -> None:
    verifier = following(server, verify)
    good = {"results": [ACTIVE], "expires_in": [None], "age": 0.0, "place": "a"}
    server.by_path[b"/introspect/batch"] = answer({**good, **wrong})
    for call in (lambda: verifier.introspect(UNKNOWN), lambda: verifier.introspect_many([UNKNOWN])):
        with pytest.raises(JetonUnavailable):
            call()
    server.by_path[b"/introspect/batch"] = answer(good)
    assert verifier.introspect(UNKNOWN).active


def test_a_token_ends_when_jeton_says_so_and_not_by_the_clock_of_the_service(
    verify: Verify, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time
    verifier = verify(process.url)
    verifier.introspect(UNKNOWN)
    within(60, lambda: memory_of(verifier).has_proof())
    for offset in (-3600, 3600):
        monkeypatch.setattr(time, "time", lambda: now() + offset)
        key, remembered, begun = process.key(expires_in=6), False, time.monotonic()
        while verifier.introspect(key).active:
            remembered = remembered or remembers(verifier, key)
            assert time.monotonic() - begun < 30, "it has ended long ago"
            time.sleep(0.01)
        assert remembered


@pytest.mark.parametrize("fault", [RuntimeError("of the tests"), MemoryError()])
def test_the_follower_starts_again_after_any_error(
    verify: Verify, process: Process, fault: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    apply, faults = Memory.apply, [fault]

    def fails_once(memory: Memory, changes: Changes, asked_at: float) -> None:
        if faults:
            raise faults.pop()
        apply(memory, changes, asked_at)

    monkeypatch.setattr(Memory, "apply", fails_once)
    verifier, key = verify(process.url), process.key()
    wait_until_remembered(verifier, key)
    process.revoke(key, wait=True)
    assert not verifier.introspect(key)
    assert any("starts again" in message for message in caplog.messages)


def test_wrong_credentials_are_no_answer(verify: Verify) -> None:
    for client in [(ID, "wrong"), ("nobody", CLIENT_SECRET)]:
        with pytest.raises(JetonUnavailable):
            verify(URL, *client).introspect(UNKNOWN)


def threads() -> int:
    return sum(thread.name == "jeton-client" for thread in threading.enumerate())


def test_the_thread_ends_with_its_verifier(server: Server) -> None:
    assert within(60, lambda: threads() == 0)
    for close in (True, False):
        verifier = Verifier(server.url, ID, SECRET)
        with pytest.raises(JetonUnavailable):
            verifier.introspect(UNKNOWN)
        within(60, lambda: threads() == 1)
        if close:
            verifier.close()
        del verifier
        gc.collect()
        within(60, lambda: threads() == 0)


def test_nothing_but_the_thread_and_the_first_call_starts_it(server: Server) -> None:
    with Verifier(server.url, ID, SECRET):
        assert threads() == 0 and server.accepted == 0


def test_another_loop_starts_again(process: Process) -> None:
    verifier, key = AsyncVerifier(process.url, ID, SECRET, timeout=LONG), process.key()

    async def work(close: bool) -> None:
        assert await verifier.introspect(key)
        # Without, the task is left to the loop, which ends it.
        await (verifier.aclose() if close else AsyncClient.aclose(verifier))

    for close in (True, False, True):
        asyncio.run(work(close))
    assert len(verifier._followers._values) <= 1, "what belongs to a loop that is closed is dropped"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_contexts_of_tls_are_made_in_the_constructor_alone(
    process: Process, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One takes long to make. And while the thread makes one, a fork leaves OpenSSL's locks locked in the child."""
    url = process.url if scheme == "http" else "https://127.0.0.1:1"  # where nobody is
    clients = [Client(url, ID, SECRET, timeout=LONG), Verifier(url, ID, SECRET, timeout=LONG)]
    others = [AsyncClient(url, ID, SECRET, timeout=LONG), AsyncVerifier(url, ID, SECRET, timeout=LONG)]
    make: Any = ssl.SSLContext.__new__
    made: List[str] = []

    def count(kind: Any, *arguments: Any, **how: Any) -> Any:
        made.append(threading.current_thread().name)
        return make(kind, *arguments, **how)

    monkeypatch.setattr(ssl.SSLContext, "__new__", count)

    async def work(client: AsyncClient) -> None:
        async with client:
            await client.introspect(UNKNOWN)

    for client in clients:
        with client, suppress(JetonUnavailable):
            client.introspect(UNKNOWN)
            if isinstance(client, Verifier) and scheme == "http":
                within(60, lambda: memory_of(client).has_proof())
    for other in others:
        for _loop in range(2):
            with suppress(JetonUnavailable):
                asyncio.run(work(other))
    assert made == []


def test_loops_that_run_at_once_each_have_their_own(process: Process) -> None:
    one = Running(process.url, ID, SECRET, timeout=LONG)
    other = Running(process.url, ID, SECRET, timeout=LONG)
    other.verifier = one.verifier
    try:
        key = process.key()
        for _time in range(10):
            assert one.introspect(key) and other.introspect(key)
            assert one.tasks() == 1 and other.tasks() == 1
        process.revoke(key, wait=True)
        assert not one.introspect(key) and not other.introspect(key)
    finally:
        one.close()
        other.close()


def test_a_task_that_was_cancelled_starts_again(process: Process) -> None:
    verifier, key = Running(process.url, ID, SECRET, timeout=LONG), process.key()

    async def cancel() -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    try:
        for _time in range(2):
            assert verifier.introspect(key) and verifier.tasks() == 1
            verifier._run(cancel())
            within(60, lambda: verifier.tasks() == 0)
        assert verifier.introspect(key) and verifier.tasks() == 1
    finally:
        verifier.close()


def test_without_asyncio_it_asks(process: Process) -> None:
    verifier, key = AsyncVerifier(process.url, ID, SECRET, timeout=LONG), process.key()

    async def work() -> None:
        for _time in range(3):
            assert await verifier.introspect(key)
        process.revoke(key)
        assert not await verifier.introspect(key)
        await verifier.aclose()

    trio.run(work)


@pytest.mark.parametrize(
    "how", [{"revocation_bound": 0}, {"revocation_bound": float("inf")}, {"max_answers": 0}, {"max_answers": 1.5}]
)
def test_bad_numbers_are_refused(how: Dict[str, Any]) -> None:
    for kind in (Verifier, AsyncVerifier):
        with pytest.raises(ValueError):
            kind(URL, ID, SECRET, **how)


def test_the_log_holds_no_line_for_each_request(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with Verifier(process.url, ID, SECRET, timeout=LONG) as verifier:
        wait_until_remembered(verifier, process.key())
    assert not any("/changes" in message for message in caplog.messages)
