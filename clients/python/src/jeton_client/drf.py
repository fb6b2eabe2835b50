"""Django REST framework: `DEFAULT_AUTHENTICATION_CLASSES = ["jeton_client.drf.JetonAuthentication"]`.

Which jeton, and as whom to ask it, is in Django's settings:

    JETON = {
        "URL": "https://jeton.example.com",
        "CLIENT_ID": "reports",
        "CLIENT_SECRET": os.environ["REPORTS_CLIENT_SECRET"],
        "TIMEOUT": 3.0,                    # seconds
        "USER": "answer",                  # or "find", "create": rows of this project, by links of jeton_client.django
        "KEYWORDS": ["Token", "Bearer"],   # in Authorization; the first is the challenge
        "LINK_BY_NAME": False,             # link rows by name alone, that have no more rights than jeton's answer
        "SYNC": ["is_active", "is_staff", "is_superuser", "groups", "username"],   # what follows jeton's answer
        "VERIFIER": True,                  # remember answers, as `jeton_client.Verifier` does; False asks each time
        "REVOCATION_BOUND": 1.0,           # seconds; must equal jeton's JETON_REVOCATION_BOUND
        "MAX_ANSWERS": 10_000,             # how many each process remembers at most
    }
"""

from __future__ import annotations

import logging
from typing import Any, NoReturn, Optional, Tuple, Union

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import exceptions
from rest_framework.authentication import TokenAuthentication, get_authorization_header
from rest_framework.request import Request

from . import header
from .django import checks as _checks, leftovers as _leftovers  # noqa: F401  (they register themselves)
from .django import conf
from .errors import JetonUnavailable
from .client import Client
from .introspection import Active
from .user import JetonUser

logger = logging.getLogger("jeton_client")

# The app's own checks do not run if it is not installed, and a check registered while checks run is too late.
if apps.apps_ready and conf.wants_app():
    raise ImproperlyConfigured(f"{conf.APP_MISSING} (jeton_client.E001)")


class ServiceUnavailable(exceptions.APIException):
    """503: the request is not accepted, and the token is not called invalid."""

    status_code = 503
    default_detail = header.UNAVAILABLE
    default_code = "service_unavailable"
    #: Seconds, for Retry-After.
    wait = 1


class Token(Active):
    """The token of a request, and jeton's answer about it: `request.auth`."""

    _client: Client
    #: The token as the client sent it. No repr contains it.
    key: str

    def __init__(self, answer: Active, key: str, client: Client) -> None:
        vars(self).update(vars(answer), key=key, _client=client)

    def revoke(self) -> None:
        """Revokes the token at jeton: a logout. Raises ServiceUnavailable, which is 503, if jeton does not answer."""
        try:
            self._client.revoke(self.key)
        except JetonUnavailable as error:
            logger.error("%s", error)
            raise ServiceUnavailable() from None

    def delete(self) -> None:
        """The same. `request.auth.delete()` is how projects with a table of tokens log out."""
        self.revoke()


class _FirstKeyword:
    """Of the setting KEYWORDS. For the class, it is itself, so that a subclass's own keyword can be told from it."""

    def __get__(self, instance: Optional[object], owner: type) -> Any:
        return self if instance is None else conf.configured().keywords[0]


class JetonAuthentication(TokenAuthentication):
    """TokenAuthentication whose tokens are jeton's. `request.auth` is a `Token`.

    A subclass may set `keyword`, which then is the only one, and override `authenticate_credentials` and `get_user`.
    """

    #: The one in `WWW-Authenticate`.
    keyword: str = _FirstKeyword()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    @sensitive_variables("token")
    def authenticate(self, request: Request) -> Optional[Tuple[Any, Any]]:
        own = type(self).keyword is not JetonAuthentication.keyword
        try:
            keywords = (self.keyword,) if own else conf.configured().keywords
            token = header.token_of(get_authorization_header(request), keywords)
        except header.MalformedHeader as error:
            raise exceptions.AuthenticationFailed(_(str(error))) from None
        return None if token is None else self.authenticate_credentials(token)

    @sensitive_variables("key")
    def authenticate_credentials(self, key: str) -> Tuple[Any, Token]:
        """`request.user` and `request.auth` of a key. Raises AuthenticationFailed."""
        client = conf.configured().client
        try:
            answer = client.introspect(key)
            inactive_user = not answer and client.refusal(key) == header.INACTIVE_USER
        except JetonUnavailable as error:
            # Requests that were not sent are many, and the log has why.
            logger.log(logging.ERROR if error.sent else logging.DEBUG, "%s", error)
            raise ServiceUnavailable() from None
        if not answer:
            raise exceptions.AuthenticationFailed(_(header.INACTIVE_USER if inactive_user else header.INVALID_TOKEN))
        return self.get_user(answer), Token(answer, key, client)

    def authenticate_header(self, request: Request) -> str:
        return self.keyword

    def get_model(self) -> NoReturn:
        raise ImproperlyConfigured(
            "Tokens are at jeton, and no model of this project: `super().authenticate_credentials(key)` returns the user "
            "and the token."
        )

    def get_user(self, answer: Active) -> Union[JetonUser, AbstractBaseUser]:
        """`request.user` of an active answer. A subclass may override this."""
        configured = conf.configured()
        if configured.user == "answer":
            return JetonUser(answer)
        from .django.identity import Busy, user_of  # its models are there only where the app is installed

        try:
            user = user_of(answer, configured)
        except Busy:
            logger.warning("another request writes to the database: whoever asks now is told to come again")
            raise ServiceUnavailable() from None
        if user is None:
            raise exceptions.AuthenticationFailed(_(header.INACTIVE_USER))
        return user
