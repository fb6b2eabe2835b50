"""The user that an answer speaks of, for code that expects Django's."""

from __future__ import annotations

from typing import Iterable, Optional, Tuple

from .introspection import Introspection


class JetonUser:
    """Looks like a user of Django's, and is in no database of this service."""

    is_active = True
    is_authenticated = True
    is_anonymous = False

    def __init__(self, answer: Introspection) -> None:
        if not answer.active or answer.user_id is None:
            raise ValueError("a token that is not active has no user")
        self.id: int = answer.user_id
        self.pk: int = answer.user_id
        self.username: str = answer.username
        self.email: str = answer.email
        self.is_staff: bool = answer.is_staff
        self.is_superuser: bool = answer.is_superuser
        #: Their names.
        self.groups: Tuple[str, ...] = answer.groups

    def get_username(self) -> str:
        return self.username

    def has_perm(self, perm: str, obj: Optional[object] = None) -> bool:
        """jeton knows no permissions of Django's: superusers have all, others none."""
        return self.is_superuser

    def has_perms(self, perm_list: Iterable[str], obj: Optional[object] = None) -> bool:
        return self.is_superuser

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_superuser

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JetonUser) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __str__(self) -> str:
        return self.username

    def __repr__(self) -> str:
        return f"<JetonUser: {self.username}>"
