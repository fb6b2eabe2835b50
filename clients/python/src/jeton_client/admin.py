"""What staff do at jeton: users, tokens, passwords."""

from __future__ import annotations

import ssl
import time
from types import TracebackType
from typing import Any, Dict, Iterator, Optional, Type
from urllib.parse import quote

import httpx

from . import protocol
from .errors import JetonError, JetonRefused, JetonUnavailable
from .protocol import Protocol
from .version import USER_AGENT

Record = Dict[str, Any]


class JetonRejected(JetonError):
    """jeton does not do what an Admin asks for: something is invalid, unknown, or not permitted."""

    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(f"jeton answers with status {status}: {detail}")
        self.status = status
        #: jeton's body, such as `{"username": ["A user with that username already exists."]}`.
        self.detail = detail


class Admin:
    """Calls jeton's `/admin/` routes with a token of staff, or a named token with the scope `jeton:admin`.

    Records are dicts as jeton sends them. Raises JetonRejected if jeton refuses, and JetonUnavailable if it does not
    answer. Threads may share it; a process that forks makes one of its own.
    """

    def __init__(
        self, url: str, token: str, *, timeout: float = 10.0, ssl_context: Optional[ssl.SSLContext] = None
    ) -> None:
        if not protocol.could_be_sent_by_holder(token):
            raise ValueError("that is no token")
        # No call here is made as a client. The protocol checks the URL, and describes errors.
        self._protocol = Protocol(url, "-", "-")
        self._token = token
        self._timeout = timeout
        self._http = httpx.Client(**protocol.connection_settings(ssl_context or protocol.ssl_context_for(url)))

    def __repr__(self) -> str:
        return f"Admin({self._protocol.url!r})"

    def users(self, search: str = "") -> Iterator[Record]:
        """All users, or those whose name or e-mail contains a text."""
        return self._pages("/admin/users/", {"search": search} if search else {})

    def user(self, username: str) -> Record:
        return self._record("GET", _user(username))

    def create_user(self, username: str, **fields: Any) -> Record:
        """`password`, or `no_password=True` and then a `password_link`; `email`, `first_name`, `last_name`, `is_active`, `is_staff`, `is_superuser`, `groups`."""
        return self._record("POST", "/admin/users/", {"username": username, **fields})

    def change_user(self, username: str, **fields: Any) -> Record:
        return self._record("PATCH", _user(username), fields)

    def delete_user(self, username: str) -> None:
        self._send("DELETE", _user(username))

    def set_password(self, username: str, password: str) -> None:
        """Sets a password, and revokes the user's login tokens."""
        self._send("POST", _user(username) + "/password", {"password": password})

    def password_link(self, username: str, *, expires_in: Any = None) -> Record:
        """A link with which the user sets a password, once: `["url"]`, good until `["expires_at"]`. You send it to the
        user. `expires_in` is in seconds, or a text such as `2d`: one hour if nothing else is said, at most seven days."""
        fields: Record = {} if expires_in is None else {"expires_in": expires_in}
        return self._record("POST", _user(username) + "/password-link", fields)

    def tokens(self, username: str) -> Iterator[Record]:
        """The user's tokens, which are named by their ids; nobody can read a key again."""
        return self._pages(_user(username) + "/tokens/", {})

    def create_token(self, username: str, name: str, *, scope: str = "", expires_in: Any = None) -> Record:
        """A named token: its key is `["token"]`. `expires_in` is in seconds, or a text such as `30d`."""
        fields: Record = {"name": name, "scope": scope}
        if expires_in is not None:
            fields["expires_in"] = expires_in
        return self._record("POST", _user(username) + "/tokens/", fields)

    def update_token(self, id: int, *, expires_in: Any) -> Record:
        """Moves the end of a token: seconds or a text such as `30d` from now, or None for never."""
        return self._record("PATCH", f"/admin/tokens/{int(id)}", {"expires_in": expires_in})

    def revoke_token(self, id: int) -> None:
        self._send("DELETE", f"/admin/tokens/{int(id)}")

    def regenerate(self, username: str, *, grace: Optional[str] = None, all: bool = False) -> str:
        """Revokes the user's login tokens, with `all` the named ones too, and returns a new key. With a `grace`, such as
        `1h`, the old ones stay valid for so long."""
        query = {**({"grace": grace} if grace else {}), **({"all": "true"} if all else {})}
        key: str = self._send("POST", _user(username) + "/regenerate", query=query)["token"]
        return key

    def close(self) -> None:
        """Closes the idle connections."""
        self._http.close()

    def __enter__(self) -> Admin:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def _pages(self, path: str, query: Dict[str, str]) -> Iterator[Record]:
        page = 1
        while True:
            answer = self._send("GET", path, query={**query, "page": str(page), "page_size": "100"})
            yield from answer["results"]
            if not answer.get("next"):
                return
            page += 1

    def _record(self, method: str, path: str, body: Optional[Record] = None) -> Record:
        record: Record = self._send(method, path, body)
        return record

    def _send(
        self, method: str, path: str, body: Optional[Record] = None, query: Optional[Dict[str, str]] = None
    ) -> Any:
        headers = {"Authorization": f"Token {self._token}", "Accept": "application/json", "User-Agent": USER_AGENT}
        deadline = time.monotonic() + self._timeout
        try:
            with self._http.stream(
                method, self._protocol.url + path, params=query, json=body, headers=headers, timeout=self._timeout
            ) as answer:
                content = self._protocol.body(answer, deadline)
        except httpx.HTTPError as error:
            raise self._protocol.failure(error) from None
        if answer.status_code == 204:
            return None
        if answer.status_code == 401:
            raise JetonRefused(f"jeton at {self._protocol.url} refuses the token of this Admin")
        parsed = self._protocol.parse(content)
        if answer.status_code in (200, 201):
            return parsed
        if 400 <= answer.status_code < 500 and answer.status_code != 429:
            raise JetonRejected(answer.status_code, parsed)
        raise JetonUnavailable(f"jeton at {self._protocol.url} answers with status {answer.status_code}")


def _user(username: str) -> str:
    return "/admin/users/" + quote(username, safe="")
