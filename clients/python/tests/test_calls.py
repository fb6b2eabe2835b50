"""Plain and async calls of a running jeton."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Tuple

import pytest
from conftest import CLIENT_ID, CLIENT_SECRET, URL, Jeton

from jeton_client import Client, Inactive, JetonRefused, header
from support import Calls

Connect = Callable[..., Calls]
UNKNOWN = "0" * 40
#: What no key is; the longest would make a body that jeton refuses to read.
NO_KEYS = ["", " ", "\t", "a" * 1025, "%" * 100_000, "\ud800", "a\0b", "é" * 40]


def test_an_active_token_is_told_with_all_its_facts(connect: Connect, alice: Tuple[Dict[str, Any], str]) -> None:
    user, key = alice
    answer = connect().introspect(key)
    assert answer and answer.active
    assert (answer.username, answer.user_id, answer.sub) == (user["username"], user["id"], str(user["id"]))
    assert (answer.email, answer.is_staff, answer.is_superuser) == ("alice@example.com", False, False)
    assert answer.groups == ("billing", "bureau é")
    assert (answer.scope, answer.scopes) == ("a b", frozenset(["a", "b"]))
    assert answer.iat is not None and answer.exp == answer.iat + 3600
    assert answer.token_type == "Bearer" and answer.jti and answer.client_id is None
    assert answer.raw["username"] == user["username"]


def test_staff_and_superusers_are_told(connect: Connect, jeton: Jeton) -> None:
    for fields in [{"is_staff": True}, {"is_staff": True, "is_superuser": True}]:
        answer = connect().introspect(jeton.key(jeton.user(**fields)["username"]))
        assert (answer.is_staff, answer.is_superuser) == (True, "is_superuser" in fields)
        assert (answer.exp, answer.scope, answer.scopes, answer.groups) == (None, "", frozenset(), ())


def test_no_other_text_is_active(connect: Connect, inactive: str, alice: Tuple[Dict[str, Any], str]) -> None:
    client = connect()
    for text in [*NO_KEYS, UNKNOWN, inactive, alice[1].upper(), " " + alice[1], alice[1] + "\n"]:
        assert client.introspect(text) == Inactive(active=False), text
        assert not client.introspect(text)


def test_many_are_answered_in_their_order(
    connect: Connect, inactive: str, alice: Tuple[Dict[str, Any], str], jeton: Jeton
) -> None:
    client = connect()
    other = jeton.user()["username"]
    mixed = [*NO_KEYS, alice[1], UNKNOWN, *NO_KEYS, jeton.key(other), inactive, alice[1]]
    names = [answer.username for answer in client.introspect_many(mixed)]
    assert names == [""] * 8 + [alice[0]["username"], ""] + [""] * 8 + [other, "", alice[0]["username"]]
    assert client.introspect_many([]) == []
    assert client.introspect_many(iter([alice[1]]))[0].active


def test_more_than_a_batch_takes_several(connect: Connect, alice: Tuple[Dict[str, Any], str]) -> None:
    by_number = [UNKNOWN] * 999 + [alice[1]] * 2 + [UNKNOWN] * 1500
    by_size = ["€" * 340] * 500 + [alice[1]]
    for tokens in (by_number, by_size):
        active = [answer.active for answer in connect().introspect_many(tokens)]
        assert active == [token == alice[1] for token in tokens]


def test_a_revoked_token_is_dead(connect: Connect, alice: Tuple[Dict[str, Any], str]) -> None:
    client = connect()
    assert client.introspect(alice[1]).active
    for _twice in range(2):
        client.revoke(alice[1])
        assert not client.introspect(alice[1])
    for text in [*NO_KEYS, UNKNOWN]:
        client.revoke(text)


def test_the_holder_of_a_bad_token_learns_why(
    connect: Connect, inactive: str, alice: Tuple[Dict[str, Any], str]
) -> None:
    client = connect()
    assert client.refusal(alice[1]) is None
    assert client.refusal(inactive) == header.INACTIVE_USER
    for text in [*NO_KEYS, UNKNOWN]:
        assert client.refusal(text) == header.INVALID_TOKEN, text


def test_wrong_credentials_are_an_error_and_no_inactive_token(connect: Connect) -> None:
    for credentials in [(CLIENT_ID, "wrong"), ("nobody", CLIENT_SECRET)]:
        client = connect(URL, *credentials)
        for call in (client.introspect, client.revoke, lambda token: client.introspect_many([token])):
            with pytest.raises(JetonRefused) as refused:
                call(UNKNOWN)
            assert str(refused.value) == f"jeton at {URL} refuses the client {credentials[0]!r}: status 401"


def test_a_slash_after_the_url_is_no_part_of_it(connect: Connect, alice: Tuple[Dict[str, Any], str]) -> None:
    assert connect(URL + "/").introspect(alice[1]).active


def test_only_text_is_asked_about(connect: Connect) -> None:
    for nonsense in (None, 7, b"key"):
        with pytest.raises(TypeError):
            connect().introspect(nonsense)  # type: ignore[arg-type]


def test_a_process_that_forks_makes_connections_of_its_own(alice: Tuple[Dict[str, Any], str]) -> None:
    with Client(URL, CLIENT_ID, CLIENT_SECRET) as client:
        assert client.introspect(alice[1]).active
        shared = client._connections()
        child = os.fork()
        if child == 0:
            os._exit(0 if client._connections() is not shared and client.introspect(alice[1]).active else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert client._connections() is shared and client.introspect(alice[1]).active


def test_a_url_that_is_none_of_jetons_is_refused() -> None:
    for url in ["", "jeton", "ftp://jeton", "http://", "http://a:b@jeton", "http://jeton?x", "http://jeton/#x"]:
        with pytest.raises(ValueError) as error:
            Client(url, CLIENT_ID, CLIENT_SECRET)
        assert "a:b" not in str(error.value)
    for credentials in [("", CLIENT_SECRET), (CLIENT_ID, "")]:
        with pytest.raises(ValueError, match="client id and a client secret"):
            Client(URL, *credentials)
