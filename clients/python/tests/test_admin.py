"""Admin: what staff do."""

from __future__ import annotations

from typing import Iterator

import pytest
from conftest import ADMIN_TOKEN, CLIENT_ID, CLIENT_SECRET, URL, Jeton

from jeton_client import Admin, Client, JetonRefused, JetonRejected, JetonUnavailable
from support import CLOSE, Server, answer


@pytest.fixture
def admin() -> Iterator[Admin]:
    with Admin(URL, ADMIN_TOKEN, timeout=30.0) as admin:
        yield admin


def is_active(key: str) -> bool:
    with Client(URL, CLIENT_ID, CLIENT_SECRET, timeout=30.0) as client:
        return client.introspect(key).active


def test_users(admin: Admin, jeton: Jeton) -> None:
    name = jeton.user()["username"]
    assert admin.user(name)["username"] == name
    assert admin.change_user(name, email="new@example.com", groups=["billing"])["groups"] == ["billing"]
    assert [user["username"] for user in admin.users(search=name)] == [name]
    admin.delete_user(name)
    with pytest.raises(JetonRejected) as error:
        admin.user(name)
    assert error.value.status == 404 and error.value.detail == {"detail": "Not found."}


def test_a_user_is_made_with_any_name(admin: Admin, jeton: Jeton) -> None:
    name = jeton.user()["username"] + "+ü@x.y"
    made = admin.create_user(name, password="a quiet harbour at noon", is_staff=True)
    assert made["username"] == name and made["is_staff"] and admin.user(name) == made
    with pytest.raises(JetonRejected) as error:
        admin.create_user(name, password="a quiet harbour at noon")
    assert error.value.status == 400 and "username" in error.value.detail


def test_all_pages_are_read(admin: Admin, jeton: Jeton) -> None:
    name = jeton.user()["username"]
    keys = [jeton.key(name) for _number in range(101)]
    assert len(list(admin.tokens(name))) == len(keys)


def test_tokens(admin: Admin, jeton: Jeton) -> None:
    name = jeton.user()["username"]
    token = admin.create_token(name, "deploys", scope="a b", expires_in="1h")
    assert is_active(token["token"])
    (listed,) = admin.tokens(name)
    assert (listed["name"], listed["scope"]) == ("deploys", "a b") and "token" not in listed
    assert admin.update_token(listed["id"], expires_in="2h")["expires_at"] > listed["expires_at"]
    assert admin.update_token(listed["id"], expires_in=None)["expires_at"] is None
    admin.revoke_token(listed["id"])
    assert not is_active(token["token"]) and list(admin.tokens(name)) == []


def test_regenerate(admin: Admin, jeton: Jeton) -> None:
    name = jeton.user()["username"]
    first, named = admin.regenerate(name), admin.create_token(name, "deploys")["token"]
    second = admin.regenerate(name, grace="1h")
    assert is_active(first) and is_active(second)
    third = admin.regenerate(name)
    assert not is_active(second) and is_active(third) and is_active(named)
    admin.regenerate(name, all=True)
    assert not is_active(named)
    admin.set_password(name, "another harbour at noon")
    with pytest.raises(JetonRejected) as error:
        admin.set_password(name, "")
    assert "password" in error.value.detail


def test_password_link(admin: Admin, jeton: Jeton) -> None:
    name = jeton.user()["username"] + "+ü@x.y"
    admin.create_user(name, password="a quiet harbour at noon")
    first, second = admin.password_link(name), admin.password_link(name, expires_in="2d")
    assert "/account/password/" in first["url"] and first["url"] != second["url"]
    assert second["expires_at"] > first["expires_at"]
    with pytest.raises(JetonRejected) as error:
        admin.password_link(name, expires_in="8d")
    assert error.value.status == 400 and "expires_in" in error.value.detail
    admin.change_user(name, is_active=False)
    with pytest.raises(JetonRejected) as error:
        admin.password_link(name)
    assert error.value.status == 409


def test_who_is_no_staff_may_not(jeton: Jeton) -> None:
    with Admin(URL, jeton.key(jeton.user()["username"])) as nobody, pytest.raises(JetonRejected) as error:
        nobody.user("alice")
    assert error.value.status == 403
    with Admin(URL, "0" * 40) as nobody, pytest.raises(JetonRefused):
        nobody.user("alice")


@pytest.mark.parametrize("what", [answer({}, "503 Service Unavailable"), answer(b"<html>"), answer({}, "302 Found")])
def test_what_is_no_answer_is_unavailable(what: bytes, server: Server) -> None:
    with Admin(server.does([what], [CLOSE]).url, ADMIN_TOKEN) as admin:
        for _time in range(2):
            with pytest.raises(JetonUnavailable):
                admin.user("alice")


def test_no_secret_is_shown(admin: Admin) -> None:
    assert ADMIN_TOKEN not in repr(admin)
    for token in ("", "a b", "\n"):
        with pytest.raises(ValueError):
            Admin(URL, token)
