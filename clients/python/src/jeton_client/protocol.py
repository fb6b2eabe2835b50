"""Requests to jeton and how answers are parsed, for plain and async calls. This module does no input or output."""

from __future__ import annotations

import json
import ssl
import time
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Callable, Dict, Generic, Iterable, Iterator, List, Optional, Tuple, TypedDict, TypeVar
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx

from .errors import JetonRefused, JetonUnavailable, JetonUnreachable
from .introspection import Answer, Inactive, Introspection
from .version import USER_AGENT

T = TypeVar("T")

#: jeton calls a longer text malformed.
MAX_TOKEN_BYTES = 1024
#: The most tokens of `/introspect/batch`, and a body size in bytes that jeton always accepts.
MAX_BATCH = 1000
MAX_BATCH_BYTES = 200 * 1024
#: A longer answer is refused.
MAX_ANSWER_BYTES = 64 * 1024 * 1024

#: Errors of a connection that the server has closed. A timeout is not among them, so a slow server is not asked twice.
DROPPED = (httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.RemoteProtocolError)

#: Shorter than jeton (75 s) and load balancers (60 s) keep an idle connection, so that few break.
KEEP_ALIVE_SECONDS = 30.0
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=KEEP_ALIVE_SECONDS)


class ConnectionSettings(TypedDict):
    limits: httpx.Limits
    verify: ssl.SSLContext
    trust_env: bool


def ssl_context_for(url: str) -> ssl.SSLContext:
    """The context of all connections of a client. It is made once, in the client's constructor, and not in a thread: if the
    process forked meanwhile, locks of OpenSSL would stay locked in the child for ever.

    The one for http:// trusts nobody. It is there because httpx makes one for each pool that is given none, which takes long.
    """
    return httpx.create_ssl_context() if urlsplit(url).scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def connection_settings(ssl_context: ssl.SSLContext) -> ConnectionSettings:
    """Ignores the proxies of the environment, which must not see tokens."""
    return {"limits": LIMITS, "verify": ssl_context, "trust_env": False}


