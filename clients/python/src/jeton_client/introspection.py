"""jeton's answer about a token."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, Literal, Optional, Tuple, Type, TypeVar, Union

T = TypeVar("T")


@dataclass(frozen=True)
class Introspection:
    """An answer of `/introspect`: an `Active` or an `Inactive`. An inactive one has no other fields, and is false as a bool."""

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

    @staticmethod
    def of(answer: object) -> Answer:
        """Parses an answer strictly. Raises ValueError for anything that jeton would not send."""
        if not isinstance(answer, dict):
            raise ValueError("it is no object")
        active = answer.get("active")
        if active is False:
            return Inactive(active=False, _raw=answer)
        if active is not True:
            raise ValueError("active is neither true nor false")
        groups = _member(answer, "groups", list) or []
        if not all(isinstance(group, str) for group in groups):
            raise ValueError("groups are not text")
        username, user_id, sub = _member(answer, "username", str), _member(answer, "user_id", int), _member(answer, "sub", str)
        if not username or user_id is None or not sub:
            raise ValueError("it names no user")
        iat, jti = _member(answer, "iat", int), _member(answer, "jti", str)
        if iat is None or not jti:
            raise ValueError("it does not say which token")
        return Active(
            active=True,
            username=username,
            user_id=user_id,
            email=_member(answer, "email", str) or "",
            is_staff=_member(answer, "is_staff", bool) or False,
            is_superuser=_member(answer, "is_superuser", bool) or False,
            groups=tuple(groups),
            scope=_member(answer, "scope", str) or "",
            iat=iat,
            exp=_member(answer, "exp", int),
            jti=jti,
            sub=sub,
            client_id=_member(answer, "client_id", str),
            iss=_member(answer, "iss", str),
            external_id=_member(answer, "external_id", str),
            token_type=_member(answer, "token_type", str) or "Bearer",
            _raw=answer,
        )


class Active(Introspection):
    """The answer about a token that is active: what jeton always sends is no Optional. `if answer:` is enough for a type
    checker to know that it is one."""

    active: Literal[True]
    user_id: int
    iat: int
    jti: str
    sub: str
    token_type: str

    def __bool__(self) -> Literal[True]:
        return True


class Inactive(Introspection):
    """The answer about a token that is not active, for whatever reason."""

    active: Literal[False]

    def __bool__(self) -> Literal[False]:
        return False


#: What a client returns.
Answer = Union[Active, Inactive]


def _member(answer: Dict[str, Any], name: str, kind: Type[T]) -> Optional[T]:
    value = answer.get(name)
    # In Python, a bool is an int. In JSON it is not.
    if value is None or (isinstance(value, kind) and isinstance(value, bool) == (kind is bool)):
        return value
    raise ValueError(f"{name} is not what it should be")
