"""`FakeJeton`, and how it takes the place of the network."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any, Dict, Tuple
from unittest import mock

import httpx

from ..aio import AsyncClient
from ..aio_verifier import AsyncVerifier
from ..client import Client
from ..follower import Follower
from ..protocol import Call
from ..verifier import Verifier
from .records import Imported, Records, User
from .routes import respond

#: For what the project's setting JETON lacks.
_SETTINGS = {"URL": "http://jeton.test", "CLIENT_ID": "tests", "CLIENT_SECRET": "tests"}


class FakeJeton:
    """While it is entered, every client of this package in this process asks it: the authentication class, the middleware,
    `Client`, `Verifier` and their async kinds. They read its answers as they read jeton's. Nothing is remembered, so that a
    revocation counts at once.

    With `import_tokens`, it also knows the project's own rows of tokens (`Token.objects.create(user=user)`, Knox's too),
    as after an import: with their user as the row is when their key is first sent. So tests from before jeton go on. What
    is done to the row later does nothing, as at jeton.
    """

    def __init__(self, *, import_tokens: bool = False) -> None:
        self._import_tokens = import_tokens
        self._records = Records(_row_of) if import_tokens else Records()
        self._is_down = False
        self._entered = ExitStack()

    def user(self, username: Any, **fields: Any) -> User:
        """Makes a user, or changes one: `id`, `email`, `is_active`, `is_staff`, `is_superuser`, `groups`, `external_id`.

        A row of Django's in the place of the name gives its id, name, e-mail, flags and groups, so that with `"find"` the
        project finds it again.
        """
        return self._records.user(username, **fields)

    def token(self, username: Any, scope: str = "", expires_in: Any = None) -> str:
        """A new key of a user, who is made if there is none of that name. `expires_in` is in seconds."""
        return self._records.token(username, scope, expires_in).key

    def revoke(self, key: str) -> None:
        self._records.revoke(key)

    def is_revoked(self, key: str) -> bool:
        """Whether the key is not valid any more: for tests of a logout."""
        return self._records.valid(key) is None

    def down(self) -> None:
        """From now on jeton does not answer."""
        self._is_down = True

    def up(self) -> None:
        self._is_down = False

    def __enter__(self) -> FakeJeton:
        enter = self._entered.enter_context
        enter(mock.patch.object(Client, "_attempt", lambda _client, call, _deadline: self._answer(call)))
        enter(mock.patch.object(AsyncClient, "_attempt", _awaited(self)))
        enter(mock.patch.object(Verifier, "_follower", _without_memory))
        enter(mock.patch.object(AsyncVerifier, "_follower", _without_memory))
        if "django.conf" in sys.modules:
            self._set_up_django()
        return self

    def __exit__(self, *_error: object) -> None:
        self._entered.close()

    def _answer(self, call: Call[Any]) -> Tuple[int, bytes]:
        if self._is_down:
            raise httpx.ConnectError("FakeJeton is down")
        if not self._import_tokens:
            return self._respond(call)
        from .imported import uncounted

        with uncounted():
            return self._respond(call)

    def _respond(self, call: Call[Any]) -> Tuple[int, bytes]:
        return respond(self._records, call.method, httpx.URL(call.url), call.headers, call.content)

    def _set_up_django(self) -> None:
        from django.conf import settings
        from django.test import override_settings

        if not settings.configured:
            return
        given: Dict[str, Any] = getattr(settings, "JETON", None) or {}
        if not all(given.get(name) for name in _SETTINGS):
            self._entered.enter_context(override_settings(JETON={**_SETTINGS, **{k: v for k, v in given.items() if v}}))


def _row_of(key: str) -> Imported:
    from .imported import row_of

    return row_of(key)


def _awaited(fake: FakeJeton) -> Any:
    async def attempt(_client: AsyncClient, call: Call[Any]) -> Tuple[int, bytes]:
        if not fake._import_tokens:
            return fake._answer(call)
        from asgiref.sync import sync_to_async

        answer: Tuple[int, bytes] = await sync_to_async(fake._answer)(call)  # where the test's transaction is
        return answer

    return attempt


def _without_memory(verifier: Any) -> Follower:
    """A follower whose steps nobody takes: it has no proof, and every call asks."""
    return Follower(verifier._protocol, verifier._timeout, verifier._bound, 1)