INACTIVE = Inactive(active=False, _raw={"active": False})


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request, and how to read its answer. Headers and content hold secrets: no repr."""

    method: str
    url: str
    read: Callable[[int, bytes], T] = field(repr=False)
    headers: Dict[str, str] = field(repr=False)
    content: bytes = field(repr=False, default=b"")


@dataclass(frozen=True)
class TimedAnswer:
    """An answer, and what whoever remembers it must know. Spans are in seconds."""

    answer: Answer
    #: How old it was when the request arrived: it contains every change that was committed before. None: jeton is older than
    #: this member, and does not say it.
    age: Optional[float] = None
    #: Which database it is from: the cursors of its changes begin with this. None: not known, or from several.
    place: Optional[str] = None
    #: How much later than the request the token ends, or, if it is not active, how long that may be remembered. None: no limit.
    expires_in: Optional[float] = None


@dataclass(frozen=True)
class Changes:
    """An answer of `/changes`."""

    #: What the next request sends, to read on from here.
    cursor: str
    #: Whether everything that is remembered must be forgotten.
    reset: bool
    #: What has changed: `token`, `user` or `client`, and its id.
    changes: Tuple[Tuple[str, str], ...]


def could_be_token(token: str) -> bool:
    """Whether jeton must be asked: it calls every other text malformed."""
    if not isinstance(token, str):
        raise TypeError("a token is a str")
    try:
        return 0 < len(token.encode()) <= MAX_TOKEN_BYTES and token.strip() != ""
    except UnicodeEncodeError:  # a lone surrogate
        return False


def could_be_sent_by_holder(token: str) -> bool:
    """Whether the key can be sent in `Authorization`, as all keys of jeton and Django can."""
    return could_be_token(token) and all("!" <= character <= "~" for character in token)


def batches(tokens: Iterable[str]) -> Iterator[List[str]]:
    """Splits tokens into lists that `/introspect/batch` accepts."""
    batch: List[str] = []
    size = 0
    for token in tokens:
        length = len(json.dumps(token)) + 2
        if batch and (len(batch) == MAX_BATCH or size + length > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(token)
        size += length
    if batch:
        yield batch


class Protocol:
    def __init__(self, url: str, client_id: str, client_secret: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the URL of jeton is not http://host or https://host")
        if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
            raise ValueError("the URL of jeton holds more than scheme, host, port and path")
        if not client_id or not client_secret:
            raise ValueError("jeton wants a client id and a client secret")
        self.url = url.rstrip("/")
        self.client_id = client_id
        # RFC 6749, 2.3.1: both form-encoded, so that a colon in the id does not separate it from the secret.
        credentials = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
        self._headers = {
            "Authorization": "Basic " + b64encode(credentials.encode()).decode(),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
        }

    def __repr__(self) -> str:
        return f"{self.url!r}, {self.client_id!r}"

    def introspect(self, token: str) -> Call[Answer]:
        return self._form("/introspect", token, self._introspection)

    def introspect_batch(self, tokens: List[str]) -> Call[List[Answer]]:
        def read(status: int, body: bytes) -> List[Answer]:
            return self._results(self._json(status, body), len(tokens))

        return self._batch({"tokens": tokens}, read)

    def introspect_timed(self, tokens: List[str]) -> Call[List[TimedAnswer]]:
        """The same for whoever remembers the answers, as an edge does."""

        def read(status: int, body: bytes) -> List[TimedAnswer]:
            answer = self._json(status, body)
            results = self._results(answer, len(tokens))
            if "age" not in answer:
                return [TimedAnswer(result) for result in results]
            age, place, ends = self._span(answer["age"]), answer.get("place"), answer.get("expires_in")
            if place is not None and (not isinstance(place, str) or not place):
                raise self._nonsense("it does not say which database it is from")
            if not isinstance(ends, list) or len(ends) != len(tokens):
                raise self._nonsense("it does not say when each token ends")
            left = [None if span is None else self._span(span) for span in ends]
            return [TimedAnswer(result, age, place, span) for result, span in zip(results, left)]

        return self._batch({"tokens": tokens, "edge": True}, read)

    def revoke(self, token: str) -> Call[None]:
        def read(status: int, body: bytes) -> None:
            self._check(status)

        return self._form("/revoke", token, read)

    def refusal(self, token: str) -> Call[Optional[str]]:
        """As the token's holder: the holder learns the reason, a client does not."""

        def read(status: int, body: bytes) -> Optional[str]:
            if status == 200:
                return None
            detail = self._json(status, body, expected=401).get("detail")
            if not isinstance(detail, str):
                raise self._nonsense("it has no detail")
            return detail

        headers = {**self._headers, "Authorization": f"Token {token}"}
        return Call("GET", self.url + "/auth/verify", read, headers)

    def changes(self, after: Optional[str]) -> Call[Changes]:
        """What has changed since a cursor. Without one, the answer is a first cursor, and everything may have changed."""

        def read(status: int, body: bytes) -> Changes:
            answer = self._json(status, body)
            cursor, reset, changes = answer.get("cursor"), answer.get("reset"), answer.get("changes")
            if not isinstance(cursor, str) or not cursor or not isinstance(reset, bool) or not isinstance(changes, list):
                raise self._nonsense("it has no cursor, or no changes")
            known = [_change(change) for change in changes]
            # A change of a kind that is not known here may be about everything.
            reset = reset or after is None or None in known
            return Changes(cursor, reset, tuple(change for change in known if change is not None))

        url = self.url + "/changes" + ("" if after is None else "?" + urlencode({"after": after}))
        return Call("GET", url, read, self._headers)

    def failure(self, error: Exception) -> JetonUnavailable:
        """Describes an error by its type only: its text may come from the server and contain anything."""
        if isinstance(error, httpx.TimeoutException):
            return JetonUnreachable(f"jeton at {self.url} does not answer in time")
        if isinstance(error, httpx.ConnectError):
            return JetonUnreachable(f"jeton at {self.url} cannot be reached: {error}")
        return JetonUnreachable(f"jeton at {self.url} does not answer: {type(error).__name__}")

    def body(self, answer: httpx.Response, deadline: float) -> bytes:
        """The body, which must be complete by the deadline, by the monotonic clock."""
        body = bytearray()
        for part in answer.iter_raw():
            body += part
            if len(body) > MAX_ANSWER_BYTES:
                raise self.too_long()
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("")
        return bytes(body)

    def too_long(self) -> JetonUnavailable:
        return self._nonsense("it has no end")

    def _form(self, path: str, token: str, read: Callable[[int, bytes], T]) -> Call[T]:
        headers = {**self._headers, "Content-Type": "application/x-www-form-urlencoded"}
        return Call("POST", self.url + path, read, headers, urlencode({"token": token}).encode())

    def _batch(self, body: Dict[str, object], read: Callable[[int, bytes], T]) -> Call[T]:
        headers = {**self._headers, "Content-Type": "application/json"}
        return Call("POST", self.url + "/introspect/batch", read, headers, json.dumps(body).encode())

    def _results(self, answer: Dict[str, object], count: int) -> List[Answer]:
        results = answer.get("results")
        if not isinstance(results, list) or len(results) != count:
            raise self._nonsense("it has not a result for each token")
        return [self._introspection_of(result) for result in results]

    def _span(self, seconds: object) -> float:
        if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 <= seconds < float("inf"):
            return seconds
        raise self._nonsense("a span is no number of seconds")

    def _introspection(self, status: int, body: bytes) -> Answer:
        return self._introspection_of(self._json(status, body))

    def _introspection_of(self, answer: object) -> Answer:
        try:
            return Introspection.of(answer)
        except ValueError as error:
            raise self._nonsense(str(error)) from None

    def _json(self, status: int, body: bytes, expected: int = 200) -> Dict[str, object]:
        self._check(status, expected)
        return self.parse(body)

    def parse(self, body: bytes) -> Dict[str, object]:
        """The JSON object that each answer is."""
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            raise self._nonsense("it is not JSON") from None
        if not isinstance(answer, dict):
            raise self._nonsense("it is no object")
        return answer

    def _check(self, status: int, expected: int = 200) -> None:
        if status == expected:
            return
        if status in (401, 403):
            raise JetonRefused(f"jeton at {self.url} refuses the client {self.client_id!r}: status {status}")
        raise JetonUnavailable(f"jeton at {self.url} answers with status {status}")

    def _nonsense(self, why: str) -> JetonUnavailable:
        return JetonUnavailable(f"what answers at {self.url} does not answer as jeton does: {why}")


def _change(change: object) -> Optional[Tuple[str, str]]:
    """The kind and the id; None for a change of a kind that is not known here."""
    if not isinstance(change, dict) or len(change) != 1:
        return None
    ((kind, name),) = change.items()
    wanted = {"token": int, "user": int, "client": str}.get(kind)
    if wanted is None or not isinstance(name, wanted) or isinstance(name, bool):
        return None
    return kind, str(name)
