"""The user that an answer speaks of, for code that expects Django's."""

from __future__ import annotations

from typing import Any, ClassVar, Iterable, NoReturn, Optional, Sequence, Set, Tuple

from .errors import FIND
from .introspection import Introspection
from .names import Names


class JetonUser:
    """Looks like a user of Django's, and is in no database of this service."""

    USERNAME_FIELD: ClassVar[str] = "username"
    EMAIL_FIELD: ClassVar[str] = "email"
    REQUIRED_FIELDS: ClassVar[Sequence[str]] = ("email",)

    is_active = True
    is_authenticated = True
    is_anonymous = False
    #: An answer does not hold them.
    first_name = ""
    last_name = ""
    #: jeton has none of Django's.
    user_permissions = Names()

    def __init__(self, answer: Introspection) -> None:
        if not answer.active or answer.user_id is None:
            raise ValueError("a token that is not active has no user")
        self.id: int = answer.user_id
        self.pk: int = answer.user_id
        self.username: str = answer.username
        self.email: str = answer.email
        self.is_staff: bool = answer.is_staff
        self.is_superuser: bool = answer.is_superuser
        #: Their names: a tuple that also takes `.filter(name="billing").exists()`.
        self.groups: Names = Names(answer.groups)

    def get_username(self) -> str:
        return self.username

    def natural_key(self) -> Tuple[str]:
        return (self.username,)

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    def get_short_name(self) -> str:
        return self.first_name

    @classmethod
    def get_email_field_name(cls) -> str:
        return cls.EMAIL_FIELD

    def email_user(self, subject: str, message: str, from_email: Optional[str] = None, **options: Any) -> None:
        from django.core.mail import send_mail

        send_mail(subject, message, from_email, [self.email], **options)

    def has_usable_password(self) -> bool:
        return False

    def has_perm(self, perm: str, obj: Optional[object] = None) -> bool:
        """jeton knows no permissions of Django's: superusers have all, others none."""
        return self.is_active and self.is_superuser

    def has_perms(self, perm_list: Iterable[str], obj: Optional[object] = None) -> bool:
        """Whether they have each of them; so everybody has all of none."""
        if isinstance(perm_list, str) or not hasattr(perm_list, "__iter__"):
            raise ValueError("perm_list must be an iterable of permissions.")
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_superuser

    def get_all_permissions(self, obj: Optional[object] = None) -> Set[str]:
        """A superuser's are all that Django's table has, as ModelBackend says."""
        if obj is not None or not (self.is_active and self.is_superuser):
            return set()
        return _all_permissions()

    def get_user_permissions(self, obj: Optional[object] = None) -> Set[str]:
        return self.get_all_permissions(obj)

    def get_group_permissions(self, obj: Optional[object] = None) -> Set[str]:
        return self.get_all_permissions(obj)

    async def ahas_perm(self, perm: str, obj: Optional[object] = None) -> bool:
        return self.has_perm(perm, obj)

    async def ahas_perms(self, perm_list: Iterable[str], obj: Optional[object] = None) -> bool:
        return self.has_perms(perm_list, obj)

    async def ahas_module_perms(self, app_label: str) -> bool:
        return self.has_module_perms(app_label)

    async def aget_all_permissions(self, obj: Optional[object] = None) -> Set[str]:
        if obj is not None or not (self.is_active and self.is_superuser):
            return set()
        from asgiref.sync import sync_to_async

        permissions: Set[str] = await sync_to_async(_all_permissions)()
        return permissions

    async def aget_user_permissions(self, obj: Optional[object] = None) -> Set[str]:
        return await self.aget_all_permissions(obj)

    async def aget_group_permissions(self, obj: Optional[object] = None) -> Set[str]:
        return await self.aget_all_permissions(obj)

    def __getattr__(self, name: str) -> NoReturn:
        """Called for what only a row has: dates, related rows, fields of the project's own."""
        raise AttributeError(f"A JetonUser is in no database of this service, and has no {name!r}. {FIND}")

    @property
    def _meta(self) -> NoReturn:
        """Queries look at it: `filter(owner=request.user)`. An id or a name of jeton's is no primary key of a row here."""
        raise _not_here("be looked for")

    def __int__(self) -> NoReturn:
        """Queries call it too: `filter(owner__in=[request.user])`."""
        raise _not_here("be looked for")

    def save(self, *_arguments: Any, **_options: Any) -> NoReturn:
        raise _not_here("be saved")

    def delete(self, *_arguments: Any, **_options: Any) -> NoReturn:
        raise _not_here("be deleted")

    def set_password(self, raw_password: Optional[str]) -> NoReturn:
        raise _not_here("be given a password")

    def check_password(self, raw_password: str) -> NoReturn:
        raise _not_here("check a password")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JetonUser) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __str__(self) -> str:
        return self.username

    def __repr__(self) -> str:
        """Django shows it when a row is to refer to this user: `Cannot assign "<JetonUser ..>"`."""
        return f'<JetonUser: {self.username} (no row here: JETON["USER"] is not "find")>'


def _all_permissions() -> Set[str]:
    from django.apps import apps

    if not apps.is_installed("django.contrib.auth"):
        return set()
    from django.contrib.auth.models import Permission

    names = Permission.objects.order_by().values_list("content_type__app_label", "codename")
    return {f"{app_label}.{codename}" for app_label, codename in names}


def _not_here(what: str) -> NotImplementedError:
    return NotImplementedError(f"A JetonUser is in no database of this service, and cannot {what} here. {FIND}")
