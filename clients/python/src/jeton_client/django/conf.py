"""The setting `JETON`, checked. `jeton_client.drf` says what it holds."""

from __future__ import annotations

import atexit
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Dict, FrozenSet, Tuple

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from ..client import Client
from ..follower import MAX_ANSWERS
from ..verifier import Verifier

APP = "jeton_client.django"
RIGHTS = ("is_active", "is_staff", "is_superuser", "groups")
#: What can follow jeton's answer.
SYNC = (*RIGHTS, "username", "email")

_REQUIRED = ("URL", "CLIENT_ID", "CLIENT_SECRET")
_DEFAULTS: Dict[str, Any] = {
    "TIMEOUT": 3.0,
    "USER": "answer",
    "KEYWORDS": ["Token", "Bearer"],
    "LINK_BY_NAME": False,
    "SYNC": [*RIGHTS, "username"],
    "VERIFIER": True,
    "REVOCATION_BOUND": 1.0,
    "MAX_ANSWERS": MAX_ANSWERS,
}

APP_MISSING = (
    f'JETON["USER"] is "find" or "create", which want the app "{APP}": add it to INSTALLED_APPS, '
    "and run `manage.py migrate`. A name alone does not say who somebody is."
)


@dataclass(frozen=True)
class Configured:
    client: Client
    user: str
    keywords: Tuple[str, ...]
    link_by_name: bool
    sync: FrozenSet[str]
    #: What the middleware takes, to ask as `client` does.
    connection: Dict[str, Any] = field(repr=False)


def wants_app() -> bool:
    """Whether users have rows here, and the app that links them is not installed."""
    given = getattr(settings, "JETON", None)
    how = given.get("USER") if isinstance(given, dict) else None
    return how in ("find", "create") and not apps.is_installed(APP)


@lru_cache(maxsize=None)
def configured() -> Configured:
    given = getattr(settings, "JETON", None)
    if not isinstance(given, dict):
        raise ImproperlyConfigured("The setting JETON is missing: a dict with URL, CLIENT_ID and CLIENT_SECRET.")
    for name in _REQUIRED:
        if not isinstance(given.get(name), str) or not given[name]:
            raise ImproperlyConfigured(f"JETON[{name!r}] is missing, or is not text.")
    for name in given:
        if name not in _REQUIRED and name not in _DEFAULTS:
            raise ImproperlyConfigured(f"JETON[{name!r}] is no setting of jeton_client.")
    chosen = {**_DEFAULTS, **given}
    if chosen["USER"] not in ("answer", "find", "create"):
        raise ImproperlyConfigured('JETON["USER"] is one of "answer", "find", "create".')
    if wants_app():
        raise ImproperlyConfigured(APP_MISSING)
    keywords, sync = chosen["KEYWORDS"], chosen["SYNC"]
    if isinstance(keywords, str) or not keywords or not all(isinstance(word, str) and word for word in keywords):
        raise ImproperlyConfigured('JETON["KEYWORDS"] is a list of words.')
    for name in ("TIMEOUT", "REVOCATION_BOUND"):
        seconds = chosen[name]
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
            raise ImproperlyConfigured(f'JETON["{name}"] is a number of seconds, more than 0.')
    for name in ("LINK_BY_NAME", "VERIFIER"):
        if not isinstance(chosen[name], bool):
            raise ImproperlyConfigured(f'JETON["{name}"] is True or False.')
    number = chosen["MAX_ANSWERS"]
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ImproperlyConfigured('JETON["MAX_ANSWERS"] is a whole number, more than 0.')
    if not isinstance(sync, (list, tuple, set, frozenset)) or not all(name in SYNC for name in sync):
        raise ImproperlyConfigured(f'JETON["SYNC"] is a list of some of {", ".join(SYNC)}.')
    try:
        client = _client(chosen)
    except ValueError as error:
        raise ImproperlyConfigured(f'JETON["URL"]: {error}.') from None
    connection = {
        "url": chosen["URL"],
        "client_id": chosen["CLIENT_ID"],
        "client_secret": chosen["CLIENT_SECRET"],
        "timeout": chosen["TIMEOUT"],
        "verifier": chosen["VERIFIER"],
        "revocation_bound": chosen["REVOCATION_BOUND"],
        "max_answers": chosen["MAX_ANSWERS"],
    }
    return Configured(client, chosen["USER"], tuple(keywords), chosen["LINK_BY_NAME"], frozenset(sync), connection)


def _client(chosen: Dict[str, Any]) -> Client:
    who = (chosen["URL"], chosen["CLIENT_ID"], chosen["CLIENT_SECRET"])
    if not chosen["VERIFIER"]:
        return Client(*who, timeout=chosen["TIMEOUT"])
    bound, number = chosen["REVOCATION_BOUND"], chosen["MAX_ANSWERS"]
    return Verifier(*who, timeout=chosen["TIMEOUT"], revocation_bound=bound, max_answers=number)


def _close() -> None:
    if configured.cache_info().currsize:
        configured().client.close()
        configured.cache_clear()


def _forget(*, setting: str, **_other: Any) -> None:
    """Tests override settings."""
    if setting in ("JETON", "INSTALLED_APPS"):
        _close()


setting_changed.connect(_forget)
atexit.register(_close)
