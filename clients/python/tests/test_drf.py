"""Django REST framework: what TokenAuthentication answers, jeton's class answers, byte for byte."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import pytest
from conftest import CLIENT_SECRET, Jeton
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings
from django.utils.translation import override
from rest_framework.authentication import TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from jeton_client import Client as JetonClient
from jeton_client import Introspection, JetonUser, Verifier
from jeton_client.django import conf
from jeton_client.drf import JetonAuthentication
from jeton_client.memory import key_of
from process import ID, SECRET, Process, within
from project import authenticate, project
from support import CLOSE, HANG, Server, answer

Alice = Tuple[Dict[str, Any], str]
UNKNOWN = "0" * 40


pytestmark = pytest.mark.usefixtures("database")


def answers(path: str, headers: Dict[str, str]) -> Tuple[int, bytes, Dict[str, str]]:
    response = Client().get(path, headers=headers)
    return response.status_code, response.content, dict(response.headers)


#: As a server hands them on, bytes as latin-1.
HEADERS = [
    None, "", " ", "Basic YTpi", "Token: {key}", "Token:{key}", "Tokenx", "Token\xa0{key}", "{key}", "Digest x y z",
    "Token", "Token ", "token", "\tTOKEN\t",
    "Token a b", "Token {key} {key}", "Token {key}, Token {key}", "token a b c d", "Token {key},",
    "Token \xff", "Token {key}\xe9", "Token \xe9 \xe9",
    "Token {unknown}", "Token {upper}", "Token {key}\x00", "Token {key}\x07", 'Token token="{key}"', "Token ;",
    "Token \xc3\xa9", "Token {key}\xe2\x80\x8b", "Token " + "a" * 5000,
    "Token {inactive}", "token  {inactive}",
    "Token {key}", "token {key}", "TOKEN {key}", "Token\t{key}", "Token  {key}", " Token {key} ", "Token\x0b{key}",
]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("permission", ["IsAuthenticated", "IsAdminUser", "AllowAny"])
def test_answers_are_those_of_token_authentication(header: Optional[str], permission: str, alice: Alice, inactive: str) -> None:
    user = get_user_model().objects.create(username=alice[0]["username"])
    Token.objects.create(user=user, key=alice[1])
    Token.objects.create(user=get_user_model().objects.create(username="gone", is_active=False), key=inactive)
    headers = {}
    if header is not None:
        keys = {"key": alice[1], "unknown": UNKNOWN, "upper": alice[1].upper(), "inactive": inactive}
        headers["Authorization"] = header.format(**keys)
    before, after = (answers(f"/{way}/{permission}/", headers) for way in ("before", "after"))
    assert after == before


def test_the_rows_of_the_table_are_there(alice: Alice, inactive: str) -> None:
    """The test above compares; this one knows."""
    for authorization, status, detail in [
        ("", 401, "Authentication credentials were not provided."),
        ("Token", 401, "Invalid token header. No credentials provided."),
        ("Token a b", 401, "Invalid token header. Token string should not contain spaces."),
        ("Token \xff", 401, "Invalid token header. Token string should not contain invalid characters."),
        ("Bearer", 401, "Invalid token header. No credentials provided."),
        ("Bearer a b", 401, "Invalid token header. Token string should not contain spaces."),
        (f"Token {UNKNOWN}", 401, "Invalid token."),
        (f"Bearer {UNKNOWN}", 401, "Invalid token."),
        (f"Token {inactive}", 401, "User inactive or deleted."),
    ]:
        response = Client().get("/after/IsAuthenticated/", headers={"Authorization": authorization})
        assert (response.status_code, response.json()) == (status, {"detail": detail})
        assert response.headers["WWW-Authenticate"] == "Token"
    for keyword in ("Token", "bearer"):
        response = Client().get("/after/IsAuthenticated/", headers={"Authorization": f"{keyword} {alice[1]}"})
        assert (response.status_code, response.json()["username"]) == (200, alice[0]["username"])
        assert "WWW-Authenticate" not in response.headers


def test_sentences_are_in_the_readers_language() -> None:
    # The middleware leaves its language to the thread: `override` takes it back.
    with override("en"), override_settings(MIDDLEWARE=["django.middleware.locale.LocaleMiddleware"]):
        for authorization in ("Token", f"Token {UNKNOWN}"):
            headers = {"Authorization": authorization, "Accept-Language": "fr"}
            before, after = (answers(f"/{way}/IsAuthenticated/", headers) for way in ("before", "after"))
            assert after == before and "Invalid" not in after[1].decode()


def test_keywords_are_the_projects(alice: Alice) -> None:
    with project(KEYWORDS=["Api-Key"]):
        for keyword, status in [("Api-Key", 200), ("API-KEY", 200), ("Token", 401), ("Bearer", 401)]:
            response = Client().get("/after/IsAuthenticated/", headers={"Authorization": f"{keyword} {alice[1]}"})
            assert response.status_code == status
            if status == 401:
                assert response.headers["WWW-Authenticate"] == "Api-Key"


def test_the_user_is_whom_the_answer_names(alice: Alice) -> None:
    user, answer = authenticate(alice[1])
    assert isinstance(user, JetonUser) and isinstance(answer, Introspection)
    assert (user.username, user.get_username(), str(user)) == (alice[0]["username"],) * 3
    assert user.pk == user.id == alice[0]["id"] and user.email == "alice@example.com"
    assert (user.is_authenticated, user.is_anonymous, user.is_active) == (True, False, True)
    assert (user.is_staff, user.is_superuser, user.groups) == (False, False, ("billing", "bureau é"))
    assert answer.scopes == {"a", "b"}
    assert user == JetonUser(answer) and hash(user) == hash(JetonUser(answer)) and user != answer
    assert not user.has_perm("app.change") and not user.has_perms(["app.change"]) and not user.has_module_perms("app")
    assert get_user_model().objects.count() == 0


def test_staff_is_staff(jeton: Jeton) -> None:
    key = jeton.key(jeton.user(is_staff=True, is_superuser=True)["username"])
    assert Client().get("/after/IsAdminUser/", headers={"Authorization": f"Token {key}"}).status_code == 200
    assert authenticate(key)[0].has_perm("app.change")


class JetonFirst(JetonAuthentication):
    """As docs/migrating-from-django.md has it."""

    def authenticate(self, request: Request) -> Optional[Tuple[Any, Introspection]]:
        try:
            return super().authenticate(request)
        except AuthenticationFailed:
            return None


def test_token_authentication_may_stay_behind(alice: Alice, server: Server) -> None:
    factory = APIRequestFactory()
    old = Token.objects.create(user=get_user_model().objects.create(username="old"))
    view = APIView.as_view(authentication_classes=[JetonFirst, TokenAuthentication], permission_classes=[IsAuthenticated])
    # Without a method of the view's own: 405 for whoever is let in.
    for key, status in [(alice[1], 405), (old.key, 405), (UNKNOWN, 401), ("", 401)]:
        assert view(factory.get("/", headers={"Authorization": f"Token {key}"})).status_code == status
    with project(URL=server.does([CLOSE], [CLOSE]).url):
        assert view(factory.get("/", headers={"Authorization": f"Token {old.key}"})).status_code == 503


@pytest.mark.parametrize("steps", [[HANG], [CLOSE], [answer(b"<html>")], [answer({}, "503 Service Unavailable")]])
def test_without_jeton_it_is_503(server: Server, steps: Any) -> None:
    with project(URL=server.does(steps, steps).url, TIMEOUT=0.3):
        for permission in ("IsAuthenticated", "AllowAny"):
            server.accepted = 0
            response = Client().get(f"/after/{permission}/", headers={"Authorization": f"Token {UNKNOWN}"})
            assert response.status_code == 503 and response.headers["Retry-After"] == "1"
            assert response.json() == {"detail": "The token service is temporarily unavailable."}
            assert "WWW-Authenticate" not in response.headers
        assert Client().get("/after/IsAuthenticated/").status_code == 401


def test_a_wrong_client_secret_is_503_too(alice: Alice) -> None:
    with project(CLIENT_SECRET="wrong"):
        response = Client().get("/after/IsAuthenticated/", headers={"Authorization": f"Token {alice[1]}"})
        assert response.status_code == 503


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"URL": None}, "'URL'"),
        ({"CLIENT_ID": None}, "'CLIENT_ID'"),
        ({"CLIENT_SECRET": None}, "'CLIENT_SECRET'"),
        ({"CLIENT_SECRET": ""}, "'CLIENT_SECRET'"),
        ({"URL": "jeton"}, "http://host"),
        ({"TIMEOUTS": 1}, "'TIMEOUTS'"),
        ({"TIMEOUT": 0}, "TIMEOUT"),
        ({"TIMEOUT": "1"}, "TIMEOUT"),
        ({"USER": "guess"}, "USER"),
        ({"KEYWORDS": "Token"}, "KEYWORDS"),
        ({"KEYWORDS": []}, "KEYWORDS"),
        ({"LINK_BY_NAME": "yes"}, "LINK_BY_NAME"),
        ({"VERIFIER": "yes"}, "VERIFIER"),
        ({"VERIFIER": True, "REVOCATION_BOUND": 0}, "REVOCATION_BOUND"),
        ({"VERIFIER": True, "REVOCATION_BOUND": float("inf")}, "revocation bound"),
        ({"VERIFIER": True, "MAX_ANSWERS": 0}, "MAX_ANSWERS"),
        ({"SYNC": "groups"}, "SYNC"),
        ({"SYNC": ["password"]}, "SYNC"),
    ],
)
def test_a_bad_setting_is_named(changes: Dict[str, object], words: str) -> None:
    with project(**changes), pytest.raises(ImproperlyConfigured, match=words) as error:
        authenticate(UNKNOWN)
    assert CLIENT_SECRET not in str(error.value)


def test_by_default_answers_are_remembered_as_long_as_they_are_good(jeton: Jeton) -> None:
    """Each time the whole way: the user's rights, their end, and the sentence of the refusal."""
    user = jeton.user()["username"]
    key = jeton.key(user)
    with project(VERIFIER=None):
        client = conf.configured().client
        assert isinstance(client, Verifier)

        def remembered() -> bool:
            assert authenticate(key)[0].username == user
            (follower,) = client._followers.values()
            return follower.memory.recall(key_of(key)) is not None

        within(60, remembered)
        assert authenticate(key)[1] == authenticate(key)[1]
        jeton.change(f"{user}?wait=true", is_staff=True)
        assert authenticate(key)[0].is_staff
        within(60, remembered)
        jeton.change(f"{user}?wait=true", is_active=False)
        response = Client().get("/after/AllowAny/", headers={"Authorization": f"Token {key}"})
        assert (response.status_code, response.json()) == (401, {"detail": "User inactive or deleted."})
    with project(VERIFIER=False):
        assert type(conf.configured().client) is JetonClient


