"""Django REST framework: `DEFAULT_AUTHENTICATION_CLASSES = ["jeton_client.drf.JetonAuthentication"]`.

Which jeton, and as whom to ask it, is in Django's settings:

    JETON = {
        "URL": "https://jeton.example.com",
        "CLIENT_ID": "reports",
        "CLIENT_SECRET": os.environ["JETON_CLIENT_SECRET"],
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
from typing import Any, Optional, Tuple, Union

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from . import header
from .django import checks as _checks  # noqa: F401  (they register themselves)
from .django import conf
from .errors import JetonUnavailable
from .introspection import Introspection
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


class JetonAuthentication(BaseAuthentication):
    """TokenAuthentication whose tokens are jeton's. `request.auth` is an `Introspection`."""

    @sensitive_variables("token")
    def authenticate(self, request: Request) -> Optional[Tuple[Any, Introspection]]:
        configured = conf.configured()
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
            # Requests that were not sent are many, and the log has why.
            logger.log(logging.ERROR if error.sent else logging.DEBUG, "%s", error)
            raise ServiceUnavailable() from None
        if not answer.active:
            raise exceptions.AuthenticationFailed(_(header.INACTIVE_USER if inactive_user else header.INVALID_TOKEN))
        return self.get_user(answer), answer

    def authenticate_header(self, request: Request) -> str:
        return conf.configured().keywords[0]

    def get_user(self, answer: Introspection) -> Union[JetonUser, AbstractBaseUser]:
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
