"""What `manage.py check` says of apps and code whose tokens do nothing any more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List, Tuple
from unittest import mock

import jeton_client
import pytest
from django.apps import apps
from django.test import override_settings
from django.urls import URLPattern, URLResolver, include, path
from knox.auth import TokenAuthentication as KnoxAuthentication
from knox.views import LogoutView
from rest_framework.authentication import BasicAuthentication, TokenAuthentication
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.decorators import api_view, authentication_classes
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from jeton_client.django.leftovers import check_leftovers, check_uses
from jeton_client.django.token_models import TokenModels, token_models
from jeton_client.django.uses import uses_in
from jeton_client.drf import JetonAuthentication

JETON = "jeton_client.drf.JetonAuthentication"
DRF = "rest_framework.authentication.TokenAuthentication"
KNOX = "knox.auth.TokenAuthentication"
BASIC = "rest_framework.authentication.BasicAuthentication"
APP = "jeton_client.django"


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


@pytest.mark.parametrize("rows", [DRF, KNOX])
def test_as_long_as_both_are_asked_nothing_is_said(rows: str) -> None:
    installed = ["rest_framework.authtoken", "knox", APP]
    assert found(installed, JETON, rows) == []
    assert found(installed, rows) == []


class First(JetonAuthentication):
    """As in the guide: it leaves what jeton does not know to the next class."""


class Knox(KnoxAuthentication):  # type: ignore[misc]
    """Of a project's own."""


def view(*classes: type) -> Any:
    return type("View", (APIView,), {"authentication_classes": classes}).as_view()  # type: ignore[attr-defined]


class Actions(ViewSet):
    def list(self, request: Any) -> None: ...


@api_view(["GET"])
@authentication_classes([First])
def function(request: Request) -> Response:
    return Response()


SILENT: List[str] = []
SPEAKS = ["jeton_client.W002"]
PAGES: Dict[str, Tuple[Any, List[str]]] = {
    "jeton": (view(JetonAuthentication), SPEAKS),
    "a subclass": (view(BasicAuthentication, First), SPEAKS),
    "a function": (function, SPEAKS),
    "arguments": (Actions.as_view({"get": "list"}, authentication_classes=[First]), SPEAKS),
    "both": (view(First, TokenAuthentication), SILENT),
    "both, Knox": (view(First, Knox), SILENT),
    "no tokens": (view(BasicAuthentication), SILENT),
    "none": (view(), SILENT),
}


@pytest.mark.parametrize("page", PAGES)
def test_the_views_own_classes_count(page: str) -> None:
    """Where the default ones accept no tokens, as in projects that have none in their settings."""
    called, ids = PAGES[page]
    # Those of packages that the project does not choose are no answer.
    urls: Tuple["URLPattern | URLResolver", ...] = (
        path("logout/", LogoutView.as_view()),
        path("login/", obtain_auth_token),
        path("api/", include([path("page/", called)])),
    )
    with override_settings(ROOT_URLCONF=urls):
        assert found(["rest_framework.authtoken"], BASIC) == ids
        # Whoever has installed the app means jeton, whatever asks it.
        alone = SILENT if page.startswith("both") else SPEAKS
        assert found(["rest_framework.authtoken", APP], BASIC) == alone


def test_urls_that_cannot_be_imported_are_for_djangos_own_check() -> None:
    with override_settings(ROOT_URLCONF="no.such.urls"):
        assert found(["rest_framework.authtoken"], BASIC) == SILENT
        assert found(["rest_framework.authtoken", APP], BASIC) == SPEAKS


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


def lines(code: bytes, models: "TokenModels | None" = None, file: str = "/srv/shop/views.py") -> List[Tuple[int, str]]:
    return [(use.line, use.code) for use in uses_in(Path(file), code, models or token_models())]


def test_lines_of_the_projects_code_are_found() -> None:
    assert lines(CODE) == [
        (7, "T.objects"),
        (8, "T(..)"),
        (9, "knox.AuthToken.objects"),
        (10, "request.user.auth_token"),
        (11, "self.user.auth_token_set"),
        (12, "profile__auth_token__key=.."),
        (13, "drf_create_token"),
    ]


VIEWS = b'''
import knox.models
import rest_framework.authtoken.views as drf
from django.urls import include, path
from knox.views import LoginView as KnoxLogin
from rest_framework.authtoken.views import ObtainAuthToken, obtain_auth_token
from elsewhere import LogoutView

class Login(ObtainAuthToken):
    renderer_classes = []

class Other(Mixin, KnoxLogin): ...
class Logout(LogoutView): ...

urlpatterns = [
    path("a/", obtain_auth_token),
    path("b/", drf.obtain_auth_token),
    path("c/", ObtainAuthToken.as_view()),
    path("d/", include("knox.urls")),
    path("e/", Login.as_view()),
]
knox.models.AuthToken.objects.all()
'''


def test_views_that_make_or_delete_rows_are_found() -> None:
    assert lines(VIEWS) == [
        (9, "class Login(ObtainAuthToken)"),
        (12, "class Other(KnoxLogin)"),
        (16, "obtain_auth_token"),
        (17, "drf.obtain_auth_token"),
        (18, "ObtainAuthToken"),
        (19, "knox.urls"),
        (22, "knox.models.AuthToken.objects"),
    ]


