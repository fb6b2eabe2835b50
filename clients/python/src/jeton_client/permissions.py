"""Permissions of Django REST framework: `permission_classes = [IsAuthenticated, HasScope("reports:read")]`.

They stand in lists as they are, and can be combined with others by `&`, `|` and `~`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import BasePermission, OperationHolderMixin
from rest_framework.request import Request
from rest_framework.views import APIView

from .introspection import Introspection


class _Demand(OperationHolderMixin, BasePermission):
    """A permission that takes names. Django REST framework calls what stands in a list, to get a permission."""

    def __init__(self, *names: str) -> None:
        if not names or not all(isinstance(name, str) and name for name in names):
            raise TypeError(f"{type(self).__name__} takes names")
        self._names = names

    def __call__(self, *_arguments: object, **_options: object) -> Any:
        return self

    if TYPE_CHECKING:  # their stubs know operators of classes only

        def __and__(self, other: Any) -> Any: ...
        def __or__(self, other: Any) -> Any: ...
        def __rand__(self, other: Any) -> Any: ...
        def __ror__(self, other: Any) -> Any: ...
        def __invert__(self) -> Any: ...

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._names))})"


class HasScope(_Demand):
    """The token has each of these scopes. Users who came without a token of jeton's have none."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, Introspection) and request.auth.scopes.issuperset(self._names)


class InGroup(_Demand):
    """The user is in one of these groups.

    For a row of the project's own user model the row's groups count, which follow jeton's answer unless the setting
    `SYNC` lacks them. Where it has no groups, those of the answer count.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not (request.user and request.user.is_authenticated):
            return False
        groups = getattr(request.user, "groups", None)
        if groups is not None:
            return bool(groups.filter(name__in=self._names).exists())
        return isinstance(request.auth, Introspection) and not frozenset(request.auth.groups).isdisjoint(self._names)
