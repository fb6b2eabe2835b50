"""The rows of a project's own tables of tokens, for a FakeJeton that is to know them as if they had been imported."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import Any, Callable, Iterator, List, Optional, Tuple

from django.apps import apps
from django.db import connections


def row_of(key: str) -> Optional[Tuple[Any, Optional[int]]]:
    """The user of a key, and when it expires; None for a key without a row."""
    for look_up in _tables():
        row = look_up(key)
        if row is not None:
            return row
    return None


def _tables() -> Iterator[Callable[[str], Optional[Tuple[Any, Optional[int]]]]]:
    if apps.is_installed("rest_framework.authtoken"):
        yield _of_authtoken
    if apps.is_installed("knox"):
        yield _of_knox


def _of_authtoken(key: str) -> Optional[Tuple[Any, Optional[int]]]:
    from rest_framework.authtoken.models import Token

    token = _first(Token, key=key)
    return None if token is None else (token.user, None)


def _of_knox(key: str) -> Optional[Tuple[Any, Optional[int]]]:
    models: Any = import_module("knox.models")
    crypto: Any = import_module("knox.crypto")
    token = _first(models.get_token_model(), digest=crypto.hash_token(key))
    return None if token is None else (token.user, int(token.expiry.timestamp()) if token.expiry else None)


def _first(model: Any, **lookup: str) -> Any:
    return model._default_manager.select_related("user").filter(**lookup).first()


@contextmanager
def uncounted() -> Iterator[None]:
    """A FakeJeton's queries are not the project's, and `assertNumQueries` must not count them."""
    counted: List[Any] = [each for each in connections.all() if each.force_debug_cursor]
    for connection in counted:
        connection.force_debug_cursor = False
    try:
        yield
    finally:
        for connection in counted:
            connection.force_debug_cursor = True
