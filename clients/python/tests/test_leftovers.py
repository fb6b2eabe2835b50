"""What `manage.py check` says of apps whose tokens do nothing any more."""

from __future__ import annotations

from typing import Any, List
from unittest import mock

import pytest
from django.apps import apps
from django.test import override_settings

from jeton_client.django.leftovers import check_leftovers

JETON = "jeton_client.drf.JetonAuthentication"
DRF = "rest_framework.authentication.TokenAuthentication"


def found(installed: List[str], *classes: str) -> List[str]:
    with override_settings(REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": classes}):
        with mock.patch.object(apps, "is_installed", lambda app: app in installed):
            return [str(message.id) for message in check_leftovers()]


@pytest.mark.parametrize(
    "installed, ids",
    [
        ([], []),
        (["rest_framework.authtoken"], ["jeton_client.W002"]),
        (["knox"], ["jeton_client.W003"]),
        (["djoser", "rest_framework.authtoken"], ["jeton_client.W002", "jeton_client.W004"]),
        (["dj_rest_auth"], ["jeton_client.W005"]),
    ],
)
def test_apps_whose_tokens_do_nothing_are_named(installed: List[str], ids: List[str]) -> None:
    assert found(installed, JETON) == ids
    assert found(installed, "rest_framework.authentication.SessionAuthentication", JETON) == ids


def test_as_long_as_both_are_asked_nothing_is_said() -> None:
    assert found(["rest_framework.authtoken"], JETON, DRF) == []
    assert found(["rest_framework.authtoken"], DRF) == []


def test_a_warning_says_what_to_write() -> None:
    with override_settings(REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [JETON]}):
        (message,) = check_leftovers()
    words: Any = message.hint
    assert "request.auth.delete()" in words and "jeton_client.Admin" in words and "SILENCED_SYSTEM_CHECKS" in words