GOT = b'''
from django.shortcuts import get_object_or_404
from knox.models import get_token_model, AbstractAuthToken
from rest_framework.authtoken.models import Token
AuthToken = get_token_model()

class Own(AbstractAuthToken):
    @classmethod
    def newest(cls):
        return Own.objects.last()

class Proxy(Token):
    class Meta:
        proxy = True

class List(ListView):
    model = Own

class Delete(DeleteView):
    model = get_token_model()

def end(key):
    get_token_model().objects.filter(digest=key).delete()
    AuthToken.objects.filter(digest=key).delete()
    get_object_or_404(Proxy, key=key)
    Proxy._default_manager.all(), model.objects, get_object_or_404(User, key=key)
'''


def test_models_of_tokens_are_found_by_their_bases() -> None:
    assert lines(GOT) == [
        (10, "Own.objects"),
        (17, "model = Own"),
        (20, "model = get_token_model()"),
        (23, "get_token_model().objects"),
        (24, "AuthToken.objects"),
        (25, "get_object_or_404(Proxy, ..)"),
        (26, "Proxy._default_manager"),
    ]


OWN = b'''
from . import models
from .models import ApiToken
from ..keys import ApiToken as Stranger
from shop import models as other
from shop.models.tokens import ApiToken as Absolute

ApiToken.objects, ApiToken.usable, models.ApiToken.objects, other.ApiToken(), Absolute.objects
Stranger.objects, models.Order.objects, user.api_keys, order.api_keys, f(api_keys=1)
'''


def test_the_projects_own_models_are_found_wherever_they_are_imported_from() -> None:
    names = {"shop.models.tokens": {"ApiToken"}}
    models = TokenModels(names, frozenset({"objects", "usable"}), frozenset({"api_keys"}))
    assert sorted(lines(OWN, models)) == [
        (8, "Absolute.objects"),
        (8, "ApiToken.objects"),
        (8, "ApiToken.usable"),
        (8, "models.ApiToken.objects"),
        (8, "other.ApiToken(..)"),
        (9, "user.api_keys"),
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
DEFAULT = 'REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": ["jeton_client.drf.JetonAuthentication"]},'
URLS = """
from django.urls import path
from rest_framework.authtoken.models import Token
from rest_framework.views import APIView

class Logout(APIView):
    def post(self, request):
        Token.objects.filter(user=request.user).delete()

urlpatterns = [path("logout/", Logout.as_view())]
"""


#: A project with none in its settings, and models of tokens of its own.
OWN_URLS = """
from django.urls import path
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.views import APIView
from jeton_client.drf import JetonAuthentication
from .models import ShopToken, ProxyToken

class Login(ObtainAuthToken): ...

class Logout(APIView):
    authentication_classes = [JetonAuthentication]
    def post(self, request):
        ShopToken.usable.filter(user=request.user).delete()
        ProxyToken.objects.filter(user=request.user).delete()
        request.user.shop_keys.all()

urlpatterns = [path("logout/", Logout.as_view()), path("login/", Login.as_view())]
"""
MODELS = """
from django.conf import settings
from django.db import models
from knox.models import AbstractAuthToken, AuthTokenManager
from rest_framework.authtoken.models import Token

class ShopToken(AbstractAuthToken):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="shop_keys")
    objects = AuthTokenManager()
    usable = AuthTokenManager()

class ProxyToken(Token):
    class Meta:
        proxy = True
"""


def checked(folder: Path, project: str, **files: str) -> str:
    (folder / "shop").mkdir()
    for name, source in {"__init__": "", **files}.items():
        (folder / "shop" / f"{name}.py").write_text(source)
    (folder / "manage.py").write_text(project)
    path = os.pathsep.join([str(folder), str(Path(jeton_client.__file__).parent.parent)])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "manage.py"], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_manage_py_check_says_it(tmp_path: Path) -> None:
    """Though nothing has imported the authentication class when checks begin."""
    words = checked(tmp_path, PROJECT, urls=URLS)
    assert "jeton_client.W002" in words and "shop/urls.py:8: Token.objects" in words


def test_manage_py_check_knows_models_and_classes_of_the_projects_own(tmp_path: Path) -> None:
    project = PROJECT.replace(DEFAULT, 'KNOX_TOKEN_MODEL="shop.ShopToken",').replace('"shop", "jeton', '"knox", "shop", "jeton')
    words = checked(tmp_path, project, urls=OWN_URLS, models=MODELS)
    assert "jeton_client.W002" in words and "jeton_client.W003" in words
    places = [line.strip() for line in words.splitlines() if line.strip().startswith("shop/")]
    assert places == [
        "shop/urls.py:8: class Login(ObtainAuthToken)",
        "shop/urls.py:13: ShopToken.usable",
        "shop/urls.py:14: ProxyToken.objects",
        "shop/urls.py:15: request.user.shop_keys",
    ]
