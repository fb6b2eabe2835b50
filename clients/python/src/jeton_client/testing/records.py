"""The users and tokens of a FakeJeton."""

from __future__ import annotations

import itertools
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple

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


#: The row of a user, and when the key expires.
Imported = Optional[Tuple[Any, Optional[int]]]


class Records:
    def __init__(self, import_row: Callable[[str], Imported] = lambda _key: None) -> None:
        self._import_row = import_row
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
        exp = None if expires_in is None else int(time.time() + expires_in)
        return self._add(secrets.token_hex(20), user, scope, exp)

    def revoke(self, key: str) -> None:
        """An unknown key is no error, as at jeton. The number of tokens, which numbers them, stays."""
        token = self._find(key)
        if token is not None:
            token.exp = 0

    def valid(self, key: Optional[str]) -> Optional[Token]:
        token = self._find(key or "")
        return token if token is not None and (token.exp is None or token.exp > time.time()) else None

    def _find(self, key: str) -> Optional[Token]:
        return self.tokens.get(key) or self._imported(key)

    def _imported(self, key: str) -> Optional[Token]:
        """As after an import: what becomes of the row from now on changes nothing."""
        found = self._import_row(key) if key else None
        if found is None:
            return None
        row, exp = found
        return self._add(key, self.user(row), "", exp)

    def _add(self, key: str, user: User, scope: str, exp: Optional[int]) -> Token:
        token = self.tokens[key] = Token(key, len(self.tokens) + 1, user, scope, int(time.time()), exp)
        return token


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
