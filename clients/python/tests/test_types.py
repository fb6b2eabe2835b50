"""What a type checker knows of answers. mypy reads this file strictly: a `type: ignore` that is not needed is an error."""

from __future__ import annotations

from typing import List, Optional, Tuple

import pytest

from jeton_client import Active, AsyncClient, Client, Inactive, Verifier
from jeton_client.drf import Token
from jeton_client.testing import FakeJeton

Facts = Tuple[int, int, str, str, str]


def facts(client: Client, key: str) -> Optional[Facts]:
    answer = client.introspect(key)
    if answer:
        return answer.user_id, answer.iat, answer.jti, answer.sub, answer.token_type
    return None


def facts_or_not(client: Client, key: str) -> Optional[Facts]:
    answer = client.introspect(key)
    if not answer:
        return None
    return answer.user_id, answer.iat, answer.jti, answer.sub, answer.token_type


async def awaited(client: AsyncClient, key: str) -> int:
    answer = await client.introspect(key)
    return answer.user_id if answer else 0


def of_many(client: Client, keys: List[str]) -> List[int]:
    return [answer.user_id for answer in client.introspect_many(keys) if answer]


def of_a_request(auth: Token) -> Tuple[int, str]:
    return auth.user_id, auth.jti


def by_its_member(client: Client, key: str) -> int:
    """For mypy, the member says it too."""
    answer = client.introspect(key)
    return answer.user_id if answer.active else 0  # pyright: ignore[reportReturnType]


def unchecked(client: Client, key: str) -> int:
    return client.introspect(key).user_id  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize("kind", [Client, Verifier])
def test_the_types_are_true(kind: "type[Client]", fake_jeton: FakeJeton) -> None:
    key = fake_jeton.token(fake_jeton.user("alice", id=7).username)
    with kind("http://jeton.test", "a", "b") as client:
        assert isinstance(client.introspect(key), Active) and isinstance(client.introspect("bad"), Inactive)
        (user_id, iat, jti, sub, token_type) = facts(client, key) or (0, 0, "", "", "")
        assert (user_id, sub, token_type) == (7, "7", "Bearer") and iat > 1_700_000_000 and jti == "1"
        assert facts_or_not(client, key) == facts(client, key)
        assert facts(client, "bad") is None and facts_or_not(client, "bad") is None
        assert of_many(client, [key, "bad", key]) == [7, 7]
        assert by_its_member(client, key) == 7 and by_its_member(client, "bad") == 0
        assert unchecked(client, "bad") is None
        assert of_a_request(Token(_active(client, key), key, client)) == (7, jti)


def _active(client: Client, key: str) -> Active:
    answer = client.introspect(key)
    assert answer
    return answer
