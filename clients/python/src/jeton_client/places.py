"""Where a request or websocket may carry its token: `header`, `subprotocol`, `query:<name>`, `cookie:<name>`."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Any, Callable, Iterable, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import parse_qs

from . import header

#: Reads the token of an ASGI scope. None if there is none in this place; raises MalformedHeader.
Place = Callable[[Mapping[str, Any]], Optional[str]]


def places(names: Iterable[str], keywords: Sequence[str]) -> List[Place]:
    """Raises ValueError for a name that is no place."""
    if isinstance(names, str):
        raise ValueError("token_from is a list of places")
    return [_place(name, keywords) for name in names]


def token_in(scope: Mapping[str, Any], where: Iterable[Place]) -> Optional[str]:
    """The token in the first place that has one. Raises MalformedHeader."""
    for place in where:
        token = place(scope)
        if token is not None:
            return token
    return None


def _place(place: str, keywords: Sequence[str]) -> Place:
    kind, _, name = place.partition(":")
    if kind == "header" and not name:
        return lambda scope: header.token_of(_headers(scope, b"authorization"), keywords)
    if kind == "subprotocol" and not name:
        return lambda scope: _after_keyword(scope.get("subprotocols") or (), keywords)
    if kind == "query" and name:
        return lambda scope: _first(parse_qs(scope.get("query_string", b"").decode("latin-1")).get(name))
    if kind == "cookie" and name:
        return lambda scope: _cookie(scope, name)
    raise ValueError(f'{place!r} is none of "header", "subprotocol", "query:<name>", "cookie:<name>"')


def _headers(scope: Mapping[str, Any], name: bytes) -> bytes:
    """Several headers are joined with commas, as Django does. So two `Authorization` headers are no token."""
    headers: Sequence[Tuple[bytes, bytes]] = scope["headers"]
    return b",".join(value for each, value in headers if each.lower() == name)


def _after_keyword(offered: Sequence[str], keywords: Sequence[str]) -> Optional[str]:
    """Browsers send no header with a websocket: `new WebSocket(url, ["Token", key])`."""
    known = [keyword.lower() for keyword in keywords]
    if len(offered) == 2 and offered[0].lower() in known:
        return offered[1]
    return None


def _cookie(scope: Mapping[str, Any], name: str) -> Optional[str]:
    cookies: "SimpleCookie" = SimpleCookie()
    try:
        cookies.load(_headers(scope, b"cookie").replace(b",", b";").decode("latin-1"))
    except CookieError:
        return None
    return cookies[name].value or None if name in cookies else None


def _first(values: Optional[List[str]]) -> Optional[str]:
    return values[0] if values else None
