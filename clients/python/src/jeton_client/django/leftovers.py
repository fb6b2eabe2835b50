"""Warns of installed apps, and of the project's own code, whose rows of tokens do nothing once jeton has the tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

from django.apps import apps
from django.core.checks import CheckMessage, Warning, register

from .authenticators import are_jetons_alone
from .uses import Use, uses

_ADMIN = 'and in scripts `jeton_client.Admin(url, token)`, or `jeton token create -r <username>`'

#: App, number of its warning, what does nothing, and what to write instead.
_APPS = [
    (
        "rest_framework.authtoken",
        "W002",
        "Rows of Token (`Token.objects`, `user.auth_token`, `ObtainAuthToken`, `drf_create_token`)",
        "`request.auth.delete()` to log out, requests to jeton's /api-token-auth/ to log in, " + _ADMIN,
    ),
    (
        "knox",
        "W003",
        "Rows of AuthToken (`AuthToken.objects`, `user.auth_token_set`), and Knox's views,",
        "`request.auth.delete()` to log out, requests to jeton's /api-token-auth/, /logout/ and /logoutall/, " + _ADMIN,
    ),
    (
        "djoser",
        "W004",
        "Djoser's login and logout, and the tokens that its password views delete,",
        "requests to jeton's /api-token-auth/, /logout/ and /me/password, "
        'and "TOKEN_MODEL": None in the setting DJOSER if its other views stay',
    ),
    (
        "dj_rest_auth",
        "W005",
        "dj-rest-auth's login, logout and password views",
        "requests to jeton's /api-token-auth/, /logout/ and /me/password, "
        'and "TOKEN_MODEL": None in the setting REST_AUTH if its other views stay',
    ),
]


@register("jeton_client")
def check_leftovers(**_options: Any) -> List[CheckMessage]:
    if not are_jetons_alone():
        return []
    return [
        Warning(
            f"{what} do nothing at jeton, which has the tokens now.",
            hint=f"Use {instead}. SILENCED_SYSTEM_CHECKS turns this off while {app} has to stay in INSTALLED_APPS.",
            id=f"jeton_client.{number}",
        )
        for app, number, what, instead in _APPS
        if apps.is_installed(app)
    ]


#: How many places W006 names at most.
MAX_PLACES = 10


@register("jeton_client")
def check_uses(**_options: Any) -> List[CheckMessage]:
    """W006: the lines of the project's own code."""
    found = list(uses()) if are_jetons_alone() else []
    if not found:
        return []
    places = "".join(f"\n\t\t{_place(use)}" for use in found[:MAX_PLACES])
    more = f"\n\t\tand {len(found) - MAX_PLACES} more" if len(found) > MAX_PLACES else ""
    return [
        Warning(
            f"This code uses rows of tokens, which do nothing at jeton:{places}{more}",
            hint="Use `request.auth.delete()` to log out, `request.auth.key` for the token of a request, requests to jeton's "
            "/api-token-auth/ to log in, " + _ADMIN + ". A new password is set at jeton, which ends the login tokens: "
            "/me/password, or `Admin.set_password`.",
            id="jeton_client.W006",
        )
    ]


def _place(use: Use) -> str:
    here = Path.cwd()
    file = use.file.relative_to(here) if use.file.is_relative_to(here) else use.file
    return f"{file}:{use.line}: {use.code}"