def test_what_a_service_answers_and_logs_while_jeton_is_down(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "jeton_client")
    process = Process(bound="10s")

    def status(key: str) -> int:
        return Client().get("/after/IsAuthenticated/", headers={"Authorization": f"Token {key}"}).status_code

    try:
        key, other = process.key(), process.key()
        with project(URL=process.url, CLIENT_ID=ID, CLIENT_SECRET=SECRET, VERIFIER=None, REVOCATION_BOUND=10.0):
            client = conf.configured().client
            assert isinstance(client, Verifier)

            def remembered() -> bool:
                assert status(key) == 200
                return client._follower().memory.recall(key_of(key)) is not None

            within(60, remembered)
            process.kill()
            assert status(key) == 200 and status(other) == 503 and status(key) == 200, "within the bound"
            client._follower().memory._proof -= 10.0
            assert [status(each) for each in [key, other] * 10] == [503] * 20
            within(60, lambda: "no answer is remembered" in caplog.text)
            process.start()
            within(60, lambda: status(key) == 200 and status(other) == 200)
            within(60, lambda: "can be read again" in caplog.messages[-1])
    finally:
        process.close()
    lines = [record for record in caplog.records if record.name == "jeton_client"]
    # One request at most finds out; the other refusals, and the tries of the follower, are no lines.
    assert sum(record.levelname == "ERROR" for record in lines) <= 1
    assert [record.getMessage().split(": ")[0] for record in lines if record.levelname != "ERROR"] == [
        f"jeton at {process.url} does not answer",
        "no answer is remembered until changes can be read again",
        f"jeton at {process.url} answers again",
        f"changes of jeton at {process.url} can be read again",
    ]


@pytest.mark.parametrize("value", [None, "http://jeton"])
def test_settings_that_are_missing_are_named(value: object) -> None:
    with override_settings(JETON=value), pytest.raises(ImproperlyConfigured, match="JETON is missing"):
        authenticate(UNKNOWN)
