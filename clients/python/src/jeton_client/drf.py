"""Django REST framework: `DEFAULT_AUTHENTICATION_CLASSES = ["jeton_client.drf.JetonAuthentication"]`.

Which jeton, and as whom to ask it, is in Django's settings:

    JETON = {
        "URL": "https://jeton.example.com",
        "CLIENT_ID": "reports",
        "CLIENT_SECRET": os.environ["JETON_CLIENT_SECRET"],
        "TIMEOUT": 3.0,                    # seconds
        "USER": "answer",                  # or "find", "create": the project's own user of that name
        "KEYWORDS": ["Token", "Bearer"],   # in Authorization; the first is the challenge
    }
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Dict, Optional, Tuple, Union

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from . import header
from .client import Client
from .errors import JetonUnavailable
from .introspection import Introspection
from .user import JetonUser

logger = logging.getLogger("jeton_client")

_REQUIRED = ("URL", "CLIENT_ID", "CLIENT_SECRET")
_DEFAULTS: Dict[str, Any] = {"TIMEOUT": 3.0, "USER": "answer", "KEYWORDS": ["Token", "Bearer"]}


@dataclass(frozen=True)
class Configured:
    """The settings, checked."""

    client: Client
    user: str
    keywords: Tuple[str, ...]


class ServiceUnavailable(exceptions.APIException):
    """503: nobody is let in, and nobody is told that their token is bad."""

    status_code = 503
    default_detail = header.UNAVAILABLE
    default_code = "service_unavailable"
    #: Seconds, for Retry-After.
    wait = 1


class JetonAuthentication(BaseAuthentication):
    """TokenAuthentication whose tokens are jeton's. `request.auth` is an `Introspection`."""

    @sensitive_variables("token")
    def authenticate(self, request: Request) -> Optional[Tuple[Any, Introspection]]:
        configured = _configured()
        try:
            token = header.token_of(get_authorization_header(request), configured.keywords)
        except header.MalformedHeader as error:
            raise exceptions.AuthenticationFailed(_(str(error))) from None
        if token is None:
            return None
        try:
            answer = configured.client.introspect(token)
            inactive_user = not answer.active and configured.client.refusal(token) == header.INACTIVE_USER
        except JetonUnavailable as error:
            logger.error("%s", error)
            raise ServiceUnavailable() from None
        if not answer.active:
            raise exceptions.AuthenticationFailed(_(header.INACTIVE_USER if inactive_user else header.INVALID_TOKEN))
        return self.get_user(answer), answer

    def authenticate_header(self, request: Request) -> str:
        return _configured().keywords[0]

    def get_user(self, answer: Introspection) -> Union[JetonUser, AbstractBaseUser]:
        """`request.user` of an active answer. A subclass may know better."""
        how = _configured().user
        if how == "answer":
            return JetonUser(answer)
        model = get_user_model()
        name = {model.USERNAME_FIELD: answer.username}
        if how == "create":
            fields = {model.EMAIL_FIELD: answer.email} if hasattr(model, "EMAIL_FIELD") else {}
            fields.pop(model.USERNAME_FIELD, None)
            # No password, and no rights: what the answer says of these holds for its token, not for a row that stays.
            fields["password"] = make_password(None)
            user: Optional[AbstractBaseUser] = model._default_manager.get_or_create(**name, defaults=fields)[0]
        else:
            user = model._default_manager.filter(**name).first()
        # Some databases hold names that differ in the case of their letters for the same; to jeton they are two users.
        if user is None or not user.is_active or user.get_username() != answer.username:
            raise exceptions.AuthenticationFailed(_(header.INACTIVE_USER))
        return user


@lru_cache(maxsize=None)
def _configured() -> Configured:
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
    keywords, timeout = chosen["KEYWORDS"], chosen["TIMEOUT"]
    if isinstance(keywords, str) or not keywords or not all(isinstance(word, str) and word for word in keywords):
        raise ImproperlyConfigured('JETON["KEYWORDS"] is a list of words.')
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout > 0:
        raise ImproperlyConfigured('JETON["TIMEOUT"] is a number of seconds, more than 0.')
    try:
        client = Client(chosen["URL"], chosen["CLIENT_ID"], chosen["CLIENT_SECRET"], timeout=timeout)
    except ValueError as error:
        raise ImproperlyConfigured(f'JETON["URL"]: {error}.') from None
    return Configured(client, chosen["USER"], tuple(keywords))


def _forget(*, setting: str, **_other: Any) -> None:
    """Tests override settings."""
    if setting == "JETON":
        if _configured.cache_info().currsize:
            _configured().client.close()
        _configured.cache_clear()


setting_changed.connect(_forget)
