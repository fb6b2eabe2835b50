"""What `manage.py check` says of apps and code whose tokens do nothing any more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, List
from unittest import mock

import jeton_client
import pytest
from django.apps import apps
from django.test import override_settings

from jeton_client.django.leftovers import check_leftovers, check_uses
from jeton_client.django.uses import uses_in

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
        message = check_leftovers()[0]
    words: Any = message.hint
    assert "request.auth.delete()" in words and "jeton_client.Admin" in words and "SILENCED_SYSTEM_CHECKS" in words


CODE = b'''
from knox import models as knox
from rest_framework.authtoken.models import Token as T
from elsewhere import Token

def login(request, user, self):
    T.objects.get_or_create(user=user)
    T(user=user).save()
    knox.AuthToken.objects.create(user)
    request.user.auth_token.delete()
    self.user.auth_token_set.all()
    User.objects.filter(profile__auth_token__key="x")
    call_command("drf_create_token", "alice")
    Token.objects.all(), self.auth_token, settings.auth_token, Token(1), "Token.objects"
    user.auth_token = T  # isinstance(request.auth, Token)
'''


def test_lines_of_the_projects_code_are_found() -> None:
    assert [(use.line, use.code) for use in uses_in(Path("views.py"), CODE)] == [
        (7, "T.objects"),
        (8, "T(..)"),
        (9, "knox.AuthToken.objects"),
        (10, "request.user.auth_token"),
        (11, "self.user.auth_token_set"),
        (12, "profile__auth_token__key=.."),
        (13, "drf_create_token"),
    ]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project with an app of its own."""
    for folder in ("shop/tests", "shop/migrations", "shop/venv/lib/site-packages"):
        (tmp_path / folder).mkdir(parents=True)
    app = SimpleNamespace(path=str(tmp_path / "shop"))
    installed = apps.get_app_configs()
    monkeypatch.setattr(apps, "get_app_configs", lambda: [*installed, app])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_check_names_them(shop: Path) -> None:
    for file in ("views.py", "broken.py", "tests/test_views.py", "tests.py", "migrations/0001_a.py", "venv/lib/site-packages/a.py"):
        (shop / "shop" / file).write_bytes(b"x = (" if file == "broken.py" else CODE)
    with override_settings(REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [JETON]}):
        (message,) = check_uses()
        assert message.id == "jeton_client.W006"
        lines = [line.strip() for line in str(message.msg).splitlines()]
        assert lines[1] == "shop/views.py:7: T.objects" and len(lines) == 8
        assert "request.auth.delete()" in str(message.hint) and "jeton_client.Admin" in str(message.hint)
        (shop / "shop" / "more.py").write_bytes(CODE)
        lines = str(check_uses()[0].msg).splitlines()
        assert len(lines) == 12 and lines[-1].strip() == "and 4 more"
    with override_settings(REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [JETON, DRF]}):
        assert check_uses() == [], "both are asked"


def test_the_folder_of_the_urls_is_the_projects_too(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop / "config").mkdir()
    (shop / "config" / "__init__.py").touch()
    (shop / "config" / "urls.py").write_bytes(CODE)
    monkeypatch.syspath_prepend(str(shop))
    for urls, number in (("config.urls", 1), ("no.such.urls", 0), ("urls", 0)):
        with override_settings(ROOT_URLCONF=urls, REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [JETON]}):
            assert len(check_uses()) == number


def test_what_is_installed_is_not_the_projects() -> None:
    """Django REST framework itself is full of `Token.objects`."""
    with override_settings(REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [JETON]}):
        assert check_uses() == []


PROJECT = """
import sys
from django.conf import settings
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework.authtoken", "shop", "jeton_client.django"],
    JETON={"URL": "http://127.0.0.1:1", "CLIENT_ID": "shop", "CLIENT_SECRET": "secret", "USER": "find"},
    REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": ["jeton_client.drf.JetonAuthentication"]},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    ROOT_URLCONF="shop.urls",
    USE_TZ=True,
)
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "check"])
"""
URLS = """
from django.urls import path
from rest_framework.authtoken.models import Token
from rest_framework.views import APIView

class Logout(APIView):
    def post(self, request):
        Token.objects.filter(user=request.user).delete()

urlpatterns = [path("logout/", Logout.as_view())]
"""


def test_manage_py_check_says_it(tmp_path: Path) -> None:
    """Though nothing has imported the authentication class when checks begin."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "urls.py").write_text(URLS)
    (tmp_path / "manage.py").write_text(PROJECT)
    path = os.pathsep.join([str(tmp_path), str(Path(jeton_client.__file__).parent.parent)])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "manage.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "jeton_client.W002" in done.stderr and "shop/urls.py:8: Token.objects" in done.stderr
