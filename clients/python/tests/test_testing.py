"""FakeJeton: the tests of a project without a server."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client as Browser
from django.test import TestCase, override_settings
from django.test.utils import CaptureQueriesContext
from knox.models import AuthToken
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from conftest import CLIENT_ID, CLIENT_SECRET, URL, Jeton
from jeton_client import AsyncClient, AsyncVerifier, Client, JetonUnreachable, Verifier, header
from jeton_client.django import conf
from jeton_client.testing import FakeJeton, FakeJetonMixin
from project import authenticate, project
from test_auth import ask

ALONE = ("http://jeton.test", "tests", "tests")


def status(key: str) -> int:
    return Browser().get("/after/IsAuthenticated/", headers={"Authorization": f"Token {key}"}).status_code


def test_a_service_is_tested_without_a_server(fake_jeton: FakeJeton) -> None:
    key = fake_jeton.token("alice")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Token " + key)
    response = client.get("/after/IsAuthenticated/")
    assert (response.status_code, response.json()["username"]) == (200, "alice")
    assert client.get("/after/IsAdminUser/").status_code == 403
    fake_jeton.user("alice", is_staff=True)
    assert client.get("/after/IsAdminUser/").status_code == 200
    fake_jeton.user("alice", is_active=False)
    assert client.get("/after/IsAuthenticated/").json() == {"detail": header.INACTIVE_USER}
    fake_jeton.user("alice", is_active=True)
    fake_jeton.revoke(key)
    assert client.get("/after/IsAuthenticated/").json() == {"detail": header.INVALID_TOKEN}


def test_scopes_ends_and_logouts(fake_jeton: FakeJeton) -> None:
    from jeton_client.permissions import HasScope

    key = fake_jeton.token("alice", scope="reports:read", expires_in=60)
    assert ask(key, [HasScope("reports:read")]).status_code == 200
    assert ask(fake_jeton.token("alice"), [HasScope("reports:read")]).status_code == 403
    assert status(fake_jeton.token("alice", expires_in=-1)) == 401
    assert not fake_jeton.is_revoked(key)
    authenticate(key)[1].delete()
    assert fake_jeton.is_revoked(key) and status(key) == 401


@pytest.mark.parametrize("verifier", [True, False])
def test_an_outage(verifier: bool, fake_jeton: FakeJeton) -> None:
    with project(VERIFIER=verifier):
        key = fake_jeton.token("alice")
        assert status(key) == 200
        fake_jeton.down()
        assert [status(key) for _time in range(3)] == [503] * 3
        fake_jeton.up()
        assert status(key) == 200


def test_the_setting_need_not_be_there(database: None) -> None:
    for given in ({}, {"URL": "", "CLIENT_ID": "", "CLIENT_SECRET": None}, {"USER": "create"}):
        with override_settings(JETON=given), FakeJeton() as fake:
            assert authenticate(fake.token("alice"))[0].get_username() == "alice"
    with override_settings(JETON=None), FakeJeton() as fake:
        assert authenticate(fake.token("alice"))


def test_a_row_of_the_projects_is_found_again(database: None) -> None:
    row = get_user_model().objects.create_user("alice", email="alice@example.com", is_staff=True)
    with project(USER="find"), FakeJeton() as fake:
        user, auth = authenticate(fake.token(row))
        assert user == row and auth.email == "alice@example.com" and user.is_staff


@pytest.mark.parametrize("kind", [Client, Verifier])
def test_clients_ask_it(kind: Any) -> None:
    with FakeJeton() as fake, kind(*ALONE) as client:
        keys = [fake.token("alice"), "unknown", fake.token("bob")]
        assert client.introspect(keys[0]).username == "alice"
        assert [answer.username for answer in client.introspect_many(keys)] == ["alice", "", "bob"]
        client.revoke(keys[0])
        assert not client.introspect(keys[0]) and client.refusal(keys[0]) == header.INVALID_TOKEN


@pytest.mark.parametrize("kind", [AsyncClient, AsyncVerifier])
def test_async_clients_ask_it(kind: Any) -> None:
    async def work() -> None:
        with FakeJeton() as fake:
            async with kind(*ALONE) as client:
                key = fake.token("alice")
                assert (await client.introspect(key)).username == "alice"
                fake.down()
                with pytest.raises(JetonUnreachable):
                    await client.introspect(key)

    asyncio.run(work())


def test_it_answers_as_jeton_does(jeton: Jeton) -> None:
    """Beside the jeton of these tests: the same members, and the same where one is left out."""
    fields: Dict[str, Any] = {"email": "a@example.com", "groups": ["billing", "sales"], "is_superuser": True, "is_staff": True}
    user = jeton.user(**fields)
    with Client(URL, CLIENT_ID, CLIENT_SECRET) as client:
        cases: List[Dict[str, Any]] = [{}, {"scope": "a b", "expires_in": 3600}]
        for more in cases:
            theirs = client.introspect(jeton.key(user["username"], **more)).raw
            with FakeJeton() as fake:
                fake.user(user["username"], id=user["id"], **fields)
                ours = client.introspect(fake.token(user["username"], **more)).raw
            for own in ("iat", "exp", "jti"):
                assert type(ours.pop(own, None)) is type(theirs.pop(own, None))
            assert ours == theirs
        key = jeton.key(jeton.user(is_active=False)["username"])
        assert client.introspect(key).raw == {"active": False} and client.refusal(key) == header.INACTIVE_USER


def test_afterwards_everything_is_as_it_was(alice: Tuple[Dict[str, Any], str]) -> None:
    before = conf.configured()
    with FakeJeton() as fake:
        fake.token("alice")
        assert status(alice[1]) == 401
    assert status(alice[1]) == 200 and conf.configured().client._protocol.url == before.client._protocol.url


def test_a_user_has_what_jeton_says_of_one(fake_jeton: FakeJeton) -> None:
    with pytest.raises(TypeError, match="first_name"):
        fake_jeton.user("alice", first_name="Alice")
    with pytest.raises(ValueError):
        fake_jeton.token("")


class DjangosTestCase(FakeJetonMixin, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.key = self.jeton.token("alice")

    def test_it_is_there(self) -> None:
        assert status(self.key) == 200


@pytest.fixture
def rows(database: None) -> Iterator[FakeJeton]:
    with project(USER="find"), FakeJeton(import_tokens=True) as fake:
        yield fake


def test_rows_of_tokens_are_known_as_after_an_import(rows: FakeJeton) -> None:
    alice = get_user_model().objects.create_user("alice", is_staff=True)
    alice.groups.add(Group.objects.create(name="billing"))
    key = Token.objects.create(user=alice).key
    user, auth = authenticate(key)
    assert user == alice and auth.is_staff and auth.groups == ("billing",)
    assert status("0" * 40) == 401 and status("") == 401


def test_knoxs_rows_too(rows: FakeJeton) -> None:
    alice = get_user_model().objects.create_user("alice")
    row, key = AuthToken.objects.create(user=alice, expiry=timedelta(hours=1))
    _user, auth = authenticate(key)
    assert auth.exp == int(row.expiry.timestamp()) and auth.username == "alice"
    assert status(AuthToken.objects.create(user=alice, expiry=timedelta(hours=-1))[1]) == 401
    assert authenticate(AuthToken.objects.create(user=alice, expiry=None)[1])[1].exp is None


def test_what_is_done_to_a_row_does_nothing_as_at_jeton(rows: FakeJeton) -> None:
    """So that a logout which deletes the row is seen not to work."""
    token = Token.objects.create(user=get_user_model().objects.create_user("alice"))
    assert status(token.key) == 200
    Token.objects.all().delete()
    assert status(token.key) == 200
    authenticate(token.key)[1].delete()
    assert status(token.key) == 401 and rows.is_revoked(token.key)
    other = Token.objects.create(user=get_user_model().objects.create_user("bob"))
    rows.revoke(other.key)
    assert status(other.key) == 401, "revoked before it was used"


def test_its_queries_are_not_counted(rows: FakeJeton) -> None:
    user = get_user_model().objects.create_user("alice")
    key = Token.objects.create(user=user).key
    with CaptureQueriesContext(connection) as queries, Client(*ALONE) as client:
        assert client.introspect(key).username == "alice" and not client.introspect("0" * 40)
        assert get_user_model().objects.count() == 1
    assert [query["sql"][:12] for query in queries] == ["SELECT COUNT"]


def test_async_code_finds_rows_too(rows: FakeJeton) -> None:
    key = Token.objects.create(user=get_user_model().objects.create_user("alice")).key

    async def ask_it() -> str:
        async with AsyncClient(*ALONE) as client:
            return (await client.introspect(key)).username

    assert async_to_sync(ask_it)() == "alice"


def test_rows_are_not_looked_at_unasked(database: None) -> None:
    key = Token.objects.create(user=get_user_model().objects.create_user("alice")).key
    with FakeJeton() as fake:
        assert fake.is_revoked(key) and status(key) == 401


class WithRows(FakeJetonMixin, TestCase):
    import_tokens = True

    def test_they_are_there(self) -> None:
        assert status(Token.objects.create(user=get_user_model().objects.create_user("alice")).key) == 200
