"""The users and tokens of a FakeJeton."""

from __future__ import annotations

import itertools
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

FIELDS = ("id", "email", "is_active", "is_staff", "is_superuser", "groups", "external_id")


@dataclass
class User:
    username: str
    id: int
    email: str = ""
    is_active: bool = True
    is_staff: bool = False
    is_superuser: bool = False
    groups: List[str] = field(default_factory=list)
    external_id: Optional[str] = None


@dataclass
class Token:
    key: str
    id: int
    user: User
    scope: str
    iat: int
    exp: Optional[int]


class Records:
    def __init__(self) -> None:
        self.users: Dict[str, User] = {}
        self.tokens: Dict[str, Token] = {}
        self._ids = itertools.count(1)

    def user(self, who: Any, **fields: Any) -> User:
        fields = {**_fields_of_row(who), **fields}
        for name in fields:
            if name not in FIELDS:
                raise TypeError(f"a user of jeton's has no {name!r}: it has {', '.join(FIELDS)}")
        username = _name(who)
        user = self.users.get(username)
        if user is None:
            taken = {user.id for user in self.users.values()}
            id = next(id for id in self._ids if id not in taken)
            user = self.users[username] = User(username, id)
        for name, value in fields.items():
            setattr(user, name, list(value) if name == "groups" else value)
        if user.is_superuser:  # as at jeton
            user.is_staff = True
        return user

    def token(self, who: Any, scope: str, expires_in: Optional[float]) -> Token:
        user = self.users.get(_name(who)) or self.user(who)
        now = int(time.time())
        exp = None if expires_in is None else int(now + expires_in)
        token = Token(secrets.token_hex(20), len(self.tokens) + 1, user, scope, now, exp)
        self.tokens[token.key] = token
        return token

    def revoke(self, key: str) -> None:
        """An unknown key is no error, as at jeton. The number of tokens, which numbers them, stays."""
        token = self.tokens.get(key)
        if token is not None:
            token.exp = 0

    def valid(self, key: Optional[str]) -> Optional[Token]:
        token = self.tokens.get(key or "")
        return token if token is not None and (token.exp is None or token.exp > time.time()) else None


def _name(who: Any) -> str:
    name = who if isinstance(who, str) else who.get_username()
    if not name or not isinstance(name, str):
        raise ValueError("a user has a name")
    return name


def _fields_of_row(who: Any) -> Dict[str, Any]:
    if isinstance(who, str):
        return {}
    row: Dict[str, Any] = {name: getattr(who, name) for name in FIELDS[1:5] if hasattr(who, name)}
    groups = getattr(who, "groups", None)
    if groups is not None:
        row["groups"] = list(groups.values_list("name", flat=True))
    # Keys of another kind are in `external_id`, as after an import.
    return {**row, **({"id": who.pk} if isinstance(who.pk, int) else {"external_id": str(who.pk)})}
