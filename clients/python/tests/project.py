"""The Django project of the tests: its setting JETON, and who is let in by a key."""

from __future__ import annotations

from typing import Any, Dict, Tuple

from conftest import CLIENT_ID, CLIENT_SECRET, URL
from django.test import override_settings
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from jeton_client.drf import JetonAuthentication, Token


def project(**changes: object) -> override_settings:
    settings: Dict[str, object] = {"URL": URL, "CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET, "TIMEOUT": 30.0}
    settings["VERIFIER"] = False  # jeton is asked each time, unless a test is about that
    settings.update(changes)
    return override_settings(JETON={name: value for name, value in settings.items() if value is not None})


def authenticate(key: str) -> Tuple[Any, Token]:
    request = APIRequestFactory().get("/", headers={"Authorization": f"Token {key}"})
    authenticated = JetonAuthentication().authenticate(Request(request))
    assert authenticated is not None
    return authenticated
