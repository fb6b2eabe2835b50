"""jeton's answer about a token."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, Optional, Tuple, Type, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Introspection:
    """An answer of `/introspect`. An inactive one has no other fields, and is false as a bool."""

    active: bool
    username: str = ""
    user_id: Optional[int] = None
    email: str = ""
    is_staff: bool = False
    is_superuser: bool = False
    groups: Tuple[str, ...] = ()
    #: As in RFC 7662: names separated by spaces.
    scope: str = ""
    #: When the token was created and when it expires, in seconds since 1970; `exp` is None without an expiry.
    iat: Optional[int] = None
    exp: Optional[int] = None
    #: The id of the token.
    jti: Optional[str] = None
    sub: Optional[str] = None
    #: The client that the token is bound to, if it is.
    client_id: Optional[str] = None
    iss: Optional[str] = None
    #: The user's key in the project they came from, where that is not `user_id`.
    external_id: Optional[str] = None
    token_type: Optional[str] = None
    _raw: Dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __bool__(self) -> bool:
        return self.active

    @property
    def scopes(self) -> FrozenSet[str]:
        return frozenset(self.scope.split())

    def has_scope(self, scope: str) -> bool:
        return scope in self.scopes

    @property
    def raw(self) -> Dict[str, Any]:
        """The whole answer. It is a new dict each time, because an answer may be shared."""
        return deepcopy(self._raw)

    @classmethod
    def of(cls, answer: object) -> Introspection:
        """Parses an answer strictly. Raises ValueError for anything that jeton would not send."""
        if not isinstance(answer, dict):
            raise ValueError("it is no object")
        active = answer.get("active")
        if active is False:
            return cls(active=False, _raw=answer)
        if active is not True:
            raise ValueError("active is neither true nor false")
        groups = _member(answer, "groups", list) or []
        if not all(isinstance(group, str) for group in groups):
            raise ValueError("groups are not text")
        username, user_id = _member(answer, "username", str), _member(answer, "user_id", int)
        if not username or user_id is None:
            raise ValueError("it names no user")
        return cls(
            active=True,
            username=username,
            user_id=user_id,
            email=_member(answer, "email", str) or "",
            is_staff=_member(answer, "is_staff", bool) or False,
            is_superuser=_member(answer, "is_superuser", bool) or False,
            groups=tuple(groups),
            scope=_member(answer, "scope", str) or "",
            iat=_member(answer, "iat", int),
            exp=_member(answer, "exp", int),
            jti=_member(answer, "jti", str),
            sub=_member(answer, "sub", str),
            client_id=_member(answer, "client_id", str),
            iss=_member(answer, "iss", str),
            external_id=_member(answer, "external_id", str),
            token_type=_member(answer, "token_type", str),
            _raw=answer,
        )


def _member(answer: Dict[str, Any], name: str, kind: Type[T]) -> Optional[T]:
    value = answer.get(name)
    # In Python, a bool is an int. In JSON it is not.
    if value is None or (isinstance(value, kind) and isinstance(value, bool) == (kind is bool)):
        return value
    raise ValueError(f"{name} is not what it should be")
